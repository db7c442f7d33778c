"""Planted faults: one component is broken at a time, a false batch is made for it, and every proof type is
asked.

A cell of the matrix is measured: the type's real code, or the build with the fault, looked at the batch. A
circuit accepts when no constraint refuses a witness for the false statement; where the fault leaves a value
free that only another witness uses, it accepts when mutants with another statement survive.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest import mock

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from multiprover_native import Bn254SigningKey

from multiprover.lang.concrete import ConcreteRun
from multiprover.lang.values import SymbolicInt
from multiprover.ledger.batch import Authorizer, Transaction
from multiprover.program import Code
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.errors import ProverError
from multiprover.provers.manifest import Manifest
from multiprover.provers.registry import Entry, Fleet, Registry
from multiprover.settlement import claims, embedded, plonky2, stark
from multiprover.settlement.claims import signer_address
from multiprover.settlement.contracts import artifact
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1
from multiprover.soundness import bank, forging, settling
from multiprover.soundness.bank import NONCE_RULE, SOURCE
from multiprover.soundness.checkers import ALL, TOOLS, CheckerError, Tool
from multiprover.soundness.halo2_planting import HALO2, halo2_tool
from multiprover.soundness.mutation import Requests
from multiprover.soundness.planting import (
    Patch,
    Planted,
    build_go,
    patched_contract,
    patched_solidity,
    patched_tool,
    planted_tool,
)
from multiprover.soundness.programs import load_class
from multiprover.soundness.settling import Lie, Outcome
from multiprover.soundness.stark_planting import STARK, stark_tool
from multiprover.soundness.transition import Step
from multiprover.soundness.world import Case, World
from multiprover.suites import get
from multiprover.suites.bn254 import Bn254
from multiprover.suites.goldilocks import Goldilocks
from multiprover.suites.koalabear import KoalaBear

MUTANTS = 12_000
"""Lies told to a build with a fault, where the fault shows only in mutants."""

POLICIES: Mapping[str, tuple[str, ...]] = {
    "groth16 + sgx": ("groth16", "sgx"),
    "groth16 + plonky2": ("groth16", "plonky2"),
    "triple": ("groth16", "plonky2", "sgx"),
    "four": ("groth16", "halo2", "plonky2", "sgx"),
}
"""Deployments, each with the default policy by value."""

INPUTS: tuple[Lie, ...] = ("inputs",)
RESULT: tuple[Lie, ...] = ("result",)
ANYTHING: tuple[Lie, ...] = ("result", "inputs", "root")
"""What a liar can have accepted: see :data:`.settling.Lie`."""


@dataclass(frozen=True)
class Cell:
    """What one type made of the false batch: ``how`` in a few words."""

    accepts: bool
    how: str


@dataclass(frozen=True)
class Row:
    """One fault, measured.

    Attributes:
        rests: the types whose manifest lists the component.
        foreseen: the types that the fault was expected to break.
        lies: what can be false in a batch that they accept.
    """

    fault: str
    layer: str
    component: str
    what: str
    cells: Mapping[str, Cell]
    rests: tuple[str, ...]
    foreseen: tuple[str, ...]
    lies: tuple[Lie, ...] = INPUTS

    @property
    def broken(self) -> tuple[str, ...]:
        return tuple(name for name in ALL if self.cells[name].accepts)

    @property
    def as_foreseen(self) -> bool:
        return self.broken == self.foreseen

    @property
    def within_manifests(self) -> bool:
        """Whether each type that accepts has the component in its manifest. A fault without a component lies
        outside of every proof type.
        """
        return not self.component or set(self.broken) <= set(self.rests)

    def plays(self, policy: str) -> list[tuple[Lie, Outcome, Outcome]]:
        """What L1 does under a policy, by what is false; with the council at work, and silent."""
        types = POLICIES[policy]
        liars = set(self.broken) & set(types)
        if not liars:
            return []
        return [
            (
                lie,
                settling.played(types, liars, lie, council=True),
                settling.played(types, liars, lie, council=False),
            )
            for lie in self.lies
        ]

    def settles(self) -> dict[str, str]:
        """By policy, what L1 does at worst with the council at work."""
        outcome = {}
        for policy in POLICIES:
            plays = self.plays(policy)
            outcome[policy] = settling.worst(o for _, o, _ in plays).text if plays else "no vouch"
        return outcome

    def document(self) -> dict[str, Any]:
        return {
            "fault": self.fault,
            "layer": self.layer,
            "component": self.component,
            "what": self.what,
            "accepts": {name: self.cells[name].accepts for name in ALL},
            "how": {name: self.cells[name].how for name in ALL},
            "rests_on_it": list(self.rests),
            "foreseen": list(self.foreseen),
            "as_foreseen": self.as_foreseen,
            "within_manifests": self.within_manifests,
            "settlement": self.settles(),
        }


class Bench:
    """The real types, and where faults are measured."""

    def __init__(self) -> None:
        self.tools = {name: Tool.of(name) for name in TOOLS}
        self.enclave = Requests()

    def close(self) -> None:
        for tool in self.tools.values():
            tool.close()
        self.enclave.close()

    def ask(self, case: Case, faulty: Mapping[str, Tool] | None = None) -> dict[str, Cell]:
        """Every type about a false batch; ``faulty`` stand in for the real ones."""
        cells = {}
        for name, tool in {**self.tools, **(faulty or {})}.items():
            verdict = tool.check(case)
            how = f"{verdict.violated} constraints violated"
            if verdict.violated == 0:
                how = "no constraint violated" if verdict.proves else "its witness gives another statement"
            cells[name] = Cell(verdict.proves, how)
        verdict = self.enclave.check(case)
        cells["sgx"] = Cell(verdict.accepts, "vouches" if verdict.accepts else _short(verdict.refusal or ""))
        return {name: cells[name] for name in ALL}


def _short(refusal: str) -> str:
    text = refusal.split(": expected", maxsplit=1)[0]
    return text if len(text) <= 90 else text[:87] + "…"


@dataclass(frozen=True)
class Fault:
    """A fault to plant.

    Attributes:
        foreseen: the types that should accept the false batch.
        measure: plants it, attacks, and gives what each type made of it.
        lies: what can be false in a batch that they accept; the first is that of ``measure``.
        stands_for: why the plant shows what the fault does, where it is another one of the same effect.
    """

    name: str
    layer: str
    component: str
    what: str
    foreseen: tuple[str, ...]
    measure: Callable[[Bench], dict[str, Cell]] = field(repr=False)
    lies: tuple[Lie, ...] = INPUTS
    stands_for: str = ""


# -- false batches


def replayed(world: World | None = None, source: str = SOURCE) -> Case:
    """A payment for a nonce that is not the account's: only a requirement is broken."""
    at = world or bank.world()
    transaction = bank.payment(at, nonce=3).on(at)
    return at.forged("replay", (source, bank.CLASS), [transaction], 1, "nonce")


def overflowing() -> Case:
    """A payment that takes the receiver's balance out of its type: only a range is broken."""
    at = bank.world()
    return at.forged("overflow", (SOURCE, bank.CLASS), [bank.payment(at, amount=9_000).on(at)], 1, "range")


def unsigned(places: Sequence[int]) -> Case:
    """A payment whose signatures have a bit changed at ``places``, one a suite."""
    at = bank.world()
    good = bank.payment(at).on(at)
    transaction = Transaction(good.words, (spoilt(good.signatures[0], places),))
    return at.forged("bad signature", (SOURCE, bank.CLASS), [transaction], 1, "signature")


def spoilt(signatures: Sequence[bytes], places: Sequence[int]) -> tuple[bytes, ...]:
    """The signatures, one a suite, with a bit changed at ``places``."""
    return tuple(
        signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
        for signature, place in zip(signatures, places, strict=True)
    )


def another_key() -> Case:
    """A payment that the receiver signed, not the payer."""
    at = bank.world()
    receiver = bank.wallets(at.program.suites)[1]
    transaction = replace(bank.payment(at), signers=[(receiver, 0)]).on(at)
    return at.forged("another key", (SOURCE, bank.CLASS), [transaction], 1, "signature")


