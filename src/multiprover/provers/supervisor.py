"""Running a prover as a process of its own: started, watched, restarted and ended here.

One prover's fault stays its own: each has its process, its socket, its thread that watches it and its limits.
What a process leaves running ends with it, and all of it ends with this process, even if that is killed
(``guard.py``).
"""

from __future__ import annotations

import collections
import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil
import structlog

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers import guard
from multiprover.provers.client import EarlyCallback, ProgressCallback, ProverClient, ProveResult, Usage
from multiprover.provers.errors import (
    ProverCancelled,
    ProverCrashed,
    ProverHung,
    ProverOutOfMemory,
    ProverTimedOut,
)
from multiprover.provers.manifest import Manifest

log: structlog.stdlib.BoundLogger = structlog.get_logger("multiprover.provers")

MIB = 1024 * 1024
SOCKET_PATH_BYTES = 103
"""The longest path of a unix socket that macOS takes (104 bytes with the final zero; Linux 108)."""
LOG_LINE_BYTES = 64 * 1024
"""A longer line of a prover's output is forwarded in pieces."""
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""What a prover sees of our environment: the rest may hold keys, and the prover be a stranger's."""
SAMPLE_BUSY_S = 0.1
SAMPLE_IDLE_S = 1.0
"""How often memory is looked at, while a call runs and otherwise. A shorter peak can stay unseen."""
LEVELS = {
    "trace": logging.DEBUG,
    "warn": logging.WARNING,
    "fatal": logging.CRITICAL,
    "panic": logging.CRITICAL,
}
RESERVED_FIELDS = {"prover", "event", "self", "exc_info", "stack_info", "time", "ts", "timestamp"}
"""Fields of a prover's log that are ours to say, or that mean something to the logger."""


def _three_quarters_of_memory() -> float:
    return float(psutil.virtual_memory().total) * 0.75 / MIB


@dataclass(frozen=True)
class Limits:
    """What a supervised prover may take.

    Attributes:
        memory_mib: resident memory of the prover and its children together; over it, it is killed. Pages
            that processes share count once for each.
        ready_s: from its start to ``ready`` and a good health check.
        stall_s: the longest silence of a call that streams; a prover that is silent longer is killed.
        grace_s: from SIGTERM to SIGKILL.
        restarts: how often in a row it is restarted; after that it stays down until ``start``.
        backoff_s: pause before the first restart of a row; doubled for each further one, to a minute.
        stable_s: a prover that ran this long, or proved a batch, begins a new row.
        nice: 0 to 19: how far it stands back where the processor is short, as Unix counts.
    """

    memory_mib: float = field(default_factory=_three_quarters_of_memory)
    ready_s: float = 60.0
    stall_s: float = 30.0
    grace_s: float = 5.0
    restarts: int = 5
    backoff_s: float = 0.5
    stable_s: float = 60.0
    nice: int = 0


