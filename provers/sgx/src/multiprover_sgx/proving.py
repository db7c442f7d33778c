"""Proving a batch: running the transition's Python on opened records, and vouching for what came out.

Nothing of a request is believed. The state before the batch is known by its root only, under every suite; a
record may be read when its opening leads to the root of its map, and the roots after are computed from the
siblings of those openings.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from multiprover.lang.concrete import Access
from multiprover.lang.errors import Refused
from multiprover.lang.transition import Transition
from multiprover.lang.types import Key
from multiprover.ledger.batch import Authorizer
from multiprover.ledger.codec import CodecError, decode_fields, encode_fields
from multiprover.ledger.executor import Effect, LayoutError, execute
from multiprover.ledger.state import initial_record, leaf, state_root
from multiprover.program import Field, Program
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement.claims import claim_id
from multiprover.suites import NonCanonicalError, Suite, SuiteError, get
from multiprover_sgx import FORMAT_VERSION, PROOF_TYPE, journal
from multiprover_sgx.programs import Prepared
from multiprover_sgx.refusal import Refusal, fixed, malformed
from multiprover_sgx.source import describe
from multiprover_sgx.statement import check_statement, vouch_digest, wrong_statement

DIGEST_BYTES = 32
WORD_BYTES = 4


def prove(request: pb.ProveRequest, prepared: Prepared, tick: Callable[[float], None]) -> pb.Proof:
    """Check and run a batch, and sign for it.

    Args:
        tick: called between slots with the fraction done; may raise to stop.

    Raises:
        Refusal: the batch is not what the statement says, or is refused.
    """
    started, started_cpu = time.perf_counter(), time.thread_time()
    transition = prepared.transition
    assert transition is not None
    program, statement = prepared.program, request.statement
    check_statement(statement, prepared)
    if len(request.slots) != prepared.slots:
        raise Refusal(
            pb.Refusal.CODE_WRONG_PROGRAM,
            "slots: the request has not as many as its statement says",
            expected=str(prepared.slots),
            found=str(len(request.slots)),
        )
    if len(request.journal) % WORD_BYTES:
        raise malformed(f"journal: expected whole words of 4 bytes, got {len(request.journal)} bytes")
    claim = claim_id(statement.parent_claim, request.journal)
    if statement.claim != claim:
        raise wrong_statement(
            "claim: it does not follow from parent_claim and journal", statement.claim, claim
        )

    state = _State(program, request.pre_state)
    pre = state.roots()
    for given, root in zip(statement.suites, pre, strict=True):
        if given.pre_root != root:
            raise Refusal(
                pb.Refusal.CODE_BAD_OPENING,
                f"pre_state: its cells and map roots do not give the {given.suite} pre root",
                expected=given.pre_root,
                found=root,
            )
    outputs = []
    for number, slot in enumerate(request.slots):
        tick(number / prepared.slots)
        outputs.append(_run_slot(transition, state, statement.domain, number, slot))
    inputs = b"".join(slot.words for slot in request.slots)
    computed = inputs + b"".join(outputs) + state.cell_words()
    journal.compare(program, prepared.slots, request.journal, computed)

    post = state.roots()
    suites = []
    for given, native, after in zip(statement.suites, state.suites, post, strict=True):
        if given.post_root != after:
            raise Refusal(
                pb.Refusal.CODE_ROOT_MISMATCH,
                f"post_root: the statement's {given.suite} root is not the one after this batch",
                expected=given.post_root,
                found=after,
            )
        suites.append(_bind(native, given, statement.domain, claim, computed, after))
    vouch = prepared.signer.sign(vouch_digest(statement, claim, pre, post))
    return pb.Proof(
        proof_type=PROOF_TYPE,
        format_version=FORMAT_VERSION,
        key_id=prepared.key_id,
        proof=vouch,
        l1_proof=vouch,
        suites=suites,
        figures={
            "prove_s": time.perf_counter() - started,
            "prove_cpu_s": time.thread_time() - started_cpu,
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
    )


def _bind(
    native: Suite, given: pb.SuiteStatement, domain: bytes, claim: bytes, computed: bytes, post_root: bytes
) -> pb.SuiteStatement:
    """The suite's statement as computed here; the given one must be equal."""
    commitment = native.commit(computed)
    challenge = native.challenge(domain, claim, commitment)
    found = pb.SuiteStatement(
        suite=given.suite,
        pre_root=given.pre_root,
        post_root=post_root,
        commitment=commitment,
        challenge=challenge,
        evaluation=native.evaluate(computed, challenge),
    )
    for name in ("commitment", "challenge", "evaluation"):
        theirs, ours = getattr(given, name), getattr(found, name)
        if theirs != ours:
            raise wrong_statement(
                f"{name}: the statement's is not that of the journal under {given.suite}", theirs, ours
            )
    return found


