"""Planting a lie: a sequencer that alters the executor's post-state, and everyone who must refuse it.

The lie is as good as a lying sequencer can make it: one written integer of one record is altered, the
journal and the roots follow from the altered state, the claim is posted, and every value of the statement
is what an honest client would compute for that journal. Only the transition was not obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from multiprover.ledger.batch import Batch
from multiprover.ledger.codec import WORD_BYTES, encode_int
from multiprover.ledger.state import State
from multiprover.node.node import Node, request_for, seal_record, vouch
from multiprover.program import Program
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.errors import ProverRefused, RefusalCode
from multiprover.settlement.errors import ProofRefusedError
from multiprover.suites import get


class LieAcceptedError(Exception):
    """A prover proved, or the contract accepted, what is false."""


@dataclass(frozen=True)
class Lie:
    """What was altered.

    Attributes:
        what: for people: ``slot 3: accounts[5].collateral 10 → 11``.
    """

    batch: Batch
    what: str


@dataclass(frozen=True)
class Refusal:
    """Who refused the lie, and why. ``by`` is a proof type, or ``contract:`` and the proof type whose vouch
    was tried.
    """

    by: str
    reason: str


def alter(program: Program, batch: Batch, state: State) -> Lie:
    """A copy of an executed batch in which one record has one more than the transition gave it.

    Args:
        state: the state after the batch; it is altered as well.

    Raises:
        ValueError: the batch writes no integer.
    """
    # The last write of a record, so that no later slot builds on it.
    for slot in range(len(batch.slots) - 1, -1, -1):
        for port in reversed(program.ports):
            outputs = batch.slots[slot].outputs
            at = WORD_BYTES * port.output_offset
            if not port.written or not any(outputs[at : at + WORD_BYTES]):
                continue
            index = int.from_bytes(outputs[at : at + WORD_BYTES], "big")
            if (port.map, index) not in state.records:
                continue
            fields = program.maps[port.map].fields
            # The widest written field: it has room for one more.
            chosen = max(port.written, key=lambda i: fields[i].hi)
            position = at + WORD_BYTES * (1 + sum(fields[i].words for i in port.written if i < chosen))
            record = list(state.records[port.map, index])
            before = record[chosen]
            record[chosen] = before + 1 if before < fields[chosen].hi else before - 1
            state.write(port.map, index, record)
            word = encode_int(record[chosen], fields[chosen].lo, fields[chosen].words)
            lying = outputs[:position] + word + outputs[position + len(word) :]
            slots = list(batch.slots)
            slots[slot] = replace(slots[slot], outputs=lying)
            journal = (
                b"".join(s.words for s in slots) + b"".join(s.outputs for s in slots) + state.cell_words()
            )
            what = (
                f"slot {slot}: {program.maps[port.map].name}[{index}].{fields[chosen].name} "
                f"{before} → {record[chosen]}"
            )
            return Lie(replace(batch, slots=tuple(slots), post=state.roots(), journal=journal), what)
    raise ValueError("the batch writes no integer of a record: there is nothing to lie about")


def try_lie(node: Node, lie: Lie) -> list[Refusal]:
    """Post the lie, ask every prover for a proof of it, and try to vouch for it with the proofs of
    ``parent``.

    Returns:
        Every refusal: one a prover, one of the contract a proof type.

    Raises:
        LieAcceptedError: somebody did not refuse.
        ProverRefused, RefusedError: somebody refused for another reason, without having looked at the lie.
    """
    program, settlement, account = node.program, node.settlement, node.account
    parent = node.batches[-1]
    stored = seal_record(
        program, node.slots, settlement.deployment, lie.batch, parent.number + 1, parent.claim, [], node.payee
    )
    commitments = [get(name).commit(stored.journal) for name in program.suites]
    settlement.post(account, stored.parent, stored.journal, commitments)
    statement = pb.ProveRequest.FromString(stored.request).statement
    refusals = []
    for name, prover in node.provers.items():
        request = request_for(node.manifests[name], node.prepared[name], stored)
        try:
            prover.prove(request, batch="with the lie")
        except ProverRefused as error:
            if error.code is not RefusalCode.JOURNAL_MISMATCH:
                raise
            refusals.append(Refusal(name, str(error)))
        else:
            raise LieAcceptedError(f"{name} proved the lie: {lie.what}")
    for name in node.provers:
        # A true proof of the batch before, with the lie's statement around it.
        forged = pb.Proof.FromString(node.storage.proofs()[parent.number, name].proof)
        del forged.suites[:]
        forged.suites.extend(node.manifests[name].statement(statement).suites)
        try:
            vouch(settlement, account, name, stored, forged, node.payee)
        except ProofRefusedError as error:
            refusals.append(Refusal(f"contract:{name}", str(error)))
        else:
            raise LieAcceptedError(f"the contract took a vouch of {name} for the lie: {lie.what}")
    return refusals
