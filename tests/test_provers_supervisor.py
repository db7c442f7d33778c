"""Clients and the supervisor against a real prover process with every fault that we could think of.

Each fault ends in its typed error, leaves nothing running, and another prover goes on unharmed.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fake_prover
import psutil
import pytest
import structlog

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers import errors
from multiprover.provers.client import MAX_MESSAGE_BYTES, ProverClient, Tls
from multiprover.provers.supervisor import Limits, SupervisedProver, parse_log_line, private_folder

FAKE = (sys.executable, str(Path(fake_prover.__file__)))
LIMITS = Limits(grace_s=1.0, backoff_s=0.05, restarts=3)

Start = Callable[..., SupervisedProver]


def family(pid: int) -> list[psutil.Process]:
    guard = psutil.Process(pid)
    return [guard, *guard.children(recursive=True)]


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_gone(processes: list[psutil.Process]) -> None:
    # Not psutil.wait_procs: it would reap the guard before the supervisor does.
    until = time.monotonic() + 10
    while (alive := [process for process in processes if runs(process)]) and time.monotonic() < until:
        time.sleep(0.02)
    assert alive == []


def wait_for_another(prover: SupervisedProver, pid: int) -> None:
    until = time.monotonic() + 10
    while prover.pid in (pid, None) and time.monotonic() < until:
        time.sleep(0.02)
    assert prover.pid not in (pid, None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts fake provers; afterwards nothing that they ran may be left."""
    started: list[SupervisedProver] = []
    seen: list[psutil.Process] = []

    def make(
        fault: str = "", *, name: str = "fake", limits: Limits = LIMITS, work_s: float = 0
    ) -> SupervisedProver:
        env = {"PROOF_TYPE": name, "WORK_S": str(work_s)}
        if fault:
            assert fault in fake_prover.FAULTS
            env["FAULT"] = fault
        prover = SupervisedProver(name, FAKE, tmp_path / name, env=env, limits=limits)
        started.append(prover)
        prover.start()
        assert prover.pid is not None
        seen.extend(family(prover.pid))
        return prover

    yield make
    for prover in started:
        prover.close()
    assert_gone(seen)


@pytest.fixture
def healthy(start: Start) -> SupervisedProver:
    return start(name="healthy")


def request_for(prover: SupervisedProver | ProverClient, slots: int = 2) -> pb.ProveRequest:
    request = fake_prover.honest_request(slots)
    prepared = prover.prepare(pb.PrepareRequest(program=fake_prover.program(), slots=slots), deadline_s=30)
    request.key_id = prepared.key_id
    return request


def assert_proves(prover: SupervisedProver) -> None:
    request = request_for(prover)
    result = prover.prove(request, deadline_s=30)
    prover.verify(request.statement, result.proof)


def test_a_proof_with_progress_and_usage(start: Start) -> None:
    prover = start(work_s=0.5)
    assert prover.describe().proof_type == "fake"
    request = request_for(prover)
    heard: list[tuple[str, float]] = []
    result = prover.prove(request, progress=lambda stage, done: heard.append((stage, done)), deadline_s=30)
    prover.verify(request.statement, result.proof)
    fractions = [done for _, done in heard]
    assert fractions == sorted(fractions)
    assert {stage for stage, _ in heard} == {"witness", "prove"}
    assert result.usage is not None
    assert result.usage.cpu_s >= 0.5
    assert result.usage.peak_rss_mib > 10


def test_prepare_is_cached_over_a_restart(start: Start) -> None:
    first = start()
    request = pb.PrepareRequest(program=fake_prover.program(), slots=2)
    made = first.prepare(request)
    first.close()
    loaded = start().prepare(request)
    assert (made.cached, loaded.cached) == (False, True)
    assert made.key_id == loaded.key_id


def test_corrupt_keys_are_refused_and_named(start: Start, tmp_path: Path) -> None:
    prover = start()
    prover.prepare(pb.PrepareRequest(program=fake_prover.program(), slots=2))
    (key,) = [path for path in (tmp_path / "fake").iterdir() if path.suffix != ".sha256"]
    key.write_bytes(b"another")
    with pytest.raises(errors.ProverRefused, match=key.name) as refused:
        prover.prepare(pb.PrepareRequest(program=fake_prover.program(), slots=2))
    assert refused.value.code is errors.RefusalCode.CORRUPT_KEYS


