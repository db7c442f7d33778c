"""Groth16Adapter on frozen gnark proofs, and on everything that is nearly one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from py_ecc.bn128 import FQ2, G1, G2, b2, is_on_curve, multiply
from py_ecc.bn128.bn128_curve import curve_order
from settlement_support import GENESIS_ROOT, R, create

from multiprover.settlement import claims
from multiprover.settlement.contracts import CODE_SIZE_LIMIT, CONTRACTS, artifact
from multiprover.settlement.errors import ProofRefusedError, RefusedError
from multiprover.settlement.l1 import L1, open_l1

P = 21888242871839275222246405745257275088696311157297823662689037894645226208583
FIXTURE = json.loads((Path(__file__).parent / "fixtures" / "groth16.json").read_text())
KEY_FIELDS = ("alpha", "beta", "gamma", "delta", "commitment_g", "commitment_g_sigma_neg", "ic")
KEY_TYPES = ["uint256[2]", *["uint256[4]"] * 5, "uint256[2][]"]
A, B, C, D, K = (slice(0, 2), slice(2, 6), slice(6, 8), slice(8, 10), slice(10, 12))


def ints(value: Any) -> Any:
    return [ints(v) for v in value] if isinstance(value, list) else int(value, 0)


KEY: dict[str, Any] = {name: ints(FIXTURE["verifying_key"][name]) for name in KEY_FIELDS}
DOMAIN = ints(FIXTURE["proofs"][0]["domain"])


def constructor(key: dict[str, Any], domain: int = DOMAIN) -> bytes:
    return encode([*KEY_TYPES, "bytes32"], [*(key[n] for n in KEY_FIELDS), domain.to_bytes(32, "big")])


@dataclass(frozen=True)
class Statement:
    pre_root: int
    post_root: int
    c: int
    z: int
    y: int
    payee: int
    domain: int

    @classmethod
    def frozen(cls, index: int) -> Statement:
        return cls(**{name: ints(FIXTURE["proofs"][index][name]) for name in cls.__dataclass_fields__})


STATEMENT = Statement.frozen(0)
PROOF = bytes.fromhex(FIXTURE["proofs"][0]["proof"])


@pytest.fixture(scope="module")
def l1() -> L1:
    return open_l1(None)


@pytest.fixture(scope="module")
def adapter(l1: L1) -> bytes:
    return create(l1, "Groth16Adapter", constructor(KEY))


def verify(
    l1: L1, adapter: bytes, statement: Statement, proof: bytes, suites: int = 1, claim: bytes = bytes(32)
) -> bytes:
    word = lambda v: v.to_bytes(32, "big")  # noqa: E731
    suite = tuple(
        word(v) for v in (statement.pre_root, statement.post_root, statement.c, statement.z, statement.y)
    )
    vouch = (word(statement.domain), claim, f"0x{statement.payee:040x}", [suite] * suites)
    types = ["(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])", "bytes"]
    selector = keccak(f"verify({types[0]},{types[1]})".encode())[:4]
    return l1.call(adapter, selector + encode(types, [vouch, proof]))


def words(proof: bytes) -> list[int]:
    return [int.from_bytes(proof[i : i + 32], "big") for i in range(0, len(proof), 32)]


def pack(values: Sequence[int]) -> bytes:
    return b"".join(v.to_bytes(32, "big") for v in values)


def negate(point: Sequence[int]) -> list[int]:
    """Of G1 or G2."""
    half = len(point) // 2
    return [*point[:half], *((P - y) % P for y in point[half:])]


def outside_the_group() -> list[int]:
    """A point of the twist that is not in the subgroup of order r, in the order of EIP-197."""
    x = 1
    while True:
        candidate = FQ2([x, 0])
        square = candidate * candidate * candidate + b2
        # p = 3 mod 4: a square root of a + bi by the norm's root.
        a, b = int(square.coeffs[0]), int(square.coeffs[1])
        norm = pow((a * a + b * b) % P, (P + 1) // 4, P)
        if norm * norm % P == (a * a + b * b) % P:
            for sign in (norm, P - norm):
                half = (a + sign) * pow(2, -1, P) % P
                re = pow(half, (P + 1) // 4, P)
                if re and re * re % P == half:
                    y = FQ2([re, b * pow(2 * re, -1, P) % P])
                    point = (candidate, y)
                    if is_on_curve(point, b2) and multiply(point, curve_order) is not None:
                        return [0, x, int(y.coeffs[1]), int(y.coeffs[0])]
        x += 1


# What is accepted


@pytest.mark.parametrize("index", [0, 1])
def test_a_gnark_proof_is_accepted(l1: L1, adapter: bytes, index: int) -> None:
    proof = bytes.fromhex(FIXTURE["proofs"][index]["proof"])
    assert verify(l1, adapter, Statement.frozen(index), proof) == claims.VOUCH_ACCEPTED


def test_the_domain_is_reduced_as_a_public_input(l1: L1) -> None:
    other = create(l1, "Groth16Adapter", constructor(KEY, DOMAIN + R))
    assert verify(l1, other, replace(STATEMENT, domain=DOMAIN + R), PROOF) == claims.VOUCH_ACCEPTED


def test_contracts_fit_the_chain() -> None:
    for name in CONTRACTS:
        assert artifact(name).runtime_bytes <= CODE_SIZE_LIMIT


# Statements


@pytest.mark.parametrize("field", ["pre_root", "post_root", "c", "z", "y", "payee"])
def test_another_statement_is_refused(l1: L1, adapter: bytes, field: str) -> None:
    other = replace(STATEMENT, **{field: getattr(STATEMENT, field) ^ 1})
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        verify(l1, adapter, other, PROOF)


@pytest.mark.parametrize("field", ["pre_root", "post_root", "c", "z", "y"])
def test_a_public_input_plus_r_is_refused(l1: L1, adapter: bytes, field: str) -> None:
    other = replace(STATEMENT, **{field: getattr(STATEMENT, field) + R})
    with pytest.raises(ProofRefusedError, match="groth16: public input"):
        verify(l1, adapter, other, PROOF)


def test_another_domain_is_refused(l1: L1, adapter: bytes) -> None:
    with pytest.raises(ProofRefusedError, match="groth16: domain"):
        verify(l1, adapter, replace(STATEMENT, domain=STATEMENT.domain + R), PROOF)


def test_the_proof_of_another_batch_is_refused(l1: L1, adapter: bytes) -> None:
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        verify(l1, adapter, Statement.frozen(1), PROOF)


def test_the_proof_of_another_deployment_is_refused(l1: L1, adapter: bytes) -> None:
    proof = bytes.fromhex(FIXTURE["proofs"][2]["proof"])
    with pytest.raises(ProofRefusedError, match="groth16: domain"):
        verify(l1, adapter, Statement.frozen(2), proof)
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        verify(l1, adapter, replace(Statement.frozen(2), domain=DOMAIN), proof)


@pytest.mark.parametrize("suites", [0, 2])
def test_the_statement_has_one_suite(l1: L1, adapter: bytes, suites: int) -> None:
    with pytest.raises(ProofRefusedError, match="groth16: suites"):
        verify(l1, adapter, STATEMENT, PROOF, suites)


# Proofs


@pytest.mark.parametrize("proof", [b"", PROOF[:-1], PROOF[:-32], PROOF + b"\x00", PROOF + bytes(32)])
def test_a_proof_of_another_length_is_refused(l1: L1, adapter: bytes, proof: bytes) -> None:
    with pytest.raises(ProofRefusedError, match="groth16: proof length"):
        verify(l1, adapter, STATEMENT, proof)


@pytest.mark.parametrize("at", range(12))
def test_a_coordinate_off_the_curve_is_refused(l1: L1, adapter: bytes, at: int) -> None:
    values = words(PROOF)
    values[at] ^= 1
    with pytest.raises(ProofRefusedError, match="groth16: point"):
        verify(l1, adapter, STATEMENT, pack(values))


@pytest.mark.parametrize("at", range(12))
def test_a_coordinate_plus_p_is_refused(l1: L1, adapter: bytes, at: int) -> None:
    values = words(PROOF)
    values[at] += P
    with pytest.raises(ProofRefusedError, match="groth16: point"):
        verify(l1, adapter, STATEMENT, pack(values))


def test_a_point_outside_the_group_is_refused(l1: L1, adapter: bytes) -> None:
    values = words(PROOF)
    values[B] = outside_the_group()
    with pytest.raises(ProofRefusedError, match="groth16: point"):
        verify(l1, adapter, STATEMENT, pack(values))


@pytest.mark.parametrize("place", [A, B, C, D, K])
def test_a_negated_point_is_refused(l1: L1, adapter: bytes, place: slice) -> None:
    values = words(PROOF)
    values[place] = negate(values[place])
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        verify(l1, adapter, STATEMENT, pack(values))


@pytest.mark.parametrize("place", [A, B, C, D, K])
def test_infinity_is_refused(l1: L1, adapter: bytes, place: slice) -> None:
    values = words(PROOF)
    values[place] = [0] * len(values[place])
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        verify(l1, adapter, STATEMENT, pack(values))


def test_all_zeros_are_refused(l1: L1, adapter: bytes) -> None:
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        verify(l1, adapter, STATEMENT, bytes(384))


def test_a_commitment_without_its_knowledge_is_refused(l1: L1, adapter: bytes) -> None:
    """D and K negated together keep the second equation; D's hash then breaks the first."""
    values = words(PROOF)
    values[D], values[K] = negate(values[D]), negate(values[K])
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        verify(l1, adapter, STATEMENT, pack(values))
    values = words(PROOF)
    values[D], values[K] = values[K], values[D]
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        verify(l1, adapter, STATEMENT, pack(values))


