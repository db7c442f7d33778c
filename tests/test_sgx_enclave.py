"""The enclave prover's keys, attestation and stoppable work."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PosixPath
from typing import Any

import grpc
import jinja2
import pytest
import structlog
from eth_hash.auto import keccak
from multiprover_sgx import files
from multiprover_sgx.attestation import (
    ATTRIBUTES,
    MRENCLAVE,
    REPORT_DATA,
    AttestationError,
    Simulation,
    detect,
    report_data,
)
from multiprover_sgx.keys import Keyring, seal, unseal
from multiprover_sgx.manifest import manifest
from multiprover_sgx.refusal import Refusal
from multiprover_sgx.server import main, parse
from multiprover_sgx.service import ProverService
from multiprover_sgx.work import OverTimeError, Stopped, Work
from sgx_batches import CHAIN_ID, PAYEE, SETTLEMENT, mixed_case

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.prover.v1 import prover_pb2_grpc
from multiprover.provers.client import ProverClient
from multiprover.provers.errors import ProverCrashed
from multiprover.settlement import claims

MEASUREMENT = bytes(range(32))
PROGRAM_ID = b"\3" * 32


class Device(PosixPath):
    """A folder in which a quote is made of the report data, as Gramine does it."""

    version, debug, stale = 3, False, False

    def read_bytes(self) -> bytes:
        if self.name != "quote":
            return super().read_bytes()
        quote = bytearray(1000)
        quote[0] = type(self).version
        quote[ATTRIBUTES] = 0x04 | (0x02 if type(self).debug else 0)
        quote[MRENCLAVE : MRENCLAVE + 32] = MEASUREMENT
        data = (self.parent / "user_report_data").read_bytes()
        quote[REPORT_DATA : REPORT_DATA + 64] = bytes(64) if type(self).stale else data
        return bytes(quote)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    device = Device(tmp_path / "attestation")
    (device / "keys").mkdir(parents=True)
    (device / "attestation_type").write_text("dcap")
    (device / "keys" / "_sgx_mrenclave").write_bytes(b"k" * 16)
    return device


# -- attestation


def test_no_device_is_simulation(tmp_path: Path) -> None:
    enclave = detect(tmp_path / "attestation")
    assert not enclave.hardware
    assert enclave.quote(bytes(20)) == b""
    assert manifest(enclave, measured=True).simulated


def test_an_enclave_without_attestation_is_simulation(device: Device) -> None:
    (device / "attestation_type").write_text("none")
    assert isinstance(detect(device), Simulation)


def test_a_quote_is_over_the_hash_of_the_address(device: Device) -> None:
    enclave = detect(device)
    assert enclave.hardware
    assert enclave.measurement == MEASUREMENT
    signer = b"\5" * 20
    assert enclave.quote(signer)[REPORT_DATA : REPORT_DATA + 64] == keccak(signer) + bytes(32)
    assert report_data(signer) == keccak(signer) + bytes(32)
    described = manifest(enclave, measured=True)
    assert not described.simulated
    assert list(described.warnings) == []
    assert {c.id for c in described.components if c.layer == "vendor"} == {
        "intel-sgx",
        "intel-dcap",
        "gramine",
    }


@pytest.fixture
def refused_start(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """Start the server on the device, which must fail; gives the reason that it logs."""
    monkeypatch.setattr("multiprover_sgx.server._log_json", lambda: None)
    umask = os.umask(0)

    def start(*options: str) -> str:
        with structlog.testing.capture_logs() as logged:
            arguments = ["--listen", "unix:///tmp/never", "--cache", str(tmp_path), *options]
            assert main(arguments, device=device) == 2
        return str(logged[-1]["reason"])

    yield start
    os.umask(umask)


def test_an_enclave_open_to_a_debugger_claims_nothing(
    device: Device, monkeypatch: pytest.MonkeyPatch, refused_start: Callable[..., str]
) -> None:
    monkeypatch.setattr(Device, "debug", True)
    assert not detect(device).hardware
    assert manifest(detect(device), measured=True).simulated
    assert "expected an SGX enclave" in refused_start("--require-hardware")


def test_an_enclave_needs_measured_sources(refused_start: Callable[..., str]) -> None:
    assert "only measured transitions" in refused_start()


def test_a_device_that_gives_no_quote_is_no_simulation(
    monkeypatch: pytest.MonkeyPatch, refused_start: Callable[..., str]
) -> None:
    monkeypatch.setattr(Device, "version", 0)
    assert "quote: expected version 3" in refused_start()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"version": 4}, "expected version 3"), ({"stale": True}, "report data")],
)
def test_a_quote_that_is_not_what_was_asked_for(
    device: Device, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], message: str
) -> None:
    enclave = detect(device)
    for name, value in change.items():
        monkeypatch.setattr(Device, name, value)
    with pytest.raises(AttestationError, match=message):
        enclave.quote(b"\5" * 20)


@pytest.mark.parametrize("scheme", ["epid", "", "DCAP"])
def test_another_attestation_is_an_error(device: Device, scheme: str) -> None:
    (device / "attestation_type").write_text(scheme)
    with pytest.raises(AttestationError, match="expected dcap or none"):
        detect(device)


def test_a_sealing_key_of_another_length(device: Device) -> None:
    (device / "keys" / "_sgx_mrenclave").write_bytes(b"")
    with pytest.raises(AttestationError, match="expected 16 bytes, got 0"):
        detect(device).sealing_key()


@pytest.fixture
def enclave_client(device: Device, tmp_path: Path) -> Iterator[ProverClient]:
    """A prover that believes itself in an enclave, with the token as its one measured source."""
    measured = frozenset({keccak(mixed_case().prepare.source.encode())})
    service = ProverService(tmp_path / "cache", detect(device), measured=measured, prepare_limit_s=60.0)
    server = grpc.server(ThreadPoolExecutor(4))
    prover_pb2_grpc.add_ProverServicer_to_server(service, server)
    with tempfile.TemporaryDirectory(prefix="sgx-") as sockets:
        server.add_insecure_port(f"unix://{sockets}/s")
        server.start()
        with ProverClient(f"unix://{sockets}/s", "sgx") as client:
            yield client
        server.stop(grace=0).wait(60)


def test_an_enclave_attests_the_key_that_vouches(enclave_client: ProverClient) -> None:
    assert not enclave_client.describe().simulated
    case = mixed_case()
    prepared = enclave_client.prepare(case.prepare)
    signer, quote = prepared.artefacts["signer"], prepared.artefacts["quote"]
    assert quote[REPORT_DATA : REPORT_DATA + 64] == report_data(signer)
    case.prove.key_id = prepared.key_id
    proof = enclave_client.prove(case.prove).proof
    enclave_client.verify(case.prove.statement, proof)
    statement = case.prove.statement
    digest = claims.vouch_digest(
        CHAIN_ID,
        SETTLEMENT,
        domain=statement.domain,
        claim=statement.claim,
        pre_state_root=claims.state_root([s.pre_root for s in statement.suites]),
        post_state_root=claims.state_root([s.post_root for s in statement.suites]),
        payee=PAYEE,
    )
    assert claims.recover_signer(digest, proof.l1_proof) == signer


def test_without_a_quote_nothing_is_prepared(
    enclave_client: ProverClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Device, "stale", True)
    with pytest.raises(ProverCrashed, match="report data"):
        enclave_client.prepare(mixed_case().prepare)


# -- keys


def test_a_key_is_made_once(tmp_path: Path) -> None:
    first = Keyring(tmp_path, Simulation()).signer(PROGRAM_ID)
    assert Keyring(tmp_path, Simulation()).signer(PROGRAM_ID) == first
    assert Keyring(tmp_path, Simulation()).signer(b"\4" * 32).address != first.address
    assert Keyring(tmp_path / "other", Simulation()).signer(PROGRAM_ID).address != first.address
    assert (tmp_path / "signer.sealed").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["signer.sealed"]


def test_many_threads_make_one_key(tmp_path: Path) -> None:
    addresses: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda: addresses.append(Keyring(tmp_path, Simulation()).signer(PROGRAM_ID).address)
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(addresses) == 8
    assert len(set(addresses)) == 1


def test_a_sealed_key_does_not_show_its_secret(device: Device, tmp_path: Path) -> None:
    enclave = detect(device)
    signer = Keyring(tmp_path, enclave).signer(PROGRAM_ID)
    secret = unseal(tmp_path / "signer.sealed", enclave.sealing_key())
    assert secret not in (tmp_path / "signer.sealed").read_bytes()
    assert Keyring(tmp_path, detect(device)).signer(PROGRAM_ID) == signer


def test_another_enclave_cannot_unseal(device: Device, tmp_path: Path) -> None:
    Keyring(tmp_path, detect(device)).signer(PROGRAM_ID)
    (device / "keys" / "_sgx_mrenclave").write_bytes(b"l" * 16)
    with pytest.raises(Refusal, match="does not open it") as caught:
        Keyring(tmp_path, detect(device)).signer(PROGRAM_ID)
    assert caught.value.code == pb.Refusal.CODE_CORRUPT_KEYS


def test_no_key_moves_between_simulation_and_enclave(device: Device, tmp_path: Path) -> None:
    Keyring(tmp_path / "a", Simulation()).signer(PROGRAM_ID)
    with pytest.raises(Refusal, match="made in simulation, and this is an enclave"):
        Keyring(tmp_path / "a", detect(device)).signer(PROGRAM_ID)
    Keyring(tmp_path / "b", detect(device)).signer(PROGRAM_ID)
    with pytest.raises(Refusal, match="made in an enclave, and this is simulation"):
        Keyring(tmp_path / "b", Simulation()).signer(PROGRAM_ID)


@pytest.mark.parametrize("key", [None, b"k" * 16], ids=["simulation", "enclave"])
def test_every_bit_of_a_sealed_key_counts(tmp_path: Path, key: bytes | None) -> None:
    content = seal(b"s" * 32, key)
    file = tmp_path / "signer.sealed"
    file.write_bytes(content)
    assert unseal(file, key) == b"s" * 32
    spoilt = [content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :] for i in range(len(content))]
    for other in [*spoilt, b"", content[:-1], content + b"\0", content[:9]]:
        file.write_bytes(other)
        with pytest.raises(Refusal) as caught:
            unseal(file, key)
        assert caught.value.code == pb.Refusal.CODE_CORRUPT_KEYS
        assert str(file) in caught.value.message


def test_files_are_never_replaced(tmp_path: Path) -> None:
    assert files.create(tmp_path / "deep" / "file", b"one")
    assert not files.create(tmp_path / "deep" / "file", b"two")
    assert (tmp_path / "deep" / "file").read_bytes() == b"one"
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["file"]


def test_without_links_files_are_not_replaced_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError("not implemented")

    monkeypatch.setattr("os.link", no_links)
    test_files_are_never_replaced(tmp_path)


# -- work


def test_work_gives_progress_and_its_result() -> None:
    work = Work(lambda _: 42)
    assert next(iter(steps := work.run())) == ("start", 0.0)
    assert all(fraction == 0.0 for _, fraction in steps)
    assert work.result() == 42
    assert not work.stopped


def test_work_raises_what_it_raised() -> None:
    def fail(_: Work[int]) -> int:
        raise KeyError("boom")

    work = Work(fail)
    list(work.run())
    with pytest.raises(KeyError, match="boom"):
        work.result()


def test_work_that_looks_is_stopped() -> None:
    begun = threading.Event()

    def look(work: Work[None]) -> None:
        while True:
            begun.set()
            work.check()

    work = Work(look)
    steps = work.run()
    next(steps)
    begun.wait(60)
    work.stop()
    assert list(steps) == []
    assert work.stopped
    assert work.result() is None


def test_work_that_does_not_look_is_interrupted() -> None:
    ended = threading.Event()

    def spin(_: Work[None]) -> None:
        try:
            while True:
                # A transition that catches what it can does not catch this.
                with contextlib.suppress(Exception):
                    pass
        except Stopped:
            ended.set()
            raise

    work = Work(spin)
    steps = work.run()
    next(steps)
    steps.close()
    assert ended.wait(60)
    assert work.stopped


def test_work_over_its_limit_is_stopped() -> None:
    def spin(_: Work[None]) -> None:
        while True:
            pass

    work = Work(spin, limit_s=0.0)
    with pytest.raises(OverTimeError):
        list(work.run())
    assert work.stopped


def test_a_signer_shows_no_secret(tmp_path: Path) -> None:
    signer = Keyring(tmp_path, Simulation()).signer(mixed_case().program.program_id)
    assert repr(signer) == f"Signer(address={signer.address!r})"


# -- the Gramine manifest


@pytest.fixture(scope="module")
def gramine() -> dict[str, Any]:
    """The manifest as ``gramine-manifest`` renders it."""
    template = Path(__file__).parent.parent / "provers" / "sgx" / "multiprover_sgx.manifest.template"
    rendered = jinja2.Template(template.read_text(), undefined=jinja2.StrictUndefined).render(
        entrypoint="/usr/bin/python3.11",
        arch_libdir="/lib/x86_64-linux-gnu",
        site_packages="/opt/site-packages",
        transitions="/srv/transitions",
        state_dir="/srv/state",
        tls_dir="/srv/tls",
        listen="0.0.0.0:7443",
        gramine={"runtimedir": lambda: "/gramine/runtime", "libos": "/gramine/libsysdb.so"},
        python={"get_sys_path": lambda _: [Path("/usr/lib/python3.11")]},
    )
    return tomllib.loads(rendered)


def test_the_manifest_is_of_a_production_enclave(gramine: dict[str, Any]) -> None:
    assert gramine["sgx"]["remote_attestation"] == "dcap"
    assert gramine["sgx"]["debug"] is False
    assert "insecure" not in str(gramine)
    assert gramine["sgx"]["allowed_files"] == ["file:/srv/state/", "file:/srv/tls/"]


def test_all_code_is_measured(gramine: dict[str, Any]) -> None:
    trusted = {file.removeprefix("file:").rstrip("/") for file in gramine["sgx"]["trusted_files"]}
    allowed = {file.removeprefix("file:").rstrip("/") for file in gramine["sgx"]["allowed_files"]}
    mounted = {mount["uri"].removeprefix("file:") for mount in gramine["fs"]["mounts"] if "uri" in mount}
    assert mounted - trusted == allowed
    assert gramine["loader"]["env"]["PYTHONPATH"] in trusted


def test_the_manifests_command_line_is_one_of_the_prover(gramine: dict[str, Any]) -> None:
    program, *arguments = gramine["loader"]["argv"]
    assert program == gramine["libos"]["entrypoint"]
    assert arguments[: arguments.index("--require-hardware")] == ["-s", "-P", "-m", "multiprover_sgx.server"]
    options = parse(arguments[4:])
    assert options.require_hardware
    assert options.sources == Path("/srv/transitions")
    assert options.listen == "0.0.0.0:7443"
    assert all((options.tls_authority, options.tls_certificate, options.tls_key))