def test_a_prover_stands_back_for_others(start: Start) -> None:
    patient = start(limits=Limits(grace_s=1.0, nice=7))
    keen = start(name="keen")
    nice = []
    for prover in (patient, keen):
        assert prover.pid is not None
        guard, *provers = family(prover.pid)
        assert guard.nice() == psutil.Process().nice()
        nice += [{process.nice() - guard.nice() for process in provers}]
    assert nice == [{7}, {0}]
    assert_proves(patient)


def test_an_early_proof_is_told_of_and_can_be_verified_while_the_other_is_made(start: Start) -> None:
    prover = start("early", work_s=0.3)
    request = request_for(prover)
    heard: list[pb.Proof] = []

    def early(proof: pb.Proof) -> None:
        prover.verify(request.statement, proof, deadline_s=30)
        heard.append(proof)

    result = prover.prove(request, deadline_s=30, early=early)
    prover.verify(request.statement, result.proof)
    (ahead,) = heard
    assert ahead.proof != result.proof.proof
    # Whoever does not ask for it gets the same answer.
    assert prover.prove(request, deadline_s=30).proof.proof == result.proof.proof


def test_an_early_proof_that_does_not_verify_ends_the_call(start: Start) -> None:
    prover = start("early-wrong")
    request = request_for(prover)
    with pytest.raises(errors.ProverRefused, match="INVALID_PROOF"):
        prover.prove(request, deadline_s=30, early=lambda early: prover.verify(request.statement, early))
    assert prover.describe().proof_type == "fake"


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("dies-in-prove", errors.ProverCrashed, "ended with status 3"),
        ("segfaults-in-prove", errors.ProverCrashed, "SIGSEGV"),
        ("hogs-memory", errors.ProverOutOfMemory, "over its limit of 300 MiB"),
        ("hangs", errors.ProverHung, "sent nothing for 1 s"),
        ("never-answers", errors.ProverTimedOut, "no answer within"),
        ("errors", errors.ProverCrashed, "the toy broke"),
        ("no-proof", errors.ProverAnsweredNothing, "neither an answer nor a refusal"),
        ("empty-update", errors.ProverAnsweredNothing, "empty update"),
        ("empty-proof", errors.ProverAnsweredNothing, "whose proof is empty"),
        ("no-l1-proof", errors.ProverAnsweredNothing, "whose l1_proof is empty"),
        ("oversized", errors.MessageTooLarge, "over the limit"),
        ("garbage", errors.MalformedAnswer, "cannot be decoded"),
        ("wrong-type", errors.WrongAnswer, "expected fake, found 'other'"),
        ("wrong-key", errors.WrongAnswer, "another key"),
        ("wrong-statement", errors.WrongAnswer, "toy post_root"),
        ("two-early", errors.WrongAnswer, "a second early proof"),
        ("early-for-l1", errors.WrongAnswer, "expected no l1_proof, found 32 bytes"),
        ("early-empty", errors.ProverAnsweredNothing, "whose proof is empty"),
        ("early-of-another", errors.WrongAnswer, "toy post_root"),
        ("fewer-suites", errors.WrongAnswer, r"expected suites \['toy'\], found \[\]"),
    ],
)
def test_a_fault_in_prove_is_typed_and_harms_no_other(
    start: Start, healthy: SupervisedProver, fault: str, error: type[errors.ProverError], says: str
) -> None:
    stall_s = 1.0 if fault == "hangs" else 30.0
    limits = Limits(stall_s=stall_s, grace_s=1.0, backoff_s=0.05, restarts=3, memory_mib=300)
    prover = start(fault, limits=limits)
    request = request_for(prover)
    pid = prover.pid
    assert pid is not None
    before = family(pid)
    with pytest.raises(errors.ProverFailed, match=says) as failed:
        prover.prove(request, batch="batch 7", deadline_s=5)
    assert type(failed.value) is error
    assert "fake, batch 7:" in str(failed.value)
    assert str(failed.value).endswith(failed.value.remedy)
    # The faulty one serves again, in the same process or another; where it had to go, all of it went.
    assert prover.describe().proof_type == "fake"
    if fault in ("dies-in-prove", "segfaults-in-prove", "hogs-memory", "hangs", "never-answers"):
        assert_gone(before)
        assert prover.pid != pid
    assert_proves(healthy)


