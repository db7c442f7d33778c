"""Executor, state, journal and batches."""

from multiprover.ledger.agreement import DisagreementError
from multiprover.ledger.batch import (
    Authorizer,
    Batch,
    BatchBuilder,
    Slot,
    Transaction,
    make_transaction,
    sign,
)
from multiprover.ledger.codec import CodecError
from multiprover.ledger.executor import LayoutError, execute
from multiprover.ledger.state import Opening, Roots, State

__all__ = [
    "Authorizer",
    "Batch",
    "BatchBuilder",
    "CodecError",
    "DisagreementError",
    "LayoutError",
    "Opening",
    "Roots",
    "Slot",
    "State",
    "Transaction",
    "execute",
    "make_transaction",
    "sign",
]