def off_curve() -> Case:
    """A payment by an account whose key is of (0, 0), which is on no curve, with a signature of zeros. The
    other suites' have a bit changed.
    """
    at = bank.world()
    record = list(at.state.read_record(0, 1))
    key = record[0]
    # The part under bn254 is of (0, 0); the others stay the holder's.
    record[0] = type(key)(forging.off_curve_key() + key.data[32:])
    at.state.write(0, 1, record)
    good = bank.payment(at).on(at)
    transaction = Transaction(good.words, ((bytes(160), *spoilt(good.signatures[0], SPOILT)[1:]),))
    return at.forged("off the curve", (SOURCE, bank.CLASS), [transaction], 1, "A is on no curve")


def forged_signature() -> Case:
    """A payment signed by nobody: under ``bn254``, R = S·Base8 for an S of the liar's, which needs no key
    where h multiplies the identity. The other suites' signatures have a bit changed.
    """
    at = bank.world()
    good = bank.payment(at).on(at)
    secret = (815).to_bytes(64, "big")
    # The key of this secret is S·Base8 for S = 815: it is the first point of any of its signatures.
    point = Bn254SigningKey(secret, bytes(64)).sign(bytes(32), 0)[:64]
    own = good.signatures[0][0][:64] + point + (815).to_bytes(32, "big")
    transaction = Transaction(good.words, ((own, *spoilt(good.signatures[0], SPOILT)[1:]),))
    return at.forged("forged signature", (SOURCE, bank.CLASS), [transaction], 1, "signature")


def inflated() -> Case:
    """A payment by an account whose record is opened with a balance that it does not have."""
    honest = bank.world()
    rich = bank.world()
    record = list(rich.state.read_record(0, 1))
    record[1] = 4_000
    poor = list(record)
    poor[1] = 40
    honest.state.write(0, 1, poor)
    rich.state.write(0, 1, record)
    case = rich.forged(
        "false opening",
        (SOURCE, bank.CLASS),
        [bank.payment(rich).on(rich)],
        1,
        "an opening of another record",
    )
    before = honest.state.roots()
    for s, (suite, given) in enumerate(
        zip(case.prove.statement.suites, case.prove.pre_state.suites, strict=True)
    ):
        suite.pre_root = before.roots[s]
        given.map_roots[:] = before.maps[s]
    return case


def miscalculated(code: Code, added: int = 1) -> tuple[Case, int]:
    """A payment in which an operation of a kind gives more than it should, and the operation's id."""
    at = bank.world()
    transaction = bank.payment(at).on(at)
    truth = at.run(transaction).outputs
    ops = [i for i, op in enumerate(at.program.ops) if op.code is code]
    found = next(i for i in reversed(ops) if at.run(transaction, {i: added}).outputs != truth)
    name = f"false {code.name}"
    why = f"{code.name} {added:+}"
    return at.forged(name, (SOURCE, bank.CLASS), [transaction], 1, why, {found: added}), found


def honest() -> Case:
    """A good payment."""
    at = bank.world()
    return at.honest("payment", (SOURCE, bank.CLASS), [bank.payment(at).on(at)], 1)


# -- planting


def _in_python(
    target: object, name: str, fault: Any, attack: Callable[[], Case]
) -> Callable[[Bench], dict[str, Cell]]:
    """Something of Python replaced while the batch is made and looked at."""

    def measure(bench: Bench) -> dict[str, Cell]:
        with mock.patch.object(target, name, fault):
            return bench.ask(attack())

    return measure


def _in_circuit(
    prover: str,
    patches: Sequence[Patch],
    attack: Callable[[], Case],
    *,
    mutants: bool = False,
) -> Callable[[Bench], dict[str, Cell]]:
    """A circuit built with patched sources. ``mutants``: the false witness is one that its honest generator
    does not make.
    """

    def measure(bench: Bench) -> dict[str, Cell]:
        with patched_tool(prover, patches) as tool:
            if not mutants:
                return bench.ask(attack(), {prover: tool})
            cells = bench.ask(attack())
            report = tool.mutate(honest(), MUTANTS, 1)
            survived = len(report["survived"])
            return {**cells, prover: Cell(survived > 0, f"{survived} of {MUTANTS} mutants survive")}

    return measure


IN_RUST: Final = {"plonky2": planted_tool, "halo2": halo2_tool, "stark": stark_tool}
"""By prover, its constraint checker with a fault in its own sources."""


def _in_rust(prover: str, fault: str, attack: Callable[[], Case]) -> Callable[[Bench], dict[str, Cell]]:
    """A fault of a prover's own sources."""

    def measure(bench: Bench) -> dict[str, Cell]:
        with IN_RUST[prover](fault) as tool:
            return bench.ask(attack(), {prover: tool})

    return measure


def _rounded_down(planted: Planted, fault: str) -> Callable[[Bench], dict[str, Cell]]:
    """The witness has one less for the quotient and the divisor more for the remainder."""

    def measure(bench: Bench) -> dict[str, Cell]:
        case, op = miscalculated(Code.DIVMOD, -1)
        cells, prover = bench.ask(case), planted.prover
        with planted.tool(lie=op) as tool:
            if tool.check(case).proves:
                raise CheckerError(f"{prover}: without a fault, it takes a remainder beyond the divisor")
        with planted.tool(fault, op) as tool:
            verdict = tool.check(case)
        how = "no constraint violated" if verdict.proves else f"{verdict.violated} constraints violated"
        return {**cells, prover: Cell(verdict.proves, how)}

    return measure


def _in_constant(prover: str, patches: Sequence[Patch]) -> Callable[[Bench], dict[str, Cell]]:
    """A circuit that proves nothing true any more: asked about a true batch too."""

    def measure(bench: Bench) -> dict[str, Cell]:
        with patched_tool(prover, patches) as tool:
            verdict = tool.check(honest())
            if verdict.accepts:
                raise CheckerError(f"{prover}: the planted constant changes nothing")
            cells = bench.ask(replayed(), {prover: tool})
            how = f"refuses true batches too: {verdict.violated} constraints violated"
            return {**cells, prover: Cell(cells[prover].accepts, how)}

    return measure


GADGETS = "internal/gadgets"


def _go(file: str, before: str, after: str) -> tuple[Patch]:
    return (Patch(file, before, after),)


def _unbound_payee(bench: Bench) -> dict[str, Cell]:
    """The circuit leaves the payee out; the prover is asked for keys."""
    patch = Patch(
        "internal/lowering/circuit.go",
        "for _, v := range []frontend.Variable{c.Z, c.Payee, c.Domain} {",
        "for _, v := range []frontend.Variable{c.Z, c.Domain} {",
    )
    case = honest()
    with tempfile.TemporaryDirectory(prefix="multiprover-fault-") as folder:
        program = build_go([patch], "prover", Path(folder))
        registry = Registry({"groth16": Entry(command=(str(program),))})
        with Fleet(registry, ["groth16"], Path(folder) / "cache") as fleet:
            if "groth16" in fleet.failures:
                raise CheckerError(str(fleet.failures["groth16"]))
            try:
                fleet.provers["groth16"].prepare(case.prepare)
            except ProverError as error:
                cell = Cell(False, f"no keys are made: {_short(str(error))}")
            else:
                cell = Cell(True, "keys are made in which the payee has no point")
    return {**bench.ask(replayed()), "groth16": cell}


def _leaked_enclave_key(bench: Bench) -> dict[str, Cell]:
    """Whoever has the key signs the false statement; the adapter on L1 is asked."""
    case = replayed()
    l1 = open_l1(None)
    operator = l1.dev_accounts()[0]
    secret = b"\x05" * 32
    adapter = forging.create(l1, "SgxAdapter", forging.sgx_arguments(l1, simulated=True))
    register(l1, adapter, operator, secret, quote=b"", simulated=True)
    statement = case.prove.statement
    proof = forging.leaked_vouch(statement, l1, secret)
    refusal = forging.offer(l1, adapter, statement, statement.suites, proof)
    return {**bench.ask(case), "sgx": _on_l1(refusal)}


