"""Batches on the native state: openings, roots and journal, refusals, signatures."""

from __future__ import annotations

from typing import Any

import pytest
from transitions.warehouse import Warehouse

import multiprover as mp
from examples.token.token import Token
from multiprover.ledger import (
    BatchBuilder,
    CodecError,
    LayoutError,
    State,
    Transaction,
    make_transaction,
    sign,
)
from multiprover.ledger import state as ledger_state
from multiprover.ledger.codec import decode_fields, encode_fields
from multiprover.ledger.executor import execute
from multiprover.program import Program, interpreter, trace
from multiprover.suites import InvalidSignatureError, Wallet, get

SUITES = ("bn254",)
SUITE = get("bn254")
DOMAIN = bytes(range(32))
PROGRAM = trace(Token, SUITES)
WALLETS = [Wallet.from_seed(bytes([i + 1]) * 32, SUITES) for i in range(3)]


def tx(kind: str, signers: Any = (), **values: Any) -> Transaction:
    return sign(make_transaction(Token, PROGRAM, kind, values), DOMAIN, [(WALLETS[w], n) for w, n in signers])


def opened(slots: int = 8) -> BatchBuilder:
    """Accounts 0 and 1 registered, 100 in account 0."""
    builder = BatchBuilder(Token, State(PROGRAM), DOMAIN, slots)
    for i in (0, 1):
        builder.add(tx("register", account=i, key=WALLETS[i].public_key))
    builder.add(tx("deposit", account=0, amount=100))
    return builder


def transfer(amount: int = 10, nonce: int = 0, signers: Any = ((0, 0),), **other: int) -> Transaction:
    return tx("transfer", signers, **{"sender": 0, "receiver": 1, "amount": amount, "nonce": nonce, **other})


def words(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 4], "big") for i in range(0, len(data), 4)]


def leaf(values: Any) -> bytes:
    return ledger_state.leaf(PROGRAM, 0, SUITE, 0, values)


def test_openings_lead_from_root_to_root() -> None:
    builder = opened()
    builder.add(transfer())
    builder.add(tx("withdraw", [(0, 1)], sender=0, amount=5, nonce=1, recipient=[1, 2, 3, 4, 5]))
    batch = builder.close()
    root = batch.pre.maps[0][0]
    records: dict[int, Any] = {}
    verified = 0
    for slot in batch.slots:
        for port, opening in enumerate(slot.openings):
            if opening is None:
                continue
            place = words(slot.words)[1 + port]
            assert opening.values == records.get(place, ledger_state.initial_record(PROGRAM, 0))
            assert SUITE.root_from_path(leaf(opening.values), place, opening.siblings[0]) == root
            # What the slot wrote stands in its outputs, a key in its inputs.
            at = 4 * PROGRAM.ports[port].output_offset
            assert words(slot.outputs[at : at + 4]) == [place]
            written = [PROGRAM.maps[0].fields[f] for f in PROGRAM.ports[port].written]
            size = 4 * sum(f.words for f in written)
            after = list(opening.values)
            found = decode_fields(written, slot.outputs[at + 4 : at + 4 + size], [])
            for field, value in zip(PROGRAM.ports[port].written, found, strict=True):
                after[field] = value
            if words(slot.words)[0] == Token.kind("register").number:
                after[0] = mp.Key(slot.words[8:40])
            records[place] = tuple(after)
            root = SUITE.root_from_path(leaf(records[place]), place, opening.siblings[0])
            verified += 1
    assert verified == 6
    assert root == batch.post.maps[0][0]
    assert records[0][1:] == (1, 85, 2)
    assert records[1][1:] == (1, 10, 0)
    again = State(PROGRAM, builder.state.cells, [(0, i, r) for i, r in records.items()])
    assert again.roots() == batch.post


