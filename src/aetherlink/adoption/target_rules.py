"""Rules about targets of Prometheus: `up` and `probe_success`. Each that is a workload of the stack gets a playbook."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from aetherlink.adoption.drafts import Draft, exactly
from aetherlink.adoption.findings import Finding, Occasion, refused
from aetherlink.adoption.stack import Scraped, Workload

_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class _Place:
    """A workload with the targets of Prometheus by which it is seen."""

    workload: Workload
    seen: tuple[Scraped, ...]


def of_up(occasion: Occasion) -> Finding:
    """A target that does not answer: what answers there is started again."""
    chosen = [one for one in occasion.stack.scraped if not one.probed and _fits(occasion, one)]
    if not occasion.carries("job"):
        return Finding(why="its alerts have no `job`: they do not say which target is down")
    if not occasion.carries("instance"):
        several = sorted({one.job for one in chosen if sum(other.job == one.job for other in chosen) > 1})
        kept = [one for one in chosen if one.job not in several]
        note = f"{', '.join(several)}: its alerts sum up whole jobs and do not say which instance" if several else ""
        return _found(occasion, kept, "up", ("job",), [note] if note else [])
    return _found(occasion, chosen, "up", ("job", "instance"), [])


def of_probe(occasion: Occasion) -> Finding:
    """A probe from outside that fails: what is probed is started again, where it runs here."""
    chosen = [one for one in occasion.stack.scraped if one.probed and _fits(occasion, one)]
    if not occasion.carries("instance"):
        return Finding(why="its alerts have no `instance`: they do not say which probe fails")
    return _found(occasion, chosen, "probe_success", ("job", "instance"), [])


def _fits(occasion: Occasion, one: Scraped) -> bool:
    """Whether the rule's expression can be about this target, by the labels that it fixes."""
    fixed = occasion.expression.fixed
    return fixed.get("job", one.job) == one.job and fixed.get("instance", one.instance) == one.instance


def _found(
    occasion: Occasion, chosen: Sequence[Scraped], metric: str, bind: tuple[str, ...], notes: Sequence[str]
) -> Finding:
    places, left_out = _placed(occasion, chosen)
    passing = [place for place in places if _is_told_by_addresses(place, chosen)]
    left_out += [f"job {place.seen[0].job}: addresses of several containers, which change" for place in passing]
    places = [place for place in places if place not in passing]
    drafts = tuple(_draft(occasion, place, metric, bind, chosen) for place in places)
    problems = list(dict.fromkeys([*notes, *left_out]))
    why = "; ".join(problems[:_MOST_NAMED]) + (
        f"; and {len(problems) - _MOST_NAMED} more" * (len(problems) > _MOST_NAMED)
    )
    if not drafts:
        return Finding(why=why or "no target of Prometheus that it is about was found")
    return Finding(drafts, tuple(place.workload.name for place in places), f"not for {why}" if why else "")


def _placed(occasion: Occasion, chosen: Sequence[Scraped]) -> tuple[list[_Place], list[str]]:
    """The workloads behind the targets, one each, and why there is none for the others."""
    seen: dict[str, list[Scraped]] = {}
    left_out: list[str] = []
    for one in chosen:
        host = one.probed or one.host
        workload = occasion.stack.at(host)
        why = _nobody(host) if workload is None else refused(workload)
        if why or workload is None:
            left_out.append(f"job {one.job}: {why}")
        else:
            seen.setdefault(workload.name, []).append(one)
    by_name = {one.name: one for one in occasion.stack.workloads}
    return [_Place(by_name[name], tuple(found)) for name, found in seen.items()], list(dict.fromkeys(left_out))


def _is_told_by_addresses(place: _Place, chosen: Sequence[Scraped]) -> bool:
    """Whether only an address of this day tells it from the others of its job."""
    jobs = {one.job for one in place.seen}
    is_one_of_several = any(one.job in jobs and one not in place.seen for one in chosen)
    return is_one_of_several and any(_is_address(one.probed or one.host) for one in place.seen)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _nobody(host: str) -> str:
    if host in ("localhost", "127.0.0.1", "::1"):
        return f"{host} is Prometheus itself, or its machine"
    return f"{host or 'nothing'} is no container that was found"


def _draft(occasion: Occasion, place: _Place, metric: str, bind: tuple[str, ...], chosen: Iterable[Scraped]) -> Draft:
    jobs, instances = {one.job for one in place.seen}, {one.instance for one in place.seen}
    narrowed: dict[str, str] = {"job": _any_of(jobs)}
    others = {one.instance for one in chosen if one.job in jobs} - instances
    if others and "instance" in bind:
        narrowed["instance"] = _any_of(instances)
    return Draft(
        name=f"{occasion.rule.name}-{place.workload.name}",
        why=f"{occasion.rule.name}: {place.workload.words} does not answer, so it is started again.",
        match={**occasion.match, **narrowed},
        target=place.workload.name,
        bind=bind,
        when=f"{metric} == 0",
        verb="restart",
        verify=f"{metric} == 1",
        verify_for="10s",
        verify_within="3m",
        cooldown="10m",
        per_hour=3,
    )


def _any_of(values: set[str]) -> str:
    """As a matcher: the one value, or a pattern of all of them."""
    if len(values) == 1:
        return exactly(next(iter(values)))
    return "=~" + "|".join(_literally(value) for value in sorted(values))


def _literally(value: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-:/ " else f"\\{letter}" for letter in value)