def _debug_enclave(bench: Bench) -> dict[str, Cell]:
    """A key of an enclave in debug mode, which anyone can read, on an adapter that does not look."""
    case = replayed()
    l1 = open_l1(None)
    operator = l1.dev_accounts()[0]
    secret, measurement = b"\x06" * 32, b"\x0a" * 32
    patch = Patch(
        "contracts/SgxAdapter.vy",
        'convert(slice(quote, ATTRIBUTES_AT, 1), uint256) & DEBUG == 0, "sgx: debug enclave"',
        "True",
    )
    arguments = forging.sgx_arguments(l1, simulated=False, measurement=measurement)
    quote = forging.quote(measurement, secret, debug=True)
    real = forging.create(l1, "SgxAdapter", arguments)
    with contextlib.suppress(RefusedError):
        register(l1, real, operator, secret, quote=quote, simulated=False)
        raise CheckerError("the real adapter takes a key of an enclave in debug mode")
    with patched_contract("SgxAdapter", [patch]) as folder:
        adapter = forging.create(l1, "SgxAdapter", arguments, folder)
    register(l1, adapter, operator, secret, quote=quote, simulated=False)
    statement = case.prove.statement
    proof = forging.leaked_vouch(statement, l1, secret)
    return {**bench.ask(case), "sgx": _on_l1(forging.offer(l1, adapter, statement, statement.suites, proof))}


def _toxic_waste(bench: Bench) -> dict[str, Cell]:
    """The setup's secrets were kept."""
    case = replayed()
    waste = forging.Waste.fresh()
    l1 = open_l1(None)
    statement = case.prove.statement
    adapter = forging.create(l1, "Groth16Adapter", waste.key(statement.domain))
    own = [s for s in statement.suites if s.suite == "bn254"]
    proof = waste.forge(forging.public_inputs(own[0], statement.payee, statement.domain))
    return {**bench.ask(case), "groth16": _on_l1(forging.offer(l1, adapter, statement, own, proof))}


def _halo2_by_secret() -> Cell:
    """What halo2's adapter says of a false statement's proof by whoever has the setup's secret."""
    l1, statement, tau = open_l1(None), replayed().prove.statement, forging.Tau.fresh()
    own = [s for s in statement.suites if s.suite == "bn254"]
    adapter = forging.create_halo2(l1, tau.key(), statement.domain)
    proof = tau.forge(l1, adapter, statement, own)
    another = forging.create_halo2(l1, forging.Tau.fresh().key(), statement.domain)
    if forging.offer(l1, another, statement, own, proof) is None:
        raise CheckerError("halo2: the adapter takes a proof by the secret of another setup")
    return _on_l1(forging.offer(l1, adapter, statement, own, proof))


def _known_tau(bench: Bench) -> dict[str, Cell]:
    """The secret of halo2's setup was kept."""
    return {**bench.ask(replayed()), "halo2": _halo2_by_secret()}


def _discrete_logarithms(bench: Bench) -> dict[str, Cell]:
    """Both setups' secrets follow from their keys."""
    return {**_toxic_waste(bench), "halo2": _halo2_by_secret()}


def _gamma_is_delta(bench: Bench) -> dict[str, Cell]:
    """A key with gamma = delta, on an adapter that does not look; the real one refuses to be made."""
    case = replayed()
    waste = forging.Waste.fresh(gamma_is_delta=True)
    l1 = open_l1(None)
    statement = case.prove.statement
    key = waste.key(statement.domain)
    with contextlib.suppress(RefusedError):
        forging.create(l1, "Groth16Adapter", key)
        raise CheckerError("the real adapter takes a key with gamma = delta")
    patch = Patch(
        "contracts/Groth16Adapter.vy",
        '    assert not self._same_x(gamma, delta), "groth16: gamma is delta"\n',
        "",
    )
    with patched_contract("Groth16Adapter", [patch]) as folder:
        adapter = forging.create(l1, "Groth16Adapter", key, folder)
    own = [s for s in statement.suites if s.suite == "bn254"]
    proof = waste.forge_from_key(forging.public_inputs(own[0], statement.payee, statement.domain))
    return {**bench.ask(case), "groth16": _on_l1(forging.offer(l1, adapter, statement, own, proof))}


def _on_l1(refusal: str | None) -> Cell:
    return Cell(refusal is None, "the adapter on L1 accepts" if refusal is None else f"L1: {refusal}")


def register(
    l1: L1, adapter: bytes, operator: LocalAccount, secret: bytes, *, quote: bytes, simulated: bool
) -> None:
    selector = keccak(b"register(address,bytes,bool)")[:4]
    signer = "0x" + signer_address(secret).hex()
    l1.transact(
        operator, adapter, selector + encode(["address", "bytes", "bool"], [signer, quote, simulated])
    )


def revoke(l1: L1, adapter: bytes, operator: LocalAccount, secret: bytes) -> None:
    """Bar an enclave's key."""
    signer = "0x" + signer_address(secret).hex()
    l1.transact(operator, adapter, keccak(b"revoke(address)")[:4] + encode(["address"], [signer]))


def _remainder_plonky2(bench: Bench) -> dict[str, Cell]:
    """The witness has one less for the quotient and the divisor more for the remainder."""
    case, op = miscalculated(Code.DIVMOD, -1)
    cells = bench.ask(case)
    lie = {"op": op, "added": -1}
    if bench.tools["plonky2"].check(case, lie=lie).proves:
        raise CheckerError("plonky2: the real circuit takes a remainder beyond the divisor")
    with planted_tool("remainder") as tool:
        verdict = tool.check(case, lie=lie)
    how = "no constraint violated" if verdict.proves else f"{verdict.violated} constraints violated"
    return {**cells, "plonky2": Cell(verdict.proves, how)}


def _weak_fiat_shamir(unabsorbed: str) -> Callable[[Bench], dict[str, Cell]]:
    """The verifier's transcript leaves something out; the forger knows and has a true batch at hand.

    Asked of the batch's own proof, whose circuit the recursions above verify by the same transcript.
    """

    def measure(bench: Bench) -> dict[str, Cell]:
        case, truth = replayed(), honest()
        lie = base64.b64encode(case.prove.SerializeToString()).decode()

        def forged(left_out: str) -> Cell:
            answer = bench.tools["plonky2"].ask("forge", truth, lie=lie, unabsorbed=left_out)
            return Cell(bool(answer["accepts"]), _short(str(answer["how"])))

        if forged("nothing").accepts:
            raise CheckerError("plonky2: the real verifier takes the forgery")
        return {**bench.ask(case), "plonky2": forged(unabsorbed)}

    return measure


def _lying_oracle(bench: Bench) -> dict[str, Cell]:
    """The operator brings a price that the world does not have: a true batch of false data."""
    at = bank.world()
    lie = Step("mark", {"price": 2**32 - 1}).on(at)
    case = at.honest("lying oracle", (SOURCE, bank.CLASS), [lie], 1)
    return bench.ask(case)


def _faulty_source(bench: Bench) -> dict[str, Cell]:
    """The rollup's own Python lacks a rule."""
    source = SOURCE.replace(NONCE_RULE, "")
    return bench.ask(replayed(bank.world(source), source))


@contextlib.contextmanager
def _tracer_without_requirements() -> Iterator[None]:
    tracer = importlib.import_module("multiprover.lang.tracer")
    runs = [v for v in vars(tracer).values() if isinstance(v, type) and "require" in vars(v)]
    if len(runs) != 1:
        raise CheckerError(f"tracer: expected one class with a require, found {len(runs)}")
    with mock.patch.object(runs[0], "require", return_value=None):
        yield


def _tracer(bench: Bench) -> dict[str, Cell]:
    with _tracer_without_requirements():
        return bench.ask(replayed())


def _sgx_module(name: str) -> Any:
    return importlib.import_module(f"multiprover_sgx.{name}")


def _no_opening_check(bench: Bench) -> dict[str, Cell]:
    with mock.patch.object(_sgx_module("proving"), "_expect_root", return_value=None):
        return bench.ask(inflated())


# -- specifications, hashes and fields


def _specified_otherwise(bench: Bench) -> dict[str, Cell]:
    """EQ means that the lowest bits are equal: what the program says then is what a circuit of such a
    specification proves. The tracer writes it so, in the place of every implementer's reading.
    """
    real = SymbolicInt.__eq__

    def lowest_bits(self: SymbolicInt, other: object) -> SymbolicInt:
        return real((self - other) % 2, 0)

    with mock.patch.object(SymbolicInt, "__eq__", lowest_bits):
        at = bank.world()
    transaction = bank.payment(at, nonce=2).on(at)
    case = at.forged("specified otherwise", (SOURCE, bank.CLASS), [transaction], 1, "nonce")
    with mock.patch.object(SymbolicInt, "__eq__", lowest_bits):
        return bench.ask(case)


