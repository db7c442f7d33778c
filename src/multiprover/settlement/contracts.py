"""The compiled L1 contracts: Vyper compiled here, once for each content; Solidity from its artefact."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

CONTRACTS: Final = (
    "Settlement",
    "Governance",
    "PolicyCheck",
    "Bridge",
    "Sequencing",
    "Council",
    "Bn254Binding",
    "GoldilocksBinding",
    "KoalaBearBinding",
    "Bn254Tree",
    "GoldilocksTree",
    "KoalaBearTree",
    "Groth16Adapter",
    "SgxAdapter",
)
SOLIDITY_CONTRACTS: Final = ("Halo2Adapter", "Plonky2Adapter", "StarkAdapter", "StarkConstraints")
SOLIDITY_ARTEFACT: Final = "solidity.json"
"""Made by ``make contracts`` from ``contracts/*.sol``, and committed: its use needs no compiler."""

CODE_SIZE_LIMIT: Final = 24_576
"""Bytes of deployed code that L1 accepts (EIP-170)."""

EVM_VERSION: Final = "prague"

_IMPORT: Final = re.compile(r"^\s*(?:from\s+\.*\s*)?import\s+(\w+)", re.MULTILINE)
"""Modules stand side by side in one folder: what is imported from a package is the compiler's own."""


class StaleArtefactError(Exception):
    """The Solidity artefact was not made from the sources beside it: run ``make contracts``."""


@dataclass(frozen=True)
class Artifact:
    """A compiled contract."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes
    """What is deployed, before the constructor's arguments."""
    runtime_bytes: int
    """Size of the deployed code, immutables included."""


def sources() -> Path:
    """The folder of the contracts: in this package when installed, else the repository's ``contracts/``."""
    packaged = Path(__file__).parent / "_contracts"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[3] / "contracts"


def _cache_dir() -> Path:
    root = os.environ.get("MULTIPROVER_CACHE") or Path.home() / ".cache" / "multiprover"
    return Path(root) / "contracts"


@cache
def artifact(name: str, folder: Path | None = None) -> Artifact:
    """Compile a contract, or take it from the cache under the hash of compiler version and its sources.

    Args:
        name: of the file, without its ending.
        folder: where it lies; None for ours. Its imports are looked up there, then among ours.

    The cache (in ``MULTIPROVER_CACHE``, else ``~/.cache/multiprover``) is trusted as much as the sources are.

    Raises:
        FileNotFoundError: no such contract.
        StaleArtefactError: a Solidity contract whose sources have changed since it was compiled.
    """
    if folder is None and name in SOLIDITY_CONTRACTS:
        return _solidity(name)
    import vyper  # type: ignore[import-untyped]

    folders = [folder, sources()] if folder else [sources()]
    digest = hashlib.sha256(f"{vyper.__version__}/{EVM_VERSION}/{name}".encode())
    for path in _sources_of(name, folders):
        digest.update(f"/{path.name}/{path.stat().st_size}/".encode() + path.read_bytes())
    cached = _cache_dir() / f"{name}-{digest.hexdigest()}.json"
    if cached.exists():
        stored = json.loads(cached.read_text())
    else:
        stored = _compile(folders, name)
        cached.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=cached.parent, suffix=".tmp", delete=False) as file:
            json.dump(stored, file)
        os.replace(file.name, cached)
    return Artifact(name, stored["abi"], bytes.fromhex(stored["bytecode"]), stored["runtime_bytes"])


def _sources_of(name: str, folders: Sequence[Path]) -> list[Path]:
    """The files that a contract is compiled from: its own, and those that it imports, near and far."""
    found: dict[Path, None] = {}
    names = [name]
    while names:
        module = names.pop()
        # A name in two folders counts twice: which one the compiler takes is its own matter.
        for path in (each / f"{module}{ending}" for each in folders for ending in (".vy", ".vyi")):
            if path.is_file() and path not in found:
                found[path] = None
                names += _IMPORT.findall(path.read_text(encoding="utf-8"))
    return sorted(found)


def _solidity(name: str) -> Artifact:
    folder = sources()
    artefact = json.loads((folder / SOLIDITY_ARTEFACT).read_text())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.sol")}
    if found != artefact["sources"]:
        changed = sorted(n for n in found | artefact["sources"] if found.get(n) != artefact["sources"].get(n))
        raise StaleArtefactError(
            f"{SOLIDITY_ARTEFACT}: expected the artefact of {', '.join(changed)} as they are now, "
            "got that of other contents; run make contracts"
        )
    stored = artefact["contracts"][name]
    return Artifact(name, stored["abi"], bytes.fromhex(stored["bytecode"]), stored["runtime_bytes"])


def _compile(folders: list[Path], name: str) -> dict[str, Any]:
    from vyper.compiler import compile_from_file_input  # type: ignore[import-untyped]
    from vyper.compiler.input_bundle import FilesystemInputBundle  # type: ignore[import-untyped]
    from vyper.compiler.settings import Settings  # type: ignore[import-untyped]

    # The compiler looks in the last folder first.
    bundle = FilesystemInputBundle(folders[::-1])
    output = compile_from_file_input(
        bundle.load_file(f"{name}.vy"),
        input_bundle=bundle,
        settings=Settings(evm_version=EVM_VERSION),
        output_formats=["abi", "bytecode", "bytecode_runtime", "layout"],
    )
    immutables = sum(entry["length"] for entry in _leaves(output["layout"].get("code_layout", {})))
    return {
        "abi": output["abi"],
        "bytecode": output["bytecode"].removeprefix("0x"),
        "runtime_bytes": len(output["bytecode_runtime"].removeprefix("0x")) // 2 + immutables,
    }


def _leaves(layout: dict[str, Any]) -> list[dict[str, Any]]:
    """The immutables of a code layout, those of imported modules included."""
    if "length" in layout:
        return [layout]
    return [leaf for entry in layout.values() if isinstance(entry, dict) for leaf in _leaves(entry)]
