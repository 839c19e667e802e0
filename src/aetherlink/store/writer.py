"""The one writer: a thread that drains a bounded queue and commits what it drained in one transaction.

Each piece of work runs in a savepoint of its own, so that one that fails takes no other with it. Nobody is answered
before the commit that holds his work, and what the writer remembers beside the database changes only then.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from aetherlink.errors import AetherError, OverloadedError, StoreError, UnfitError
from aetherlink.ports import Transaction
from aetherlink.store.memory import Layer, Memory
from aetherlink.store.transaction import SqlTransaction

T = TypeVar("T")
_Result = tuple[object, BaseException | None]

_MOST_WAITING = 10_000
_MOST_IN_ONE_COMMIT = 500


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[Transaction], Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]

    def run(self, connection: sa.Connection, layer: Layer) -> object:
        """The result of the work; a bug in it is an UnfitError."""
        try:
            return self.work(SqlTransaction(connection, layer))
        except (AetherError, sa.exc.SQLAlchemyError):
            raise
        except Exception as problem:  # whatever it is, it is a bug of the work and not of the store
            raise _in_own_words(UnfitError, problem) from problem

    def settle(self, result: object, problem: BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the caller's loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._settle, result, problem)

    def _settle(self, result: object, problem: BaseException | None) -> None:
        if self.answer.done():  # the caller went away; what was committed stays committed
            return
        if problem is None:
            self.answer.set_result(result)
        else:
            self.answer.set_exception(problem)


class Writer:
    """Runs every write of the process on its own thread."""

    def __init__(self, engine: sa.Engine, memory: Memory) -> None:
        self._engine = engine
        self._memory = memory
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._is_in_doubt = False  # a commit failed, and perhaps only its answer was lost; or a row contradicts

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued, then end the thread. Blocks until then."""
        self._jobs.put(None)
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """The result of `work` once it is committed.

        Raises StoreError when it cannot be committed, OverloadedError when too much is waiting.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise OverloadedError(f"the store has {_MOST_WAITING} writes waiting: try again") from None
        answer: T = await job.answer
        return answer

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            batch, is_last = self._drain(first)
            self._commit(batch)
            if is_last:
                return

    def _drain(self, first: _Job) -> tuple[list[_Job], bool]:
        batch = [first]
        while len(batch) < _MOST_IN_ONE_COMMIT:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return batch, True
            batch.append(job)
        return batch, False

    def _commit(self, batch: list[_Job]) -> None:
        try:
            self._end_doubt()
            layer = self._memory.layer()
            with self._engine.begin() as connection:
                if len(batch) == 1:  # a savepoint of its own would cost more than the work
                    results: list[_Result] = [(batch[0].run(connection, layer), None)]
                else:
                    results = [self._attempt(connection, job, layer) for job in batch]
                self._memory.save(connection, layer)
                self._is_in_doubt = True
        except Exception as problem:  # noqa: BLE001 - the named boundary of the writer: it outlives whatever happens
            own = _as_own(problem)
            self._is_in_doubt |= _contradicts(own)
            _settle_all(batch, own)
        else:
            self._is_in_doubt = any(_contradicts(failure) for _, failure in results)
            self._memory.keep(layer)
            for job, (result, failure) in zip(batch, results, strict=True):
                job.settle(result, failure)

    def _end_doubt(self) -> None:
        """Remember what is stored in truth: ids and hashes made from anything else would collide with it."""
        if self._is_in_doubt:
            with self._engine.begin() as connection:
                self._memory.reload(connection)
            self._is_in_doubt = False

    def _attempt(self, connection: sa.Connection, job: _Job, below: Layer) -> _Result:
        """One job in a savepoint: a job that fails is undone alone, and only its caller hears of it."""
        savepoint = connection.begin_nested()
        layer = below.layer(self._memory.key)
        try:
            result = job.run(connection, layer)
        except (AetherError, sa.exc.DataError, sa.exc.IntegrityError) as problem:
            # Any other error is the database's own trouble: nothing of this batch may be called committed.
            savepoint.rollback()
            return None, _as_own(problem)
        savepoint.commit()
        below.absorb(layer)
        return result, None


def _settle_all(batch: list[_Job], problem: Exception) -> None:
    for job in batch:
        job.settle(None, problem)


def _contradicts(problem: BaseException | None) -> bool:
    return problem is not None and isinstance(problem.__cause__, sa.exc.IntegrityError)


def _as_own(problem: Exception) -> AetherError:
    """Unfit is what fails whenever it is tried: a value that the database does not take, a bug in the work.

    What contradicts a stored row may be no bug: this process may remember the database wrongly.
    """
    if isinstance(problem, AetherError):
        return problem
    return _in_own_words(UnfitError if isinstance(problem, sa.exc.DataError) else StoreError, problem)


def _in_own_words(kind: type[StoreError], problem: Exception) -> StoreError:
    cause = getattr(problem, "orig", None) or problem
    error = kind(f"the store could not write: {type(cause).__name__}: {cause}")
    error.__cause__ = problem
    return error