class SupervisedProver:
    """A prover run from a command: ``COMMAND --listen unix:///… --cache DIR``. Thread-safe.

    Calls raise what :class:`~multiprover.provers.client.ProverClient` raises; a crash says how the process
    ended and its last log lines. ``prepare`` and ``prove`` run one at a time, so that a call's usage is its
    own; a call waits for its turn, and for a restart under way, within its deadline. One that hangs or runs
    out of its deadline kills the process: there is no other way to be sure that the work stops.
    """

    def __init__(
        self,
        proof_type: str,
        command: Sequence[str],
        cache: Path,
        *,
        env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        """``cache`` is a folder for its keys; ``env`` is added to the few variables that it sees."""
        self._proof_type = proof_type
        self._command = tuple(command)
        self._cache = cache
        self._env = dict(env or {})
        self._limits = limits or Limits()
        self._starting = threading.Lock()
        self._turn = threading.Lock()
        self._changed = threading.Condition()
        # Guarded by _changed:
        self._process: _Process | None = None
        self._down = "has not been started"
        self._monitor: threading.Thread | None = None
        self._row = 0
        self._stopping = threading.Event()

    @property
    def proof_type(self) -> str:
        return self._proof_type

    @property
    def pid(self) -> int | None:
        """The process id of the guard under which the prover runs now; ``None`` while it is down."""
        with self._changed:
            return self._process.guard.pid if self._process else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start it and return when it serves; nothing where it already runs.

        Raises:
            ProverCrashed: it ended, or did not serve in time; it is not tried again.
        """
        with self._starting:
            self._start()

    def _start(self) -> None:
        with self._changed:
            if self._monitor is not None and self._monitor.is_alive():
                return
            self._stopping = threading.Event()
            self._row = 0
        process = self._spawn()
        failure = process.wait_until_serving(self._stopping)
        if failure is not None:
            process.end()
            with self._changed:
                self._down = failure
            raise ProverCrashed(self._proof_type, failure)
        with self._changed:
            self._process = process
            self._monitor = threading.Thread(
                target=self._supervise,
                args=(process, self._stopping),
                name=f"supervise-{self._proof_type}",
                daemon=True,
            )
            self._monitor.start()

    def close(self) -> None:
        """Stop it: SIGTERM, after the grace SIGKILL. Nothing of it runs then; its calls are cancelled."""
        with self._changed:
            monitor = self._monitor
            self._stopping.set()
            if self._process is not None:
                self._process.wake.set()
            self._changed.notify_all()
        if monitor is not None:
            monitor.join()

    def describe(self) -> Manifest:
        with self._serving(None, None, None) as process:
            return process.client.describe()

    def prepare(
        self,
        request: pb.PrepareRequest,
        *,
        batch: str | None = None,
        progress: ProgressCallback | None = None,
        deadline_s: float | None = None,
        cancel: threading.Event | None = None,
    ) -> pb.Prepared:
        until = _until(deadline_s)
        with (
            self._my_turn(batch, until, cancel),
            self._serving(batch, until, cancel) as process,
            process.working(),
        ):
            return process.client.prepare(
                request, batch=batch, progress=progress, deadline_s=_left(until), cancel=cancel
            )

    def prove(
        self,
        request: pb.ProveRequest,
        *,
        batch: str | None = None,
        progress: ProgressCallback | None = None,
        deadline_s: float | None = None,
        cancel: threading.Event | None = None,
        early: EarlyCallback | None = None,
    ) -> ProveResult:
        """As the client's, with the usage of the call."""
        until = _until(deadline_s)
        with (
            self._my_turn(batch, until, cancel),
            self._serving(batch, until, cancel) as process,
            process.working() as meter,
        ):
            result = process.client.prove(
                request,
                batch=batch,
                progress=progress,
                deadline_s=_left(until),
                cancel=cancel,
                early=early,
            )
            usage = meter.read()
        with self._changed:
            self._row = 0
        return ProveResult(result.proof, usage)

    def verify(
        self, statement: pb.Statement, proof: pb.Proof, *, batch: str | None = None, deadline_s: float = 60.0
    ) -> None:
        until = _until(deadline_s)
        with self._serving(batch, until, None) as process:
            process.client.verify(statement, proof, batch=batch, deadline_s=_left(until) or deadline_s)

    @contextlib.contextmanager
    def _my_turn(
        self, batch: str | None, until: float | None, cancel: threading.Event | None
    ) -> Iterator[None]:
        while not self._turn.acquire(timeout=0.05):
            self._check_wait(batch, until, cancel, "waited for its turn")
        try:
            yield
        finally:
            self._turn.release()

    @contextlib.contextmanager
    def _serving(
        self, batch: str | None, until: float | None, cancel: threading.Event | None
    ) -> Iterator[_Process]:
        """The process, once it serves; errors of the call inside get what is known of the process."""
        with self._changed:
            while self._process is None or self._process.condemned:
                if self._monitor is None or not self._monitor.is_alive():
                    raise ProverCrashed(self._proof_type, f"is down: {self._down}", batch=batch)
                self._check_wait(batch, until, cancel, "waited for a restart")
                self._changed.wait(0.05)
            process = self._process
        self._check_wait(batch, until, cancel, "waited")
        try:
            yield process
        except ProverCrashed as error:
            # The connection breaks a moment before the end of the process is known.
            if not process.ended.wait(self._limits.grace_s if process.condemned else 2.0):
                raise
            if self._stopping.is_set():
                raise ProverCancelled(self._proof_type, "was stopped", batch=batch) from error
            kind = ProverOutOfMemory if process.out_of_memory else ProverCrashed
            raise kind(self._proof_type, process.ending(), batch=batch) from error

    def _check_wait(
        self, batch: str | None, until: float | None, cancel: threading.Event | None, what: str
    ) -> None:
        if self._stopping.is_set():
            raise ProverCancelled(self._proof_type, "was stopped", batch=batch)
        if cancel is not None and cancel.is_set():
            raise ProverCancelled(self._proof_type, "cancelled", batch=batch)
        if until is not None and time.monotonic() > until:
            raise ProverTimedOut(self._proof_type, f"{what} until its deadline", batch=batch)

    def _spawn(self) -> _Process:
        return _Process(self._proof_type, self._command, self._cache, self._env, self._limits)

    def _supervise(self, process: _Process, stopping: threading.Event) -> None:
        """Watch the process, restart it when it ends; the thread of this prover."""
        while True:
            started = time.monotonic()
            process.watch(stopping)
            process.end()
            reason = process.ending()
            with self._changed:
                self._process = None
                self._down = reason
                if time.monotonic() - started > self._limits.stable_s:
                    self._row = 0
            if stopping.is_set():
                return
            log.warning("prover ended", prover=self._proof_type, reason=reason)
            next_process = self._restarted(stopping)
            if next_process is None:
                return
            process = next_process
            with self._changed:
                self._process = process
                self._changed.notify_all()

    def _restarted(self, stopping: threading.Event) -> _Process | None:
        """A new process that serves; ``None`` when stopped or when the restarts are used up."""
        while True:
            with self._changed:
                if self._row >= self._limits.restarts:
                    self._down = f"gave up after {self._row} restarts; the last time it {self._down}"
                    log.error("prover is down", prover=self._proof_type, reason=self._down)
                    return None
                pause = min(60.0, self._limits.backoff_s * 2**self._row)
                self._row += 1
            if stopping.wait(pause):
                return None
            process = self._spawn()
            failure = process.wait_until_serving(stopping)
            if failure is None:
                log.info("prover restarted", prover=self._proof_type, restarts=self._row)
                return process
            process.end()
            with self._changed:
                self._down = failure
            log.warning("prover does not start", prover=self._proof_type, reason=failure)


class _Process:
    """One run of a prover, from its start to its end."""

    def __init__(
        self, name: str, command: tuple[str, ...], cache: Path, env: Mapping[str, str], limits: Limits
    ) -> None:
        self.name = name
        self.limits = limits
        self.wake = threading.Event()
        """Set when there is something for ``watch`` to look at."""
        self.ended = threading.Event()
        self.out_of_memory = False
        self.condemned: str | None = None
        """Why it was killed from here, once it was."""
        self._log = log.bind(prover=name)
        self._last_lines: collections.deque[str] = collections.deque(maxlen=3)
        self._ready = threading.Event()
        self._meter: _Meter | None = None
        self._meter_lock = threading.Lock()
        self._folder = private_folder()
        cache.mkdir(parents=True, exist_ok=True)
        address = f"unix://{self._folder / 's'}"
        visible = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ}
        self.guard = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", guard.__file__),
                *(str(limits.grace_s), str(limits.nice), str(self._folder)),
                *(*command, "--listen", address, "--cache", str(cache.resolve())),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=visible | dict(env),
            start_new_session=True,
        )
        self._tree = psutil.Process(self.guard.pid)
        assert self.guard.stdout is not None
        assert self.guard.stderr is not None
        self._readers = [
            threading.Thread(target=self._read_output, args=(self.guard.stdout,), daemon=True),
            threading.Thread(target=self._read_log, args=(self.guard.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        self.client = ProverClient(address, name, stall_s=limits.stall_s)

    def wait_until_serving(self, stopping: threading.Event | None = None) -> str | None:
        """Return ``None`` once it printed ``ready`` and is healthy, else what went wrong."""
        until = time.monotonic() + self.limits.ready_s
        while time.monotonic() < until:
            if stopping is not None and stopping.is_set():
                return "was stopped"
            if self.guard.poll() is not None:
                self._join_readers()
                return self.ending()
            if self._ready.wait(0.05) and self.client.healthy(deadline_s=1.0):
                return None
        missing = "a good health check" if self._ready.is_set() else "the line 'ready'"
        self.condemn(f"expected {missing} within {self.limits.ready_s:g} s of its start, found none")
        return self.condemned

    def watch(self, stopping: threading.Event) -> None:
        """Return when it has ended or is to be stopped; kill it over its memory limit."""
        while not stopping.is_set() and self.guard.poll() is None:
            self.wake.wait(SAMPLE_IDLE_S if self._meter is None else SAMPLE_BUSY_S)
            self.wake.clear()
            rss = self.rss_mib()
            with self._meter_lock:
                if self._meter is not None:
                    self._meter.peak_rss_mib = max(self._meter.peak_rss_mib, rss)
            if rss > self.limits.memory_mib and not self.condemned:
                self.out_of_memory = True
                self.condemn(
                    f"used {rss:.0f} MiB of memory, over its limit of {self.limits.memory_mib:.0f} MiB"
                )

    def condemn(self, reason: str) -> None:
        """Kill it at once."""
        self.condemned = self.condemned or reason
        with contextlib.suppress(OSError, ValueError):
            assert self.guard.stdin is not None
            self.guard.stdin.write(b"kill\n")
            self.guard.stdin.flush()
        self.wake.set()

    def end(self) -> None:
        """See it off: SIGTERM, SIGKILL after the grace, its folder removed."""
        assert self.guard.stdin is not None
        with contextlib.suppress(OSError):
            self.guard.stdin.close()
        try:
            self.guard.wait(self.limits.grace_s + 5.0)
        except subprocess.TimeoutExpired:
            # The prover dies with its guard (PR_SET_PDEATHSIG), its group by our hand.
            groups = {self.guard.pid, *(os.getpgid(p.pid) for p in self._family())}
            self.guard.kill()
            for group in groups:
                guard.kill_group(group, signal.SIGKILL)
            self.guard.wait()
        self._join_readers()
        # The guard has removed it, unless it was killed or could not start the prover.
        shutil.rmtree(self._folder, ignore_errors=True)
        self.ended.set()

    def ending(self) -> str:
        """How it ended, in words."""
        if self.condemned:
            return f"{self.condemned}, and was killed"
        status = self.guard.returncode
        if status is None:
            return "was stopped"
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"{how}; its last words: {' | '.join(self._last_lines) or 'none'}"

    @contextlib.contextmanager
    def working(self) -> Iterator[_Meter]:
        """Measure the call inside, one at a time; kill the process if the call does not end in time."""
        meter = _Meter(self, self.cpu_s(), self.rss_mib())
        with self._meter_lock:
            self._meter = meter
        self.wake.set()
        try:
            yield meter
        except (ProverHung, ProverTimedOut) as error:
            self.condemn(error.what)
            raise
        finally:
            with self._meter_lock:
                self._meter = None

    def rss_mib(self) -> float:
        """Resident memory of the prover and its children, without the guard."""
        total = 0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total / MIB

    def cpu_s(self) -> float:
        """User and system seconds of the prover and its children, those that have ended included."""
        total = 0.0
        for process in self._family():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def _family(self) -> list[psutil.Process]:
        try:
            return self._tree.children(recursive=True)
        except psutil.Error:
            return []

    def _join_readers(self) -> None:
        for reader in self._readers:
            reader.join(1.0)

    def _read_output(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(LOG_LINE_BYTES):
                text = line.decode(errors="replace").strip()
                if text == "ready":
                    self._ready.set()
                elif text:
                    self._log.info(text)
        # A prover's output ends with it: wait here for its status, so that its end is seen at once.
        self.guard.wait()
        self.wake.set()

    def _read_log(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(LOG_LINE_BYTES):
                text = line.decode(errors="replace").strip()
                if text:
                    level, event, fields = parse_log_line(text)
                    self._last_lines.append(event[:300])
                    self._log.log(level, event, **fields)


class _Meter:
    """What a call costs, from its start."""

    def __init__(self, process: _Process, cpu_s: float, rss_mib: float) -> None:
        self._process = process
        self._cpu_s = cpu_s
        self.peak_rss_mib = rss_mib

    def read(self) -> Usage:
        return Usage(
            cpu_s=max(0.0, self._process.cpu_s() - self._cpu_s),
            peak_rss_mib=max(self.peak_rss_mib, self._process.rss_mib()),
        )


def private_folder() -> Path:
    """A new folder that only this user may enter, short enough for the path of a socket in it.

    Raises:
        OSError: no temporary folder has a path short enough.
    """
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108
        if parent and os.access(parent, os.W_OK | os.X_OK):
            # mkdtemp makes it 0700.
            folder = Path(tempfile.mkdtemp(prefix="mp-", dir=parent))
            if len(os.fsencode(folder / "s")) <= SOCKET_PATH_BYTES:
                return folder
            folder.rmdir()
    raise OSError(
        f"no folder for a prover's socket: expected one whose path has at most {SOCKET_PATH_BYTES - 14} "
        "bytes in XDG_RUNTIME_DIR, TMPDIR or /tmp"
    )


def parse_log_line(text: str) -> tuple[int, str, dict[str, Any]]:
    """Level, event, fields of a prover's log line; what is no JSON object is an event at level info."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return logging.INFO, text, {}
    name = str(fields.pop("level", "info")).lower()
    level = LEVELS.get(name) or logging.getLevelNamesMapping().get(name.upper(), logging.INFO)
    event = next((str(fields.pop(key)) for key in ("msg", "event", "message") if key in fields), text)
    return level, event, {key: value for key, value in fields.items() if key not in RESERVED_FIELDS}


def _until(deadline_s: float | None) -> float | None:
    return None if deadline_s is None else time.monotonic() + deadline_s


def _left(until: float | None) -> float | None:
    return None if until is None else max(0.0, until - time.monotonic())
