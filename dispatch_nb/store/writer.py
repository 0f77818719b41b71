"""The one thread that writes: operations queue up and share transactions."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import sqlalchemy as sa

from ..errors import StoreError
from .database import Database
from .failures import store_error

__all__ = ["Operation", "SharedOperation", "Writer"]

_T = TypeVar("_T")
Operation = Callable[[sa.Connection], _T]
SharedOperation = Callable[[sa.Connection, Sequence[_T]], None]

_GROUP_LIMIT = 256
# How long the thread waits for something to write before it ends; the next write starts one.
IDLE_S = 10.0


@dataclass(slots=True)
class _Job:
    operation: Operation[Any]
    future: Future[Any]
    shared: SharedOperation[Any] | None = None
    part: Any = None
    result: Any = None
    error: BaseException | None = None


class _TransactionLostError(Exception):
    """A full or failing disk ended a transaction, also for what others had written in it."""


class Writer:
    """Runs operations in the order they were submitted, as many as are waiting per commit.

    A future resolves after the commit that holds its operation. An operation that fails
    fails alone: those it shares a transaction with are stored. So an operation may be run
    twice, and must leave nothing behind but what it writes.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, operation: Operation[_T]) -> Future[_T]:
        """Queue an operation.

        Raises
        ------
        StoreError
            If the writer is closed.
        """
        return self._submit(_Job(operation, Future()))

    def submit_part(self, shared: SharedOperation[_T], part: _T) -> Future[None]:
        """Queue an operation that writes its neighbours' parts with its own.

        Parts that wait one behind the other for the same operation are given to it in one
        call. If that fails, each is given to it alone, so a part still fails by itself.

        Raises
        ------
        StoreError
            If the writer is closed.
        """
        return self._submit(_Job(lambda c: shared(c, [part]), Future(), shared, part))

    def _submit(self, job: _Job) -> Future[Any]:
        with self._lock:
            if self._closed:
                raise StoreError(
                    f"The store {self._database.location} is closed. Open it again to write to it."
                )
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="dispatch_nb store", daemon=True
                )
                self._thread.start()
            self._queue.put(job)
        return job.future

    def close(self) -> None:
        """Write everything that was submitted, then end the thread and close the database."""
        with self._lock:
            first, self._closed = not self._closed, True
            thread = self._thread
            if first and thread is not None:
                self._queue.put(None)
        if thread is None:
            self._database.close()
            return
        # Garbage collection may close a store on one of its own threads.
        if thread is not threading.current_thread() and not self._database.on_own_thread:
            thread.join()

    def _run(self) -> None:
        while True:
            try:
                group, ended = self._next_group()
            except queue.Empty:
                with self._lock:
                    # What was submitted in this very moment counts on this thread.
                    if self._queue.empty():
                        self._thread = None
                        return
                continue
            jobs = [job for job in group if job.future.set_running_or_notify_cancel()]
            if jobs:
                self._write(jobs)
            if ended:
                break
            # A waiting thread holds on to nothing of what it has written.
            del group, jobs
        self._database.close()

    def _next_group(self) -> tuple[list[_Job], bool]:
        """Wait for a job, then take along what has queued up behind it.

        Raises
        ------
        queue.Empty
            If there was nothing to write for a while.
        """
        group: list[_Job] = []
        job = self._queue.get(timeout=IDLE_S)
        while job is not None:
            group.append(job)
            if len(group) == _GROUP_LIMIT:
                return group, False
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write(self, jobs: Sequence[_Job]) -> None:
        """Write jobs in one transaction, and say so; if one fails, the others are written."""
        try:
            if not self._write_plainly(jobs):
                self._write_each_safely(jobs)
        except _TransactionLostError:
            for job in jobs:
                self._write([job])
            return
        except Exception as error:
            for job in jobs:
                job.future.set_exception(job.error or error)
            return
        self._database.committed()
        for job in jobs:
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)

    def _write_plainly(self, jobs: Sequence[_Job]) -> bool:
        """Write jobs as if none could fail; false, with nothing written, if one of several does.

        Marking in the transaction where each job begins would cost more than most jobs do.
        """
        try:
            with self._database.write() as connection:
                for shared, run in groupby(jobs, key=lambda job: job.shared):
                    together = list(run)
                    if shared is not None:
                        shared(connection, [job.part for job in together])
                    else:
                        for job in together:
                            job.result = job.operation(connection)
        except Exception:
            if len(jobs) == 1:
                raise
            return False
        return True

    def _write_each_safely(self, jobs: Sequence[_Job]) -> None:
        """Write jobs so that one that fails leaves nothing behind and the others stay."""
        with self._database.write() as connection:
            for job in jobs:
                job.result, error = _run_in_savepoint(connection, job.operation)
                if isinstance(error, sa.exc.SQLAlchemyError):
                    error = store_error(error, self._database.location)
                job.error = error


def _run_in_savepoint(
    connection: sa.Connection, operation: Operation[_T]
) -> tuple[_T | None, Exception | None]:
    """Run an operation; return its result, or the error that left nothing of it written."""
    savepoint = connection.begin_nested()
    try:
        result = operation(connection)
    except Exception as error:
        try:
            savepoint.rollback()
        except sa.exc.SQLAlchemyError:
            raise _TransactionLostError from error
        return None, error
    savepoint.commit()
    return result, None
