"""A data directory: everything of one deployment that must survive the process, and how to open it again.

::

    DIR/ledger.sqlite     transactions, state, batches, proofs (multiprover.ledger.storage)
    DIR/config.json       which transition, batch size, proof types, and where it is settled
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from eth_account import Account
from eth_account.signers.local import LocalAccount
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from multiprover.lang.transition import Transition
from multiprover.ledger.storage import Storage
from multiprover.ledger.wire import prepare_request
from multiprover.node.deployment import deploy_program, plan_for
from multiprover.node.node import Listener, Node
from multiprover.node.reference import load_transition
from multiprover.program import Program, trace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.client import Prover
from multiprover.provers.manifest import Manifest
from multiprover.provers.registry import Fleet, Registry, suites_for
from multiprover.settlement.base import address_of, raw
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.l1 import L1, open_l1
from multiprover.settlement.policy import Policy

KEY_VARIABLE = "MULTIPROVER_L1_KEY"


class WorkspaceError(Exception):
    """A data directory that cannot be used; the message says what was expected, what came and what to do."""


def default_cache() -> Path:
    """Where provers keep keys: ``$MULTIPROVER_CACHE``, else ``multiprover`` in the user's cache folder."""
    chosen = os.environ.get("MULTIPROVER_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "multiprover"


def default_registry() -> Registry:
    """The proof types built in and those of the TOML file that ``$MULTIPROVER_PROVERS`` names, if it is set.

    Raises:
        RegistryError: the file cannot be read or is wrong.
    """
    chosen = os.environ.get("MULTIPROVER_PROVERS")
    return Registry.load(Path(chosen) if chosen else None)


class Config(BaseModel):
    """What a data directory was created for.

    Attributes:
        transition: its reference, ``path/to/file.py:Class``.
        slots: the batch size.
        types: the proof types that prove.
        policy: what a claim needs to be final; None: the default of the types.
        suites: the suites of the program, in suite order; by default those that the types need.
        l1: URL of the L1; None for the one in the process, which begins anew with every process.
        settlement: the contract's address, hex; None until it is deployed.
    """

    model_config = ConfigDict(extra="forbid")

    transition: str
    slots: int = Field(ge=1, le=512)
    types: tuple[str, ...] = Field(min_length=1)
    policy: Policy | None = None
    suites: tuple[str, ...] = Field(default_factory=lambda data: suites_for(data["types"]), min_length=1)
    l1: str | None = None
    settlement: str | None = None


PrepareProgress = Callable[[str, str, float], None]
"""Called with the proof type, the stage and the fraction done, from several threads."""


class Workspace:
    """An open data directory: its program, its provers with keys at hand, its L1 and contract.

    Use it as a context manager; :meth:`node` gives the node.
    """

    def __init__(
        self, directory: Path, config: Config, *, cache: Path | None = None, registry: Registry | None = None
    ):
        self.directory = directory
        self.config = config
        self.cache = cache or default_cache()
        self.registry = registry or default_registry()
        self.transition: type[Transition] = load_transition(config.transition)
        self.program: Program = trace(self.transition, config.suites)
        self.manifests: dict[str, Manifest] = {}
        self.prepared: dict[str, pb.Prepared] = {}
        self._fleet: Fleet | None = None
        self._storage: Storage | None = None

    # -- creating and finding

    @classmethod
    def create(cls, directory: Path, config: Config, **options: object) -> Self:
        """A new data directory.

        Raises:
            WorkspaceError: there is one already, for something else.
        """
        path = directory / "config.json"
        if path.exists():
            found = cls.read(directory)
            if found.model_copy(update={"settlement": None}) != config:
                raise WorkspaceError(
                    f"{directory} was made for another configuration: {found}; use another directory"
                )
            config = found
        self = cls(directory, config, **options)  # type: ignore[arg-type]
        directory.mkdir(parents=True, exist_ok=True)
        self._write()
        return self

    @classmethod
    def open(cls, directory: Path, **options: object) -> Self:
        """An existing data directory.

        Raises:
            WorkspaceError: it is none.
        """
        return cls(directory, cls.read(directory), **options)  # type: ignore[arg-type]

    @staticmethod
    def read(directory: Path) -> Config:
        path = directory / "config.json"
        try:
            return Config.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise WorkspaceError(f"{directory} is no data directory: it has no config.json") from None
        except ValidationError as error:
            raise WorkspaceError(f"{path}: {error}") from None

    def _write(self) -> None:
        path = self.directory / "config.json"
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(self.config.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
        draft.replace(path)

    # -- opening

    @property
    def storage(self) -> Storage:
        if self._storage is None:
            self._storage = Storage(self.directory / "ledger.sqlite", self.program)
        return self._storage

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._fleet is not None:
            self._fleet.close()
        if self._storage is not None:
            self._storage.close()

    @property
    def provers(self) -> dict[str, Prover]:
        """The provers, started.

        Raises:
            ProverError: one cannot be reached.
        """
        if self._fleet is None:
            fleet = Fleet(self.registry, self.config.types, self.cache)
            fleet.start()
            self._fleet = fleet
            for failure in fleet.failures.values():
                raise failure
        return self._fleet.provers

    def prepare(self, progress: PrepareProgress | None = None) -> None:
        """Have every prover make or load its keys, all at the same time.

        Raises:
            ProverError: one refuses or fails.
        """
        request = prepare_request(self.transition, self.program, self.config.slots)

        def one(name: str) -> tuple[Manifest, pb.Prepared]:
            tell = None if progress is None else lambda stage, fraction: progress(name, stage, fraction)
            prover = self.provers[name]
            return prover.describe(), prover.prepare(request, progress=tell)

        _ = self.provers
        with ThreadPoolExecutor(len(self.config.types)) as pool:
            for name, (manifest, prepared) in zip(
                self.config.types, pool.map(one, self.config.types), strict=True
            ):
                self.manifests[name], self.prepared[name] = manifest, prepared
        # Kept so that proofs can be verified without the provers.
        self.storage.remember(
            "artefacts",
            {name: {k: v.hex() for k, v in p.artefacts.items()} for name, p in self.prepared.items()},
        )

    def artefacts(self) -> dict[str, dict[str, bytes]]:
        """By proof type, what its prover gave for L1 when the keys were made; empty before."""
        stored = self.storage.recall("artefacts") or {}
        return {name: {k: bytes.fromhex(v) for k, v in given.items()} for name, given in stored.items()}

    def connect(self) -> tuple[L1, LocalAccount]:
        """The L1 and the account that pays there.

        Raises:
            WorkspaceError: no account is known for that L1.
            L1Error: the L1 does not answer.
        """
        l1 = open_l1(self.config.l1)
        key = os.environ.get(KEY_VARIABLE)
        if key is not None:
            return l1, Account.from_key(key)
        accounts: Sequence[LocalAccount] = l1.dev_accounts()
        if not accounts:
            raise WorkspaceError(
                f"{self.config.l1}: set {KEY_VARIABLE} to the private key (hex) of a funded account there"
            )
        return l1, accounts[0]

    def contracts(
        self,
        l1: L1,
        account: LocalAccount,
        *,
        allow_simulated: bool = True,
        allow_insecure_setup: bool = True,
    ) -> Contracts:
        """The contracts, deployed if they are not there yet. Call :meth:`prepare` before."""
        if self.config.settlement is not None and not l1.embedded:
            return Contracts.at(l1, raw(self.config.settlement))
        plan = plan_for(
            self.transition,
            self.program,
            self.config.slots,
            self.prepared,
            self.manifests,
            address_of(account),
            allow_simulated=allow_simulated,
            allow_insecure_setup=allow_insecure_setup,
            policy=self.config.policy,
        )
        contracts = deploy_program(l1, account, plan, self.prepared, self.manifests)
        self.settle_at(contracts)
        return contracts

    def settle_at(self, contracts: Contracts) -> None:
        """Keep where this directory is settled.

        Raises:
            WorkspaceError: its batches belong to another contract.
        """
        address = "0x" + contracts.settlement.address.hex()
        if self.config.settlement not in (None, address):
            raise WorkspaceError(
                f"L1 has the contract at {address}, the stored batches belong to "
                f"{self.config.settlement}; delete {self.directory} to begin anew"
            )
        self.config = self.config.model_copy(update={"settlement": address})
        self._write()

    def node(self, contracts: Contracts, account: LocalAccount, listener: Listener = lambda _: None) -> Node:
        """The node, not opened yet. Call :meth:`prepare` before."""
        return Node(
            self.transition,
            self.program,
            self.config.slots,
            self.storage,
            contracts,
            self.provers,
            self.manifests,
            self.prepared,
            account,
            listener,
        )
