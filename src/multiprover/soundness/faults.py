"""Planted faults: one component is broken at a time, a false batch is made for it, and every proof type is
asked.

A cell of the matrix is measured: the type's real code, or the build with the fault, looked at the batch. A
circuit accepts when no constraint refuses a witness for the false statement; where the fault leaves a value
free that only another witness uses, it accepts when mutants with another statement survive.
"""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from multiprover.lang.concrete import ConcreteRun
from multiprover.ledger.batch import Authorizer, Transaction
from multiprover.program import Code
from multiprover.provers.errors import ProverError
from multiprover.provers.manifest import Manifest
from multiprover.provers.registry import Entry, Fleet, Registry
from multiprover.settlement.claims import signer_address
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.l1 import L1, open_l1
from multiprover.soundness import bank, forging
from multiprover.soundness.bank import NONCE_RULE, SOURCE
from multiprover.soundness.checkers import ALL, CheckerError, Tool
from multiprover.soundness.mutation import Requests
from multiprover.soundness.planting import Patch, build_go, patched_contract, patched_tool
from multiprover.soundness.transition import Step
from multiprover.soundness.world import Case, World

MUTANTS = 12_000
"""Lies told to a build with a fault, where the fault shows only in mutants."""

POLICIES: Mapping[str, tuple[str, ...]] = {
    "dual groth16 + sgx": ("groth16", "sgx"),
    "dual groth16 + plonky2": ("groth16", "plonky2"),
    "triple": ALL,
}


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
    """

    fault: str
    layer: str
    component: str
    what: str
    cells: Mapping[str, Cell]
    rests: tuple[str, ...]
    foreseen: tuple[str, ...]

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

    def settles(self) -> dict[str, str]:
        """What L1 does with the false claim, by policy, when every type that accepts it vouches for it.

        A claim is final when all types of the policy have vouched for it; types that vouch for the true claim
        on the same parent make the two a conflict that anyone can show (docs/settlement.md §3).
        """
        outcome = {}
        for policy, required in POLICIES.items():
            missing = [name for name in required if name not in self.broken]
            if not missing:
                outcome[policy] = "final: a false root is settled"
            elif any(name in self.broken for name in required):
                outcome[policy] = f"not final without {', '.join(missing)}; the true claim conflicts"
            else:
                outcome[policy] = "no vouch"
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
        self.tools = {name: Tool.of(name) for name in ("groth16", "plonky2")}
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
    """

    name: str
    layer: str
    component: str
    what: str
    foreseen: tuple[str, ...]
    measure: Callable[[Bench], dict[str, Cell]] = field(repr=False)


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
    bad = []
    for signature, place in zip(good.signatures[0], places, strict=True):
        changed = bytearray(signature)
        changed[place] ^= 1
        bad.append(bytes(changed))
    transaction = Transaction(good.words, (tuple(bad),))
    return at.forged("bad signature", (SOURCE, bank.CLASS), [transaction], 1, "signature")


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
    prover: str, patches: Sequence[Patch], attack: Callable[[], Case], *, mutants: bool = False
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


def _off_curve(bench: Bench) -> dict[str, Cell]:
    """A key whose point is (0, 0), which is on no curve, and a signature of zeros under it."""
    patches = _go(f"{GADGETS}/eddsa.go", "\tb.assertOnCurve(sig.A)\n", "")
    at = bank.world()
    record = list(at.state.read_record(0, 1))
    key = record[0]
    # The part under bn254 is of (0, 0); the other stays the holder's.
    record[0] = type(key)(forging.off_curve_key() + key.data[32:])
    at.state.write(0, 1, record)
    good = bank.payment(at).on(at)
    other = bytearray(good.signatures[0][1])
    other[SPOILT[1]] ^= 1
    transaction = Transaction(good.words, ((bytes(160), bytes(other)),))
    case = at.forged("off the curve", (SOURCE, bank.CLASS), [transaction], 1, "A is on no curve")
    with patched_tool("groth16", patches) as tool:
        return bench.ask(case, {"groth16": tool})


