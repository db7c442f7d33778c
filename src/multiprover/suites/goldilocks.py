"""The suite ``goldilocks``: Poseidon over p = 2^64 - 2^32 + 1, one-time keys under a Merkle tree.

Specification: docs/suites.md §7 to §9. Hashes, trees, signatures and binding are native; here are the name,
the wallet keys, and why the signatures hold.

**Parameters.** A one-time key has 132 chains of one step (Winternitz, w = 2), and 2^16 of them stand under
a Merkle tree: the shape of XMSS (RFC 8391). A message's hash gives 132 bits, of which exactly 66 must be
set; a signature shows the secret of each chain whose bit is set and the end of each other one. There are
C(132, 66) = 2^128.15 such words, none covers another, and so no checksum is needed (target sum: Drake,
Khovratovich, Kudinov and Wagner, eprint 2025/055). One ``ρ`` in 14.4 gives such a word.

**Security**, for a hash without weakness of its own (digests of 256 bits, a capacity of 256 bits):

- *Another message for a one-time key that signed.* Its word must be the signed one, for any other shows a
  secret that nobody but the signer has: 2^132 hashes, each good for one key and nonce only since both are
  hashed. With Grover's search 2^66 in sequence, of two permutations each: AES-128 falls in 2^64
  encryptions.
- *A message chosen so that a second one has its word.* The hash is randomised by ``ρ``, whose first value
  is secret until it is used (the ``r`` of RFC 8391 §4.1.9, with 64 bits here). Would it count from 0, two
  messages with one word were found in 2^68 hashes beforehand. As it is, q hashes help with a probability of
  about q / 2^132 for each signature: a pair found in 2^68 hashes comes to use with probability 2^-60.
- *A secret of a chain.* A preimage of 256 bits: 2^256 / T hashes for T ends in all the world's keys, which
  is 2^200 for T = 2^56, and 2^100 for Grover's search.
- *A node of the tree, or the ends of a key, in two ways*: second preimages, 2^256 / T likewise.

So at least 120 bits against a classical attacker, and for a quantum computer no easier than AES-128
(category 1 of NIST). What this rests on is Poseidon with its published number of rounds (eprint 2019/458:
128 bits); it is younger and less studied than SHA-2, and nothing here is better than it.

**A repeated nonce** gives the key away. Two words show the secrets of about 99 chains, and one message in
2^44.6 has its word within 99 (2^38.6 on average over how the two words happen to lie): within anyone's
reach. After a third, 2^22.6. So:

- a signing key refuses a second, different digest for a nonce, and repeats its bytes for the same one;
- but it remembers in memory only. **A seed must live in one signing key object**: a copy, a forked process,
  or a restart that forgets which nonce went out, can sign twice. Sign a nonce again only to send the very
  same transaction;
- a seed belongs to one deployment: the digest holds its domain, so the same nonce in two deployments signs
  twice. Keys of different ``height`` share no secret;
- a transition must take each nonce once a key and in order, as ``require(account.nonce == nonce)`` and
  raising it do. A transaction that was signed and can never be accepted leaves the account nothing to sign
  for that nonce: check before signing, and change the account's key if it happened.
"""

from __future__ import annotations

from multiprover_native import Goldilocks as NativeGoldilocks
from multiprover_native import GoldilocksSigningKey

from multiprover.suites.base import DEFAULT_HEIGHT, SigningKey
from multiprover.suites.derivation import derive
from multiprover.suites.one_time import KeyProgress, OneTimeKeys


class Goldilocks(NativeGoldilocks):
    """The hashes, trees, verification and binding are native; here are its name and its wallet keys."""

    name = "goldilocks"

    def signing_key(
        self, seed: bytes, height: int = DEFAULT_HEIGHT, progress: KeyProgress | None = None
    ) -> SigningKey:
        """The key of a wallet's 32-byte ``seed`` for nonces 0 to ``2^height - 1``, ``height`` 0 to 16.

        The same seed and height always give the same key and signatures (4,744 bytes). The one-time keys are
        made when the public key or a signature is first asked for: half a second for 2^10, half a minute for
        2^16, without the interpreter's lock, reporting to ``progress``.

        Raises:
            SuiteError: ``seed`` is not 32 bytes, or ``height`` is out of range.
        """
        chains, randomizer = (derive(seed, self.name, purpose) for purpose in ("chains", "randomizer"))
        return OneTimeKeys(lambda made: GoldilocksSigningKey(chains, randomizer, made, progress), height)
