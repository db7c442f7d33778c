"""The enclave prover as a process, over gRPC."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import pytest
from multiprover_sgx.source import load
from sgx_batches import Case, bind, mixed_case, replayed, transfers

from multiprover.program import trace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers import conformance
from multiprover.provers.client import ProverClient, Tls, open_channel
from multiprover.provers.errors import ProverCancelled, ProverCrashed, ProverRefused, RefusalCode
from multiprover.settlement import claims

WAIT_S = 60.0


class Server:
    """A running prover process and a client of it."""

    def __init__(self, folder: Path, *options: str, listen: str = "") -> None:
        """``listen``: instead of a unix socket; then ``client`` is of no use."""
        self.cache = folder / "cache"
        # A socket's path is short, pytest's folders are not.
        self._sockets = tempfile.TemporaryDirectory(prefix="sgx-")
        self.address = listen or f"unix://{self._sockets.name}/s"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "multiprover_sgx.server", "--listen", self.address),
                *("--cache", str(self.cache), *options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        self.client = ProverClient("unix:///none" if listen else self.address, "sgx")
        self.log: list[dict[str, object]] = []
        self._logged = threading.Condition()
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        self._sockets.cleanup()

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if not line.startswith(b"{"):
                continue  # gRPC's own, as on a failed handshake
            with self._logged:
                self.log.append(json.loads(line))
                self._logged.notify_all()

    def wait_for(self, message: str, times: int = 1) -> None:
        def seen() -> bool:
            return sum(entry["msg"] == message for entry in self.log) >= times

        with self._logged:
            assert self._logged.wait_for(seen, WAIT_S), f"no log line {message!r}: {self.log}"

    def prepared(self, case: Case) -> pb.ProveRequest:
        """The case's request, with the key id of this server."""
        request = pb.ProveRequest()
        request.CopyFrom(case.prove)
        request.key_id = self.client.prepare(case.prepare).key_id
        return request


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("sgx")) as server:
        yield server


@pytest.fixture(scope="module")
def case() -> Case:
    return mixed_case()


@pytest.fixture
def request_(server: Server, case: Case) -> pb.ProveRequest:
    return server.prepared(case)


def refused(server: Server, request: pb.ProveRequest) -> ProverRefused:
    with pytest.raises(ProverRefused) as caught:
        server.client.prove(request)
    return caught.value


def with_journal(request: pb.ProveRequest, word: int, value: bytes) -> None:
    """Put another word into the journal, and make the statement fit it: the lie of a whole sequencer."""
    request.journal = request.journal[: 4 * word] + value + request.journal[4 * word + 4 :]
    bind(request.statement, request.journal)


# -- what is true is proved


def test_a_vouch_is_what_l1_recovers(server: Server, case: Case, request_: pb.ProveRequest) -> None:
    prepared = server.client.prepare(case.prepare)
    proof = server.client.prove(request_).proof
    server.client.verify(request_.statement, proof)
    statement = request_.statement
    digest = claims.vouch_digest(
        int.from_bytes(statement.chain_id, "big"),
        statement.settlement,
        domain=statement.domain,
        claim=claims.claim_id(statement.parent_claim, case.batch.journal),
        pre_state_root=claims.state_root(case.batch.pre.roots),
        post_state_root=claims.state_root(case.batch.post.roots),
        payee=statement.payee,
    )
    assert claims.recover_signer(digest, proof.l1_proof) == prepared.artefacts["signer"]
    assert proof.l1_proof == proof.proof
    assert prepared.artefacts["quote"] == b""
    assert proof.figures["prove_s"] > 0
    assert proof.figures["prove_cpu_s"] > 0
    assert proof.figures["peak_mib"] > 0


def test_the_manifest_does_not_claim_hardware(server: Server) -> None:
    manifest = server.client.describe()
    assert manifest.simulated
    assert manifest.reads_source
    assert manifest.suites == ()
    assert "proves nothing about the code" in manifest.warnings[0]
    assert not any(c.layer == "vendor" for c in manifest.components)


