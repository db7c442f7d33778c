"""Provers: calling them, running them, and checking that they keep to ``docs/prover.md``.

A prover is reached through :class:`Registry` (which proof types there are, how each is started) and
:class:`Fleet` (several at once), or directly as a :class:`ProverClient` (an address) or a
:class:`SupervisedProver` (a command). All are a :class:`Prover`. The conformance checks are a module of their
own, :mod:`multiprover.provers.conformance`.
"""

from multiprover.provers.client import (
    ProgressCallback,
    Prover,
    ProverClient,
    ProveResult,
    Tls,
    Usage,
    check_proof,
)
from multiprover.provers.errors import (
    MalformedAnswer,
    MessageTooLarge,
    ProverAnsweredNothing,
    ProverCancelled,
    ProverCrashed,
    ProverError,
    ProverFailed,
    ProverHung,
    ProverNotFound,
    ProverOutOfMemory,
    ProverRefused,
    ProverTimedOut,
    RefusalCode,
    WrongAnswer,
)
from multiprover.provers.manifest import Component, Manifest, SecurityTerm, shared_components
from multiprover.provers.registry import Entry, Fleet, Registry, RegistryError
from multiprover.provers.supervisor import Limits, SupervisedProver

__all__ = [
    "Component",
    "Entry",
    "Fleet",
    "Limits",
    "MalformedAnswer",
    "Manifest",
    "MessageTooLarge",
    "ProgressCallback",
    "ProveResult",
    "Prover",
    "ProverAnsweredNothing",
    "ProverCancelled",
    "ProverClient",
    "ProverCrashed",
    "ProverError",
    "ProverFailed",
    "ProverHung",
    "ProverNotFound",
    "ProverOutOfMemory",
    "ProverRefused",
    "ProverTimedOut",
    "RefusalCode",
    "Registry",
    "RegistryError",
    "SecurityTerm",
    "SupervisedProver",
    "Tls",
    "Usage",
    "WrongAnswer",
    "check_proof",
    "shared_components",
]
