"""StarkAdapter under attack from within: forged contexts, rebuilt trees, transactions of several calls.

tests/test_contracts_stark.py changes what is sent. Most of that is refused by the first grinding after it;
here later checks stand alone, behind a state of the session that no transcript led to, or trees made anew.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from reverts import reason_of
from stark_mutants import (
    CALLER,
    SESSION,
    SHAPE,
    Contract,
    P,
    Sizes,
    Statement,
    calldata,
    frozen,
    own_key,
    prove_data,
    statement_of,
    step_data,
    verify_data,
)

from multiprover.settlement.claims import VOUCH_ACCEPTED
from multiprover.settlement.contracts import sources
from multiprover.settlement.stark import parts_of

QUERIES, CAP = SHAPE["NUM_QUERIES"], 32 << SHAPE["CAP_HEIGHT"]
LAST = 20 << SHAPE["FINAL_BITS"]
IDENTITY = "0x" + "00" * 19 + "04"


class Session:
    """A session whose state and context can be anything; the frozen proof's queries, one by one."""

    def __init__(self) -> None:
        self.contract = Contract([own_key()])
        self.evm = self.contract.evm
        self.statement: Statement = statement_of(frozen())
        self.address = self.contract.adapter(0, self.statement[0])
        self.sizes = Sizes.of(own_key())
        head = sum(size for _, size, _ in self.sizes.head())
        [(_, context, _)] = self.sizes.context()
        query = sum(size for _, size, _ in self.sizes.query())
        first, *others = parts_of(frozen().proof)
        self.head, self.context = first[:head], others[0][:context]
        carried = first[head:] + b"".join(part[context:] for part in others)
        self.queries = [carried[at : at + query] for at in range(0, len(carried), query)]
        assert len(self.queries) == QUERIES
        key = keccak(encode(["address", "bytes32"], [CALLER, SESSION]))
        self._slot = int.from_bytes(keccak(key + bytes(32)), "big")

    def call(self, data: bytes, to: str | None = None, caller: str = CALLER) -> str | None:
        """None if the call succeeds, else why not."""
        try:
            self.answer = self.contract.call(to or self.address, data, caller)
        except RuntimeError as error:
            return reason_of(error)
        return None

    def become(self, context: bytes, queries: int, parts: int) -> None:
        """As if a transcript had led to this context, and so many queries and parts had been taken."""
        word = keccak(context)[:30] + bytes([queries, parts])
        self.evm.insert_account_storage(self.address, self._slot, int.from_bytes(word, "big"))

    def asked(self, context: bytes, number: int, query: bytes | None = None) -> str | None:
        """Query ``number`` behind a context that is the session's."""
        self.become(context, number, 1)
        query = self.queries[number] if query is None else query
        return self.call(step_data(self.statement, context + query, 1))

    @property
    def after_indices(self) -> int:
        """Where the caps are in a context."""
        return len(self.context) - LAST - CAP * (3 + len(self.sizes.arities))

    def index(self, number: int) -> int:
        at = self.after_indices - 32 * -(-QUERIES // 8) + 4 * number
        return int.from_bytes(self.context[at : at + 4], "big")


@pytest.fixture(scope="module")
def made() -> Session:
    return Session()


@pytest.fixture
def session(made: Session) -> Iterator[Session]:
    snapshot = made.evm.snapshot()
    yield made
    made.evm.revert(snapshot)


def changed(data: bytes, at: int, by: int = 1) -> bytes:
    """Something added to the 4 bytes, little-endian, at a place; b"" where there is no room for it."""
    number = int.from_bytes(data[at : at + 4], "little") + by
    return data[:at] + number.to_bytes(4, "little") + data[at + 4 :] if 0 <= number < 2**32 else b""


# What a query is checked with


def test_each_query_is_taken_at_its_place_only(session: Session) -> None:
    for number in range(QUERIES):
        assert session.asked(session.context, number) is None
        other = session.queries[(number + 1) % QUERIES]
        assert session.asked(session.context, number, other) == "stark: row"


def test_a_query_reads_all_of_the_context(session: Session) -> None:
    """Challenges, combined openings, the last polynomial: each coefficient of each."""
    challenges = [
        at + offset
        for at in range(32, session.after_indices - 32 * -(-QUERIES // 8), 32)
        for offset in (31, 24, 18, 12, 5)  # in each of the lanes
    ]
    last = range(len(session.context) - LAST, len(session.context), 4)
    reasons: Counter[str | None] = Counter()
    for at in [*challenges, *last]:
        context = bytearray(session.context)
        context[at] ^= 1
        reasons[session.asked(bytes(context), 2)] += 1
    assert set(reasons) <= {"stark: coset", "stark: last polynomial"}, reasons
    assert reasons["stark: last polynomial"] >= len(last)


def test_a_query_reads_its_digest_of_each_cap(session: Session) -> None:
    number = 5
    taken = []
    for at in range(session.after_indices, len(session.context) - LAST, 32):
        context = bytearray(session.context)
        context[at] ^= 1
        if session.asked(bytes(context), number) is not None:
            taken.append((at - session.after_indices) // CAP)
    assert taken == list(range(3 + len(session.sizes.arities)))


# Numbers that are no elements, where everything else is right


def rebuilt(session: Session, number: int, round: int, at: int, by: int) -> tuple[bytes, bytes]:
    """A query with a changed number in a round's rows, and a context with the cap of the tree that has it.

    The keys' own cap stands in the adapter's code: not for that round.
    """
    heights = session.sizes.evaluations
    logs = [log + SHAPE["LOG_BLOWUP"] for log in own_key()[32:40]]
    names = ("MAIN", "QUOTIENT", "PREPROCESSED", "BUS")
    widths = [
        [
            sum(SHAPE[f"{name}_COLUMNS"] >> 16 * (7 - t) & 0x7FFF for t in range(8) if logs[t] == height)
            for height in heights
        ]
        for name in names
    ]
    path = 32 * (heights[0] - SHAPE["CAP_HEIGHT"])
    here = sum(4 * sum(rows) + path for rows in widths[:round])
    query = changed(session.queries[number], here + at, by)
    if not query:
        return b"", b""
    leaves = []
    for width in widths[round]:
        leaves.append(keccak(query[here : here + 4 * width]))
        here += 4 * width
    digest, index = leaves[0], session.index(number)
    for level in range(heights[0], SHAPE["CAP_HEIGHT"], -1):
        sibling, here = query[here : here + 32], here + 32
        digest = keccak(sibling + digest if index & 1 else digest + sibling)
        index >>= 1
        if level - 1 in heights:
            digest = keccak(digest + leaves[heights.index(level - 1)])
    cap = session.after_indices + CAP * {0: 0, 1: 1, 3: 2}[round] + 32 * index
    return query, session.context[:cap] + digest + session.context[cap + 32 :]


@pytest.mark.parametrize("round", [0, 1, 3])
def test_a_number_of_a_row_is_an_element(session: Session, round: int) -> None:
    """x + p in a tree that was made with it: all sums are the same."""
    number, tried = 7, 0
    name = ("MAIN", "QUOTIENT", "PREPROCESSED", "BUS")[round]
    size = 4 * sum(SHAPE[f"{name}_COLUMNS"] >> 16 * table & 0x7FFF for table in range(8))
    query, context = rebuilt(session, number, round, 0, 0)
    assert (query, context) == (session.queries[number], session.context)
    for at in range(0, size, 4 * (1 + size // 160)):
        query, context = rebuilt(session, number, round, at, P)
        if query:
            tried += 1
            assert session.asked(context, number, query) == "stark: element", at
        # Another element makes other sums.
        query, context = rebuilt(session, number, round, at, 1)
        assert session.asked(context, number, query) in ("stark: coset", "stark: element"), at
    assert tried > 20


def test_a_number_of_the_last_polynomial_is_an_element(session: Session) -> None:
    for at in range(len(session.context) - LAST, len(session.context), 12):
        context = changed(session.context, at, P)
        if context:
            assert session.asked(context, 1) == "stark: element"


# Sessions


def test_parts_may_be_split_anyhow_but_not_counted_anyhow(session: Session) -> None:
    statement, context, queries = session.statement, session.context, session.queries
    assert session.call(step_data(statement, session.head, 0)) is None
    assert session.call(step_data(statement, context, 1)) is None
    assert session.call(step_data(statement, context + queries[0], 2)) is None
    for index in (0x102, 0x103, 2**32 - 1, 2, 4):
        assert session.call(step_data(statement, context + queries[1], index)) == "stark: step"
    assert session.call(step_data(statement, context + b"".join(queries[1:]), 3)) is None
    # One more than all.
    assert session.call(step_data(statement, context + queries[0], 4)) == "stark: part length"
    told = verify_data(statement)
    assert session.call(prove_data(statement, context, 4, session.address, told)) is None
    assert session.answer[64:96] == VOUCH_ACCEPTED
    # The counters of parts and queries are bytes.
    session.become(context, QUERIES - 1, 254)
    assert session.call(step_data(statement, context, 254)) is None
    for data in (
        step_data(statement, context, 255),
        prove_data(statement, context + queries[-1], 255, session.address, told),
        step_data(statement, context, 256),
    ):
        assert session.call(data) == "stark: step"


def several(calls: list[tuple[str, bytes]]) -> tuple[bytes, bytes]:
    """What creates a contract that makes calls one after the other, all or none, and what it is told."""
    # PUSH4 size PUSH4 from PUSH0 CALLDATACOPY; PUSH0 PUSH0 PUSH4 size PUSH0 PUSH0 PUSH20 to GAS CALL; PUSH2
    # on JUMPI; RETURNDATASIZE PUSH0 PUSH0 RETURNDATACOPY RETURNDATASIZE PUSH0 REVERT; on: JUMPDEST
    length = 56
    code, data = b"", b""
    for i, (to, sent) in enumerate(calls):
        size, on = len(sent).to_bytes(4, "big"), length * (i + 1) - 1
        code += b"\x63" + size + b"\x63" + len(data).to_bytes(4, "big") + b"\x5f\x37"
        code += b"\x5f\x5f\x63" + size + b"\x5f\x5f\x73" + bytes.fromhex(to[2:]) + b"\x5a\xf1"
        code += b"\x61" + on.to_bytes(2, "big") + b"\x57\x3d\x5f\x5f\x3e\x3d\x5f\xfd\x5b"
        assert len(code) == on + 1
        data += sent
    # PUSH2 size DUP1 PUSH1 10 RETURNDATASIZE CODECOPY RETURNDATASIZE RETURN
    return b"\x61" + len(code).to_bytes(2, "big") + b"\x80\x60\x0a\x3d\x39\x3d\xf3" + code, data


def test_what_was_proved_is_forgotten_in_the_same_transaction(session: Session) -> None:
    """Transient storage lasts longer than the call that the proof was for."""
    statement = session.statement
    told = verify_data(statement)
    part = session.head + b"".join(session.queries)
    good = prove_data(statement, part, 0, session.address, told)
    alone = prove_data(statement, part, 0, IDENTITY, b"")
    for sent, reason in (
        ([good, alone, good], None),
        ([alone, told], "stark: not proved"),
        ([good, told], "stark: not proved"),
    ):
        code, data = several([(session.address, each) for each in sent])
        assert session.call(data, str(session.evm.deploy(CALLER, code))) == reason


def test_a_proof_within_a_proof(session: Session) -> None:
    """The adapter as its own target has sessions like anybody, and takes nothing from others'."""
    statement, context = session.statement, session.context
    rest = context + b"".join(session.queries)
    inner = b"\x08" * 32
    own = calldata("progress", ["address", "bytes32"], [session.address, inner])

    def start(data: bytes) -> str | None:
        assert session.call(step_data(statement, session.head, 0)) is None
        return session.call(prove_data(statement, rest, 1, session.address, data))

    assert start(step_data(statement, session.head, 0, inner)) is None
    assert session.call(own) is None
    assert session.answer[-1] == 1
    told = verify_data(statement)
    assert start(prove_data(statement, rest, 1, session.address, told, inner)) is None
    assert VOUCH_ACCEPTED in session.answer
    assert session.call(own) is None
    assert session.answer[-1] == 0
    # The caller's own session is not the adapter's.
    assert start(prove_data(statement, rest, 1, session.address, told)) == "stark: step"
    # What fails within fails as a whole.
    domain, claim, _, suites = statement
    assert start(verify_data((domain, claim, "0x" + "ab" * 20, suites))) == "stark: not proved"
    assert session.call(calldata("progress", ["address", "bytes32"], [CALLER, SESSION])) is None
    assert session.answer[-1] == 1


def test_a_statement_is_read_as_the_abi_says(session: Session) -> None:
    """Dirty addresses, and data that ends early: solc refuses them without a reason."""
    data = step_data(session.statement, session.head, 0)
    assert session.call(data) is None
    payee = bytes(12) + bytes.fromhex(session.statement[2][2:])
    for bad in (data.replace(payee, b"\x01" + payee[1:], 1), data[: -len(session.head)], data[:100]):
        assert bad != data
        with pytest.raises(RuntimeError, match="output: 0x "):
            session.contract.call(session.address, bad)


# Memory and lanes


def test_nothing_in_memory_lies_on_something_else() -> None:
    """The adapter's addresses are fixed: each place ends where the next begins, at the latest."""
    text = (sources() / "StarkAdapter.sol").read_text()
    places = {name: int(at, 16) for name, at in re.findall(r"constant (\w+)_AT = (0x[0-9a-f]+);", text)}
    [end] = re.findall(r"constant MEMORY_END = (0x[0-9a-f]+);", text)
    [max_key] = re.findall(r"constant MAX_KEY = (\w+);", text)
    [max_width] = re.findall(r"constant MAX_WIDTH = (\w+);", text)
    arity, final, width = SHAPE["MAX_ARITY_BITS"], SHAPE["FINAL_BITS"], int(max_width, 0)
    layers = 24 - SHAPE["LOG_BLOWUP"] - final
    openings = 20 * SHAPE["NUM_OPENINGS"]
    sizes = {
        **dict.fromkeys(("BYTES", "PAIRS", "LANES", "ADDEND", "BAD", "DRAWN", "LEFT"), 32),
        "GROUPS": 32 * 8,
        "ARITIES": 32 * layers,
        "ROOTS": 32 * 24,
        "INVERSES": 32 * 24,
        "TURNS": 32 << arity - 1,
        "COUNTS": 32 * 32,
        "ROWS": 32 * 32,
        "SEGMENTS": 96 * 8 * 32,
        "NEXTS": 32 * 8,
        "POWERED": 32 * layers,
        "SUMS": 64 * 8,
        "POINTS": 64 * 8,
        "PREFIXES": 64 * 8,
        "HASHES": 32 * 8,
        "VALUES": 32 << arity,
        "LAST": 64 << final,
        "TIMES": 64 * 5,
        "KEY": int(max_key, 0),
        "CONTEXT": 32 * (3 + 16 + layers + -(-QUERIES // 8)) + CAP * (3 + layers) + LAST,
        # The transcript's longest piece, the identities' calldata, a query's rows, a coset and a word.
        "BUFFER": max(
            32 + int(max_key, 0) + 2 * CAP + 4 * 62,
            32 + int(max_key, 0) + openings,
            160 + 208 + 160 + openings,
            4 * SHAPE["ROW_ELEMENTS"],
            (20 << arity) + 32,
        ),
        "POWERS": 32 * (width + 8),
        "TABLES": 320 * -(-width // 8),
    }
    assert set(sizes) == set(places)
    ordered = sorted((at, name) for name, at in places.items())
    for (at, name), (following, _) in zip(ordered, [*ordered[1:], (int(end, 16), "")], strict=True):
        assert at + sizes[name] <= following, name


BASE = 0x300  # of the slots


def test_no_lane_overflows() -> None:  # noqa: PLR0915
    """Upper bounds of all lanes, instruction by instruction, by what StarkConstraints.sol does for each."""
    text = (sources() / "StarkProgram.sol").read_text()
    at = {name: int(value, 16) for name, value in re.findall(r"constant (\w+) = (0x[0-9a-f]+);", text)}

    def data(name: str) -> bytes:
        lines = text[text.index(f"bytes constant {name}") :].partition(";")[0]
        return bytes.fromhex("".join(re.findall(r'hex"([0-9a-f]*)"', lines)))

    program, runs = data("STARK_PROGRAM"), data("STARK_RUNS")
    words = [int.from_bytes(program[i : i + 2], "big") for i in range(0, len(program), 2)]
    # What the contract writes before the program runs is below p; then come the program's own slots.
    written = at["CONSTANTS_AT"] + 8 * len(data("STARK_CONSTANTS"))
    bounds = dict.fromkeys(range(BASE + 32, written, 32), P - 1)
    scalars = {*range(at["PUBLICS_AT"], at["CLAIMS_AT"], 32), *range(at["CONSTANTS_AT"], written, 32)}
    # Openings are loaded in runs, within a round each, and by turns passed over: those must not be read.
    end = at["OPENINGS_AT"]
    for read, unread in zip(runs[::2], runs[1::2], strict=True):
        start, end = end, end + 32 * (read + unread)
        for border in ("QUOTIENTS_AT", "PREPROCESSED_AT", "BUS_COLUMNS_AT", "CONSTANTS_AT"):
            assert not start < at[border] < end
        for slot in range(start + 32 * read, end, 32):
            del bounds[slot]
    assert end == at["CONSTANTS_AT"]

    x = folded = collected = 0
    ended, tables, here = 0, [], 0

    def product(a: int, b: int) -> int:
        assert max(a, b) < 2**51
        assert 5 * a * b < 2**85
        return P - 1

    def multiple(a: int) -> int:
        assert a < 2**50
        return P - 1

    while here < len(words):
        operation, operand = words[here] >> 12, words[here] & 0xFFF
        slot = BASE + 32 * operand
        here += 1
        if operation in (4, 5):
            second = BASE + 32 * words[here]
            here += 1
        match operation:
            case 0:
                x = product(x, bounds[slot])
            case 1:
                x += bounds[slot]
            case 2:
                x = bounds[slot]
            case 3:
                assert written <= slot < at["STATE_AT"]
                bounds[slot] = x
            case 4:
                x = product(bounds[slot], bounds[second])
            case 5:
                product(bounds[slot], bounds[second])
                collected += 5 * bounds[slot] * bounds[second]
                assert collected < 2**85
            case 6:
                assert bounds[slot] <= 16 * P
                x += 16 * P
            case 7:
                x = multiple(x) + bounds[slot]
            case 8:
                folded = multiple(folded) + x
            case 9:
                x = P - 1
            case 10:
                assert x <= 16 * P
                x = bounds[slot] + 16 * P
            case 11:
                assert slot in scalars
                x = P - 1
            case 12:
                x, collected = P - 1, 0
            case 13:
                x *= operand
            case 14:
                assert collected == 0
                tables.append(operand)
            case 15 if operand == 0:
                ended, folded = ended + 1, 0
                assert tables[-1] == ended - 1
            case _:
                # 16 columns in, 8 rounds of 16 results, 20 S-boxes; a full round's results are at most 35p.
                assert all(bounds[slot + 32 * i] < P for i in range(16 + 8 * 16 + 20))
                folded = max(multiple(folded), P - 1) + (35 + 16) * P
        assert max(x, folded) < 2**51
    assert (ended, tables) == (8, [*range(8)])
    assert words[-1] == 0xF000