def test_a_refusal_carries_what_differed(healthy: SupervisedProver) -> None:
    request = request_for(healthy)
    request.slots[1].authorizations[0].signatures[0] = b"\x00" * 32
    with pytest.raises(errors.ProverRefused) as refused:
        healthy.prove(request, batch="batch 9")
    assert refused.value.code is errors.RefusalCode.BAD_SIGNATURE
    assert refused.value.slot == 1
    assert "healthy, batch 9: refused (BAD_SIGNATURE)" in str(refused.value)
    request = request_for(healthy)
    true_root = request.statement.suites[0].post_root
    request.statement.suites[0].post_root = b"\x01" * 32
    with pytest.raises(
        errors.ProverRefused, match=r"claim 0x[0-9a-f]{16}…: refused \(ROOT_MISMATCH\)"
    ) as refused:
        healthy.prove(request)
    assert (refused.value.expected, refused.value.found) == ("01" * 32, true_root.hex())
    assert refused.value.slot is None


def test_a_refusal_without_a_code_is_still_a_refusal(start: Start) -> None:
    prover = start("refuses-without-code")
    request = fake_prover.honest_request()
    with pytest.raises(errors.ProverRefused, match="call prepare") as refused:
        prover.prove(request)
    assert refused.value.code is errors.RefusalCode.UNSPECIFIED


def test_a_code_that_is_not_known_yet_is_unspecified() -> None:
    assert errors.RefusalCode.of(pb.Refusal(code=99)) is errors.RefusalCode.UNSPECIFIED  # type: ignore[arg-type]


def test_refusal_codes_are_the_interfaces() -> None:
    ours = {f"CODE_{code.name}": code.value for code in errors.RefusalCode}
    assert ours == dict(pb.Refusal.Code.items())


def test_verify_raises(start: Start, healthy: SupervisedProver) -> None:
    request = request_for(healthy)
    proof = healthy.prove(request).proof
    request.statement.payee = b"\x09" * 20
    with pytest.raises(errors.ProverRefused) as refused:
        healthy.verify(request.statement, proof)
    assert refused.value.code is errors.RefusalCode.INVALID_PROOF
    with pytest.raises(errors.ProverAnsweredNothing, match="without a verdict"):
        start("no-verdict").verify(request.statement, proof)


@pytest.mark.parametrize(
    ("fault", "error"), [("insane-manifest", errors.MalformedAnswer), ("other-manifest", errors.WrongAnswer)]
)
def test_a_bad_manifest_is_refused(start: Start, fault: str, error: type[errors.ProverError]) -> None:
    with pytest.raises(error):
        start(fault).describe()


def test_keys_without_an_id_are_no_answer(start: Start) -> None:
    with pytest.raises(errors.ProverAnsweredNothing, match="without a key id"):
        start("no-key-id").prepare(pb.PrepareRequest(program=fake_prover.program(), slots=2))


def test_bad_progress_is_never_passed_on(start: Start) -> None:
    prover = start("progress-falls")
    heard: list[float] = []
    prover.prove(request_for(prover), progress=lambda _, done: heard.append(done))
    assert heard == [0.1, 0.5, 0.5, 0.5, 0.5, 0.5]


def test_cancelling_ends_the_call_and_the_work(start: Start) -> None:
    prover = start(work_s=1000)
    request = request_for(prover)
    cancel = threading.Event()
    with pytest.raises(errors.ProverCancelled):
        prover.prove(request, progress=lambda *_: cancel.set(), cancel=cancel)
    # The same process answers, and its processor time stands still.
    assert prover.pid is not None
    _, child = family(prover.pid)
    assert prover.describe().proof_type == "fake"
    for _ in range(100):
        before = child.cpu_times().user
        time.sleep(0.3)
        if child.cpu_times().user - before < 0.05:
            return
    pytest.fail("it worked on")


def test_a_cancelled_call_does_not_wait_for_its_turn(start: Start) -> None:
    prover = start(work_s=1000)
    request = request_for(prover)
    first, second, begun = threading.Event(), threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(prover.prove, request, progress=lambda *_: begun.set(), cancel=first)
        assert begun.wait(30)
        waiting = pool.submit(prover.prove, request, cancel=second)
        second.set()
        assert isinstance(waiting.exception(30), errors.ProverCancelled)
        late = pool.submit(prover.prove, request, deadline_s=0.1)
        assert isinstance(late.exception(30), errors.ProverTimedOut)
        assert not running.done()
        first.set()
        assert isinstance(running.exception(30), errors.ProverCancelled)


