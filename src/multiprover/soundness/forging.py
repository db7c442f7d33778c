"""Proofs and vouches forged for the adapters on L1, by somebody who has what should have been forgotten."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from eth_abi.abi import encode
from eth_hash.auto import keccak
from py_ecc.bn128.bn128_curve import G1, G2, add, multiply, neg
from py_ecc.fields import bn128_FQ

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims, embedded, halo2, stark
from multiprover.settlement.contracts import artifact
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1
from multiprover.soundness.checkers import CheckerError, repository
from multiprover.suites.bn254 import Bn254

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
VOUCH = "(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])"
PLONKY2_SHAPE = "contracts/Plonky2Shape.sol"
ACCEPTED = keccak(b"multiprover/vouch/v1")
IC_POINTS = 9


def _g1(scalar: int) -> list[int]:
    point = multiply(G1, scalar % R)
    return [0, 0] if point is None else [int(c) for c in point]


def _g2(scalar: int) -> list[int]:
    point = multiply(G2, scalar % R)
    assert point is not None
    x, y = point
    return [int(x.coeffs[1]), int(x.coeffs[0]), int(y.coeffs[1]), int(y.coeffs[0])]


@dataclass(frozen=True)
class Waste:
    """The toxic waste of a Groth16 setup: discrete logarithms of everything in the key."""

    alpha: int
    beta: int
    gamma: int
    delta: int
    sigma: int
    ic: tuple[int, ...]

    @classmethod
    def fresh(cls, *, gamma_is_delta: bool = False) -> Waste:
        alpha, beta, gamma, delta, sigma = (secrets.randbelow(R - 2) + 2 for _ in range(5))
        ic = tuple(secrets.randbelow(R - 1) + 1 for _ in range(IC_POINTS))
        return cls(alpha, beta, gamma, gamma if gamma_is_delta else delta, sigma, ic)

    def key(self, domain: bytes) -> bytes:
        """What the adapter's constructor takes."""
        values: list[Any] = [
            _g1(self.alpha),
            _g2(self.beta),
            _g2(self.gamma),
            _g2(self.delta),
            _g2(self.beta),
        ]
        values += [_g2(-self.sigma * self.beta), [_g1(v) for v in self.ic], domain]
        return encode(["uint256[2]", *["uint256[4]"] * 5, "uint256[2][]", "bytes32"], values)

    def _input(self, public: Sequence[int]) -> int:
        """The logarithm of L for a commitment at infinity."""
        h = int.from_bytes(keccak(bytes(64)), "big") % R
        terms = zip([1, *public, h], self.ic, strict=True)
        return sum(x * y for x, y in terms) % R

    def forge(self, public: Sequence[int]) -> bytes:
        """A proof of whatever the public inputs say, by the trapdoor."""
        a, b = secrets.randbelow(R - 1) + 1, secrets.randbelow(R - 1) + 1
        c = (a * b - self.alpha * self.beta - self.gamma * self._input(public)) * pow(self.delta, -1, R)
        return _words([*_g1(a), *_g2(b), *_g1(c), 0, 0, 0, 0])

    def forge_from_key(self, public: Sequence[int]) -> bytes:
        """The same by nothing but the key's points, where gamma is delta: A = alpha, B = beta, C = -L."""
        return _words([*_g1(self.alpha), *_g2(self.beta), *_g1(-self._input(public)), 0, 0, 0, 0])


HALO2_SAMPLE = "tests/fixtures/halo2"
"""A key of halo2 and a proof of it."""

_W_PRIME = slice(-64, None)
_G2_TAU = slice(128, 256)


