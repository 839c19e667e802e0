"""THE list of tools, as data: what each takes, the scope that it needs, and the request of /api/v1 that it makes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aetherlink.model.principals import Scope

_ID = "[0-9a-hjkmnp-tv-z]{16}"
_LONGEST_QUERY = 4000  # characters; all bounds are the API's own, or narrower
_LONGEST_TEXT = 1000
_LONGEST_ID = 100
_LONGEST_WORD = 60  # an instant, or a duration


class Place(StrEnum):
    """Where of a request an argument goes."""

    PATH = "path"
    QUERY = "query"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument. `pattern` has to match the whole of a text; what goes into a path always has one.

    `least` and `most` bound a number, or how many characters a text has.
    """

    name: str
    description: str
    kind: type = str
    place: Place = Place.QUERY
    pattern: str | None = None
    is_needed: bool = False
    least: int = 0
    most: int = _LONGEST_TEXT

    @property
    def schema(self) -> dict[str, object]:
        """Its JSON schema."""
        if self.kind is int:
            return {"type": "integer", "minimum": self.least, "maximum": self.most, "description": self.description}
        pattern = {"pattern": f"^(?:{self.pattern})$"} if self.pattern else {}
        bounds = {"minLength": self.least, "maxLength": self.most}
        return {"type": "string", "description": self.description, **bounds, **pattern}

    def problem(self, value: object) -> str | None:
        """What is wrong with the value, None: nothing."""
        if type(value) is not self.kind:
            return f"{self.name} has to be {'a whole number' if self.kind is int else 'a text'}"
        if isinstance(value, int):
            return None if self.least <= value <= self.most else f"{self.name} has to be {self.least} to {self.most}"
        text = str(value)
        if not self.least <= len(text) <= self.most:
            return f"{self.name} has to have {self.least} to {self.most} characters"
        if self.pattern and not re.fullmatch(self.pattern, text):
            return f"{self.name} does not look like one"
        return None


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `path` names the arguments that go into it in braces."""

    name: str
    description: str
    path: str
    arguments: Sequence[Argument] = ()
    scope: Scope = Scope.READ
    method: str = "GET"

    @property
    def schema(self) -> dict[str, object]:
        """The JSON schema of its arguments."""
        return {
            "type": "object",
            "properties": {each.name: each.schema for each in self.arguments},
            "required": [each.name for each in self.arguments if each.is_needed],
            "additionalProperties": False,
        }

    def problems(self, given: Mapping[str, object]) -> Sequence[str]:
        """What is wrong with the arguments, in words; none: nothing."""
        known = {each.name: each for each in self.arguments}
        missing = [f"{name} is missing" for name, each in known.items() if each.is_needed and name not in given]
        strange = [f"{self.name} knows no such argument" for name in given if name not in known]
        wrong = [known[name].problem(value) for name, value in given.items() if name in known]
        return [*missing, *strange, *(problem for problem in wrong if problem)]


_PAGE = (
    Argument("limit", "How many at most, 1 to 500.", int, least=1, most=500),
    Argument("cursor", "The next_cursor of the page before.", pattern="[a-z0-9-]{1,100}", least=1, most=100),
)
_INCIDENT = Argument(
    "incident_id", "Such as inc-06f3qk2c8d1v7m4t.", str, Place.PATH, f"inc-{_ID}", is_needed=True, most=_LONGEST_ID
)
_ACTION = Argument(
    "action_id", "Such as act-06f3qk2c8d1v7m4t.", str, Place.PATH, f"act-{_ID}", is_needed=True, most=_LONGEST_ID
)
_TENANT = Argument("tenant", "Of this tenant only.")
_SOURCE = Argument("source", "Of this Prometheus only, by its name.")
_OF_INCIDENT = Argument("incident_id", "Of this incident only.", pattern=f"inc-{_ID}", most=_LONGEST_ID)
_QUERY = Argument("query", "PromQL.", is_needed=True, least=1, most=_LONGEST_QUERY)

READ_INCIDENT = Tool(
    "get_incident", "One incident with its alerts and its action.", "/api/v1/incidents/{incident_id}", (_INCIDENT,)
)
LIST_INCIDENTS = Tool(
    "list_incidents",
    "Incidents, newest first.",
    "/api/v1/incidents",
    (Argument("status", "open or resolved.", pattern="open|resolved"), _SOURCE, _TENANT, *_PAGE),
)

TOOLS: Sequence[Tool] = (
    Tool("health", "The health scores as last read, of all tenants together and of each.", "/api/v1/health"),
    Tool(
        "health_history",
        "Health scores as they were, newest first.",
        "/api/v1/health/history",
        (
            _SOURCE,
            _TENANT,
            Argument("since", "Not before this instant, in ISO 8601 with its offset.", most=_LONGEST_WORD),
            *_PAGE,
        ),
    ),
    LIST_INCIDENTS,
    READ_INCIDENT,
    Tool(
        "get_timeline",
        "What happened in an incident, in order.",
        "/api/v1/incidents/{incident_id}/timeline",
        (_INCIDENT, *_PAGE),
    ),
    Tool(
        "list_alerts",
        "Alerts, newest first.",
        "/api/v1/alerts",
        (
            Argument("status", "firing or resolved.", pattern="firing|resolved"),
            Argument("alertname", "With this name."),
            _SOURCE,
            _TENANT,
            _OF_INCIDENT,
            *_PAGE,
        ),
    ),
    Tool(
        "query_prometheus",
        "PromQL of one instant, through the agent's guarded proxy.",
        "/api/v1/query",
        (_QUERY, Argument("time", "Seconds since 1970, or ISO 8601; absent: now.", most=_LONGEST_WORD), _SOURCE),
    ),
    Tool(
        "query_prometheus_range",
        "PromQL over a range, through the agent's guarded proxy.",
        "/api/v1/query_range",
        (
            _QUERY,
            Argument("start", "Seconds since 1970, or ISO 8601.", is_needed=True, most=_LONGEST_WORD),
            Argument("end", "Seconds since 1970, or ISO 8601.", is_needed=True, most=_LONGEST_WORD),
            Argument("step", "Such as 30s or 5m.", is_needed=True, most=_LONGEST_WORD),
            _SOURCE,
        ),
    ),
    Tool("list_playbooks", "The playbooks: what they heal, and how far each may go alone.", "/api/v1/playbooks"),
    Tool(
        "list_actions",
        "Actions, newest first: how each was decided, and what came of it.",
        "/api/v1/actions",
        (_OF_INCIDENT, Argument("target", "On this target only."), *_PAGE),
    ),
    Tool("get_action", "One action.", "/api/v1/actions/{action_id}", (_ACTION,)),
    Tool("get_ledger", "What became of every alert that was ever received.", "/api/v1/ledger"),
    Tool("get_pauses", "Whether the agent is paused, and why.", "/api/v1/pause"),
    Tool("get_policy", "The policy's rules, in the order in which they are asked.", "/api/v1/policy"),
    Tool(
        "propose_action",
        "Ask a person to approve an action. Nothing happens before a person approves it.",
        "/api/v1/proposals",
        (
            Argument("action", "restart, scale or rollback.", str, Place.BODY, is_needed=True, least=1, most=100),
            Argument("reason", "Why, for the person who decides.", str, Place.BODY, is_needed=True, least=1),
            Argument("service", "A target's service or name.", str, Place.BODY, least=1, most=200),
            Argument("replicas", "For scale: how many.", int, Place.BODY, most=10_000),
            Argument(
                "incident_id", "The incident that it is for.", str, Place.BODY, f"inc-{_ID}", least=1, most=_LONGEST_ID
            ),
        ),
        Scope.PROPOSE,
        "POST",
    ),
)