@dataclass(frozen=True)
class Trapdoor:
    """A verifying key whose discrete logarithms are known: its holder can make any proof."""

    alpha: int = 3
    beta: int = 5
    gamma: int = 7
    delta: int = 11
    sigma: int = 17

    def key(self) -> dict[str, Any]:
        names = {"beta": self.beta, "gamma": self.gamma, "delta": self.delta, "commitment_g": self.beta}
        names["commitment_g_sigma_neg"] = -self.sigma * self.beta
        ic = [g1(self.ic(i)) for i in range(9)]
        return {"alpha": g1(self.alpha), **{name: g2(k) for name, k in names.items()}, "ic": ic}

    @staticmethod
    def ic(i: int) -> int:
        return 100 + i

    def proof(self, s: Statement, *, excess_c: int = 0, excess_k: int = 0) -> bytes:
        """A proof, with ``excess_c`` and ``excess_k`` added to the logarithms of C and K."""
        a, b, d = 19, 23, 29
        h = int.from_bytes(keccak(pack(g1(d))), "big") % R
        inputs = [1, s.pre_root, s.post_root, s.c, s.z, s.y, s.payee, s.domain, h]
        l = sum(x * self.ic(i) for i, x in enumerate(inputs)) + d
        c = (a * b - self.alpha * self.beta - l * self.gamma) * pow(self.delta, -1, R)
        return pack([*g1(a), *g2(b), *g1(c + excess_c), *g1(d), *g1(d * self.sigma + excess_k)])