GO_LEAF: Final = (
    Patch(
        "internal/lowering/ports.go",
        'import (\n\t"github.com',
        'import (\n\t"math/big"\n\n\t"github.com',
    ),
    Patch(
        "internal/lowering/ports.go",
        "\tints, keys := b.encoded(p.types, record)\n\treturn b.Hash(suite.TagLeaf",
        "\tints, keys := b.encoded(p.types, record)\n\tn := 0\n\tfor i := range p.types {\n"
        "\t\tif !p.types[i].Key {\n\t\t\tints[n].Encoded = new(big.Int).Neg(p.types[i].Lo)\n"
        "\t\t\tn++\n\t\t}\n\t}\n\treturn b.Hash(suite.TagLeaf",
    ),
)
"""A leaf in which every integer's words are those of another."""


@cache
def _forgetful_leaf(suite: str) -> Callable[[Bench], dict[str, Cell]]:
    """Under one suite, all records with the same keys have one leaf; natively and in circuits. The account is
    then opened with a balance that it does not have, which leads to the root under this suite alone.
    """
    state, proving = importlib.import_module("multiprover.ledger.state"), _sgx_module("proving")
    real = state.leaf

    def forgetful(program: Any, s: int, native: Any, place: int, values: Sequence[Any]) -> bytes:
        if native.name == suite:
            fields = program.maps[place].fields
            values = [v if f.key else _blank(f, suite) for f, v in zip(fields, values, strict=True)]
        found: bytes = real(program, s, native, place, values)
        return found

    @cache
    def measure(bench: Bench) -> dict[str, Cell]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.object(state, "leaf", forgetful))
            stack.enter_context(mock.patch.object(proving, "leaf", forgetful))
            if suite == "bn254":
                tools = {
                    "groth16": stack.enter_context(patched_tool("groth16", GO_LEAF)),
                    "halo2": stack.enter_context(halo2_tool("leaf")),
                }
            else:
                prover = {"goldilocks": "plonky2", "koalabear": "stark"}[suite]
                tools = {prover: stack.enter_context(IN_RUST[prover]("leaf"))}
            for prover, tool in tools.items():
                if not tool.check(honest()).proves:
                    raise CheckerError(f"{prover}: expected the faulty circuit to take a true batch")
            return bench.ask(inflated(), tools)

    return measure


def _blank(place: Any, suite: str) -> int:
    """What stands for every value of a field: in ``bn254``'s circuits 0, in the others' words of 0."""
    return 0 if suite == "bn254" else int(place.lo)


ZERO_CHALLENGE: Final = Patch(
    "internal/suite/hash.go",
    "\treturn Reduce(digest[:])\n}\n\n// Keccak256 hashes",
    "\treturn Reduce(digest[:0])\n}\n\n// Keccak256 hashes",
)


def _colliding_keccak(bench: Bench) -> dict[str, Cell]:
    """keccak256 gives whatever the liar likes: claims of two journals are one, and challenges are 0, so that
    ``y`` is the first packed element and says nothing of the rest. A true batch is proved, by provers with
    the same keccak256, and its statement is taken for a journal that ends otherwise.
    """
    with (
        mock.patch.object(Bn254, "challenge", return_value=bytes(32)),
        mock.patch.object(Goldilocks, "challenge", return_value=bytes(32)),
        mock.patch.object(KoalaBear, "challenge", return_value=bytes(32)),
        patched_tool("groth16", [ZERO_CHALLENGE]) as groth16,
        halo2_tool("challenge") as halo2,
        planted_tool("challenge") as goldilocks,
        stark_tool("challenge") as koalabear,
    ):
        case = honest()
        false = case.prove.journal[:-4] + bytes(4)
        if false == case.prove.journal:
            raise CheckerError("expected another journal")
        for suite in case.prove.statement.suites:
            if get(suite.suite).evaluate(false, bytes(32)) != suite.evaluation:
                raise CheckerError(f"{suite.suite}: expected L1 to compute the same evaluation")
        # The statement has no other trace of the journal: c is taken as posted, and the claim is the same.
        tools = {"groth16": groth16, "halo2": halo2, "plonky2": goldilocks, "stark": koalabear}
        return bench.ask(case, tools)


def _alias(bench: Bench) -> dict[str, Cell]:
    """An adapter that takes elements for more than they are: a root and the root plus the modulus pass for
    one, and the wrong one is written down.
    """
    patch = Patch(
        "contracts/Groth16Adapter.vy",
        '    assert x[0] < R and x[1] < R and x[2] < R and x[3] < R and x[4] < R, "groth16: public input"\n',
        "",
    )
    case = honest()
    waste, l1, statement = forging.Waste.fresh(), open_l1(None), case.prove.statement
    own = next(s for s in statement.suites if s.suite == "bn254")
    proof = waste.forge(forging.public_inputs(own, statement.payee, statement.domain))
    other = pb.SuiteStatement()
    other.CopyFrom(own)
    other.post_root = (int.from_bytes(own.post_root, "big") + forging.R).to_bytes(32, "big")
    key = waste.key(statement.domain)
    real = forging.create(l1, "Groth16Adapter", key)
    if forging.offer(l1, real, statement, [own], proof) is not None:
        raise CheckerError("expected the real adapter to take the true statement")
    if forging.offer(l1, real, statement, [other], proof) is None:
        raise CheckerError("the real adapter takes an alias of a public input")
    with patched_contract("Groth16Adapter", [patch]) as folder:
        adapter = forging.create(l1, "Groth16Adapter", key, folder)
    cell = _on_l1(forging.offer(l1, adapter, statement, [other], proof))
    return {**bench.ask(replayed()), "groth16": cell}


def _alias_halo2(bench: Bench) -> dict[str, Cell]:
    """The same of halo2's adapter. The proof is made by the setup's secret, for the statement with the alias:
    an honest prover's would absorb the very same bytes.
    """
    check = '        require(inputs, "halo2: public input");\n'
    code = patched_solidity("Halo2Adapter", [Patch("Halo2Adapter.sol", check, "")])
    l1, statement, tau = open_l1(None), honest().prove.statement, forging.Tau.fresh()
    other = pb.SuiteStatement()
    other.CopyFrom(next(s for s in statement.suites if s.suite == "bn254"))
    other.post_root = (int.from_bytes(other.post_root, "big") + forging.R).to_bytes(32, "big")
    real = forging.create_halo2(l1, tau.key(), statement.domain)
    adapter = forging.create_halo2(l1, tau.key(), statement.domain, code)
    proof = tau.forge(l1, adapter, statement, [other])
    if "public input" not in (forging.offer(l1, real, statement, [other], proof) or ""):
        raise CheckerError("the real adapter does not refuse an alias of a public input")
    cell = _on_l1(forging.offer(l1, adapter, statement, [other], proof))
    return {**bench.ask(replayed()), "halo2": cell}


def _generous_precompile(bench: Bench) -> dict[str, Cell]:
    """The EVM's pairing check says yes to everything; the proofs are for other keys."""
    case = replayed()
    l1, statement = open_l1(None), case.prove.statement
    own = [s for s in statement.suites if s.suite == "bn254"]
    inputs = forging.public_inputs(own[0], statement.payee, statement.domain)
    adapter = forging.create(l1, "Groth16Adapter", forging.Waste.fresh().key(statement.domain))
    proof = forging.Waste.fresh().forge(inputs)
    halo2 = forging.create_halo2(l1, forging.Tau.fresh().key(), statement.domain)
    sample = forging.sample_halo2("proof")
    if None in (
        forging.offer(l1, adapter, statement, own, proof),
        forging.offer(l1, halo2, statement, own, sample),
    ):
        raise CheckerError("a real adapter takes a proof for another key")

    def yes(computation: Any) -> Any:
        computation.output = (1).to_bytes(32, "big")
        return computation

    pairing = embedded._ECPAIRING.to_bytes(20, "big")
    with mock.patch.dict(embedded._Computation._precompiles, {pairing: yes}):
        refusal = forging.offer(l1, adapter, statement, own, proof)
        other = forging.offer(l1, halo2, statement, own, sample)
    return {**bench.ask(case), "groth16": _on_l1(refusal), "halo2": _on_l1(other)}


