"""Proofs of false statements that a proof type really accepts: what scenarios lie with.

A type lies here by a fault that could befall it in earnest, and by nothing less:

- ``groth16``: its keys were made by a one-party setup that kept its toxic waste
  (``provers/groth16/cmd/leak``). Whoever knows ``gamma / delta`` satisfies the verification equation for any
  statement without a witness.
- ``plonky2``: a fault planted in its circuit, of a kind that audits find: what a batch puts out is copied
  into the journal by rows without a gate (``provers/plonky2/examples/lie``). The prover notices nothing.
- ``sgx``: a key that the operator registered leaked from its enclave.

Keys that can be lied with stand in a cache folder of their own, :func:`folder`, where nothing else looks.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast

from eth_abi.abi import decode
from eth_hash.auto import keccak
from py_ecc.bn128.bn128_curve import add, curve_order, multiply
from py_ecc.fields import bn128_FQ as FQ

import multiprover
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims
from multiprover.settlement.groth16 import VERIFYING_KEY_TYPES

_WORD: Final = 32


class ForgeError(Exception):
    """A lie that cannot be made; the message says what is missing and what to do."""


class Forger(Protocol):
    """Makes proofs of what is false."""

    def prove(self, statement: pb.Statement) -> bytes:
        """The bytes that L1 takes as a proof of ``statement`` (cut to the type's suites), true or not."""
        ...


@dataclass(frozen=True)
class LeakedKey:
    """``sgx`` with a registered signing key that leaked.

    Attributes:
        secret: 32 bytes, a secp256k1 scalar.
    """

    secret: bytes

    @property
    def signer(self) -> bytes:
        """The 20-byte address that the operator registered."""
        return claims.signer_address(self.secret)

    def prove(self, statement: pb.Statement) -> bytes:
        digest = claims.vouch_digest(
            int.from_bytes(statement.chain_id, "big"),
            statement.settlement,
            domain=statement.domain,
            claim=statement.claim,
            pre_state_root=claims.state_root([s.pre_root for s in statement.suites]),
            post_state_root=claims.state_root([s.post_root for s in statement.suites]),
            payee=statement.payee,
        )
        return claims.sign_vouch(self.secret, digest)


@dataclass(frozen=True)
class ToxicWaste:
    """``groth16`` under keys whose setup kept ``gamma / delta``.

    With A = alpha and B = beta, which the verifying key shows, ``e(A, B) = e(alpha, beta)`` and what is
    left of the
    equation is ``C = -(gamma / delta)·L``: Groth's simulator (EUROCRYPT 2016, §3.2). The commitment and
    its proof of
    knowledge are taken over from any honest proof, since they say nothing of the statement.

    Attributes:
        verifying_key: the artefact ``l1_verifier`` of the keys.
        gamma_over_delta: the trapdoor.
        honest: an L1 proof of some other statement under the same keys.
    """

    verifying_key: bytes
    gamma_over_delta: int
    honest: bytes

    def prove(self, statement: pb.Statement) -> bytes:
        (suite,) = statement.suites
        alpha, beta, *_, inputs = decode(VERIFYING_KEY_TYPES, self.verifying_key)
        commitment = self.honest[8 * _WORD : 10 * _WORD]
        values = [
            1,
            *(int.from_bytes(v, "big") for v in (suite.pre_root, suite.post_root, suite.commitment)),
            *(int.from_bytes(v, "big") for v in (suite.challenge, suite.evaluation, statement.payee)),
            int.from_bytes(statement.domain, "big"),
            int.from_bytes(keccak(commitment), "big"),
        ]
        total = _g1([int.from_bytes(commitment[i : i + _WORD], "big") for i in (0, _WORD)])
        for value, point in zip(values, inputs, strict=True):
            total = add(total, multiply(_g1(point), value % curve_order))
        c = multiply(total, -self.gamma_over_delta % curve_order)
        words = [*alpha, *beta, *(int(x) for x in cast(Any, c))]
        return b"".join(w.to_bytes(_WORD, "big") for w in words) + self.honest[8 * _WORD :]


@dataclass(frozen=True)
class FaultyCircuit:
    """``plonky2`` under keys of a circuit that leaves the journal's outputs unconstrained.

    The proof is of what could happen, but for the outputs: it takes a whole proof for L1, about a minute of
    CPU.

    Attributes:
        tool: ``provers/plonky2/target/release/examples/lie``.
        keys: the prover's cache, which :func:`faulty_plonky2_keys` has filled.
        truth: the request of a batch with the same inputs, as the prover gets it.
        journal: of the lie.
    """

    tool: Path
    keys: Path
    truth: pb.ProveRequest
    journal: bytes

    def prove(self, statement: pb.Statement) -> bytes:
        with tempfile.TemporaryDirectory(prefix="multiprover-lie-") as scratch:
            files = {
                "truth": self.truth.SerializeToString(),
                "statement": statement.SerializeToString(),
                "journal": self.journal,
            }
            for name, content in files.items():
                (Path(scratch) / name).write_bytes(content)
            out = Path(scratch) / "proof"
            _run(self.tool, "prove", self.keys, *(Path(scratch) / name for name in files), out)
            return pb.Proof.FromString(out.read_bytes()).l1_proof


def _g1(point: Sequence[int]) -> Any:
    return FQ(point[0]), FQ(point[1])


TOOLS: Final[Mapping[str, tuple[str, str]]] = {
    "groth16": ("provers/groth16/bin/leak", "make -C provers/groth16"),
    "plonky2": (
        "provers/plonky2/target/release/examples/lie",
        "make -C provers/plonky2 target/release/examples/lie",
    ),
}
"""By proof type, the program that makes keys to lie with, and what builds it; ``sgx`` needs none."""

FORGEABLE: Final = (*TOOLS, "sgx")
"""Types that can be made to accept what is false."""


def tool(name: str) -> Path | None:
    """The program with which ``name`` is lied for; None if it needs none.

    Raises:
        ForgeError: there is no way to lie for it here, or the program is not built.
    """
    if name not in FORGEABLE:
        raise ForgeError(
            f"{name}: expected a type that can be made to accept what is false ({', '.join(FORGEABLE)})"
        )
    if name not in TOOLS:
        return None
    place, built_by = TOOLS[name]
    path = Path(multiprover.__file__).resolve().parents[2] / place
    if not path.is_file():
        raise ForgeError(f"{name}: {place} is not built: run `{built_by}` in the repository")
    return path


def folder(cache: Path, name: str) -> Path:
    """Where keys of ``name`` that can be lied with are kept, beside those that cannot."""
    return cache / "leaked" / name


def make_keys(name: str, program: bytes, slots: int, keys: Path) -> str:
    """Make keys that can be lied with, or find them, where the prover of ``name`` with the cache ``keys``
    loads them.

    Args:
        program: in canonical bytes.

    Returns:
        What the tool says: of ``groth16`` JSON with the trapdoor, of ``plonky2`` the id of the keys.

    Raises:
        ForgeError: the tool is not built, or fails.
    """
    path = tool(name)
    if path is None:
        return ""
    keys.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(prefix="multiprover-program-") as file:
        file.write(program)
        file.flush()
        if name == "groth16":
            return _run(path, "--program", file.name, "--slots", slots, "--cache", keys)
        return _run(path, "keys", file.name, slots, keys)


def toxic_waste(said: str) -> int:
    """``gamma / delta`` from what ``groth16``'s tool says."""
    return int(json.loads(said)["gamma_over_delta"], 16)


def _run(program: Path, *arguments: object) -> str:
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ForgeError(
            f"{' '.join(command)} ended with status {done.returncode}: {done.stderr.strip()[-2000:]}"
        )
    return done.stdout
