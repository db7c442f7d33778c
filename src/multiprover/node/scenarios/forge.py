"""Proofs of false statements that a proof type really accepts: what scenarios lie with.

A type lies here by a fault that could befall it in earnest, and by nothing less:

- ``groth16``: its keys were made by a one-party setup that kept its toxic waste
(``provers/groth16/cmd/leak``). Whoever
  knows ``gamma / delta`` satisfies the verification equation for any statement without a witness.
- ``sgx``: a key that the operator registered leaked from its enclave.

Deployments that can be lied to so are labelled: the keys of the first lie in a cache folder of their own.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, cast

from eth_abi.abi import decode
from eth_hash.auto import keccak
from py_ecc.bn128.bn128_curve import add, curve_order, multiply
from py_ecc.fields import bn128_FQ as FQ

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


def _g1(point: Sequence[int]) -> Any:
    return FQ(point[0]), FQ(point[1])


def leaked_groth16_keys(tool: Path, program: Path, slots: int, cache: Path) -> int:
    """Make keys of ``groth16`` that leak, or find them, where the prover with this ``cache`` loads them.

    Args:
        tool: ``provers/groth16/bin/leak``.
        program: a file with the canonical program.

    Returns:
        ``gamma / delta``.

    Raises:
        ForgeError: the tool is not built, or fails.
    """
    if not tool.is_file():
        raise ForgeError(f"{tool} is not built: run `make -C provers/groth16` in the repository")
    command = [str(tool), "--program", str(program), "--slots", str(slots), "--cache", str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ForgeError(
            f"{' '.join(command)} ended with status {done.returncode}: {done.stderr.strip()[-2000:]}"
        )
    return int(json.loads(done.stdout)["gamma_over_delta"], 16)
