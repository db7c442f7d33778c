"""The stage of a scenario: a deployment of the token on a development chain, with everyone around it.

Everything is real: the contracts, the keys, the provers' processes and their proofs. What moves faster than
in earnest is L1's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

import multiprover
from multiprover.ledger.batch import Transaction, make_transaction, sign
from multiprover.ledger.storage import StoredBatch
from multiprover.node.deployment import deploy_program, plan_for, proof_type_info, register_enclave
from multiprover.node.node import Node, request_for, statement_for
from multiprover.node.replica import messages
from multiprover.node.scenarios import forge
from multiprover.node.scenarios.forge import FaultyCircuit, ForgeError, Forger, LeakedKey, ToxicWaste
from multiprover.node.watcher import Finding, Watcher
from multiprover.node.workspace import Config, Workspace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims
from multiprover.settlement.base import address_of
from multiprover.settlement.deploy import Contracts, CouncilInfo
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.policy import Policy
from multiprover.settlement.types import EPOCH_S, WEI_PER_GWEI, SuiteResult
from multiprover.suites import Wallet, get

SLOTS: Final = 2
SLOTS_OF_SLOW: Final = 6
"""Of a batch where a type is slow: all that users do at the start is one batch then."""

SLOW: Final = ("plonky2",)
"""Types that take a minute of CPU or so for each batch, be it small."""

ETH_GWEI: Final = 10**9
DEPOSIT_GWEI: Final = 5 * ETH_GWEI
WAIT_S: Final = 1800.0
MNEMONIC: Final = "test test test test test test test test test test test junk"
"""Of anvil's and hardhat's accounts, which everybody knows."""

_WAIT_STEP_S: Final = 0.2

_FAULTS: Final = {
    "groth16": "a setup that kept its toxic waste",
    "plonky2": "a circuit that leaves the journal's outputs unconstrained",
}
"""By proof type, what is wrong with the keys that it is lied for with."""


class ScenarioError(Exception):
    """A scenario that cannot be played, or that did not go as it must; the message says what and why."""


@dataclass
class User:
    """A user: an account on L1, an account in the ledger, and its wallet."""

    number: int
    l1: LocalAccount
    wallet: Wallet
    nonce: int = 0


@dataclass
class Lie:
    """A false claim on L1.

    Attributes:
        batch: the lie, as the sequencer would store it; ``truth`` is what it stands against.
        slot: of the withdrawal that it pays too much.
        gwei: that it would pay.
    """

    batch: StoredBatch
    truth: StoredBatch
    slot: int
    gwei: int


@dataclass
class Tale:
    """What happened, line by line, for people."""

    listener: Callable[[str], None]
    lines: list[str] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self.listener(line)


class World:
    """A deployment and its people. Use it as a context manager."""

    def __init__(
        self,
        directory: Path,
        types: Sequence[str],
        cache: Path,
        listener: Callable[[str], None] = lambda _: None,
        *,
        liars: Sequence[str] = (),
        l1_url: str | None = None,
        policy: Policy | None = None,
    ) -> None:
        """
        Args:
            directory: for the ledgers; empty.
            types: the proof types of the deployment.
            cache: where provers keep keys.
            liars: proof types that can be made to accept what is false.
            l1_url: a development chain with the accounts of :data:`MNEMONIC`; None: one in this process.
            policy: of the deployment; None: the default of its types.
        """
        self.tell = Tale(listener)
        self.types = tuple(types)
        self.liars = tuple(liars)
        self.cache = cache
        self.directory = directory
        self.slots = SLOTS_OF_SLOW if set(SLOW) & set(self.types) else SLOTS
        self.l1 = open_l1(l1_url)
        accounts = _accounts(self.l1)
        self.operator, self.mallory, self.keeper, self.rival = accounts[:4]
        self.council = accounts[4:7]
        self._chosen = policy
        self.workspace = self._workspace("sequencer", self._cache_of(self.liars))
        suites = self.workspace.program.suites
        self.users = [
            User(i, account, Wallet.from_seed(bytes([i + 1]) * 32, suites, height=4))
            for i, account in enumerate((accounts[7], accounts[8], self.mallory))
        ]
        self.started = self.l1.now()
        self.findings: list[Finding] = []
        self.leaked = LeakedKey(bytes.fromhex("5e" * 32))
        self._node: Node | None = None

    # -- opening and closing

    def __enter__(self) -> World:
        try:
            self._deploy()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _deploy(self) -> None:
        workspace = self.workspace
        for name in self.liars:
            if name in _FAULTS:
                self.tell(f"{name}: making or loading keys with a planted fault: {_FAULTS[name]}")
                said = forge.make_keys(
                    name, workspace.program.encoded, self.slots, forge.folder(self.cache, name)
                )
                if name == "groth16":
                    self._waste = forge.toxic_waste(said)
        self.tell(f"making or loading keys of {', '.join(self.types)}")
        workspace.prepare()
        plan = plan_for(
            workspace.transition,
            workspace.program,
            self.slots,
            workspace.prepared,
            workspace.manifests,
            address_of(self.operator),
            allow_simulated=True,
            allow_insecure_setup=True,
            policy=workspace.config.policy,
            council=CouncilInfo(tuple(address_of(m) for m in self.council), 2),
        )
        self.policy = plan.policy
        self.parameters = plan.parameters
        self.contracts: Contracts = deploy_program(
            self.l1, self.operator, plan, workspace.prepared, workspace.manifests
        )
        workspace.settle_at(self.contracts)
        if "sgx" in self.liars:
            self.contracts.sgx().register(self.operator, self.leaked.signer, simulated=True)
            self.tell(f"sgx: the registered key 0x{self.leaked.signer.hex()} leaked from its enclave")
        self.watcher = Watcher(self.contracts, workspace.transition, workspace.program, self.keeper)
        self.started = self.l1.now()

    def __exit__(self, *_: object) -> None:
        self.stop_node()
        self.workspace.__exit__(None, None, None)

    def _workspace(self, name: str, cache: Path) -> Workspace:
        root = Path(multiprover.__file__).resolve().parents[2]
        source = root / "examples/token/token.py"
        if not source.is_file():
            raise ScenarioError("scenarios need the examples: run them in a clone of the repository")
        config = Config(transition=f"{source}:Token", slots=self.slots, types=self.types, policy=self._chosen)
        return Workspace.create(self.directory / name, config, cache=cache)

    def _cache_of(self, liars: Sequence[str]) -> Path:
        """A cache in which those who lie have the keys that they lie with, and all others their own."""
        if not liars:
            return self.cache
        here = self.directory / "keys"
        here.mkdir()
        for name in self.types:
            keys = forge.folder(self.cache, name) if name in liars and name in _FAULTS else self.cache / name
            keys.mkdir(parents=True, exist_ok=True)
            (here / name).symlink_to(keys.resolve())
        return here

    # -- the sequencer

    def start_node(self, without: Sequence[str] = ()) -> Node:
        """Open the sequencer's node; types in ``without`` do not prove."""
        self.stop_node()
        node = self.workspace.node(self.contracts, self.operator)
        for name in without:
            del node.provers[name]
        node.open()
        self._node = node
        return node

    def stop_node(self) -> None:
        if self._node is not None:
            self._node.close()
            self._node = None

    @property
    def node(self) -> Node:
        assert self._node is not None
        return self._node

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until something holds.

        Raises:
            ScenarioError: it does not within :data:`WAIT_S`, or a stage of the node stopped before.
        """
        until = time.monotonic() + WAIT_S
        while not condition():
            if stopped := self.node.stopped:
                reasons = "; ".join(f"{name}: {reason}" for name, reason in stopped.items())
                raise ScenarioError(f"expected: {what}; what it takes stopped: {reasons}")
            if time.monotonic() > until:
                raise ScenarioError(f"expected within {WAIT_S:g} s: {what}")
            time.sleep(_WAIT_STEP_S)

    def wait_final(self) -> None:
        """Wait until every sealed batch is final for any value.

        Raises:
            NodeError: a type that this needs stopped, or :data:`WAIT_S` passed.
        """
        self.node.wait_final(WAIT_S)

    # -- users

    def unsigned(self, kind: str, **values: object) -> Transaction:
        return make_transaction(self.workspace.transition, self.workspace.program, kind, values)

    def signed(self, user: User, kind: str, **values: object) -> Transaction:
        """A user's transaction with its next nonce."""
        plain = self.unsigned(kind, sender=user.number, nonce=user.nonce, **values)
        transaction = sign(plain, self.contracts.settlement.domain, [(user.wallet, user.nonce)])
        user.nonce += 1
        return transaction

    def enqueue(self, user: User, kind: str, **values: object) -> None:
        """Put a transaction from L1 into the queue, from the user's own account there."""
        self.contracts.bridge.enqueue(user.l1, self.unsigned(kind, **values).words)

    def fund(self) -> None:
        """Every user registers and pays in; batches from L1, up to and with the last final."""
        for user in self.users:
            self.enqueue(user, "register", account=user.number, key=user.wallet.public_key)
        for user in self.users:
            self.enqueue(user, "deposit", account=user.number, amount=DEPOSIT_GWEI)
        self.node.take_queue()
        self.node.seal()
        self.tell(f"{len(self.users)} users registered and paid in {DEPOSIT_GWEI / ETH_GWEI:g} ETH each")

    def pay_and_withdraw(self, amount: int = ETH_GWEI) -> StoredBatch:
        """A batch: the first user pays the second, the last one withdraws."""
        alice, bob, mallory = self.users
        recipient = self.recipient(mallory)
        self.node.submit(self.signed(alice, "transfer", receiver=bob.number, amount=7))
        self.node.submit(self.signed(mallory, "withdraw", amount=amount, recipient=recipient))
        self.node.seal()
        batch = self.node.batches[-1]
        self.tell(f"batch {batch.number + 1}: a payment, and a withdrawal of {amount / ETH_GWEI:g} ETH")
        return batch

    def recipient(self, user: User) -> list[int]:
        """The user's address on L1 as the words of an ``mp.Address``."""
        data = address_of(user.l1)
        return [int.from_bytes(data[i : i + 4], "big") for i in range(0, 20, 4)]

    def withdraw(self, batch: StoredBatch, slot: int = 1) -> str | None:
        """Have L1 pay a withdrawal; gives why it refuses, or None."""
        try:
            self.contracts.bridge.withdraw(self.keeper, batch.parent, batch.journal, slot)
        except RefusedError as error:
            return error.reason
        return None

    # -- lies

    def lie_about(self, truth: StoredBatch, *, everything: bool = False) -> Lie:
        """A batch with the same inputs, in which the last user's withdrawal takes as much as the lowest tier
        releases, which a lie gets most easily, or ``everything`` in the bridge.
        """
        program = self.workspace.program
        ((slot, _),) = messages(program, self.slots, truth.journal, "Withdrawal")
        place = next(m for m in program.messages if m.name == "Withdrawal")
        limit = None if everything else self.policy.tiers[0].limit_gwei
        gwei = self.contracts.bridge.balance() // WEI_PER_GWEI
        gwei = gwei if limit is None else min(gwei, limit)
        words = 4 * (self.slots * program.input_words + slot * program.output_words + place.output_offset)
        at = words + 4 * (1 + sum(f.words for f in place.fields[:-1]))
        size = 4 * place.fields[-1].words
        journal = truth.journal[:at] + gwei.to_bytes(size, "big") + truth.journal[at + size :]
        false = replace(truth, journal=journal, claim=claims.claim_id(truth.parent, journal), request=b"")
        return Lie(false, truth, slot, gwei)

    def propose(self, lie: Lie) -> None:
        """Post the lie beside the truth."""
        self.contracts.settlement.propose(
            self.mallory,
            lie.batch.parent,
            lie.batch.journal,
            lie.truth.journal,
            [get(s).commit(lie.batch.journal) for s in self.workspace.program.suites],
        )
        self.tell(f"mallory posts a false claim: its withdrawal takes {lie.gwei / ETH_GWEI:g} ETH")

    def vouch_for(self, lie: Lie, name: str) -> None:
        """Have a type accept the lie.

        Raises:
            ForgeError: nothing is known by which it could be made to.
        """
        settlement = self.contracts.settlement
        template = pb.ProveRequest.FromString(lie.truth.request).statement
        statement = statement_of(template, lie.batch, self.workspace, address_of(self.mallory))
        statement.CopyFrom(self.workspace.manifests[name].statement(statement))
        proof = self.forger(name, lie).prove(statement)
        binds = settlement.binds(name)
        results = [
            SuiteResult(s.post_root, s.commitment, s.challenge, s.evaluation)
            if binds
            else SuiteResult(s.post_root)
            for s in statement.suites
        ]
        settlement.vouch(
            self.mallory,
            name,
            parent=lie.batch.parent,
            journal_hash=claims.journal_hash(lie.batch.journal),
            results=results,
            payee=address_of(self.mallory),
            proof=proof,
        )
        assert name in settlement.claim(lie.batch.claim).vouched
        self.tell(f"{name} vouches for the false claim")

    def forger(self, name: str, lie: Lie) -> Forger:
        """What makes a type's proof of ``lie`` that its contract accepts.

        Raises:
            ForgeError: there is nothing for this type, or it was not set up to lie.
        """
        if name not in self.liars:
            raise ForgeError(f"{name}: expected one of the types set up to lie ({', '.join(self.liars)})")
        if name == "sgx":
            return self.leaked
        if name == "groth16":
            stored = self.workspace.storage.proofs()
            honest = pb.Proof.FromString(stored[0, "groth16"].proof).l1_proof
            verifying_key = self.workspace.prepared["groth16"].artefacts["l1_verifier"]
            return ToxicWaste(verifying_key, self._waste, honest)
        if name == "plonky2" and (tool := forge.tool(name)) is not None:
            truth = request_for(self.workspace.manifests[name], self.workspace.prepared[name], lie.truth)
            return FaultyCircuit(tool, forge.folder(self.cache, name), truth, lie.batch.journal)
        raise ForgeError(f"{name}: there is no way here to make it accept what is false")

    # -- the watcher and the council

    def watch(self) -> list[Finding]:
        """Have the watcher look once."""
        found = self.watcher.look()
        self.findings += found
        for finding in found:
            if finding.action:
                outcome = f": L1 refused: {finding.refusal}" if finding.refusal else ""
                self.tell(f"watcher: {finding.detail}: {finding.action}{outcome}")
        return found

    def council_chooses(self) -> None:
        """The council chooses the option that the watcher finds true."""
        conflict = self.contracts.governance.open_conflict()
        if conflict is None:
            raise ScenarioError("expected an open conflict for the council, found none")
        option = self.watcher.advise(conflict)
        if option is None:
            raise ScenarioError("expected a true option in the conflict, found none")
        self._council_does(self.contracts.governance.choose_data(conflict.index, option))
        self.tell(f"the council chooses option {option}: {', '.join(conflict.supporters[option])}")

    def council_replaces(self, name: str) -> None:
        """A type that lied gets a verifier without its fault; its honest prover goes on with new keys."""
        self.stop_node()
        self.workspace.__exit__(None, None, None)
        config = self.workspace.config
        self.workspace = Workspace(self.workspace.directory, config, cache=self._cache_of(()))
        self.workspace.prepare()
        prepared, manifest = self.workspace.prepared[name], self.workspace.manifests[name]
        info = proof_type_info(name, prepared, manifest, allow_simulated=True, allow_insecure_setup=True)
        adapter = info.adapter_at(self.l1, self.operator, self.contracts.site())
        self._council_does(self.contracts.governance.replace_verifier_data(name, adapter, info.gas))
        if name == "sgx":
            register_enclave(self.contracts, self.operator, prepared, manifest)
        self.l1.advance_time(EPOCH_S)  # vouches under the new verifier count from the next epoch on
        self.tell(f"the council replaces the verifier of {name}")

    def _council_does(self, data: bytes) -> None:
        assert self.contracts.council is not None
        self.contracts.council.approve_and_execute(
            sorted(self.council[:2], key=lambda m: m.address.lower()), self.contracts.governance.address, data
        )

    # -- the end

    def stolen_gwei(self) -> int:
        """What left the bridge and should not have."""
        paid = 0
        self.watcher.look()
        for payment in self.contracts.bridge.withdrawn():
            truth = self.watcher.truth_of(payment.claim)
            # A journal is true or false as a whole, and a true one pays each withdrawal once.
            paid += payment.amount if truth is None else 0
        return paid

    def outcome(self) -> dict[str, Any]:
        """What every scenario reports."""
        settlement = self.contracts.settlement
        self.watch()
        final = settlement.final_claim()
        reached, true = 0, True
        for claim in self.watcher.follower.posted:
            status = settlement.claim(claim)
            if status.final_bits and self.watcher.truth_of(claim) is None:
                true = False
            elif status.final_bits:
                reached = max(reached, status.number)
        truth = self.watcher.truth_of(final)
        if final != settlement.genesis and truth is not None:
            true = true and settlement.state_root(final) == claims.state_root(truth.roots)
        conflicts = self.contracts.governance.conflicts()
        resolved = [c for c in conflicts if c.resolved]
        return {
            "final_state_true": true,
            "stolen": self.stolen_gwei(),
            "conflict": [
                {
                    "kind": c.kind,
                    "batch": c.number,
                    "options": [list(s) for s in c.supporters],
                    "winner": c.winner,
                    "losers": list(c.losers),
                }
                for c in conflicts
            ]
            or None,
            "resolved_by": ("council" if resolved[-1].by_council else "weight") if resolved else None,
            "elapsed_l1_s": self.l1.now() - self.started,
            "batches": len(self.watcher.claims),
            "final_batches": {
                "any_value": settlement.finality()[1],
                "some_value": reached,
            },
            "types": {name: t.standing.name.lower() for name, t in settlement.proof_types().items()},
            "steps": self.tell.lines,
        }


def statement_of(
    template: pb.Statement, batch: StoredBatch, workspace: Workspace, payee: bytes
) -> pb.Statement:
    """The statement of another journal on the same parent, with everything that L1 computes from it."""
    deployment = claims.Deployment(
        int.from_bytes(template.chain_id, "big"), bytes(template.settlement), bytes(template.program_id)
    )
    return statement_for(workspace.program, workspace.config.slots, deployment, batch, payee)


def _accounts(l1: L1) -> list[LocalAccount]:
    if l1.embedded:
        return l1.dev_accounts()
    Account.enable_unaudited_hdwallet_features()
    accounts = [Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{i}") for i in range(10)]
    if not l1.web3.eth.get_balance(to_checksum_address(accounts[0].address)):
        raise ScenarioError("expected a development chain with anvil's accounts, found them empty")
    return accounts
