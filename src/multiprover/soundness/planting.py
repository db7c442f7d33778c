"""Where faults are planted: patched test builds of the circuits, patched Python, patched adapters.

Nothing that is shipped has a switch for any of this: a circuit's fault is a text replaced in a copy of its
sources, which is built beside the real one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from multiprover.soundness.checkers import CheckerError, Tool, repository


@dataclass(frozen=True)
class Patch:
    """A text in a source file and what stands there instead; the text must stand there exactly once."""

    file: str
    before: str
    after: str

    def apply(self, text: str) -> str:
        """The patched text.

        Raises:
            CheckerError: the source has changed, and the fault must be planted anew.
        """
        if text.count(self.before) != 1:
            raise CheckerError(
                f"{self.file}: expected the text to patch once, found it {text.count(self.before)} times: "
                f"{self.before!r}"
            )
        return text.replace(self.before, self.after)


def _run(command: Sequence[str], folder: Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}
    )
    if done.returncode:
        raise CheckerError(f"{' '.join(command)} in {folder}: {done.stderr.strip()[-2000:]}")


def build_go(patches: Sequence[Patch], command: str, scratch: Path) -> Path:
    """A command of the groth16 prover, built with patched sources (Go's overlay)."""
    root = repository() / "provers/groth16"
    replaced: dict[str, str] = {}
    for number, patch in enumerate(patches):
        source = root / patch.file
        at = replaced.get(str(source))
        text = Path(at).read_text(encoding="utf-8") if at else source.read_text(encoding="utf-8")
        copy = scratch / f"{number}.go"
        copy.write_text(patch.apply(text), encoding="utf-8")
        replaced[str(source)] = str(copy)
    overlay = scratch / "overlay.json"
    overlay.write_text(json.dumps({"Replace": replaced}), encoding="utf-8")
    program = scratch / command
    arguments = ["-trimpath", "-buildvcs=false", "-overlay", str(overlay), "-o", str(program)]
    _run(["go", "build", *arguments, f"./cmd/{command}"], root, {"CGO_ENABLED": "0"})
    return program


def build_rust(patches: Sequence[Patch], scratch: Path, prover: str = "plonky2") -> Path:
    """The ``mutate`` of a prover in Rust, built from a patched copy of its sources."""
    root = repository()
    own = root / "provers" / prover
    copy = scratch / "provers" / prover
    copy.mkdir(parents=True)
    shutil.copytree(root / "proto", scratch / "proto")
    for folder in ("src", "examples", ".cargo"):
        shutil.copytree(own / folder, copy / folder)
    for file in ("Cargo.toml", "Cargo.lock", "build.rs"):
        shutil.copy(own / file, copy / file)
    for patch in patches:
        path = copy / patch.file
        path.write_text(patch.apply(path.read_text(encoding="utf-8")), encoding="utf-8")
    # One folder for all, so that only the crate itself is built anew; and that without much optimisation.
    target = own / "target/faults"
    quick = f"profile.release.package.multiprover-{prover}.opt-level=1"
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--config", quick]
    _run([*command, "--example", "mutate"], copy, {"CARGO_TARGET_DIR": str(target)})
    program = scratch / "mutate"
    shutil.copy(target / "release/examples/mutate", program)
    return program


@contextlib.contextmanager
def patched_tool(name: str, patches: Sequence[Patch]) -> Iterator[Tool]:
    """The constraint checker of the groth16 circuit with a fault in it."""
    if name != "groth16":
        raise CheckerError(f"{name}: expected groth16; plonky2's faults are planted by name")
    with TemporaryDirectory(prefix="multiprover-fault-") as folder:
        tool = Tool(name, build_go(patches, "mutate", Path(folder)))
        try:
            yield tool
        finally:
            tool.close()


PLANTED = "MULTIPROVER_PLANTED"
"""The variable that says to a build with several faults in it which of them it has."""

LIE = "MULTIPROVER_LIE"
"""The variable that says of which division the witness has one less for the quotient."""


def switch(before: str) -> Patch:
    """What a build with several faults asks which it has: functions of the crate, put before a line of
    ``lib.rs``.
    """
    return Patch(
        "src/lib.rs",
        before,
        "/// Whether the process has a planted fault.\n"
        "pub fn planted(name: &str) -> bool {\n"
        f'    std::env::var("{PLANTED}").is_ok_and(|fault| fault == name)\n'
        "}\n\n"
        "/// The operation that is being lowered.\n"
        "pub static STEP: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);\n\n"
        "/// What the witness has less than the quotient.\n"
        "pub fn lie() -> i128 {\n"
        "    let step = STEP.load(std::sync::atomic::Ordering::Relaxed).to_string();\n"
        f'    i128::from(std::env::var("{LIE}").is_ok_and(|at| at == step))\n'
        "}\n\n" + before,
    )


def unless(file: str, fault: str, statement: str, indent: int = 8) -> Patch:
    """A statement that a fault leaves out."""
    space = " " * indent
    return Patch(file, f"{space}{statement}\n", f'{space}if !crate::planted("{fault}") {{ {statement} }}\n')


class Planted:
    """A prover in Rust with all of its faults in one build, which takes minutes; a process has one."""

    def __init__(self, prover: str, faults: Mapping[str, Patch], lies: Sequence[Patch]) -> None:
        """``faults`` by name; ``lies``: the switch, and the dishonest witness."""
        self.prover = prover
        self.faults, self.lies = faults, tuple(lies)
        self._folder: TemporaryDirectory[str] | None = None
        self._program: Path | None = None

    @contextlib.contextmanager
    def tool(self, fault: str = "", lie: int | None = None) -> Iterator[Tool]:
        """The prover's constraint checker with a fault, or with none.

        Args:
            fault: one of the faults, or nothing.
            lie: the division of which the witness has one less for the quotient, and the divisor more for
                the remainder.

        Raises:
            CheckerError: there is no such fault, or it cannot be planted.
        """
        if fault and fault not in self.faults:
            raise CheckerError(f"{fault}: expected one of {', '.join(self.faults)}")
        env = {PLANTED: fault} | ({} if lie is None else {LIE: str(lie)})
        tool = Tool(self.prover, self._built(), env)
        try:
            yield tool
        finally:
            tool.close()

    def _built(self) -> Path:
        if self._program is None:
            self._folder = TemporaryDirectory(prefix="multiprover-fault-")
            patches = [*self.lies, *self.faults.values()]
            self._program = build_rust(patches, Path(self._folder.name), self.prover)
        return self._program


RUST: Mapping[str, Patch] = {
    "assertion": Patch(
        "src/lowering.rs",
        "b.plonk.assert_one(bit.target);",
        'if !crate::planted("assertion") { b.plonk.assert_one(bit.target); }',
    ),
    "opening": Patch(
        "src/lowering.rs",
        "self.b.assert_equal_if(port.enabled.target, x, y);",
        'if !crate::planted("opening") { self.b.assert_equal_if(port.enabled.target, x, y); }',
    ),
    "remainder": Patch(
        "src/integers.rs",
        "        self.natural(&gap, words_for(0, b.hi - 1));\n",
        '        if !crate::planted("remainder") { self.natural(&gap, words_for(0, b.hi - 1)); }\n',
    ),
    "key": Patch(
        "src/signature.rs",
        "self.assert_equal_if(enabled, x, y);",
        'if !crate::planted("key") { self.assert_equal_if(enabled, x, y); }',
    ),
    "leaf": Patch(
        "src/lowering.rs",
        "        let leaf = self.b.hash(tag::LEAF,",
        "        let zero = self.b.plonk.zero();\n"
        '        let words = words.map(|w| if crate::planted("leaf") { zero } else { w });\n'
        "        let leaf = self.b.hash(tag::LEAF,",
    ),
    "challenge": Patch(
        "src/suite.rs",
        "    let [u, v, ..] = reduced(&seed);\n",
        "    let [u, v, ..] = reduced(&seed);\n"
        '    let [u, v] = if crate::planted("challenge") { [u - u, v - v] } else { [u, v] };\n',
    ),
}
"""Faults of the plonky2 prover. All are in one build, since a build takes minutes, and a process has one."""

_SWITCH = Patch(
    "src/lib.rs",
    "pub mod builder;\n",
    "pub mod builder;\n\n/// Whether the process has a planted fault.\n"
    "pub fn planted(name: &str) -> bool {\n"
    f'    std::env::var("{PLANTED}").is_ok_and(|fault| fault == name)\n'
    "}\n\n",
)


@cache
def _planted() -> tuple[TemporaryDirectory[str], Path]:
    folder = TemporaryDirectory(prefix="multiprover-fault-")
    return folder, build_rust([_SWITCH, *RUST.values()], Path(folder.name))


@contextlib.contextmanager
def planted_tool(fault: str) -> Iterator[Tool]:
    """The constraint checker of the plonky2 prover with one of the faults of :data:`RUST`."""
    if fault not in RUST:
        raise CheckerError(f"{fault}: expected one of {', '.join(RUST)}")
    tool = Tool("plonky2", _planted()[1], {PLANTED: fault})
    try:
        yield tool
    finally:
        tool.close()


def patched_solidity(name: str, patches: Sequence[Patch]) -> bytes:
    """The code that creates a patched Solidity contract. Needs Node and ``npm ci`` in scripts/solidity."""
    root = repository()
    with TemporaryDirectory(prefix="multiprover-fault-") as folder:
        scratch = Path(folder)
        for source in (root / "contracts").glob("*.sol"):
            text = source.read_text(encoding="utf-8")
            if source.name == f"{name}.sol":
                for patch in patches:
                    text = patch.apply(text)
            (scratch / source.name).write_text(text, encoding="utf-8")
        made = scratch / "solidity.json"
        _run(["node", "build.mjs", str(scratch), str(made)], root / "scripts/solidity")
        found: str = json.loads(made.read_text(encoding="utf-8"))["contracts"][name]["bytecode"]
        return bytes.fromhex(found)


@contextlib.contextmanager
def patched_contract(name: str, patches: Sequence[Patch]) -> Iterator[Path]:
    """A folder with a patched contract in it."""
    with TemporaryDirectory(prefix="multiprover-fault-") as folder:
        path = Path(folder) / f"{name}.vy"
        text = (repository() / f"contracts/{name}.vy").read_text(encoding="utf-8")
        for patch in patches:
            text = patch.apply(text)
        path.write_text(text, encoding="utf-8")
        yield Path(folder)
