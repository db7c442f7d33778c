"""The core contracts on a bare EVM, for tests of many calls: revm in this process, no node, no signatures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyrevm
from eth_abi.abi import decode, encode
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address
from settlement_support import BINDERS, CONTRACTS, PROGRAM, ROOTS, RULES, journal

from multiprover.settlement import claims
from multiprover.settlement.contracts import artifact, sources
from multiprover.settlement.l1 import contract_address

FOLDERS = (sources(), CONTRACTS)

EPOCH = 1024
START = 1_800_000_000
DAY = 86_400
HOUR = 3_600
TIMELOCK, COUNCIL_WINDOW, PROOF_WINDOW = 30 * DAY, 7 * DAY, 7 * DAY
MAX_DELAY = 30 * DAY
FORCE_WINDOW, LATE_WINDOW = DAY, 14 * DAY
BOND, BOUNTY = 10**18, 5 * 10**17
UNLIMITED = 2**64 - 1
GAS_CAP = 200_000
ACTIVE, QUARANTINED, DISABLED = range(3)
TOP = 8
NO_WINNER = 255
FROM_L1 = 0b1100
PAYEE = b"\x77" * 20

DEPLOYER, OPERATOR, COUNCIL, SEQUENCER, STRANGER, OTHER = (
    keccak(name.encode())[12:]
    for name in ("deployer", "operator", "council", "sequencer", "stranger", "other")
)


class Reverted(Exception):
    """A contract's reason; empty if it gave none."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def folder_of(name: str) -> Path:
    return next(folder for folder in FOLDERS if (folder / f"{name}.vy").exists())


@cache
def compiled(name: str) -> Any:
    return artifact(name, folder_of(name))


def _type(component: Mapping[str, Any]) -> str:
    kind: str = component["type"]
    if kind.startswith("tuple"):
        return "(" + ",".join(_type(c) for c in component["components"]) + ")" + kind[5:]
    return kind


def _plain(value: Any) -> Any:
    """Addresses as 20 bytes, all the way down."""
    if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
        return bytes.fromhex(value[2:])
    if isinstance(value, tuple | list):
        return tuple(_plain(v) for v in value)
    return value


def _named(component: Mapping[str, Any], value: Any) -> Any:
    """A struct as a dictionary."""
    kind = component["type"]
    if kind == "tuple":
        return {c["name"]: _named(c, v) for c, v in zip(component["components"], value, strict=True)}
    if kind.startswith("tuple["):
        return [_named({**component, "type": "tuple"}, v) for v in value]
    return value