def test_preparing_again_gives_the_same_keys(server: Server, case: Case) -> None:
    first, second = server.client.prepare(case.prepare), server.client.prepare(case.prepare)
    assert second.cached
    assert (first.key_id, dict(first.artefacts)) == (second.key_id, dict(second.artefacts))


def test_keys_and_programs_survive_a_restart(tmp_path: Path, case: Case) -> None:
    with Server(tmp_path) as server:
        request = server.prepared(case)
        signer = server.client.prepare(case.prepare).artefacts["signer"]
        proof = server.client.prove(request).proof
    assert (tmp_path / "cache" / "signer.sealed").stat().st_mode & 0o777 == 0o600
    with Server(tmp_path) as server:
        server.client.verify(request.statement, proof)
        assert server.client.prove(request).proof.proof == proof.proof
        assert server.client.prepare(case.prepare).artefacts["signer"] == signer


def test_each_program_has_a_signer_of_its_own(server: Server, case: Case) -> None:
    other = pb.PrepareRequest()
    other.CopyFrom(case.prepare)
    source, program = renamed(case)
    other.source, other.program, other.class_name = source, program, "Coin"
    one, two = server.client.prepare(case.prepare), server.client.prepare(other)
    assert one.artefacts["signer"] != two.artefacts["signer"]


def renamed(case: Case) -> tuple[str, bytes]:
    """The token's source and program under another name: another program id."""
    source = case.prepare.source.replace("class Token", "class Coin")
    return source, trace(load(source, "Coin"), case.program.suites).encoded


def test_calls_at_the_same_time(server: Server, request_: pb.ProveRequest) -> None:
    with ThreadPoolExecutor(8) as pool:
        proofs = list(pool.map(lambda _: server.client.prove(request_).proof, range(8)))
    for proof in proofs:
        server.client.verify(request_.statement, proof)


def test_the_rules_of_every_prover(tmp_path: Path, case: Case) -> None:
    with Server(tmp_path) as server:
        cases = [
            conformance.Case("mixed", case.prepare, case.prove),
            conformance.Case("long", (long := transfers(300)).prepare, long.prove),
        ]
        report = conformance.check(server.address, cases)
        assert [row for row in report.rows if row.outcome == "failed"] == []


# -- what is false is refused


def test_journal_says_which_word_differs(server: Server, case: Case, request_: pb.ProveRequest) -> None:
    # Slot 1 is a transfer; its first port's balance is the second word after "refused" and the index.
    program = case.program
    word = 6 * program.input_words + program.output_words + program.ports[0].output_offset + 2
    with_journal(request_, word, b"\0\0\0\1")
    error = refused(server, request_)
    assert error.code == RefusalCode.JOURNAL_MISMATCH
    assert error.slot == 1
    assert f"word {word} (output port 0: accounts.balance word 1, in slot 1)" in error.message
    assert (error.expected, error.found) == ("00000001", case.batch.journal[4 * word : 4 * word + 4].hex())


