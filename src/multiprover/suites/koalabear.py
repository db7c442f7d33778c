"""The suite ``koalabear``: Poseidon2 over p = 2^31 - 2^24 + 1, one-time keys under a Merkle tree.

Specification: docs/suites.md §10 to §12. Hashes, trees, signatures and binding are native; here are the name,
the wallet keys, and why the signatures hold.

**Parameters.** A one-time key has 64 chains of three steps (Winternitz, w = 4), and 2^16 of them stand under
a Merkle tree: the shape of XMSS (RFC 8391). A message's hash gives 64 digits of two bits, which must sum to
120; a signature shows how far each digit goes along its chain. There are 2^118.30 such words. Of two of them
each has a digit below the other's, and so no checksum is needed (target sum: Drake, Khovratovich, Kudinov and
Wagner, eprint 2025/055). One ``ρ`` in 829 gives such a word; the sum is that far above its mean, 96, because
a verifier then walks 72 steps, and a circuit's rows cost more than the signer's tries.

**Security**, for a hash without weakness of its own (digests of 247.9 bits, a capacity of as many, secrets of
243.3 bits of entropy, since their words are reduced):

- *Another message for a one-time key that signed.* Its word must be the signed one, for any other asks for a
  place of a chain before the one shown: 2^128 hashes, each good for one key and nonce only since both are
  hashed. (The 16 lowest bits of an element are evenly spread, but for one value of the field.) With
  Grover's search 2^64 in sequence, of two permutations each: AES-128 falls in 2^64 encryptions.
- *A message chosen so that a second one has its word.* The hash is randomised by ``ρ``, whose first value
  is secret until it is used (the ``r`` of RFC 8391 §4.1.9), with 212.9 bits of entropy: a pair found
  beforehand comes to use with probability 2^-203.
- *A place of a chain before the one shown.* A preimage: 2^243.3 / T hashes for T places shown in all the
  world's signatures, which is 2^187 for T = 2^56, and 2^93 for Grover's search. A step's number is in its
  hash, so that a value of another place or chain does not help.
- *A node of the tree, or the ends of a key, in two ways*: second preimages, 2^247.9 / T likewise. A node adds
  its left half to the permuted state, which nobody can then run backwards.

So at least 120 bits against a classical attacker, and for a quantum computer no easier than AES-128
(category 1 of NIST). State trees and commitments rest on collisions: 2^123.95 hashes. What all this rests on
is Poseidon2 with its published number of rounds (eprint 2023/323: 128 bits); it is younger and less studied
than SHA-2, and nothing here is better than it.

**A repeated nonce** gives the key away. Two signatures show of each chain the lower of two places, and one
message in 2^53 has a word that starts at or after these (the median over pairs of words): too few tries to
rely on. After a third, 2^35. So what :mod:`multiprover.suites.goldilocks` says about nonces holds here too:
a seed lives in one signing key object and belongs to one deployment; a transition takes each nonce once.
"""

from __future__ import annotations

from multiprover_native import KoalaBear as NativeKoalaBear
from multiprover_native import KoalaBearSigningKey

from multiprover.suites.base import DEFAULT_HEIGHT, SigningKey
from multiprover.suites.derivation import derive
from multiprover.suites.one_time import KeyProgress, OneTimeKeys


class KoalaBear(NativeKoalaBear):
    """The hashes, trees, verification and binding are native; here are its name and its wallet keys."""

    name = "koalabear"

    def signing_key(
        self, seed: bytes, height: int = DEFAULT_HEIGHT, progress: KeyProgress | None = None
    ) -> SigningKey:
        """The key of a wallet's 32-byte ``seed`` for nonces 0 to ``2^height - 1``, ``height`` 0 to 16.

        The same seed and height always give the same key and signatures (2,588 bytes). The one-time keys are
        made when the public key or a signature is first asked for: half a second for 2^10, half a minute for
        2^16, without the interpreter's lock, reporting to ``progress``.

        Raises:
            SuiteError: ``seed`` is not 32 bytes, or ``height`` is out of range.
        """
        chains, randomizer = (derive(seed, self.name, purpose) for purpose in ("chains", "randomizer"))
        return OneTimeKeys(lambda made: KoalaBearSigningKey(chains, randomizer, made, progress), height)
