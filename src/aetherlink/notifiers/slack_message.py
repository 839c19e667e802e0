"""What a message in Slack shows of an incident, block by block. Everything that came from outside is made plain."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from aetherlink.clients.slack_clicks import APPROVAL_BLOCK, REASON_BLOCK, ButtonValue, Say
from aetherlink.lib.flattening import flat
from aetherlink.model import action_words
from aetherlink.model.actions import WRONG_FACT, Action, ActionState, Approval
from aetherlink.model.decisions import Effect
from aetherlink.model.deliveries import Digest, Letter
from aetherlink.model.incidents import Incident, IncidentStatus, Severity
from aetherlink.model.timeline import EventKind
from aetherlink.notifiers import sayings
from aetherlink.notifiers.slack_blocks import (
    MOST_BLOCKS,
    MOST_IN_ALL,
    Block,
    button,
    buttons,
    context,
    fields,
    header,
    link,
    question,
    section,
    sections,
    size,
)
from aetherlink.notifiers.slack_text import LONGEST, escaped, one_line

_SIGNS = {
    Severity.CRITICAL: "\N{LARGE RED CIRCLE}",
    Severity.WARNING: "\N{LARGE ORANGE CIRCLE}",
    Severity.INFO: "\N{LARGE BLUE CIRCLE}",
}
_OVER = "\N{WHITE HEAVY CHECK MARK}"
_STAR = "\N{GLOWING STAR} VIP"
_LONGEST_LINE = 500
_LONGEST_TEXT = 600
_MOST_CAUSES = 3
_MOST_LINES = 25  # of one reply in the thread
CALLING = frozenset({EventKind.APPROVAL_ASKED, EventKind.ESCALATED, EventKind.REOPENED})
"""What a person has to hear now."""


def headline(incident: Incident) -> str:
    """The incident in one line, with a sign for how bad it is."""
    sign = _OVER if incident.status is IncidentStatus.RESOLVED else _SIGNS[incident.severity]
    return f"{sign} {sayings.headline(incident)}"


def notice(text: str) -> str:
    """The line that Slack shows in notifications."""
    return escaped(text, _LONGEST_TEXT)


def incident_blocks(letter: Letter, *, has_buttons: bool) -> list[Block]:
    """How the incident stands; `has_buttons`: somebody hears them."""
    incident, action = letter.incident, letter.action
    blocks = [header(headline(incident)), fields(_facts(incident)), *_causes(letter)]
    if action is not None:
        blocks.append(section("What was done", [_line(words) for words in done(action)]))
    tail = [link(letter.link, incident.id) if letter.link else context(incident.id)]
    asked = sayings.asked(letter)
    if asked is not None and asked.approval is not None:
        room = MOST_IN_ALL - size(blocks) - size(tail)
        blocks += _request(asked, asked.approval, has_buttons=has_buttons, room=room)
    elif action is not None and has_buttons and _may_be_wrong(action):
        blocks += _regret(action)
    return [*blocks[: MOST_BLOCKS - len(tail)], *tail]


def thread_blocks(letter: Letter, through: int) -> list[Block]:
    """The entries after this one of the timeline."""
    new = [one for one in letter.entries if one.sequence > through]
    shown, left_out = new[-_MOST_LINES:], letter.left_out + max(len(new) - _MOST_LINES, 0)
    lines = [_line(f"{one.entry.at:%H:%M:%S} {one.entry.text}") for one in shown]
    title = f"{len(new) + letter.left_out} new in the timeline (UTC)"
    if left_out:
        title = f"{title}; {left_out} earlier ones of these are left out here"
    return list(sections(title, lines))


def call(letter: Letter, through: int) -> str:
    """The last entry after that one which asks for a person, or else the last of all, with whose incident it is."""
    new = [one for one in letter.entries if one.sequence > through]
    calling = [one for one in new if one.entry.kind in CALLING] or new
    return f"{calling[-1].entry.text} - {headline(letter.incident)}"


def digest_blocks(digest: Digest) -> list[Block]:
    """A storm, with its most urgent incidents."""
    named = [_line(headline(one)) for one in digest.worst]
    blocks = [header(sayings.digest_headline(digest))]
    if digest.incidents:
        counts = {"Since": _instant(digest.began_at), "Incidents": str(digest.incidents), "Open": str(digest.open)}
        blocks.append(fields(counts))
    if named:
        blocks.append(section("The most urgent that are open", named))
    return [*blocks, link(digest.link, "all incidents") if digest.link else context(digest.id)]


def done(action: Action) -> list[str]:
    """What was or will be done, how far it has come, and what came of it."""
    lines = [f"{action.plan.words}: {_standing(action)}"]
    if action.outcome is not None and action.outcome.reason:
        lines.append(action.outcome.reason)
    lines.append(f"{action.decision.effect.value}: {action.decision.reason} ({action.decision.rule})")
    return lines


def _standing(action: Action) -> str:
    if action.state is ActionState.REFUSED:
        return action_words.REFUSED[action.decision.effect]
    if action.outcome is None or action.state is not ActionState.FINISHED:
        return action.state.value.replace("_", " ")
    verdict = "" if action.verdict is None else f", {action_words.VERDICTS[action.verdict]}"
    return f"{action_words.ENDED[action.outcome.status]}{verdict}"


def _facts(incident: Incident) -> Mapping[str, str]:
    tenant = incident.tenant or "-"
    return {
        "Severity": incident.severity.value,
        "Tenant": f"{_STAR} {tenant}" if incident.vip else tenant,
        "Service": incident.service or "-",
        "Source": incident.source,
        "State": sayings.state_words(incident),
        "Alerts that fire": str(incident.firing),
        "Opened": _instant(incident.opened_at),
        "Resolved" if incident.resolved_at else "Changed": _instant(incident.resolved_at or incident.updated_at),
    }


def _causes(letter: Letter) -> Iterator[Block]:
    """What its alerts, its playbook and the evidence say, the nearest to a cause first."""
    lines = [*_evidence(letter), *_summaries(letter)]
    if letter.incident.is_symptom:
        lines.append("Only symptoms were heard so far: the cause may be elsewhere.")
    if lines:
        yield section("Likely cause", [_line(words) for words in lines])


def _evidence(letter: Letter) -> Iterator[str]:
    plan = letter.incident.plan or (letter.action.plan if letter.action is not None else None)
    if plan is not None and plan.playbook is not None:
        yield f"The playbook {plan.playbook} matches; its target is {plan.target}."
    approval = letter.action.approval if letter.action is not None else None
    if approval is not None and approval.shown.get("evidence"):
        yield f"Evidence: {approval.shown['evidence']}"
    elif plan is not None and plan.when:
        yield f"Its condition: {plan.when}"


def _summaries(letter: Letter) -> list[str]:
    said = (one.alert.annotations.get("summary") or one.alert.annotations.get("description") for one in letter.alerts)
    return [text for text in dict.fromkeys(said) if text][:_MOST_CAUSES]


def _request(action: Action, approval: Approval, *, has_buttons: bool, room: int) -> list[Block]:
    """What is asked, all that a yes would bind. Where it does not fit there is no button for yes: nobody saw it all."""
    lines = _shown(action, approval)
    whole = list(sections("A person is asked", lines))
    answers = _answers(action, approval) if has_buttons else [_by_hand(action)]
    is_whole = all(len(line) <= LONGEST for line in lines) and len(whole) <= MOST_BLOCKS // 2
    if is_whole and size(whole) + size(answers) <= room:
        return [*whole, *answers]
    brief = [_line(words, 200) for words in (*_brief(action, approval), "This is not all that is asked for.")]
    denial = _answers(action, approval, may_approve=False) if has_buttons else []
    return [section("A person is asked", brief), *denial, _by_hand(action)]


def _by_hand(action: Action) -> Block:
    return context(f"To see all of it and answer: aether approve {action.id}, or aether deny {action.id}")


def _brief(action: Action, approval: Approval) -> list[str]:
    so_far = ", ".join(grant.by for grant in approval.grants) or "nobody"
    return [
        f"Plan: {action.plan.words}",
        f"Asked for by: {action.requested_by}, because {action.reason}",
        f"Undo: {approval.shown.get('undo') or '-'}",
        f"Said yes so far: {so_far}; people needed: {approval.needed}",
        f"Expires: {_instant(approval.expires_at)}",
    ]


def _shown(action: Action, approval: Approval) -> list[str]:
    """All that is approved, as the command line shows it, but for what is not set. Nothing of it is cut."""
    bound = {key: value for key, value in approval.shown.items() if key not in ("undo", "evidence")}
    said = [f"{path}: {value}" for path, value in flat(bound) if value not in (None, "")]
    words = [*_brief(action, approval), f"Evidence: {approval.shown.get('evidence') or '-'}", *said]
    words.append(f"Hash: {approval.plan_hash}")
    return [one_line(one, MOST_IN_ALL) for one in words]


def _answers(action: Action, approval: Approval, *, may_approve: bool = True) -> list[Block]:
    value = str(ButtonValue(action.id, approval.plan_hash))
    asked = f"{action.plan.words}, exactly as it is shown"
    yes = [button(Say.APPROVE, "Approve", value, style="primary", confirm=asked)] if may_approve else []
    row = [*yes, button(Say.DENY, "Deny", value, style="danger")]
    return [question(REASON_BLOCK, "Why, for the record (with Deny)"), buttons(APPROVAL_BLOCK, row)]


def _regret(action: Action) -> list[Block]:
    plan_hash = action.approval.plan_hash if action.approval is not None else ""
    asked = f"{action.plan.words} was wrong: its playbook keeps off this target from now on"
    value = str(ButtonValue(action.id, plan_hash))
    return [
        question(REASON_BLOCK, "What was wrong, for the record"),
        buttons(APPROVAL_BLOCK, [button(Say.WRONG, "Wrong", value, style="danger", confirm=asked)]),
    ]


def _may_be_wrong(action: Action) -> bool:
    """Whether `aether wrong` would take it: it ran to its end, or would have."""
    if WRONG_FACT in action.facts:
        return False
    would_be = action.state is ActionState.REFUSED and action.decision.effect is Effect.OBSERVE
    return action.state is ActionState.FINISHED or would_be


def _line(text: str, most: int = _LONGEST_LINE) -> str:
    return one_line(text, most)


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
