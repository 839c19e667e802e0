"""Whether what a playbook does can be done to the targets that it names. Called by the loader. It prints nothing."""

from collections.abc import Iterator, Mapping

from aetherlink.model.actions import Limits, Target, Verb
from aetherlink.model.dependents import dependents_of
from aetherlink.model.ids import TargetName
from aetherlink.playbooks.form_problems import Place, nearest
from aetherlink.playbooks.schema import ActionForm, PlaybookForm, StepForm

_REQUEST = ("action", "http", "request")


def misfits(form: PlaybookForm, targets: Mapping[TargetName, Target]) -> Iterator[tuple[Place, str]]:
    """Where each thing stands that cannot be done, and why. A target that nobody declared is nothing wrong."""
    for place, action, choice in _actions(form):
        target = None if choice is None else targets.get(TargetName(choice))
        if target is not None and (found := _misfit(action, target)) is not None:
            below, words = found
            yield (*place, *below), words
    yield from _lonely(form, targets)


def _actions(form: PlaybookForm) -> Iterator[tuple[Place, ActionForm, str | None]]:
    """The place of each step, what it does, and the name of its target."""
    for place, step in _steps(form):
        yield place, step.action, _target_of(form, step)


def _steps(form: PlaybookForm) -> Iterator[tuple[Place, StepForm]]:
    for number, step in enumerate(form.written_steps):
        yield ("steps", number) if step.name else (), step


def _target_of(form: PlaybookForm, step: StepForm) -> str | None:
    choice = step.target or form.target
    return None if choice is None else choice.name


def _lonely(form: PlaybookForm, targets: Mapping[TargetName, Target]) -> Iterator[tuple[Place, str]]:
    """Where `dependents: restart` stands and cannot be done."""
    for place, step in _steps(form):
        name = TargetName(_target_of(form, step) or "")
        if name not in targets or not form.restarts_dependents(step):
            continue
        key: Place = (*place, "dependents") if step.dependents else ("dependents",)
        found = dependents_of(targets, name)
        if not found:
            yield key, f"nothing depends on {name}: no target has it in its `depends_on`"
        for one in found:
            if targets[one].executor == "http":
                yield key, f"target {one}, which depends on {name}, is of the executor `http`, and cannot be restarted"


def _misfit(action: ActionForm, target: Target) -> tuple[Place, str] | None:
    if action.verb is Verb.LIMITS and target.most == Limits():
        words = f"target {target.name} has neither max_memory nor max_cpus: without a bound no limit is changed"
        return ("action", "limits"), words
    if action.verb is not Verb.HTTP:
        is_other = target.executor == "http"
        words = f"target {target.name} is of the executor `http`, which sends requests and cannot {action.verb}"
        return (("action", action.verb.value), words) if is_other else None
    if target.declares(action.request):
        return None
    near = nearest(action.request, [one.name for one in target.requests])
    what_to_do = near or f": declare it under targets.{target.name}.http.requests"
    return _REQUEST, f"target {target.name} has no request {action.request!r}{what_to_do}"
