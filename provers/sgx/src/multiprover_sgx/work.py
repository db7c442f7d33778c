"""A call's work in a thread of its own: it reports progress, and can be stopped when it does not look."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

HEARTBEAT_S = 0.5
"""The longest pause between two reports of progress."""
PATIENCE_S = 0.3
"""How long work that was told to stop may take to notice, before it is interrupted."""
GIVE_UP_S = 10.0


class Stopped(BaseException):
    """Raised inside work that was stopped. Not an ``Exception``: no transition catches it by accident."""


class OverTimeError(Exception):
    """The work did not end within its limit."""


class Work(Generic[T]):
    """``function(work)`` run in a thread.

    Attributes:
        progress: stage and fraction of the whole, 0 to 1; ``function`` assigns it.
    """

    def __init__(self, function: Callable[[Work[T]], T], *, limit_s: float | None = None) -> None:
        self.progress: tuple[str, float] = ("start", 0.0)
        self._function = function
        self._until = None if limit_s is None else time.monotonic() + limit_s
        self._stop = threading.Event()
        self._done = threading.Event()
        self._changed = threading.Event()
        self._result: list[T] = []
        self._error: BaseException | None = None
        # A daemon, so that nothing that a transition does can keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="sgx-work", daemon=True)

    @property
    def stopped(self) -> bool:
        """Whether it was stopped before it had a result."""
        return not self._result and self._error is None

    def check(self) -> None:
        """Called by the work, often: raises :class:`Stopped` once it has been stopped."""
        if self._stop.is_set():
            raise Stopped

    def stop(self) -> None:
        """Ask the work to stop. Returns at once."""
        self._stop.set()
        self._changed.set()

    def run(self) -> Iterator[tuple[str, float]]:
        """Start the work and yield its progress, at least every half second, until it ends or is stopped.

        Afterwards the work has ended; only code that cannot be interrupted may still run on for a while.

        Raises:
            OverTimeError: the work is over its limit.
        """
        self._thread.start()
        try:
            yield self.progress
            while True:
                self._changed.wait(HEARTBEAT_S)
                if self._done.is_set() or self._stop.is_set():
                    return
                if self._until is not None and time.monotonic() > self._until:
                    raise OverTimeError
                yield self.progress
        finally:
            self._end()

    def result(self) -> T | None:
        """What the function returned; None when it was stopped.

        Raises:
            BaseException: what the function raised.
        """
        if self._error is not None:
            raise self._error
        return self._result[0] if self._result else None

    def _run(self) -> None:
        try:
            self._result.append(self._function(self))
        except Stopped:
            pass
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()
            self._changed.set()

    def _end(self) -> None:
        self._stop.set()
        until = time.monotonic() + GIVE_UP_S
        self._thread.join(PATIENCE_S)
        # A loop in the transition looks at nothing: raise Stopped in its thread, again if it was caught.
        while self._thread.is_alive() and time.monotonic() < until:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident or 0), ctypes.py_object(Stopped)
            )
            self._thread.join(0.05)
