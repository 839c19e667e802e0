"""Rules about containers, by cAdvisor's metrics: gone, absent, restarting, full of memory, busy."""

from dataclasses import dataclass
from datetime import timedelta

from aetherlink.adoption.drafts import Draft, one_line
from aetherlink.adoption.findings import Finding, Occasion, refused
from aetherlink.adoption.recognising import NAMING_LABELS, opposite
from aetherlink.adoption.stack import Workload
from aetherlink.lib import promql

_HOLDS = timedelta(seconds=30)
_SOON = timedelta(minutes=5)
_LEAST_TO_SPARE = timedelta(minutes=2)
_CADVISOR = "cadvisor"
_MACHINE = "instance"  # cAdvisor's own address: a container of the same name may be on another machine


@dataclass(frozen=True, slots=True)
class _Repair:
    """What is done, when, and what shows that it helped; `said` goes into the file's comment."""

    verb: str
    when: str
    verify: str
    said: str


def of_absence(occasion: Occasion) -> Finding:
    """`absent()` of one container: it is started again, but only while cAdvisor answers, which would show it."""
    named = occasion.expression.names_one
    if named is None:
        return Finding(why="it fires when no container at all is seen: cAdvisor is gone, and nobody can tell what else")
    workload = occasion.stack.at(named[1])
    why = _unfit(workload, named[1])
    if why or workload is None:
        return Finding(why=why)
    job = _cadvisor_job(occasion)
    if job is None:
        return Finding(
            why="no job of cAdvisor was found: without it nobody can tell an absent container from a blind eye"
        )
    seen = f'{{job="{job}"}}'
    when = promql.graft(
        "aether_absence and on() (aether_eye == 1)",
        {"aether_absence": occasion.expression.tree, "aether_eye": promql.parse(f"up{seen}")},
    )
    present = promql.parse(f'container_last_seen{{{named[0]}="{_escaped(named[1])}"}}')
    verify = promql.graft("time() - aether_present < 30", {"aether_present": present})
    said = f"{workload.words} is not seen any more, so it is started again"
    return _for_one(occasion, workload, _Repair("restart", when, verify, said))


def of_gone(occasion: Occasion) -> Finding:
    """A container that cAdvisor has not seen for a while."""
    said = "has not been seen for a while, so it is started again"
    return _built_in(occasion, "container-down") or _repaired(
        occasion, "restart", said, verify="time() - container_last_seen < 30"
    )


def of_restarts(occasion: Occasion) -> Finding:
    """A container that starts again and again: one more restart would be one more turn of the loop."""
    said = "starts again and again, so the release that ran before is brought back"
    return _built_in(occasion, "container-restart-loop") or _repaired(occasion, "rollback", said)


def of_memory(occasion: Occasion) -> Finding:
    """A container near its limit: a restart comes before the kernel's kill."""
    return _repaired(occasion, "restart", "uses much memory, which a restart gives back")


def of_cpu(occasion: Occasion) -> Finding:
    """A container that is busy for long."""
    return _repaired(
        occasion,
        "restart",
        "is busy for long. What hangs in a loop is ended by a restart, what has much to do is only disturbed: see in "
        "the report which it is before this may act",
    )


def _built_in(occasion: Occasion, name: str) -> Finding | None:
    """The built-in playbook of this name, where it takes the rule's alerts and they name their container."""
    label = _naming_label(occasion)
    if occasion.builtin is None or occasion.builtin.name != name or label != "name" or not occasion.carries(_MACHINE):
        return None
    return Finding(targets=_all(occasion), why=_which(label), builtin=name)


def _repaired(occasion: Occasion, verb: str, said: str, *, verify: str | None = None) -> Finding:
    """For the container that the expression names, or else for the one that the alert's labels name."""
    turned = opposite(occasion.expression) if verify is None else verify
    if turned is None:
        return Finding(why="its expression is no plain comparison: nobody can say what it shows when things are well")
    when, named = occasion.expression.tree.prettify(), occasion.expression.names_one
    if named is not None:
        workload = occasion.stack.at(named[1])
        why = _unfit(workload, named[1])
        if why or workload is None:
            return Finding(why=why)
        bound = turned if verify is None else _bound(turned, *named)
        return _for_one(occasion, workload, _Repair(verb, when, bound, f"{workload.words} {said}"))
    label = _naming_label(occasion)
    if label is None:
        return Finding(why=f"its alerts carry no label that names a container ({', '.join(NAMING_LABELS)})")
    if not all(name.startswith("container_") for name in occasion.expression.metrics):
        return Finding(why=f"it mixes containers with other things, which have no `{label}` to be told by")
    bind = (_MACHINE, label) if occasion.carries(_MACHINE) else (label,)
    draft = _draft(occasion, None, bind, _Repair(verb, when, turned, f"a container {said}"))
    return Finding((draft,), _all(occasion), _which(label))


def _for_one(occasion: Occasion, workload: Workload, repair: _Repair) -> Finding:
    draft = _draft(occasion, workload.name, (), repair)
    return Finding((draft,), (workload.name,))


def _draft(occasion: Occasion, target: str | None, bind: tuple[str, ...], repair: _Repair) -> Draft:
    reach = promql.survey(promql.parse(repair.verify)).reach
    within = max(_SOON, reach + _HOLDS + _LEAST_TO_SPARE)
    return Draft(
        name=occasion.rule.name if target is None else f"{occasion.rule.name}-{target}",
        why=f"{occasion.rule.name}: {repair.said}.",
        match=occasion.match,
        target=target,
        bind=bind,
        when=one_line(repair.when),
        verb=repair.verb,
        verify=one_line(repair.verify),
        verify_for=f"{_HOLDS.seconds}s",
        verify_within=f"{int(within.total_seconds())}s",
        cooldown="30m",
        per_hour=2,
    )


def _naming_label(occasion: Occasion) -> str | None:
    """The label by which its alerts name their container."""
    return next((label for label in NAMING_LABELS if occasion.carries(label)), None)


def _all(occasion: Occasion) -> tuple[str, ...]:
    return tuple(one.name for one in occasion.stack.workloads if not refused(one))


def _which(label: str) -> str:
    return f"the one that `{label}` names"


def _unfit(workload: Workload | None, name: str) -> str:
    return f"{name} is no container that was found" if workload is None else refused(workload)


def _cadvisor_job(occasion: Occasion) -> str | None:
    """The one job that scrapes cAdvisor."""
    stack = occasion.stack
    jobs = set()
    for one in stack.scraped:
        workload = stack.at(one.host)
        if _CADVISOR in one.host or _CADVISOR in one.job or (workload is not None and _CADVISOR in workload.image):
            jobs.add(one.job)
    return _escaped(jobs.pop()) if len(jobs) == 1 else None


def _bound(query: str, label: str, value: str) -> str:
    from_words = promql.parse(f'container_last_seen{{{label}="{_escaped(value)}"}}')
    return promql.graft(query, {"container_last_seen": from_words})


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