@pytest.mark.parametrize(
    ("word", "meaning", "slot"),
    [
        (0, "input kind", 0),
        (3, "input deposit.amount word 1", 0),
        (-1, "cell supply word 1", None),
    ],
)
def test_journal_words_are_named(
    server: Server, request_: pb.ProveRequest, word: int, meaning: str, slot: int | None
) -> None:
    with_journal(request_, word % (len(request_.journal) // 4), b"\0\0\3\0")
    error = refused(server, request_)
    assert (error.code, error.slot) == (RefusalCode.JOURNAL_MISMATCH, slot)
    assert meaning in error.message


def test_a_journal_that_is_not_the_claims(server: Server, request_: pb.ProveRequest) -> None:
    request_.journal = bytes(len(request_.journal))
    assert refused(server, request_).code == RefusalCode.WRONG_STATEMENT


def test_another_post_root(server: Server, request_: pb.ProveRequest) -> None:
    suite = request_.statement.suites[0]
    right, suite.post_root = suite.post_root, suite.pre_root
    error = refused(server, request_)
    assert error.code == RefusalCode.ROOT_MISMATCH
    assert (error.expected, error.found) == (suite.pre_root.hex(), right.hex())


def test_another_pre_root(server: Server, request_: pb.ProveRequest) -> None:
    suite = request_.statement.suites[0]
    suite.pre_root = suite.post_root
    assert refused(server, request_).code == RefusalCode.BAD_OPENING


def spoil_field(request: pb.ProveRequest) -> None:
    opening = request.slots[1].openings[0]
    opening.fields = (int.from_bytes(opening.fields, "big") + (1 << 32)).to_bytes(len(opening.fields), "big")


def spoil_key(request: pb.ProveRequest) -> None:
    request.slots[1].openings[0].suites[0].keys[0] = b"\1" * 32


def spoil_sibling(request: pb.ProveRequest) -> None:
    suite = request.slots[1].openings[1].suites[0]
    suite.siblings = suite.siblings[:-32] + suite.siblings[:32]


def close_port(request: pb.ProveRequest) -> None:
    request.slots[1].openings[1].Clear()


def swap_openings(request: pb.ProveRequest) -> None:
    first, second = request.slots[1].openings
    kept = pb.Opening()
    kept.CopyFrom(first)
    first.CopyFrom(second)
    second.CopyFrom(kept)


@pytest.mark.parametrize("spoil", [spoil_field, spoil_key, spoil_sibling, close_port, swap_openings])
def test_a_false_opening(
    server: Server, request_: pb.ProveRequest, spoil: Callable[[pb.ProveRequest], None]
) -> None:
    spoil(request_)
    error = refused(server, request_)
    assert error.code == RefusalCode.BAD_OPENING
    assert error.slot == 1


def short_siblings(request: pb.ProveRequest) -> None:
    suite = request.slots[1].openings[0].suites[0]
    suite.siblings = suite.siblings[:-32]


def long_siblings(request: pb.ProveRequest) -> None:
    request.slots[1].openings[0].suites[0].siblings += bytes(32)


def more_suites(request: pb.ProveRequest) -> None:
    opening = request.slots[1].openings[0]
    opening.suites.add().CopyFrom(opening.suites[0])


def fewer_openings(request: pb.ProveRequest) -> None:
    del request.slots[1].openings[1:]


def needless_signature(request: pb.ProveRequest) -> None:
    request.slots[0].authorizations[0].CopyFrom(request.slots[1].authorizations[0])


def half_words(request: pb.ProveRequest) -> None:
    request.slots[1].words = request.slots[1].words[:-1]


def unknown_kind(request: pb.ProveRequest) -> None:
    request.slots[0].words = b"\0\0\0\x63" + request.slots[0].words[4:]


@pytest.mark.parametrize(
    "spoil",
    [
        short_siblings,
        long_siblings,
        more_suites,
        fewer_openings,
        needless_signature,
        half_words,
        unknown_kind,
    ],
)
def test_what_cannot_be_decoded(
    server: Server, request_: pb.ProveRequest, spoil: Callable[[pb.ProveRequest], None]
) -> None:
    spoil(request_)
    assert refused(server, request_).code == RefusalCode.MALFORMED


def test_needless_parts_are_malformed(server: Server, request_: pb.ProveRequest) -> None:
    request_.slots[0].openings[1].CopyFrom(request_.slots[1].openings[0])
    error = refused(server, request_)
    assert (error.code, error.slot) == (RefusalCode.MALFORMED, 0)


def test_a_sibling_that_is_no_field_element(server: Server, request_: pb.ProveRequest) -> None:
    suite = request_.slots[0].openings[0].suites[0]
    suite.siblings = b"\xff" * 32 + suite.siblings[32:]
    error = refused(server, request_)
    assert (error.code, error.slot) == (RefusalCode.NON_CANONICAL, 0)


def forge(signature: bytes) -> bytes:
    """The same signature of a scalar one higher."""
    return signature[:128] + (int.from_bytes(signature[128:], "big") + 1).to_bytes(32, "big")


@pytest.mark.parametrize(
    "change",
    [forge, lambda _: b"", lambda s: s[:-1], lambda s: b"\xff" * len(s)],
    ids=["S", "none", "cut", "ff"],
)
def test_a_wrong_signature(
    server: Server, request_: pb.ProveRequest, change: Callable[[bytes], bytes]
) -> None:
    signatures = request_.slots[2].authorizations[0].signatures
    signatures[0] = change(signatures[0])
    error = refused(server, request_)
    assert (error.code, error.slot) == (RefusalCode.BAD_SIGNATURE, 2)


def test_a_signature_of_another_slot(server: Server, request_: pb.ProveRequest) -> None:
    request_.slots[1].authorizations[0].CopyFrom(request_.slots[2].authorizations[0])
    error = refused(server, request_)
    assert (error.code, error.slot) == (RefusalCode.BAD_SIGNATURE, 1)


def test_a_refused_transaction_names_its_line(server: Server) -> None:
    case = replayed()
    error = refused(server, server.prepared(case))
    assert (error.code, error.slot) == (RefusalCode.REFUSED_TRANSACTION, 1)
    lines = case.prepare.source.splitlines()
    line = next(i for i, text in enumerate(lines, 1) if 'mp.require(payer.nonce == nonce, "nonce")' in text)
    assert error.message == f"nonce (source of Token:{line})"


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("domain", RefusalCode.WRONG_STATEMENT),
        ("chain_id", RefusalCode.WRONG_STATEMENT),
        ("settlement", RefusalCode.WRONG_STATEMENT),
        ("claim", RefusalCode.WRONG_STATEMENT),
        ("parent_claim", RefusalCode.WRONG_STATEMENT),
        ("program_id", RefusalCode.WRONG_PROGRAM),
    ],
)
def test_another_statement(server: Server, request_: pb.ProveRequest, field: str, code: RefusalCode) -> None:
    honest = server.client.prove(request_).proof
    value = getattr(request_.statement, field)
    setattr(request_.statement, field, value[:-1] + bytes([value[-1] ^ 1]))
    assert refused(server, request_).code == code
    # Without the journal nobody can tell that a claim has another parent: L1 derives the claim itself.
    if field != "parent_claim":
        with pytest.raises(ProverRefused) as caught:
            server.client.verify(request_.statement, honest)
        assert caught.value.code == code


