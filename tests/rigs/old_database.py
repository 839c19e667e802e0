"""A database as the first release left it: schema 0001, with rows in every table. And all rows of any database."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from aetherlink.store import dump, schema

AT = 1_767_268_800_000_000  # 2026-01-01 12:00 UTC
PLAN = {"verb": "restart", "target": "crm-api", "playbook": "restart-crm-api", "episode": "lab/f-0"}
DECISION = {"effect": "allow", "rule": "all_rules", "reason": "no rule has anything against it"}


def build(path: Path, *, alerts: int = 200) -> None:
    """The file, with so many alerts; every tenth has an incident with a timeline of three entries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}")
    rows = {
        "alerts": [_alert(number) for number in range(alerts)],
        "incidents": [_incident(number) for number in range(0, alerts, 10)],
        "timeline": [_entry(number, sequence) for number in range(0, alerts, 10) for sequence in (1, 2, 3)],
        "actions": [_action(number) for number in range(0, alerts, 10)],
        "tokens": [("tok-1", "grafana", "d" * 64, json.dumps(["read"]), AT, None)],
        "quarantine": [(1, "lab", AT, "it is not JSON", b"\x00\xff\n{")],
    }
    with engine.begin() as connection:
        schema.migrate(connection, "0001")
        for shape in dump.shapes(connection, rows):
            dump.insert(connection, shape, rows[shape.name])
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode=WAL")


def everything(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, as SQLite holds it."""
    with closing(sqlite3.connect(path)) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: sorted(raw.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}  # noqa: S608 - names of tables


def revision(path: Path) -> str:
    """The schema that the file is at."""
    with closing(sqlite3.connect(path)) as raw:
        [found] = raw.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(found)


def _alert(number: int) -> tuple[object, ...]:
    labels = {"alertname": "CrmApiDown", "service": "crm", "instance": f"crm-{number}", "zoë": '\u00fcmlaut "quoted"'}
    incident = f"inc-{number - number % 10:04d}"
    status = ("firing", "resolved")[number % 2]
    ends = AT + number if status == "resolved" else None
    return (number + 1, "lab", f"f-{number}", status, AT - 60_000_000, ends, json.dumps(labels), "{}", incident, AT)


def _incident(number: int) -> tuple[object, ...]:
    is_open = number % 20 == 0
    status, stage = ("open", "watch") if is_open else ("resolved", "done")
    plan = json.dumps(PLAN)
    texts = (f"inc-{number:04d}", f"lab||crm-{number}", "alert", "lab", "CrmApiDown", "acme", "crm", "critical")
    state = (True, status, stage, 1, json.dumps({"alertname": "CrmApiDown"}), plan, json.dumps([f"lab/f-{number}"]))
    return (*texts, *state, f"act-{number:04d}", None, AT, False, AT, AT, None if is_open else AT, AT, 3)


def _entry(incident: int, sequence: int) -> tuple[object, ...]:
    return (f"inc-{incident:04d}", sequence, "alerts", AT + sequence, f"line {sequence}", json.dumps({"n": sequence}))


def _action(number: int) -> tuple[object, ...]:
    plan, decision, outcome = json.dumps(PLAN), json.dumps(DECISION), json.dumps({"status": "done", "reason": ""})
    who = (f"act-{number:04d}", f"inc-{number:04d}", "crm-api", plan, "it was down", "playbook:restart-crm-api", None)
    return (*who, decision, "finished", AT, AT, AT, outcome, "{}")
