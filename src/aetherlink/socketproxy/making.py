"""The proxy's own verbs: a container made anew in its place, and one more replica of a service.

Both build what they make from what the daemon shows, one at a time. A replacement is noted on disk before anything
stops, so that a proxy that dies in the middle finishes it, or takes it back, when it starts again.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from aetherlink.errors import AetherError, AnswerError, ConflictError, ForbiddenError, NotFoundError, RejectedError
from aetherlink.socketproxy import new_container
from aetherlink.socketproxy.daemon import Daemon
from aetherlink.socketproxy.remembered import Remembered, Swap
from aetherlink.socketproxy.rights import FULL_ID, GRACE_MAX, IMAGE_ID
from aetherlink.socketproxy.workloads import NUMBER, ONE_OFF, PROJECT, SERVICE, Workloads, key_of, labels_of, name_of

_DOCKERS_GRACE = 10
_ID = re.compile(rf"{FULL_ID}|{IMAGE_ID}")

_log = logging.getLogger("aetherlink.socketproxy")

Container = Mapping[str, Any]


class Making:
    """`seconds` is what the daemon has for one answer; where it stops a container, the grace comes on top."""

    def __init__(
        self, daemon: Daemon, workloads: Workloads, remembered: Remembered, *, max_replicas: int, seconds: float
    ) -> None:
        self._daemon = daemon
        self._workloads = workloads
        self._remembered = remembered
        self._max_replicas = max_replicas
        self._seconds = seconds
        self._one_at_a_time = asyncio.Lock()

    async def changeable(self, name: str) -> Container:
        """The container as it is. Raises NotFoundError, and ForbiddenError where it may not be changed."""
        container = await self._inspect("containers", name)
        if container is None:
            raise NotFoundError(f"there is no container {name}")
        self._workloads.check(container)
        return container

    async def releases(self, id_: str) -> Mapping[str, object]:
        """What runs, what ran before and is still there (None: nothing), and how many replicas there may be.

        Raises NotFoundError, and ForbiddenError where it may not be changed.
        """
        container = await self.changeable(id_)
        now, key = str(container["Image"]), key_of(labels_of(container), name_of(container))
        return {"Image": now, "Before": await self._before(key, now), "MaxReplicas": self._max_replicas}

    async def _before(self, key: str, now: str) -> str | None:
        for image in self._remembered.others(key, now):
            if await self._inspect("images", image) is not None:
                return image
        return None

    async def look(self) -> None:
        """Settle what was under way, and remember which images run for what may be changed.

        Raises what the daemon's answers raise, and StoreError.
        """
        async with self._one_at_a_time:
            await self._settle()
            await self._see()

    async def _see(self) -> None:
        seen = {}
        for listed in await self._done("GET", "/containers/json"):
            labels, name = listed.get("Labels") or {}, str(listed["Names"][0]).removeprefix("/")
            try:
                self._workloads.check({"Id": listed["Id"], "Name": name, "Config": {"Labels": labels}})
            except ForbiddenError:
                continue
            seen[key_of(labels, name)] = str(listed["ImageID"])
        self._remembered.saw(seen)

    # --- in the place of another

    async def replace(self, id_: str, image: str | None, grace: int | None) -> Mapping[str, object]:
        """Make the container with this id anew: `image` None keeps its image. Answers with the new id.

        Raises ForbiddenError for an image that never ran for it, ConflictError where it cannot be made anew.
        """
        async with self._one_at_a_time:
            await self._settle()
            old = await self.changeable(id_)
            if old["Id"] != id_:
                raise NotFoundError(f"there is no container with the id {id_}, only one of that name")
            wanted = image or str(old["Image"])
            key = key_of(labels_of(old), name_of(old))
            if wanted != old["Image"] and not self._remembered.ran(key, wanted):
                raise ForbiddenError(f"the image {wanted} is not known to have run for {key}")
            new_container.check_fit(old)
            self._remembered.saw({key: str(old["Image"])})
            new = await self._make_successor(old, wanted)
            await self._put_in_place(old, new, grace)
            return {"Id": new, "Replaced": old["Id"], "Image": wanted}

    async def _make_successor(self, old: Container, image: str) -> str:
        """Made under a name of its own, not started: if that fails, nothing has happened."""
        aside = _aside(name_of(old), "next", str(old["Id"]))
        left = await self._inspect("containers", aside)  # by a proxy that died before it could note it
        if left is not None and labels_of(left).get(new_container.REPLACES) == old["Id"] and _never_ran(left):
            await self._discard(str(left["Id"]))
        body = new_container.replacement(old, await self._inspect("images", str(old["Image"])), image)
        return await self._create(aside, body, new_container.networks(old))

    async def _put_in_place(self, old: Container, new: str, grace: int | None) -> None:
        """Raises ConflictError when the new one did not start: then the old one is back, as it was."""
        ran = bool(old["State"]["Running"])
        self._remembered.keep(Swap(old=str(old["Id"]), new=new, name=name_of(old), ran=ran))
        try:
            await self._exchange(old, new, grace)
        except AetherError as problem:
            await self._take_back()
            raise ConflictError(f"{name_of(old)} is as it was: its successor did not start: {problem}") from problem
        await self._finish()

    async def _exchange(self, old: Container, new: str, grace: int | None) -> None:
        name = name_of(old)
        await self._stop(str(old["Id"]), grace_of(old, grace))
        await self._rename(str(old["Id"]), _aside(name, "before", str(old["Id"])))
        await self._rename(new, name)
        if old["State"]["Running"]:
            await self._done("POST", f"/containers/{new}/start")

    async def _settle(self) -> None:
        """Bring a replacement that was under way to its end: the new one where it runs, else the old one as it was."""
        swap = self._remembered.swap
        if swap is None:
            return
        new, old = await self._inspect("containers", swap.new), await self._inspect("containers", swap.old)
        is_in_place = new is not None and name_of(new) == swap.name
        if new is not None and (old is None or (is_in_place and bool(new["State"]["Running"]) == swap.ran)):
            await self._finish()
        else:
            await self._take_back()
        _log.warning("a replacement of %s that was under way has been settled", swap.name)

    async def _finish(self) -> None:
        """Delete what was replaced: that, and nothing else; its volumes stay."""
        if self._remembered.swap is not None:
            await self._delete(self._remembered.swap.old)
            self._remembered.keep(None)

    async def _take_back(self) -> None:
        """The successor goes, and the old one has its name again and runs if it ran."""
        swap = self._remembered.swap
        if swap is None:
            return
        old = await self._inspect("containers", swap.old)
        await self._discard(swap.new)
        if old is not None:
            if name_of(old) != swap.name:
                await self._rename(swap.old, swap.name)
            if swap.ran:
                await self._done("POST", f"/containers/{swap.old}/start")
        self._remembered.keep(None)

    # --- beside others

    async def add_replicas(self, project: str, service: str, add: int, seen: int | None) -> Mapping[str, object]:
        """Make and start so many more. `seen` is how many the caller knows of: with others there, nothing is made.

        Raises NotFoundError for an unknown service, ConflictError.
        """
        async with self._one_at_a_time:
            there = await self._replicas(project, service)
            if seen is not None and len(there) != seen:
                raise ConflictError(f"{project}/{service} has {len(there)} containers, not {seen}")
            if len(there) + add > self._max_replicas:
                raise ConflictError(f"{project}/{service} may have {self._max_replicas} containers at most")
            if idle := next((one for one in there if not one["State"]["Running"]), None):
                raise ConflictError(f"{name_of(idle)} is there and does not run: start that one")
            highest = max(map(_number, there))
            sibling = min(there, key=_number)
            new_container.check_fit(sibling)
            return {"Ids": [await self._one_more(sibling, highest + each) for each in range(1, add + 1)]}

    async def _one_more(self, sibling: Container, number: int) -> str:
        stem, count = re.subn(rf"{_number(sibling)}\Z", "", name_of(sibling))
        if not count:
            raise ConflictError(f"{name_of(sibling)} has a name of its own, without a number: no replica can be named")
        body = new_container.replica(sibling, await self._inspect("images", str(sibling["Image"])), number)
        made = await self._create(f"{stem}{number}", body, new_container.networks_of_replica(sibling))
        try:
            await self._done("POST", f"/containers/{made}/start")
        except AetherError as problem:
            await self._discard(made)
            raise ConflictError(f"a replica of {name_of(sibling)} did not start: {problem}") from problem
        return made

    async def _replicas(self, project: str, service: str) -> Sequence[Container]:
        labels = [f"{PROJECT}={project}", f"{SERVICE}={service}", f"{ONE_OFF}=False"]
        query = urlencode({"all": "1", "filters": json.dumps({"label": labels})})
        found = [await self.changeable(each["Id"]) for each in await self._done("GET", f"/containers/json?{query}")]
        if not found:
            raise NotFoundError(f"there is no container of {project}/{service}")
        return found

    # --- what the daemon is told

    async def _create(self, name: str, body: Mapping[str, Any], networks: Mapping[str, Mapping[str, Any]]) -> str:
        """The new container's id. Daemons before API 1.44 take one network at its birth: others are joined after."""
        first = dict(list(networks.items())[:1])
        whole = {**body, **({"NetworkingConfig": {"EndpointsConfig": first}} if first else {})}
        made = str((await self._done("POST", f"/containers/create?{urlencode({'name': name})}", whole))["Id"])
        try:
            for network in list(networks)[1:]:
                joining = {"Container": made, "EndpointConfig": networks[network]}
                await self._done("POST", f"/networks/{quote(network, safe='')}/connect", joining)
        except AetherError:
            await self._discard(made)
            raise
        return made

    async def _stop(self, id_: str, grace: int) -> None:
        target = f"/containers/{id_}/stop?t={grace}"
        await self._daemon.done("POST", target, seconds=self._seconds + grace)

    async def _rename(self, id_: str, name: str) -> None:
        await self._done("POST", f"/containers/{id_}/rename?{urlencode({'name': name})}")

    async def _discard(self, id_: str) -> None:
        """One that this proxy made in vain, with the unnamed volumes that came with it; those it was given stay."""
        await self._delete(id_, "&v=1")

    async def _delete(self, id_: str, more: str = "") -> None:
        """One that this proxy has replaced, or made in vain. Nothing happens where it is gone."""
        try:
            await self._done("DELETE", f"/containers/{id_}?force=1{more}")
        except RejectedError as problem:
            if problem.status != 404:
                raise

    async def _inspect(self, kind: str, name: str) -> Container | None:
        try:
            found: Container = await self._done("GET", f"/{kind}/{name}/json")
        except RejectedError as problem:
            if problem.status != 404:
                raise
            return None
        if not isinstance(found, dict) or _ID.fullmatch(str(found.get("Id"))) is None:
            raise AnswerError(f"the daemon's answer about {name} has no id")
        return found

    async def _done(self, method: str, target: str, body: Mapping[str, Any] | None = None) -> Any:
        return await self._daemon.done(method, target, body, seconds=self._seconds)


def grace_of(container: Container, asked: int | None) -> int:
    """Seconds until the daemon kills it: as asked for, else the container's own, else Docker's."""
    own = container["Config"].get("StopTimeout")
    return min(asked if asked is not None else own if own is not None else _DOCKERS_GRACE, GRACE_MAX)


def _aside(name: str, word: str, id_: str) -> str:
    return f"{name[:80]}-aether-{word}-{id_[:12]}"


def _never_ran(container: Container) -> bool:
    return bool(container["State"]["Status"] == "created")


def _number(container: Container) -> int:
    text = labels_of(container).get(NUMBER, "")
    if re.fullmatch(r"[0-9]{1,6}", text) is None:
        raise ConflictError(f"{name_of(container)} has no number among the replicas of its service")
    return int(text)
