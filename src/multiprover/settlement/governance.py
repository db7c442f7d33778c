"""The client of ``Governance``: the policy, upgrades, conflicts and their resolution
(``docs/settlement.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from multiprover.settlement import claims
from multiprover.settlement.adapters import ProofTypeInfo, Site, abi_type
from multiprover.settlement.base import Contract, events_of, raw
from multiprover.settlement.claims import proof_type_id
from multiprover.settlement.client import MAX_PROOF, Settlement
from multiprover.settlement.events import ConflictResolved, ConflictShown, Event, Happened, Receipt
from multiprover.settlement.policy import Alternative, Policy, Tier
from multiprover.settlement.types import Conflict, SuiteResult

NO_LIMIT: Final = 2**64 - 1
"""The limit of the last tier on L1, in gwei."""

_POLICY: Final = "((uint256,(uint256,uint256)[])[],uint256[],bool)"

NO_WINNER: Final = 255

_KINDS: Final = {1: "claims", 2: "roots"}


def policy_words(policy: Policy, types: Sequence[str]) -> tuple[Any, ...]:
    """A policy as the contracts' ``Policy``; ``types`` are the deployment's, in order."""
    place = {name: i for i, name in enumerate(types)}
    return (
        [
            (
                NO_LIMIT if tier.limit_gwei is None else tier.limit_gwei,
                [(sum(1 << place[name] for name in a.types), a.delay_s) for a in tier.alternatives],
            )
            for tier in policy.tiers
        ],
        [policy.weights[name] for name in types],
        policy.accepts_halt,
    )


def policy_from(words: Any, types: Sequence[str]) -> Policy:
    """The inverse of :func:`policy_words`."""
    tiers, weights, accepts_halt = words
    return Policy(
        tiers=tuple(
            Tier(
                limit_gwei=None if limit == NO_LIMIT else limit,
                alternatives=tuple(
                    Alternative(types=tuple(t for i, t in enumerate(types) if mask >> i & 1), delay_s=delay)
                    for mask, delay in alternatives
                ),
            )
            for limit, alternatives in tiers
        ),
        weights=dict(zip(types, weights, strict=True)),
        accepts_halt=accepts_halt,
    )


@dataclass(frozen=True)
class Announced:
    """A change that waits for the timelock.

    Attributes:
        key: by which it is cancelled.
        ready: Unix seconds from which it can be applied.
        action: ABI encoding of what it is: ``policy``, ``upgrade`` or ``type``, and its arguments.
    """

    key: bytes
    ready: int
    action: bytes

    @property
    def kind(self) -> str:
        """``policy``, ``upgrade`` or ``type``."""
        # The first argument is a string, which stands at the offset that the first word tells.
        at = int.from_bytes(self.action[:32], "big")
        size = int.from_bytes(self.action[at : at + 32], "big")
        return self.action[at + 32 : at + 32 + size].decode()


class Governance(Contract):
    """Who may change what, and what happens when two vouches contradict each other."""

    name = "Governance"

    def __init__(self, settlement: Settlement, address: bytes) -> None:
        super().__init__(settlement.l1, address)
        self.settlement = settlement
        self.operator: bytes = raw(self._view("OPERATOR"))
        self.council: bytes = raw(self._view("COUNCIL"))

    @property
    def _types(self) -> tuple[str, ...]:
        return tuple(self.settlement.proof_types())

    # Policy

    def policy(self) -> Policy:
        """The policy in force."""
        return policy_from(self._view("policy"), self._types)

    def council_window(self) -> int:
        """Seconds that the council has to choose in a conflict."""
        return int(self._view("COUNCIL_WINDOW"))

    def timelock(self) -> int:
        """Seconds between proposing a change and applying it."""
        return int(self._view("TIMELOCK"))

    def propose_policy(self, operator: LocalAccount, policy: Policy) -> Receipt:
        """Announce a policy; it can be applied after the timelock.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(operator, "propose_policy", [policy_words(policy, self._types)])

    def apply_policy(self, sender: LocalAccount, policy: Policy) -> Receipt:
        """Put a policy in force whose time has come; for anyone.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(sender, "apply_policy", [policy_words(policy, self._types)])

    def tighten_policy(self, operator: LocalAccount, policy: Policy) -> Receipt:
        """Put a policy in force at once that lets nothing become final sooner than the present one.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(operator, "tighten_policy", [policy_words(policy, self._types)])

    def policy_ready(self, policy: Policy) -> int:
        """When a proposed policy can be applied, in Unix seconds; 0: it is not proposed."""
        words = policy_words(policy, self._types)
        return int(self._view("ready", keccak(encode(["string", _POLICY], ["policy", words]))))

    # Upgrades

    def schedule_upgrade(
        self, operator: LocalAccount, proof_type: str, adapter: bytes, gas: int, from_number: int
    ) -> Receipt:
        """Announce another adapter for a type, from a batch on.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(operator, "schedule_upgrade", self._upgrade(proof_type, adapter, gas, from_number))

    def apply_upgrade(
        self, sender: LocalAccount, proof_type: str, adapter: bytes, gas: int, from_number: int
    ) -> Receipt:
        """Put an upgrade in force whose time has come; for anyone.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(sender, "apply_upgrade", self._upgrade(proof_type, adapter, gas, from_number))

    def _upgrade(self, proof_type: str, adapter: bytes, gas: int, from_number: int) -> list[object]:
        index = self.settlement.names.type_index(proof_type)
        return [index, to_checksum_address(adapter), gas, from_number]

    def schedule_type(
        self, operator: LocalAccount, new: ProofTypeInfo, adapter: bytes, weight: int
    ) -> Receipt:
        """Announce a further type, whose adapter is deployed; the policy has to name it before it counts.

        Args:
            weight: in conflicts.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(operator, "schedule_type", [self._type_words(new, adapter), weight])

    def apply_type(self, sender: LocalAccount, new: ProofTypeInfo, adapter: bytes, weight: int) -> Receipt:
        """Add a type whose time has come; for anyone.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(sender, "apply_type", [self._type_words(new, adapter), weight])

    def _type_words(self, new: ProofTypeInfo, adapter: bytes) -> tuple[Any, ...]:
        s = self.settlement
        site = Site(s.domain, s.names.suites, self.operator, self.council)
        return abi_type(new, proof_type_id(new.name), adapter, site)

    def ready(self, key: bytes) -> int:
        """Unix seconds from which what was announced can be applied, for another timelock; 0: nothing was."""
        return int(self._view("ready", key))

    def announced(self) -> list[Announced]:
        """What waits to be applied, in the order in which it was announced."""
        found: dict[bytes, Announced] = {}
        for located in events_of(self.l1, [self]):
            if isinstance(located.event, Happened) and located.event.name == "Scheduled":
                a = located.event.arguments
                found[bytes(a["key"])] = Announced(bytes(a["key"]), a["ready"], bytes(a["action"]))
        return [a for key, a in found.items() if self.ready(key) == a.ready]

    def cancel(self, operator: LocalAccount, key: bytes) -> Receipt:
        """Take back what was announced.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(operator, "cancel", [key])

    def replace_verifier_data(self, proof_type: str, adapter: bytes, gas: int) -> bytes:
        """Calldata with which the council gives a quarantined or disabled type another adapter."""
        index = self.settlement.names.type_index(proof_type)
        return self.encode("replace_verifier", [index, to_checksum_address(adapter), gas])

    # Conflicts

    def show_conflict(
        self, sender: LocalAccount, parent: bytes, journal_hash: bytes, other_journal_hash: bytes
    ) -> Receipt:
        """Show two claims on one parent that were both vouched for: one is a lie.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(sender, "show_conflict", [parent, journal_hash, other_journal_hash])

    def add_branch(self, sender: LocalAccount, journal_hash: bytes) -> Receipt:
        """Add a third vouched claim to the open conflict.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(sender, "add_branch", [journal_hash])

    def choose_data(self, conflict: int, option: int) -> bytes:
        """Calldata with which the council chooses an option of a conflict, which must be the open one."""
        return self.encode("choose", [conflict, option])

    def resolve(self, sender: LocalAccount) -> Receipt:
        """Resolve the open conflict by weight, once the council's time is over; for anyone.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(sender, "resolve", [])

    def open_conflict(self) -> Conflict | None:
        """The conflict that is open."""
        position = int(self._view("open_conflict"))
        return self.conflict(position - 1) if position else None

    def conflicts(self) -> list[Conflict]:
        """Every conflict ever shown, in order."""
        return [self.conflict(i) for i in range(int(self._view("conflict_count")))]

    def conflict(self, index: int) -> Conflict:
        """A conflict's record."""
        c = self._view("conflict", index)
        kind, number, parent, claim, suite, options, supporters, shown, deadline = c[:9]
        resolved, winner, losers, disabled, by_council = c[9:14]
        names = self.settlement.names
        of_claims = _KINDS[kind] == "claims"
        # L1 writes it down when the conflict is over.
        if not resolved and int(self._view("open_conflict")) == index + 1:
            sides = [names.of_mask(s) for s in self._view("support")[: len(options)]]
        elif of_claims and not resolved:
            sides = [
                tuple(sorted({*self.settlement.claim(bytes(o)).counting, *names.of_mask(s)}))
                for o, s in zip(options, supporters, strict=True)
            ]
        else:
            sides = [names.of_mask(s) for s in supporters]
        return Conflict(
            index,
            _KINDS[kind],
            number,
            bytes(parent),
            bytes(claim),
            None if of_claims else names.suites[suite],
            tuple(map(bytes, options)),
            tuple(sides),
            shown,
            deadline,
            resolved,
            winner if resolved and winner != NO_WINNER else None,
            names.of_mask(losers),
            names.of_mask(disabled),
            by_council,
        )

    def convict(
        self,
        sender: LocalAccount,
        proof_type: str,
        parent: bytes,
        journal_hash: bytes,
        first_journal_hash: bytes,
        results: Sequence[SuiteResult],
        payee: bytes,
        proof: bytes,
    ) -> Receipt:
        """Disable a type for good that vouched for one answer and proves another; for anyone.

        Args:
            first_journal_hash: of the claim that it vouched for.
            journal_hash, results, payee, proof: the other answer, as for ``Settlement.vouch``.

        Raises:
            GovernanceRefusedError, ProofRefusedError: with the reason.
        """
        arguments = [
            self.settlement.names.type_index(proof_type),
            parent,
            journal_hash,
            first_journal_hash,
            [r.words for r in results],
            to_checksum_address(payee),
        ]
        return self._with_proof(
            sender, "convict", arguments, proof_type, parent, journal_hash, results, payee, proof
        )

    def _with_proof(
        self,
        sender: LocalAccount,
        function: str,
        arguments: Sequence[object],
        proof_type: str,
        parent: bytes,
        journal_hash: bytes,
        results: Sequence[SuiteResult],
        payee: bytes,
        proof: bytes,
    ) -> Receipt:
        """Call a function whose last argument is a proof of a claim; a long one goes through its adapter."""
        if len(proof) <= MAX_PROOF:
            return self._send(sender, function, [*arguments, proof])
        return self.settlement.send_through_adapter(
            sender,
            proof_type,
            parent,
            journal_hash,
            results,
            payee,
            proof,
            self.address,
            self.encode(function, [*arguments, b""]),
            contract=self,
        )

    def canary(
        self,
        sender: LocalAccount,
        proof_type: str,
        journal: bytes,
        results: Sequence[SuiteResult],
        payee: bytes,
        proof: bytes,
    ) -> Receipt:
        """Prove a batch of noops that changes the state, disable the type by it, and earn the bounty.

        Args:
            journal: of a claim on genesis.

        Raises:
            GovernanceRefusedError, ProofRefusedError: with the reason.
        """
        arguments = [
            self.settlement.names.type_index(proof_type),
            journal,
            [r.words for r in results],
            to_checksum_address(payee),
        ]
        genesis, hash = self.settlement.genesis, claims.journal_hash(journal)
        return self._with_proof(sender, "canary", arguments, proof_type, genesis, hash, results, payee, proof)

    def bounty(self) -> int:
        """Wei that a canary earns, as far as there is that much."""
        return int(self._view("BOUNTY"))

    def credit(self, who: bytes) -> int:
        """Wei that canaries earned ``who``, and that were not paid yet."""
        return int(self._view("credit", to_checksum_address(who)))

    def claim_bounty(self, sender: LocalAccount, payee: bytes) -> Receipt:
        """Have a payee paid what its canaries earned; for anyone.

        Raises:
            GovernanceRefusedError: with the reason.
        """
        return self._send(sender, "claim_bounty", [to_checksum_address(payee)])

    def fund(self, sender: LocalAccount, wei: int) -> Receipt:
        """Add to what canaries are paid from."""
        return self._send(sender, "fund", [], value=wei)

    def _event(self, name: str, arguments: Any) -> Event:
        match name:
            case "ConflictShown":
                return ConflictShown(
                    arguments["index"],
                    _KINDS[arguments["kind"]],
                    arguments["number"],
                    bytes(arguments["parent"]),
                    bytes(arguments["claim"]),
                )
            case "ConflictResolved":
                winner = bytes(arguments["winner"])
                names = self.settlement.names
                return ConflictResolved(
                    arguments["index"],
                    arguments["number"],
                    winner if any(winner) else None,
                    names.of_mask(arguments["losers"]),
                    names.of_mask(arguments["disabled"]),
                    arguments["by_council"],
                )
            case _:
                return Happened(self.name, name, dict(arguments))
