"""What a deployment must be told before it takes a proof type that vouches for less than it seems to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from halo2_mutants import own_key
from test_contracts_halo2 import changed
from test_node import TOKEN
from typer.testing import CliRunner

from multiprover import risk
from multiprover.cli.main import app
from multiprover.node.deployment import DeploymentError, proof_type_info
from multiprover.node.workspace import Workspace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.manifest import Component, Manifest
from multiprover.settlement import l1 as l1_module
from multiprover.settlement.adapters import Groth16Type, Halo2Type, ProofTypeInfo
from multiprover.settlement.claims import ClaimError
from multiprover.settlement.l1 import open_l1

SETUP_WORD = 3
"""Of halo2's key: 0 for a ceremony's setup, 1 for one party's."""


def manifest(name: str) -> Manifest:
    """The one that our prover gives."""
    file = Path(risk.__file__).parent / "data/manifests.json"
    (document,) = [m for m in json.loads(file.read_bytes()) if m["proof_type"] == name]
    return Manifest.model_validate_json(json.dumps(document))


def with_setups(given: Manifest, *ids: str) -> Manifest:
    others = tuple(c for c in given.components if c.layer != "setup")
    setups = tuple(Component(layer="setup", id=i, version="", note="") for i in ids)
    return given.model_copy(update={"components": others + setups})


def info(name: str, of: Manifest, key: bytes, *, allowed: bool) -> ProofTypeInfo:
    prepared = pb.Prepared(artefacts={"l1_verifier": key})
    return proof_type_info(name, prepared, of, allow_simulated=False, allow_insecure_setup=allowed)


def test_keys_of_one_party_need_consent() -> None:
    for name, key in (("groth16", b"key"), ("halo2", own_key())):
        with pytest.raises(
            DeploymentError, match=f"{name}: one party made the setup.*--allow-insecure-setup"
        ):
            info(name, manifest(name), key, allowed=False)
    assert info("groth16", manifest("groth16"), b"key", allowed=True) == Groth16Type(b"key")
    assert info("halo2", manifest("halo2"), own_key(), allowed=True) == Halo2Type(own_key())


def test_a_ceremony_needs_none() -> None:
    key = changed(SETUP_WORD, 0)
    assert info("halo2", manifest("halo2"), key, allowed=False) == Halo2Type(key)
    ours = with_setups(manifest("groth16"), "acme-ceremony")
    assert info("groth16", ours, b"key", allowed=False) == Groth16Type(b"key")


def test_halo2_is_judged_by_its_key_not_by_what_its_prover_says() -> None:
    says = with_setups(manifest("halo2"), "powers-of-tau")
    with pytest.raises(DeploymentError, match="halo2: one party"):
        info("halo2", says, own_key(), allowed=False)
    with pytest.raises(ClaimError, match="l1_verifier of halo2"):
        info("halo2", says, b"no key", allowed=False)


@pytest.mark.parametrize("setups", [(), ("groth16-one-party-setup", "acme-ceremony")])
def test_groth16_that_names_no_ceremony_alone_is_one_partys(setups: tuple[str, ...]) -> None:
    with pytest.raises(DeploymentError, match="groth16: one party"):
        info("groth16", with_setups(manifest("groth16"), *setups), b"key", allowed=False)


def test_the_operator_says_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    l1 = open_l1(None)

    def prepare(workspace: Workspace, _: object) -> None:
        workspace.manifests["halo2"] = manifest("halo2")
        workspace.prepared["halo2"] = pb.Prepared(artefacts={"l1_verifier": own_key()})

    monkeypatch.setattr(l1_module, "open_l1", lambda *_, **__: l1)
    monkeypatch.setattr(Workspace, "prepare", prepare)
    key = l1.dev_accounts()[0].key.hex()

    def deploy(directory: str, *options: str) -> tuple[BaseException | None, str]:
        arguments = ["operator", "--l1", "http://embedded", "deploy", str(tmp_path / directory), TOKEN]
        arguments += ["--slots", "2", "--types", "halo2", "--json", *options]
        result = CliRunner().invoke(app, arguments, env={"MULTIPROVER_L1_KEY": key})
        return result.exception, result.stdout

    refusal, _ = deploy("refused", "--allow-simulated")
    assert isinstance(refusal, DeploymentError), refusal
    assert "--allow-insecure-setup" in str(refusal)
    error, output = deploy("allowed", "--allow-insecure-setup")
    assert error is None, error
    assert list(json.loads(output[output.index("{") :])["types"]) == ["halo2"]
