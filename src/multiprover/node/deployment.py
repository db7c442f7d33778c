"""Deploying a settlement contract for a program and the proof types that shall settle it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eth_account.signers.local import LocalAccount

from multiprover.ledger.state import State
from multiprover.program import Program
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.manifest import Manifest
from multiprover.settlement.client import (
    Groth16Type,
    KindInfo,
    ProgramInfo,
    ProofTypeInfo,
    Settlement,
    SgxType,
    SuiteInfo,
)
from multiprover.settlement.l1 import L1
from multiprover.suites import KEY_WORDS


class DeploymentError(Exception):
    """A proof type that cannot be deployed; the message says why and what to do."""


def program_info(program: Program, slots: int) -> ProgramInfo:
    """What L1 must know of a program."""
    keys = KEY_WORDS * len(program.suites)
    return ProgramInfo(
        program_id=program.program_id,
        slots=slots,
        input_words=program.input_words,
        output_words=program.output_words,
        cell_words=program.cell_words,
        kinds=tuple(
            KindInfo(
                name=k.name,
                words=1 + sum(keys if f.key else f.words for f in k.params),
                from_l1=k.from_l1,
                operator_only=k.operator_only,
                value_word=k.value_word,
            )
            for k in program.kinds
        ),
    )


def deploy(
    l1: L1,
    account: LocalAccount,
    program: Program,
    slots: int,
    prepared: Mapping[str, pb.Prepared],
    manifests: Mapping[str, Manifest],
    required: Sequence[str],
    *,
    allow_simulated: bool,
) -> Settlement:
    """Deploy the settlement contract for a genesis state of zeros, and register the enclave's key.

    ``account`` becomes sequencer and operator.

    Raises:
        DeploymentError: a proof type has no adapter of ours, or is a simulation that is not allowed.
    """
    types: list[ProofTypeInfo] = []
    for name in prepared:
        if name == "groth16":
            types.append(Groth16Type(prepared[name].artefacts["l1_verifier"]))
        elif name == "sgx":
            if manifests[name].simulated and not allow_simulated:
                raise DeploymentError(
                    "sgx runs in simulation: allow it explicitly, or start the prover in an enclave"
                )
            types.append(SgxType(allow_simulated=allow_simulated))
        else:
            raise DeploymentError(
                f"{name}: there is no L1 adapter for this proof type; deploy with groth16, sgx"
            )
    address = bytes.fromhex(account.address[2:])
    roots = State(program).roots().roots
    settlement = Settlement.deploy(
        l1,
        account,
        program_info(program, slots),
        [SuiteInfo(name, root) for name, root in zip(program.suites, roots, strict=True)],
        types,
        required=required,
        sequencer=address,
        operator=address,
    )
    if "sgx" in prepared:
        artefacts = prepared["sgx"].artefacts
        settlement.register_signer(
            account,
            artefacts["signer"],
            quote=artefacts.get("quote", b""),
            simulated=manifests["sgx"].simulated,
        )
    return settlement
