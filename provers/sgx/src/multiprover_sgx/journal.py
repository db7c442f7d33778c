"""What the words of a journal mean, to say where two journals differ (``docs/program.md`` §6)."""

from __future__ import annotations

from collections.abc import Iterable

from multiprover.program import Field, Program
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.suites import KEY_WORDS
from multiprover_sgx.refusal import Refusal

WORD_BYTES = 4


def compare(program: Program, slots: int, expected: bytes, found: bytes) -> None:
    """Return if the journals are equal.

    Args:
        expected: the claim's.
        found: this prover's, of the right length.

    Raises:
        Refusal: ``JOURNAL_MISMATCH`` with the first word that differs, its slot and its meaning.
    """
    if expected == found:
        return
    if len(expected) != len(found):
        raise Refusal(
            pb.Refusal.CODE_JOURNAL_MISMATCH,
            f"journal: expected {len(found)} bytes for this program and batch size, got {len(expected)}",
            expected=str(len(expected)),
            found=str(len(found)),
        )
    at = next(i for i in range(0, len(found), WORD_BYTES) if expected[i : i + 4] != found[i : i + 4])
    slot, meaning = describe(program, slots, found, at // WORD_BYTES)
    where = "after the last slot" if slot is None else f"in slot {slot}"
    raise Refusal(
        pb.Refusal.CODE_JOURNAL_MISMATCH,
        f"journal: word {at // WORD_BYTES} ({meaning}, {where}) is not what the transition gives",
        expected=expected[at : at + 4],
        found=found[at : at + 4],
        slot=slot,
    )


def describe(program: Program, slots: int, journal: bytes, word: int) -> tuple[int | None, str]:
    """The slot and the meaning of a word of a journal; no slot for the cells at its end."""
    if word < slots * program.input_words:
        slot, word = divmod(word, program.input_words)
        at = slot * program.input_words * WORD_BYTES
        kind = int.from_bytes(journal[at : at + WORD_BYTES], "big")
        return slot, "input " + _inputs(program, kind)[word]
    word -= slots * program.input_words
    if word < slots * program.output_words:
        slot, word = divmod(word, program.output_words)
        return slot, "output " + _outputs(program)[word]
    return None, "cell " + _spread((c.name, c) for c in program.cells if not c.key)[
        word - slots * program.output_words
    ]


def _inputs(program: Program, number: int) -> list[str]:
    labels = ["kind"]
    if number < len(program.kinds):
        kind = program.kinds[number]
        fields = [(f"{kind.name}.{p.name}", p) for p in kind.params]
        labels += _spread(fields, key_words=KEY_WORDS * len(program.suites))
    return labels + ["unused word"] * (program.input_words - len(labels))


def _outputs(program: Program) -> list[str]:
    labels = ["unused word"] * program.output_words

    def put(offset: int, names: list[str]) -> None:
        labels[offset : offset + len(names)] = names

    if program.has_refused:
        put(0, ["refused"])
    for number, port in enumerate(program.ports):
        if port.written:
            of = program.maps[port.map]
            name = f"port {number}: {of.name}"
            fields = ((f"{name}.{of.fields[i].name}", of.fields[i]) for i in port.written)
            put(port.output_offset, [f"{name} index", *_spread(fields)])
    for message in program.messages:
        fields = ((f"message {message.name}.{f.name}", f) for f in message.fields)
        put(message.output_offset, [f"message {message.name} present", *_spread(fields)])
    return labels


def _spread(fields: Iterable[tuple[str, Field]], *, key_words: int = 0) -> list[str]:
    """A label for every word of the fields."""
    return [
        name if words == 1 else f"{name} word {i}"
        for name, f in fields
        for words in [key_words if f.key else f.words]
        for i in range(words)
    ]
