"""Runs one prover so that nothing of it outlives its supervisor: ``guard.py GRACE_S NICE FOLDER COMMAND...``.

A script of its own, started by the supervisor with its standard input as the line between them. When that
closes, by ``close`` or because the supervisor died, however it died, the prover gets SIGTERM, and GRACE_S
seconds later SIGKILL. ``kill`` on the line means SIGKILL at once. When the prover ends, whatever it left
running is killed too, FOLDER, where its socket lies, is removed, and the guard ends as the prover did: same
status, same signal. NICE, from 0 to 19, is how far the prover stands back for others.

Only the standard library, no import of the package: ``python -I -S`` starts it in milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Linux's prctl; elsewhere nothing, and the process group alone has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def stand_back(nice: int) -> None:
    """Leave the processor to others: of this process, and of its session, by which Linux shares it out."""
    os.nice(nice)
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as session:
        session.write(str(nice))


def kill_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def kill_descendants() -> None:
    """Kill and reap every process that came down to this one as its subreaper."""
    while True:
        children = orphans()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            # Each death hands the dead process's own children up to us, so look again until none is left.
            os.waitpid(-1, 0 if children else os.WNOHANG)
        except ChildProcessError:
            return
        if not children:
            return


def orphans() -> list[int]:
    """Process ids whose parent is this process (Linux; elsewhere none)."""
    found = []
    me = str(os.getpid())
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if name.isdecimal():
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat,
            ):
                # pid (name) state parent …; the name may hold anything, also brackets.
                if stat.read().rpartition(")")[2].split()[1] == me:
                    found.append(int(name))
    return found


def watch(prover: subprocess.Popen[bytes], grace_s: float, wakeup: int) -> None:
    """Return when the prover has ended."""
    deadline: float | None = None
    line_open = True
    while True:
        # Not reaped: its process id, and so its group's, cannot be given to another.
        if os.waitid(os.P_PID, prover.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([wakeup, *([0] if line_open else [])], [], [], timeout)
        if wakeup in ready:
            os.read(wakeup, 64)
        if 0 in ready:
            order = os.read(0, 64)
            if b"kill" in order:
                kill_group(prover.pid, signal.SIGKILL)
            elif not order:
                line_open = False
                deadline = time.monotonic() + grace_s
                kill_group(prover.pid, signal.SIGTERM)
        if deadline is not None and time.monotonic() >= deadline:
            kill_group(prover.pid, signal.SIGKILL)
            deadline = None


def end_as(status: int) -> None:
    """End with the prover's status, or by the signal that ended it."""
    if status < 0:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
        status = 128 - status  # for a signal whose default is not to end the process
    sys.exit(status)


def main() -> None:
    grace_s, nice, folder, command = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # The line to the supervisor decides, not a signal to its session.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    prctl(PR_SET_CHILD_SUBREAPER, 1)

    def of_the_prover() -> None:
        # Ignored signals stay ignored over exec: the prover must get the usual ones.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        # This process has one thread, so the prover dies exactly when the guard does.
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if nice:
            stand_back(nice)

    try:
        prover = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=of_the_prover,  # noqa: PLW1509
        )
    except OSError as error:
        print(f"cannot run {command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)
    # Only the prover holds its output, so that it ends when the prover does.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    watch(prover, grace_s, reader)
    kill_group(prover.pid, signal.SIGKILL)
    status = prover.wait()
    kill_descendants()
    shutil.rmtree(folder, ignore_errors=True)
    end_as(status)


if __name__ == "__main__":
    main()
