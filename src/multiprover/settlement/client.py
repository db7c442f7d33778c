"""The client of a ``Settlement`` contract (``docs/settlement.md``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_account.signers.local import LocalAccount
from eth_utils.abi import event_abi_to_log_topic
from eth_utils.address import to_checksum_address
from web3.exceptions import Web3Exception
from web3.types import LogReceipt

from multiprover.settlement.claims import (
    Deployment,
    claim_id,
    domain,
    genesis_claim,
    journal_hash,
    proof_type_id,
    state_root,
    suite_id,
)
from multiprover.settlement.contracts import artifact
from multiprover.settlement.errors import L1Error, NotSettlementError, RefusedError, refused
from multiprover.settlement.l1 import L1, Mined, contract_address

WEI_PER_GWEI: Final = 10**9
WORD: Final = 4

BINDINGS: Final[Mapping[str, str]] = {"bn254": "Bn254Binding", "goldilocks": "GoldilocksBinding"}
"""The binding contract of each suite."""

OUR_NAMES: Final = ("bn254", "goldilocks", "koalabear", "groth16", "halo2", "plonky2", "stark", "sgx")
"""Names whose hashes the client knows: a suite's and a proof type's id are made alike."""

GROTH16_GAS: Final = 360_000
SGX_GAS: Final = 40_000
"""The most that an adapter may burn."""

VERIFYING_KEY_TYPES: Final = (
    "uint256[2]",
    "uint256[4]",
    "uint256[4]",
    "uint256[4]",
    "uint256[4]",
    "uint256[4]",
    "uint256[2][]",
)


@dataclass(frozen=True)
class KindInfo:
    """One kind of transaction, as L1 must know it."""

    name: str
    words: int
    """Input words that it uses, the kind itself included: 1 + the words of its parameters."""
    from_l1: bool = False
    operator_only: bool = False
    value_word: int | None = None
    """First of the two input words that must equal the value paid, in gwei."""


@dataclass(frozen=True)
class ProgramInfo:
    """What L1 must know of a program and its batch size."""

    program_id: bytes
    slots: int
    input_words: int
    output_words: int
    cell_words: int
    kinds: tuple[KindInfo, ...]
    """In the program's order; the first is ``noop``."""

    @property
    def slot_bytes(self) -> int:
        """Bytes of one slot's input words."""
        return WORD * self.input_words

    @property
    def journal_bytes(self) -> int:
        """Bytes of every journal of the program."""
        return WORD * (self.slots * (self.input_words + self.output_words) + self.cell_words)


@dataclass(frozen=True)
class SuiteInfo:
    """A suite of a deployment."""

    name: str
    genesis_root: bytes
    binding: bytes | None = None
    """Address of its binding, if that is already deployed; else ours is."""


@dataclass(frozen=True)
class Groth16Type:
    """Deploys a ``Groth16Adapter``: one verifying key, one suite, proofs that bind."""

    verifying_key: bytes
    """The prover's artefact ``l1_verifier`` (docs/prover.md §3)."""
    name: str = "groth16"
    suite: str = "bn254"


@dataclass(frozen=True)
class SgxType:
    """Deploys an ``SgxAdapter``: a signature, over all suites."""

    allow_simulated: bool
    mrenclave: bytes = bytes(32)
    """The enclave's measurement that quotes must carry; zero takes simulated keys only."""
    name: str = "sgx"


@dataclass(frozen=True)
class AdapterType:
    """A proof type whose adapter is already deployed."""

    name: str
    adapter: bytes
    suites: tuple[str, ...]
    binds: bool
    gas: int


ProofTypeInfo = Groth16Type | SgxType | AdapterType


@dataclass(frozen=True)
class SuiteResult:
    """What a proof says of one suite: the root after the batch, and how it knows the journal."""

    root: bytes
    commitment: bytes = bytes(32)
    challenge: bytes = bytes(32)
    evaluation: bytes = bytes(32)


@dataclass(frozen=True)
class ClaimStatus:
    """What L1 holds of a claim."""

    posted: bool
    conflict: bool
    final: bool
    number: int
    """Batches since genesis."""
    queue_end: int
    """Queue entries taken in, up to and with this claim."""
    vouched: frozenset[str]
    """Proof types that have vouched for it."""


@dataclass(frozen=True)
class Enqueued:
    """A transaction stands in the queue."""

    index: int
    sender: bytes
    words: bytes


