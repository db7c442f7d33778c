"""Deploying all contracts of a program, and finding them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address

from multiprover.settlement.adapters import ProofTypeInfo, SgxAdapter, Site, abi_type
from multiprover.settlement.base import Contract, address_of, raw
from multiprover.settlement.bridge import Asset, Bridge
from multiprover.settlement.bridge_rules import BridgeRules
from multiprover.settlement.claims import domain, proof_type_id, suite_id
from multiprover.settlement.client import Settlement
from multiprover.settlement.contracts import artifact
from multiprover.settlement.council import Council
from multiprover.settlement.defaults import Parameters
from multiprover.settlement.errors import L1Error
from multiprover.settlement.governance import Governance, policy_words
from multiprover.settlement.l1 import L1, contract_address
from multiprover.settlement.policy import Policy
from multiprover.settlement.sequencing import Sequencing
from multiprover.settlement.types import ProgramInfo, SuiteInfo

BINDINGS: Final[Mapping[str, str]] = {
    "bn254": "Bn254Binding",
    "goldilocks": "GoldilocksBinding",
    "koalabear": "KoalaBearBinding",
}
"""The binding contract of each suite."""

TREES: Final[Mapping[str, str]] = {
    "bn254": "Bn254Tree",
    "goldilocks": "GoldilocksTree",
    "koalabear": "KoalaBearTree",
}
"""The contract that opens a suite's tree on L1."""


@dataclass(frozen=True)
class CouncilInfo:
    """Members of a council, and how many must approve."""

    members: tuple[bytes, ...]
    threshold: int


@dataclass(frozen=True)
class Plan:
    """What is to be deployed.

    Attributes:
        bridge: the rules of the program's kinds, withdrawals and exits.
        suites: in suite order.
        proof_types: their order is that of the contracts.
        sequencer: 20-byte address that posts batches.
        operator: 20-byte address that proposes policies and upgrades, registers enclave keys, and queues
            operator_only transactions.
        tokens: ERC-20s that the bridge takes besides L1's coin, numbered from 1.
        council: members, for a ``Council`` of ours; or the 20-byte address of a Safe or other account.
    """

    program: ProgramInfo
    bridge: BridgeRules
    suites: tuple[SuiteInfo, ...]
    proof_types: tuple[ProofTypeInfo, ...]
    policy: Policy
    sequencer: bytes
    operator: bytes
    council: CouncilInfo | bytes
    parameters: Parameters = field(default_factory=Parameters)
    tokens: tuple[Asset, ...] = ()


@dataclass(frozen=True)
class Contracts:
    """The contracts of one deployment."""

    settlement: Settlement
    governance: Governance
    bridge: Bridge
    sequencing: Sequencing
    council: Council | None
    """None where another contract or account stands in its place."""

    @classmethod
    def at(cls, l1: L1, address: bytes, names: Sequence[str] = ()) -> Contracts:
        """Find a deployment by the 20-byte address of its ``Settlement``.

        Raises:
            NotSettlementError: there is none.
        """
        settlement = Settlement(l1, address, names)
        places = [raw(settlement._view(name)) for name in ("GOVERNANCE", "BRIDGE", "SEQUENCING")]
        governance = Governance(settlement, places[0])
        council: Council | None = None
        if l1.web3.eth.get_code(to_checksum_address(governance.council)):
            council = Council(l1, governance.council)
            try:
                council.nonce()
                council.threshold()
            except L1Error:
                council = None
        return cls(settlement, governance, Bridge(settlement, places[1]), Sequencing(l1, places[2]), council)

    @property
    def all(self) -> tuple[Contract, ...]:
        """Those whose events tell of batches and money."""
        return self.settlement, self.governance, self.bridge, self.sequencing

    def sgx(self) -> SgxAdapter:
        """The registry of enclave keys.

        Raises:
            L1Error: the deployment has no type ``sgx``.
        """
        return SgxAdapter(self.settlement.l1, self.settlement.proof_type("sgx").adapter)

    def site(self) -> Site:
        """What an adapter for this deployment must know."""
        s = self.settlement
        return Site(s.domain, s.names.suites, self.governance.operator, self.governance.council)


_Create = Callable[[], bytes]