def test_journal_is_the_interpreter_s() -> None:
    builder = opened()
    builder.add(transfer())
    batch = builder.close()

    def verify(slot: int, position: int, key: bytes, nonce: int) -> bool:
        held = batch.slots[slot]
        try:
            SUITE.verify(key, SUITE.tx_digest(DOMAIN, held.words), nonce, held.signatures[position][0])
        except InvalidSignatureError:
            return False
        return True

    state = interpreter.State(PROGRAM)
    assert interpreter.run(PROGRAM, state, [words(s.words) for s in batch.slots], verify) == batch.journal
    assert len(batch.journal) == 4 * PROGRAM.journal_words(len(batch.slots))
    assert state.cells == builder.state.cells == [100]
    assert len(batch.slots) == 8
    assert not any(batch.slots[-1].words)


def test_a_batch_starts_where_the_last_one_ended() -> None:
    first = opened()
    one = first.close()
    second = BatchBuilder(Token, first.state, DOMAIN, 2)
    second.add(transfer())
    two = second.close()
    assert two.pre == one.post
    assert two.post.roots != two.pre.roots
    assert two.pre_cells == (100,)


@pytest.mark.parametrize(
    ("transaction", "reason"),
    [
        (transfer(101), "insufficient balance"),
        (transfer(nonce=1, signers=((0, 1),)), "nonce"),
        (transfer(receiver=7), "no such account"),
        (transfer(receiver=0), "accessed twice"),
        (transfer(signers=((1, 0),)), "signature does not verify"),
        (transfer(signers=((0, 1),)), "signature does not verify"),
        (transfer(signers=()), "takes 1 authorizations, got 0"),
        (transfer(signers=((0, 0), (0, 0))), "takes 1 authorizations, got 2"),
        (Transaction(transfer().words, ((),)), "expected 1 signatures of authorization 0, got 0"),
        (Transaction(transfer(11).words, transfer(10).signatures), "signature does not verify"),
        (sign(transfer(), bytes(32), [(WALLETS[0], 0)]), "signature does not verify"),
        (
            Transaction(tx("deposit", account=0, amount=1).words, transfer().signatures),
            "takes 0 authorizations, got 1",
        ),
    ],
)
def test_a_refused_transaction_changes_nothing_and_takes_no_slot(
    transaction: Transaction, reason: str
) -> None:
    builder = opened()
    before = builder.state.roots(), list(builder.state.cells), dict(builder.state.records), len(builder.slots)
    with pytest.raises(mp.Refused, match=reason):
        builder.add(transaction)
    after = builder.state.roots(), list(builder.state.cells), dict(builder.state.records), len(builder.slots)
    assert after == before


def test_a_signature_that_is_no_signature() -> None:
    builder = opened()
    good = transfer()
    ((signature,),) = good.signatures
    for broken in (b"", signature[:-1], signature + b"\0", bytes(160), b"\xff" * 160):
        with pytest.raises(mp.Refused, match="signature does not verify"):
            builder.add(Transaction(good.words, ((broken,),)))
    builder.add(good)


def test_replay_is_refused() -> None:
    builder = opened()
    builder.add(transfer())
    with pytest.raises(mp.Refused, match="nonce"):
        builder.add(transfer())


def test_from_l1_takes_a_slot_without_effect() -> None:
    builder = opened()
    before = builder.state.roots()
    for transaction, reason in [
        (tx("register", account=0, key=WALLETS[2].public_key), "the account is taken"),
        (tx("deposit", account=9, amount=1), "no such account"),
        (tx("deposit", account=0, amount=2**64 - 100), "balance takes u64"),
        (
            Transaction((2).to_bytes(4, "big") + b"\xff" * 12 + bytes(4 * PROGRAM.input_words - 16)),
            "account takes u20",
        ),
    ]:
        slot = builder.add(transaction)
        assert slot.refused is not None
        assert reason in slot.refused
        assert slot.outputs == (1).to_bytes(4, "big") + bytes(4 * PROGRAM.output_words - 4)
        assert builder.state.roots() == before
    assert len(builder.slots) == 7