class Machine:
    """An EVM whose clock stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START
        self.evm = pyrevm.EVM(spec_id="PRAGUE")
        self.calls = 0
        self.logs: list[Any] = []
        for account in (DEPLOYER, OPERATOR, COUNCIL, SEQUENCER, STRANGER, OTHER):
            self.evm.set_balance(to_checksum_address(account), 10**24)
        self.set_time(START)

    def set_time(self, now: int) -> None:
        self.now = now
        self.evm.set_block_env(pyrevm.BlockEnv(number=1, timestamp=now, basefee=0))

    def call(self, sender: bytes, to: bytes, data: bytes, value: int = 0, static: bool = False) -> bytes:
        self.calls += not static
        try:
            answer = self.evm.message_call(
                caller=to_checksum_address(sender),
                to=to_checksum_address(to),
                calldata=data,
                value=value,
                is_static=static,
            )
        except RuntimeError as error:
            raise Reverted(_reason(str(error))) from None
        if not static:
            self.logs = self.evm.result.logs
        return bytes(answer)

    def create(self, sender: bytes, code: bytes, value: int = 0) -> bytes:
        try:
            return bytes.fromhex(self.evm.deploy(to_checksum_address(sender), code, value)[2:])
        except RuntimeError as error:
            raise Reverted(_reason(str(error))) from None

    def balance(self, account: bytes) -> int:
        return int(self.evm.get_balance(to_checksum_address(account)))


def _reason(message: str) -> str:
    found = re.search(r"output: 0x([0-9a-f]*)", message)
    raw = bytes.fromhex(found.group(1)) if found else b""
    return str(decode(["string"], raw[4:])[0]) if raw[:4] == bytes.fromhex("08c379a0") else ""


class Contract:
    """Calls by name: ``contract.send.vouch(sender, ...)``, ``contract.view.claim(...)``."""

    def __init__(self, machine: Machine, name: str, address: bytes) -> None:
        self.machine = machine
        self.name = name
        self.address = address
        self.functions = {entry["name"]: entry for entry in compiled(name).abi if entry["type"] == "function"}
        self.topics = {
            keccak(f"{e['name']}({','.join(_type(i) for i in e['inputs'])})".encode()): e
            for e in compiled(name).abi
            if e["type"] == "event"
        }

    def data(self, function: str, *arguments: Any) -> bytes:
        types = [_type(i) for i in self.functions[function]["inputs"]]
        selector = keccak(f"{function}({','.join(types)})".encode())[:4]
        return selector + encode(types, arguments)

    def send(self, sender: bytes, function: str, *arguments: Any, value: int = 0) -> Any:
        data = self.data(function, *arguments)
        return self._decode(function, self.machine.call(sender, self.address, data, value))

    def view(self, function: str, *arguments: Any) -> Any:
        data = self.data(function, *arguments)
        return self._decode(function, self.machine.call(STRANGER, self.address, data, static=True))

    def _decode(self, function: str, raw: bytes) -> Any:
        outputs = self.functions[function]["outputs"]
        values = _plain(decode([_type(o) for o in outputs], raw))
        named = [_named(o, v) for o, v in zip(outputs, values, strict=True)]
        return named[0] if len(named) == 1 else tuple(named)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Those of the last transaction."""
        found = []
        for entry in self.machine.logs:
            topics = [
                bytes.fromhex(t.removeprefix("0x")) if isinstance(t, str) else bytes(t) for t in entry.topics
            ]
            event = self.topics.get(topics[0])
            if event is None or event["name"] != name:
                continue
            if bytes.fromhex(entry.address.removeprefix("0x")) != self.address:
                continue
            data = entry.data[1] if isinstance(entry.data, tuple) else entry.data
            plain = [i for i in event["inputs"] if not i["indexed"]]
            values = dict(
                zip([i["name"] for i in plain], decode([_type(i) for i in plain], bytes(data)), strict=True)
            )
            indexed = [i for i in event["inputs"] if i["indexed"]]
            for i, topic in zip(indexed, topics[1:], strict=True):
                values[i["name"]] = decode([i["type"]], topic)[0]
            found.append({name: _plain(value) for name, value in values.items()})
        return found


@dataclass(frozen=True)
class TypeSpec:
    """A proof type of a core deployment, with a mock adapter."""

    name: str
    suites: tuple[str, ...]
    binds: bool


TYPES = (
    TypeSpec("g", ("bn254",), True),
    TypeSpec("h", ("mock",), True),
    TypeSpec("k", ("bn254",), True),
    TypeSpec("s", ("bn254", "mock"), False),
)
G, H, K, S = range(4)
SUITES = ("bn254", "mock")

Alternatives = Sequence[tuple[Sequence[int], int]]


def mask(types: Sequence[int]) -> int:
    return sum(1 << t for t in types)


def policy(
    tiers: Sequence[tuple[int, Alternatives]],
    weights: Sequence[int] = (3, 5, 6, 7),
    accepts_halt: bool = False,
) -> tuple[Any, ...]:
    """The struct that L1 takes: tiers of a limit in gwei and alternatives of types and a delay in seconds."""
    rows = [(limit, [(mask(types), delay) for types, delay in alternatives]) for limit, alternatives in tiers]
    return rows, list(weights), accepts_halt


TIERS: tuple[tuple[int, Alternatives], ...] = (
    (100, (((G, H), 0), ((H, K), 600), ((S,), HOUR))),
    (10_000, (((G, H, S), 0), ((G, H), 2 * HOUR), ((H, K), 2 * HOUR), ((K, S), 2 * HOUR), ((S,), DAY))),
    (
        UNLIMITED,
        (((G, H, K, S), 0), ((G, H, S), HOUR), ((G, H), DAY), ((H, K), DAY), ((K, S), DAY), ((G, S), DAY)),
    ),
)
POLICY = policy(TIERS)