def deploy(l1: L1, deployer: LocalAccount, plan: Plan) -> Contracts:
    """Deploy everything; ``deployer`` pays, also for the sequencer's bond and the canary's bounty.

    Contracts and adapters know each other's addresses from the start: all follow from the deployer's nonces.

    Raises:
        PolicyError: the policy does not fit the types and suites.
        CreationRefusedError, ProofRefusedError: a constructor refuses; its reason says why.
        L1Error: a suite has no binding or tree of ours; or the deployer sent something else meanwhile.
    """
    order = tuple(suite.name for suite in plan.suites)
    opened = plan.suites if plan.bridge.exits else ()
    for suite in plan.suites:
        if suite.binding is None and suite.name not in BINDINGS:
            raise L1Error(f"suite: expected one of {', '.join(BINDINGS)}, or a binding, got {suite.name}")
        if suite in opened and suite.name not in TREES:
            raise L1Error(f"exits: expected suites among {', '.join(TREES)}, got {suite.name}")
    names = tuple(t.name for t in plan.proof_types)

    me = address_of(deployer)
    first: int = l1.web3.eth.get_transaction_count(deployer.address, "pending")
    bindings = [s for s in plan.suites if s.binding is None]
    own_council = isinstance(plan.council, CouncilInfo)
    counts = {
        "bindings": len(bindings),
        "PolicyCheck": 1,
        "trees": len(opened),
        "Council": int(own_council),
        "adapters": sum(t.creations for t in plan.proof_types),
        "Settlement": 1,
        "Governance": 1,
        "Bridge": 1,
        "Sequencing": 1,
    }
    places: dict[str, int] = {}
    nonce = first
    for name, count in counts.items():
        places[name] = nonce
        nonce += count
    at = {name: contract_address(me, place) for name, place in places.items()}
    council = at["Council"] if own_council else plan.council
    assert isinstance(council, bytes)

    site = Site(domain(l1.chain_id, at["Settlement"], plan.program.program_id), order, plan.operator, council)
    plan.policy.check({t.name: t.suites_of(site) for t in plan.proof_types}, order)

    bound = [s.binding or l1.create(deployer, artifact(BINDINGS[s.name]).bytecode) for s in plan.suites]
    make = partial(_create, l1, deployer)
    make("PolicyCheck", at, [])
    trees = [l1.create(deployer, artifact(TREES[s.name]).bytecode) for s in opened]
    if isinstance(plan.council, CouncilInfo):
        members = [to_checksum_address(m) for m in sorted(plan.council.members)]
        make("Council", at, [members, plan.council.threshold])
    adapters = [t.adapter_at(l1, deployer, site) for t in plan.proof_types]
    program, parameters = plan.program, plan.parameters
    make(
        "Settlement",
        at,
        [
            (
                program.program_id,
                program.slots,
                program.input_words,
                program.output_words,
                program.cell_words,
            ),
            len(plan.bridge.kinds),
            plan.bridge.from_l1,
            [
                (suite_id(s.name), to_checksum_address(b), s.genesis_root)
                for s, b in zip(plan.suites, bound, strict=True)
            ],
            [
                abi_type(t, proof_type_id(t.name), adapter, site)
                for t, adapter in zip(plan.proof_types, adapters, strict=True)
            ],
            *(to_checksum_address(at[name]) for name in ("Governance", "Bridge", "Sequencing")),
            parameters.proof_window_s,
        ],
    )
    make(
        "Governance",
        at,
        [
            to_checksum_address(at["Settlement"]),
            to_checksum_address(at["PolicyCheck"]),
            to_checksum_address(plan.operator),
            to_checksum_address(council),
            parameters.timelock_s,
            parameters.council_window_s,
            parameters.bounty_wei,
            policy_words(plan.policy, names),
        ],
        value=parameters.bounty_wei,
    )
    tiers = len(plan.policy.tiers)
    limits = (*parameters.daily_limits_gwei, *(0,) * tiers)[: tiers - 1]
    make(
        "Bridge",
        at,
        Bridge.creation(
            at["Settlement"],
            plan.operator,
            parameters.timelock_s,
            parameters.escape_window_s,
            plan.bridge,
            plan.tokens,
            (*limits, parameters.top_daily_limit_gwei),
            parameters.early_limit_gwei,
            trees,
        ),
    )
    make(
        "Sequencing",
        at,
        [
            to_checksum_address(at["Settlement"]),
            to_checksum_address(at["Bridge"]),
            to_checksum_address(plan.sequencer),
            parameters.bond_wei,
            parameters.force_window_s,
            parameters.late_window_s,
        ],
        value=parameters.bond_wei,
    )
    return Contracts.at(l1, at["Settlement"], [*order, *names])


def _create(
    l1: L1,
    deployer: LocalAccount,
    name: str,
    at: Mapping[str, bytes],
    arguments: Sequence[Any],
    *,
    value: int = 0,
) -> None:
    """Create a contract where it was foretold."""
    contract = artifact(name)
    types = [
        collapse_if_tuple(parameter)
        for entry in contract.abi
        if entry["type"] == "constructor"
        for parameter in entry["inputs"]
    ]
    created = l1.create(deployer, contract.bytecode + encode(types, list(arguments)), value=value)
    if created != at[name]:
        raise L1Error(
            f"deploy: expected {name} at 0x{at[name].hex()}, got 0x{created.hex()}: "
            "the deployer sent something else meanwhile, so the contracts know other addresses; deploy again"
        )
