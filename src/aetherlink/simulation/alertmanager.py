"""An Alertmanager whose webhooks come late, twice, in another order, or in parts; and the silences in it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from aetherlink.model.alerts import Alert, AlertStatus, Suppression
from aetherlink.model.ids import Fingerprint, TargetName
from aetherlink.simulation.setup import SOURCE, TROUBLES, Setup
from aetherlink.simulation.truth import Truth

_MOST_ON_THEIR_WAY = 40
_MOST_IN_ONE = 4
_TWICE = 0.25  # how often a report comes once more


@dataclass(slots=True)
class _Stream:
    """One alert of one tenant on one target. `false_until`: it fires for nothing until then."""

    target: TargetName
    metric: str
    labels: dict[str, str]
    fingerprint: Fingerprint
    pending_since: datetime | None = None
    firing_since: datetime | None = None
    false_until: datetime | None = None
    is_silenced: bool = False


class SimulatedAlertmanager:
    """Evaluates its alerts whenever it is asked to; reports lie about until they are delivered."""

    def __init__(self, setup: Setup, truth: Truth, dice: Random) -> None:
        self._for = setup.alert_for
        self._truth = truth
        self._dice = dice
        self._streams = [_stream(target, each.alert, each.metric, tenant)
                         for target in truth.seen for each in TROUBLES for tenant in setup.tenants]  # fmt: skip
        self._bag: list[Alert] = []

    @property
    def has_mail(self) -> bool:
        """Whether a webhook is on its way."""
        return bool(self._bag)

    def evaluate(self, now: datetime) -> None:
        """Let alerts become pending, fire and end."""
        for one in self._streams:
            is_false = one.false_until is not None and now < one.false_until
            is_so = is_false or self._truth.is_wrong(one.target, one.metric)
            if not is_so:
                self._end(one, now)
            elif one.firing_since is None:
                one.pending_since = one.pending_since or now
                if now - one.pending_since >= self._for:
                    one.firing_since = now
                    if not one.is_silenced:
                        self._post(_report(one, now))

    def next_change(self, now: datetime) -> datetime | None:
        """When an alert that is pending fires, or one that fires for nothing ends."""
        begins = (one.pending_since + self._for for one in self._streams
                  if one.pending_since is not None and one.firing_since is None)  # fmt: skip
        ends = (one.false_until for one in self._streams if one.false_until is not None)
        return min((each for each in (*begins, *ends) if each > now), default=None)

    def blip(self, now: datetime) -> None:
        """An alert fires for nothing for a while, or would, were it not for its `for`."""
        one = self._dice.choice(self._streams)
        one.false_until = now + timedelta(seconds=self._dice.choice((5, 12, 60, 300)))

    def toggle_silence(self) -> None:
        """Somebody silences an alert, or takes his silence away."""
        one = self._dice.choice(self._streams)
        one.is_silenced = not one.is_silenced

    def webhook(self) -> list[Alert]:
        """Some of what is on its way, in any order; some of it comes again."""
        count = min(len(self._bag), self._dice.randint(1, _MOST_IN_ONE))
        taken = [self._bag.pop(self._dice.randrange(len(self._bag))) for _ in range(count)]
        self._bag += [each for each in taken if self._dice.random() < _TWICE]
        return taken

    def put_back(self, alerts: list[Alert]) -> None:
        """They were not acknowledged: they come again."""
        self._bag += alerts

    def active(self, now: datetime) -> list[Alert]:
        """What it answers when it is asked: everything that fires, with whether it is silenced."""
        return [_report(one, now, asked=True) for one in self._streams if one.firing_since is not None]

    def repeat(self, now: datetime) -> None:
        """Say again what fires."""
        for one in self._streams:
            if one.firing_since is not None and not one.is_silenced:
                self._post(_report(one, now))

    def _end(self, one: _Stream, now: datetime) -> None:
        one.pending_since = one.false_until = None
        if one.firing_since is not None:
            self._post(_report(one, now, is_over=True))
            one.firing_since = None

    def _post(self, report: Alert) -> None:
        self._bag.append(report)
        if len(self._bag) > _MOST_ON_THEIR_WAY:
            self._bag.pop(0)


def _stream(target: TargetName, alert: str, metric: str, tenant: str) -> _Stream:
    labels = {"alertname": alert, "service": target, "tenant": tenant, "severity": "critical"}
    return _Stream(target, metric, labels, Fingerprint(f"{alert}/{target}/{tenant}"))


def _report(one: _Stream, now: datetime, *, is_over: bool = False, asked: bool = False) -> Alert:
    return Alert(
        source=SOURCE,
        fingerprint=one.fingerprint,
        status=AlertStatus.RESOLVED if is_over else AlertStatus.FIRING,
        starts_at=one.firing_since or now,
        ends_at=now if is_over else None,
        labels=one.labels,
        annotations={},
        suppressed=Suppression.SILENCED if asked and one.is_silenced else Suppression.NONE,
        seen_at=now if asked else None,
    )
