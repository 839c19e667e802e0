"""Whether the database can be read, is of this version, and when it was last backed up."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from aetherlink import outside
from aetherlink.doctor.findings import Finding, fault, not_set_up, ok, warning
from aetherlink.doctor.looking import Ground, Look, aside
from aetherlink.doctor.words import span
from aetherlink.errors import AetherError
from aetherlink.settings import Settings
from aetherlink.store import backup, glance

_OLD = timedelta(days=8)  # one a week, and a day


def looks(ground: Ground) -> Iterator[Look]:
    """The database, and the folder of backups."""
    settings = ground.settings
    where = "PostgreSQL" if settings.database_url else str(settings.data_dir / outside.DATABASE_FILE)
    yield Look(where, partial(_look, ground))
    folder = settings.data_dir / backup.FOLDER
    yield Look(str(folder), lambda: aside(lambda: [_backups(ground)]))


async def _look(ground: Ground) -> Sequence[Finding]:
    if await aside(partial(_is_there, ground.settings)):
        return await aside(partial(_read, ground.settings))
    if await ground.agent.is_agent():
        text = "there is no database here, and an agent answers: it has another data_dir, or runs elsewhere"
        fix = "give --config the file of the agent that runs: what is said of data, database and secrets is not of it"
        return [warning(text, fix)]
    return [not_set_up("there is no database yet", "the agent makes it when it starts")]


def _is_there(settings: Settings) -> bool:
    return settings.database_url is not None or (settings.data_dir / outside.DATABASE_FILE).exists()


def _read(settings: Settings) -> Sequence[Finding]:
    place = outside.place(settings)
    try:
        current, newest = glance.schema_at(place)
    except AetherError as problem:
        fix = "run this as the agent's user, and see to what it says; `aether restore` puts a backup in its place"
        return [fault(str(problem), fix)]
    finally:
        place.release()
    if current is None:
        return [not_set_up(f"{place.name} is empty", "the agent makes its tables when it starts")]
    if current != newest:
        text = f"{place.name} is at schema {current}, and this version works with {newest}"
        return [warning(text, "start the agent anew: it backs the data up and migrates it")]
    return [ok(f"{place.name} can be read, schema {current}")]


def _backups(ground: Ground) -> Finding:
    """Only those that lie in the folder where the agent puts its own are known of."""
    folder = ground.settings.data_dir / backup.FOLDER
    try:
        times = [datetime.fromtimestamp(one.stat().st_mtime, UTC) for one in folder.glob("*.zip")]
    except OSError as problem:
        return fault(f"it cannot be looked at: {problem.strerror}", "run this as the agent's user")
    if not times:
        return not_set_up("no backup lies here; one elsewhere is not known of", "`aether backup FILE`, every night")
    age = ground.clock.now() - max(times)
    if age > _OLD:
        return warning(f"the newest backup that lies here is {span(age)} old", "`aether backup FILE`, every night")
    return ok(f"the newest backup that lies here is {span(age)} old; keep copies on another disk")
