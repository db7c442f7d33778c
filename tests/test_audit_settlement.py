"""What a stranger may try on the settlement contract and its client: contracts in between, and the queue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from differential import Both
from eth_utils.address import to_checksum_address
from settlement_support import CONTRACTS, PAYEE, TRANSFER, Deployment, bind_mock, create, journal, raw, slot
from transitions.calculator import Calculator
from transitions.warehouse import Warehouse

from examples.perpetuals.perpetuals import Perpetuals
from examples.token.token import Token
from multiprover import Transition
from multiprover.program import Kind, Program
from multiprover.settlement import claims
from multiprover.settlement.base import events_of
from multiprover.settlement.contracts import artifact
from multiprover.settlement.errors import L1Error
from multiprover.settlement.events import Located, Posted
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.types import SuiteResult

J1 = journal([slot(TRANSFER, 1, 2, 3, 4)], 1)
HONEST = {"bn254": 1001, "mock": 2001}


@pytest.fixture(scope="module")
def l1() -> L1:
    return open_l1(None)


def relayed(d: Deployment, relay: bytes, function: str, *arguments: object) -> Iterator[Located]:
    """A stranger's call of the settlement contract through ``relay``: the claims that it posted."""
    web3 = d.l1.web3
    to = to_checksum_address(d.settlement.address)
    target = web3.eth.contract(address=to, abi=artifact("Settlement").abi)
    caller = web3.eth.contract(address=to_checksum_address(relay), abi=artifact("Relay", CONTRACTS).abi)
    data = caller.encode_abi("relay", [to, target.encode_abi(function, list(arguments))])
    mined = d.l1.transact(d.stranger, relay, bytes.fromhex(data[2:]))
    return (e for e in events_of(d.l1, [d.settlement], mined.block_number) if isinstance(e.event, Posted))


def test_a_claim_proposed_through_a_contract_is_a_typed_error_to_who_reads_it(l1: L1) -> None:
    """Whoever follows claims must not fall over one whose journal is not where journals are."""
    d = Deployment.create(l1)
    s = d.settlement
    d.post(s.genesis, J1)
    other = journal([slot(TRANSFER, 1, 2, 3, 4)], 2)
    (posted,) = relayed(d, create(l1, "Relay"), "propose", s.genesis, other, J1, d.commitments())
    assert isinstance(posted.event, Posted)
    assert posted.event.claim == claims.claim_id(s.genesis, other)
    with pytest.raises(L1Error, match="expected a call of post or propose"):
        s.journal(posted)


def test_a_vouch_through_a_contract_earns_its_payee_and_nobody_else(l1: L1) -> None:
    """A proof taken from the mempool moves the head for the payee that it names."""
    d = Deployment.create(l1)
    s = d.settlement
    claim = d.post(s.genesis, J1)
    results = d.results("one", s.genesis, J1, HONEST)
    proof = d.proof("one", s.genesis, J1, results, {"bn254": s.genesis_roots[0]})
    rows = [(r.root, r.commitment, r.challenge, r.evaluation) for r in results]
    relay = create(l1, "Relay")

    def bring(payee: bytes) -> None:
        list(
            relayed(
                d, relay, "vouch", s.names.type_index("one"), s.genesis, claims.journal_hash(J1), rows,
                to_checksum_address(payee), proof,
            )
        )  # fmt: skip

    with pytest.raises(L1Error):
        bring(raw(d.stranger))
    bring(PAYEE)
    assert s.head("one") == claim
    with pytest.raises(L1Error):
        bring(PAYEE)


def test_a_binding_of_one_suite_is_none_of_another(l1: L1) -> None:
    """(c, z, y) that L1 computed for the second suite, offered for the first."""
    d = Deployment.create(l1)
    s = d.settlement
    d.post(s.genesis, J1)
    claim = claims.claim_id(s.genesis, J1)
    commitment = (7).to_bytes(32, "big")
    z, y = bind_mock(s.domain, claim, commitment, J1)
    result = SuiteResult((1001).to_bytes(32, "big"), commitment, z, y)
    assert s.is_bound(claim, "mock", result)
    assert not s.is_bound(claim, "bn254", result)
    with pytest.raises(L1Error, match="vouch: not bound"):
        s.vouch(
            d.stranger,
            "one",
            parent=s.genesis,
            journal_hash=claims.journal_hash(J1),
            results=[result],
            payee=PAYEE,
            proof=d.proof("one", s.genesis, J1, [result], {"bn254": s.genesis_roots[0]}),
        )


# The queue. Its entries cannot be passed over: one that no proof satisfies would stop the chain for good.

BORDERS = (0, 1, 2, 255, 2**16, 2**20 - 1, 2**20, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)


def entries(program: Program, number: int, kind: Kind) -> Iterator[list[int]]:
    """What anyone can put into the queue: any words where the kind has some, zeros after them."""
    used = sum(
        8 * len(program.suites) if p.key else max(1, -(-(p.hi - p.lo).bit_length() // 32))
        for p in kind.params
    )
    for first in range(len(BORDERS)):
        for step in range(len(BORDERS)):
            words = [BORDERS[(first + step * i) % len(BORDERS)] for i in range(used)]
            yield [number, *words, *[0] * (program.input_words - 1 - used)]


@pytest.mark.parametrize("transition", [Calculator, Warehouse, Token, Perpetuals])
def test_no_queue_entry_is_without_a_valid_slot(transition: type[Transition]) -> None:
    both = Both(transition, ("bn254", "goldilocks"))
    refused = 0
    for number, kind in enumerate(both.program.kinds):
        for words in entries(both.program, number, kind) if kind.from_l1 else ():
            effect = both.slot(words)
            assert effect is not None, f"{kind.name} {words}"
            refused += effect.refused is not None
    assert refused  # entries that the transition refuses were among them