@cache
def _idle_plonky2_adapter() -> bytes:
    calls = (
        "        _identities(inputs, fri, transcript, proof);\n"
        "        _reduceOpenings(fri, proof);\n"
        "        _commitPhase(fri, transcript, proof);\n"
        "        _queries(fri, transcript, proof);\n"
    )
    return patched_solidity("Plonky2Adapter", [Patch("Plonky2Adapter.sol", calls, "")])


def _idle_adapter(bench: Bench) -> dict[str, Cell]:
    """``Plonky2Adapter`` without its checks; bytes that are no proof are offered for the false statement."""
    case = replayed()
    l1, statement = open_l1(None), case.prove.statement
    (own,) = (s for s in statement.suites if s.suite == "goldilocks")
    key = plonky2.VerifierData(bytes(32), (bytes(32),) * plonky2.CAP_DIGESTS)
    operator = l1.dev_accounts()[0]
    code = plonky2.creation_code(key, statement.domain)
    real = l1.create(operator, code)
    arguments = code[len(artifact("Plonky2Adapter").bytecode) :]
    idle = l1.create(operator, _idle_plonky2_adapter() + arguments)
    proof = bytes(forging.plonky2_proof_bytes())
    if forging.offer_plonky2(l1, real, own, statement.payee, proof) is None:
        raise CheckerError("the real adapter takes zeros for a proof")
    refusal = forging.offer_plonky2(l1, idle, own, statement.payee, proof)
    return {**bench.ask(case), "plonky2": _on_l1(refusal)}


@cache
def _idle_halo2_adapter() -> bytes:
    check = '        require(_open(), "halo2: proof");\n'
    return patched_solidity("Halo2Adapter", [Patch("Halo2Adapter.sol", check, "")])


def _idle_halo2() -> Cell:
    """``Halo2Adapter`` without its last check, offered a proof of another key and statement."""
    l1, statement = open_l1(None), replayed().prove.statement
    own = [s for s in statement.suites if s.suite == "bn254"]
    key, proof = forging.Tau.fresh().key(), forging.sample_halo2("proof")
    real = forging.create_halo2(l1, key, statement.domain)
    if forging.offer(l1, real, statement, own, proof) is None:
        raise CheckerError("the real adapter takes a proof of another key")
    idle = forging.create_halo2(l1, key, statement.domain, _idle_halo2_adapter())
    return _on_l1(forging.offer(l1, idle, statement, own, proof))


def _idle_adapter_halo2(bench: Bench) -> dict[str, Cell]:
    return {**bench.ask(replayed()), "halo2": _idle_halo2()}


@cache
def _idle_stark_adapter() -> bytes:
    entry = "        uint256 index = uint32(bytes4(proof[32:36]));\n"
    done = "        return (_slot(msg.sender, bytes32(proof[:32])), NUM_QUERIES << 8, proved);\n"
    return patched_solidity("StarkAdapter", [Patch("StarkAdapter.sol", entry, done + entry)])


def _idle_stark() -> Cell:
    """``StarkAdapter`` that returns before it verifies; a proof of another statement is offered."""
    l1, statement = open_l1(None), replayed().prove.statement
    (own,) = (s for s in statement.suites if s.suite == "koalabear")
    key, proof = forging.sample_stark("l1_verifier"), forging.sample_stark("l1_proof")
    real = forging.create_stark(l1, key, statement.domain)
    if forging.offer_stark(l1, real, statement, own, proof) is None:
        raise CheckerError("the real adapter takes a proof of another statement")
    # As it never asks for more, the last part alone does.
    last = stark.joined(stark.parts_of(proof)[-1:])
    idle = forging.create_stark(l1, key, statement.domain, _idle_stark_adapter())
    return _on_l1(forging.offer_stark(l1, idle, statement, own, last))


def _idle_adapter_stark(bench: Bench) -> dict[str, Cell]:
    return {**bench.ask(replayed()), "stark": _idle_stark()}


def _alias_stark(bench: Bench) -> dict[str, Cell]:
    """An adapter that takes elements for more than they are, of which a root's and the same plus the modulus
    pass for one. The proof is the sample's, which is of the true root.
    """
    check = 'require(carries & CARRIES == 0 && zeros == 0, "stark: public input");'
    lax = 'require(zeros == 0, "stark: public input");'
    code = patched_solidity("StarkAdapter", [Patch("StarkAdapter.sol", check, lax)])
    l1, statement = open_l1(None), forging.stark_statement()
    key, proof = forging.sample_stark("l1_verifier"), forging.sample_stark("l1_proof")
    own, other = statement.suites[0], pb.SuiteStatement()
    other.CopyFrom(own)
    first = int.from_bytes(own.post_root[:4], "big") + KOALABEAR
    other.post_root = first.to_bytes(4, "big") + own.post_root[4:]
    real = forging.create_stark(l1, key, statement.domain)
    if (refusal := forging.offer_stark(l1, real, statement, own, proof)) is not None:
        raise CheckerError(f"expected the real adapter to take the sample: {refusal}")
    if "public input" not in (forging.offer_stark(l1, real, statement, other, proof) or ""):
        raise CheckerError("the real adapter does not refuse an alias of a public input")
    adapter = forging.create_stark(l1, key, statement.domain, code)
    # Each part but the first says again which public values the first was of (L1.md §4); the liar's does too.
    values = forging.sample_stark("public_values")
    parts, said = stark.parts_of(proof), keccak(values[:32] + other.post_root + values[64:])
    lying = stark.joined([parts[0], *(said + part[len(said) :] for part in parts[1:])])
    cell = _on_l1(forging.offer_stark(l1, adapter, statement, other, lying))
    return {**bench.ask(replayed()), "stark": cell}


KOALABEAR: Final = 2**31 - 2**24 + 1
"""The order of the field of ``koalabear``."""


def _compiled_away(bench: Bench) -> dict[str, Cell]:
    """The adapters in Solidity without their checks."""
    return {**_idle_adapter(bench), "halo2": _idle_halo2(), "stark": _idle_stark()}


# -- the enclave


def _unbound_vouch(bench: Bench) -> dict[str, Cell]:
    """docs/settlement.md §4 leaves the claim out of what an enclave signs, and everybody does as it says: the
    vouch for a true batch serves for another with the same roots.
    """
    case = honest()
    l1, statement = open_l1(None), case.prove.statement
    operator, secret = l1.dev_accounts()[0], secrets.token_bytes(32)
    patch = Patch("contracts/SgxAdapter.vy", "            vouch.claim,\n", "            empty(bytes32),\n")
    with patched_contract("SgxAdapter", [patch]) as folder:
        adapter = forging.create(l1, "SgxAdapter", forging.sgx_arguments(l1, simulated=True), folder)
    register(l1, adapter, operator, secret, quote=b"", simulated=True)
    true, false = pb.Statement(), pb.Statement()
    true.CopyFrom(statement)
    true.claim = bytes(32)
    vouch = forging.leaked_vouch(true, l1, secret)  # the enclave's, as specified
    false.CopyFrom(statement)
    false.claim = claims.claim_id(statement.parent_claim, bytes(4))
    refusal = forging.offer(l1, adapter, false, false.suites, vouch)
    return {**bench.ask(replayed()), "sgx": _on_l1(refusal)}


def _lost_words(bench: Bench) -> dict[str, Cell]:
    """The layout loses the high words of what is written: the journal says another balance than the state."""
    executor = importlib.import_module("multiprover.ledger.executor")
    real = executor.encode_fields

    def lossy(pairs: Any) -> bytes:
        return b"".join(real([(f, v)])[-4:].rjust(4 * f.words, b"\0") for f, v in pairs)

    at = bank.world()
    transaction = bank.payment(at).on(at)
    with mock.patch.object(executor, "encode_fields", lossy):
        effect = executor.execute(
            at.transition, at.program, transaction.words, at.state, at.authorizer(transaction)
        )
    case = at.honest("payment", (SOURCE, bank.CLASS), [transaction], 1)
    end = len(transaction.words) + len(effect.outputs)
    # What a sequencer posts that has the same fault, and does not compare with the program, as ours does.
    false = _with_journal(case, transaction.words + effect.outputs + case.prove.journal[end:])
    with mock.patch.object(executor, "encode_fields", lossy):
        return bench.ask(false)


