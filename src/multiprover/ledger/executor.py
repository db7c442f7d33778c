"""One slot executed by running the transition's Python.

The sequencer executes with it, and the enclave does. Of the program it reads the layout only (where a value
stands in the journal), never an operation, and it refuses a layout that has no place for something that the
transition did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from multiprover.lang.concrete import Access, Authorize, ConcreteRun, StateReader
from multiprover.lang.errors import Refused
from multiprover.lang.transition import Transition
from multiprover.ledger.codec import WORD_BYTES, CodecError, decode_words, encode_fields, encode_int
from multiprover.program import Field, Kind, Program


class LayoutError(Exception):
    """The program's layout has no place for what the transition did: the tracer and the transition differ."""


@dataclass(frozen=True)
class Effect:
    """What one slot did.

    Attributes:
        accesses: per port of the slot, the access there, or None.
        outputs: the slot's output words.
        cells: every cell's value after the slot.
        refused: why a ``from_l1`` transaction had no effect, or None.
        authorizations: how many authorizations the kind asked for, by the slot's authorization.
    """

    accesses: tuple[Access | None, ...]
    outputs: bytes
    cells: list[Any]
    refused: Refused | None
    authorizations: tuple[int, ...]

    def written(self) -> list[Access]:
        """The accesses whose records changed, in port order."""
        if self.refused is not None:
            return []
        return [a for a in self.accesses if a is not None and a.storage.dirty]


def execute(
    transition: type[Transition], program: Program, words: bytes, state: StateReader, authorize: Authorize
) -> Effect:
    """Run the transaction in ``words`` on ``state`` (which is not changed).

    Args:
        words: the slot's input words, 4 bytes each.
        authorize: called with the slot's authorization, the key and the nonce.

    Raises:
        Refused: the transaction is refused; the error names the line.
        CodecError: the words are no transaction.
        LayoutError: the program's layout does not fit the transition.
    """
    if len(words) != WORD_BYTES * program.input_words:
        raise CodecError(f"a slot has {program.input_words} input words, got {len(words) / WORD_BYTES:g}")
    number = int.from_bytes(words[:WORD_BYTES], "big")
    if number == 0:
        if any(words):
            raise CodecError("noop: every word must be 0")
        nothing = bytes(WORD_BYTES * program.output_words)
        return Effect(
            (None,) * len(program.ports), _noop(program, nothing), list(state.read_cells()), None, ()
        )
    if number > len(transition.kinds):
        raise CodecError(f"kind {number}: {transition.__name__} has {len(transition.kinds)} kinds and noop")
    spec, kind = transition.kinds[number - 1], program.kinds[number]
    if spec.name != kind.name:
        raise LayoutError(f"kind {number} is {spec.name} in the transition and {kind.name} in the program")
    flat = decode_words(spec, words, len(program.suites))

    def authorize_at(position: int, key: Any, nonce: int) -> None:
        if position >= len(kind.authorizations):
            raise LayoutError(f"{kind.name} authorizes more often than its {len(kind.authorizations)} places")
        authorize(kind.authorizations[position], key, nonce)

    run = ConcreteRun(transition, spec, state, authorize_at)
    run.execute(flat)
    if (len(run.accesses), len(run.authorizations)) != (len(kind.ports), len(kind.authorizations)):
        raise LayoutError(
            f"{kind.name} made {len(run.accesses)} accesses and {len(run.authorizations)} authorizations; "
            f"the program has {len(kind.ports)} and {len(kind.authorizations)}"
        )
    accesses: list[Access | None] = [None] * len(program.ports)
    for port, access in zip(kind.ports, run.accesses, strict=True):
        if access is not None and access.map != program.ports[port].map:
            raise LayoutError(
                f"{kind.name} reads map {access.map} where the program has map {program.ports[port].map}"
            )
        accesses[port] = access
    outputs = _outputs(program, kind, run, accesses)
    cells = list(run.cells_before) if run.refused else run.cell_storage.values
    return Effect(tuple(accesses), outputs, cells, run.refused, kind.authorizations)


def _noop(program: Program, zeros: bytes) -> bytes:
    """The output words of a slot that does nothing: every value 0, encoded by its type."""
    words = bytearray(zeros)
    for port in program.ports:
        if port.written:
            position = WORD_BYTES * (port.output_offset + 1)
            fields = program.maps[port.map].fields
            data = encode_fields((fields[i], 0) for i in port.written)
            words[position : position + len(data)] = data
    for message in program.messages:
        position = WORD_BYTES * (message.output_offset + 1)
        data = encode_fields((f, 0) for f in message.fields)
        words[position : position + len(data)] = data
    return bytes(words)


def _outputs(program: Program, kind: Kind, run: ConcreteRun, accesses: Sequence[Access | None]) -> bytes:
    words = bytearray(_noop(program, bytes(WORD_BYTES * program.output_words)))

    def put(offset: int, data: bytes) -> None:
        words[WORD_BYTES * offset : WORD_BYTES * offset + len(data)] = data

    if run.refused is not None:
        if not program.has_refused:
            raise LayoutError(f"{kind.name} was refused, and the program has no place to say so")
        put(0, encode_int(1, 0, 1))
        return bytes(words)
    for port, access in zip(program.ports, accesses, strict=True):
        if access is None:
            continue
        fields = program.maps[port.map].fields
        dirty = access.storage.dirty
        unplaced = [
            f.name
            for i, f in enumerate(fields)
            if i in dirty and not (port.writes_key if f.key else i in port.written)
        ]
        if unplaced:
            raise LayoutError(f"{kind.name} wrote {', '.join(unplaced)}, and the journal has no place for it")
        if any(not fields[i].key for i in dirty):
            index = Field("index", 0, 2 ** program.maps[port.map].depth - 1)
            values = access.storage.values
            put(
                port.output_offset,
                encode_fields([(index, access.index), *((fields[i], values[i]) for i in port.written)]),
            )
    if len(run.messages) != len(kind.messages):
        raise LayoutError(
            f"{kind.name} emitted {len(run.messages)} messages; the program has {len(kind.messages)}"
        )
    free = list(kind.messages)
    for message in run.messages:
        name = type(message).__name__
        place = next((m for m in free if program.messages[m].name == name), None)
        if place is None:
            raise LayoutError(f"{kind.name} emitted {name}, and the journal has no place for it")
        free.remove(place)
        at = program.messages[place]
        put(
            at.output_offset,
            encode_int(1, 0, 1) + encode_fields(zip(at.fields, message._storage.values, strict=True)),
        )
    return bytes(words)
