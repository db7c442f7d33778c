"""The suite ``bn254``: Poseidon2 over BN254's scalar field, EdDSA on BabyJubJub (docs/suites.md §2 to §5)."""

from __future__ import annotations

from multiprover_native import Bn254 as NativeBn254
from multiprover_native import Bn254SigningKey

from multiprover.suites.base import DEFAULT_HEIGHT, SigningKey
from multiprover.suites.derivation import derive


class Bn254(NativeBn254):
    """The hashes, trees, verification and binding are native; here are its name and its wallet keys."""

    name = "bn254"

    def signing_key(self, seed: bytes, height: int = DEFAULT_HEIGHT) -> SigningKey:  # noqa: ARG002
        """The key of a wallet's 32-byte ``seed``; the same seed always gives the same key and signatures.

        It signs for every nonce, whatever the ``height``.

        Raises:
            SuiteError: ``seed`` is not 32 bytes.
        """
        return Bn254SigningKey(derive(seed, self.name, "secret"), derive(seed, self.name, "nonce"))