def test_an_exception_of_the_caller_ends_the_call(start: Start) -> None:
    prover = start(work_s=1000)

    def fail(_stage: str, _done: float) -> None:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        prover.prove(request_for(prover), progress=fail)
    assert prover.describe().proof_type == "fake"


def test_a_slow_callback_is_not_the_provers_silence(start: Start) -> None:
    prover = start(limits=Limits(stall_s=1.0))
    prover.prove(request_for(prover), progress=lambda *_: time.sleep(1.5))


def test_a_request_over_the_limit_is_not_sent(healthy: SupervisedProver) -> None:
    request = request_for(healthy)
    request.journal = bytes(MAX_MESSAGE_BYTES)
    with pytest.raises(errors.MessageTooLarge, match="the request has"):
        healthy.prove(request)
    assert_proves(healthy)


def test_killed_from_outside_it_comes_back(healthy: SupervisedProver) -> None:
    assert healthy.pid is not None
    before = family(healthy.pid)
    before[1].kill()
    assert_gone(before)
    wait_for_another(healthy, before[0].pid)
    assert_proves(healthy)


def test_killing_the_guard_takes_the_prover_along(healthy: SupervisedProver) -> None:
    assert healthy.pid is not None
    before = family(healthy.pid)
    before[0].kill()
    assert_gone(before[1:])
    wait_for_another(healthy, before[0].pid)
    assert_proves(healthy)


def test_close_while_proving_cancels(start: Start) -> None:
    prover = start(work_s=1000)
    request = request_for(prover)
    begun = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(prover.prove, request, progress=lambda *_: begun.set())
        assert begun.wait(30)
        prover.close()
        assert isinstance(running.exception(30), errors.ProverCancelled)
    with pytest.raises(errors.ProverCrashed, match="is down"):
        prover.describe()
    prover.start()
    assert prover.describe().proof_type == "fake"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("dies-at-start", "ended with status 5; its last words: the toy has no luck"),
        ("never-ready", "expected the line 'ready' within 2 s"),
        ("never-healthy", "expected a good health check within 2 s"),
    ],
)
def test_a_prover_that_does_not_start(start: Start, fault: str, says: str) -> None:
    with pytest.raises(errors.ProverCrashed, match=says):
        start(fault, limits=Limits(ready_s=2, grace_s=1))


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    prover = SupervisedProver("lost", [str(tmp_path / "nothing")], tmp_path / "cache")
    with pytest.raises(errors.ProverCrashed, match=r"cannot run .*nothing: No such file"):
        prover.start()
    with pytest.raises(errors.ProverCrashed, match="is down"):
        prover.describe()


def test_restarts_are_bounded(start: Start) -> None:
    prover = start("dies-in-prove", limits=Limits(backoff_s=0.01, restarts=2, grace_s=1))
    request = request_for(prover)
    for _ in range(3):
        with pytest.raises(errors.ProverCrashed, match="status 3"):
            prover.prove(request)
    with pytest.raises(errors.ProverCrashed, match="gave up after 2 restarts"):
        prover.prove(request, deadline_s=30)
    prover.start()
    assert prover.describe().proof_type == "fake"


def test_sigterm_may_be_ignored(start: Start) -> None:
    prover = start("ignores-sigterm")
    assert prover.pid is not None
    before = family(prover.pid)
    prover.close()
    assert_gone(before)


def test_what_it_left_running_goes_with_it(start: Start) -> None:
    prover = start("leaves-children")
    assert prover.pid is not None
    until = time.monotonic() + 10
    while len(before := family(prover.pid)) < 4 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(before) == 4
    before[1].kill()
    assert_gone(before)
    prover.close()


