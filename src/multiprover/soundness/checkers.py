"""What each proof type makes of a batch: its own execution, and its constraints on a witness of somebody who
executes nothing.

A checker of a circuit is a process that speaks JSON lines (``provers/*/``'s ``mutate``); the enclave, which
has no circuit, and provers of others are asked for a proof over their ordinary interface.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.client import Prover
from multiprover.provers.errors import ProverRefused
from multiprover.provers.manifest import Manifest
from multiprover.provers.registry import BUILT_IN, Fleet, Registry
from multiprover.soundness.world import Case

ALL = tuple(BUILT_IN)
"""The proof types of this repository."""

TOOLS = {
    "groth16": ("provers/groth16/bin/mutate", "make -C provers/groth16 bin/mutate"),
    "halo2": (
        "provers/halo2/target/release/examples/mutate",
        "make -C provers/halo2 target/release/examples/mutate",
    ),
    "plonky2": (
        "provers/plonky2/target/release/examples/mutate",
        "make -C provers/plonky2 target/release/examples/mutate",
    ),
    "stark": (
        "provers/stark/target/release/examples/mutate",
        "make -C provers/stark target/release/examples/mutate",
    ),
}
"""By proof type, the tool that looks at its constraints and what builds it. None is shipped."""


class CheckerError(Exception):
    """A checker cannot be used or failed itself; the message says which and why."""


@dataclass(frozen=True)
class Verdict:
    """What one proof type makes of one case.

    Attributes:
        accepts: whether it would prove it.
        refusal: code and message of its own execution, where that refuses.
        violated: constraints that a witness without scruples violates; None where the type has no circuit.
        proves: whether a prover who may use any witness gets a proof of the case's very statement.
        constraints: how many there are.
    """

    accepts: bool
    refusal: str | None = None
    violated: int | None = None
    proves: bool = False
    constraints: int | None = None


class Checker(Protocol):
    """One proof type."""

    @property
    def name(self) -> str: ...

    def check(self, case: Case) -> Verdict: ...

    def close(self) -> None: ...


def repository() -> Path:
    """The root of the checkout.

    Raises:
        CheckerError: this is an installed package.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / "provers").is_dir():
        raise CheckerError("the soundness harness needs the repository: its tools are not shipped")
    return root


@dataclass
class Tool:
    """A tool that looks at constraints: asked and answering in lines of JSON."""

    name: str
    program: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """Set for the process, besides what this one has."""
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, name: str) -> Self:
        """The repository's tool for a proof type.

        Raises:
            CheckerError: it is not built.
        """
        path, command = TOOLS[name]
        program = repository() / path
        if not program.is_file():
            raise CheckerError(f"{name}: {program} is not built: run `{command}`")
        return cls(name, program)

    def ask(self, do: str, case: Case, **more: Any) -> dict[str, Any]:
        """One question about a case.

        Raises:
            CheckerError: the tool failed.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [self.program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **self.env},
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        question = {
            "do": do,
            "program": base64.b64encode(case.program.encoded).decode(),
            "slots": case.slots,
            "prove": base64.b64encode(case.prove.SerializeToString()).decode(),
            **more,
        }
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise CheckerError(f"{self.name}: its tool ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise CheckerError(f"{self.name}: {case.name}: {answer['error']}")
        return answer

    def check(self, case: Case, **more: Any) -> Verdict:
        """Its own execution, then the constraints; where execution refuses, on a witness made without it."""
        answer = self.ask("check", case, **more)
        refused, violated = answer["refused"], int(answer["violated"])
        return Verdict(
            accepts=refused is None and violated == 0,
            refusal=None if refused is None else f"{refused['code']}: {refused['message']}",
            violated=violated,
            proves=violated == 0 and bool(answer["statement"]),
            constraints=int(answer["constraints"]),
        )

    def mutate(self, case: Case, mutants: int, seed: int) -> dict[str, Any]:
        """Lies about a valid case: see ``provers/*/``'s ``mutate``."""
        return self.ask("mutate", case, mutants=mutants, seed=seed)

    def close(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()
            self._process = None


class Served:
    """A prover behind its ordinary interface: asked for keys and a proof, and whether the proof verifies."""

    def __init__(self, name: str, prover: Prover) -> None:
        self.name = name
        self._prover = prover
        self._manifest: Manifest = prover.describe()
        self._prepared: dict[tuple[bytes, int], pb.Prepared] = {}

    def check(self, case: Case) -> Verdict:
        try:
            key = (case.program.program_id, case.slots)
            if key not in self._prepared:
                self._prepared = {key: self._prover.prepare(case.prepare)}
            prepared = self._prepared[key]
            request = pb.ProveRequest()
            request.CopyFrom(case.prove)
            request.key_id = prepared.key_id
            request.statement.CopyFrom(self._manifest.statement(request.statement))
            proof = self._prover.prove(request).proof
            self._prover.verify(request.statement, proof)
        except ProverRefused as error:
            return Verdict(False, f"{error.code.name}: {error}")
        return Verdict(True, proves=True)

    def close(self) -> None:
        """The fleet that it came from closes it."""


class Checkers:
    """The checkers of several proof types, started on entry."""

    def __init__(
        self, names: Iterable[str] = ALL, *, full: bool = False, registry: Registry | None = None
    ) -> None:
        """``full``: ask for proofs of every type, not for its constraints."""
        self.names = tuple(names)
        self._full = full
        self._registry = registry or Registry()
        self._stack = ExitStack()
        self.by_name: Mapping[str, Checker] = {}

    def __enter__(self) -> Self:
        tools = [n for n in self.names if n in TOOLS and not self._full]
        served = [n for n in self.names if n not in tools]
        found: dict[str, Checker] = {}
        try:
            for name in tools:
                found[name] = Tool.of(name)
                self._stack.callback(found[name].close)
            if served:
                cache = self._stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="multiprover-soundness-")
                )
                fleet = self._stack.enter_context(Fleet(self._registry, served, Path(cache)))
                for name, failure in fleet.failures.items():
                    raise CheckerError(f"{name}: {failure}")
                found |= {name: Served(name, fleet.provers[name]) for name in served}
        except BaseException:
            self._stack.close()
            raise
        self.by_name = {name: found[name] for name in self.names}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