def _remainder_plonky2(bench: Bench) -> dict[str, Cell]:
    """The witness has one less for the quotient and the divisor more for the remainder."""
    patch = Patch(
        "src/integers.rs", "        self.natural(&gap, words_for(0, b.hi - 1));\n", "        let _ = gap;\n"
    )
    case, op = miscalculated(Code.DIVMOD, -1)
    cells = bench.ask(case)
    lie = {"op": op, "added": -1}
    if bench.tools["plonky2"].check(case, lie=lie).proves:
        raise CheckerError("plonky2: the real circuit takes a remainder beyond the divisor")
    with patched_tool("plonky2", (patch,)) as tool:
        verdict = tool.check(case, lie=lie)
    how = "no constraint violated" if verdict.proves else f"{verdict.violated} constraints violated"
    return {**cells, "plonky2": Cell(verdict.proves, how)}


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


SPOILT = (150, 4700)
"""A byte of ``S`` of bn254's signature; one of a sibling in goldilocks'."""

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
        ("groth16", "plonky2"),
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
    ),
    Fault(
        "leaked enclave key",
        "signer",
        "sgx-signing-key",
        "somebody else signs with a registered key",
        ("sgx",),
        _leaked_enclave_key,
    ),
    Fault(
        "debug enclave accepted",
        "l1-verifier",
        "sgx-adapter",
        "the adapter does not look at the debug flag",
        ("sgx",),
        _debug_enclave,
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
        _off_curve,
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
    ),
    Fault(
        "gamma = delta",
        "l1-verifier",
        "Groth16Adapter",
        "such a key, and an adapter that does not look",
        ("groth16",),
        _gamma_is_delta,
    ),
    Fault(
        "assertion left out (Plonky2)",
        "lowering",
        "plonky2-lowering",
        "ASSERT makes no constraint",
        ("plonky2",),
        _in_circuit(
            "plonky2",
            (Patch("src/lowering.rs", "b.plonk.assert_one(bit.target);", "let _ = bit;"),),
            replayed,
        ),
    ),
    Fault(
        "opening not compared (Plonky2)",
        "lowering",
        "plonky2-lowering",
        "the record's path need not give the root",
        ("plonky2",),
        _in_circuit(
            "plonky2",
            (
                Patch(
                    "src/lowering.rs",
                    "self.b.assert_equal_if(port.enabled.target, x, y);",
                    "let _ = (x, y);",
                ),
            ),
            inflated,
        ),
    ),
    Fault(
        "remainder not bounded (Plonky2)",
        "lowering",
        "plonky2-lowering",
        "DIVMOD's remainder may be the divisor or more",
        ("plonky2",),
        _remainder_plonky2,
    ),
    Fault(
        "copy constraint of the key left out (Plonky2)",
        "lowering",
        "plonky2-lowering",
        "a signature's root need not be the key",
        ("plonky2",),
        _in_circuit(
            "plonky2",
            (
                Patch(
                    "src/signature.rs",
                    "self.assert_equal_if(enabled, x, y);",
                    "let _ = (x, y);",
                ),
            ),
            lambda: unsigned(SPOILT),
        ),
    ),
)
"""Every fault; one at least for each layer of each manifest that this repository's code can break."""


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
                Row(fault.name, fault.layer, fault.component, fault.what, cells, rests, fault.foreseen)
            )
            watch(rows[-1])
    finally:
        bench.close()
    return rows


def table(rows: Sequence[Row]) -> str:
    """The matrix as Markdown: per fault, who accepts the false batch and what L1 does with it."""
    lines = [
        "| fault | component | " + " | ".join(ALL) + " | " + " | ".join(POLICIES) + " |",
        "| --- " * (2 + len(ALL) + len(POLICIES)) + "|",
    ]
    for row in rows:
        cells = ["**accepts**" if row.cells[name].accepts else "refuses" for name in ALL]
        settled = [text.split(":")[0].split(" without")[0] for text in row.settles().values()]
        component = f"`{row.component}`" if row.component else "outside of every type"
        lines.append(f"| {row.fault}: {row.what} | {component} | {' | '.join([*cells, *settled])} |")
    return "\n".join(lines) + "\n"


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


__all__ = ["CATALOGUE", "POLICIES", "Fault", "Row", "measure", "table", "write"]