@dataclass(frozen=True)
class Posted:
    """A claim was posted."""

    claim: bytes
    parent: bytes
    journal_hash: bytes
    number: int
    queue_end: int


@dataclass(frozen=True)
class Vouched:
    """A proof was accepted."""

    claim: bytes
    proof_type: str
    payee: bytes


@dataclass(frozen=True)
class RootConflict:
    """A proof was accepted for a root other than the one already vouched for: a provable bug."""

    claim: bytes
    proof_type: str
    suite: str
    recorded: bytes
    found: bytes


@dataclass(frozen=True)
class ClaimConflict:
    """Two claims with one parent and the same inputs were both vouched for: a provable bug."""

    parent: bytes
    claim: bytes
    other: bytes


@dataclass(frozen=True)
class Finalised:
    """A claim is final."""

    claim: bytes
    number: int
    state_root: bytes


Event = Enqueued | Posted | Vouched | RootConflict | ClaimConflict | Finalised


@dataclass(frozen=True)
class Located:
    """An event and where it stands."""

    event: Event
    block_number: int
    tx_hash: bytes


@dataclass(frozen=True)
class Receipt:
    """A transaction to a settlement contract that took effect."""

    tx_hash: bytes
    block_number: int
    gas_used: int
    events: tuple[Event, ...] = field(default=())


Expectations = Mapping[str, Callable[[], tuple[object, object]]]
"""For a reason, what was expected and what came, where the client knows."""