class _State:
    """The state between two slots, as far as it is known: every cell, every map's root under each suite."""

    def __init__(self, program: Program, given: pb.PreState) -> None:
        self.program = program
        self.suites = [get(name) for name in program.suites]
        self.initial = [initial_record(program, m) for m in range(len(program.maps))]
        if len(given.suites) != len(self.suites):
            raise malformed(f"pre_state.suites: expected {len(self.suites)}, got {len(given.suites)}")
        self.maps = []
        for suite, name in zip(given.suites, program.suites, strict=True):
            if len(suite.map_roots) != len(program.maps):
                raise malformed(
                    f"pre_state: {name} map roots: expected {len(program.maps)}, got {len(suite.map_roots)}"
                )
            self.maps.append([fixed(f"pre_state: {name} map root", r, DIGEST_BYTES) for r in suite.map_roots])
        self.cells = _record(
            "pre_state cells", program.cells, given.cells, [s.key_cells for s in given.suites]
        )

    def roots(self) -> list[bytes]:
        try:
            return [
                state_root(self.program, s, native, self.cells, self.maps[s])
                for s, native in enumerate(self.suites)
            ]
        except SuiteError as error:
            raise _bad_value("pre_state", error) from error

    def cell_words(self) -> bytes:
        return encode_fields(zip(self.program.cells, self.cells, strict=True))


@dataclass(frozen=True)
class _Opened:
    """A record that its opening proved to be in the state before the slot.

    ``leaves`` and ``siblings`` are by suite; the siblings are those of the map before the slot.
    """

    map: int
    index: int
    leaves: list[bytes]
    siblings: list[bytes]


class _Records:
    """The records of one slot: the only window that the transition has on the state.

    An opening is relative to its map after the writes of the slot's earlier ports. Reads come before writes,
    so each opening is first taken back to the map before the slot: where the path of an earlier port joins,
    that port's old node stands in for the sibling.
    """

    def __init__(self, state: _State, number: int, slot: pb.Slot) -> None:
        self._state = state
        self._number = number
        self._slot = slot
        kinds = state.program.kinds
        kind = int.from_bytes(slot.words[:WORD_BYTES], "big")
        # An access goes to its kind's next port; the executor refuses kinds that do not exist.
        self._ports = iter(kinds[kind].ports if kind < len(kinds) else ())
        self.opened: dict[int, _Opened] = {}

    def read_cells(self) -> Sequence[Any]:
        return self._state.cells

    def initial_record(self, map_position: int) -> Sequence[Any]:
        """Instead of a record that the transaction has read already; its port stays closed."""
        self._next_port(map_position)
        return self._state.initial[map_position]

    def read_record(self, map_position: int, index: int) -> Sequence[Any]:
        state, number = self._state, self._number
        program = state.program
        port = self._next_port(map_position)
        what = f"port {port} ({program.maps[map_position].name}[{index}])"
        opening = self._slot.openings[port]
        if not opening.suites:
            raise Refusal(
                pb.Refusal.CODE_BAD_OPENING,
                f"{what}: the transaction reads it, and it has no opening",
                slot=number,
            )
        if len(opening.suites) != len(state.suites):
            raise malformed(
                f"{what}: expected {len(state.suites)} suites, got {len(opening.suites)}", slot=number
            )
        values = _record(
            what,
            program.maps[map_position].fields,
            opening.fields,
            [s.keys for s in opening.suites],
            slot=number,
        )
        leaves, siblings = [], []
        for s, (native, given) in enumerate(zip(state.suites, opening.suites, strict=True)):
            # A path of another length would let an inner node pass for a leaf.
            fixed(
                f"{what}: {native.name} siblings",
                given.siblings,
                DIGEST_BYTES * program.maps[map_position].depth,
                slot=number,
            )
            leaves.append(leaf(program, s, native, map_position, values))
            siblings.append(self._before_slot(s, map_position, index, given.siblings))
            _expect_root(native, what, leaves[s], index, siblings[s], state.maps[s][map_position], number)
        self.opened[port] = _Opened(map_position, index, leaves, siblings)
        return values

    def _before_slot(self, s: int, map_position: int, index: int, siblings: bytes) -> bytes:
        native = self._state.suites[s]
        for earlier in self.opened.values():
            if earlier.map == map_position:
                level = (earlier.index ^ index).bit_length() - 1
                at = DIGEST_BYTES * level
                node = earlier.leaves[s]
                if level:
                    below = earlier.siblings[s][:at]
                    node = native.root_from_path(node, earlier.index & ((1 << level) - 1), below)
                siblings = siblings[:at] + node + siblings[at + DIGEST_BYTES :]
        return siblings

    def _next_port(self, map_position: int) -> int:
        ports = self._state.program.ports
        port = next(self._ports, None)
        if port is None or ports[port].map != map_position:
            raise LayoutError(f"it reads map {map_position} where the program has no port for it")
        return port

    def apply(self, effect: Effect) -> None:
        """Change the state's roots and cells as the slot did, port by port."""
        state, number = self._state, self._number
        written = {id(access) for access in effect.written()}
        touched: set[int] = set()
        for port, access in enumerate(effect.accesses):
            if access is None:
                if self._slot.openings[port].ByteSize():
                    raise malformed(
                        f"port {port}: expected an empty opening, as the transaction does not use it",
                        slot=number,
                    )
                continue
            for s, native in enumerate(state.suites):
                self._apply_access(s, native, port, access, id(access) in written, access.map in touched)
            if id(access) in written:
                touched.add(access.map)
        state.cells = effect.cells

    def _apply_access(
        self, s: int, native: Suite, port: int, access: Access, written: bool, touched: bool
    ) -> None:
        state, opened = self._state, self.opened[port]
        siblings = self._slot.openings[port].suites[s].siblings
        what = f"port {port} ({state.program.maps[access.map].name}[{access.index}])"
        # Where nothing was written before, the opening has been checked against this root already.
        if touched or siblings != opened.siblings[s]:
            root = state.maps[s][access.map]
            _expect_root(native, what, opened.leaves[s], access.index, siblings, root, self._number)
        if written:
            after = leaf(state.program, s, native, access.map, access.storage.values)
            state.maps[s][access.map] = native.root_from_path(after, access.index, siblings)


