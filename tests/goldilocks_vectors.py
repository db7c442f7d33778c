"""Writes ``vectors/goldilocks_suite.json`` from the pure Python reference; schema: ``vectors/README.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import shake_128

import reference_goldilocks as ref
import vector_writing as writing
from vector_writing import TOP, TOP2, Vector, Writer, data, vector


def sample(label: str, size: int) -> bytes:
    """Fixed bytes that look random."""
    return shake_128(f"multiprover goldilocks vectors {label}".encode()).digest(size)


def element(label: str) -> bytes:
    """A canonical digest."""
    return ref.to_bytes([value % ref.P for value in ref.words(sample(label, 32), 8)])


WRITER = Writer(ref, sample, element)


def permutation() -> Iterator[Vector]:
    for name, state in (
        ("counting", list(range(12))),
        ("zeros", [0] * 12),
        ("greatest", [ref.P - 1] * 12),
        ("low_halves", [TOP] * 12),
        ("high_halves", [TOP << 32] * 12),
    ):
        yield vector(
            f"permutation_{name}",
            "permutation",
            {"state": [data(value.to_bytes(8, "big")) for value in state]},
            {"state": [data(value.to_bytes(8, "big")) for value in ref.permute(state)]},
        )


MODULI = ref.to_bytes([ref.P] * 4)
RECORDS: dict[str, tuple[list[tuple[int, int]], list[bytes]]] = {
    "empty": ([], []),
    "zeros": ([(0, 1), (0, 2)], [bytes(32)]),
    "one_word": ([(1, 1)], []),
    "eight_words_fill_a_group": ([(TOP2, 2)] * 3 + [(TOP, 1)] * 2, []),
    "nine_words": ([(TOP2, 2)] * 4 + [(5, 1)], []),
    "greatest_integers": ([(TOP2, 2)] * 5 + [(TOP, 1)] * 9, []),
    "key_at_the_modulus_is_zero": ([(7, 1)], [MODULI]),
    "keys_of_all_ones": ([], [b"\xff" * 32, sample("record key", 32)]),
}


def records() -> Iterator[Vector]:
    return WRITER.records(RECORDS, (0, TOP))


def binding() -> Iterator[Vector]:
    top = ref.P - 1
    points = {
        "_at_zero": bytes(32),
        "_at_minus_one": ref.to_bytes([top, 0, 0, 0]),
        "_at_the_root_of_seven": ref.to_bytes([0, 1, 0, 0]),
        "_at_the_greatest": ref.to_bytes([top, top, 0, 0]),
    }
    yield from WRITER.binding((0, 1, 4, 7, 8, 9, 16, 17, 200), points)
    yield from WRITER.reduced_domain()


def chosen(digest: bytes, nonce: int) -> tuple[ref.Key, bytes]:
    """A key and a valid signature that shows zeros, which have another encoding, as secret 0 and as end 1."""
    secrets = [[ref.reduce(sample(f"secret {n} {chain}", 32)) for chain in range(132)] for n in range(3)]
    secrets[nonce][0] = ref.ZERO
    key = ref.key_of_secrets(secrets)
    key.ends[nonce][1] = ref.ZERO
    key = key._replace(levels=ref.key_levels([ref.one_time_leaf(ends) for ends in key.ends]))
    rho = -1
    while True:
        rho = ref.find_rho(ref.digest_of(key.public_key), ref.digest_of(digest), nonce, rho + 1)
        signature = ref.sign_with(key, digest, nonce, rho)
        if part(signature, 0) == part(signature, 1) == bytes(32):
            return key, signature


def replaced(signature: bytes, chain: int, part: bytes) -> bytes:
    """``chain`` counts on from the chains to the siblings."""
    at = 8 + 32 * chain
    return signature[:at] + part + signature[at + 32 :]


def part(signature: bytes, chain: int) -> bytes:
    return signature[8 + 32 * chain : 40 + 32 * chain]


def verifications() -> Iterator[Vector]:
    key = ref.key_from_seed(sample("seed", 32), 2)
    pk, digest, nonce = key.public_key, element("signed digest"), 2
    signature = ref.sign(key, digest, nonce)
    rho = int.from_bytes(signature[:8], "big")
    bits = ref.message_bits(ref.digest_of(pk), ref.digest_of(digest), nonce, rho)
    shown, hidden = bits.index(1), bits.index(0)

    yield WRITER.verify_vector("honest", pk, digest, nonce, signature)
    yield WRITER.verify_vector("wrong_nonce", pk, digest, nonce ^ 1, signature)
    yield WRITER.verify_vector("wrong_digest", pk, element("other digest"), nonce, signature)
    yield WRITER.verify_vector("wrong_public_key", element("other key"), digest, nonce, signature)
    yield WRITER.verify_vector("empty", pk, digest, nonce, b"")
    yield WRITER.verify_vector("short", pk, digest, nonce, signature[:-1])
    yield WRITER.verify_vector("without_a_sibling", pk, digest, nonce, signature[:-32])
    yield WRITER.verify_vector("long", pk, digest, nonce, signature + b"\0")
    other_rho = ref.find_rho(ref.digest_of(pk), ref.digest_of(digest), nonce, rho + 1)
    yield WRITER.verify_vector(
        "another_word", pk, digest, nonce, other_rho.to_bytes(8, "big") + signature[8:]
    )
    for weight in (65, 67):
        rho = ref.find_rho(ref.digest_of(pk), ref.digest_of(digest), nonce, 0, weight)
        yield WRITER.verify_vector(
            f"weight_{weight}", pk, digest, nonce, ref.sign_with(key, digest, nonce, rho)
        )
    for name, chain in (("secret", shown), ("end", hidden)):
        first, *rest = ref.digest_of(part(signature, chain))
        wrong = ref.to_bytes([(first + 1) % ref.P, *rest])
        yield WRITER.verify_vector(f"wrong_{name}", pk, digest, nonce, replaced(signature, chain, wrong))
    ahead = replaced(signature, shown, ref.to_bytes(key.ends[nonce][shown]))
    yield WRITER.verify_vector("end_where_a_secret_is_due", pk, digest, nonce, ahead)
    behind = replaced(signature, hidden, ref.to_bytes(key.secrets[nonce][hidden]))
    yield WRITER.verify_vector("secret_where_an_end_is_due", pk, digest, nonce, behind)
    swapped = replaced(replaced(signature, shown, part(signature, hidden)), hidden, part(signature, shown))
    yield WRITER.verify_vector("chains_swapped", pk, digest, nonce, swapped)
    for level in (0, 15):
        wrong = replaced(signature, 132 + level, element("other sibling"))
        yield WRITER.verify_vector(f"wrong_sibling_{level}", pk, digest, nonce, wrong)
    swapped = replaced(replaced(signature, 132, part(signature, 133)), 133, part(signature, 132))
    yield WRITER.verify_vector("siblings_swapped", pk, digest, nonce, swapped)

    # Words for the greater nonce itself, over the path of its low bits: only the range tells them apart.
    for great in (2**16 + nonce, 2**32 + nonce, ref.P + nonce):
        rho = ref.find_rho(ref.digest_of(pk), ref.digest_of(digest), great, 0)
        yield WRITER.verify_vector(
            f"nonce_{great:#x}", pk, digest, great, ref.sign_with(key, digest, great, rho)
        )
    # The one-time key of another nonce, for a word of this one.
    rho = ref.find_rho(ref.digest_of(pk), ref.digest_of(digest), nonce ^ 1, 0)
    bits = ref.message_bits(ref.digest_of(pk), ref.digest_of(digest), nonce ^ 1, rho)
    choice = zip(bits, key.secrets[nonce], key.ends[nonce], strict=True)
    taken = [secret if bit else end for bit, secret, end in choice]
    path = ref.key_path(key.levels, nonce)
    borrowed = ref.encode_signature(rho, taken, path)
    yield WRITER.verify_vector("one_time_key_of_another_nonce", pk, digest, nonce ^ 1, borrowed)
    # A one-time key that was not made: its leaf is zeros, and no ends hash to that.
    unmade = ref.encode_signature(other_rho, [ref.ZERO] * 132, ref.key_path(key.levels, 4))
    rho = ref.find_rho(ref.digest_of(pk), ref.digest_of(digest), 4, 0)
    yield WRITER.verify_vector("unmade_one_time_key", pk, digest, 4, rho.to_bytes(8, "big") + unmade[8:])


def second_encodings() -> Iterator[Vector]:
    """Zeros and other numbers below 2^32 - 1 have a second encoding, which must be refused."""
    digest, nonce = element("signed digest"), 2
    own, signature = chosen(digest, nonce)
    pk, rho = own.public_key, int.from_bytes(signature[:8], "big")
    yield WRITER.verify_vector("zeros", pk, digest, nonce, signature)
    alias = (rho + ref.P).to_bytes(8, "big") + signature[8:]
    yield WRITER.verify_vector("rho_plus_modulus", pk, digest, nonce, alias)
    for place in range(4):
        zeros = ref.to_bytes([ref.P if i == place else 0 for i in range(4)])
        yield WRITER.verify_vector(
            f"secret_plus_modulus_{place}", pk, digest, nonce, replaced(signature, 0, zeros)
        )
    zeros = ref.to_bytes([ref.P, 0, 0, 0])
    yield WRITER.verify_vector("end_plus_modulus", pk, digest, nonce, replaced(signature, 1, zeros))
    yield WRITER.verify_vector("sibling_plus_modulus", pk, digest, nonce, replaced(signature, 132, zeros))


def text() -> str:
    return writing.text(
        "goldilocks",
        permutation,
        records,
        WRITER.trees,
        binding,
        WRITER.keys,
        verifications,
        second_encodings,
    )


if __name__ == "__main__":
    sys.stdout.write(text())
