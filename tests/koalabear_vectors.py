"""Writes ``vectors/koalabear_suite.json`` from the pure Python reference; schema: ``vectors/README.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import shake_128

import reference_koalabear as ref
import vector_writing as writing
from vector_writing import TOP, TOP2, Vector, Writer, data, vector


def sample(label: str, size: int) -> bytes:
    """Fixed bytes that look random."""
    return shake_128(f"multiprover koalabear vectors {label}".encode()).digest(size)


def element(label: str) -> bytes:
    """A canonical digest."""
    return ref.to_bytes(ref.reduce(sample(label, 32)))


WRITER = Writer(ref, sample, element)


LAST_MAP = 2**26 - 1


def permutation() -> Iterator[Vector]:
    for name, state in (
        ("counting", tuple(range(16))),
        ("zeros", (0,) * 16),
        ("greatest", (ref.P - 1,) * 16),
        ("first", (1,) + (0,) * 15),
        ("last", (0,) * 15 + (ref.P - 1,)),
        ("sample", (*ref.reduce(sample("state 0", 32)), *ref.reduce(sample("state 1", 32)))),
    ):
        yield vector(
            f"permutation_{name}",
            "permutation",
            {"state": [data(value.to_bytes(4, "big")) for value in state]},
            {"state": [data(value.to_bytes(4, "big")) for value in ref.permute(state)]},
        )


MODULI = ref.to_bytes([ref.P] * 8)
RECORDS: dict[str, tuple[list[tuple[int, int]], list[bytes]]] = {
    "empty": ([], []),
    "zeros": ([(0, 1), (0, 2)], [bytes(32)]),
    "one_word": ([(0x10002, 1)], []),
    "four_words_fill_a_group": ([(TOP2, 2), (TOP, 1), (TOP, 1)], [sample("filled key", 32)]),
    "five_words": ([(TOP2, 2)] * 2 + [(5, 1)], []),
    "words_then_keys": ([(7, 1)], [sample("a key", 32), sample("another key", 32)]),
    "greatest_integers": ([(TOP2, 2)] * 5 + [(TOP, 1)] * 9, []),
    "key_at_the_modulus_is_zero": ([(7, 1)], [MODULI]),
    "keys_of_all_ones": ([], [b"\xff" * 32, sample("record key", 32)]),
}


def records() -> Iterator[Vector]:
    return WRITER.records(RECORDS, (0, 1, LAST_MAP))


def binding() -> Iterator[Vector]:
    top = ref.P - 1
    points = {
        "_at_zero": bytes(32),
        "_at_minus_one": ref.extended([top, 0, 0, 0, 0]),
        "_at_x": ref.extended([0, 1, 0, 0, 0]),
        "_at_x_to_the_fourth": ref.extended([0, 0, 0, 0, 1]),
        "_at_the_greatest": ref.extended([top] * 5),
    }
    yield from WRITER.binding((0, 1, 3, 4, 5, 8, 9, 16, 17, 100), points)
    ones = b"\xff" * 80
    yield vector(
        "evaluate_ones_at_the_greatest",
        "evaluate",
        {"journal": data(ones), "challenge": data(ref.extended([top] * 5))},
        {"evaluation": data(ref.evaluate(ones, ref.extended([top] * 5)))},
    )
    yield from WRITER.reduced_domain()


CHAINS_AT = 4 * ref.RHO
"""Where the chains begin in a signature."""


def part(signature: bytes, chain: int) -> bytes:
    """``chain`` counts on from the chains to the siblings."""
    at = CHAINS_AT + 32 * chain
    return signature[at : at + 32]


def replaced(signature: bytes, chain: int, part: bytes) -> bytes:
    at = CHAINS_AT + 32 * chain
    return signature[:at] + part + signature[at + 32 :]


def swapped(signature: bytes, first: int, second: int) -> bytes:
    moved = replaced(signature, first, part(signature, second))
    return replaced(moved, second, part(signature, first))


def alias(encoded: bytes, place: int) -> bytes:
    """The second encoding of element ``place``: every element has one in four bytes."""
    elements = ref.words(encoded, 4)
    elements[place] += ref.P
    return ref.to_bytes(elements)


KEY = ref.key_from_seed(sample("seed", 32), 2)
SIGNED, NONCE = element("signed digest"), 2


def verifications() -> Iterator[Vector]:
    pk, digest, nonce = KEY.public_key, SIGNED, NONCE
    public_key, message = ref.digest_of(pk), ref.digest_of(digest)
    signature = ref.sign(KEY, digest, nonce)
    rho = ref.words(signature[:CHAINS_AT], 4)
    digits = ref.message_digits(public_key, message, nonce, rho)

    yield WRITER.verify_vector("honest", pk, digest, nonce, signature)
    yield WRITER.verify_vector("public_key_reduced", alias(pk, 0), digest, nonce, signature)
    yield WRITER.verify_vector("wrong_nonce", pk, digest, nonce ^ 1, signature)
    yield WRITER.verify_vector("wrong_digest", pk, element("other digest"), nonce, signature)
    yield WRITER.verify_vector("wrong_public_key", element("other key"), digest, nonce, signature)
    yield WRITER.verify_vector("empty", pk, digest, nonce, b"")
    yield WRITER.verify_vector("short", pk, digest, nonce, signature[:-1])
    yield WRITER.verify_vector("without_a_sibling", pk, digest, nonce, signature[:-32])
    yield WRITER.verify_vector("long", pk, digest, nonce, signature + b"\0")
    other_rho = ref.find_rho(public_key, message, nonce, ref.next_rho(rho))
    yield WRITER.verify_vector(
        "another_word", pk, digest, nonce, ref.to_bytes(other_rho) + signature[CHAINS_AT:]
    )
    for total in (119, 121):
        rho = ref.find_rho(public_key, message, nonce, ref.first_rho(KEY, digest, nonce), total)
        yield WRITER.verify_vector(f"sum_{total}", pk, digest, nonce, ref.sign_with(KEY, digest, nonce, rho))
    for digit in range(4):
        chain = digits.index(digit)
        secret, shown = KEY.secrets[nonce][chain], ref.digest_of(part(signature, chain))
        wrong = ref.to_bytes([(shown[0] + 1) % ref.P, *shown[1:]])
        yield WRITER.verify_vector(f"wrong_at_{digit}", pk, digest, nonce, replaced(signature, chain, wrong))
        for place in range(4):
            if place != digit:
                other = ref.to_bytes(ref.steps(chain, secret, 0, place))
                name = f"place_{place}_where_{digit}_is_due"
                yield WRITER.verify_vector(name, pk, digest, nonce, replaced(signature, chain, other))
    first, second = digits.index(1), digits.index(1, digits.index(1) + 1)
    yield WRITER.verify_vector("chains_swapped", pk, digest, nonce, swapped(signature, first, second))
    for level in (0, 15):
        wrong = replaced(signature, ref.CHAINS + level, element("other sibling"))
        yield WRITER.verify_vector(f"wrong_sibling_{level}", pk, digest, nonce, wrong)
    yield WRITER.verify_vector(
        "siblings_swapped", pk, digest, nonce, swapped(signature, ref.CHAINS, ref.CHAINS + 1)
    )

    # Words for the greater nonce itself, over the path of its low bits: only the range tells them apart.
    for great in (2**16 + nonce, 2**32 + nonce, ref.P + nonce):
        rho = ref.find_rho(public_key, message, great, ref.ZERO[:7])
        yield WRITER.verify_vector(
            f"nonce_{great:#x}", pk, digest, great, ref.sign_with(KEY, digest, great, rho)
        )
    # The one-time key of another nonce, for a word of this one.
    rho = ref.find_rho(public_key, message, nonce ^ 1, ref.ZERO[:7])
    digits = ref.message_digits(public_key, message, nonce ^ 1, rho)
    chains = zip(digits, KEY.secrets[nonce], strict=True)
    taken = [ref.steps(chain, secret, 0, digit) for chain, (digit, secret) in enumerate(chains)]
    borrowed = ref.encode_signature(rho, taken, ref.key_path(KEY.levels, nonce))
    yield WRITER.verify_vector("one_time_key_of_another_nonce", pk, digest, nonce ^ 1, borrowed)
    # A one-time key that was not made: its leaf is zeros, and no ends hash to that.
    rho = ref.find_rho(public_key, message, 4, ref.ZERO[:7])
    unmade = ref.encode_signature(rho, [ref.ZERO] * ref.CHAINS, ref.key_path(KEY.levels, 4))
    yield WRITER.verify_vector("unmade_one_time_key", pk, digest, 4, unmade)


def second_encodings() -> Iterator[Vector]:
    pk, digest, nonce = KEY.public_key, SIGNED, NONCE
    signature = ref.sign(KEY, digest, nonce)
    for place in range(ref.RHO):
        again = alias(signature[:CHAINS_AT], place) + signature[CHAINS_AT:]
        yield WRITER.verify_vector(f"rho_plus_modulus_{place}", pk, digest, nonce, again)
    for name, parts in (("chain", (0, 63)), ("sibling", (64, 79))):
        for at in parts:
            for place in (0, 3, 7):
                again = replaced(signature, at, alias(part(signature, at), place))
                yield WRITER.verify_vector(f"{name}_{at}_plus_modulus_{place}", pk, digest, nonce, again)


def text() -> str:
    return writing.text(
        "koalabear", permutation, records, WRITER.trees, binding, WRITER.keys, verifications, second_encodings
    )


if __name__ == "__main__":
    sys.stdout.write(text())
