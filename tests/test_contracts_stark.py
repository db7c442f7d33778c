"""StarkAdapter on a frozen proof, and on everything that is nearly one; sessions, from all sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from reverts import reason_of
from settlement_support import CONTRACTS
from stark_mutants import (
    CALLER,
    MAX_TRANSACTION,
    NATIVE,
    SESSION,
    SHAPE,
    VOUCH,
    Case,
    Contract,
    P,
    Sizes,
    Statement,
    calldata,
    frozen,
    mutants,
    native_verdicts,
    other_key,
    own_key,
    places,
    prove_data,
    statement_of,
    step_data,
    verify_data,
)

from multiprover.settlement.claims import VOUCH_ACCEPTED
from multiprover.settlement.contracts import CODE_SIZE_LIMIT, artifact
from multiprover.settlement.l1 import TRANSACTION_GAS_CAP, calldata_floor
from multiprover.settlement.stark import STARK_GAS, parts_of

GAS = 12_000_000
SAMPLE = 220
OTHER = "0x" + "22" * 20
SUITES = ["uint256", "bytes32", "bytes32", "(bytes32,bytes32,bytes32,bytes32)[]", "address", "bytes"]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract([own_key(), other_key()])


class Adapter:
    """The fixture's adapter, a statement and parts of a proof."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.statement: Statement = statement_of(frozen())
        self.parts = parts_of(frozen().proof)
        self.last = len(self.parts) - 1
        self.address = contract.adapter(0, self.statement[0])

    def call(self, data: bytes, caller: str = CALLER) -> bytes:
        try:
            return self.contract.call(self.address, data, caller)
        except RuntimeError as error:
            raise AssertionError(reason_of(error)) from None

    def step(self, index: int, caller: str = CALLER, statement: Statement | None = None) -> None:
        self.call(step_data(statement or self.statement, self.parts[index], index), caller)

    def prove(self, caller: str = CALLER, statement: Statement | None = None) -> bytes:
        told = verify_data(self.statement)
        data = prove_data(statement or self.statement, self.parts[self.last], self.last, self.address, told)
        return self.call(data, caller)

    def progress(self, caller: str = CALLER) -> int:
        data = calldata("progress", ["address", "bytes32"], [caller, SESSION])
        return int.from_bytes(self.call(data), "big")


@pytest.fixture(scope="module")
def untouched() -> Contract:
    """Without sessions that mutants left behind."""
    made = Contract([own_key()])
    made.evm.set_balance(OTHER, 10**30)
    return made


@pytest.fixture
def adapter(untouched: Contract) -> Iterator[Adapter]:
    made = Adapter(untouched)
    snapshot = untouched.evm.snapshot()
    yield made
    untouched.evm.revert(snapshot)


# Proofs


def test_a_proof_is_accepted(contract: Contract) -> None:
    assert contract.reason(frozen()) is None
    assert sum(contract.gas_used) < GAS
    assert all(gas < TRANSACTION_GAS_CAP for gas in contract.gas_used)


def test_nodes_take_its_transactions() -> None:
    statement, parts = statement_of(frozen()), parts_of(frozen().proof)
    told = verify_data(statement)
    sent = [step_data(statement, part, i) for i, part in enumerate(parts[:-1])]
    # Settlement's call is shorter than 2,048 bytes.
    sent.append(prove_data(statement, parts[-1], len(parts) - 1, CALLER, told.ljust(2048, b"\x01")))
    assert max(map(len, sent)) + 512 < MAX_TRANSACTION
    assert sum(map(calldata_floor, sent)) < GAS


def test_the_code_fits() -> None:
    assert artifact("StarkAdapter").runtime_bytes <= CODE_SIZE_LIMIT


def test_only_proofs_are_accepted(contract: Contract) -> None:
    for case in mutants(SAMPLE, seed=2026):
        reason = contract.reason(case)
        assert (reason is None) == (case.kind == "unchanged"), (case.kind, reason)


@pytest.mark.skipif(not NATIVE.exists(), reason="provers/stark/bin/l1 is not built")
def test_the_prover_verifies_as_the_contract_does(contract: Contract) -> None:
    cases = [case for case in mutants(SAMPLE, seed=7) if case.key == 0]
    assert [contract.reason(case) is None for case in cases] == native_verdicts(cases)


def test_each_public_value_is_in_the_transcript(contract: Contract) -> None:
    """A proof that says nothing of one of them (weak Fiat-Shamir) would be good for many statements."""
    case = frozen()
    for at in range(3, 208, 4):
        publics = bytearray(case.publics)
        publics[at] ^= 1
        reason = contract.reason(Case("", bytes(publics), case.proof))
        assert reason in ("stark: grinding", "stark: identity"), at // 4


