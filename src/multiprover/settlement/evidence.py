"""What a proof type said, with its proof: enough to bring it before the contracts.

A type may vouch for one side on L1 and prove the other elsewhere. Whoever holds both has it disabled for good
(``Governance.convict``); a proof that a batch of noops changed the state needs no other side (``canary``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from multiprover.settlement import claims
from multiprover.settlement.types import SuiteResult

ZERO_WORD: Final = bytes(32)


class EvidenceError(Exception):
    """A file that holds no evidence; the message says what was expected."""


def _bytes(value: object) -> object:
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else value


Hex = Annotated[bytes, BeforeValidator(_bytes), PlainSerializer(lambda data: "0x" + data.hex())]


class Result(BaseModel):
    """Of one suite: the root after the batch, and ``(c, z, y)``; 32 bytes each, the latter three zero for a
    type that does not bind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Hex
    commitment: Hex = ZERO_WORD
    challenge: Hex = ZERO_WORD
    evaluation: Hex = ZERO_WORD

    @classmethod
    def of(cls, result: SuiteResult) -> Result:
        root, commitment, challenge, evaluation = result.words
        return cls(root=root, commitment=commitment, challenge=challenge, evaluation=evaluation)

    @property
    def suite(self) -> SuiteResult:
        return SuiteResult(self.root, self.commitment, self.challenge, self.evaluation)


class Evidence(BaseModel):
    """A proof of one type for one claim, as ``Settlement.vouch`` takes it. In JSON, bytes are in hex.

    Attributes:
        proof_type: its name.
        parent: the claim before, 32 bytes.
        journal: of the claim that the proof is of.
        results: one for each suite that the type commits to, in suite order.
        payee: 20-byte address that the proof names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    proof_type: str
    parent: Hex
    journal: Hex
    results: tuple[Result, ...]
    payee: Hex
    proof: Hex

    @property
    def claim(self) -> bytes:
        return claims.claim_id(self.parent, self.journal)

    @property
    def suites(self) -> tuple[SuiteResult, ...]:
        return tuple(r.suite for r in self.results)


def read_evidence(path: Path) -> Evidence:
    """
    Raises:
        EvidenceError: the file has none.
    """
    try:
        return Evidence.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvidenceError(f"{path}: expected a proof with its statement in JSON, got {error}") from error
