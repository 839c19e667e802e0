"""What the pipeline counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from aetherlink.model.actions import Action, ActionState
from aetherlink.model.incidents import Severity


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
        self.incidents_open({})

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

    def paused(self, *, is_so: bool) -> None:
        """Set whether the agent is paused."""
        self._paused.set(1 if is_so else 0)

    def stage_failed(self, stage: str) -> None:
        """Count a stage that ended in an unexpected error."""
        self._failures.labels(stage=stage).inc()
