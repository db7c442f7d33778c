"""Does the program say what the transition's Python did? Asked of every transaction before a batch holds it.

The inputs of a batch cannot be changed once they are posted. Where Python and program differ (a transition
that asks for the type of a value, keeps something outside the state, reads a clock; a bug of the tracer), the
enclave and the circuits would never agree on such a batch, and nothing after it would ever be final. So
whoever builds batches runs both and takes nothing in on which they differ. The reference interpreter is used
for it; no prover runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from multiprover.lang.types import Key
from multiprover.ledger.codec import WORD_BYTES, encode_fields
from multiprover.ledger.executor import Effect
from multiprover.ledger.state import State
from multiprover.program import interpreter


class DisagreementError(Exception):
    """The transition's Python and its program differ on a transaction; the message says in what."""


class _Before(interpreter.State):
    """The state as the interpreter takes it; ``records`` are those that it writes, ``reads`` those that its
    enabled ports open, in port order.
    """

    def __init__(self, state: State) -> None:
        super().__init__(state.program, _plain(state.cells))
        self._state = state
        self.reads: list[tuple[int, int]] = []

    def read(self, map_position: int, index: int) -> list[Any]:
        self.reads.append((map_position, index))
        return _plain(self._state.read_record(map_position, index))


def check(state: State, words: bytes, effect: Effect | None, invalid: set[int]) -> None:
    """Return if the program does to ``state`` what Python did.

    Args:
        words: the slot's input words.
        effect: what Python did; None if it refused the transaction.
        invalid: the slot's authorizations whose signatures were found not to verify.

    Raises:
        DisagreementError: it does not.
    """
    program, before = state.program, _Before(state)
    name = program.kinds[int.from_bytes(words[:WORD_BYTES], "big")].name
    numbers = [int.from_bytes(words[i : i + WORD_BYTES], "big") for i in range(0, len(words), WORD_BYTES)]

    def verify(_slot: int, position: int, _key: bytes, _nonce: int) -> bool:
        return position not in invalid

    try:
        journal = interpreter.run(program, before, [numbers], verify)
    except interpreter.InvalidSlot as error:
        if effect is None:
            return
        raise DisagreementError(f"{name}: Python accepts it, the program does not: {error}") from error
    if effect is None:
        raise DisagreementError(f"{name}: Python refuses it, the program accepts it")
    written = effect.written()
    after = {
        (a.map, a.index): _plain(a.storage.values if a in written else a.before)
        for a in effect.accesses
        if a is not None
    }
    expected = words + effect.outputs + encode_fields(zip(program.cells, effect.cells, strict=True))
    for what, python, found in [
        ("journal", expected.hex(), journal.hex()),
        ("records read", [(a.map, a.index) for a in effect.accesses if a is not None], before.reads),
        ("cells", _plain(effect.cells), before.cells),
        *((f"record {place}", after.get(place), record) for place, record in before.records.items()),
        *(
            (f"record {(a.map, a.index)}", _plain(a.storage.values), before.records.get((a.map, a.index)))
            for a in written
        ),
    ]:
        if python != found:
            raise DisagreementError(f"{name}: {what}: Python gives {python}, the program {found}")


def _plain(values: Sequence[Any]) -> list[Any]:
    return [v.data if isinstance(v, Key) else int(v) for v in values]