class Settlement:
    """One deployment: a program, its suites and its proof types on one chain.

    Reads the deployment's fixed configuration once. Methods that send take the account that pays and wait
    until the transaction is mined; they raise :class:`RefusedError` where the contract would revert.
    """

    def __init__(self, l1: L1, address: bytes, names: Sequence[str] = ()) -> None:
        """
        Args:
            address: 20 bytes.
            names: of suites and proof types other than ours; L1 holds only their hashes, which stand for them
                otherwise.

        Raises:
            NotSettlementError: there is no ``Settlement`` contract at the address.
        """
        self.l1 = l1
        self.address = address
        self._abi = artifact("Settlement").abi
        self._contract = l1.web3.eth.contract(address=to_checksum_address(address), abi=self._abi)
        self._events = {
            bytes(event_abi_to_log_topic(cast(Any, entry))): entry["name"]
            for entry in self._abi
            if entry["type"] == "event"
        }
        if not l1.web3.eth.get_code(to_checksum_address(address)):
            raise NotSettlementError(
                f"0x{address.hex()}: expected a Settlement contract, got an address without code"
            )
        try:
            program = self._view("program")
            kinds = self._view("kinds")
            suites = self._view("suites")
            types = self._view("proof_types")
            self.domain: bytes = self._view("domain")
            self.genesis: bytes = self._view("genesis_claim")
        except Exception as error:
            raise NotSettlementError(
                f"0x{address.hex()}: expected a Settlement contract, got {error}"
            ) from error
        self.program_id: bytes = program[0]
        self.slots, self.input_words, self.output_words, self.cell_words = program[1:]
        self._kinds = [tuple(kind) for kind in kinds]
        self.suite_ids: tuple[bytes, ...] = tuple(suite[0] for suite in suites)
        self.genesis_roots: tuple[bytes, ...] = tuple(suite[2] for suite in suites)
        self.proof_type_ids: tuple[bytes, ...] = tuple(t[0] for t in types)
        self.adapters: tuple[bytes, ...] = tuple(bytes.fromhex(t[1][2:]) for t in types)
        self._binds: tuple[bool, ...] = tuple(t[3] for t in types)
        self._names = {suite_id(name): name for name in (*OUR_NAMES, *names)}

    @classmethod
    def deploy(
        cls,
        l1: L1,
        deployer: LocalAccount,
        program: ProgramInfo,
        suites: Sequence[SuiteInfo],
        proof_types: Sequence[ProofTypeInfo],
        *,
        required: Sequence[str],
        sequencer: bytes,
        operator: bytes,
    ) -> Settlement:
        """Deploy bindings, adapters and ``Settlement``.

        Args:
            suites: in suite order.
            proof_types: their order is that of the contract.
            required: names of the proof types that a claim needs to be final.
            sequencer: 20-byte address that posts batches.
            operator: 20-byte address that queues operator_only transactions and registers enclave keys.

        Raises:
            CreationRefusedError, ProofRefusedError: a constructor refuses; its reason says why.
        """
        names = [t.name for t in proof_types]
        order = [suite.name for suite in suites]
        for name in required:
            if name not in names:
                raise L1Error(f"policy: expected one of {', '.join(names)}, got {name}")
        for suite in suites:
            if suite.binding is None and suite.name not in BINDINGS:
                raise L1Error(f"suite: expected one of {', '.join(BINDINGS)}, or a binding, got {suite.name}")

        # Adapters come first and pin the domain, which holds the address that Settlement will have.
        nonce = l1.web3.eth.get_transaction_count(deployer.address, "pending")
        before = sum(s.binding is None for s in suites)
        before += sum(not isinstance(t, AdapterType) for t in proof_types)
        address = contract_address(bytes.fromhex(deployer.address[2:]), nonce + before)
        pinned = domain(l1.chain_id, address, program.program_id)

        bindings = [s.binding or l1.create(deployer, artifact(BINDINGS[s.name]).bytecode) for s in suites]
        types = [
            _proof_type(l1, deployer, t, order=order, pinned=pinned, operator=operator) for t in proof_types
        ]
        arguments = encode(
            [
                "(bytes32,uint256,uint256,uint256,uint256)",
                "(uint256,bool,bool,uint256)[]",
                "(bytes32,address,bytes32)[]",
                "(bytes32,address,uint256,bool,uint256)[]",
                "uint256",
                "address",
                "address",
            ],
            [
                (
                    program.program_id,
                    program.slots,
                    program.input_words,
                    program.output_words,
                    program.cell_words,
                ),
                [(k.words, k.from_l1, k.operator_only, k.value_word or 0) for k in program.kinds],
                [
                    (suite_id(s.name), to_checksum_address(b), s.genesis_root)
                    for s, b in zip(suites, bindings, strict=True)
                ],
                types,
                sum(1 << names.index(name) for name in set(required)),
                to_checksum_address(sequencer),
                to_checksum_address(operator),
            ],
        )
        created = l1.create(deployer, artifact("Settlement").bytecode + arguments)
        if created != address:
            raise L1Error(
                f"deploy: expected Settlement at 0x{address.hex()}, got 0x{created.hex()}: "
                "the deployer sent something else meanwhile, so the adapters pin another domain; deploy again"
            )
        return cls(l1, created, [*order, *names])

    @property
    def deployment(self) -> Deployment:
        """What proofs and signatures are bound to."""
        return Deployment(self.l1.chain_id, self.address, self.program_id)

    # Queue

    def enqueue(self, sender: LocalAccount, words: bytes, *, value: int | None = None) -> Receipt:
        """Put a transaction of a from_l1 kind into the queue.

        Args:
            words: the slot's input words, 4 bytes each.
            value: wei to pay; None pays what the kind's value words say.

        Raises:
            EnqueueRefusedError: with the reason.
        """
        due = self._due(words)
        paid = due if value is None else value
        return self._send(
            sender,
            "enqueue",
            [words],
            {
                "enqueue: length": lambda: (f"{WORD * self.input_words} bytes", len(words)),
                "enqueue: kind": lambda: (f"below {len(self._kinds)}", int.from_bytes(words[:WORD], "big")),
                "enqueue: value": lambda: (f"{due} wei", paid),
                "enqueue: not the operator": lambda: (self._view("OPERATOR"), sender.address),
            },
            value=paid,
        )

    def queue_length(self) -> int:
        """Transactions ever queued."""
        return int(self._view("queue_length"))

    def queue_entry(self, index: int) -> bytes:
        """keccak256 of a queued transaction's input words; zero if there is none."""
        return bytes(self._view("queue", index))

    # Post and bind

    def post(
        self, sequencer: LocalAccount, parent: bytes, journal: bytes, commitments: Sequence[bytes]
    ) -> Receipt:
        """Post the sequencer's claim of ``journal`` on ``parent``.

        Args:
            commitments: c of every suite, in suite order.

        Raises:
            PostRefusedError: with the reason.
        """
        return self._send(
            sequencer,
            "post",
            [parent, journal, list(commitments)],
            {
                "post: not the sequencer": lambda: (self._view("SEQUENCER"), sequencer.address),
                "post: journal length": lambda: (f"{self.journal_bytes} bytes", len(journal)),
                "post: unknown parent": lambda: ("a posted claim", f"0x{parent.hex()}"),
                "post: commitments": lambda: (len(self.suite_ids), len(commitments)),
                "post: queue entry": lambda: self._queue_mismatch(parent, journal),
            },
        )

    def propose(
        self,
        sender: LocalAccount,
        parent: bytes,
        journal: bytes,
        first_journal: bytes,
        commitments: Sequence[bytes],
    ) -> Receipt:
        """Post another claim with the inputs of ``first_journal``'s, which is posted on ``parent``.

        Raises:
            PostRefusedError: with the reason.
        """
        return self._send(
            sender,
            "propose",
            [parent, journal, first_journal, list(commitments)],
            {"propose: journal length": lambda: (f"{self.journal_bytes} bytes", len(journal))},
        )

    def bind(
        self, sender: LocalAccount, parent: bytes, journal: bytes, suite: str, commitment: bytes
    ) -> Receipt:
        """Bind a further commitment of ``suite`` to the claim of ``journal`` on ``parent``.

        Raises:
            PostRefusedError: with the reason.
        """
        return self._send(sender, "bind", [parent, journal, self.suite_index(suite), commitment])

    def is_bound(self, claim: bytes, suite: str, result: SuiteResult) -> bool:
        """Whether ``(c, z, y)`` of a result is bound to the claim."""
        return bool(
            self._view(
                "is_bound",
                claim,
                self.suite_index(suite),
                result.commitment,
                result.challenge,
                result.evaluation,
            )
        )

    # Vouch

    def vouch(
        self,
        sender: LocalAccount,
        proof_type: str,
        *,
        parent: bytes,
        journal_hash: bytes,
        results: Sequence[SuiteResult],
        payee: bytes,
        proof: bytes,
    ) -> Receipt:
        """Bring a proof for the claim of ``parent`` and ``journal_hash``.

        The receipt's events tell what followed: :class:`Vouched`, then perhaps :class:`RootConflict` or
        :class:`Finalised`.

        Args:
            results: one for each suite that the type commits to, in suite order.
            payee: 20-byte address that the proof names.
            proof: as the adapter takes it.

        Raises:
            VouchRefusedError: it does not fit the claims on L1.
            ProofRefusedError: the adapter refuses it.
        """
        index = self.type_index(proof_type)
        return self._send(
            sender,
            "vouch",
            [
                index,
                parent,
                journal_hash,
                [(r.root, r.commitment, r.challenge, r.evaluation) for r in results],
                to_checksum_address(payee),
                proof,
            ],
            {
                "vouch: not the head": lambda: (f"0x{self.head(proof_type).hex()}", f"0x{parent.hex()}"),
                "groth16: proof length": lambda: ("384 bytes", len(proof)),
                "sgx: signature length": lambda: ("65 bytes", len(proof)),
            },
        )

    def show_conflict(
        self, sender: LocalAccount, parent: bytes, journal_hash: bytes, other_journal_hash: bytes
    ) -> Receipt:
        """Mark two claims on one parent that were both vouched for.

        Raises:
            VouchRefusedError: with the reason.
        """
        return self._send(sender, "show_conflict", [parent, journal_hash, other_journal_hash])

    def register_signer(
        self, operator: LocalAccount, signer: bytes, *, quote: bytes = b"", simulated: bool = False
    ) -> Mined:
        """Register an enclave's 20-byte vouching address with its quote, or as simulated.

        Raises:
            ProofRefusedError: with the reason.
        """
        data = self._sgx().encode_abi("register", [to_checksum_address(signer), quote, simulated])
        return self.l1.transact(operator, self.adapters[self.type_index("sgx")], bytes.fromhex(data[2:]))

    def revoke_signer(self, operator: LocalAccount, signer: bytes) -> Mined:
        """Bar an enclave's vouching address for good.

        Raises:
            ProofRefusedError: with the reason.
        """
        data = self._sgx().encode_abi("revoke", [to_checksum_address(signer)])
        return self.l1.transact(operator, self.adapters[self.type_index("sgx")], bytes.fromhex(data[2:]))

    # What stands on L1

    @property
    def journal_bytes(self) -> int:
        """Bytes of every journal."""
        return int(WORD * (self.slots * (self.input_words + self.output_words) + self.cell_words))

    def head(self, proof_type: str) -> bytes:
        """The claim that the proof type vouched for last."""
        return bytes(self._view("head", self.type_index(proof_type)))

    def heads(self) -> dict[str, bytes]:
        """The head of every proof type."""
        return {
            self._name(t): bytes(h) for t, h in zip(self.proof_type_ids, self._view("heads"), strict=True)
        }

    def final_claim(self) -> bytes:
        """The last claim that is final."""
        return bytes(self._view("final_claim"))

    def claim(self, claim: bytes) -> ClaimStatus:
        """What L1 holds of a claim; all false and zero if it was not posted."""
        posted, conflict, final, number, queue_end, vouched = self._view("claim", claim)
        names = frozenset(self._name(t) for i, t in enumerate(self.proof_type_ids) if vouched >> i & 1)
        return ClaimStatus(posted, conflict, final, number, queue_end, names)

    def root(self, claim: bytes, suite: str) -> bytes | None:
        """The root that was vouched for; None if no type has yet."""
        root = bytes(self._view("root", claim, self.suite_index(suite)))
        return root if any(root) else None

    def state_root(self, claim: bytes) -> bytes:
        """The state root of a claim whose roots were all vouched for.

        Raises:
            RefusedError: some root was not.
        """
        return self.l1.call(self.address, self._encode("state_root", [claim]))

    def journal(self, posted: Located) -> bytes:
        """The journal of a posted claim, from the calldata of its transaction.

        Raises:
            L1Error: it does not stand there. Anyone may propose through a contract of their own; the journal
                is then in the trace of the transaction.
        """
        if not isinstance(posted.event, Posted):
            raise L1Error(f"journal: expected a Posted event, got {type(posted.event).__name__}")
        tx = self.l1.web3.eth.get_transaction(posted.tx_hash)  # type: ignore[arg-type]
        try:
            _, arguments = self._contract.decode_function_input(tx["input"])
            journal = bytes(arguments["journal"])
        except (ValueError, KeyError, Web3Exception, DecodingError) as error:
            raise L1Error(
                f"journal: expected a call of post or propose in transaction 0x{posted.tx_hash.hex()}, "
                f"got a call to {tx.get('to')}"
            ) from error
        if claim_id(posted.event.parent, journal) != posted.event.claim:
            raise L1Error(
                f"journal: expected that of claim 0x{posted.event.claim.hex()}, "
                f"got one with hash 0x{journal_hash(journal).hex()}"
            )
        return journal

    def events(self, from_block: int = 0, to_block: int | None = None) -> Iterator[Located]:
        """Events of this deployment from ``from_block`` to ``to_block`` (the latest), in order.

        A chain in this process looks through every block of the range: follow it with ``from_block``.
        """
        logs = self.l1.web3.eth.get_logs(
            {
                "address": to_checksum_address(self.address),
                "fromBlock": from_block,
                "toBlock": "latest" if to_block is None else to_block,
            }
        )
        for log in logs:
            event = self._event(log)
            if event is not None:
                yield Located(event, log["blockNumber"], bytes(log["transactionHash"]))

    def binds(self, proof_type: str) -> bool:
        """Whether the type's proofs know the journal by ``(c, z, y)``; otherwise by the claim itself."""
        return self._binds[self.type_index(proof_type)]

    def type_index(self, proof_type: str) -> int:
        """A proof type's place in the contract."""
        try:
            return self.proof_type_ids.index(proof_type_id(proof_type))
        except ValueError:
            known = ", ".join(map(self._name, self.proof_type_ids))
            raise L1Error(f"proof type: expected one of {known}, got {proof_type}") from None

    def suite_index(self, suite: str) -> int:
        """A suite's place in the contract."""
        try:
            return self.suite_ids.index(suite_id(suite))
        except ValueError:
            known = ", ".join(map(self._name, self.suite_ids))
            raise L1Error(f"suite: expected one of {known}, got {suite}") from None

    # Inside

    def _name(self, id: bytes) -> str:
        return self._names.get(id, f"0x{id.hex()}")

    def _view(self, name: str, *arguments: object) -> Any:
        return self._contract.functions[name](*arguments).call()

    def _encode(self, function: str, arguments: Sequence[object]) -> bytes:
        return bytes.fromhex(self._contract.encode_abi(function, list(arguments))[2:])

    def _sgx(self) -> Any:
        address = to_checksum_address(self.adapters[self.type_index("sgx")])
        return self.l1.web3.eth.contract(address=address, abi=artifact("SgxAdapter").abi)

    def _send(
        self,
        sender: LocalAccount,
        function: str,
        arguments: Sequence[object],
        expectations: Expectations | None = None,
        *,
        value: int = 0,
    ) -> Receipt:
        data = self._encode(function, arguments)
        try:
            mined = self.l1.transact(sender, self.address, data, value=value)
        except RefusedError as error:
            known = (expectations or {}).get(error.reason)
            if known is None:
                raise
            expected, found = known()
            raise refused(error.reason, str(expected), str(found)) from error
        events = tuple(event for log in mined.logs if (event := self._event(log)) is not None)
        return Receipt(mined.tx_hash, mined.block_number, mined.gas_used, events)

    def _due(self, words: bytes) -> int:
        """Wei that a queued transaction's value words say."""
        kind = int.from_bytes(words[:WORD], "big")
        value_word = self._kinds[kind][3] if kind < len(self._kinds) else 0
        if not value_word:
            return 0
        at = WORD * value_word
        return int.from_bytes(words[at : at + 2 * WORD], "big") * WEI_PER_GWEI

    def _queue_mismatch(self, parent: bytes, journal: bytes) -> tuple[str, str]:
        """The first slot from L1 that is not the queue's next entry."""
        index = self.claim(parent).queue_end
        for slot in range(self.slots):
            words = journal[slot * WORD * self.input_words : (slot + 1) * WORD * self.input_words]
            entry = self.queue_entry(index)
            if journal_hash(words) != entry:
                return f"queue entry {index}, hash 0x{entry.hex()}, in slot {slot}", f"0x{words.hex()}"
            index += 1
        return "", ""

    def _event(self, log: LogReceipt) -> Event | None:
        if bytes.fromhex(log["address"][2:]) != self.address:
            return None
        name = self._events.get(bytes(log["topics"][0]))
        if name is None:
            return None
        a = self._contract.events[name]().process_log(log)["args"]
        match name:
            case "Enqueued":
                return Enqueued(a["index"], bytes.fromhex(a["sender"][2:]), bytes(a["words"]))
            case "Posted":
                return Posted(
                    bytes(a["claim"]),
                    bytes(a["parent"]),
                    bytes(a["journal_hash"]),
                    a["number"],
                    a["queue_end"],
                )
            case "Vouched":
                name = self._name(self.proof_type_ids[a["proof_type"]])
                return Vouched(bytes(a["claim"]), name, bytes.fromhex(a["payee"][2:]))
            case "RootConflict":
                return RootConflict(
                    bytes(a["claim"]),
                    self._name(self.proof_type_ids[a["proof_type"]]),
                    self._name(self.suite_ids[a["suite"]]),
                    bytes(a["recorded"]),
                    bytes(a["found"]),
                )
            case "ClaimConflict":
                return ClaimConflict(bytes(a["parent"]), bytes(a["claim"]), bytes(a["other"]))
            case _:
                return Finalised(bytes(a["claim"]), a["number"], bytes(a["state_root"]))