def g1(k: int) -> list[int]:
    return [int(v) for v in multiply(G1, k % R)]


def g2(k: int) -> list[int]:
    x, y = multiply(G2, k % R)
    return [int(x.coeffs[1]), int(x.coeffs[0]), int(y.coeffs[1]), int(y.coeffs[0])]


def test_the_equations_are_those_of_the_page(l1: L1) -> None:
    trapdoor = Trapdoor()
    adapter = create(l1, "Groth16Adapter", constructor(trapdoor.key()))
    assert verify(l1, adapter, STATEMENT, trapdoor.proof(STATEMENT)) == claims.VOUCH_ACCEPTED
    for excess in ({"excess_c": 1}, {"excess_k": 1}):
        with pytest.raises(ProofRefusedError, match="groth16: proof"):
            verify(l1, adapter, STATEMENT, trapdoor.proof(STATEMENT, **excess))


def test_an_error_of_one_equation_cannot_be_paid_by_the_other(l1: L1) -> None:
    """What K has too much is just what C has too little: the bare product of both equations would be 1."""
    trapdoor = Trapdoor()
    adapter = create(l1, "Groth16Adapter", constructor(trapdoor.key()))
    proof = trapdoor.proof(STATEMENT, excess_k=trapdoor.delta, excess_c=-trapdoor.beta)
    with pytest.raises(ProofRefusedError, match="groth16: proof"):
        verify(l1, adapter, STATEMENT, proof)