def _with_journal(case: Case, journal: bytes) -> Case:
    """The case with another journal, and the statement of that."""
    if len(journal) != len(case.prove.journal) or journal == case.prove.journal:
        raise CheckerError("expected another journal of the same length")
    request = pb.ProveRequest()
    request.CopyFrom(case.prove)
    request.journal = journal
    statement = request.statement
    statement.claim = claims.claim_id(statement.parent_claim, journal)
    for suite in statement.suites:
        native = get(suite.suite)
        suite.commitment = native.commit(journal)
        suite.challenge = native.challenge(statement.domain, statement.claim, suite.commitment)
        suite.evaluation = native.evaluate(journal, suite.challenge)
    return replace(case, prove=request, valid=False)


TRUNCATING: Final = "        payee.gain += int((amount * 3 - 1000) / (self.price + 1))\n"


def _other_interpreter(bench: Bench) -> dict[str, Cell]:
    """``//`` of an interpreter that rounds towards zero, when the enclave runs the source."""
    at = bank.world()
    transaction = bank.payment(at, amount=101).on(at)
    divisions = [i for i, op in enumerate(at.program.ops) if op.code is Code.DIVMOD]
    truth = at.run(transaction).outputs
    op = next(i for i in reversed(divisions) if at.run(transaction, {i: 1}).outputs != truth)
    case = at.forged("rounded up", (SOURCE, bank.CLASS), [transaction], 1, "DIVMOD +1", {op: 1})
    floor = "        payee.gain += (amount * 3 - 1000) // (self.price + 1)\n"
    if SOURCE.count(floor) != 1:
        raise CheckerError("the bank's division has changed")
    class_ = load_class(SOURCE.replace(floor, TRUNCATING), bank.CLASS)
    programs = bench.enclave._programs
    prepare = programs.prepare

    def prepared(request: pb.PrepareRequest) -> Any:
        found, more = prepare(request)
        return replace(found, transition=class_), more

    with mock.patch.object(programs, "prepare", prepared):
        return bench.ask(case)


def _native_signatures(bench: Bench) -> dict[str, Cell]:
    """The native module finds every signature good."""
    with (
        mock.patch.object(Bn254, "verify", return_value=None),
        mock.patch.object(Goldilocks, "verify", return_value=None),
        mock.patch.object(KoalaBear, "verify", return_value=None),
    ):
        return bench.ask(unsigned(SPOILT))


def _own_key(bench: Bench) -> dict[str, Cell]:
    """The operator registers a key of its own as an enclave's: L1 does not check who signed the quote."""
    case = replayed()
    l1, statement = open_l1(None), case.prove.statement
    operator, secret, measurement = l1.dev_accounts()[0], secrets.token_bytes(32), b"\x0a" * 32
    arguments = forging.sgx_arguments(l1, simulated=False, measurement=measurement)
    adapter = forging.create(l1, "SgxAdapter", arguments)
    quote = forging.quote(measurement, secret, debug=False)
    register(l1, adapter, operator, secret, quote=quote, simulated=False)
    proof = forging.leaked_vouch(statement, l1, secret)
    return {**bench.ask(case), "sgx": _on_l1(forging.offer(l1, adapter, statement, statement.suites, proof))}


SPOILT = (150, 4700, 2503)
"""A byte of ``S`` of bn254's signature; one of a sibling in goldilocks' and in koalabear's."""

