"""A refusal while a request is served: raised where it is found, sent as data by the service."""

from __future__ import annotations

from multiprover.prover.v1 import prover_pb2 as pb


class Refusal(Exception):
    """The request must not be served.

    Attributes:
        code: why; the codes are in ``prover.proto``.
        message: one sentence for the user.
        expected: the statement's value, where two values differ.
        found: this prover's value.
        slot: of the batch, where one is at fault.
    """

    def __init__(
        self,
        code: pb.Refusal.Code.ValueType,
        message: str,
        *,
        expected: bytes | str = "",
        found: bytes | str = "",
        slot: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.expected = expected.hex() if isinstance(expected, bytes) else expected
        self.found = found.hex() if isinstance(found, bytes) else found
        self.slot = slot

    def to_pb(self) -> pb.Refusal:
        return pb.Refusal(
            code=self.code, message=self.message, expected=self.expected, found=self.found, slot=self.slot
        )


def malformed(message: str, *, slot: int | None = None) -> Refusal:
    """A field of a request that cannot be decoded."""
    return Refusal(pb.Refusal.CODE_MALFORMED, message, slot=slot)


def fixed(what: str, value: bytes, size: int, *, slot: int | None = None) -> bytes:
    """``value``, which must have ``size`` bytes.

    Raises:
        Refusal: it has not.
    """
    if len(value) != size:
        raise malformed(f"{what}: expected {size} bytes, got {len(value)}", slot=slot)
    return value
