"""Manifests, the proof types known here, and several provers at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import fake_prover
import pytest

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers import registry as registry_module
from multiprover.provers.client import ProverClient
from multiprover.provers.errors import MalformedAnswer, ProverCrashed, ProverNotFound
from multiprover.provers.manifest import Manifest, shared_components
from multiprover.provers.registry import Fleet, Registry, RegistryError
from multiprover.provers.supervisor import SupervisedProver

# --- manifests ----------------------------------------------------------------------


def manifest_message() -> pb.Manifest:
    return pb.Manifest(
        proof_type="groth16",
        version="0.1.0",
        format_version=1,
        suites=["bn254"],
        components=[
            pb.Component(layer="field", id="curve-bn254", version="1", note="pairing"),
            pb.Component(layer="setup", id="one-party-setup"),
        ],
        security=[
            pb.SecurityTerm(name="curve", proven_bits=0, conjectured_bits=100, source="eprint 2016/1102"),
            pb.SecurityTerm(name="hash", proven_bits=127, conjectured_bits=127, source="eprint 2023/323"),
        ],
        warnings=["one party ran the setup"],
    )


def test_a_manifest_is_typed() -> None:
    manifest = Manifest.from_message(manifest_message(), "groth16")
    assert (manifest.proven_bits, manifest.conjectured_bits) == (0, 100)
    assert manifest.binding_term == manifest.security[0]
    assert manifest.components[0].id == "curve-bn254"
    assert Manifest.model_validate_json(manifest.model_dump_json(), strict=False) == manifest


def test_no_security_terms_bind_nothing() -> None:
    message = manifest_message()
    del message.security[:]
    manifest = Manifest.from_message(message, "groth16")
    assert (manifest.proven_bits, manifest.conjectured_bits, manifest.binding_term) == (None, None, None)


def change(message: pb.Manifest, **values: object) -> None:
    for name, value in values.items():
        setattr(message, name, value)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (lambda m: change(m, proof_type=""), "proof_type"),
        (lambda m: change(m, proof_type="Groth 16"), "proof_type"),
        (lambda m: change(m, version=""), "version"),
        (lambda m: change(m, format_version=0), "format_version"),
        (lambda m: m.ClearField("components"), "components"),
        (lambda m: m.components.add(layer="magic", id="x"), "expected one of .*not 'magic'"),
        (lambda m: m.components.append(m.components[0]), "each once in a layer"),
        (lambda m: change(m.components[0], id=""), "id"),
        (lambda m: m.suites.append("bn254"), "suites: expected each once"),
        (lambda m: change(m.security[0], proven_bits=101), "101.0 bits proven is more than 100.0"),
        (lambda m: change(m.security[0], conjectured_bits=float("nan")), "conjectured_bits"),
        (lambda m: change(m.security[0], conjectured_bits=float("inf")), "conjectured_bits"),
        (lambda m: change(m.security[0], proven_bits=-1), "proven_bits"),
        (lambda m: change(m.security[0], name=""), "name"),
    ],
)
def test_a_senseless_manifest_is_refused(fault: Callable[[pb.Manifest], object], says: str) -> None:
    message = manifest_message()
    fault(message)
    with pytest.raises(MalformedAnswer, match=says):
        Manifest.from_message(message, "groth16")


def test_shared_components_go_by_id() -> None:
    ours = Manifest.from_message(manifest_message(), "groth16")
    message = manifest_message()
    change(message, proof_type="halo2")
    change(message.components[0], version="2", note="another word for it")
    change(message.components[1], id="ceremony")
    theirs = Manifest.from_message(message, "halo2")
    assert [component.id for component in shared_components(ours, theirs)] == ["curve-bn254"]
    assert shared_components(ours, ours) == ours.components


def test_a_statement_is_cut_to_the_types_suites() -> None:
    full = pb.Statement(slots=3)
    for name in ("bn254", "goldilocks", "koalabear"):
        full.suites.add(suite=name)
    message = manifest_message()
    message.suites[:] = ["koalabear", "bn254"]
    cut = Manifest.from_message(message, "x").statement(full)
    assert [suite.suite for suite in cut.suites] == ["bn254", "koalabear"]
    assert cut.slots == 3
    message.suites[:] = []
    assert Manifest.from_message(message, "x").statement(full) == full
    message.suites[:] = ["other"]
    with pytest.raises(ValueError, match=r"expected suites \['other'\]"):
        Manifest.from_message(message, "x").statement(full)


# --- the registry -------------------------------------------------------------------


def test_ours_are_known() -> None:
    assert Registry.load().names == ("groth16", "halo2", "plonky2", "sgx", "stark")


def test_the_enclave_prover_is_a_module_of_this_interpreter() -> None:
    assert Registry.load().entry("sgx").command == (sys.executable, "-m", "multiprover_sgx.server")


def test_an_unbuilt_prover_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry_module, "__file__", str(tmp_path / "src/multiprover/provers/registry.py"))
    with pytest.raises(ProverNotFound, match="run `make -C provers/groth16`"):
        Registry.load().entry("groth16")
    built = tmp_path / "provers/groth16/bin/prover"
    built.parent.mkdir(parents=True)
    built.touch()
    assert Registry.load().entry("groth16").command == (str(built),)


def test_a_missing_module_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = registry_module._Module(module="no_such_package.server", built_by="uv sync")
    monkeypatch.setattr(registry_module, "BUILT_IN", {"sgx": missing})
    with pytest.raises(ProverNotFound, match="run `uv sync`"):
        Registry.load().entry("sgx")


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ProverNotFound, match="expected one of the proof types groth16, halo2, plonky2, sgx"):
        Registry.load().open("groht16", tmp_path)


def write(folder: Path, text: str) -> Path:
    file = folder / "provers.toml"
    file.write_text(text)
    return file


def test_a_file_adds_and_replaces(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        f"""
        [provers.acme]
        command = [{sys.executable!r}, {fake_prover.__file__!r}]
        env = {{ PROOF_TYPE = "acme" }}
        memory_mib = 512
        [provers.near]
        address = "unix:///run/near.sock"
        [provers.sgx]
        command = ["gramine/run", "prover"]
        """,
    )
    registry = Registry.load(file)
    assert registry.names == ("acme", "groth16", "halo2", "near", "plonky2", "sgx", "stark")
    assert isinstance(registry.open("near", tmp_path), ProverClient)
    with pytest.raises(ProverCrashed, match=f"cannot run {tmp_path}/gramine/run"):
        registry.open("sgx", tmp_path / "cache").start()  # type: ignore[attr-defined]
    acme = registry.open("acme", tmp_path / "cache")
    assert isinstance(acme, SupervisedProver)
    with acme:
        assert acme.describe().proof_type == "acme"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[provers.x]", "either a command or an address"),
        ('[provers.x]\ncommand = ["a"]\naddress = "unix:///b"', "either a command or an address"),
        ("[provers.x]\ncommand = []", "command"),
        ('[provers.x]\naddress = "host:1"', "expected tls with host:port"),
        (
            '[provers.x]\naddress = "unix:///a"\ntls = {authority="a", certificate="b", key="c"}',
            "none with a unix socket",
        ),
        ('[provers.x]\naddress = "unix:///a"\nmemory_mib = 5', "only with a command"),
        ('[provers.x]\ncommand = ["a"]\nmemory_mib = 0', "memory_mib"),
        ('[provers.x]\ncomand = ["a"]', "comand"),
        ('[provers."X Y"]\ncommand = ["a"]', "X Y"),
        ("[prover.x]", "provers"),
        ("not toml", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RegistryError, match=says) as error:
        Registry.load(write(tmp_path, text))
    assert "provers.toml" in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be read"):
        Registry.load(tmp_path / "none.toml")


# --- several at once ----------------------------------------------------------------


def test_a_fleet_goes_on_without_those_that_fail(tmp_path: Path) -> None:
    def entry(name: str, fault: str) -> str:
        return f"""
        [provers.{name}]
        command = [{sys.executable!r}, {fake_prover.__file__!r}]
        env = {{ PROOF_TYPE = "{name}", FAULT = "{fault}" }}
        """

    file = write(
        tmp_path, entry("good", "") + entry("dead", "dies-at-start") + entry("liar", "other-manifest")
    )
    with Fleet(Registry.load(file), ["good", "dead", "liar", "unknown"], tmp_path / "cache") as fleet:
        assert set(fleet.provers) == {"good"}
        assert set(fleet.failures) == {"dead", "liar", "unknown"}
        assert "the toy has no luck" in str(fleet.failures["dead"])
        assert isinstance(fleet.failures["unknown"], ProverNotFound)
        good = fleet.provers["good"]
        assert good.describe().proof_type == "good"
    with pytest.raises(ProverCrashed, match="is down"):
        good.describe()