@dataclass(frozen=True)
class Tau:
    """The secret of a KZG setup, as halo2's."""

    secret: int

    @classmethod
    def fresh(cls) -> Tau:
        return cls(secrets.randbelow(R - 2) + 2)

    def key(self) -> bytes:
        """A key of such a setup: the sample's, with this secret in G2. The columns' commitments may be any:
        whoever has the secret opens each of them to everything.
        """
        made = bytearray(sample_halo2("l1_verifier"))
        made[_G2_TAU] = _words(_g2(self.secret))
        return bytes(made)

    def forge(self, l1: L1, adapter: bytes, statement: Any, suites: Sequence[Any]) -> bytes:
        """A proof of whatever the statement says, for an adapter with :meth:`key`.

        The adapter computes the quotient's value from the others, so only its last check, e(W', [tau] G2) =
        e(F, G2), knows of the identity. All of a proof but W' may be anything, here the sample's: F is
        C + u·W', with C and u fixed before W', and W' = (tau - u)^-1·C passes. C and u are what the adapter
        itself gives to the precompiles (Halo2Adapter.sol, ``_open``).
        """
        probe = _words(_g1(3))
        proof = bytearray(sample_halo2("proof"))
        proof[_W_PRIME] = probe
        calls: dict[int, list[bytes]] = {7: [], 8: []}

        def watched(precompile: int) -> Any:
            real = embedded._Computation._precompiles[precompile.to_bytes(20, "big")]

            def run(computation: Any) -> Any:
                calls[precompile].append(bytes(computation.msg.data))
                return real(computation)

            return run

        watching = {n.to_bytes(20, "big"): watched(n) for n in calls}
        with mock.patch.dict(embedded._Computation._precompiles, watching):
            if offer(l1, adapter, statement, suites, bytes(proof)) is None:
                raise CheckerError("halo2: the adapter takes any W'")
        scalars = {call[64:96] for call in calls[7] if call[:64] == probe}
        if len(scalars) != 1 or len(calls[8]) != 1:
            raise CheckerError("halo2: expected one product of W' and one pairing check")
        u = int.from_bytes(scalars.pop(), "big")
        f = calls[8][0][192:256]
        whole = (bn128_FQ(int.from_bytes(f[:32], "big")), bn128_FQ(int.from_bytes(f[32:], "big")))
        rest = add(whole, neg(multiply(G1, 3 * u % R)))
        point = multiply(rest, pow(self.secret - u, -1, R))
        if point is None:
            raise CheckerError("halo2: the sum of the commitments is at infinity")
        proof[_W_PRIME] = _words([int(c) for c in point])
        return bytes(proof)


def sample_halo2(name: str) -> bytes:
    """A file of :data:`HALO2_SAMPLE`: ``l1_verifier`` or ``proof``."""
    return (repository() / HALO2_SAMPLE / name).read_bytes()


def _create(l1: L1, name: str, real: bytes, code: bytes | None) -> bytes:
    """Deploy what creates ``real``, the contract ``name``; with ``code`` in its place if there is one."""
    arguments = real[len(artifact(name).bytecode) :]
    return l1.create(l1.dev_accounts()[0], real if code is None else code + arguments)


def create_halo2(l1: L1, key: bytes, domain: bytes, code: bytes | None = None) -> bytes:
    """Deploy ``Halo2Adapter``, or ``code`` in its place.

    Raises:
        RefusedError: its constructor refuses.
    """
    return _create(l1, "Halo2Adapter", halo2.creation_code(key, domain), code)


STARK_SAMPLE = "tests/fixtures/stark"
"""A key of stark and a proof of it, for L1."""


def sample_stark(name: str) -> bytes:
    """A file of :data:`STARK_SAMPLE`: ``l1_verifier``, ``l1_proof`` or ``public_values``."""
    return (repository() / STARK_SAMPLE / name).read_bytes()


def stark_statement() -> pb.Statement:
    """What the sample proves, of a claim that no proof says anything about. Its domain is reduced."""
    values = sample_stark("public_values")
    fields, at = [], 0
    for size in (32, 32, 32, 20, 20, 40, 32):
        fields.append(values[at : at + size])
        at += size
    pre, post, commitment, challenge, evaluation, payee, domain = fields
    statement = pb.Statement(
        domain=domain, claim=bytes(32), payee=b"".join(payee[i + 2 : i + 4] for i in range(0, 40, 4))
    )
    statement.suites.add(
        suite="koalabear",
        pre_root=pre,
        post_root=post,
        commitment=commitment,
        challenge=challenge.ljust(32, b"\0"),
        evaluation=evaluation.ljust(32, b"\0"),
    )
    return statement


def create_stark(l1: L1, key: bytes, domain: bytes, code: bytes | None = None) -> bytes:
    """Deploy ``StarkAdapter``, or ``code`` in its place.

    Raises:
        RefusedError: its constructor refuses.
    """
    return _create(l1, "StarkAdapter", stark.creation_code(key, domain), code)


def offer_stark(l1: L1, adapter: bytes, statement: Any, suite: Any, proof: bytes) -> str | None:
    """Why ``StarkAdapter`` refuses a proof of a statement; None if it takes all of its parts, and then says,
    as it would to ``Settlement``, that the statement is proved.
    """
    words = (suite.pre_root, suite.post_root, suite.commitment, suite.challenge, suite.evaluation)
    asked = (statement.domain, statement.claim, "0x" + statement.payee.hex(), [words])
    session = stark.Session(l1, adapter, l1.dev_accounts()[0], asked, proof)
    question = keccak(f"verify({VOUCH},bytes)".encode())[:4] + encode([VOUCH, "bytes"], [asked, b""])
    try:
        session.bring(adapter, question)
    except RefusedError as error:
        return str(error)
    return None


