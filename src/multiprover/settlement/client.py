"""The client of ``Settlement``: claims, vouches, finality (``docs/settlement.md``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from eth_abi.exceptions import DecodingError
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from web3.exceptions import Web3Exception

from multiprover.settlement import stark
from multiprover.settlement.base import Contract, Expectations, raw
from multiprover.settlement.claims import (
    Deployment,
    child_claim,
    claim_id,
    journal_hash,
    suite_id,
)
from multiprover.settlement.errors import L1Error, NotSettlementError, RefusedError
from multiprover.settlement.events import (
    Event,
    Finalised,
    Happened,
    Located,
    Posted,
    Receipt,
    RootConflict,
    Vouched,
)
from multiprover.settlement.l1 import L1
from multiprover.settlement.policy import MAX_DELAY_S
from multiprover.settlement.types import (
    EPOCH_S,
    TOP_TIER,
    WORD,
    ClaimStatus,
    Standing,
    SuiteResult,
    TypeStatus,
)

OUR_NAMES: Final = ("bn254", "goldilocks", "koalabear", "groth16", "halo2", "plonky2", "stark", "sgx")
"""Names whose hashes the client knows: a suite's and a proof type's id are made alike."""

MAX_PROOF: Final = 4096
"""Bytes of the longest proof that goes through ``vouch``; a longer one goes through its adapter."""


_VOUCH: Final = {
    "name": "vouch",
    "type": "tuple",
    "components": [
        {"name": "domain", "type": "bytes32"},
        {"name": "claim", "type": "bytes32"},
        {"name": "payee", "type": "address"},
        {
            "name": "suites",
            "type": "tuple[]",
            "components": [
                {"name": name, "type": "bytes32"}
                for name in ("pre_root", "post_root", "commitment", "challenge", "evaluation")
            ],
        },
    ],
}
_LONG_PROOFS: Final = [
    {
        "type": "function",
        "name": "prove",
        "stateMutability": "nonpayable",
        "inputs": [
            _VOUCH,
            {"name": "proof", "type": "bytes"},
            {"name": "target", "type": "address"},
            {"name": "data", "type": "bytes"},
        ],
        "outputs": [{"name": "", "type": "bytes"}],
    }
]
"""The entry of an adapter that verifies proofs too long for ``vouch``."""


class Names:
    """The names behind the ids on L1, in the order of the contract."""

    def __init__(self, types: Sequence[bytes], suites: Sequence[bytes], names: Sequence[str] = ()) -> None:
        known = {suite_id(name): name for name in (*OUR_NAMES, *names)}
        self.types = tuple(known.get(t, f"0x{t.hex()}") for t in types)
        self.suites = tuple(known.get(s, f"0x{s.hex()}") for s in suites)

    def type_index(self, name: str) -> int:
        """A proof type's place in the contract."""
        if name not in self.types:
            raise L1Error(f"proof type: expected one of {', '.join(self.types)}, got {name}")
        return self.types.index(name)

    def suite_index(self, name: str) -> int:
        """A suite's place in the contract."""
        if name not in self.suites:
            raise L1Error(f"suite: expected one of {', '.join(self.suites)}, got {name}")
        return self.suites.index(name)

    def of_mask(self, mask: int) -> tuple[str, ...]:
        """The proof types of a bit mask, in order."""
        return tuple(name for i, name in enumerate(self.types) if mask >> i & 1)

    def mask(self, names: Sequence[str]) -> int:
        """The bit mask of proof types."""
        return sum(1 << self.type_index(name) for name in set(names))