def test_a_vouch_is_for_one_payee(server: Server, request_: pb.ProveRequest) -> None:
    proof = server.client.prove(request_).proof
    request_.statement.payee = b"\x12" * 20
    with pytest.raises(ProverRefused) as caught:
        server.client.verify(request_.statement, proof)
    assert caught.value.code == RefusalCode.INVALID_PROOF


def test_a_vouch_for_another_claim(server: Server, case: Case, request_: pb.ProveRequest) -> None:
    proof = server.client.prove(request_).proof
    other = pb.Statement()
    other.CopyFrom(request_.statement)
    bind(other, bytes(len(case.batch.journal)))
    for suite, claimed in zip(other.suites, proof.suites, strict=True):
        claimed.CopyFrom(suite)
    with pytest.raises(ProverRefused) as caught:
        server.client.verify(other, proof)
    assert caught.value.code == RefusalCode.INVALID_PROOF


def test_a_proof_under_the_keys_of_another_batch_size(server: Server, request_: pb.ProveRequest) -> None:
    proof = server.client.prove(request_).proof
    proof.key_id = server.client.prepare(transfers(5).prepare).key_id
    with pytest.raises(ProverRefused) as caught:
        server.client.verify(request_.statement, proof)
    assert caught.value.code == RefusalCode.WRONG_PROGRAM
    request_.key_id = proof.key_id
    assert refused(server, request_).code == RefusalCode.WRONG_PROGRAM


@pytest.mark.parametrize(
    ("key_id", "code"),
    [
        (b"", RefusalCode.MALFORMED),
        (b"/../../../etc/passwd", RefusalCode.MALFORMED),
        (bytes(32), RefusalCode.NOT_PREPARED),
    ],
)
def test_unknown_keys(server: Server, request_: pb.ProveRequest, key_id: bytes, code: RefusalCode) -> None:
    request_.key_id = key_id
    assert refused(server, request_).code == code


# -- sources


