"""The enclave prover's own checks, without the process around it: several suites, several records a slot."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import toy_suite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multiprover_sgx.attestation import Simulation
from multiprover_sgx.keys import Keyring
from multiprover_sgx.programs import Prepared, Programs
from multiprover_sgx.proving import prove
from multiprover_sgx.refusal import Refusal
from multiprover_sgx.verifying import verify
from sgx_batches import Case, bind, case_of, domain_of, mixed_case
from sgx_ring import Ring

from multiprover.ledger import BatchBuilder, State, make_transaction, sign
from multiprover.ledger.state import leaf
from multiprover.program import trace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.suites import Wallet, get, registry

SUITES = ("bn254", "toy")
WALLET_SEED = b"\7" * 32


@pytest.fixture(autouse=True, scope="module")
def two_suites() -> Iterator[None]:
    if "toy" in registry._SUITES:
        yield
        return
    registry.register(toy_suite.Toy())
    yield
    del registry._SUITES["toy"]


@dataclass
class Prover:
    """The prover of one case, in this process."""

    programs: Programs

    def prepared(self, case: Case) -> Prepared:
        return self.programs.prepare(case.prepare)[0]

    def prove(self, case: Case, request: pb.ProveRequest | None = None) -> pb.Proof:
        return prove(request or case.prove, self.prepared(case), lambda _: None)

    def refusal(self, case: Case, request: pb.ProveRequest) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self.prove(case, request)
        return caught.value


@pytest.fixture(scope="module")
def prover(tmp_path_factory: pytest.TempPathFactory) -> Prover:
    cache = tmp_path_factory.mktemp("sgx")
    return Prover(Programs(cache, Keyring(cache, Simulation()), None))


@pytest.fixture(scope="module")
def wallet(two_suites: None) -> Wallet:  # noqa: ARG001
    return Wallet.from_seed(WALLET_SEED, SUITES)


def ring_case(wallet: Wallet, moves: Sequence[tuple[str, int, int, int]], authorized: int = 0) -> Case:
    """A batch of the ring: the moves, then additions that the owner signs."""
    program = trace(Ring, SUITES)
    domain = domain_of(program)
    state = State(program)
    builder = BatchBuilder(Ring, state, domain, 1 + len(moves) + authorized)

    def add(kind: str, **values: object) -> None:
        builder.add(make_transaction(Ring, program, kind, values))

    add("own", key=wallet.public_key)
    for kind, a, b, c in moves:
        if kind == "put":
            add("put", box=a, value=b - c * 1000, key=wallet.public_key)
        elif kind == "rotate":
            add("rotate", a=a, b=b, c=c)
        else:
            add("peek", a=a, b=b, other=c % 8)
    for nonce in range(authorized):
        unsigned = make_transaction(Ring, program, "add", {"nonce": nonce, "box": nonce, "amount": 5})
        builder.add(sign(unsigned, domain, [(wallet, nonce)]))
    return case_of(Ring, program, builder.close())


def copied(case: Case) -> pb.ProveRequest:
    request = pb.ProveRequest()
    request.CopyFrom(case.prove)
    return request


# -- honest batches


def test_every_suite_is_proved(prover: Prover, wallet: Wallet) -> None:
    moves = [("put", i, i, 1) for i in range(4)] + [
        ("rotate", 0, 1, 2),
        ("rotate", 9, 8, 0),
        ("peek", 3, 4, 5),
    ]
    case = ring_case(wallet, moves, authorized=2)
    proof = prover.prove(case)
    assert [s.suite for s in proof.suites] == ["bn254", "toy"]
    assert [s.post_root for s in proof.suites] == list(case.batch.post.roots)
    verify(case.prove.statement, proof, prover.prepared(case))


def test_a_record_read_twice_leaves_its_port_closed(prover: Prover, wallet: Wallet) -> None:
    case = ring_case(wallet, [("put", 5, 9, 0), ("rotate", 5, 5, 6), ("rotate", 5, 6, 6), ("peek", 5, 5, 1)])
    assert [s.refused is not None for s in case.batch.slots] == [False, False, True, True, True]
    prover.prove(case)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["put", "rotate", "peek"]),
        st.integers(0, 15),
        st.integers(0, 15),
        st.integers(0, 15),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=MOVES)
def test_honest_batches_are_proved(
    prover: Prover, wallet: Wallet, moves: list[tuple[str, int, int, int]]
) -> None:
    case = ring_case(wallet, moves)
    verify(case.prove.statement, prover.prove(case), prover.prepared(case))


# -- dishonest ones


@pytest.fixture(scope="module")
def ring(wallet: Wallet) -> Case:
    return ring_case(wallet, [("put", 0, 7, 0), ("put", 1, 8, 0), ("rotate", 0, 1, 2)], authorized=1)


def flip(value: bytes, at: int = -1) -> bytes:
    changed = bytearray(value)
    changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("suite", [0, 1])
@pytest.mark.parametrize("port", [0, 1, 2])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_each_sibling_counts(prover: Prover, ring: Case, suite: int, port: int, level: int) -> None:
    request = copied(ring)
    opening = request.slots[3].openings[port].suites[suite]
    opening.siblings = flip(opening.siblings, 32 * level + 31)
    refusal = prover.refusal(ring, request)
    assert refusal.code == pb.Refusal.CODE_BAD_OPENING
    assert refusal.slot == 3
    assert SUITES[suite] in refusal.message
    assert f"port {port}" in refusal.message


def test_siblings_from_before_an_earlier_write(prover: Prover, ring: Case) -> None:
    """Box 1 opened as if box 0 had not been written in the same slot: applied, it would undo that write."""
    request = copied(ring)
    first, second = (request.slots[3].openings[p].suites for p in (0, 1))
    native = get("bn254")
    record = ring.batch.slots[3].openings[0]
    assert record is not None
    old = leaf(ring.program, 0, native, 0, record.values)
    assert second[0].siblings[:32] != old
    second[0].siblings = old + second[0].siblings[32:]
    # It does lead to the root before the slot.
    values = ring.batch.slots[3].openings[1]
    assert values is not None
    node = leaf(ring.program, 0, native, 0, values.values)
    assert native.root_from_path(node, 1, second[0].siblings) == native.root_from_path(
        old, 0, first[0].siblings
    )
    refusal = prover.refusal(ring, request)
    assert (refusal.code, refusal.slot) == (pb.Refusal.CODE_BAD_OPENING, 3)


@pytest.mark.parametrize("suite", [0, 1])
def test_a_lie_about_one_suite_only(prover: Prover, ring: Case, suite: int) -> None:
    request = copied(ring)
    statement = request.statement.suites[suite]
    statement.post_root = flip(statement.post_root)
    refusal = prover.refusal(ring, request)
    assert (refusal.code, refusal.found) == (
        pb.Refusal.CODE_ROOT_MISMATCH,
        ring.batch.post.roots[suite].hex(),
    )

    request = copied(ring)
    signatures = request.slots[4].authorizations[0].signatures
    signatures[suite] = flip(signatures[suite])
    refusal = prover.refusal(ring, request)
    assert (refusal.code, refusal.slot) == (pb.Refusal.CODE_BAD_SIGNATURE, 4)
    assert SUITES[suite] in refusal.message

    request = copied(ring)
    request.pre_state.suites[suite].key_cells[0] = b"\1" * 32
    assert prover.refusal(ring, request).code == pb.Refusal.CODE_BAD_OPENING

    request = copied(ring)
    request.pre_state.suites[suite].map_roots[1] = request.pre_state.suites[suite].map_roots[0]
    assert prover.refusal(ring, request).code == pb.Refusal.CODE_BAD_OPENING


def test_a_signature_for_another_nonce_or_domain(prover: Prover, ring: Case, wallet: Wallet) -> None:
    words = ring.prove.slots[4].words
    for domain, nonce in [(domain_of(ring.program), 1), (b"\5" * 32, 0)]:
        request = copied(ring)
        request.slots[4].authorizations[0].signatures[:] = wallet.sign(domain, words, nonce)
        assert prover.refusal(ring, request).code == pb.Refusal.CODE_BAD_SIGNATURE


@pytest.mark.parametrize("field", ["commitment", "challenge", "evaluation"])
def test_another_binding(prover: Prover, ring: Case, field: str) -> None:
    request = copied(ring)
    setattr(request.statement.suites[1], field, flip(getattr(request.statement.suites[1], field)))
    refusal = prover.refusal(ring, request)
    assert refusal.code == pb.Refusal.CODE_WRONG_STATEMENT
    assert field in refusal.message


def drop_suite(statement: pb.Statement) -> None:
    del statement.suites[1]


def swap_suites(statement: pb.Statement) -> None:
    first = pb.SuiteStatement()
    first.CopyFrom(statement.suites[0])
    del statement.suites[0]
    statement.suites.append(first)


@pytest.mark.parametrize("change", [drop_suite, swap_suites])
def test_every_suite_in_order(prover: Prover, ring: Case, change: Callable[[pb.Statement], None]) -> None:
    request = copied(ring)
    change(request.statement)
    assert prover.refusal(ring, request).code == pb.Refusal.CODE_WRONG_STATEMENT


def test_a_claim_with_another_journal_and_its_own_binding(prover: Prover, ring: Case) -> None:
    """A sequencer that executes wrongly but consistently: claim, c, z and y all fit its journal."""
    request = copied(ring)
    request.journal = flip(request.journal)
    bind(request.statement, request.journal)
    refusal = prover.refusal(ring, request)
    assert refusal.code == pb.Refusal.CODE_JOURNAL_MISMATCH
    assert refusal.slot is None
    assert "cell total word 1" in refusal.message


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_byte_is_proved(prover: Prover, data: st.DataObject) -> None:
    """One byte of an honest request changed: refused, unless it says the same or has another payee."""
    case = TOKEN
    sent = bytearray(case.prove.SerializeToString(deterministic=True))
    at = data.draw(st.integers(0, len(sent) - 1))
    sent[at] ^= data.draw(st.integers(1, 255))
    try:
        request = pb.ProveRequest.FromString(bytes(sent))
    except Exception:  # what gRPC refuses before the prover sees it
        return
    try:
        prover.prove(case, request)
    except Refusal:
        return
    request.DiscardUnknownFields()
    request.statement.payee = case.prove.statement.payee
    request.key_id = case.prove.key_id
    assert request == case.prove


TOKEN = mixed_case()


# -- what the transition itself may do wrong


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            "if type(amount) is int: [][amount + 9]",
            pb.Refusal.CODE_REFUSED_TRANSACTION,
            "IndexError: list index out of range (source of Token:{line})",
        ),
        ("if type(amount) is int: exit(0)", pb.Refusal.CODE_REFUSED_TRANSACTION, "SystemExit"),
        ("if type(amount) is int: self.accounts[5]", pb.Refusal.CODE_WRONG_PROGRAM, "no port"),
        ("if type(amount) is int: mp.authorize(self.accounts[5].key, 1)", pb.Refusal.CODE_WRONG_PROGRAM, ""),
    ],
)
def test_a_transition_that_runs_other_than_it_traces(
    prover: Prover, body: str, code: pb.Refusal.Code.ValueType, message: str
) -> None:
    before = "        holder.balance += amount\n"
    case = mixed_case()
    case.prepare.source = case.prepare.source.replace(before, f"        {body}\n{before}")
    line = case.prepare.source.splitlines().index(f"        {body}") + 1
    refusal = prover.refusal(case, case.prove)
    assert (refusal.code, refusal.slot) == (code, 0)
    assert message.format(line=line) in refusal.message


def test_a_forged_file_of_keys_is_not_believed(tmp_path: Path) -> None:
    """A source that is not the program's, put into the cache under the right name for its content."""
    keyring = Keyring(tmp_path, Simulation())
    forged = pb.PrepareRequest()
    forged.CopyFrom(TOKEN.prepare)
    forged.source = forged.source.replace('mp.require(payer.nonce == nonce, "nonce")', "pass")
    key_id = Programs._key_id(forged, TOKEN.program, keyring.signer(TOKEN.program.program_id))
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / f"{key_id.hex()}.keys").write_bytes(forged.SerializeToString(deterministic=True))
    with pytest.raises(Refusal) as caught:
        Programs(tmp_path, keyring, None).get(key_id, to_prove=True)
    assert caught.value.code == pb.Refusal.CODE_WRONG_PROGRAM


def test_signatures_of_other_keys_do_not_verify(prover: Prover, tmp_path: Path) -> None:
    prepared = prover.prepared(TOKEN)
    proof = prover.prove(TOKEN)
    other = Keyring(tmp_path, Simulation()).signer(TOKEN.program.program_id)
    proof.proof = proof.l1_proof = other.sign(secrets.token_bytes(32))
    with pytest.raises(Refusal) as caught:
        verify(TOKEN.prove.statement, proof, prepared)
    assert caught.value.code == pb.Refusal.CODE_INVALID_PROOF


def test_a_program_in_other_bytes(prover: Prover) -> None:
    request = pb.PrepareRequest()
    request.CopyFrom(TOKEN.prepare)
    request.program += b"\x0a\x00"
    with pytest.raises(Refusal) as caught:
        prover.programs.prepare(request)
    assert caught.value.code == pb.Refusal.CODE_NON_CANONICAL
