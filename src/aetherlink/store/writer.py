"""The one writer: a thread that drains a bounded queue and commits what it drained in one transaction.

Each piece of work runs in a savepoint of its own, so that one that fails takes no other with it. Nobody is answered
before the commit that holds his work, and what the writer remembers beside the database changes only then.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from aetherlink.errors import AetherError, OverloadedError, StoreError, UnfitError
from aetherlink.ports import Transaction
from aetherlink.store.layer import Layer
from aetherlink.store.memory import Memory
from aetherlink.store.place import MAY_WAIT, LockedError
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

    def run(self, layer: Layer) -> object:
        """The result of the work; a bug in it is an UnfitError."""
        with _bugs_as_unfit():
            return self.work(SqlTransaction(layer))

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


@contextlib.contextmanager
def _bugs_as_unfit() -> Iterator[None]:
    try:
        yield
    except (AetherError, sa.exc.SQLAlchemyError):
        raise
    except Exception as problem:  # whatever it is, it is a bug of the work and not of the store
        raise _in_own_words(UnfitError, problem) from problem


class _Opening:
    """A transaction that begins when its connection is first asked for: what is known in memory needs none so far."""

    def __init__(self, engine: sa.Engine, *, may_wait: bool) -> None:
        self._engine = engine
        self._begun: tuple[sa.Connection, sa.RootTransaction] | None = None
        self.may_wait = may_wait

    def connection(self) -> sa.Connection:
        """The connection, in its transaction. Raises LockedError where it may not wait for a lock."""
        return self._begin()[0]

    def commit(self) -> None:
        """Make it durable, and let go of the connection."""
        connection, transaction = self._begin()
        with connection, transaction:
            pass

    def undo(self) -> None:
        """Whatever was begun."""
        if self._begun is not None:
            _let_go(self._begun[0])

    def _begin(self) -> tuple[sa.Connection, sa.RootTransaction]:
        """Whatever is in the way is the store's trouble, never the work's, although that may be what begins it."""
        try:
            if self._begun is None:
                self._begun = _connected(self._engine, may_wait=self.may_wait)
        except (AetherError, sa.exc.SQLAlchemyError):
            raise
        except Exception as problem:  # files that cannot be looked at, sockets that cannot be had
            raise _in_own_words(StoreError, problem) from problem
        return self._begun


def _connected(engine: sa.Engine, *, may_wait: bool) -> tuple[sa.Connection, sa.RootTransaction]:
    connection = engine.connect().execution_options(**{MAY_WAIT: may_wait})
    try:
        return connection, connection.begin()
    except BaseException:
        _let_go(connection)
        raise


@dataclass(frozen=True, slots=True)
class _Begun:
    """A transaction in which everything is done but what was put off, and the commit."""

    batch: list[_Job]
    transaction: _Opening
    layer: Layer
    results: list[_Result]


class Writer:
    """Runs every write of the process, one at a time: whoever holds the turn is the one writer.

    Work goes to a thread. Brief work begins where its caller is, when nobody else has the turn or waits for it: to hand
    it over, statement by statement, between two threads that share one interpreter takes longer than the work. Its
    commit, which waits for the disk, is always another thread's. `begins_here` allows that: a database whose
    statements wait for a network must not hold the caller up.
    """

    def __init__(self, engine: sa.Engine, memory: Memory, *, begins_here: bool) -> None:
        self._engine = engine
        self._memory = memory
        self._begins_here = begins_here
        self._turn = threading.Lock()
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_MOST_WAITING)
        self._begun: queue.SimpleQueue[_Begun | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name="store-writer", daemon=True),
            threading.Thread(target=self._finish_all, name="store-committer", daemon=True),
        ]
        self._is_waiting = False  # the thread has work, and waits for its turn
        self._is_in_trouble = False  # what was tried last failed
        self._is_in_doubt = False  # a commit failed, and perhaps only its answer was lost; or a row contradicts

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish what is queued and what has begun, then end the threads. Blocks until then."""
        writing, committing = self._threads
        self._begins_here = False
        self._jobs.put(None)
        writing.join()
        with self._turn:  # whatever began before has been committed
            self._begun.put(None)
        committing.join()

    @property
    def is_alive(self) -> bool:
        """Whether the threads run."""
        return all(thread.is_alive() for thread in self._threads)

    async def run(self, work: Callable[[Transaction], T], *, is_brief: bool = False) -> T:
        """The result of `work` once it is committed.

        Raises StoreError when it cannot be committed, OverloadedError when too much is waiting.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future())
        if is_brief and self._takes_turn():
            self._write_here(job)
        else:
            self._queue(job)
        answer: T = await job.answer
        return answer

    def _takes_turn(self) -> bool:
        """Whether the caller is the one writer now. In trouble he is not: a statement may wait for the lock then."""
        if not self._turn.acquire(blocking=False):
            return False
        # Not before: whoever had the turn until now may have failed with the last thing that he did.
        is_quiet = self._begins_here and not (self._is_in_trouble or self._is_in_doubt or self._is_waiting)
        if is_quiet and self._jobs.empty():
            return True
        self._turn.release()
        return False

    def _write_here(self, job: _Job) -> None:
        begun = None
        try:
            begun = self._begin([job], here=True)
        except LockedError:  # the thread may wait
            self._queue(job)
        finally:
            if begun is None:
                self._turn.release()
            else:
                self._begun.put(begun)

    def _queue(self, job: _Job) -> None:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise OverloadedError(f"the store has {_MOST_WAITING} writes waiting: try again") from None

    def _finish_all(self) -> None:
        while (begun := self._begun.get()) is not None:
            try:
                results = self._finish(begun)
            finally:
                self._turn.release()
            _settle(begun.batch, results)  # not before: who hears of it may have the next work in hand

    def _run(self) -> None:
        while (first := self._jobs.get()) is not None:
            self._is_waiting = True
            batch, is_last = self._drain(first)
            with self._turn:
                self._is_waiting = False
                begun = self._begin(batch)
                results = None if begun is None else self._finish(begun)
            if results is not None:
                _settle(batch, results)
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

    def _begin(self, batch: list[_Job], *, here: bool = False) -> _Begun | None:
        """Do all of it but the commit; None when it failed, which was told then. Raises LockedError, if `here`."""
        transaction = _Opening(self._engine, may_wait=not here)
        try:
            self._end_doubt()
            layer = self._memory.layer(transaction.connection, writes_last=here)
            if len(batch) == 1:  # a savepoint of its own would cost more than the work
                results: list[_Result] = [(batch[0].run(layer), None)]
            else:
                results = [self._attempt(transaction.connection(), job, layer) for job in batch]
            self._memory.save(layer)
        except LockedError:
            transaction.undo()
            raise
        except Exception as problem:  # noqa: BLE001 - the named boundary of the writer: it outlives whatever happens
            self._fail(batch, transaction, problem)
            return None
        except BaseException:
            self._fail(batch, transaction, StoreError("the agent was stopped before this was stored: try again"))
            raise
        return _Begun(batch, transaction, layer, results)

    def _finish(self, begun: _Begun) -> list[_Result]:
        """Commit it. What became of each piece of work, to be told once the turn is free."""
        begun.transaction.may_wait = True
        try:
            with _bugs_as_unfit():
                begun.layer.write_last()
            self._is_in_doubt = True
            begun.transaction.commit()
        except Exception as problem:  # noqa: BLE001 - as above
            return [(None, self._failed(begun.transaction, problem))] * len(begun.batch)
        self._is_in_trouble = False
        self._is_in_doubt = any(_contradicts(failure) for _, failure in begun.results)
        self._memory.keep(begun.layer)
        return begun.results

    def _fail(self, batch: list[_Job], transaction: _Opening, problem: Exception) -> None:
        own = self._failed(transaction, problem)
        _settle(batch, [(None, own)] * len(batch))

    def _failed(self, transaction: _Opening, problem: Exception) -> AetherError:
        own = _as_own(problem)
        self._is_in_trouble = True
        self._is_in_doubt |= _contradicts(own)
        transaction.undo()
        return own

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
            result = job.run(layer)
        except (AetherError, sa.exc.DataError, sa.exc.IntegrityError) as problem:
            # Any other error is the database's own trouble: nothing of this batch may be called committed.
            savepoint.rollback()
            return None, _as_own(problem)
        savepoint.commit()
        below.absorb(layer)
        return result, None


def _let_go(connection: sa.Connection) -> None:
    with contextlib.suppress(sa.exc.SQLAlchemyError):  # what was begun is undone, or the connection is gone
        connection.close()


def _settle(batch: list[_Job], results: list[_Result]) -> None:
    for job, (result, problem) in zip(batch, results, strict=True):
        job.settle(result, problem)


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
