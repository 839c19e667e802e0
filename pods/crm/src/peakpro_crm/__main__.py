"""The command line: `python -m peakpro_crm serve | migrate | traffic`.

Reads settings, calls one part, and turns our errors into exit codes: 1 a check failed, 2 settings, 3 not reachable.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Mapping

from peakpro_crm import logs
from peakpro_crm.errors import CrmError, DatabaseAwayError, SettingsError
from peakpro_crm.settings import CrmSettings, TrafficSettings, load

_LOG = logging.getLogger("peakpro_crm")


def main() -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(prog="peakpro_crm", description="PeakPro CRM. Settings are CRM_* variables.")
    parser.add_argument("command", choices=list(COMMANDS), help="what to run")
    chosen = COMMANDS[parser.parse_args().command]
    logs.configure("info")
    try:
        chosen()
    except SettingsError as error:
        _LOG.error("settings: %s", error)
        return 2
    except DatabaseAwayError as error:
        _LOG.error("%s", error)
        return 3
    except CrmError as error:
        _LOG.error("%s", error)
        return 1
    return 0


def serve() -> None:
    """Serve the CRM, after migrating when CRM_MIGRATE_ON_START is true."""
    settings = load(CrmSettings)
    logs.configure(settings.log_level)
    from peakpro_crm import server  # noqa: PLC0415 - a command imports what it runs: quick starts

    if settings.migrate_on_start and not server.is_schema_right(settings):
        _migrate(settings)
    server.serve(settings)


def migrate() -> None:
    """Bring the database to the newest schema."""
    settings = load(CrmSettings)
    logs.configure(settings.log_level)
    _migrate(settings)


def traffic() -> None:
    """Send traffic to a CRM."""
    from peakpro_crm.traffic.run import run  # noqa: PLC0415 - a command imports what it runs: quick starts

    run(load(TrafficSettings), sys.stdout)


def _migrate(settings: CrmSettings) -> None:
    from peakpro_crm.migrate import migrate as run  # noqa: PLC0415 - Alembic is slow to import

    run(settings.database_url.get_secret_value(), wait_seconds=settings.database_wait_seconds)


COMMANDS: Mapping[str, Callable[[], None]] = {"serve": serve, "migrate": migrate, "traffic": traffic}

if __name__ == "__main__":
    sys.exit(main())
