"""Dishonest provers: a good witness is changed, value by value and in related groups, and must be refused.

For a circuit the mutator is the prover's own ``mutate`` tool. The enclave has no circuit: there the request
is changed, alone or with everything in the statement that follows from the change.
"""

from __future__ import annotations

import importlib
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from multiprover.lang.errors import LanguageError
from multiprover.ledger.batch import Transaction
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.settlement import claims
from multiprover.soundness.checkers import TOOLS, CheckerError, Tool, Verdict
from multiprover.soundness.programs import CLASS, enrolment, load, plans, signed, sources
from multiprover.soundness.world import Case, Difference, World
from multiprover.suites import SuiteError, get

MUTANTS_A_CASE = 2500
"""About so many lies are told about one batch before the next one is taken."""


LEVELS = {"plonky2": ("segment", "join", "root", "shrink", "last")}
"""By proof type, its circuits above the batch's own: what L1 sees is the last one's proof."""


def above() -> list[str]:
    """Every circuit above a batch's own, as :func:`mutate` takes it."""
    return [f"{name}/{level}" for name, levels in LEVELS.items() for level in levels]


@dataclass
class Mutants:
    """What became of the lies told to one proof type.

    Attributes:
        kinds: lies by kind.
        survived: those that no constraint refuses and that state something else than the honest batch.
        harmless: the others that no constraint refuses, by reason, with an example of each.
    """

    prover: str
    mutants: int = 0
    killed: int = 0
    batches: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    survived: list[dict[str, Any]] = field(default_factory=list)
    harmless: Counter[str] = field(default_factory=Counter)
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, report: dict[str, Any], case: Case) -> None:
        """Count a tool's report about a case."""
        self.batches += 1
        self.mutants += report["mutants"]
        self.killed += report["killed"]
        self.kinds.update(report["kinds"])
        self.harmless.update(report["harmless"])
        self.survived += [{**s, "source": case.source[0]} for s in report["survived"]]
        for example in report["examples"]:
            self.examples.setdefault(example["class"], example)

    def document(self) -> dict[str, Any]:
        """With proofs of harmlessness in ``docs/soundness.md``."""
        return {
            "prover": self.prover,
            "batches": self.batches,
            "mutants": self.mutants,
            "killed": self.killed,
            "kinds": dict(self.kinds),
            "survived": self.survived,
            "harmless": [
                {"reason": reason, "mutants": count, "example": self.examples.get(reason)}
                for reason, count in self.harmless.most_common()
            ],
        }


