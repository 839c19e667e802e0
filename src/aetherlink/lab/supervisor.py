"""The lab as a whole: settles tools, ports and files, starts the services in order, watches them, stops them in order.

Called by `runner`; the control API asks its services. `start` either brings everything up or leaves nothing behind.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable
from typing import Any

import httpx

from aetherlink.errors import AetherError
from aetherlink.lab import (
    addresses,
    config_files,
    control,
    database_folder,
    identity,
    layout,
    logs,
    plans,
    postgres,
    processes,
    provision,
    record,
)
from aetherlink.lab.errors import LabError, LabStartError, PortTakenError
from aetherlink.lab.options import CRM_REPLICAS_MAX, LabOptions
from aetherlink.lab.services import Service, ServicePlan
from aetherlink.lab.states import ServiceView
from aetherlink.lab.tools import ToolSet
from aetherlink.ports import Clock

Tell = Callable[[str], None]
_WEB_SERVICES = ("crm", "prometheus", "alertmanager", "agent")
_LOG_ROUND_SECONDS = 5.0
_PORT_CHANCES = 5
_TAKEN = "another program has taken the port of {} meanwhile"
# What a program says when it cannot listen; the kernel's words, in every language that the lab's programs are made of.
_ADDRESS_IN_USE = os.strerror(errno.EADDRINUSE).lower()


class Lab:
    """One run of a lab in a directory. Use it once: `start`, then `wait_for_stop`, then `stop` whatever happened."""

    def __init__(self, options: LabOptions, *, clock: Clock, tell: Tell) -> None:
        self.options = options
        self.services: dict[str, Service] = {}
        self.urls: dict[str, str] = {}
        self.moved: tuple[str, ...] = ()
        self._clock = clock
        self._tell = tell
        self._started_at = clock.now()
        self._stop_asked = asyncio.Event()
        self._cleanups = contextlib.AsyncExitStack()
        self._layout = layout.Layout(options.dir)
        self._control_path = self._layout.control

    def request_stop(self) -> None:
        """Ask for the end. Asked a second time, nobody is given time any more."""
        if self._stop_asked.is_set():
            for service in self.services.values():
                service.kill()
        self._stop_asked.set()

    async def wait_for_stop(self) -> None:
        """Until somebody has asked for the end."""
        await self._stop_asked.wait()

    async def start(self) -> bool:
        """Bring everything up. False when the end was asked for meanwhile. Raises AetherError when it fails."""
        starting = asyncio.ensure_future(self._start())
        asked = asyncio.ensure_future(self._stop_asked.wait())
        try:
            await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            return starting.done()
        finally:
            await _cancel(starting)
            await _cancel(asked)

    async def stop(self) -> None:
        """End everything that was started, in the opposite order."""
        await self._cleanups.aclose()

    async def _start(self) -> None:
        processes.require_setpriv()
        layout.prepare(self.options.dir)
        await self._cleanups.enter_async_context(layout.hold(self._layout))
        await self._end_leftovers()
        await self._keep_databases()
        tools = await provision.tools(self.options, self._tell)
        for chances_left in reversed(range(_PORT_CHANCES)):
            attempt = await self._cleanups.enter_async_context(contextlib.AsyncExitStack())
            try:
                await self._bring_up(tools, attempt)
            except PortTakenError as error:
                if not chances_left:
                    raise
                self._tell(f"{error}; starting again on other ports")
                await attempt.aclose()
            else:
                return

    async def _bring_up(self, tools: ToolSet, attempt: contextlib.AsyncExitStack) -> None:
        """Everything but the directory, which outlives the attempt. Raises PortTakenError when ports must be moved."""
        plan = await self._settle(tools, attempt)
        self.services.clear()
        for service_plan in self._service_plans(plan):
            self.services[service_plan.name] = Service(
                service_plan,
                clock=self._clock,
                interval=self.options.interval,
                grace=self.options.grace,
                on_change=self._write_record,
                tell=self._tell_of_service,
            )
        attempt.push_async_callback(self._stop_services)
        await attempt.enter_async_context(control.serving(self._control_path, self.services, self.request_stop))
        self._write_record()
        attempt.push_async_callback(_cancel, asyncio.create_task(self._keep_logs_short()))
        await self._start_services()

    async def _end_leftovers(self) -> None:
        earlier = record.read(self._layout)
        ended = await record.end_leftovers(earlier) if earlier is not None else []
        if ended:
            self._tell(f"ended what an earlier lab had left behind: {', '.join(ended)}")

    async def _keep_databases(self) -> None:
        """Remove the databases of labs that are gone; keep this lab's from others who do the same."""
        gone = await asyncio.to_thread(database_folder.sweep)
        if gone:
            self._tell(f"removed the databases of labs that are gone: {', '.join(map(str, gone))}")
        if self.options.database_url is None and postgres.choose_account() is not None:
            await self._cleanups.enter_async_context(database_folder.hold(self.options.dir))

    async def _settle(self, tools: ToolSet, attempt: contextlib.AsyncExitStack) -> plans.LabPlan:
        """Ports, settings files: everything that must be fixed before the first process."""
        ports, crm_ports = self._choose_ports()
        listener = attempt.enter_context(contextlib.closing(_listen(ports["crm"])))
        self._control_path = layout.control_socket(self._layout)
        config_files.write_all(self.options, self._layout, ports, self._control_path)
        # No proxies from the environment: the probes ask this machine.
        client = await attempt.enter_async_context(httpx.AsyncClient(trust_env=False))
        plan = plans.LabPlan(self.options, self._layout, tools, ports, crm_ports, listener, client)
        shown = [name for name in _WEB_SERVICES if name != "agent" or self.options.agent]
        self.urls = {name: plan.url(name) for name in shown}
        return plan

    def _choose_ports(self) -> tuple[dict[str, int], tuple[int, ...]]:
        wanted = self.options.ports
        taken: list[int] = []
        moved: list[str] = []

        def choose(port: int, purpose: str) -> int:
            choice = addresses.choose_port(port, taken, purpose=purpose)
            taken.append(choice.port)
            if choice.moved:
                moved.append(choice.moved)
            return choice.port

        ports = {name: choose(getattr(wanted, name), name) for name in _WEB_SERVICES}
        replicas = range(1, CRM_REPLICAS_MAX + 1)
        base = ports["crm"] if wanted.crm else 0
        crm_ports = tuple(choose(base + index if base else 0, f"replica {index} of crm") for index in replicas)
        self.moved = tuple(moved)
        for message in moved:
            self._tell(message)
        return ports, crm_ports

    def _service_plans(self, plan: plans.LabPlan) -> list[ServicePlan]:
        """In the order in which they are shown and, backwards, stopped."""
        found: list[ServicePlan] = []
        if self.options.database_url is None:
            binaries = postgres.find_binaries(self.options.postgres_bin)
            home = postgres.prepare_home(self.options.dir, binaries, postgres.choose_account())
            if not home.data.is_relative_to(self.options.dir):
                self._tell(f"the database is kept in {home.data.parent}; `aether lab down --purge` removes it")
            found.append(plans.database(plan, home))
            database_url = home.url
        else:
            database_url = plans.sqlalchemy_url(self.options.database_url.get_secret_value())
        found += [plans.prometheus(plan), plans.alertmanager(plan), plans.crm(plan, database_url)]
        if self.options.traffic:
            found.append(plans.traffic(plan))
        if self.options.agent:
            found.append(plans.agent(plan))
        return found

    async def _start_services(self) -> None:
        """The database, the CRM, then who measures it and who uses it; the others beside them.

        Prometheus comes after the CRM: a start is no outage, and is not to be measured as one.
        """
        chains = (("postgres", "crm", "prometheus", "traffic"), ("alertmanager",), ("agent",))
        tasks = [asyncio.ensure_future(self._start_chain(chain)) for chain in chains]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                await _cancel(task)

    async def _start_chain(self, names: tuple[str, ...]) -> None:
        for service in (self.services[name] for name in names if name in self.services):
            try:
                await service.start(within=self.options.ready_within)
            except LabError:
                raise
            except AetherError as error:
                last = logs.tail(service.plan.log)
                if _ADDRESS_IN_USE in last.lower():
                    raise PortTakenError(_TAKEN.format(service.plan.name)) from error
                raise LabStartError(f"{error}\nthe end of {service.plan.log}:\n{last}") from error
            # Whoever took the port may answer the probes just as well.
            if await asyncio.to_thread(_lost_a_port, service.view()):
                raise PortTakenError(_TAKEN.format(service.plan.name))

    async def _stop_services(self) -> None:
        """Those who ask others first; nobody is left to measure the end of the CRM as an outage."""
        for group in (("traffic", "agent"), ("alertmanager", "prometheus"), ("crm",), ("postgres",)):
            await asyncio.gather(*(self.services[name].stop() for name in group if name in self.services))
        self._layout.control.unlink(missing_ok=True)
        self._layout.record.unlink(missing_ok=True)

    async def _keep_logs_short(self) -> None:
        while not self._stop_asked.is_set():
            await asyncio.sleep(_LOG_ROUND_SECONDS)
            for service in self.services.values():
                await asyncio.to_thread(logs.cut, service.plan.log, self.options.log_bytes)

    def _tell_of_service(self, line: str) -> None:
        """What has become of a service; its end is no news any more once the lab's end was asked for."""
        if not self._stop_asked.is_set():
            self._tell(line)

    def _write_record(self) -> None:
        me = identity.identify(os.getpid())
        if me is None or not self._layout.root.exists():
            return
        children = tuple(
            record.ProcessRecord(service=name, pid=child.identity.pid, born=child.identity.born)
            for name, service in self.services.items()
            for child in service.children()
            if child.identity is not None
        )
        record.write(
            self._layout,
            record.LabRecord(
                lab=record.ProcessRecord(service="lab", pid=me.pid, born=me.born),
                started_at=self._started_at,
                control_socket=str(self._control_path),
                urls=self.urls,
                moved=self.moved,
                children=children,
            ),
        )


def _listen(port: int) -> socket.socket:
    try:
        return addresses.listen(port)
    except OSError as error:
        raise PortTakenError(f"port {port} was taken by another program a moment ago") from error


def _lost_a_port(view: ServiceView) -> bool:
    replicas = [(one.pid or 0, one.port) for one in view.replicas if one.port is not None]
    return any(not addresses.is_listening(pid, port) and not addresses.is_free(port) for pid, port in replicas)


async def _cancel(task: "asyncio.Future[Any]") -> None:
    """End the task, if it has not ended, and wait for that."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, AetherError):
        await task