@pytest.mark.parametrize("place", [*range(34)])
def test_an_element_of_the_statement_has_one_encoding(contract: Contract, place: int) -> None:
    case = frozen()
    for value in (P, 2**32 - 1):
        publics = case.publics[: 4 * place] + value.to_bytes(4, "big") + case.publics[4 * place + 4 :]
        assert contract.reason(Case("", publics, case.proof)) == "stark: public input"


@pytest.mark.parametrize("word", [3, 4])
def test_what_stands_behind_an_element_of_the_extension_is_zero(adapter: Adapter, word: int) -> None:
    domain, claim, payee, [suite] = adapter.statement
    words = [*suite]
    words[word] = words[word][:31] + b"\x01"
    with pytest.raises(AssertionError, match="stark: public input"):
        adapter.step(0, statement=(domain, claim, payee, [tuple(words)]))


def test_every_number_of_the_head_has_one_encoding(contract: Contract) -> None:
    case = frozen()
    found = places(own_key(), case.proof)
    kinds = ("claims of buses", "openings", "last polynomial", "grinding")
    for start, size, _ in [spot for kind in kinds for spot in found[kind]]:
        for at in (start, start + size - 4):
            number = int.from_bytes(case.proof[at : at + 4], "little") + P
            proof = case.proof[:at] + number.to_bytes(4, "little") + case.proof[at + 4 :]
            reason = contract.reason(Case("", case.publics, proof))
            assert reason in ("stark: element", "stark: grinding", "stark: identity"), (at, reason)


def test_a_proof_of_another_program_is_refused(contract: Contract) -> None:
    case = frozen()
    assert contract.reason(Case("", case.publics, case.proof, key=1)) in (
        "stark: grinding",
        "stark: identity",
    )


# Sessions


def test_a_session_goes_part_by_part(adapter: Adapter) -> None:
    assert adapter.progress() == 0
    for i in range(adapter.last):
        adapter.step(i)
        assert adapter.progress() == i + 1
        adapter.step(0)
        assert adapter.progress() == 1
        for j in range(1, i + 1):
            adapter.step(j)
    assert adapter.prove()[64:96] == VOUCH_ACCEPTED
    assert adapter.progress() == 0
    with pytest.raises(AssertionError, match="stark: step"):
        adapter.prove()


def test_the_last_part_alone_proves_nothing(adapter: Adapter) -> None:
    with pytest.raises(AssertionError, match="stark: step"):
        adapter.prove()
    with pytest.raises(AssertionError, match="stark: step"):
        adapter.step(adapter.last)


def test_all_queries_must_come(adapter: Adapter) -> None:
    adapter.step(0)
    # The context alone, then with all its queries but one.
    [(_, context, _)] = Sizes.of(own_key()).context()
    query = sum(size for _, size, _ in Sizes.of(own_key()).query())
    for size in (context, len(adapter.parts[1]) - query):
        adapter.parts = (adapter.parts[0], parts_of(frozen().proof)[1][:size])
        with pytest.raises(AssertionError, match="stark: queries"):
            adapter.prove()
    # Nor the first part's, once more.
    adapter.parts = (adapter.parts[0], parts_of(frozen().proof)[1] + parts_of(frozen().proof)[1][-query:])
    with pytest.raises(AssertionError, match="stark: part length"):
        adapter.prove()


def test_a_query_is_asked_for_at_its_own_place(adapter: Adapter) -> None:
    """The same query again, in another's place, is not what the transcript asks for."""
    adapter.step(0)
    query = sum(size for _, size, _ in Sizes.of(own_key()).query())
    part = adapter.parts[1]
    adapter.parts = (adapter.parts[0], part[:-query] + part[-2 * query : -query])
    with pytest.raises(AssertionError, match="stark: row"):
        adapter.prove()


def test_a_context_is_that_of_the_session(adapter: Adapter) -> None:
    adapter.step(0)
    part = adapter.parts[1]
    [(_, context, _)] = Sizes.of(own_key()).context()
    for at in (0, 32, 64, 96, context - 1):
        adapter.parts = (adapter.parts[0], part[:at] + bytes([part[at] ^ 1]) + part[at + 1 :])
        with pytest.raises(AssertionError, match="stark: context"):
            adapter.prove()
    adapter.parts = (adapter.parts[0], part)
    adapter.prove()


def test_a_session_has_one_statement(adapter: Adapter) -> None:
    adapter.step(0)
    domain, claim, _, suites = adapter.statement
    with pytest.raises(AssertionError, match="stark: statement"):
        adapter.prove(statement=(domain, claim, OTHER, suites))
    adapter.prove()


def test_nobody_disturbs_anothers_session(adapter: Adapter) -> None:
    adapter.step(0)
    with pytest.raises(AssertionError, match="stark: step"):
        adapter.prove(caller=OTHER)
    adapter.step(0, caller=OTHER)
    assert (adapter.progress(), adapter.progress(OTHER)) == (1, 1)
    assert adapter.prove(caller=OTHER)[64:96] == VOUCH_ACCEPTED
    assert (adapter.progress(), adapter.progress(OTHER)) == (1, 0)
    assert adapter.prove()[64:96] == VOUCH_ACCEPTED


