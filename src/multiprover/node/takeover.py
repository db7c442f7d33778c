"""Taking over a ledger that another sequencer left: its batches come from L1, and the node goes on
after them.
"""

from __future__ import annotations

from multiprover.lang.transition import Transition
from multiprover.ledger.storage import Storage, StoredBatch
from multiprover.node.follower import Follower
from multiprover.node.replica import Replica, UnprovableError, slot_words
from multiprover.program import Program
from multiprover.settlement import claims
from multiprover.settlement.deploy import Contracts


class TakeoverError(Exception):
    """A ledger that cannot be taken over; the message says why and what to do."""


def import_batches(
    storage: Storage, contracts: Contracts, transition: type[Transition], program: Program
) -> int:
    """Store the batches of the true branch on L1, up to the first that nobody can prove.

    Signatures are not on L1, so an imported batch cannot be proved here: a type that has not vouched
    for it yet
    needs a proof from whoever has them.

    Args:
        storage: an empty ledger of the program.

    Returns:
        How many batches there are.

    Raises:
        TakeoverError: the ledger is not empty.
        L1Error: a journal does not stand in calldata.
    """
    if storage.batches():
        raise TakeoverError("expected an empty ledger to import L1's batches into, found one with batches")
    settlement = contracts.settlement
    follower = Follower(contracts)
    follower.update()
    replica = Replica(transition, program, settlement.slots)
    parent, pre = settlement.genesis, replica.state.roots().roots
    while live := follower.live(parent):
        try:
            truth = replica.apply(follower.journal(live[0])[: replica.input_bytes])
        except UnprovableError:
            break
        kinds = [
            int.from_bytes(slot_words(program, truth.journal, i)[:4], "big") for i in range(replica.slots)
        ]
        claim = claims.claim_id(parent, truth.journal)
        batch = StoredBatch(
            number=replica.number - 1,
            parent=parent,
            claim=claim,
            journal=truth.journal,
            pre_roots=pre,
            post_roots=truth.roots,
            request=b"",
            transactions=sum(kind != 0 for kind in kinds),
            queued=sum(program.kinds[kind].from_l1 for kind in kinds),
        )
        storage.seal(batch, replica.state)
        parent, pre = claim, truth.roots
    return replica.number
