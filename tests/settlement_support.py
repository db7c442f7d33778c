"""What the settlement tests share: a small program, its journals, and a deployment with mock proof types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from multiprover.settlement import claims
from multiprover.settlement.adapters import AdapterType, ProofTypeInfo
from multiprover.settlement.bridge import Bridge
from multiprover.settlement.bridge_rules import BridgeRules, KindInfo
from multiprover.settlement.client import Settlement
from multiprover.settlement.contracts import artifact
from multiprover.settlement.deploy import Contracts, CouncilInfo, Plan, deploy
from multiprover.settlement.events import Receipt
from multiprover.settlement.l1 import L1
from multiprover.settlement.policy import Alternative, Policy, Tier, distinct_weights
from multiprover.settlement.types import ProgramInfo, SuiteInfo, SuiteResult

CONTRACTS = Path(__file__).parent / "contracts"
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
P128 = 2**128 - 159
GWEI = 10**9

NOOP, TRANSFER, DEPOSIT, SET = range(4)
PROGRAM = ProgramInfo(
    program_id=keccak(b"settlement test program"),
    slots=3,
    input_words=5,
    output_words=2,
    cell_words=1,
)
RULES = BridgeRules(
    kinds=(
        KindInfo("noop", 1),
        KindInfo("transfer", 5),
        KindInfo("deposit", 4, from_l1=True, value_word=2),
        KindInfo("set", 2, from_l1=True, operator_only=True),
    ),
    has_refused=False,
    messages=(),
)
GENESIS_ROOT = (123456789).to_bytes(32, "big")
PAYEE = b"\x77" * 20

ACCEPT, REFUSE, WRONG_WORD, BURN, BARE_REVERT = b"\x01", b"\x00", b"\x02", b"\x03", b"\x04"


def slot(*words: int) -> bytes:
    """One slot's input words."""
    padded = [*words, *[0] * (PROGRAM.input_words - len(words))]
    return b"".join(word.to_bytes(4, "big") for word in padded)


def deposit(account: int, gwei: int) -> bytes:
    return slot(DEPOSIT, account, gwei >> 32, gwei & 0xFFFFFFFF)


def journal(inputs: Sequence[bytes] = (), outputs: int = 0) -> bytes:
    """A journal of the test program: ``inputs``, padded with noops, then outputs that hold one number."""
    slots = [*inputs, *[slot(NOOP)] * (PROGRAM.slots - len(inputs))]
    tail = PROGRAM.journal_bytes - PROGRAM.slots * PROGRAM.slot_bytes
    return b"".join(slots) + outputs.to_bytes(tail, "big")


def evaluate_bn254(data: bytes, z: bytes) -> bytes:
    """``y`` by the sum of docs/suites.md §5, power by power."""
    x, power, total = int.from_bytes(z, "big"), 1, 0
    for at in range(0, len(data), 28):
        total += int.from_bytes(data[at : at + 28].ljust(28, b"\x00"), "big") * power
        power = power * x % R
    return (total % R).to_bytes(32, "big")


def bind_bn254(domain: bytes, claim: bytes, commitment: bytes, data: bytes) -> tuple[bytes, bytes]:
    seed = claims.challenge_seed(domain, claims.suite_id("bn254"), claim, commitment)
    z = (int.from_bytes(seed, "big") % R).to_bytes(32, "big")
    return z, evaluate_bn254(data, z)


def bind_mock(domain: bytes, claim: bytes, commitment: bytes, data: bytes) -> tuple[bytes, bytes]:
    seed = claims.challenge_seed(domain, claims.suite_id("mock"), claim, commitment)
    z = (int.from_bytes(seed, "big") % P128).to_bytes(32, "big")
    return z, (int.from_bytes(keccak(keccak(data) + z), "big") % P128).to_bytes(32, "big")


BINDERS = {"bn254": bind_bn254, "mock": bind_mock}
ROOTS = {"bn254": GENESIS_ROOT, "mock": (987654321).to_bytes(32, "big")}


def fixed_deployer(l1: L1, rich: LocalAccount) -> LocalAccount:
    """The account that the frozen proofs' deployments come from, with nonce 0: it fixes their domain."""
    return funded(l1, Account.from_key(keccak(b"multiprover settlement test deployer")), rich)


def deployer(l1: L1) -> LocalAccount:
    """An account that no other test uses, with 100 ETH."""
    return funded(l1, Account.create(), l1.dev_accounts()[0])


def funded(l1: L1, account: LocalAccount, rich: LocalAccount) -> LocalAccount:
    l1.transact(rich, raw(account), b"", value=10**20, gas=21_000)
    return account


def raw(account: LocalAccount) -> bytes:
    return bytes.fromhex(account.address[2:])


def create(l1: L1, name: str, arguments: bytes = b"") -> bytes:
    return l1.create(l1.dev_accounts()[0], artifact(name, CONTRACTS).bytecode + arguments)


@cache
def mock(l1: L1, name: str, suites: tuple[str, ...], *, binds: bool, gas: int = 200_000) -> AdapterType:
    return AdapterType(name, create(l1, "MockAdapter", encode(["string"], [name])), suites, binds, gas)


@cache
def mock_binding(l1: L1) -> bytes:
    return create(l1, "MockBinding")