def test_negating_a_and_b_gives_another_valid_proof(l1: L1, adapter: bytes) -> None:
    """Groth16 proofs can be changed into others of the same statement: nothing may rest on their bytes."""
    values = words(PROOF)
    values[A], values[B] = negate(values[A]), negate(values[B])
    assert verify(l1, adapter, STATEMENT, pack(values)) == claims.VOUCH_ACCEPTED


# Verifying keys


G2_POINTS = (("beta", "commitment_g"), ("gamma",), ("delta",), ("commitment_g_sigma_neg",))
"""The fields of the key that hold each of its points of G2."""


def flipped(point: Sequence[int], at: int) -> list[int]:
    """The lowest bit of one coordinate changed."""
    return [*point[:at], point[at] ^ 1, *point[at + 1 :]]


def off_curve(point: Sequence[int]) -> list[int]:
    return flipped(point, 0)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"gamma": KEY["delta"]}, "groth16: gamma is delta"),
        ({"gamma": negate(KEY["delta"])}, "groth16: gamma is delta"),
        ({"commitment_g": KEY["commitment_g_sigma_neg"]}, "groth16: commitment key"),
        ({"commitment_g": negate(KEY["commitment_g_sigma_neg"])}, "groth16: commitment key"),
        ({"commitment_g": negate(KEY["beta"])}, "groth16: commitment base"),
        ({"commitment_g": KEY["gamma"]}, "groth16: commitment base"),
        *[({"commitment_g": flipped(KEY["beta"], i)}, "groth16: commitment base") for i in range(4)],
        ({"alpha": off_curve(KEY["alpha"])}, "groth16: alpha"),
        ({"alpha": [0, 0]}, "groth16: alpha"),
        ({"alpha": [KEY["alpha"][0] + P, KEY["alpha"][1]]}, "groth16: alpha"),
        ({"alpha": [KEY["alpha"][0], KEY["alpha"][1] + P]}, "groth16: alpha"),
        ({"ic": KEY["ic"][:-1]}, "groth16: ic"),
        ({"ic": [*KEY["ic"], KEY["ic"][0]]}, "groth16: ic"),
        ({"ic": [*KEY["ic"][:-1], off_curve(KEY["ic"][-1])]}, "groth16: ic point"),
        ({"ic": [[0, 0], *KEY["ic"][1:]]}, "groth16: ic point"),
        *[(dict.fromkeys(names, off_curve(KEY[names[0]])), "groth16: G2 point") for names in G2_POINTS],
        *[(dict.fromkeys(names, (0, 0, 0, 0)), "groth16: G2 infinity") for names in G2_POINTS],
        *[(dict.fromkeys(names, outside_the_group()), "groth16: G2 point") for names in G2_POINTS],
    ],
)
def test_a_bad_verifying_key_is_refused(l1: L1, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(RefusedError) as caught:
        create(l1, "Groth16Adapter", constructor(KEY | changed))
    assert caught.value.reason == reason


def test_g2_points_in_the_other_order_are_refused(l1: L1) -> None:
    """The mistake that is easiest to make: (re, im) where EIP-197 wants (im, re)."""
    b = KEY["beta"]
    other = [b[1], b[0], b[3], b[2]]
    with pytest.raises(ProofRefusedError, match="groth16: G2 point"):
        create(l1, "Groth16Adapter", constructor(KEY | {"beta": other, "commitment_g": other}))


def test_fixture_is_of_the_test_program() -> None:
    assert STATEMENT.pre_root.to_bytes(32, "big") == GENESIS_ROOT