def predicted_genesis(l1: L1, address: bytes, program: ProgramInfo, suites: Sequence[SuiteInfo]) -> bytes:
    """The genesis claim that a deployment at ``address`` has."""
    roots = state_root([suite.genesis_root for suite in suites])
    return genesis_claim(domain(l1.chain_id, address, program.program_id), roots)


def _proof_type(
    l1: L1,
    deployer: LocalAccount,
    info: ProofTypeInfo,
    *,
    order: Sequence[str],
    pinned: bytes,
    operator: bytes,
) -> tuple[bytes, str, int, bool, int]:
    """Deploy the adapter where it is ours, and give the constructor's ``ProofType``."""
    match info:
        case Groth16Type():
            key = decode(VERIFYING_KEY_TYPES, info.verifying_key)
            arguments = encode([*VERIFYING_KEY_TYPES, "bytes32"], [*key, pinned])
            adapter = l1.create(deployer, artifact("Groth16Adapter").bytecode + arguments)
            suites, binds, gas = [info.suite], True, GROTH16_GAS
        case SgxType():
            arguments = encode(
                ["address", "bool", "bytes32"],
                [to_checksum_address(operator), info.allow_simulated, info.mrenclave],
            )
            adapter = l1.create(deployer, artifact("SgxAdapter").bytecode + arguments)
            suites, binds, gas = list(order), False, SGX_GAS
        case AdapterType():
            adapter, suites, binds, gas = info.adapter, list(info.suites), info.binds, info.gas
    mask = sum(1 << order.index(suite) for suite in set(suites))
    return proof_type_id(info.name), to_checksum_address(adapter), mask, binds, gas