def statement_hash(
    domain: bytes, claim: bytes, payee: bytes, suites: Sequence[tuple[bytes, SuiteResult]]
) -> bytes:
    """What the mock adapter wants in its proof: keccak256 of the ABI encoding of the statement."""
    value = (
        domain,
        claim,
        "0x" + payee.hex(),
        [(pre, r.root, r.commitment, r.challenge, r.evaluation) for pre, r in suites],
    )
    return keccak(encode(["(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])"], [value]))


@dataclass
class Frozen:
    """A statement of the frozen Groth16 proofs (tests/fixtures/groth16.json)."""

    journal: bytes
    commitment: bytes
    post_root: bytes


FROZEN = (
    Frozen(journal([slot(TRANSFER, 1, 2, 3, 4)], 11), (41).to_bytes(32, "big"), (51).to_bytes(32, "big")),
    Frozen(journal([slot(TRANSFER, 5, 6, 7, 8)], 12), (42).to_bytes(32, "big"), (52).to_bytes(32, "big")),
)
"""Two batches, one after the other; their circuit is a stand-in that any statement satisfies."""

FROZEN_NONCE = 3
"""PolicyCheck, two adapters, then Settlement; the binding and the council come from other accounts."""


def all_of(types: Sequence[str], required: Sequence[str]) -> Policy:
    """A policy that needs some of the types at once, whatever the value."""
    alternative = Alternative(types=tuple(required), delay_s=0)
    return Policy(
        tiers=(Tier(limit_gwei=None, alternatives=(alternative,)),),
        weights=distinct_weights(types),
        accepts_halt=True,
    )


@dataclass
class Deployment:
    """A settlement contract whose proof types are mocks, and the accounts around it."""

    l1: L1
    contracts: Contracts
    sequencer: LocalAccount
    operator: LocalAccount
    stranger: LocalAccount
    types: dict[str, AdapterType]

    @classmethod
    def create(
        cls,
        l1: L1,
        suites: tuple[str, ...] = ("bn254", "mock"),
        required: Sequence[str] = ("one", "all"),
        extra: Sequence[ProofTypeInfo] = (),
    ) -> Deployment:
        """Types ``one`` and ``two`` commit to the first suite and bind; ``all``, of every suite, does not."""
        accounts = l1.dev_accounts()
        types = [
            mock(l1, "one", suites[:1], binds=True),
            mock(l1, "two", suites[:1], binds=True),
            mock(l1, "all", suites, binds=False),
        ]
        infos = [
            SuiteInfo(name, ROOTS[name], None if name == "bn254" else mock_binding(l1)) for name in suites
        ]
        plan = Plan(
            program=PROGRAM,
            bridge=RULES,
            suites=tuple(infos),
            proof_types=(*types, *extra),
            policy=all_of([t.name for t in (*types, *extra)], required),
            sequencer=raw(accounts[1]),
            operator=raw(accounts[2]),
            council=CouncilInfo(tuple(raw(a) for a in accounts[4:7]), 2),
        )
        contracts = deploy(l1, deployer(l1), plan)
        return cls(l1, contracts, accounts[1], accounts[2], accounts[3], {t.name: t for t in types})

    @property
    def settlement(self) -> Settlement:
        return self.contracts.settlement

    @property
    def bridge(self) -> Bridge:
        return self.contracts.bridge

    def commitments(self, c: int = 7) -> list[bytes]:
        return [c.to_bytes(32, "big")] * len(self.settlement.names.suites)

    def post(self, parent: bytes, data: bytes, c: int = 7, origins: Sequence[bytes] = ()) -> bytes:
        self.settlement.post(self.sequencer, parent, data, self.commitments(c), origins)
        return claims.claim_id(parent, data)

    def results(
        self, type_name: str, parent: bytes, data: bytes, roots: dict[str, int], c: int = 7
    ) -> list[SuiteResult]:
        """What an honest prover of the type gives for the claim of ``data`` on ``parent``."""
        claim = claims.claim_id(parent, data)
        found = []
        for suite in self.types[type_name].suites:
            root = roots[suite].to_bytes(32, "big")
            if self.types[type_name].binds:
                commitment = c.to_bytes(32, "big")
                z, y = BINDERS[suite](self.settlement.domain, claim, commitment, data)
                found.append(SuiteResult(root, commitment, z, y))
            else:
                found.append(SuiteResult(root))
        return found

    def proof(
        self,
        type_name: str,
        parent: bytes,
        data: bytes,
        results: Sequence[SuiteResult],
        pre_roots: dict[str, bytes],
        mode: bytes = ACCEPT,
        payee: bytes = PAYEE,
    ) -> bytes:
        suites = [(pre_roots[s], r) for s, r in zip(self.types[type_name].suites, results, strict=True)]
        claim = claims.claim_id(parent, data)
        return mode + statement_hash(self.settlement.domain, claim, payee, suites)

    def vouch(
        self,
        type_name: str,
        parent: bytes,
        data: bytes,
        roots: dict[str, int],
        *,
        pre_roots: dict[str, bytes] | None = None,
        mode: bytes = ACCEPT,
        c: int = 7,
    ) -> Receipt:
        """An honest vouch, unless told otherwise."""
        results = self.results(type_name, parent, data, roots, c)
        proof = self.proof(type_name, parent, data, results, pre_roots or ROOTS, mode)
        return self.settlement.vouch(
            self.stranger,
            type_name,
            parent=parent,
            journal_hash=claims.journal_hash(data),
            results=results,
            payee=PAYEE,
            proof=proof,
        )
