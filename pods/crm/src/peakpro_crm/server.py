"""Serves the application: its sockets, its start and its bounded stop.

`__main__` calls `serve`. One uvicorn server and one event loop serve every socket.
"""

import asyncio
import logging
import os
import signal
import socket
import threading
from types import FrameType

import uvicorn
import uvloop

from peakpro_crm import app, schema
from peakpro_crm.database import CONNECT_SECONDS, libpq_url
from peakpro_crm.errors import DatabaseAwayError, SchemaError, SettingsError
from peakpro_crm.settings import CrmSettings

_LOG = logging.getLogger("peakpro_crm.server")
_BACKLOG = 512
_JUST_CAME = 0.1  # seconds from a connection to its first request
_MARGIN = 1.0  # seconds that closing may take after the requests' own time is over
_GAVE_UP = 1


class Server(uvicorn.Server):
    """uvicorn's server, which a second never outlives its stop deadline, and answers whom it has let in."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody else in, wait for the requests of those who just came, and only then end what is idle."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_JUST_CAME)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, and end the process when a request, a thread or the loop itself does not let go."""
        if not self.should_exit:
            grace = float(self.config.timeout_graceful_shutdown or 0) + _MARGIN
            timer = threading.Timer(grace, _give_up, args=(grace,))
            timer.daemon = True
            timer.start()
        super().handle_exit(sig, frame)


def serve(settings: CrmSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises SettingsError for a socket that cannot be had, SchemaError."""
    _refuse_wrong_schema(settings)
    sockets = open_sockets(settings)
    config = uvicorn.Config(
        app.build(settings),
        log_config=None,
        access_log=False,
        lifespan="on",
        http="httptools",
        ws="none",
        backlog=_BACKLOG,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
    )
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn restores these and raises the signal again at the end: a stop that worked exits with 0.
        signal.signal(signal_number, lambda _number, _frame: None)
    names = ", ".join(_name(sock) for sock in sockets)
    _LOG.info("PeakPro CRM %s serves on %s", settings.release, names)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Server(config).serve(sockets=sockets))


def is_schema_right(settings: CrmSettings) -> bool:
    """Tell whether the database can be reached and needs no migration."""
    try:
        _check_schema(settings)
    except (DatabaseAwayError, SchemaError):
        return False
    return True


def open_sockets(settings: CrmSettings) -> list[socket.socket]:
    """Return the listening socket of CRM_LISTEN and, when given, the inherited one of CRM_LISTEN_FD."""
    own = _bind(*settings.address)
    if settings.listen_fd is None:
        return [own]
    try:
        return [own, _inherit(settings.listen_fd)]
    except SettingsError:
        own.close()
        raise


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        message = (
            f"CRM_LISTEN: cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; free it or choose another"
        )
        raise SettingsError(message) from error


def _inherit(fd: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=fd)
        listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise SettingsError(f"CRM_LISTEN_FD: {fd} is not an inherited socket: {error.strerror}") from error
    if not listening:
        sock.close()
        raise SettingsError(f"CRM_LISTEN_FD: socket {fd} does not listen: bind it and call listen() before the start")
    return sock


def _name(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"{host}:{port}"


def _check_schema(settings: CrmSettings) -> None:
    conninfo = libpq_url(settings.database_url.get_secret_value())
    schema.check(asyncio.run(schema.read_revision(conninfo, connect_seconds=CONNECT_SECONDS)))


def _refuse_wrong_schema(settings: CrmSettings) -> None:
    try:
        _check_schema(settings)
    except DatabaseAwayError as error:
        # Serving and saying "not ready" beats dying: the database may come back before anybody looks.
        _LOG.warning("starting without the database: %s", error)


def _give_up(grace: float) -> None:
    _LOG.error("not stopped %.1f s after the signal: ending the process", grace)
    logging.shutdown()
    os._exit(_GAVE_UP)
