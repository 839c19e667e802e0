"""A playbook that is proposed: what it is to say, its text in YAML, and whether the agent would take it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import yaml
from pydantic import ValidationError

from aetherlink.errors import BadRequestError
from aetherlink.playbooks.schema import PlaybookForm

_LONGEST_LINE = 116


@dataclass(frozen=True, slots=True)
class Draft:
    """One playbook, in mode observe. `target` is None where the alert's labels name it; times are as people write them.

    `match` holds matchers, as a playbook has them.
    """

    name: str
    why: str
    match: Mapping[str, str]
    target: str | None
    bind: tuple[str, ...]
    when: str
    verb: str
    verify: str
    verify_for: str
    verify_within: str
    cooldown: str
    per_hour: int

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.yaml"

    @property
    def data(self) -> dict[str, object]:
        """What the file says."""
        return {
            "name": self.name,
            "match": dict(self.match),
            "target": {"from": "labels"} if self.target is None else self.target,
            "bind": list(self.bind),
            "when": self.when,
            "action": {self.verb: {}},
            "verify": {"query": self.verify, "for": self.verify_for, "within": self.verify_within},
            "mode": "observe",
            "cooldown": self.cooldown,
            "limits": {"per_hour": self.per_hour},
        }

    @property
    def text(self) -> str:
        """The file."""
        body = [
            f"name: {self.name}",
            f"match: {_flow(dict(self.match))}",
            f"target: {'{from: labels}' if self.target is None else self.target}",
            f"bind: {_flow(list(self.bind))}",
            f"when: {_quoted(self.when)}",
            f"action: {{{self.verb}: {{}}}}",
            "verify:",
            f"  query: {_quoted(self.verify)}",
            f"  for: {self.verify_for}",
            f"  within: {self.verify_within}",
            "# It only says what it would do. `aether report` shows how often that would have been right.",
            "mode: observe",
            f"cooldown: {self.cooldown}",
            f"limits: {{per_hour: {self.per_hour}}}",
        ]
        return "\n".join([*_comment(self.why), *body]) + "\n"

    @property
    def problem(self) -> str:
        """Why the agent would refuse it, in one line; empty where it would not."""
        try:
            PlaybookForm.model_validate(self.data)
        except ValidationError as problem:
            return str(problem.errors()[0]["msg"]).removeprefix("Value error, ")
        except BadRequestError as problem:
            return str(problem)
        return ""


def one_line(query: str) -> str:
    """A query that the parser wrote over several lines, as one. Within its strings there are no ends of lines."""
    return " ".join(line.strip() for line in query.splitlines())


def exactly(value: str) -> str:
    """A value as a matcher that takes it and nothing else: what begins like an operator gets one before it."""
    return f"={value}" if value.startswith(("=", "!")) else value


def _comment(text: str) -> list[str]:
    lines, line = [], "#"
    for word in text.split():
        if len(line) + len(word) + 1 > _LONGEST_LINE:
            lines.append(line)
            line = "#"
        line += f" {word}"
    return [*lines, line]


def _flow(data: object) -> str:
    return yaml.safe_dump(data, default_flow_style=True, width=100_000, sort_keys=False, allow_unicode=True).strip()


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style="'", width=100_000, allow_unicode=True).strip()
