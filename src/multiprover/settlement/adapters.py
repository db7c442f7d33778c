"""Adapters: the contract that verifies one proof type's proofs, and how each is created."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from multiprover.settlement import groth16, halo2, plonky2, stark
from multiprover.settlement.base import Contract
from multiprover.settlement.contracts import artifact
from multiprover.settlement.events import Receipt
from multiprover.settlement.halo2 import HALO2_GAS
from multiprover.settlement.l1 import L1
from multiprover.settlement.plonky2 import PLONKY2_GAS
from multiprover.settlement.stark import STARK_GAS

GROTH16_GAS: Final = 360_000
SGX_GAS: Final = 40_000
"""The most that an adapter may burn."""


@dataclass(frozen=True)
class Site:
    """Where an adapter will serve.

    Attributes:
        domain: of the deployment.
        suites: all of the deployment's, in order.
        operator, council: 20-byte addresses.
    """

    domain: bytes
    suites: tuple[str, ...]
    operator: bytes
    council: bytes


class ProofTypeInfo(Protocol):
    """A proof type of a deployment, and how its adapter comes to L1."""

    @property
    def name(self) -> str: ...

    @property
    def binds(self) -> bool:
        """Whether its proofs know the journal by ``(c, z, y)``; otherwise by the claim itself."""
        ...

    @property
    def gas(self) -> int: ...

    @property
    def creations(self) -> int:
        """How many contracts :meth:`adapter_at` creates: addresses are foretold by counting."""
        ...

    def suites_of(self, site: Site) -> tuple[str, ...]:
        """The suites that it commits to."""
        ...

    def adapter_at(self, l1: L1, deployer: LocalAccount, site: Site) -> bytes:
        """The 20-byte address of its adapter, created if it is not there yet."""
        ...


@dataclass(frozen=True)
class _OneSuite(ABC):
    """A type whose adapter is created from one verifying key, for proofs of one suite that bind."""

    verifying_key: bytes
    """The prover's artefact ``l1_verifier`` (docs/prover.md §3)."""
    name: ClassVar[str]
    suite: ClassVar[str]
    gas: ClassVar[int]
    binds: ClassVar[bool] = True
    creations: ClassVar[int] = 1

    def suites_of(self, site: Site) -> tuple[str, ...]:
        return tuple(s for s in site.suites if s == self.suite)

    def adapter_at(self, l1: L1, deployer: LocalAccount, site: Site) -> bytes:
        return l1.create(deployer, self._creation_code(site.domain))

    @abstractmethod
    def _creation_code(self, domain: bytes) -> bytes: ...


class Groth16Type(_OneSuite):
    """Deploys a ``Groth16Adapter``."""

    name = "groth16"
    suite = "bn254"
    gas = GROTH16_GAS

    def _creation_code(self, domain: bytes) -> bytes:
        return groth16.creation_code(self.verifying_key, domain)


class Halo2Type(_OneSuite):
    """Deploys a ``Halo2Adapter``."""

    name = "halo2"
    suite = "bn254"
    gas = HALO2_GAS

    def _creation_code(self, domain: bytes) -> bytes:
        return halo2.creation_code(self.verifying_key, domain)


class Plonky2Type(_OneSuite):
    """Deploys a ``Plonky2Adapter``: the key is the data of one final circuit."""

    name = "plonky2"
    suite = "goldilocks"
    gas = PLONKY2_GAS

    def _creation_code(self, domain: bytes) -> bytes:
        return plonky2.creation_code(plonky2.VerifierData.decode(self.verifying_key), domain)


class StarkType(_OneSuite):
    """Deploys a ``StarkAdapter``."""

    name = stark.NAME
    suite = "koalabear"
    gas = STARK_GAS

    def _creation_code(self, domain: bytes) -> bytes:
        return stark.creation_code(self.verifying_key, domain)


@dataclass(frozen=True)
class SgxType:
    """Deploys an ``SgxAdapter``: a signature, over all suites."""

    allow_simulated: bool
    mrenclave: bytes = bytes(32)
    """The enclave's measurement that quotes must carry; zero takes simulated keys only."""
    name: str = "sgx"
    binds: bool = False
    gas: int = SGX_GAS
    creations: int = 1

    def suites_of(self, site: Site) -> tuple[str, ...]:
        return site.suites

    def adapter_at(self, l1: L1, deployer: LocalAccount, site: Site) -> bytes:
        arguments = encode(
            ["address", "address", "bool", "bytes32"],
            [
                to_checksum_address(site.operator),
                to_checksum_address(site.council),
                self.allow_simulated,
                self.mrenclave,
            ],
        )
        return l1.create(deployer, artifact("SgxAdapter").bytecode + arguments)


@dataclass(frozen=True)
class AdapterType:
    """A proof type whose adapter is already deployed."""

    name: str
    adapter: bytes
    suites: tuple[str, ...]
    binds: bool
    gas: int
    creations: int = 0

    def suites_of(self, site: Site) -> tuple[str, ...]:  # noqa: ARG002
        return self.suites

    def adapter_at(self, l1: L1, deployer: LocalAccount, site: Site) -> bytes:  # noqa: ARG002
        return self.adapter


class SgxAdapter(Contract):
    """The registry of enclave keys."""

    name = "SgxAdapter"

    def register(
        self, operator: LocalAccount, signer: bytes, *, quote: bytes = b"", simulated: bool = False
    ) -> Receipt:
        """Register an enclave's 20-byte vouching address with its quote, or as simulated.

        Raises:
            ProofRefusedError: with the reason.
        """
        return self._send(operator, "register", [to_checksum_address(signer), quote, simulated])

    def revoke(self, account: LocalAccount, signer: bytes) -> Receipt:
        """Bar an enclave's vouching address for good; for the operator and the council.

        Raises:
            ProofRefusedError: with the reason.
        """
        return self._send(account, "revoke", [to_checksum_address(signer)])

    def revoke_epoch(self, account: LocalAccount) -> Receipt:
        """Bar every key registered so far; for the operator and the council.

        Raises:
            ProofRefusedError: with the reason.
        """
        return self._send(account, "revoke_epoch", [])

    def revoke_data(self, signer: bytes | None) -> bytes:
        """Calldata with which the council bars an enclave's vouching address; None: all registered so far."""
        if signer is None:
            return self.encode("revoke_epoch", [])
        return self.encode("revoke", [to_checksum_address(signer)])

    def standing(self, signer: bytes) -> str:
        """``unknown``, ``registered`` or ``revoked``."""
        return ("unknown", "registered", "revoked")[self._view("standing", to_checksum_address(signer))]


def abi_type(info: ProofTypeInfo, type_id: bytes, adapter: bytes, site: Site) -> tuple[Any, ...]:
    """A proof type as the contracts' ``ProofType``."""
    own: Sequence[str] = info.suites_of(site)
    mask = sum(1 << i for i, suite in enumerate(site.suites) if suite in own)
    return type_id, to_checksum_address(adapter), mask, info.binds, info.gas