SUPERVISOR_SCRIPT = """
import sys, time
from pathlib import Path
from multiprover.provers.supervisor import SupervisedProver, Limits
prover = SupervisedProver("fake", sys.argv[2:], Path(sys.argv[1]), env={"FAULT": "ignores-sigterm"},
                          limits=Limits(grace_s=0.5))
prover.start()
print("guard", prover.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path, short_folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR_SCRIPT, tmp_path / "cache", *FAKE],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"XDG_RUNTIME_DIR": str(short_folder)},
    ) as supervisor:
        assert supervisor.stdout is not None
        lines = (line.split() for line in supervisor.stdout)
        until_killed = family(next(int(words[1]) for words in lines if words[0] == b"guard"))
        supervisor.kill()
    assert len(until_killed) == 2
    assert_gone(until_killed)
    assert list(short_folder.iterdir()) == []


def test_the_socket_is_private_and_removed(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    prover = start()
    (folder,) = tmp_path.glob("mp-*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_ISSOCK((folder / "s").stat().st_mode)
    prover.close()
    assert list(tmp_path.glob("mp-*")) == []


def test_a_long_runtime_folder_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(long))
    folder = private_folder()
    assert not folder.is_relative_to(long)
    assert list(long.iterdir()) == []
    folder.rmdir()


def test_the_environment_is_not_passed_on(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQUENCER_KEY", "secret")
    prover = start()
    assert prover.pid is not None
    for process in family(prover.pid):
        assert "SEQUENCER_KEY" not in process.environ()


def test_its_log_is_forwarded_and_nonsense_is_harmless(start: Start) -> None:
    with structlog.testing.capture_logs() as logs:
        prover = start("floods-log")
        assert_proves(prover)
        prover.close()
    mine = [entry for entry in logs if entry.get("prover") == "fake"]
    assert any(entry["event"] == "listening" and "address" in entry for entry in mine)
    assert max(len(str(entry["event"])) for entry in mine) <= 64 * 1024


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ('{"level":"warn","msg":"m","n":1}', (30, "m", {"n": 1})),
        ('{"level":"ERROR","event":"e","prover":"spoof"}', (40, "e", {})),
        ('{"level":"odd","message":"m"}', (20, "m", {})),
        ('{"msg":"m","event":"e","self":1,"exc_info":1}', (20, "m", {})),
        ("[1]", (20, "[1]", {})),
        ("[" * 60_000, (20, "[" * 60_000, {})),
    ],
)
def test_log_lines(line: str, parsed: tuple[int, str, dict[str, object]]) -> None:
    assert parse_log_line(line) == parsed


# --- remote provers --------------------------------------------------------------------------------


def test_an_address_needs_what_it_needs(tmp_path: Path) -> None:
    tls = Tls(tmp_path, tmp_path, tmp_path)
    with pytest.raises(ValueError, match="mutual TLS"):
        ProverClient("prover.example.org:7443", "fake")
    with pytest.raises(ValueError, match="takes no certificates"):
        ProverClient("unix:///nowhere", "fake", tls)


def test_nobody_at_the_address(tmp_path: Path) -> None:
    with ProverClient(f"unix://{tmp_path}/s", "fake") as client:
        assert not client.healthy()
        with pytest.raises(errors.ProverCrashed, match="UNAVAILABLE"):
            client.describe()


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificates(folder: Path) -> Tls:
    """An authority, the server's pair and the client's."""
    folder.mkdir()
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
    openssl(folder, "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority")
    for name in ("server", "client"):
        subject = ("-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
        openssl(
            folder, "req", "-x509", *curve, "-keyout", f"{name}.key", "-out", f"{name}.pem", *subject, *signed
        )
    return Tls(folder / "ca.pem", folder / "client.pem", folder / "client.key")


def test_a_remote_prover_with_mutual_tls(tmp_path: Path) -> None:
    ours = make_certificates(tmp_path / "ours")
    strangers = make_certificates(tmp_path / "strangers")
    command = [*FAKE, "--listen", "localhost:0", "--cache", tmp_path, "--tls", tmp_path / "ours"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            address = f"localhost:{server.stdout.readline().split()[1]}"
            assert server.stdout.readline() == "ready\n"
            with ProverClient(address, "fake", ours) as client:
                request = request_for(client)
                result = client.prove(request)
                client.verify(request.statement, result.proof)
                assert result.usage is None
            # Not our authority's: we refuse the server, and the server refuses us.
            mixed = Tls(ours.authority, strangers.certificate, strangers.key)
            for tls in (strangers, mixed):
                with ProverClient(address, "fake", tls) as client, pytest.raises(errors.ProverCrashed):
                    client.describe(deadline_s=5)
        finally:
            server.send_signal(signal.SIGTERM)
    assert server.returncode == 0


def test_the_guards_exit_says_how_the_prover_ended(tmp_path: Path) -> None:
    from multiprover.provers import guard

    def run(*command: str) -> int:
        line = [sys.executable, "-I", "-S", guard.__file__, "1", "0", str(tmp_path / "folder"), *command]
        with subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            return process.wait()

    assert run("sh", "-c", "exit 3") == 3
    assert run("sh", "-c", "kill -SEGV $$") == -signal.SIGSEGV
    assert run(os.devnull) == 127