CATALOGUE: tuple[Fault, ...] = (
    Fault(
        "source without a rule",
        "specification",
        "transition-source",
        "the rollup's Python does not ask for the nonce",
        ALL,
        _faulty_source,
    ),
    Fault(
        "lying oracle",
        "input",
        "",
        "the operator brings a false price: true by the rules",
        ALL,
        _lying_oracle,
    ),
    Fault(
        "tracer drops requirements",
        "tracer",
        "multiprover-tracer",
        "mp.require leaves no assertion in the program",
        ("groth16", "halo2", "plonky2", "stark"),
        _tracer,
    ),
    Fault(
        "executor ignores requirements",
        "executor",
        "multiprover-ledger",
        "the Python run does not stop where mp.require fails",
        ("sgx",),
        _in_python(ConcreteRun, "require", lambda *_: None, replayed),
    ),
    Fault(
        "executor checks no signature",
        "executor",
        "multiprover-ledger",
        "the authorizer takes anything",
        ("sgx",),
        _in_python(Authorizer, "__call__", lambda *_: None, lambda: unsigned(SPOILT)),
    ),
    Fault(
        "enclave checks no opening",
        "executor",
        "multiprover-ledger",
        "a record need not lead to the root",
        ("sgx",),
        _no_opening_check,
        ANYTHING,
    ),
    Fault(
        "leaked enclave key",
        "signer",
        "sgx-signing-key",
        "somebody else signs with a registered key",
        ("sgx",),
        _leaked_enclave_key,
        ANYTHING,
    ),
    Fault(
        "debug enclave accepted",
        "l1-verifier",
        "sgx-adapter",
        "the adapter does not look at the debug flag",
        ("sgx",),
        _debug_enclave,
        ANYTHING,
    ),
    Fault(
        "assertion left out (R1CS)",
        "lowering",
        "groth16-lowering",
        "ASSERT makes no constraint",
        ("groth16",),
        _in_circuit(
            "groth16",
            _go("internal/lowering/operations.go", "\ts.api.AssertIsEqual(c.V, 1)\n", "\t_ = c\n"),
            replayed,
        ),
    ),
    Fault(
        "opening not compared (R1CS)",
        "lowering",
        "groth16-lowering",
        "the record's path need not give the root",
        ("groth16",),
        _in_circuit(
            "groth16",
            _go(
                "internal/lowering/ports.go",
                "\t\tb.AssertZeroIf(p.enabled, b.api.Sub(before, root))\n",
                "\t\t_ = before\n",
            ),
            inflated,
        ),
        ANYTHING,
    ),
    Fault(
        "no range check (R1CS)",
        "gadget-library",
        "gnark",
        "the library's range check constrains nothing",
        ("groth16",),
        _in_circuit(
            "groth16",
            _go(f"{GADGETS}/builder.go", "\tb.ranges.Check(v, n)\n", "\t_ = v\n"),
            lambda: miscalculated(Code.SUB)[0],
            mutants=True,
        ),
        RESULT,
    ),
    Fault(
        "remainder not bounded (R1CS)",
        "lowering",
        "groth16-lowering",
        "DIVMOD's remainder may be the divisor or more",
        ("groth16",),
        _in_circuit(
            "groth16",
            (
                Patch(f"{GADGETS}/integers.go", "\tb.checkBits(b.api.Sub(y.V, 1, remainder), bits)\n", ""),
                Patch(f"{GADGETS}/integers.go", "\tb.checkBits(remainder, bits)\n", ""),
            ),
            lambda: miscalculated(Code.DIVMOD)[0],
            mutants=True,
        ),
        RESULT,
    ),
    Fault(
        "signature equation left out (R1CS)",
        "lowering",
        "groth16-lowering",
        "S·Base8 - h·A need not be R",
        ("groth16",),
        _in_circuit(
            "groth16",
            _go(
                f"{GADGETS}/eddsa.go",
                "\tb.assertEqualPoints(b.combine(sig.S, challenge, sig.A), sig.R)\n",
                "\tb.combine(sig.S, challenge, sig.A)\n",
            ),
            lambda: unsigned(SPOILT),
        ),
    ),
    Fault(
        "curve check left out (R1CS)",
        "field",
        "curve-babyjubjub",
        "A may be on no curve",
        ("groth16",),
        _in_circuit("groth16", _go(f"{GADGETS}/eddsa.go", "\tb.assertOnCurve(sig.A)\n", ""), off_curve),
    ),
    Fault(
        "base point not copied (R1CS)",
        "lowering",
        "groth16-lowering",
        "h multiplies a point that is not A, here the identity",
        ("groth16",),
        _in_circuit(
            "groth16",
            (
                Patch(
                    f"{GADGETS}/eddsa.go",
                    "b.oddMultiples(b.neg(a))",
                    "b.oddMultiples(constantPoint(suite.Identity))",
                ),
                Patch(
                    f"{GADGETS}/eddsa.go",
                    "return b.add(sum, b.selectPoint(odd, constantPoint(suite.Identity), a))",
                    "return sum",
                ),
            ),
            forged_signature,
        ),
    ),
    Fault(
        "other round constant (R1CS)",
        "hash",
        "poseidon2-bn254",
        "the circuit adds 1 to a round constant",
        (),
        _in_constant(
            "groth16",
            _go(
                f"{GADGETS}/poseidon2.go",
                "b.quintic(b.api.Add(state[0], suite.Constants.Internal[round]))",
                "b.quintic(b.api.Add(state[0], suite.Constants.Internal[round], 1))",
            ),
        ),
    ),
    Fault(
        "payee not bound",
        "lowering",
        "groth16-lowering",
        "the payee stands in no constraint",
        (),
        _unbound_payee,
    ),
    Fault(
        "setup kept its secrets",
        "setup",
        "groth16-one-party-setup",
        "a proof by the trapdoor",
        ("groth16",),
        _toxic_waste,
        ANYTHING,
    ),
    Fault(
        "gamma = delta",
        "l1-verifier",
        "Groth16Adapter",
        "such a key, and an adapter that does not look",
        ("groth16",),
        _gamma_is_delta,
        ANYTHING,
    ),
    Fault(
        "assertion left out (Plonky2)",
        "lowering",
        "plonky2-lowering",
        "ASSERT makes no constraint",
        ("plonky2",),
        _in_rust("plonky2", "assertion", replayed),
    ),
    Fault(
        "opening not compared (Plonky2)",
        "lowering",
        "plonky2-lowering",
        "the record's path need not give the root",
        ("plonky2",),
        _in_rust("plonky2", "opening", inflated),
        ANYTHING,
    ),
    Fault(
        "remainder not bounded (Plonky2)",
        "lowering",
        "plonky2-lowering",
        "DIVMOD's remainder may be the divisor or more",
        ("plonky2",),
        _remainder_plonky2,
        RESULT,
    ),
    Fault(
        "copy constraint of the key left out (Plonky2)",
        "lowering",
        "plonky2-lowering",
        "a signature's root need not be the key",
        ("plonky2",),
        _in_rust("plonky2", "key", lambda: unsigned(SPOILT)),
    ),
    Fault(
        "an operation specified otherwise",
        "specification",
        "program",
        "EQ is true where the lowest bits are equal",
        ("groth16", "halo2", "plonky2", "stark"),
        _specified_otherwise,
    ),
    Fault(
        "a leaf without its integers (bn254)",
        "specification",
        "suite-bn254",
        "docs/suites.md forgets them",
        ("groth16", "halo2"),
        _forgetful_leaf("bn254"),
        ANYTHING,
    ),
    Fault(
        "a leaf without its integers (goldilocks)",
        "specification",
        "suite-goldilocks",
        "docs/suites.md forgets them",
        ("plonky2",),
        _forgetful_leaf("goldilocks"),
        ANYTHING,
    ),
    Fault(
        "second preimage (Poseidon2)",
        "hash",
        "poseidon2-bn254",
        "another record has the leaf's digest",
        ("groth16", "halo2"),
        _forgetful_leaf("bn254"),
        ANYTHING,
        stands_for="none is known: the records are made to collide",
    ),
    Fault(
        "second preimage (Poseidon)",
        "hash",
        "poseidon-goldilocks",
        "another record has the leaf's digest",
        ("plonky2",),
        _forgetful_leaf("goldilocks"),
        ANYTHING,
        stands_for="none is known: the records are made to collide",
    ),
    Fault(
        "keccak256 broken",
        "hash",
        "keccak256",
        "two journals have one claim, and challenges can be chosen",
        ALL,
        _colliding_keccak,
        ANYTHING,
    ),
    Fault(
        "elements not compared with the modulus (R1CS)",
        "field",
        "field-bn254-fr",
        "a root and the root plus r pass for one",
        ("groth16",),
        _alias,
        ("root",),
    ),
    Fault(
        "discrete logarithms on BN254",
        "field",
        "curve-bn254",
        "a setup's secrets follow from the key",
        ("groth16", "halo2"),
        _discrete_logarithms,
        ANYTHING,
        stands_for="who computes them has what a leaked setup gives",
    ),
    Fault(
        "predictable random numbers (R1CS)",
        "gadget-library",
        "gnark-crypto",
        "the setup's secrets can be guessed",
        ("groth16",),
        _toxic_waste,
        ANYTHING,
        stands_for="who guesses them has what a leaked setup gives",
    ),
    Fault(
        "pairing check says yes",
        "l1-verifier",
        "evm-pairing-precompile",
        "a client's precompile is wrong",
        ("groth16", "halo2"),
        _generous_precompile,
        ANYTHING,
    ),
    Fault(
        "quotient not absorbed (Plonky2)",
        "gadget-library",
        "plonky2",
        "weak Fiat-Shamir: the point is known before the quotient is committed to",
        ("plonky2",),
        _weak_fiat_shamir("quotients"),
        ANYTHING,
    ),
    Fault(
        "public inputs not absorbed (Plonky2)",
        "gadget-library",
        "plonky2",
        "weak Fiat-Shamir: the challenges are those of every statement",
        (),
        _weak_fiat_shamir("public inputs"),
    ),
    Fault(
        "challenges foreseen",
        "field",
        "field-goldilocks",
        "the point of the extension that is drawn is known before",
        ("plonky2",),
        _weak_fiat_shamir("quotients"),
        ANYTHING,
        stands_for="who foresees it does what a transcript allows that draws it too early",
    ),
    Fault(
        "adapter that checks nothing (Plonky2)",
        "l1-verifier",
        "Plonky2Adapter",
        "it returns before it verifies",
        ("plonky2",),
        _idle_adapter,
        ANYTHING,
    ),
    Fault(
        "checks compiled away",
        "l1-verifier",
        "solc",
        "the compiler drops calls without a result",
        ("halo2", "plonky2", "stark"),
        _compiled_away,
        ANYTHING,
        stands_for="what such a compiler makes of the true source is an adapter that checks nothing",
    ),
    Fault(
        "vouch without the claim",
        "specification",
        "multiprover-specification",
        "docs/settlement.md §4 leaves it out of what is signed",
        ("sgx",),
        _unbound_vouch,
        RESULT,
    ),
    Fault(
        "layout loses high words",
        "tracer",
        "multiprover-layout",
        "the journal says another balance than the state",
        ("sgx",),
        _lost_words,
        RESULT,
    ),
    Fault(
        "division rounds towards zero",
        "executor",
        "cpython",
        "`//` of another interpreter",
        ("sgx",),
        _other_interpreter,
        RESULT,
    ),
    Fault(
        "native module takes any signature",
        "hash",
        "multiprover-native",
        "verify never refuses",
        ("sgx",),
        _native_signatures,
    ),
    Fault(
        "discrete logarithms on secp256k1",
        "signer",
        "curve-secp256k1",
        "the key follows from its address's signatures",
        ("sgx",),
        _leaked_enclave_key,
        ANYTHING,
        stands_for="who computes them has what a leaked key gives",
    ),
    Fault(
        "operator registers its own key",
        "operator",
        "sgx-operator",
        "with a quote that nobody signed",
        ("sgx",),
        _own_key,
        ANYTHING,
    ),
    Fault(
        "assertion left out (Halo2)",
        "lowering",
        "halo2-lowering",
        "ASSERT makes no constraint",
        ("halo2",),
        _in_rust("halo2", "assertion", replayed),
    ),
    Fault(
        "opening not compared (Halo2)",
        "lowering",
        "halo2-lowering",
        "the record's path need not give the root",
        ("halo2",),
        _in_rust("halo2", "opening", inflated),
        ANYTHING,
    ),
    Fault(
        "remainder not bounded (Halo2)",
        "lowering",
        "halo2-lowering",
        "DIVMOD's remainder may be the divisor or more",
        ("halo2",),
        _rounded_down(HALO2, "remainder"),
        RESULT,
    ),
    Fault(
        "key not compared (Halo2)",
        "lowering",
        "halo2-lowering",
        "a signature's point need not be the key",
        ("halo2",),
        _in_rust("halo2", "key", another_key),
    ),
    Fault(
        "challenge not compared (Halo2)",
        "lowering",
        "halo2-lowering",
        "the ladder's h need not be the hash",
        ("halo2",),
        _in_rust("halo2", "equation", lambda: unsigned(SPOILT)),
    ),
    Fault(
        "base point not copied (Halo2)",
        "lowering",
        "halo2-lowering",
        "h multiplies a point that is not A, here the identity",
        ("halo2",),
        _in_rust("halo2", "base", forged_signature),
    ),
    Fault(
        "lookup without constraint (Halo2)",
        "gadget-library",
        "halo2-axiom",
        "the library's lookup holds for everything",
        ("halo2",),
        _rounded_down(HALO2, "ranges"),
        RESULT,
    ),
    Fault(
        "curve check left out (Halo2)",
        "field",
        "curve-babyjubjub",
        "A may be on no curve",
        ("halo2",),
        _in_rust("halo2", "curve", off_curve),
    ),
    Fault(
        "setup kept its secret (Halo2)",
        "setup",
        "halo2-local-setup",
        "a proof by tau",
        ("halo2",),
        _known_tau,
        ANYTHING,
    ),
    Fault(
        "predictable random numbers (Halo2)",
        "gadget-library",
        "halo2curves-axiom",
        "the tau that is drawn can be guessed",
        ("halo2",),
        _known_tau,
        ANYTHING,
        stands_for="who guesses it has what a leaked setup gives",
    ),
    Fault(
        "elements not compared with the modulus (Halo2)",
        "field",
        "field-bn254-fr",
        "a root and the root plus r pass for one",
        ("halo2",),
        _alias_halo2,
        ("root",),
    ),
    Fault(
        "adapter that checks nothing (Halo2)",
        "l1-verifier",
        "Halo2Adapter",
        "it does not ask whether the commitments open",
        ("halo2",),
        _idle_adapter_halo2,
        ANYTHING,
    ),
    Fault(
        "assertion left out (STARK)",
        "lowering",
        "stark-lowering",
        "ASSERT pins nothing",
        ("stark",),
        _in_rust("stark", "assertion", replayed),
    ),
    Fault(
        "opening not compared (STARK)",
        "lowering",
        "stark-lowering",
        "the record's path need not give the root",
        ("stark",),
        _in_rust("stark", "opening", inflated),
        ANYTHING,
    ),
    Fault(
        "remainder not bounded (STARK)",
        "lowering",
        "stark-lowering",
        "DIVMOD's remainder may be the divisor or more",
        ("stark",),
        _rounded_down(STARK, "remainder"),
        RESULT,
    ),
    Fault(
        "key not compared (STARK)",
        "lowering",
        "stark-lowering",
        "a signature's root need not be the key",
        ("stark",),
        _in_rust("stark", "key", lambda: unsigned(SPOILT)),
    ),
    Fault(
        "lookup without constraint (STARK)",
        "gadget-library",
        "plonky3",
        "the library's sums hold for a bus that is not balanced",
        ("stark",),
        _rounded_down(STARK, "lookup"),
        RESULT,
    ),
    Fault(
        "elements not compared with the modulus (STARK)",
        "field",
        "field-koalabear",
        "a root and the root with an element plus p pass for one",
        ("stark",),
        _alias_stark,
        ("root",),
    ),
    Fault(
        "adapter that checks nothing (STARK)",
        "l1-verifier",
        "StarkAdapter",
        "it returns before it verifies",
        ("stark",),
        _idle_adapter_stark,
        ANYTHING,
    ),
    Fault(
        "a leaf without its integers (koalabear)",
        "specification",
        "suite-koalabear",
        "docs/suites.md forgets them",
        ("stark",),
        _forgetful_leaf("koalabear"),
        ANYTHING,
    ),
    Fault(
        "second preimage (Poseidon2, koalabear)",
        "hash",
        "poseidon2-koalabear",
        "another record has the leaf's digest",
        ("stark",),
        _forgetful_leaf("koalabear"),
        ANYTHING,
        stands_for="none is known: the records are made to collide",
    ),
)
"""Every fault; one at least for each component of each manifest, in which the types that list it accept what
is false: see :func:`problems`.
"""


