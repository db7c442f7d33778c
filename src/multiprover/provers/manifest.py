"""What a prover says it is and rests on, checked and typed."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.errors import MalformedAnswer

LAYERS = frozenset(
    {
        "specification",
        "tracer",
        "executor",
        "lowering",
        "gadget-library",
        "field",
        "hash",
        "setup",
        "l1-verifier",
        "signer",
        "vendor",
        "operator",
    }
)
"""The layers that a component may belong to."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Bits = Annotated[float, Field(ge=0, le=1024, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Component(_Part):
    """One thing that a proof type rests on; proof types that list the same ``id`` share it."""

    layer: str
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    version: str
    note: str

    @model_validator(mode="after")
    def _layer_is_known(self) -> Self:
        if self.layer not in LAYERS:
            raise ValueError(
                f"layer of component {self.id!r}: expected one of {sorted(LAYERS)}, not {self.layer!r}"
            )
        return self


class SecurityTerm(_Part):
    """One term of a proof type's security, in bits: what is proven, and what is conjectured."""

    name: Annotated[str, Field(min_length=1)]
    proven_bits: Bits
    conjectured_bits: Bits
    source: str

    @model_validator(mode="after")
    def _proven_is_conjectured(self) -> Self:
        if self.proven_bits > self.conjectured_bits:
            raise ValueError(
                f"security term {self.name!r}: {self.proven_bits} bits proven is more than "
                f"{self.conjectured_bits} conjectured"
            )
        return self


class Manifest(_Part):
    """A prover's answer to ``Describe``.

    Attributes:
        suites: whose roots its proofs commit to, in suite order; empty means every suite of the statement.
        simulated: an enclave type without the hardware: its vouch is worth nothing in production.
        reads_source: it runs the transition's Python source and not the program.
    """

    proof_type: Name
    version: Annotated[str, Field(min_length=1)]
    format_version: Annotated[int, Field(ge=1)]
    suites: tuple[Name, ...]
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    security: tuple[SecurityTerm, ...]
    warnings: tuple[str, ...]
    simulated: bool
    reads_source: bool

    @model_validator(mode="after")
    def _lists_are_sets(self) -> Self:
        if len(set(self.suites)) != len(self.suites):
            raise ValueError(f"suites: expected each once, not {list(self.suites)}")
        parts = [(component.layer, component.id) for component in self.components]
        if repeated := sorted({part for part in parts if parts.count(part) > 1}):
            raise ValueError(f"components: expected each once in a layer, not more often: {repeated}")
        return self

    @classmethod
    def from_message(cls, message: pb.Manifest, prover: str) -> Self:
        """The typed form of a manifest that ``prover`` sent.

        Raises:
            MalformedAnswer: it is not a sane manifest; the message lists what is wrong.
        """
        try:
            return cls(
                proof_type=message.proof_type,
                version=message.version,
                format_version=message.format_version,
                suites=tuple(message.suites),
                components=tuple(
                    Component(layer=c.layer, id=c.id, version=c.version, note=c.note)
                    for c in message.components
                ),
                security=tuple(
                    SecurityTerm(
                        name=t.name,
                        proven_bits=t.proven_bits,
                        conjectured_bits=t.conjectured_bits,
                        source=t.source,
                    )
                    for t in message.security
                ),
                warnings=tuple(message.warnings),
                simulated=message.simulated,
                reads_source=message.reads_source,
            )
        except ValidationError as error:
            faults = "; ".join(
                ".".join(map(str, e["loc"])) + (": " if e["loc"] else "") + e["msg"] for e in error.errors()
            )
            raise MalformedAnswer(prover, f"its manifest is not valid: {faults}") from error

    @property
    def proven_bits(self) -> float | None:
        """Bits of the weakest proven term; ``None`` where no term is listed."""
        return min((term.proven_bits for term in self.security), default=None)

    @property
    def conjectured_bits(self) -> float | None:
        """Bits of the weakest conjectured term; ``None`` where no term is listed."""
        return min((term.conjectured_bits for term in self.security), default=None)

    @property
    def binding_term(self) -> SecurityTerm | None:
        """The term that binds: the one with the fewest proven bits, the first of equals."""
        return min(self.security, key=lambda term: term.proven_bits, default=None)

    def statement(self, full: pb.Statement) -> pb.Statement:
        """``full``, the statement over every suite, with only the suites that this proof type commits to.

        Raises:
            ValueError: ``full`` lacks one of this proof type's suites.
        """
        statement = pb.Statement()
        statement.CopyFrom(full)
        if not self.suites:
            return statement
        given = {suite.suite: suite for suite in full.suites}
        if missing := [name for name in self.suites if name not in given]:
            raise ValueError(
                f"statement for {self.proof_type}: expected suites {missing}, found {sorted(given)}"
            )
        del statement.suites[:]
        # Suite order is the statement's.
        statement.suites.extend(suite for suite in full.suites if suite.suite in self.suites)
        return statement


def shared_components(a: Manifest, b: Manifest) -> tuple[Component, ...]:
    """What two proof types both rest on, as ``a`` lists it: where it fails, both may."""
    ids = {component.id for component in b.components}
    return tuple(component for component in a.components if component.id in ids)
