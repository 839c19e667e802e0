"""Checks that ask nobody: files and their rights, the disk, the settings, the database."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aetherlink import outside
from aetherlink.doctor.checks import data_dir, database, playbooks, secrets, settings
from aetherlink.doctor.findings import Status
from aetherlink.settings import Settings
from aetherlink.store import schema
from aetherlink.store.sqlite import SqlitePlace, writing_engine
from aetherlink.testing import ManualClock
from rigs.doctor import ScriptedAgent, down, findings, ground, statuses, worst

PLAYBOOKS = "/api/v1/playbooks"
MOUNT = "36 35 {device} / {point} rw - {kind} source rw\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


class TestDataDir:
    async def test_a_private_folder_on_a_local_disk_with_room_is_well(self, data: Path) -> None:
        found = await findings(data_dir, ground(data_dir=data))

        assert {one.status for one in found} <= {Status.OK, Status.WARNING}  # a test may run in memory
        assert [one.status for one in found[1:]] == [Status.OK, Status.OK]

    async def test_a_folder_that_is_not_there_is_not_set_up(self, tmp_path: Path) -> None:
        assert await statuses(data_dir, ground(data_dir=tmp_path / "none")) == [Status.NOT_SET_UP]

    @pytest.mark.parametrize(("mode", "status"), [(0o750, Status.WARNING), (0o777, Status.FAULT), (0o700, Status.OK)])
    async def test_others_must_not_look_into_it(self, data: Path, mode: int, status: Status) -> None:
        os.chmod(data, mode)  # noqa: PTH101 - at once, in a test

        [*_, rights] = await findings(data_dir, ground(data_dir=data))
        assert rights.status is status
        assert status is Status.OK or rights.fix == f"chmod 0700 {data}"

    @pytest.mark.parametrize(("low", "status"), [(2, Status.FAULT), (0.75, Status.WARNING), (0.25, Status.OK)])
    async def test_room_is_measured_by_the_setting(self, data: Path, low: float, status: Status) -> None:
        free = os.statvfs(data).f_bavail * os.statvfs(data).f_frsize
        on = ground(data_dir=data, retention={"low_disk_bytes": int(free * low)})

        [*_, room, _] = await findings(data_dir, on)
        assert room.status is status
        assert "MiB are free" in room.text

    @pytest.mark.parametrize(
        ("kind", "status"), [("nfs4", Status.FAULT), ("overlay", Status.WARNING), ("ext4", Status.OK)]
    )
    def test_the_file_system_has_to_carry_the_database(
        self, data: Path, tmp_path: Path, kind: str, status: Status
    ) -> None:
        number = data.stat().st_dev
        mounts = tmp_path / "mountinfo"
        mounts.write_text(
            MOUNT.format(device=f"{os.major(number)}:{os.minor(number)}", point=data.resolve(), kind=kind)
        )

        [found] = data_dir._file_system(Settings(data_dir=data), mounts=mounts)
        assert found.status is status
        assert kind in found.text

    async def test_with_postgresql_any_file_system_will_do(self, data: Path) -> None:
        on = ground(data_dir=data, database_url="postgresql://aether@db.example.org/aether")

        assert len(await findings(data_dir, on)) == 2


class TestSecrets:
    async def test_what_the_agent_makes_itself_may_be_missing_before_its_start(self, data: Path) -> None:
        assert await statuses(secrets, ground(data_dir=data)) == [Status.NOT_SET_UP, Status.NOT_SET_UP]

    async def test_what_a_person_has_to_put_there_may_not(self, data: Path) -> None:
        source = {"name": "lab", "prometheus": "http://p:9090", "bearer_token_file": str(data / "token")}

        [*_, found] = await findings(secrets, ground(data_dir=data, sources=[source]))
        assert (found.status, found.text) == (Status.FAULT, "the token of source lab: there is no such file")

    @pytest.mark.parametrize(
        ("name", "mode", "status"),
        [
            ("operator.token", 0o600, Status.OK),
            ("operator.token", 0o640, Status.FAULT),
            ("audit.key", 0o604, Status.FAULT),
            ("webhook.token", 0o640, Status.OK),
            ("webhook.token", 0o644, Status.FAULT),
        ],
    )
    async def test_nobody_else_may_read_them(self, data: Path, name: str, mode: int, status: Status) -> None:
        file = data / name
        file.write_text("hunter2")
        file.chmod(mode)

        found = await findings(secrets, ground(data_dir=data, auth={"webhook_token_file": str(data / "webhook.token")}))
        told = [one for one in found if one.status is not Status.NOT_SET_UP]
        assert [one.status for one in told] == [status]
        assert "hunter2" not in str(found)
        assert status is Status.OK or told[0].fix.startswith("chmod 06")

    async def test_settings_with_secrets_are_one_of_them(self, data: Path) -> None:
        file = data / "aether.yaml"
        file.write_text("x")
        file.chmod(0o644)
        plain = ground(data_dir=data, file=file)
        url = "postgresql://aether:hunter2@db.example.org/aether"
        with_password = ground(data_dir=data, file=file, database_url=url)

        assert Status.FAULT not in await statuses(secrets, plain)
        found = worst(await findings(secrets, with_password))
        assert (found.status, found.fix) == (Status.FAULT, f"chmod 0640 {file}")
        assert "hunter2" not in str(found)

    async def test_every_file_that_the_settings_name_is_looked_at(self, data: Path) -> None:
        def file(name: str) -> str:
            return str(data / name)

        login = {"username": "aether", "password_file": file("login")}
        source = {
            "name": "lab",
            "prometheus": "https://p:9090",
            "basic_auth": login,
            "proxy": "http://proxy:3128",
            "proxy_basic_auth": {**login, "password_file": file("proxy")},
            "tls": {"cert_file": file("cert"), "key_file": file("key")},
        }
        request = {"method": "POST", "url": "https://shop/purge", "bearer_token_file": file("purge")}
        target = {
            "executor": "http",
            "service": "shop",
            "http": {
                "observe": {"url": "https://shop/health"},
                "requests": {"purge": request},
                "tls": {"cert_file": file("own-cert"), "key_file": file("own-key")},
            },
        }
        on = ground(
            data_dir=data,
            sources=[source],
            targets={"shop": target},
            database_url="postgresql://aether@db.example.org/aether",
            database_password_file=file("database"),
            auth={"webhook_token_file": file("webhook")},
        )

        looked_at = {Path(look.subject).name for look in secrets.looks(on)}
        named = {"login", "proxy", "key", "purge", "own-key", "database", "webhook"}
        assert looked_at == named | {"operator.token", "audit.key"}

    async def test_a_folder_in_the_place_of_a_file_is_a_fault(self, data: Path) -> None:
        (data / "operator.token").mkdir()

        assert Status.FAULT in await statuses(secrets, ground(data_dir=data))


class TestSettings:
    async def test_what_fits_together_is_well(self, data: Path) -> None:
        target = {"executor": "dry_run", "service": "crm"}

        [found] = await findings(settings, ground(data_dir=data, targets={"crm": target}))
        assert (found.status, "mode observe" in found.text) == (Status.OK, True)

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"listen": "0.0.0.0:8088"}, "auth.mode"),
            ({"targets": {"crm": {"executor": "docker", "container": "crm"}}}, "docker.host"),
        ],
    )
    async def test_what_keeps_the_agent_from_starting_is_a_fault(self, given: dict[str, object], says: str) -> None:
        [found] = await findings(settings, ground(**given))

        assert found.status is Status.FAULT
        assert says in found.text

    async def test_what_is_for_trying_out_is_a_warning(self) -> None:
        source = {"name": "a", "prometheus": "https://p:9090", "tls": {"insecure_skip_verify": True}}
        target = {"executor": "dry_run", "service": "crm", "break_glass": True}

        found = await findings(settings, ground(sources=[source], targets={"crm": target}))
        assert [one.status for one in found] == [Status.OK, *[Status.WARNING] * 3]
        assert [word in one.text for one, word in zip(found[1:], ("whatever", "Alertmanagers", "crm"), strict=True)]


class TestDatabase:
    @pytest.fixture
    def made(self, data: Path) -> Path:
        """A database of this version."""
        place = SqlitePlace(data / outside.DATABASE_FILE)
        place.take()
        schema.upgrade(place.writing)
        place.release()
        return data

    async def test_one_of_this_version_is_well(self, made: Path) -> None:
        assert await statuses(database, ground(data_dir=made)) == [Status.OK, Status.NOT_SET_UP]

    async def test_none_is_not_set_up(self, data: Path) -> None:
        assert await statuses(database, ground(down(), data_dir=data)) == [Status.NOT_SET_UP, Status.NOT_SET_UP]

    async def test_none_beside_an_agent_that_answers_is_that_of_another_place(self, data: Path) -> None:
        stranger = ScriptedAgent(health={"hello": "world"})

        found = worst(await findings(database, ground(data_dir=data)))
        assert (found.status, "another data_dir" in found.text) == (Status.WARNING, True)
        assert await statuses(database, ground(stranger, data_dir=data)) == [Status.NOT_SET_UP, Status.NOT_SET_UP]

    async def test_what_is_no_database_is_a_fault(self, data: Path) -> None:
        (data / outside.DATABASE_FILE).write_bytes(b"no database " * 1000)

        found = worst(await findings(database, ground(data_dir=data)))
        assert found.status is Status.FAULT
        assert "cannot be read" in found.text

    @pytest.mark.parametrize(("revision", "status"), [("0002", Status.WARNING), ("9999", Status.FAULT)])
    async def test_one_of_another_version_is_told_of(self, made: Path, revision: str, status: Status) -> None:
        engine = writing_engine(made / outside.DATABASE_FILE, busy_milliseconds=1000)
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = ?", (revision,))
        engine.dispose()

        found = worst(await findings(database, ground(data_dir=made)))
        assert found.status is status
        assert revision in found.text

    @pytest.mark.parametrize(("days", "status"), [(1, Status.OK), (9, Status.WARNING)])
    async def test_backups_grow_old(self, made: Path, days: int, status: Status) -> None:
        now = datetime(2026, 3, 1, tzinfo=UTC)
        (made / "backups").mkdir()
        for age in (days, days + 30):
            file = made / f"backups/{age}.zip"
            file.write_bytes(b"")
            then = (now - timedelta(days=age)).timestamp()
            os.utime(file, (then, then))

        class March(ManualClock):
            def now(self) -> datetime:
                return now

        [_, found] = await findings(database, ground(data_dir=made, clock=March()))
        assert found.status is status

    async def test_a_postgresql_that_is_away_is_a_fault_without_its_password(self, data: Path) -> None:
        url = "postgresql://aether:hunter2@127.0.0.1:1/aether"

        found = worst(await findings(database, ground(data_dir=data, database_url=url)))
        assert found.status is Status.FAULT
        assert "hunter2" not in str(found)


BOOK = """\
name: restart-mine
match: {alertname: MineDown}
target: mine
bind: [job]
when: 'up == 0'
action: {restart: {}}
verify: {query: 'up == 1', for: 3s, within: 60s}
mode: auto
"""


class TestPlaybooks:
    @pytest.fixture
    def books(self, tmp_path: Path) -> Path:
        folder = tmp_path / "playbooks"
        folder.mkdir()
        (folder / "restart-mine.yaml").write_text(BOOK)
        return folder

    async def test_those_built_in_are_sound_and_observe(self) -> None:
        found = await findings(playbooks, ground(down()))

        assert [one.status for one in found] == [Status.OK, Status.NOT_SET_UP]
        assert "by the files: 9 observe, 0 approve, 0 auto" in found[0].text
        assert "by the files" in found[1].text

    async def test_what_was_promoted_is_told_as_the_agent_has_it(self, books: Path) -> None:
        acts = ScriptedAgent({PLAYBOOKS: {"items": [{"name": "restart-mine", "mode": "approve"}]}})
        (books / "restart-mine.yaml").write_text(BOOK.replace("mode: auto", "mode: observe"))
        target = {"mine": {"executor": "dry_run", "service": "mine"}}

        found = await findings(playbooks, ground(acts, playbooks_dir=books, mode="auto", targets=target))
        lost = await findings(playbooks, ground(acts, playbooks_dir=books, mode="auto"))
        assert [one.status for one in found] == [Status.OK]
        assert "by mode: 9 observe, 1 approve, 0 auto" in found[0].text
        assert "restart-mine is approve, and can do nothing" in worst(lost).text

    async def test_one_that_the_agent_does_not_have_yet_is_told_by_its_file(self, books: Path) -> None:
        target = {"mine": {"executor": "dry_run", "service": "mine"}}
        on = ground(ScriptedAgent({PLAYBOOKS: {"items": []}}), playbooks_dir=books, mode="auto", targets=target)

        [found] = await findings(playbooks, on)
        assert "1 auto" in found.text

    async def test_one_that_was_set_back_is_a_warning(self, books: Path) -> None:
        ended = {"mode": "auto", "ended_because": "the last 2 repairs in a row did not help"}
        item = {"name": "restart-mine", "mode": "observe", "promotion": ended, "promotion_state": "set_back"}
        target = {"mine": {"executor": "dry_run", "service": "mine"}}
        on = ground(ScriptedAgent({PLAYBOOKS: {"items": [item]}}), playbooks_dir=books, targets=target)

        found = worst(await findings(playbooks, on))
        assert found.status is Status.WARNING
        assert found.text == (
            "the agent set playbook restart-mine back from auto: the last 2 repairs in a row did not help"
        )

    async def test_what_a_person_let_act_needs_its_target(self, books: Path) -> None:
        lost = await findings(playbooks, ground(playbooks_dir=books, mode="auto"))
        target = {"mine": {"executor": "dry_run", "service": "mine"}}
        found = await findings(playbooks, ground(playbooks_dir=books, mode="auto", targets=target))

        assert [one.status for one in lost] == [Status.OK, Status.WARNING]
        assert "there is no target mine" in lost[1].text
        assert [one.status for one in found] == [Status.OK]
        assert "1 auto" in found[0].text

    async def test_a_target_that_the_agent_lives_on_is_told_of(self, books: Path) -> None:
        target = {"mine": {"executor": "dry_run", "service": "prometheus"}}

        found = worst(await findings(playbooks, ground(playbooks_dir=books, mode="auto", targets=target)))
        assert (found.status, "always refused" in found.text) == (Status.WARNING, True)

    async def test_each_line_that_is_wrong_is_a_fault(self, books: Path) -> None:
        (books / "restart-mine.yaml").write_text(BOOK.replace("mode: auto", "mode: fast"))

        found = await findings(playbooks, ground(playbooks_dir=books))
        assert {one.status for one in found} == {Status.FAULT}
        assert "restart-mine.yaml:8" in found[0].text

    async def test_what_the_agent_refuses_is_a_fault(self) -> None:
        refusing = ScriptedAgent(metrics="aether_agent_playbooks_refused 1.0\n")
        content = ScriptedAgent(metrics="aether_agent_playbooks_refused 0.0\n")

        assert worst(await findings(playbooks, ground(refusing))).status is Status.FAULT
        assert Status.FAULT not in await statuses(playbooks, ground(content))
