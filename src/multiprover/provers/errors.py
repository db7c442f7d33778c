"""What can go wrong with a prover, as types.

Two families: a prover that *refused* answered properly, and the request must not be served; a prover that
*failed* gave no usable answer, which costs its own vouch for that batch and nothing else. Every message names
the prover, the batch where there is one, and what to do.
"""

from __future__ import annotations

import enum
from typing import Self

from multiprover.prover.v1 import prover_pb2 as pb


class RefusalCode(enum.IntEnum):
    """Why a prover refused; the meaning of each is in ``prover.proto``."""

    UNSPECIFIED = 0
    MALFORMED = 1
    NON_CANONICAL = 2
    UNSUPPORTED = 3
    WRONG_PROGRAM = 4
    WRONG_STATEMENT = 5
    JOURNAL_MISMATCH = 6
    BAD_OPENING = 7
    BAD_SIGNATURE = 8
    REFUSED_TRANSACTION = 9
    ROOT_MISMATCH = 10
    CORRUPT_KEYS = 11
    NOT_PREPARED = 12
    INVALID_PROOF = 13

    @classmethod
    def of(cls, refusal: pb.Refusal) -> Self:
        """The code of a refusal; one that this version does not know is ``UNSPECIFIED``."""
        try:
            return cls(refusal.code)
        except ValueError:
            return cls(0)


class ProverError(Exception):
    """A prover did not do what was asked. ``prover`` is its name, ``batch`` what it was working on."""

    remedy = "see the prover's log"

    def __init__(
        self, prover: str, what: str, *, batch: str | None = None, remedy: str | None = None
    ) -> None:
        self.prover = prover
        self.batch = batch
        self.what = what
        self.remedy = remedy or self.remedy
        subject = f"{prover}, {batch}" if batch else prover
        super().__init__(f"{subject}: {what}; {self.remedy}")


class ProverNotFound(ProverError):
    """This installation does not know the proof type, or its program has not been built."""


class ProverRefused(ProverError):
    """The prover understood the request and must not serve it."""

    def __init__(self, prover: str, refusal: pb.Refusal, *, batch: str | None = None) -> None:
        self.code = RefusalCode.of(refusal)
        self.message = refusal.message
        self.expected = refusal.expected
        self.found = refusal.found
        self.slot: int | None = refusal.slot if refusal.HasField("slot") else None
        details = [f"slot {self.slot}"] if self.slot is not None else []
        if self.expected or self.found:
            details += [f"expected {_short(self.expected)}", f"found {_short(self.found)}"]
        what = f"refused ({self.code.name}): {self.message or 'no reason given'}"
        if details:
            what += f" ({', '.join(details)})"
        super().__init__(prover, what, batch=batch, remedy=_REMEDIES[self.code])


class ProverFailed(ProverError):
    """The prover gave no usable answer."""


class ProverCrashed(ProverFailed):
    """Its process ended, could not be reached, or broke off the call with an error of its own."""

    remedy = "see the prover's log for the cause; a supervised prover is restarted"


class ProverOutOfMemory(ProverCrashed):
    """It was killed for using more memory than its limit."""

    remedy = "raise the prover's memory limit or use smaller batches"


class ProverTimedOut(ProverFailed):
    """It had no answer by the deadline."""

    remedy = "raise the deadline, use smaller batches or a faster machine"


class ProverHung(ProverFailed):
    """It sent nothing, not even progress, for longer than the limit."""

    remedy = "report it to the prover's authors; a supervised prover is killed and restarted"


class ProverAnsweredNothing(ProverFailed):
    """The call ended well, but without a proof or a refusal, or the proof is empty."""

    remedy = "report it to the prover's authors; do not use this prover"


class WrongAnswer(ProverAnsweredNothing):
    """A well-formed answer to another question: another proof type, key or statement."""


class ProverCancelled(ProverFailed):
    """The caller cancelled the call."""

    remedy = "nothing to do"


class MessageTooLarge(ProverFailed):
    """A request or an answer is over the interface's limit of 64 MiB."""

    remedy = "use smaller batches"


class MalformedAnswer(ProverFailed):
    """Not what the interface allows: undecodable bytes, a missing method, a senseless manifest."""

    remedy = "check that the address serves multiprover.prover.v1.Prover, in a version that fits this one"


def _short(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


_RESEND = "build the request again from the sequencer's state"
_REMEDIES = {
    RefusalCode.UNSPECIFIED: "the prover gave no known code: check its version",
    RefusalCode.MALFORMED: "check that both sides have the same version of the interface",
    RefusalCode.NON_CANONICAL: "encode the value in its one canonical form",
    RefusalCode.UNSUPPORTED: "use a prover version that supports it",
    RefusalCode.WRONG_PROGRAM: "prepare the prover for the program and batch size of the statement",
    RefusalCode.WRONG_STATEMENT: "do not accept this proof for this statement",
    RefusalCode.JOURNAL_MISMATCH: "do not post this claim: find out which executor is wrong",
    RefusalCode.BAD_OPENING: _RESEND,
    RefusalCode.BAD_SIGNATURE: "leave the transaction out of the batch",
    RefusalCode.REFUSED_TRANSACTION: "leave the transaction out of the batch",
    RefusalCode.ROOT_MISMATCH: "do not post this claim: find out which executor is wrong",
    RefusalCode.CORRUPT_KEYS: "delete the file named and prepare again",
    RefusalCode.NOT_PREPARED: "call prepare for this program and batch size first",
    RefusalCode.INVALID_PROOF: "do not accept this proof",
}