def manifests() -> dict[str, Manifest]:
    """What the provers say they rest on."""
    with (
        tempfile.TemporaryDirectory(prefix="multiprover-soundness-") as cache,
        Fleet(Registry(), ALL, Path(cache)) as fleet,
    ):
        for name, failure in fleet.failures.items():
            raise CheckerError(f"{name}: {failure}")
        return {name: prover.describe() for name, prover in fleet.provers.items()}


def measure(
    only: Callable[[Fault], bool] = lambda _: True, watch: Callable[[Row], None] = lambda _: None
) -> list[Row]:
    """Plant every fault and ask every type.

    Raises:
        CheckerError: a fault cannot be planted: the source that it patches has changed, or a build fails.
    """
    said = manifests()
    rows = []
    bench = Bench()
    try:
        for fault in CATALOGUE:
            if not only(fault):
                continue
            cells = fault.measure(bench)
            rests = tuple(name for name in ALL if any(c.id == fault.component for c in said[name].components))
            rows.append(
                Row(
                    fault.name,
                    fault.layer,
                    fault.component,
                    fault.what,
                    cells,
                    rests,
                    fault.foreseen,
                    fault.lies,
                )
            )
            watch(rows[-1])
    finally:
        bench.close()
    return rows


def problems(rows: Sequence[Row], said: Mapping[str, Manifest]) -> list[str]:
    """Where what was measured of all faults and what the manifests say differ.

    A type that accepts must list the component; and each component that a type lists must have a fault with
    which the type accepts: else it is listed for nothing, or its fault is not planted.
    """
    found = [
        f"{row.fault}: {name} accepts, and its manifest does not list {row.component}"
        for row in rows
        for name in row.broken
        if row.component and name not in row.rests
    ]
    for name, manifest in said.items():
        breaking = {row.component for row in rows if name in row.broken}
        found += [
            f"{name} lists {c.id}, and accepts nothing false with any fault planted in it"
            for c in manifest.components
            if c.id not in breaking
        ]
    return found


def table(rows: Sequence[Row]) -> str:
    """The matrix as Markdown: per fault, who accepts the false batch and what L1 does with it; then every
    play that this comes from.
    """
    lines = [
        "| fault | component | " + " | ".join(ALL) + " | " + " | ".join(POLICIES) + " |",
        "| --- " * (2 + len(ALL) + len(POLICIES)) + "|",
    ]
    stands_for = {fault.name: fault.stands_for for fault in CATALOGUE}
    for row in rows:
        cells = ["**accepts**" if row.cells[name].accepts else "refuses" for name in ALL]
        component = f"`{row.component}`" if row.component else "outside of every type"
        why = f" ({stands_for[row.fault]})" if stands_for.get(row.fault) else ""
        settled = row.settles().values()
        lines.append(f"| {row.fault}: {row.what}{why} | {component} | {' | '.join([*cells, *settled])} |")
    lines += ["", "What each comes from, played on L1:", ""]
    lines += ["| types | liars | what is false | council at work | council silent |", "| --- " * 5 + "|"]
    played: dict[str, None] = {}
    for row in rows:
        for policy, types in POLICIES.items():
            for lie, with_council, without in row.plays(policy):
                liars = ", ".join(name for name in types if name in with_council.liars)
                texts = f"{LIES[lie]} | {with_council.text} | {without.text}"
                played[f"| {policy} | {liars} | {texts} |"] = None
    return "\n".join([*lines, *sorted(played)]) + "\n"


LIES: Final[Mapping[Lie, str]] = {
    "result": "the result of good inputs",
    "inputs": "inputs that break a rule",
    "root": "a root, of a true journal",
}


START, END = (
    "<!-- faults: written by `multiprover soundness faults --write` -->\n",
    "<!-- end of faults -->\n",
)


def write(page: Path, rows: Sequence[Row]) -> None:
    """Put the matrix between its marks in a page.

    Raises:
        CheckerError: the page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    if text.count(START) != 1 or text.count(END) != 1:
        raise CheckerError(f"{page}: expected the two marks of the matrix of faults")
    head, rest = text.split(START)
    page.write_text(head + START + "\n" + table(rows) + "\n" + END + rest.split(END)[1], encoding="utf-8")


__all__ = ["CATALOGUE", "POLICIES", "Fault", "Row", "measure", "problems", "table", "write"]
