"""A batch as provers get it: the messages of ``proto/multiprover/prover/v1/prover.proto``."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from multiprover.lang.transition import Transition
from multiprover.ledger.batch import Batch, Slot
from multiprover.ledger.codec import encode_fields, key_parts
from multiprover.ledger.state import Opening
from multiprover.program import Program
from multiprover.prover.v1 import prover_pb2 as pb


def source_of(transition: type[Transition]) -> tuple[str, str]:
    """The text of the module that declares a transition, and the class's name in it.

    The module must stand alone: it imports ``multiprover`` and the standard library only, because the text
    is all that an enclave gets.

    Raises:
        ValueError: the class was not declared in a file.
    """
    path = getattr(sys.modules.get(transition.__module__), "__file__", None)
    if path is None:
        raise ValueError(
            f"{transition.__name__} must be declared in a file, so that an enclave can run its source"
        )
    inspect.getsource(transition)  # the file still has the class
    return Path(path).read_text(encoding="utf-8"), transition.__qualname__


def prepare_request(transition: type[Transition], program: Program, slots: int) -> pb.PrepareRequest:
    source, class_name = source_of(transition)
    return pb.PrepareRequest(program=program.encoded, slots=slots, source=source, class_name=class_name)


def prove_request(program: Program, batch: Batch, statement: pb.Statement, key_id: bytes) -> pb.ProveRequest:
    return pb.ProveRequest(
        statement=statement,
        journal=batch.journal,
        pre_state=pb.PreState(
            cells=encode_fields(zip(program.cells, batch.pre_cells, strict=True)),
            suites=[
                pb.SuitePreState(key_cells=key_parts(program.cells, batch.pre_cells, s), map_roots=roots)
                for s, roots in enumerate(batch.pre.maps)
            ],
        ),
        slots=[_slot(program, slot) for slot in batch.slots],
        key_id=key_id,
    )


def _slot(program: Program, slot: Slot) -> pb.Slot:
    return pb.Slot(
        words=slot.words,
        openings=[
            pb.Opening() if opening is None else _opening(program, port.map, opening)
            for port, opening in zip(program.ports, slot.openings, strict=True)
        ],
        authorizations=[pb.Authorization(signatures=s) for s in slot.signatures],
    )


def _opening(program: Program, map_position: int, opening: Opening) -> pb.Opening:
    fields = program.maps[map_position].fields
    return pb.Opening(
        fields=encode_fields(zip(fields, opening.values, strict=True)),
        suites=[
            pb.SuiteOpening(keys=key_parts(fields, opening.values, s), siblings=siblings)
            for s, siblings in enumerate(opening.siblings)
        ],
    )
