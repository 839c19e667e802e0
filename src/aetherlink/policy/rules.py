"""The rules, one undecorated function each; RULES is the list, in the order in which they are asked."""

from aetherlink.policy.agent_rules import (
    agent_is_not_paused,
    no_window_forbids,
    target_is_declared,
    target_is_not_its_own,
)
from aetherlink.policy.budget_rules import (
    circuit_is_closed,
    few_run_at_a_time,
    fleet_budget_holds,
    playbook_budget_holds,
    tenant_budget_holds,
)
from aetherlink.policy.evidence_rules import (
    evidence_holds,
    incident_does_not_flap,
    sensor_is_trusted,
    source_is_believed,
)
from aetherlink.policy.mode_rules import mode_allows, playbook_is_trusted, proposals_need_a_person, vip_allows
from aetherlink.policy.reach_rules import limits_are_within_bounds, release_is_known, replicas_can_be_had
from aetherlink.policy.rule import Rule
from aetherlink.policy.target_rules import (
    brake_is_released,
    cooldown_is_over,
    dependencies_work,
    floor_holds,
    hourly_limit_holds,
    request_is_declared,
    scale_is_within_bounds,
    target_is_as_it_was_left,
    target_is_free,
    target_is_not_stopped,
    target_is_seen,
)

RULES: tuple[Rule, ...] = (
    agent_is_not_paused,
    target_is_declared,
    target_is_not_its_own,
    no_window_forbids,
    scale_is_within_bounds,
    request_is_declared,
    source_is_believed,
    target_is_seen,
    target_is_as_it_was_left,
    replicas_can_be_had,
    release_is_known,
    limits_are_within_bounds,
    target_is_not_stopped,
    floor_holds,
    dependencies_work,
    evidence_holds,
    incident_does_not_flap,
    sensor_is_trusted,
    target_is_free,
    brake_is_released,
    circuit_is_closed,
    cooldown_is_over,
    hourly_limit_holds,
    tenant_budget_holds,
    playbook_budget_holds,
    fleet_budget_holds,
    few_run_at_a_time,
    mode_allows,
    vip_allows,
    proposals_need_a_person,
    playbook_is_trusted,
)
