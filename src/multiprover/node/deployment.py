"""Deploying the contracts of a program and of the proof types that shall settle it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from eth_account.signers.local import LocalAccount

from multiprover.lang.transition import Transition
from multiprover.ledger.state import State
from multiprover.program import Program
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.manifest import Manifest
from multiprover.settlement import halo2
from multiprover.settlement.adapters import (
    Groth16Type,
    Halo2Type,
    Plonky2Type,
    ProofTypeInfo,
    SgxType,
    StarkType,
)
from multiprover.settlement.base import address_of
from multiprover.settlement.bridge_rules import BridgeRules
from multiprover.settlement.defaults import Parameters, default_policy
from multiprover.settlement.deploy import Contracts, CouncilInfo, Plan, deploy
from multiprover.settlement.l1 import L1
from multiprover.settlement.policy import Policy
from multiprover.settlement.types import ProgramInfo, SuiteInfo


class DeploymentError(Exception):
    """A proof type that cannot be deployed; the message says why and what to do."""


def program_info(program: Program, slots: int) -> ProgramInfo:
    """What L1 must know of a program."""
    return ProgramInfo(
        program_id=program.program_id,
        slots=slots,
        input_words=program.input_words,
        output_words=program.output_words,
        cell_words=program.cell_words,
    )


Make = Callable[[pb.Prepared, Manifest, bool], ProofTypeInfo]


def _of_key(kind: Callable[[bytes], ProofTypeInfo]) -> Make:
    """A type whose adapter needs nothing but its key."""
    return lambda prepared, _, __: kind(prepared.artefacts["l1_verifier"])


def _sgx(prepared: pb.Prepared, manifest: Manifest, allow_simulated: bool) -> ProofTypeInfo:
    if manifest.simulated and not allow_simulated:
        raise DeploymentError(
            "sgx runs in simulation: allow it explicitly (--allow-simulated), "
            "or start the prover in an enclave"
        )
    return SgxType(allow_simulated=allow_simulated, mrenclave=prepared.artefacts.get("mrenclave", bytes(32)))


ADAPTERS: Final[Mapping[str, Make]] = {
    "groth16": _of_key(Groth16Type),
    "halo2": _of_key(Halo2Type),
    "plonky2": _of_key(Plonky2Type),
    "stark": _of_key(StarkType),
    "sgx": _sgx,
}
"""By proof type, its adapter on L1, from what its prover gave when the keys were made."""


GROTH16_ONE_PARTY: Final = "groth16-one-party-setup"
"""The component of a groth16 prover whose keys one party made."""


def _groth16_insecure(_: pb.Prepared, manifest: Manifest) -> bool:
    # Its keys bear no label: a manifest that names no setup names no ceremony.
    setups = {component.id for component in manifest.components if component.layer == "setup"}
    return not setups or GROTH16_ONE_PARTY in setups


def _halo2_insecure(prepared: pb.Prepared, _: Manifest) -> bool:
    return halo2.is_insecure(prepared.artefacts["l1_verifier"])


INSECURE_SETUP: Final[Mapping[str, Callable[[pb.Prepared, Manifest], bool]]] = {
    "groth16": _groth16_insecure,
    "halo2": _halo2_insecure,
}
"""By proof type that has a setup, whether one party made it, who could then prove anything."""


def proof_type_info(
    name: str,
    prepared: pb.Prepared,
    manifest: Manifest,
    *,
    allow_simulated: bool,
    allow_insecure_setup: bool,
) -> ProofTypeInfo:
    """How a proof type comes to L1.

    Args:
        allow_simulated: take an enclave type without the hardware.
        allow_insecure_setup: take keys whose setup one party made.

    Raises:
        DeploymentError: there is no adapter for it; or it is a simulation, or its setup is one party's, and
            that is not allowed.
        ClaimError: halo2's keys are none.
    """
    if name not in ADAPTERS:
        raise DeploymentError(
            f"{name}: there is no L1 adapter for this proof type; deploy with {', '.join(ADAPTERS)}"
        )
    insecure = INSECURE_SETUP.get(name)
    if insecure is not None and not allow_insecure_setup and insecure(prepared, manifest):
        raise DeploymentError(
            f"{name}: one party made the setup of its keys, and could have kept what proves anything: "
            f"allow it explicitly (--allow-insecure-setup), or give the prover keys of a ceremony"
        )
    return ADAPTERS[name](prepared, manifest, allow_simulated)


def plan_for(
    transition: type[Transition],
    program: Program,
    slots: int,
    prepared: Mapping[str, pb.Prepared],
    manifests: Mapping[str, Manifest],
    operator: bytes,
    *,
    allow_simulated: bool,
    allow_insecure_setup: bool,
    policy: Policy | None = None,
    council: CouncilInfo | bytes | None = None,
    parameters: Parameters | None = None,
) -> Plan:
    """A deployment for a genesis state of zeros.

    Args:
        operator: 20-byte address, sequencer as well.
        policy: None: :func:`default_policy`.
        council: None: the operator alone, which is for development.

    Raises:
        DeploymentError: as :func:`proof_type_info`.
    """
    types = tuple(
        proof_type_info(
            name,
            prepared[name],
            manifests[name],
            allow_simulated=allow_simulated,
            allow_insecure_setup=allow_insecure_setup,
        )
        for name in prepared
    )
    covers = {name: manifests[name].suites or program.suites for name in prepared}
    roots = State(program).roots().roots
    return Plan(
        program=program_info(program, slots),
        bridge=BridgeRules.of(transition, program),
        suites=tuple(SuiteInfo(name, root) for name, root in zip(program.suites, roots, strict=True)),
        proof_types=types,
        policy=policy or default_policy(covers, program.suites),
        sequencer=operator,
        operator=operator,
        council=council or CouncilInfo((operator,), 1),
        parameters=parameters or Parameters(),
    )


def deploy_program(
    l1: L1,
    account: LocalAccount,
    plan: Plan,
    prepared: Mapping[str, pb.Prepared],
    manifests: Mapping[str, Manifest],
) -> Contracts:
    """Deploy a plan whose operator is ``account``, and register the enclave's key.

    Raises:
        RefusedError: a contract refuses its configuration.
    """
    contracts = deploy(l1, account, replace(plan, operator=address_of(account)))
    if "sgx" in prepared:
        register_enclave(contracts, account, prepared["sgx"], manifests["sgx"])
    return contracts


def register_enclave(
    contracts: Contracts, operator: LocalAccount, prepared: pb.Prepared, manifest: Manifest
) -> None:
    """Register the key of the enclave that ``prepared`` came from.

    Raises:
        ProofRefusedError: with the reason.
    """
    contracts.sgx().register(
        operator,
        prepared.artefacts["signer"],
        quote=prepared.artefacts.get("quote", b""),
        simulated=manifest.simulated,
    )