def _run_slot(
    transition: type[Transition], state: _State, domain: bytes, number: int, slot: pb.Slot
) -> bytes:
    """Run one slot on the state, changing it; its output words."""
    program = state.program
    for what, expected, found in [
        ("openings", len(program.ports), len(slot.openings)),
        ("authorizations", program.authorizations, len(slot.authorizations)),
    ]:
        if expected != found:
            raise malformed(f"{what}: expected {expected}, got {found}", slot=number)
    signatures = [tuple(a.signatures) for a in slot.authorizations]
    authorizer = Authorizer(program, domain, slot.words, signatures)
    asked: set[int] = set()

    def authorize(position: int, key: Key, nonce: int) -> None:
        asked.add(position)
        try:
            authorizer(position, key, nonce)
        except Refused as error:
            raise Refusal(pb.Refusal.CODE_BAD_SIGNATURE, error.reason, slot=number) from error
        except SuiteError as error:
            raise Refusal(
                pb.Refusal.CODE_BAD_SIGNATURE, f"authorization {position}: {error}", slot=number
            ) from error

    records = _Records(state, number, slot)
    try:
        effect = execute(transition, program, slot.words, records, authorize)
    except Refused as error:
        raise Refusal(pb.Refusal.CODE_REFUSED_TRANSACTION, str(error), slot=number) from error
    except CodecError as error:
        raise malformed(f"words: {error}", slot=number) from error
    except LayoutError as error:
        raise Refusal(
            pb.Refusal.CODE_WRONG_PROGRAM,
            f"the source does what the program has no place for: {error}",
            slot=number,
        ) from error
    except Refusal:
        raise
    except (Exception, SystemExit) as error:
        raise Refusal(
            pb.Refusal.CODE_REFUSED_TRANSACTION,
            f"the transition failed: {describe(error, transition.__qualname__)}",
            slot=number,
        ) from error
    for position, given in enumerate(signatures):
        if given and position not in asked:
            raise malformed(
                f"authorization {position}: expected none, as the transaction does not use it", slot=number
            )
    records.apply(effect)
    return effect.outputs


def _record(
    what: str,
    fields: Sequence[Field],
    words: bytes,
    keys: Sequence[Sequence[bytes]],
    *,
    slot: int | None = None,
) -> list[Any]:
    """The values of a record from its words and, by suite, the parts of its keys."""
    count = sum(f.key for f in fields)
    for parts in keys:
        if len(parts) != count:
            raise malformed(f"{what}: expected {count} keys a suite, got {len(parts)}", slot=slot)
        for part in parts:
            fixed(f"{what}: key", part, DIGEST_BYTES, slot=slot)
    hybrid = [Key(b"".join(parts[k] for parts in keys)) for k in range(count)]
    try:
        return decode_fields(fields, words, hybrid)
    except CodecError as error:
        raise malformed(f"{what}: {error}", slot=slot) from error


def _expect_root(
    native: Suite, what: str, node: bytes, index: int, siblings: bytes, expected: bytes, slot: int
) -> None:
    try:
        found = native.root_from_path(node, index, siblings)
    except SuiteError as error:
        raise _bad_value(f"{what}: {native.name}", error, slot) from error
    if found != expected:
        raise Refusal(
            pb.Refusal.CODE_BAD_OPENING,
            f"{what}: its opening does not lead to the map's {native.name} root",
            expected=expected,
            found=found,
            slot=slot,
        )


def _bad_value(what: str, error: SuiteError, slot: int | None = None) -> Refusal:
    canonical = isinstance(error, NonCanonicalError)
    code = pb.Refusal.CODE_NON_CANONICAL if canonical else pb.Refusal.CODE_MALFORMED
    return Refusal(code, f"{what}: {error}", slot=slot)