def _words(values: Sequence[int]) -> bytes:
    return b"".join(v.to_bytes(32, "big") for v in values)


def public_inputs(suite: Any, payee: bytes, domain: bytes) -> list[int]:
    """Of a statement over ``bn254``, in the order of docs/program.md §6."""
    fields = (suite.pre_root, suite.post_root, suite.commitment, suite.challenge, suite.evaluation)
    return [
        *(int.from_bytes(v, "big") for v in fields),
        int.from_bytes(payee, "big"),
        int.from_bytes(domain, "big") % R,
    ]


def settlement(l1: L1) -> bytes:
    """The account that asks adapters here as a settlement contract does."""
    return bytes.fromhex(l1.dev_accounts()[0].address[2:])


def offer(l1: L1, adapter: bytes, statement: Any, suites: Sequence[Any], proof: bytes) -> str | None:
    """Why an adapter refuses a proof of a statement; None if it takes it."""
    results = [(s.pre_root, s.post_root, s.commitment, s.challenge, s.evaluation) for s in suites]
    vouch = (statement.domain, statement.claim, "0x" + statement.payee.hex(), results)
    selector = keccak(f"verify({VOUCH},bytes)".encode())[:4]
    try:
        answer = l1.call(adapter, selector + encode([VOUCH, "bytes"], [vouch, proof]), settlement(l1))
    except RefusedError as error:
        return str(error)
    return None if answer == ACCEPTED else f"answered {answer.hex()}"


def plonky2_proof_bytes() -> int:
    """The length of a plonky2 proof for L1."""
    text = (repository() / PLONKY2_SHAPE).read_text(encoding="utf-8")
    found = re.search(r"PROOF_BYTES = (\d+);", text)
    if found is None:
        raise CheckerError(f"{PLONKY2_SHAPE}: expected PROOF_BYTES")
    return int(found[1])


def offer_plonky2(l1: L1, adapter: bytes, suite: Any, payee: bytes, proof: bytes) -> str | None:
    """The same of ``Plonky2Adapter``, which takes proofs at an entry of its own."""
    fields = (suite.pre_root, suite.post_root, suite.commitment, suite.challenge, suite.evaluation)
    types = ["(bytes32,bytes32,bytes32,bytes32,bytes32)", "address", "bytes"]
    selector = keccak(f"check({','.join(types)})".encode())[:4]
    try:
        answer = l1.call(adapter, selector + encode(types, [fields, "0x" + payee.hex(), proof]))
    except RefusedError as error:
        return str(error)
    return None if answer == ACCEPTED else f"answered {answer.hex()}"


def create(l1: L1, name: str, arguments: bytes, folder: Path | None = None) -> bytes:
    """Deploy a contract.

    Raises:
        RefusedError: its constructor refuses.
    """
    return l1.create(l1.dev_accounts()[0], artifact(name, folder).bytecode + arguments)


def sgx_arguments(l1: L1, *, simulated: bool, measurement: bytes = bytes(32)) -> bytes:
    """Of ``SgxAdapter``'s constructor; the first account is operator and council."""
    operator = l1.dev_accounts()[0].address
    return encode(["address", "address", "bool", "bytes32"], [operator, operator, simulated, measurement])


def leaked_vouch(statement: Any, l1: L1, secret: bytes) -> bytes:
    """What whoever has an enclave's key signs for a statement that no enclave has seen."""
    digest = claims.vouch_digest(
        l1.chain_id,
        settlement(l1),
        domain=statement.domain,
        claim=statement.claim,
        pre_state_root=claims.state_root([s.pre_root for s in statement.suites]),
        post_state_root=claims.state_root([s.post_root for s in statement.suites]),
        payee=statement.payee,
    )
    return claims.sign_vouch(secret, digest)


def quote(measurement: bytes, secret: bytes, *, debug: bool) -> bytes:
    """What an SGX quote says at the places that the adapter reads; it is signed by nobody."""
    made = bytearray(432)
    made[96] = 2 if debug else 0
    made[112:144] = measurement
    made[368:400] = keccak(claims.signer_address(secret))
    return bytes(made)


def off_curve_key() -> bytes:
    """The key part under ``bn254`` of the "point" (0, 0): H(6; 0, 0) of docs/suites.md §2."""
    state = bytes(64) + (6 * 2**64 + 2).to_bytes(32, "big")
    return Bn254.permute(state)[:32]
