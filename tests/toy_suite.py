"""A suite for tests that has nothing in common with ``bn254``.

Digests are keccak256 of any value, the field is that of 2^255 - 19, and a key is four one-time Lamport keys
under a Merkle tree, so it can be exhausted.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth_utils.crypto import keccak

from multiprover import suites

P = 2**255 - 19
NONCES = 4


def _h(tag: bytes, *parts: bytes) -> bytes:
    return keccak(tag.ljust(8, b"\0") + b"".join(len(part).to_bytes(4, "big") + part for part in parts))


def _bits(digest: bytes, nonce: int) -> list[int]:
    number = int.from_bytes(_h(b"message", digest, nonce.to_bytes(8, "big")), "big")
    return [number >> i & 1 for i in range(256)]


def _climb(leaf: bytes, index: int, siblings: Sequence[bytes]) -> bytes:
    for level, sibling in enumerate(siblings):
        pair = (sibling, leaf) if index >> level & 1 else (leaf, sibling)
        leaf = _h(b"node", *pair)
    return leaf


class ToyTree:
    def __init__(self, depth: int, default_leaf: bytes) -> None:
        self.depth, self.default, self.leaves = depth, default_leaf, dict[int, bytes]()

    def _node(self, level: int, index: int) -> bytes:
        if level == 0:
            return self.leaves.get(index, self.default)
        return _h(b"node", self._node(level - 1, 2 * index), self._node(level - 1, 2 * index + 1))

    @property
    def root(self) -> bytes:
        return self._node(self.depth, 0)

    def siblings(self, index: int) -> bytes:
        self._check(index)
        return b"".join(self._node(level, index >> level ^ 1) for level in range(self.depth))

    def set(self, index: int, leaf: bytes) -> None:
        self.set_many([(index, leaf)])

    def set_many(self, leaves: Sequence[tuple[int, bytes]]) -> None:
        for index, _ in leaves:
            self._check(index)
        self.leaves.update(leaves)

    def _check(self, index: int) -> None:
        if not 0 <= index < 2**self.depth:
            raise suites.SuiteError(f"index: expected 0 to 2^{self.depth} - 1, found {index}")


class ToyKey:
    def __init__(self, seed: bytes) -> None:
        secret = suites.derive(seed, "toy", "secret")
        self._images = [
            [[_h(b"image", secret, bytes([nonce, bit, i])) for i in range(256)] for bit in (0, 1)]
            for nonce in range(NONCES)
        ]
        leaves = [
            _h(b"key", *(_h(b"public", image) for row in rows for image in row)) for rows in self._images
        ]
        pairs = [_h(b"node", leaves[0], leaves[1]), _h(b"node", leaves[2], leaves[3])]
        self._paths = [[leaves[nonce ^ 1], pairs[nonce >> 1 ^ 1]] for nonce in range(NONCES)]
        self.public_key = _h(b"node", *pairs)

    def sign(self, digest: bytes, nonce: int) -> bytes:
        if nonce >= NONCES:
            raise suites.KeyExhaustedError(
                f"nonce: expected 0 to {NONCES - 1}, found {nonce}; register a new key"
            )
        rows = self._images[nonce]
        shown = [rows[bit][i] for i, bit in enumerate(_bits(digest, nonce))]
        hidden = [_h(b"public", rows[1 - bit][i]) for i, bit in enumerate(_bits(digest, nonce))]
        return b"".join([*shown, *hidden, *self._paths[nonce]])


class Toy:
    name = "toy"

    def leaf(self, map_index: int, ints: Sequence[suites.TypedInt], keys: Sequence[bytes]) -> bytes:
        return _h(b"leaf", map_index.to_bytes(4, "big"), *self._ints(ints), *keys)

    def node(self, left: bytes, right: bytes) -> bytes:
        return _h(b"node", left, right)

    def root_from_path(self, leaf: bytes, index: int, siblings: bytes) -> bytes:
        return _climb(leaf, index, [siblings[i : i + 32] for i in range(0, len(siblings), 32)])

    def state_root(
        self, cells: Sequence[suites.TypedInt], key_cells: Sequence[bytes], map_roots: Sequence[bytes]
    ) -> bytes:
        return _h(b"state", *self._ints(cells), *key_cells, *map_roots)

    def tree(self, depth: int, default_leaf: bytes) -> ToyTree:
        return ToyTree(depth, default_leaf)

    def tx_digest(self, domain: bytes, words: bytes) -> bytes:
        return _h(b"tx", domain, words)

    def signing_key(self, seed: bytes, height: int = 0) -> ToyKey:  # noqa: ARG002
        return ToyKey(seed)

    def verify(self, public_key: bytes, digest: bytes, nonce: int, signature: bytes) -> None:
        if len(signature) != (512 + 2) * 32:
            raise suites.InvalidSignatureError(
                f"signature: expected {514 * 32} bytes, found {len(signature)}"
            )
        if nonce >= NONCES:
            raise suites.InvalidSignatureError(f"nonce: expected 0 to {NONCES - 1}, found {nonce}")
        parts = [signature[i : i + 32] for i in range(0, len(signature), 32)]
        rows: list[list[bytes]] = [[b""] * 256, [b""] * 256]
        for i, bit in enumerate(_bits(digest, nonce)):
            rows[bit][i], rows[1 - bit][i] = _h(b"public", parts[i]), parts[256 + i]
        if _climb(_h(b"key", *rows[0], *rows[1]), nonce, parts[512:]) != public_key:
            raise suites.InvalidSignatureError("path: expected the public key, found another root")

    def commit(self, journal: bytes) -> bytes:
        return _h(b"journal", journal)

    def challenge(self, domain: bytes, claim: bytes, commitment: bytes) -> bytes:
        z = keccak(domain + suites.suite_id(self.name) + claim + commitment)
        return (int.from_bytes(z, "big") % P).to_bytes(32, "big")

    def evaluate(self, journal: bytes, challenge: bytes) -> bytes:
        z = int.from_bytes(challenge, "big")
        if z >= P:
            raise suites.NonCanonicalError(f"challenge: expected a number below 2^255 - 19, found {z}")
        words = [int.from_bytes(journal[i : i + 4], "big") for i in range(0, len(journal), 4)]
        return (sum(word * pow(z, i, P) for i, word in enumerate(words)) % P).to_bytes(32, "big")

    @staticmethod
    def _ints(ints: Sequence[suites.TypedInt]) -> list[bytes]:
        return [value.encoded.to_bytes(4 * value.words, "big") for value in ints]