@dataclass
class Core:
    """Settlement, Governance, Sequencing over mock adapters, mock bindings and a stub of a bridge."""

    machine: Machine
    settlement: Contract
    governance: Contract
    sequencing: Contract
    bridge: Contract
    adapters: list[bytes]
    types: tuple[TypeSpec, ...]
    policy: tuple[Any, ...]
    roots: dict[tuple[bytes, str], bytes] = field(default_factory=dict)

    @classmethod
    def deploy(
        cls,
        first_policy: tuple[Any, ...] = POLICY,
        types: tuple[TypeSpec, ...] = TYPES,
        *,
        adapters: Mapping[str, bytes] | None = None,
        machine: Machine | None = None,
        bounty: int = BOUNTY,
        funds: int = 3 * BOUNTY // 2,
        bond: int = BOND,
        council: bytes = COUNCIL,
    ) -> Core:
        m = machine or Machine()
        nonce = m.evm.basic(to_checksum_address(DEPLOYER)).nonce
        create = lambda name, data=b"", value=0: m.create(DEPLOYER, compiled(name).bytecode + data, value)  # noqa: E731
        bindings = {"bn254": create("Bn254Binding"), "mock": create("MockBinding")}
        check = create("PolicyCheck")
        bridge = create("StubBridge")
        own = dict(adapters or {})
        places = [own.get(t.name) or create("MockAdapter", encode(["string"], [t.name])) for t in types]
        nonce = m.evm.basic(to_checksum_address(DEPLOYER)).nonce
        at = [contract_address(DEPLOYER, nonce + i) for i in range(3)]
        settlement, governance, sequencing = at
        rows = [
            (
                claims.proof_type_id(t.name),
                places[i],
                mask([SUITES.index(s) for s in t.suites]),
                t.binds,
                GAS_CAP,
            )
            for i, t in enumerate(types)
        ]
        program = (
            PROGRAM.program_id, PROGRAM.slots, PROGRAM.input_words, PROGRAM.output_words, PROGRAM.cell_words
        )  # fmt: skip
        suites = [(claims.suite_id(s), bindings[s], ROOTS[s]) for s in SUITES]
        made = create(
            "Settlement",
            constructor(
                "Settlement",
                program, len(RULES.kinds), FROM_L1, suites, rows, governance,
                bridge, sequencing, PROOF_WINDOW,
            ),
        )  # fmt: skip
        assert made == settlement
        create(
            "Governance",
            constructor(
                "Governance",
                settlement,
                check,
                OPERATOR,
                council,
                TIMELOCK,
                COUNCIL_WINDOW,
                bounty,
                first_policy,
            ),
            funds,
        )
        create(
            "Sequencing",
            constructor("Sequencing", settlement, bridge, SEQUENCER, bond, FORCE_WINDOW, LATE_WINDOW),
            bond,
        )
        return cls(
            m,
            Contract(m, "Settlement", settlement),
            Contract(m, "Governance", governance),
            Contract(m, "Sequencing", sequencing),
            Contract(m, "StubBridge", bridge),
            places,
            types,
            first_policy,
        )

    # Time

    def wait(self, seconds: int) -> None:
        self.machine.set_time(self.machine.now + seconds)

    # Claims

    @property
    def genesis(self) -> bytes:
        return bytes(self.settlement.view("genesis_claim"))

    @property
    def domain(self) -> bytes:
        return claims.domain(1, self.settlement.address, PROGRAM.program_id)

    def claim(self, id: bytes) -> dict[str, Any]:
        return dict(self.settlement.view("claim", id))

    def commitments(self, c: int = 7) -> list[bytes]:
        return [c.to_bytes(32, "big")] * len(SUITES)

    def enqueue(self, words: bytes, sender: bytes = STRANGER) -> tuple[bytes, bytes]:
        """The entry's origin and the hash of its words."""
        self.bridge.send(sender, "enqueue", words)
        return sender + self.machine.now.to_bytes(12, "big"), keccak(words)

    def post(
        self, parent: bytes, data: bytes, origins: Sequence[bytes] = (), sender: bytes = SEQUENCER, c: int = 7
    ) -> bytes:
        return bytes(self.settlement.send(sender, "post", parent, data, self.commitments(c), list(origins)))

    def take_seat(self, sender: bytes) -> None:
        self.sequencing.send(sender, "take_seat", value=BOND)

    def propose(self, parent: bytes, data: bytes, first: bytes, c: int = 7) -> bytes:
        return bytes(self.settlement.send(STRANGER, "propose", parent, data, first, self.commitments(c)))

    def rows(
        self, proof_type: int, parent: bytes, data: bytes, roots: Mapping[str, int], c: int = 7
    ) -> list[Any]:
        """The results that an honest prover of a type gives."""
        claim = claims.claim_id(parent, data)
        rows = []
        for suite in self.types[proof_type].suites:
            root = roots[suite].to_bytes(32, "big")
            if self.types[proof_type].binds:
                commitment = c.to_bytes(32, "big")
                rows.append((root, commitment, *BINDERS[suite](self.domain, claim, commitment, data)))
            else:
                rows.append((root, bytes(32), bytes(32), bytes(32)))
        return rows

    def proof(
        self,
        proof_type: int,
        claim: bytes,
        rows: Sequence[Any],
        pre_roots: Mapping[str, bytes],
        mode: bytes = b"\x01",
        payee: bytes = PAYEE,
    ) -> bytes:
        """What a mock adapter accepts: it holds the hash of the whole statement."""
        suites = [(pre_roots[s], *row) for s, row in zip(self.types[proof_type].suites, rows, strict=True)]
        kind = "(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])"
        return mode + keccak(encode([kind], [(self.domain, claim, payee, suites)]))

    def pre_roots(self, parent: bytes) -> dict[str, bytes]:
        return {s: bytes(self.settlement.view("root", parent, i)) for i, s in enumerate(SUITES)}

    def vouch(
        self,
        proof_type: int,
        parent: bytes,
        data: bytes,
        roots: Mapping[str, int],
        *,
        mode: bytes = b"\x01",
        c: int = 7,
        sender: bytes = STRANGER,
    ) -> bytes:
        """A vouch whose proof the mock adapter accepts, unless ``mode`` says otherwise."""
        rows = self.rows(proof_type, parent, data, roots, c)
        claim = claims.claim_id(parent, data)
        proof = self.proof(proof_type, claim, rows, self.pre_roots(parent), mode)
        self.settlement.send(
            sender, "vouch", proof_type, parent, claims.journal_hash(data), rows, PAYEE, proof
        )
        return claim

    def settle(self, parent: bytes, data: bytes) -> None:
        self.settlement.send(STRANGER, "settle", parent, claims.journal_hash(data))

    def show(self, parent: bytes, a: bytes, b: bytes) -> None:
        self.governance.send(
            STRANGER, "show_conflict", parent, claims.journal_hash(a), claims.journal_hash(b)
        )

    def convict(
        self,
        proof_type: int,
        parent: bytes,
        data: bytes,
        first: bytes,
        roots: Mapping[str, int],
        mode: bytes = b"\x01",
    ) -> None:
        rows = self.rows(proof_type, parent, data, roots)
        proof = self.proof(proof_type, claims.claim_id(parent, data), rows, self.pre_roots(parent), mode)
        hashes = claims.journal_hash(data), claims.journal_hash(first)
        self.governance.send(STRANGER, "convict", proof_type, parent, *hashes, rows, PAYEE, proof)

    def canary(self, proof_type: int, data: bytes, roots: Mapping[str, int], mode: bytes = b"\x01") -> None:
        rows = self.rows(proof_type, self.genesis, data, roots)
        proof = self.proof(proof_type, claims.claim_id(self.genesis, data), rows, ROOTS, mode)
        self.governance.send(STRANGER, "canary", proof_type, data, rows, PAYEE, proof)

    # What stands

    def status(self, proof_type: int) -> int:
        return int(self.settlement.view("proof_type", proof_type)["status"])

    def head(self, proof_type: int) -> bytes:
        return bytes(self.settlement.view("head", proof_type))

    def final(self, id: bytes) -> int:
        return int(self.claim(id)["final"])

    def conflict(self, index: int) -> dict[str, Any]:
        return dict(self.governance.view("conflict", index))

    def new_adapter(self, name: str) -> bytes:
        return self.machine.create(DEPLOYER, compiled("MockAdapter").bytecode + encode(["string"], [name]))


def constructor(name: str, *values: Any) -> bytes:
    entry = next(e for e in compiled(name).abi if e["type"] == "constructor")
    return encode([_type(i) for i in entry["inputs"]], values)


def batch(number: int, inputs: Sequence[bytes] = ()) -> bytes:
    """A journal that no other number has."""
    return journal(inputs, number)


def roots(number: int) -> dict[str, int]:
    """The roots after a batch, as every honest type gives them."""
    return {"bn254": 1_000 * number + 1, "mock": 1_000 * number + 2}