def test_a_batch_has_its_slots() -> None:
    builder = opened(3)
    assert builder.full
    with pytest.raises(ValueError, match="the batch has its 3 slots"):
        builder.add(transfer())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bytes(4 * PROGRAM.input_words - 4), "a slot has 10 input words, got 9"),
        ((9).to_bytes(4, "big") + bytes(4 * PROGRAM.input_words - 4), "kind 9: Token has 6 kinds and noop"),
        (bytes(4 * PROGRAM.input_words - 1) + b"\1", "noop: every word must be 0"),
        (tx("deposit", account=0, amount=1).words[:-1] + b"\1", "words that it does not use must be 0"),
    ],
)
def test_words_that_are_no_transaction(data: bytes, reason: str) -> None:
    with pytest.raises(CodecError, match=reason):
        opened().add(Transaction(data))


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("deposit", {"account": 0}, "deposit takes account, amount; got account"),
        ("deposit", {"account": 2**20, "amount": 1}, r"account takes u20 \[0, 1048575\], got 1048576"),
        ("deposit", {"account": 0, "amount": -1}, r"amount takes u64 .* got -1"),
        ("deposit", {"account": 0, "amount": "1"}, "amount takes an integer, got str"),
        ("deposit", {"account": 0, "amount": 1.0}, "amount takes an integer, got float"),
        ("register", {"account": 0, "key": 5}, "key takes a key of 1 parts of 32 bytes"),
        ("register", {"account": 0, "key": mp.Key(bytes(64))}, "key takes a key of 1 parts of 32 bytes"),
        (
            "withdraw",
            {"sender": 0, "amount": 1, "nonce": 0, "recipient": [1]},
            "recipient: expected 5 elements, got 1",
        ),
        (
            "withdraw",
            {"sender": 0, "amount": 1, "nonce": 0, "recipient": 5},
            "recipient: a int cannot be given",
        ),
        (
            "withdraw",
            {"sender": 0, "amount": 1, "nonce": 0, "recipient": [2**32] * 5},
            r"recipient\[0\] takes u32",
        ),
    ],
)
def test_values_that_are_no_transaction(kind: str, values: dict[str, Any], reason: str) -> None:
    with pytest.raises(CodecError, match=reason):
        make_transaction(Token, PROGRAM, kind, values)


def test_record_parameters() -> None:
    program = trace(Warehouse, SUITES)
    values = {"owner": 0, "pair": [1, 2], "slot": 0, "nonce": 0}
    made = make_transaction(Warehouse, program, "move", {**values, "where": {"delta": -1, "amount": 7}})
    assert words(made.words)[4:6] == [7, 2**15 - 1]
    with pytest.raises(CodecError, match="where takes exactly amount, delta; got amount"):
        make_transaction(Warehouse, program, "move", {**values, "where": {"amount": 7}})


def test_fields_are_decoded_as_encoded() -> None:
    fields = PROGRAM.maps[0].fields
    key = mp.Key(bytes(32))
    data = encode_fields(zip(fields, [key, 1, 2**64 - 1, 5], strict=True))
    assert decode_fields(fields, data, [key]) == [key, 1, 2**64 - 1, 5]
    with pytest.raises(CodecError, match="expected 16 bytes of integer fields, got 12"):
        decode_fields(fields, data[:-4], [key])
    with pytest.raises(CodecError, match=r"open: expected \[0, 1\], got 2"):
        decode_fields(fields, (2).to_bytes(4, "big") + data[4:], [key])


def test_a_program_of_another_transition_is_refused() -> None:
    """The executor never fills a journal whose layout does not fit what the transition did."""
    program = trace(Token, SUITES)
    quiet = Program(
        **{
            **program.__dict__,
            "kinds": tuple(
                type(k)(k.name, k.from_l1, k.params, k.ports, k.authorizations, ()) for k in program.kinds
            ),
        }
    )
    builder = opened()
    withdrawal = tx("withdraw", [(0, 0)], sender=0, amount=5, nonce=0, recipient=[0] * 5)
    with pytest.raises(LayoutError, match="emitted 1 messages; the program has 0"):
        execute(Token, quiet, withdrawal.words, builder.state, lambda *_: None)
    written = tuple(f for f in program.ports[1].written if program.maps[0].fields[f].name != "balance")
    port = type(program.ports[1])(0, written, False, program.ports[1].output_offset)
    fewer = Program(**{**quiet.__dict__, "ports": (program.ports[0], port)})
    with pytest.raises(LayoutError, match="transfer wrote balance, and the journal has no place for it"):
        execute(Token, fewer, transfer().words, builder.state, lambda *_: None)
