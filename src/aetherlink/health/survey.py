"""One look at every score: asks the source, and believes only what rests on fresh data. Keeps nothing."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from aetherlink.errors import AetherError
from aetherlink.health import answers, questions
from aetherlink.health.answers import Basis, Parts, Score
from aetherlink.health.options import HealthOptions
from aetherlink.ports import QueryClient, TenantNames

_log = logging.getLogger("aetherlink.health")


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look showed. `blind` is why the tenants could not be asked at all, or None."""

    whole: Score
    tenants: Mapping[str, Score] = field(default_factory=dict)
    blind: Score | None = None
    parts: Parts = field(default_factory=Parts)

    def of(self, tenant: str) -> Score:
        """The score of a tenant that is watched, whether it is there or not."""
        gone = Score(None, "its score was there and is gone: no traffic, or nobody measures it any more")
        return self.blind or self.tenants.get(tenant, gone)


class Surveyor:
    """Asks one source."""

    def __init__(self, client: QueryClient, options: HealthOptions, names: TenantNames) -> None:
        self._client = client
        self._options = options
        self._names = names
        self._trouble = ""

    async def look(self) -> Sight:
        """Never raises for what the source does: that is what it saw."""
        whole = await self._whole()
        try:
            tenants, blind = await self._tenants(), None
        except AetherError as problem:
            tenants, blind = {}, Score.unknown(problem)
        try:
            basis = await self._basis(whole.job)
        except AetherError as problem:
            unknown = Score.unknown(problem)
            return Sight(whole if whole.is_error else unknown, dict.fromkeys(tenants, unknown), blind or unknown)
        options = self._options
        return Sight(
            answers.believed(whole, basis, options, by_tenant=False),
            {name: answers.believed(score, basis, options, by_tenant=True) for name, score in tenants.items()},
            blind,
            await self._parts(whole.job),
        )

    async def _whole(self) -> Score:
        query = self._options.query
        try:
            return answers.one_score(await self._client.instant(query), query)
        except AetherError as problem:
            return Score.unknown(problem)

    async def _tenants(self) -> dict[str, Score]:
        query = self._options.tenant_query
        if query is None:
            return {}
        return answers.tenant_scores(await self._client.instant(query), query, self._names.tenant_of)

    async def _basis(self, job: str) -> Basis:
        query = questions.basis_query(self._options, job)
        return Basis() if query is None else answers.read_basis(await self._client.instant(query))

    async def _parts(self, job: str) -> Parts:
        """Parts explain a score and are not part of it: without them it counts all the same."""
        query = questions.parts_query(self._options.parts)
        if query is None:
            return Parts()
        try:
            found = answers.read_parts(await self._client.instant(query), self._names.tenant_of, job)
        except AetherError as problem:
            if not self._trouble:
                _log.warning("the parts of the health score cannot be asked: %s", problem)
            self._trouble = str(problem)
            return Parts()
        self._trouble = ""
        return found