class Settlement(Contract):
    """One deployment's claims: a program, its suites and its proof types on one chain.

    Reads the deployment's fixed configuration once. Methods that send take the account that pays and wait
    until the transaction is mined; they raise :class:`RefusedError` where the contract would revert.
    """

    name = "Settlement"

    def __init__(self, l1: L1, address: bytes, names: Sequence[str] = ()) -> None:
        """
        Args:
            address: 20 bytes.
            names: of suites and proof types other than ours; L1 holds only their hashes, which stand for them
                otherwise.

        Raises:
            NotSettlementError: there is no ``Settlement`` contract at the address.
        """
        super().__init__(l1, address)
        if not l1.web3.eth.get_code(to_checksum_address(address)):
            raise NotSettlementError(
                f"0x{address.hex()}: expected a Settlement contract, got an address without code"
            )
        self._given = tuple(names)
        try:
            self.domain: bytes = bytes(self._view("domain"))
        except RefusedError as error:
            raise NotSettlementError(
                f"0x{address.hex()}: expected a Settlement contract, got {error}"
            ) from error
        self.genesis: bytes = bytes(self._view("genesis_claim"))
        program = self._view("program")
        suites = self._view("suites")
        self.program_id = bytes(program[0])
        self.slots, self.input_words, self.output_words, self.cell_words = map(int, program[1:])
        self._suite_ids = tuple(bytes(s[0]) for s in suites)
        self.genesis_roots: tuple[bytes, ...] = tuple(bytes(s[2]) for s in suites)
        self.names = self._read_names()

    def _read_names(self) -> Names:
        types = [bytes(self._view("proof_type", i)[0]) for i in range(self._view("type_count"))]
        return Names(types, self._suite_ids, self._given)

    @property
    def deployment(self) -> Deployment:
        """What proofs and signatures are bound to."""
        return Deployment(self.l1.chain_id, self.address, self.program_id)

    # Post and bind

    def post(
        self,
        sender: LocalAccount,
        parent: bytes,
        journal: bytes,
        commitments: Sequence[bytes],
        origins: Sequence[bytes] = (),
    ) -> Receipt:
        """Post the sequencer's claim of ``journal`` on ``parent``.

        Args:
            commitments: c of every suite, in suite order.
            origins: for each leading slot from L1, who queued it and when (:attr:`Enqueued.origin`).

        Raises:
            PostRefusedError: with the reason.
        """
        return self._send(
            sender,
            "post",
            [parent, journal, list(commitments), list(origins)],
            {
                "post: journal length": lambda: (f"{self.journal_bytes} bytes", len(journal)),
                "post: unknown parent": lambda: ("a posted claim", f"0x{parent.hex()}"),
                "post: commitments": lambda: (len(self.names.suites), len(commitments)),
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
        return self._send(sender, "bind", [parent, journal, self.names.suite_index(suite), commitment])

    def is_bound(self, claim: bytes, suite: str, result: SuiteResult) -> bool:
        """Whether ``(c, z, y)`` of a result is bound to the claim."""
        return bool(self._view("is_bound", claim, self.names.suite_index(suite), *result.words[1:]))

    # Vouch and settle

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
            proof: as the adapter takes it; one longer than :data:`MAX_PROOF` goes through the adapter's
                own entry, a ``stark`` proof in several transactions.

        Raises:
            VouchRefusedError: it does not fit the claims on L1.
            ProofRefusedError: the adapter refuses it.
        """
        index = self.names.type_index(proof_type)
        direct = len(proof) <= MAX_PROOF
        words = [r.words for r in results]
        data = self.encode(
            "vouch",
            [index, parent, journal_hash, words, to_checksum_address(payee), proof if direct else b""],
        )
        expectations: Expectations = {
            "vouch: not the head": lambda: (f"0x{self.head(proof_type).hex()}", f"0x{parent.hex()}"),
            "groth16: proof length": lambda: ("384 bytes", len(proof)),
            "sgx: signature length": lambda: ("65 bytes", len(proof)),
        }
        if direct:
            return self._transact(sender, self.address, data, expectations)
        return self.send_through_adapter(
            sender, proof_type, parent, journal_hash, results, payee, proof, self.address, data, expectations
        )

    def send_through_adapter(
        self,
        sender: LocalAccount,
        proof_type: str,
        parent: bytes,
        journal_hash: bytes,
        results: Sequence[SuiteResult],
        payee: bytes,
        proof: bytes,
        target: bytes,
        data: bytes,
        expectations: Expectations | None = None,
        *,
        contract: Contract | None = None,
    ) -> Receipt:
        """Have a type's adapter verify a long proof of a claim, then call ``target`` with ``data``.

        Args:
            contract: whose events the receipt shall hold; None: this one's.

        Raises:
            ProofRefusedError: the adapter refuses the proof.
            RefusedError: the target refuses the call.
        """
        status = self.proof_type(proof_type)
        statement = self.statement(status, parent, journal_hash, results, payee)
        # Of a claim that is not posted, as a canary's: it is asked for the next batch.
        number = self.claim(child_claim(parent, journal_hash)).number or self.finality()[1] + 1
        adapter = status.adapter_at(number)
        if proof_type == stark.NAME:
            brought = stark.Session(self.l1, adapter, sender, statement, proof).bring(target, data)
            receipt = (contract or self).receipt(brought.last)
            return replace(receipt, gas_used=brought.gas_used, transactions=brought.transactions)
        call = self.through_adapter(adapter, statement, proof, target, data)
        return (contract or self)._transact(sender, adapter, call, expectations)

    def statement(
        self,
        status: TypeStatus,
        parent: bytes,
        journal_hash: bytes,
        results: Sequence[SuiteResult],
        payee: bytes,
    ) -> tuple[Any, ...]:
        """What an adapter is asked: the contracts' ``IAdapter.Vouch``."""
        pre = [self.root(parent, suite) or bytes(32) for suite in status.suites]
        return (
            self.domain,
            child_claim(parent, journal_hash),
            to_checksum_address(payee),
            [(root, *r.words) for root, r in zip(pre, results, strict=True)],
        )

    def through_adapter(
        self, adapter: bytes, statement: tuple[Any, ...], proof: bytes, target: bytes, data: bytes
    ) -> bytes:
        """Calldata for an adapter that verifies a long proof itself, then calls ``target`` with ``data``."""
        contract = self.l1.web3.eth.contract(address=to_checksum_address(adapter), abi=_LONG_PROOFS)
        return raw(contract.encode_abi("prove", [statement, proof, to_checksum_address(target), data]))

    def settle(self, sender: LocalAccount, parent: bytes, journal_hash: bytes) -> Receipt:
        """Have a claim become final for the tiers whose delays have passed.

        Raises:
            VouchRefusedError: nothing changes; the reason says why.
        """
        return self._send(sender, "settle", [parent, journal_hash])

    def prune(
        self,
        sender: LocalAccount,
        parent: bytes,
        journal_hash: bytes,
        bindings: Sequence[tuple[str, SuiteResult]] = (),
    ) -> Receipt:
        """Delete what L1 holds of a claim and no longer needs.

        Raises:
            VouchRefusedError: with the reason.
        """
        places = [(self.names.suite_index(s), *r.words[1:]) for s, r in bindings]
        return self._send(sender, "prune", [parent, journal_hash, places])

    def complain(self, sender: LocalAccount) -> Receipt:
        """Start the time after which inputs on the last final claim that nobody proves are given up.

        Raises:
            VouchRefusedError: with the reason.
        """
        return self._send(sender, "complain", [])

    def discard(self, sender: LocalAccount) -> Receipt:
        """Give up the inputs on the last final claim that nobody has proved in time.

        Raises:
            VouchRefusedError: with the reason.
        """
        return self._send(sender, "discard", [])

    def catch_up(self, sender: LocalAccount, proof_type: str) -> Receipt:
        """Move the head of a type that fell silent to the last final claim.

        Raises:
            VouchRefusedError: with the reason.
        """
        return self._send(sender, "catch_up", [self.names.type_index(proof_type)])

    # What stands on L1

    @property
    def journal_bytes(self) -> int:
        """Bytes of every journal."""
        return int(WORD * (self.slots * (self.input_words + self.output_words) + self.cell_words))

    def proof_types(self) -> dict[str, TypeStatus]:
        """The proof types, in the order of the contract."""
        if self._view("type_count") != len(self.names.types):
            self.names = self._read_names()
        return {name: self.proof_type(name) for name in self.names.types}

    def proof_type(self, name: str) -> TypeStatus:
        """What L1 holds of a proof type."""
        t = self._view("proof_type", self.names.type_index(name))
        _, adapter, suites, binds, gas, standing, valid_from, next_adapter, _, next_from = t
        return TypeStatus(
            name,
            raw(adapter),
            tuple(s for i, s in enumerate(self.names.suites) if suites >> i & 1),
            binds,
            gas,
            Standing(standing),
            valid_from,
            raw(next_adapter) if next_from else None,
            next_from,
        )

    def binds(self, proof_type: str) -> bool:
        """Whether the type's proofs know the journal by ``(c, z, y)``; otherwise by the claim itself."""
        return self.proof_type(proof_type).binds

    def head(self, proof_type: str) -> bytes:
        """The claim that the proof type vouched for last."""
        return bytes(self._view("head", self.names.type_index(proof_type)))

    def heads(self) -> dict[str, bytes]:
        """The head of every proof type."""
        return {name: self.head(name) for name in self.proof_types()}

    def final_claim(self) -> bytes:
        """The last claim that is final for any value."""
        return bytes(self._view("final_claim"))

    def finality(self) -> tuple[bytes, int, int, int]:
        """The last claim that is final for any value: it, its number, queue entries taken in, Unix
        seconds.
        """
        claim, number, queue_end, time = self._view("finality")
        return bytes(claim), number, queue_end, time

    def tip(self) -> tuple[bytes, int, int]:
        """The last posted batch: who posted it, queue entries taken in, number."""
        poster, queue_end, number = self._view("tip")
        return raw(poster), queue_end, number

    def frozen_from(self) -> int:
        """The lowest batch of an open conflict, from which on nothing becomes final; 0: none."""
        return int(self._view("frozen_from"))

    def thawed(self) -> int:
        """Unix seconds from which delays count at the earliest: the end of the last conflict; 0: none."""
        epoch = int(self._view("thawed"))
        return int(self._view("DEPLOYED")) + EPOCH_S * epoch if epoch else 0

    def halted(self) -> bool:
        """Whether the system has halted for good, and users leave by the escape."""
        return bool(self._view("halted"))

    def complained(self, claim: bytes) -> int:
        """When somebody complained about what is posted on a claim, in Unix seconds; 0: nobody has."""
        return int(self._view("complained", claim))

    def complaint_lapse(self) -> int:
        """Seconds after which a complaint lapses."""
        return 2 * self.proof_window() + MAX_DELAY_S

    def tier_of(self, gwei: int) -> int:
        """The tier of a value: the bit of a claim's finality that releases it."""
        return int(self._view("tier_of", gwei))

    def proof_window(self) -> int:
        """Seconds after which what nobody proves can be given up."""
        return int(self._view("PROOF_WINDOW"))

    def claim(self, claim: bytes) -> ClaimStatus:
        """What L1 holds of a claim; all false and zero if it was not posted."""
        (
            posted,
            _,
            closed,
            generation,
            children_generation,
            final,
            _,
            number,
            queue_end,
            vouched,
            counting,
            times,
        ) = self._view("claim", claim)
        return ClaimStatus(
            posted,
            closed,
            generation,
            children_generation,
            final,
            number,
            queue_end,
            frozenset(self.names.of_mask(vouched)),
            frozenset(self.names.of_mask(counting)),
            {name: t for name, t in zip(self.names.types, times, strict=False) if t},
        )

    def stands(self, parent: bytes, claim: bytes) -> bool:
        """Whether a claim is posted on its parent, and was not discarded since."""
        status = self.claim(claim)
        return status.posted and status.generation == self.claim(parent).children_generation

    def root(self, claim: bytes, suite: str) -> bytes | None:
        """The root that was vouched for; None if no type has yet."""
        root = bytes(self._view("root", claim, self.names.suite_index(suite)))
        return root if any(root) else None

    def state_root(self, claim: bytes) -> bytes:
        """The state root of a claim whose roots were all vouched for.

        Raises:
            RefusedError: some root was not.
        """
        return self.l1.call(self.address, self.encode("state_root", [claim]))

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
            _, arguments = self.decode_call(bytes(tx["input"]))
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

    def vouched_with(self, tx_hash: bytes) -> tuple[str, bytes, bytes, tuple[SuiteResult, ...], bytes, bytes]:
        """What a transaction vouched with, by calldata: type, parent, journal hash, results, payee, proof.

        Raises:
            L1Error: it does not stand there. Anyone may vouch through a contract of their own.
        """
        tx = self.l1.web3.eth.get_transaction(tx_hash)  # type: ignore[arg-type]
        data, long_proof = bytes(tx["input"]), None
        try:
            if not tx["to"]:
                raise ValueError("one that creates a contract")
            if raw(tx["to"]) != self.address:
                entry = self.l1.web3.eth.contract(address=tx["to"], abi=_LONG_PROOFS)
                _, outer = entry.decode_function_input(data)
                data, long_proof = bytes(outer["data"]), bytes(outer["proof"])
            function, a = self.decode_call(data)
            if function != "vouch":
                raise ValueError(function)
            type_name = self._type(a["proof_type"])
        except (ValueError, LookupError, Web3Exception, DecodingError) as error:
            raise L1Error(
                f"vouch: expected a call of vouch in transaction 0x{tx_hash.hex()}, got {error}"
            ) from error
        rows = [r.values() if isinstance(r, Mapping) else r for r in a["results"]]
        results = tuple(SuiteResult(*map(bytes, row)) for row in rows)
        proof = bytes(a["proof"]) if long_proof is None else long_proof
        if type_name == stark.NAME and long_proof is not None:
            adapter, status = raw(tx["to"]), self.proof_type(type_name)
            if adapter not in (status.adapter, status.next_adapter):
                raise L1Error(f"vouch: expected a call of the adapter of stark, got one of 0x{adapter.hex()}")
            proof = stark.whole_proof(self.l1, adapter, tx["from"], tx["blockNumber"], long_proof)
        return type_name, bytes(a["parent"]), bytes(a["journal_hash"]), results, raw(a["payee"]), proof

    def _event(self, name: str, arguments: Any) -> Event:
        a: Mapping[str, Any] = arguments
        match name:
            case "Posted":
                return Posted(
                    bytes(a["claim"]),
                    bytes(a["parent"]),
                    bytes(a["journal_hash"]),
                    a["number"],
                    a["queue_end"],
                )
            case "Vouched":
                return Vouched(bytes(a["claim"]), self._type(a["proof_type"]), raw(a["payee"]))
            case "RootConflict":
                return RootConflict(
                    bytes(a["claim"]),
                    self._type(a["proof_type"]),
                    self.names.suites[a["suite"]],
                    bytes(a["recorded"]),
                    bytes(a["found"]),
                )
            case "Finalised":
                top = a["final"] >> TOP_TIER & 1
                return Finalised(
                    bytes(a["claim"]), a["number"], a["final"], bytes(a["state_root"]) if top else None
                )
            case _:
                return Happened(self.name, name, dict(a))

    def _type(self, index: int) -> str:
        if index >= len(self.names.types):
            self.names = self._read_names()
        return self.names.types[index]
