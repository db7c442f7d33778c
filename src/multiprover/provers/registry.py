"""The proof types that this installation knows, and how to reach each.

Ours are built in. Others, and other ways to run ours, come from a TOML file::

    [provers.acme]                       # a command, run under the supervisor
    command = ["/opt/acme/prover", "--threads", "4"]
    env = { ACME_LOG = "info" }
    memory_mib = 8192

    [provers.far]                        # an address elsewhere, with mutual TLS
    address = "prover.example.org:7443"
    tls = { authority = "ca.pem", certificate = "us.pem", key = "us.key" }

Relative paths are relative to the file. The name is the proof type that the prover must say it is.
"""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from multiprover.provers.client import Prover, ProverClient, Tls
from multiprover.provers.errors import ProverError, ProverNotFound
from multiprover.provers.manifest import Name
from multiprover.provers.supervisor import Limits, SupervisedProver
from multiprover.suites import names


class RegistryError(ValueError):
    """The file of provers cannot be used; the message names the file and what is wrong."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TlsPaths(_Part):
    """PEM files for mutual TLS."""

    authority: Path
    certificate: Path
    key: Path

    def under(self, folder: Path) -> Tls:
        return Tls(folder / self.authority, folder / self.certificate, folder / self.key)


class Entry(_Part):
    """How to reach one proof type: a command to run, or an address.

    Attributes:
        command: program and arguments; ``--listen`` and ``--cache`` are added.
        env: added to the few variables that a prover sees of ours.
        memory_mib: its memory limit; without one, three quarters of this machine's memory.
        stall_s: its longest silence in a call.
        nice: 0 to 19: how far it stands back for other provers on this machine.
        address: ``unix:///path``, or ``host:port`` with ``tls``.
        folder: what relative paths are relative to.
    """

    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    env: dict[str, str] = {}
    memory_mib: Annotated[float, Field(gt=0)] | None = None
    stall_s: Annotated[float, Field(gt=0)] = 30.0
    nice: Annotated[int, Field(ge=0, le=19)] = 0
    address: str | None = None
    tls: TlsPaths | None = None
    folder: Path = Path()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.address is None):
            raise ValueError("expected either a command or an address")
        if self.address is None:
            if self.tls is not None:
                raise ValueError("expected tls only with an address")
        elif self.env or self.memory_mib is not None:
            raise ValueError("expected env and memory_mib only with a command")
        elif self.address.startswith("unix:") == (self.tls is not None):
            raise ValueError("expected tls with host:port, and none with a unix socket")
        return self


class Registry:
    """The proof types known here, by name."""

    def __init__(self, entries: Mapping[str, Entry] | None = None) -> None:
        """``entries`` are added to those built in, and stand before them."""
        self._entries = dict(entries or {})

    @classmethod
    def load(cls, file: Path | None = None) -> Self:
        """The proof types built in and, where ``file`` is given, those in it.

        Raises:
            RegistryError: the file cannot be read or is wrong.
        """
        if file is None:
            return cls()
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RegistryError(f"{file}: cannot be read: {error}") from error
        try:
            return cls(_File.model_validate(content).with_folder(file.resolve().parent))
        except ValidationError as error:
            faults = "; ".join(".".join(map(str, e["loc"])) + ": " + e["msg"] for e in error.errors())
            raise RegistryError(f"{file}: {faults}") from error

    @property
    def names(self) -> tuple[str, ...]:
        """Every proof type known, built or not, in alphabetical order."""
        return tuple(sorted(BUILT_IN.keys() | self._entries.keys()))

    def entry(self, name: str) -> Entry:
        """How to reach a proof type.

        Raises:
            ProverNotFound: it is not known, or its program is not built; the message says what to run.
        """
        if name in self._entries:
            return self._entries[name]
        if name in BUILT_IN:
            return BUILT_IN[name].find(name)
        raise ProverNotFound(
            name,
            f"expected one of the proof types {', '.join(self.names)}",
            remedy="correct the name, or add the prover to the file of provers",
        )

    def open(self, name: str, cache: Path) -> Prover:
        """A prover to call. A command is not started yet: call ``start``, or use :class:`Fleet`.

        ``cache`` holds a folder for each proof type's keys.

        Raises:
            ProverNotFound: as :meth:`entry`.
        """
        entry = self.entry(name)
        if entry.address is not None:
            tls = entry.tls.under(entry.folder) if entry.tls else None
            return ProverClient(entry.address, name, tls, stall_s=entry.stall_s)
        assert entry.command is not None
        program, *arguments = entry.command
        if "/" in program:
            program = str(entry.folder / program)
        limits = Limits(stall_s=entry.stall_s, nice=entry.nice)
        if entry.memory_mib is not None:
            limits = replace(limits, memory_mib=entry.memory_mib)
        return SupervisedProver(name, [program, *arguments], cache / name, env=entry.env, limits=limits)


class _File(_Part):
    provers: dict[Name, Entry]

    def with_folder(self, folder: Path) -> dict[str, Entry]:
        return {name: entry.model_copy(update={"folder": folder}) for name, entry in self.provers.items()}


class _Binary(_Part):
    """A program built in the repository, or carried in the installed package."""

    in_repository: str
    built_by: str
    nice: int = 0

    def find(self, name: str) -> Entry:
        here = Path(__file__).resolve().parent
        # src/multiprover/provers in the repository; the package's own folder where it is installed.
        candidates = here / "bin" / name, here.parents[2] / self.in_repository
        for path in candidates:
            if path.is_file():
                return Entry(command=(str(path),), nice=self.nice)
        raise ProverNotFound(
            name,
            f"its program has not been built: found neither {' nor '.join(map(str, candidates))}",
            remedy=f"run `{self.built_by}` in the repository",
        )


class _Module(_Part):
    """A Python module of another package, run by this interpreter."""

    module: str
    built_by: str

    def find(self, name: str) -> Entry:
        try:
            found = importlib.util.find_spec(self.module) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            raise ProverNotFound(
                name,
                f"the Python module {self.module} is not installed",
                remedy=f"run `{self.built_by}` in the repository",
            )
        return Entry(command=(sys.executable, "-m", self.module))


def _ours(name: str, nice: int = 0) -> _Binary:
    return _Binary(in_repository=f"provers/{name}/bin/prover", built_by=f"make -C provers/{name}", nice=nice)


BUILT_IN: Mapping[str, _Binary | _Module] = {
    "groth16": _ours("groth16", nice=10),
    "halo2": _ours("halo2", nice=10),
    "plonky2": _ours("plonky2", nice=15),
    "stark": _ours("stark"),
    "sgx": _Module(module="multiprover_sgx.server", built_by="uv sync"),
}
"""The proof types that come with this repository. The slower stand back for the faster, by whose answers a
batch is confirmed: they lose little by it.
"""


SUITES: Mapping[str, tuple[str, ...]] = {
    "groth16": ("bn254",),
    "halo2": ("bn254",),
    "plonky2": ("goldilocks",),
    "stark": ("koalabear",),
    "sgx": (),
}
"""The suites whose roots each proof type of ours commits to; none: all that the program has."""


def suites_for(types: Iterable[str]) -> tuple[str, ...]:
    """The suites that a program needs so that each of ``types`` can prove it; at least ``bn254``."""
    needed = {suite for name in types for suite in SUITES.get(name, ())}
    return tuple(name for name in names() if name in needed) or ("bn254",)


class Fleet:
    """Several provers, each on its own: one that does not start, or dies, is no other's matter."""

    def __init__(self, registry: Registry, names: Iterable[str], cache: Path) -> None:
        self._registry = registry
        self._names = tuple(names)
        self._cache = cache
        self.provers: dict[str, Prover] = {}
        """Those that were reached."""
        self.failures: dict[str, ProverError] = {}
        """Those that were not, and why."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Reach every prover at the same time; afterwards each is in ``provers`` or in ``failures``."""
        with ThreadPoolExecutor(max(1, len(self._names))) as pool:
            for name, outcome in zip(self._names, pool.map(self._reach, self._names), strict=True):
                if isinstance(outcome, ProverError):
                    self.failures[name] = outcome
                else:
                    self.provers[name] = outcome

    def close(self) -> None:
        """End them all, at the same time."""
        with ThreadPoolExecutor(max(1, len(self.provers))) as pool:
            list(pool.map(lambda prover: prover.close(), self.provers.values()))
        self.provers.clear()

    def _reach(self, name: str) -> Prover | ProverError:
        try:
            prover = self._registry.open(name, self._cache)
            if isinstance(prover, SupervisedProver):
                prover.start()
            try:
                prover.describe()
            except ProverError:
                prover.close()
                raise
        except ProverError as error:
            return error
        return prover