def test_a_proof_cannot_be_taken_for_oneself(adapter: Adapter) -> None:
    """The payee is a public value: who copies the transactions earns for the prover."""
    domain, claim, _, suites = adapter.statement
    with pytest.raises(AssertionError, match=r"stark: (grinding|identity)"):
        adapter.step(0, caller=OTHER, statement=(domain, claim, OTHER, suites))


def test_a_failed_call_leaves_the_session(adapter: Adapter) -> None:
    adapter.step(0)
    good = adapter.parts
    adapter.parts = (good[0], good[1][:-1] + bytes([good[1][-1] ^ 1]))
    with pytest.raises(AssertionError, match="stark: coset"):
        adapter.prove()
    adapter.parts = good
    assert adapter.progress() == 1
    adapter.prove()


# Vouching


def settlement(contract: Contract, domain: bytes, pre_root: bytes) -> str:
    code = artifact("MockSettlement", CONTRACTS).bytecode + encode(["bytes32", "bytes32"], [domain, pre_root])
    return str(contract.evm.deploy(CALLER, code))


def test_a_proof_vouches_in_its_last_transaction(adapter: Adapter) -> None:
    domain, _, payee, [words] = adapter.statement
    to = settlement(adapter.contract, domain, words[0])
    adapter.step(0)
    for proof_type, reason in ((2, "mock: proof type"), (1, None)):
        told = calldata("vouch", SUITES, [proof_type, bytes(32), bytes(32), [words[1:]], payee, b""])
        data = prove_data(adapter.statement, adapter.parts[adapter.last], adapter.last, to, told)
        if reason is None:
            adapter.call(data)
        else:  # What Settlement says goes through.
            with pytest.raises(AssertionError, match=reason):
                adapter.call(data)
    assert adapter.contract.call(to, keccak(b"vouches()")[:4])[-1] == 1


def test_settlement_is_believed_only_about_what_was_proved(adapter: Adapter) -> None:
    domain, _, payee, [words] = adapter.statement
    to = settlement(adapter.contract, domain, words[1])
    adapter.step(0)
    told = calldata("vouch", SUITES, [1, bytes(32), bytes(32), [words[1:]], payee, b""])
    data = prove_data(adapter.statement, adapter.parts[adapter.last], adapter.last, to, told)
    with pytest.raises(AssertionError, match="stark: not proved"):
        adapter.call(data)


def test_nothing_is_accepted_without_a_proof(adapter: Adapter) -> None:
    domain, claim, payee, suites = adapter.statement
    adapter.step(0)
    adapter.prove()
    with pytest.raises(AssertionError, match="stark: not proved"):
        adapter.call(verify_data(adapter.statement))
    assert adapter.contract.evm.result.gas_used - calldata_floor(b"") < STARK_GAS  # type: ignore[union-attr]
    with pytest.raises(AssertionError, match="stark: proof goes to prove"):
        adapter.call(verify_data(adapter.statement, b"\x00"))
    for wrong in ([], [*suites, *suites]):
        with pytest.raises(AssertionError, match="stark: suites"):
            adapter.call(verify_data((domain, claim, payee, wrong)))
    with pytest.raises(AssertionError, match="stark: domain"):
        adapter.call(verify_data((domain[::-1], claim, payee, suites)))


def test_a_part_names_its_session(adapter: Adapter) -> None:
    with pytest.raises(AssertionError, match="stark: proof length"):
        adapter.call(calldata("step", [VOUCH, "bytes"], [adapter.statement, bytes(35)]))
    for part in (b"", adapter.parts[0][:-1], adapter.parts[0] + b"\x00"):
        with pytest.raises(AssertionError, match="stark: part length"):
            adapter.call(step_data(adapter.statement, part, 0))


# Keys


@pytest.mark.parametrize(
    ("mutate", "reason"),
    [
        (lambda key: key[:-1], "stark: key length"),
        (lambda key: key + b"\x00", "stark: key length"),
        (lambda _: b"", "stark: key length"),
        (lambda key: key[:46] + b"\x00\x01" + key[48:], "stark: key length"),
        (lambda key: bytes([key[0] ^ 1]) + key[1:], "stark: shape"),
        (lambda key: key[:32] + bytes([SHAPE["FINAL_BITS"]]) + key[33:], "stark: height"),
        (lambda key: key[:39] + bytes([25 - SHAPE["LOG_BLOWUP"]]) + key[40:], "stark: height"),
    ],
)
def test_bad_keys_are_refused(contract: Contract, mutate: Callable[[bytes], bytes], reason: str) -> None:
    arguments = encode(["bytes", "bytes32"], [mutate(own_key()), bytes(32)])
    with pytest.raises(RuntimeError) as caught:
        contract.evm.deploy(CALLER, artifact("StarkAdapter").bytecode + arguments)
    assert reason.encode().hex() in str(caught.value)