def batches(count: int, start: int, slots: int | None = None) -> list[Case]:
    """Valid batches of random transitions, with at least one transaction each.

    Args:
        slots: of each batch; by default one or two.
    """
    found: list[Case] = []

    @seed(start)
    @settings(
        max_examples=4 * count + 20,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        source = data.draw(sources())
        try:
            world = World(load(source))
        except LanguageError:
            return
        for transaction in enrolment(world):
            world.honest("enrolment", (source, CLASS), [transaction], 1)
        length = data.draw(st.integers(1, 2)) if slots is None else slots
        before = world.state.copy()
        taken: list[Transaction] = []
        for plan in data.draw(st.lists(plans(world), min_size=2, max_size=6)):
            transaction = signed(world, plan)
            try:
                if world.try_out(transaction).refused is None and len(taken) < length:
                    taken.append(transaction)
                    world.honest("alone", (source, CLASS), [transaction], 1)
            except Difference as error:
                raise CheckerError(f"executor and interpreter differ: {error}\n{source}") from error
        world.state = before
        if taken:
            found.append(world.honest(f"random batch {len(found)}", (source, CLASS), taken, length))

    draw()
    # Hypothesis begins with the smallest programs: take from all over the run.
    return random.Random(start).sample(found, min(count, len(found)))  # noqa: S311 - no secret


def mutate(prover: str, mutants: int, *, start: int = 0, workers: int = 2) -> Mutants:
    """Tell ``mutants`` lies to a proof type.

    Args:
        prover: a proof type; or a circuit above the batch's own, such as ``plonky2/join`` (:data:`LEVELS`).
        start: seed.
        workers: processes at once.

    Raises:
        CheckerError: the prover has no mutator here, or it failed.
    """
    total = Mutants(prover)
    name, _, level = prover.partition("/")
    if level and level not in LEVELS.get(name, ()):
        raise CheckerError(f"{prover}: expected one of {', '.join(above())}")
    # A circuit above takes longer to make than to lie to, and differs less from batch to batch.
    fewest, size = (1, 10 * MUTANTS_A_CASE) if level else (2, MUTANTS_A_CASE)
    cases = batches(max(fewest, -(-mutants // size)), start, 2 if level else None)
    share = [mutants // len(cases) + (i < mutants % len(cases)) for i in range(len(cases))]
    work = [(i, case, n) for i, (case, n) in enumerate(zip(cases, share, strict=True)) if n]

    def part(worker: int) -> list[tuple[Case, dict[str, Any]]]:
        with _mutator(prover) as tell:
            return [(case, tell(case, n, start + i)) for i, case, n in work[worker::workers]]

    with ThreadPoolExecutor(workers) as pool:
        for made in pool.map(part, range(workers)):
            for case, report in made:
                total.add(report, case)
    return total


class _mutator:  # noqa: N801 - used like a function
    def __init__(self, prover: str) -> None:
        self._prover, _, self._level = prover.partition("/")
        self._close: Callable[[], None] = lambda: None

    def __enter__(self) -> Callable[[Case, int, int], dict[str, Any]]:
        if self._prover in TOOLS:
            tool = Tool.of(self._prover)
            self._close = tool.close
            if self._level:
                return lambda case, n, seed: tool.ask("mutate", case, mutants=n, seed=seed, level=self._level)
            return tool.mutate
        if self._prover == "sgx":
            enclave = Requests()
            self._close = enclave.close
            return enclave.mutate
        raise CheckerError(f"{self._prover}: expected one of {', '.join([*TOOLS, 'sgx'])}")

    def __exit__(self, *_: object) -> None:
        self._close()


# -- the enclave


class Requests:
    """Lies in requests to the enclave's code, run in this process without its transport."""

    def __init__(self) -> None:
        try:
            attestation = importlib.import_module("multiprover_sgx.attestation")
            keys = importlib.import_module("multiprover_sgx.keys")
            programs = importlib.import_module("multiprover_sgx.programs")
            self._proving = importlib.import_module("multiprover_sgx.proving")
            self._refusal = importlib.import_module("multiprover_sgx.refusal").Refusal
        except ModuleNotFoundError as error:
            raise CheckerError(f"sgx: {error}: run `uv sync` in the repository") from error
        self._folder = tempfile.TemporaryDirectory(prefix="multiprover-soundness-")
        cache = Path(self._folder.name)
        enclave = attestation.detect(cache / "no device")
        self._programs = programs.Programs(cache, keys.Keyring(cache, enclave), None)

    def close(self) -> None:
        self._folder.cleanup()

    def prove(self, prepared: Any, request: pb.ProveRequest) -> pb.Proof | None:
        """The enclave's proof, or None where it refuses."""
        try:
            proof: pb.Proof = self._proving.prove(request, prepared, lambda _: None)
        except self._refusal:
            return None
        return proof

    def check(self, case: Case) -> Verdict:
        """Whether the enclave's code vouches for a case."""
        try:
            prepared, _ = self._programs.prepare(case.prepare)
            request = pb.ProveRequest()
            request.CopyFrom(case.prove)
            request.key_id = prepared.key_id
            self._proving.prove(request, prepared, lambda _: None)
        except self._refusal as refusal:
            return Verdict(False, f"{pb.Refusal.Code.Name(refusal.code).removeprefix('CODE_')}: {refusal}")
        return Verdict(True, proves=True)

    def mutate(self, case: Case, mutants: int, start: int) -> dict[str, Any]:
        """As the tools' ``mutate``."""
        prepared, _ = self._programs.prepare(case.prepare)
        honest = pb.ProveRequest()
        honest.CopyFrom(case.prove)
        honest.key_id = prepared.key_id
        truth = self.prove(prepared, honest)
        if truth is None:
            raise CheckerError(f"sgx: {case.name}: the honest batch is refused")
        chance = random.Random(start)  # noqa: S311 - no secret
        report: dict[str, Any] = {
            "mutants": mutants,
            "killed": 0,
            "kinds": Counter(),
            "survived": [],
            "harmless": Counter(),
            "examples": [],
        }
        for _ in range(mutants):
            request = pb.ProveRequest()
            while True:
                request.CopyFrom(honest)
                kind, place = _lie(request, case, chance)
                if request != honest:
                    break
            report["kinds"][kind] += 1
            proof = self.prove(prepared, request)
            if proof is None:
                report["killed"] += 1
                continue
            entry = {"kind": kind, "wires": [place], "class": ""}
            entry["class"] = _harmless(request, proof, honest, truth)
            if not entry["class"]:
                report["survived"].append(entry)
                continue
            if entry["class"] not in report["harmless"]:
                report["examples"].append(entry)
            report["harmless"][entry["class"]] += 1
        return report


def _harmless(request: pb.ProveRequest, proof: pb.Proof, honest: pb.ProveRequest, truth: pb.Proof) -> str:
    """Why a vouch for a changed request says nothing false; empty if it may."""
    if proof.proof == truth.proof and list(proof.suites) == list(truth.suites):
        return "the vouch is that of the honest batch"
    roots = [(s.pre_root, s.post_root) for s in proof.suites] == [
        (s.pre_root, s.post_root) for s in truth.suites
    ]
    if request.journal == honest.journal and roots and request.statement.domain == honest.statement.domain:
        return "the same batch, for another payee or after another parent"
    return ""


def _byte_fields(message: Message, path: str = "") -> Iterator[tuple[str, Message, str, int | None]]:
    """Every bytes field of a message and those in it: path, owner, name, and place in a list."""
    for descriptor in message.DESCRIPTOR.fields:
        name = descriptor.name
        value = getattr(message, name)
        here = f"{path}.{name}" if path else name
        if descriptor.message_type is not None:
            if descriptor.is_repeated:
                for i, inner in enumerate(value):
                    yield from _byte_fields(inner, f"{here}[{i}]")
            elif message.HasField(name):
                yield from _byte_fields(value, here)
        elif descriptor.type == descriptor.TYPE_BYTES:
            if descriptor.is_repeated:
                for i in range(len(value)):
                    yield f"{here}[{i}]", message, name, i
            else:
                yield here, message, name, None


def _changed(value: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    match chance.randrange(8):
        case 0 | 1 | 2 if value:
            at = chance.randrange(len(value))
            return value[:at] + bytes([value[at] ^ 1 << chance.randrange(8)]) + value[at + 1 :]
        case 3 if len(value) >= 4:
            at = 4 * chance.randrange(len(value) // 4)
            word = int.from_bytes(value[at : at + 4], "big") + chance.choice([1, -1, 2**31])
            return value[:at] + (word % 2**32).to_bytes(4, "big") + value[at + 4 :]
        case 4 if value:
            return bytes(len(value))
        case 5 if value:
            return value[:-1] if chance.randrange(2) else value + b"\0"
        case 6:
            return chance.choice(others)
        case _:
            return chance.randbytes(len(value) or 32)


def _lie(request: pb.ProveRequest, case: Case, chance: random.Random) -> tuple[str, str]:
    """Change one or two things of a request; what kind of lie it is, and where."""
    fields = list(_byte_fields(request))
    values = [_get(owner, name, i) for _, owner, name, i in fields]
    of_l1 = {i for i, s in enumerate(request.slots) if _kind_is_from_l1(case, s.words)}
    together = chance.randrange(2) == 1
    places = []
    for _ in range(chance.choice([1, 1, 2])):
        place, owner, name, i = chance.choice(fields)
        if place == "key_id" or any(place == f"slots[{n}].words" for n in of_l1):
            # Other keys are another question, and another transaction from L1 another batch.
            continue
        value = _get(owner, name, i)
        new = _changed(value, chance, values)
        if i is None:
            setattr(owner, name, new)
        else:
            getattr(owner, name)[i] = new
        places.append(place)
    if together:
        _follow(request, case, chance)
        return "with what follows", " and ".join(places)
    return ("alone" if len(places) < 2 else "pair"), " and ".join(places)


def _get(owner: Message, name: str, i: int | None) -> bytes:
    value = getattr(owner, name)
    return bytes(value if i is None else value[i])


def _kind_is_from_l1(case: Case, words: bytes) -> bool:
    number = int.from_bytes(words[:4], "big")
    return number < len(case.program.kinds) and (number == 0 or case.program.kinds[number].from_l1)


def _follow(request: pb.ProveRequest, case: Case, chance: random.Random) -> None:
    """Make the statement that of the changed request, as a sequencer who lies would."""
    inputs = b"".join(s.words for s in request.slots)
    if len(inputs) <= len(request.journal):
        request.journal = inputs + request.journal[len(inputs) :]
    statement = request.statement
    if chance.randrange(2):
        _root(request, case)
    try:
        statement.claim = claims.claim_id(statement.parent_claim, request.journal)
        for suite in statement.suites:
            native = get(suite.suite)
            suite.commitment = native.commit(request.journal)
            suite.challenge = native.challenge(statement.domain, statement.claim, suite.commitment)
            suite.evaluation = native.evaluate(request.journal, suite.challenge)
    except (SuiteError, ValueError):
        pass  # no statement can be made of it: the change stays alone


def _root(request: pb.ProveRequest, case: Case) -> None:
    """The root before the batch, of whatever cells and map roots the request now has.

    The enclave vouches from any root before: that it is the parent's is for L1 to see. So only one that stays
    the same makes this a lie; a request with another is left as it was changed.
    """
    for s, suite in enumerate(request.statement.suites):
        if s < len(request.pre_state.suites):
            suite.pre_root = case.prove.statement.suites[s].pre_root
