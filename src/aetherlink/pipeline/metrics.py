"""What the pipeline counts."""

from collections.abc import Sequence
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from aetherlink.model.actions import Action, ActionState, Verdict
from aetherlink.model.incidents import Severity, Stage
from aetherlink.model.promotions import PromotionState

_STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_RECOVERY_BUCKETS = (5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 14400)


class PipelineMetrics:
    """Decisions by effect and rule, actions by verb and outcome, open incidents by severity: closed sets all."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "aether_agent_decisions", "Decisions by effect and rule.", ["effect", "rule"], registry=registry
        )
        self._actions = Counter(
            "aether_agent_actions", "Finished actions by verb and outcome.", ["verb", "outcome"], registry=registry
        )
        self._open = Gauge(
            "aether_agent_incidents_open", "Open incidents by severity.", ["severity"], registry=registry
        )
        self._failures = Counter(
            "aether_agent_stage_failures", "Stages that ended in an unexpected error.", ["stage"], registry=registry
        )
        self._paused = Gauge(
            "aether_agent_paused", "1 while the agent is paused and acts on nothing.", registry=registry
        )
        self._clock_steps = Counter(
            "aether_agent_clock_steps",
            "How often the wall clock was set while the agent ran, ahead or back, by two seconds or more.",
            ["direction"],
            registry=registry,
        )
        self._stages = Histogram(
            "aether_agent_stage_seconds",
            "How long each stage took, from loading its incident to storing the result.",
            ["stage"],
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self._verdicts = Counter(
            "aether_agent_verdicts", "Repairs that were verified, by verdict.", ["verdict"], registry=registry
        )
        self._recovery = Histogram(
            "aether_agent_recovery_seconds",
            "From the opening of an incident to the verified repair.",
            buckets=_RECOVERY_BUCKETS,
            registry=registry,
        )
        self._promotions = Gauge(
            "aether_agent_promotions",
            "Playbooks that were promoted, by how that stands: set_back are those that the agent set back.",
            ["state"],
            registry=registry,
        )
        self.incidents_open({})
        self.promoted([])
        for direction in ("ahead", "back"):
            self._clock_steps.labels(direction=direction)

    def action_stored(self, action: Action) -> None:
        """Count the decision of an action just decided, or the outcome of one just finished."""
        if action.state is ActionState.FINISHED and action.outcome is not None:
            self._actions.labels(verb=action.plan.verb.value, outcome=action.outcome.status.value).inc()
        else:
            self._decisions.labels(effect=action.decision.effect.value, rule=action.decision.rule).inc()

    def incidents_open(self, by_severity: dict[str, int]) -> None:
        """Set how many are open."""
        for severity in Severity:
            self._open.labels(severity=severity.value).set(by_severity.get(severity.value, 0))

    def promoted(self, states: Sequence[PromotionState]) -> None:
        """Set how many promotions stand how."""
        for state in PromotionState:
            self._promotions.labels(state=state.value).set(states.count(state))

    def paused(self, *, is_so: bool) -> None:
        """Set whether the agent is paused."""
        self._paused.set(1 if is_so else 0)

    def clock_set(self, step: timedelta) -> None:
        """Count that the wall clock was set."""
        self._clock_steps.labels(direction="back" if step < timedelta(0) else "ahead").inc()

    def stage_took(self, stage: Stage, seconds: float) -> None:
        """Note how long a stage took."""
        self._stages.labels(stage=stage.value).observe(seconds)

    def judged(self, verdict: Verdict) -> None:
        """Count what was found out of a repair."""
        self._verdicts.labels(verdict=verdict.value).inc()

    def recovered_after(self, span: timedelta) -> None:
        """Note how long a recovery took."""
        self._recovery.observe(span.total_seconds())

    def stage_failed(self, stage: str) -> None:
        """Count a stage that ended in an unexpected error."""
        self._failures.labels(stage=stage).inc()
