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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


def build_rust(patches: Sequence[Patch], scratch: Path, library: Sequence[Patch] = ()) -> Path:
    """The plonky2 prover's ``mutate``, built from a patched copy of its sources.

    ``library``: patches of the crate ``plonky2`` itself, of which a copy stands in for the registry's.
    """
    root = repository()
    own = root / "provers/plonky2"
    copy = scratch / "provers/plonky2"
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
    quick = "profile.release.package.multiprover-plonky2.opt-level=1"
    command = ["cargo", "build", "--release", "--quiet", "--config", quick, "--example", "mutate"]
    if library:
        crate = _patched_crate("plonky2", library, copy, scratch)
        with (copy / "Cargo.toml").open("a", encoding="utf-8") as manifest:
            manifest.write(f'\n[patch.crates-io]\nplonky2 = {{ path = "{crate}" }}\n')
    else:
        command.append("--locked")
    _run(command, copy, {"CARGO_TARGET_DIR": str(target)})
    program = scratch / "mutate"
    shutil.copy(target / "release/examples/mutate", program)
    return program


def _patched_crate(name: str, patches: Sequence[Patch], package: Path, scratch: Path) -> Path:
    """A patched copy of a crate that a package depends on."""
    asked = ["cargo", "metadata", "--format-version", "1", "--locked"]
    done = subprocess.run(asked, cwd=package, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckerError(f"{' '.join(asked)}: {done.stderr.strip()[-2000:]}")
    (found,) = (p for p in json.loads(done.stdout)["packages"] if p["name"] == name)
    crate = scratch / name
    shutil.copytree(Path(found["manifest_path"]).parent, crate)
    for patch in patches:
        path = crate / patch.file
        path.write_text(patch.apply(path.read_text(encoding="utf-8")), encoding="utf-8")
    return crate


@contextlib.contextmanager
def patched_tool(name: str, patches: Sequence[Patch], library: Sequence[Patch] = ()) -> Iterator[Tool]:
    """The constraint checker of a circuit with a fault in it."""
    with TemporaryDirectory(prefix="multiprover-fault-") as folder:
        scratch = Path(folder)
        if name == "groth16":
            program = build_go(patches, "mutate", scratch)
        else:
            program = build_rust(patches, scratch, library)
        tool = Tool(name, program)
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