def prepare_refusal(server: Server, request: pb.PrepareRequest) -> ProverRefused:
    with pytest.raises(ProverRefused) as caught:
        server.client.prepare(request)
    return caught.value


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda _: "def", RefusalCode.MALFORMED, "expected a Python module"),
        (lambda _: "", RefusalCode.MALFORMED, "got none"),
        (lambda s: s + "\0", RefusalCode.MALFORMED, "expected a Python module"),
        (lambda _: "x = 1\nraise KeyError('boom')", RefusalCode.WRONG_PROGRAM, "boom' (source of Token:2)"),
        (lambda _: "import sys\nsys.exit(3)", RefusalCode.WRONG_PROGRAM, "SystemExit: 3"),
        (lambda _: "class Token: pass", RefusalCode.WRONG_PROGRAM, "expected a transition"),
        (
            lambda s: s.replace("amount <= payer", "amount < payer"),
            RefusalCode.WRONG_PROGRAM,
            "another program",
        ),
        (
            lambda s: s.replace("payer.nonce += 1", "if amount: pass"),
            RefusalCode.WRONG_PROGRAM,
            "no transition",
        ),
        (lambda s: s.replace("payer.nonce += 1", "1 // 0"), RefusalCode.WRONG_PROGRAM, "modulo by zero"),
        (lambda _: "import no_such_module", RefusalCode.WRONG_PROGRAM, "ModuleNotFoundError"),
    ],
)
def test_a_wrong_source(
    server: Server, case: Case, change: Callable[[str], str], code: RefusalCode, message: str
) -> None:
    request = pb.PrepareRequest()
    request.CopyFrom(case.prepare)
    request.source = change(request.source)
    error = prepare_refusal(server, request)
    assert error.code == code
    assert message in error.message


def test_a_source_that_never_ends(tmp_path: Path, case: Case) -> None:
    with Server(tmp_path, "--prepare-limit-s", "0.5") as server:
        request = pb.PrepareRequest()
        request.CopyFrom(case.prepare)
        request.source = "while True:\n    try:\n        pass\n    except Exception:\n        pass"
        error = prepare_refusal(server, request)
        assert error.code == RefusalCode.WRONG_PROGRAM
        assert "within 0.5 s" in error.message
        server.wait_for("stopped")


def test_only_given_sources_run(tmp_path: Path, case: Case) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "token.py").write_text(case.prepare.source, encoding="utf-8")
    with Server(tmp_path, "--sources", str(folder)) as server:
        assert len(server.client.describe().warnings) == 1
        server.client.prove(server.prepared(case))
        request = pb.PrepareRequest()
        request.CopyFrom(case.prepare)
        request.source += "\n# the same program, another text\n"
        error = prepare_refusal(server, request)
        assert error.code == RefusalCode.WRONG_PROGRAM
        assert "measured with the enclave" in error.message


# -- keys on disk


def test_a_corrupt_sealed_key(tmp_path: Path, case: Case) -> None:
    with Server(tmp_path) as server:
        request = server.prepared(case)
        proof = server.client.prove(request).proof
    file = tmp_path / "cache" / "signer.sealed"
    content = bytearray(file.read_bytes())
    content[20] ^= 1
    file.write_bytes(content)
    with Server(tmp_path) as server:
        server.client.describe()
        calls: list[Callable[[], object]] = [
            lambda: server.client.prepare(case.prepare),
            lambda: server.client.prove(request),
            lambda: server.client.verify(request.statement, proof),
        ]
        for call in calls:
            with pytest.raises(ProverRefused) as caught:
                call()
            assert caught.value.code == RefusalCode.CORRUPT_KEYS
            assert str(file) in caught.value.message
        assert file.read_bytes() == bytes(content)
        file.unlink()
        assert server.client.prepare(case.prepare).key_id != request.key_id


def test_a_corrupt_program(tmp_path: Path, case: Case) -> None:
    with Server(tmp_path) as server:
        request = server.prepared(case)
    (file,) = (tmp_path / "cache" / "programs").iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"X")
    with Server(tmp_path) as server:
        for error in (refused(server, request), prepare_refusal(server, case.prepare)):
            assert error.code == RefusalCode.CORRUPT_KEYS
            assert str(file) in error.message


