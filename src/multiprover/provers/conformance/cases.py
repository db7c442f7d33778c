"""Valid batches as requests, in a JSON file::

    {"version": 1,
     "cases": [{"name": "token, 2 slots",
                "prepare": "<base64 of PrepareRequest>",
                "prove": "<base64 of ProveRequest>"}]}

``prove`` has a statement over every suite of the program (a prover is sent those it commits to) and no
``key_id``.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from google.protobuf.message import DecodeError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from multiprover.prover.v1 import prover_pb2 as pb


class CasesError(ValueError):
    """The file of cases cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class Case:
    """One batch that is right in everything; ``prove`` has no key id."""

    name: str
    prepare: pb.PrepareRequest
    prove: pb.ProveRequest


class _CaseText(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(min_length=1)]
    prepare: str
    prove: str


class _CasesText(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1]
    cases: Annotated[list[_CaseText], Field(min_length=1)]


def load_cases(file: Path) -> list[Case]:
    """The cases of a file.

    Raises:
        CasesError: it cannot be read, or is not what the module's text describes.
    """
    try:
        text = _CasesText.model_validate_json(file.read_bytes())
        return [
            Case(
                name=case.name,
                prepare=pb.PrepareRequest.FromString(base64.b64decode(case.prepare, validate=True)),
                prove=pb.ProveRequest.FromString(base64.b64decode(case.prove, validate=True)),
            )
            for case in text.cases
        ]
    except (OSError, ValidationError, binascii.Error, DecodeError) as error:
        raise CasesError(f"{file}: {error}") from error


def dump_cases(cases: Iterable[Case]) -> str:
    """The text of a file of cases."""

    def encode(message: pb.PrepareRequest | pb.ProveRequest) -> str:
        return base64.b64encode(message.SerializeToString(deterministic=True)).decode()

    entries = [{"name": c.name, "prepare": encode(c.prepare), "prove": encode(c.prove)} for c in cases]
    return json.dumps({"version": 1, "cases": entries}, indent=1) + "\n"