# -- the process


HANGING = "        if type(amount) is int:\n            while True: pass\n"


def hanging(case: Case) -> pb.PrepareRequest:
    """The token, with a loop in ``transfer`` that the tracer does not see."""
    request = pb.PrepareRequest()
    request.CopyFrom(case.prepare)
    signature, body = request.source.split("amount: mp.u64, nonce: mp.u32) -> None:\n", 1)
    request.source = f"{signature}amount: mp.u64, nonce: mp.u32) -> None:\n{HANGING}{body}"
    return request


def test_cancelling_stops_even_a_transition_that_loops(server: Server, case: Case) -> None:
    request = pb.ProveRequest()
    request.CopyFrom(case.prove)
    request.key_id = server.client.prepare(hanging(case)).key_id
    cancel = threading.Event()
    before = sum(entry["msg"] == "stopped" for entry in server.log)
    with pytest.raises(ProverCancelled):
        server.client.prove(request, cancel=cancel, progress=lambda *_: cancel.set())
    server.wait_for("stopped", before + 1)
    server.client.prove(server.prepared(case))


def test_sigterm_ends_a_call_under_way(tmp_path: Path, case: Case) -> None:
    with Server(tmp_path) as server:
        request = pb.ProveRequest()
        request.CopyFrom(case.prove)
        request.key_id = server.client.prepare(hanging(case)).key_id

        def end(stage: str, _: float) -> None:
            if stage == "execute":
                server.process.send_signal(signal.SIGTERM)

        with pytest.raises(Exception, match="broke off"):
            server.client.prove(request, progress=end)
        assert server.process.wait(WAIT_S) == 0


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server's and a client's certificate of it, and a stranger's certificate of itself."""
    folder = tmp_path_factory.mktemp("tls")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    for name in ("authority", "stranger"):
        openssl(
            folder,
            *("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}"),
        )
    for name in ("server", "client"):
        openssl(
            folder,
            *("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}"),
            *("-CA", "authority.pem", "-CAkey", "authority.key", "-addext", "subjectAltName=DNS:localhost"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
        )
    return folder


def test_a_remote_prover_knows_its_clients(tmp_path: Path, certificates: Path) -> None:
    def file(name: str) -> str:
        return str(certificates / name)

    options = ("--tls-authority", file("authority.pem"), "--tls-certificate", file("server.pem"))
    with socket.create_server(("localhost", 0)) as free:
        address = f"localhost:{free.getsockname()[1]}"
    with Server(tmp_path, *options, "--tls-key", file("server.key"), listen=address) as server:
        known, stranger = (
            ProverClient(
                server.address,
                "sgx",
                Tls(
                    certificates / "authority.pem", certificates / f"{name}.pem", certificates / f"{name}.key"
                ),
            )
            for name in ("client", "stranger")
        )
        with known, stranger:
            assert known.describe().proof_type == "sgx"
            with pytest.raises(ProverCrashed):
                stranger.describe()


@pytest.mark.parametrize("method", ["Describe", "Prepare", "Prove", "Verify"])
def test_bad_bytes_do_not_end_it(server: Server, method: str) -> None:
    with open_channel(server.address) as channel:
        for data in (os.urandom(200), b"\xff" * 50):
            call = channel.unary_stream(f"/multiprover.prover.v1.Prover/{method}")(data, timeout=WAIT_S)
            with pytest.raises(grpc.RpcError):
                list(call)
    assert server.client.healthy()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--listen", "unix:///tmp/never", "--require-hardware"], "--require-hardware"),
        (["--listen", "localhost:0"], "all three --tls options"),
        (["--listen", "unix:///no/such/folder/s"], "bind"),
        (["--listen", "unix:///tmp/never", "--sources", "/no/such/folder"], "found none"),
    ],
)
def test_it_says_why_it_cannot_start(tmp_path: Path, options: list[str], reason: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "multiprover_sgx.server", "--cache", str(tmp_path), *options],
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == b""
    lines = [line for line in ended.stderr.splitlines() if line.startswith(b"{")]
    assert reason in json.loads(lines[-1])["reason"]
