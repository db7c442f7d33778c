"""Writes ``vectors/bn254_suite.json`` from the pure Python reference; schema in ``vectors/README.md``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import shake_128

import reference_bn254 as ref
import vector_writing as writing
from vector_writing import TOP, TOP2, Vector, Writer, data, vector


def sample(label: str, size: int) -> bytes:
    """Fixed bytes that look random."""
    return shake_128(f"multiprover vectors {label}".encode()).digest(size)


def element(label: str) -> bytes:
    return ref.to_bytes(int.from_bytes(sample(label, 48), "big") % ref.R)


WRITER = Writer(ref, sample, element)


def permutation() -> Iterator[Vector]:
    for name, state in (
        ("published", [0, 1, 2]),
        ("zeros", [0, 0, 0]),
        ("greatest", [ref.R - 1, ref.R - 1, ref.R - 1]),
    ):
        out = ref.permute(state)
        yield vector(
            f"permutation_{name}",
            "permutation",
            {"state": [data(ref.to_bytes(value)) for value in state]},
            {"state": [data(ref.to_bytes(value)) for value in out]},
        )


RECORDS: dict[str, tuple[list[tuple[int, int]], list[bytes]]] = {
    "empty": ([], []),
    "zeros": ([(0, 1), (0, 2)], [bytes(32)]),
    "one_word": ([(1, 1)], []),
    "seven_words_fill_an_element": ([(TOP2, 2), (TOP2, 2), (TOP2, 2), (TOP, 1)], []),
    "an_integer_never_straddles": ([(1, 2), (2, 2), (3, 2), (TOP2, 2), (5, 1)], []),
    "greatest_integers": ([(TOP2, 2)] * 5 + [(TOP, 1)] * 9, []),
    "key_at_the_modulus_is_zero": ([(7, 1)], [ref.to_bytes(ref.R)]),
    "keys_of_all_ones": ([], [b"\xff" * 32, sample("record key", 32)]),
}


def records() -> Iterator[Vector]:
    return WRITER.records(RECORDS, (0, TOP))


def binding() -> Iterator[Vector]:
    points = {"_at_zero": bytes(32), "_at_minus_one": ref.to_bytes(ref.R - 1)}
    yield from WRITER.binding((0, 1, 6, 7, 8, 14, 15, 200), points)
    yield from WRITER.reduced_domain()


def keys() -> Iterator[Vector]:
    for name, seed in (("zero", bytes(32)), ("ones", b"\xff" * 32), ("sample", sample("seed", 32))):
        key = ref.key_from_seed(seed)
        yield vector(
            f"key_{name}",
            "key",
            {"seed": data(seed)},
            {
                "secret": hex(key.secret),
                "x": data(ref.to_bytes(key.point.x)),
                "y": data(ref.to_bytes(key.point.y)),
                "public_key": data(key.public_key),
            },
        )
        for nonce in (0, 1, 2**64 - 1):
            digest = element(f"digest {nonce}")
            yield vector(
                f"sign_{name}_nonce_{nonce}",
                "sign",
                {"seed": data(seed), "digest": data(digest), "nonce": hex(nonce)},
                {"signature": data(ref.sign(key, digest, nonce))},
            )


class Signed:
    """A signature made with full freedom over points and blinding: what a dishonest signer can write."""

    def __init__(self, a_torsion: ref.Point = ref.IDENTITY, r_torsion: ref.Point = ref.IDENTITY) -> None:
        self.secret = int.from_bytes(sample("signer", 64), "big") % ref.L
        self.a = ref.add(ref.multiply(self.secret, ref.BASE8), a_torsion)
        self.r_torsion = r_torsion
        self.public_key = ref.public_key(self.a)
        self.digest = element("signed digest")
        self.nonce = 9

    def blind(self, rho: int) -> tuple[ref.Point, int, int]:
        """``R``, the challenge as an integer, and the ``S`` that an honest signer would give."""
        r = ref.add(ref.multiply(rho, ref.BASE8), self.r_torsion)
        h = ref.signature_hash(r, int.from_bytes(self.public_key, "big"), self.digest, self.nonce)
        return r, h, (rho + h * self.secret) % ref.L

    def search(self, accept: Callable[[int], bool]) -> bytes:
        """The signature of the first blinding whose challenge is accepted."""
        rho = 1
        while True:
            r, h, s = self.blind(rho)
            if accept(h):
                return ref.encode_signature(self.a, r, s)
            rho += 1


def verifications() -> Iterator[Vector]:
    honest = Signed()
    signature = honest.search(lambda _: True)
    parts = [signature[i : i + 32] for i in range(0, 160, 32)]
    pk, digest, nonce = honest.public_key, honest.digest, honest.nonce

    def changed(place: int, value: int) -> bytes:
        return b"".join([*parts[:place], ref.to_bytes(value), *parts[place + 1 :]])

    numbers = [int.from_bytes(part, "big") for part in parts]
    yield WRITER.verify_vector("honest", pk, digest, nonce, signature)
    alias = ref.to_bytes(int.from_bytes(pk, "big") + ref.R)
    yield WRITER.verify_vector("public_key_not_reduced", alias, digest, nonce, signature)
    yield WRITER.verify_vector("wrong_nonce", pk, digest, nonce + 1, signature)
    yield WRITER.verify_vector("wrong_digest", pk, element("other digest"), nonce, signature)
    yield WRITER.verify_vector("wrong_public_key", element("other key"), digest, nonce, signature)
    yield WRITER.verify_vector("empty", pk, digest, nonce, b"")
    yield WRITER.verify_vector("short", pk, digest, nonce, signature[:-1])
    yield WRITER.verify_vector("long", pk, digest, nonce, signature + b"\0")
    yield WRITER.verify_vector("s_plus_one", pk, digest, nonce, changed(4, numbers[4] + 1))
    yield WRITER.verify_vector("s_plus_l", pk, digest, nonce, changed(4, numbers[4] + ref.L))
    yield WRITER.verify_vector("s_is_l", pk, digest, nonce, changed(4, ref.L))
    yield WRITER.verify_vector("s_negated", pk, digest, nonce, changed(4, ref.L - numbers[4]))
    for place, name in enumerate(("a_x", "a_y", "r_x", "r_y")):
        not_canonical = changed(place, numbers[place] + ref.R)
        yield WRITER.verify_vector(f"{name}_plus_modulus", pk, digest, nonce, not_canonical)
        yield WRITER.verify_vector(f"{name}_off_curve", pk, digest, nonce, changed(place, numbers[place] ^ 1))
        negated = changed(place, ref.R - numbers[place])
        yield WRITER.verify_vector(f"{name}_negated", pk, digest, nonce, negated)
    off = ref.Point(numbers[0] ^ 1, numbers[1])
    off_pk = ref.public_key(off)
    yield WRITER.verify_vector("public_key_of_a_off_curve", off_pk, digest, nonce, changed(0, off.x))

    # R = 0: an honest equation without blinding; nothing in the specification refuses it.
    zero_r, _, zero_s = honest.blind(0)
    zero = ref.encode_signature(honest.a, zero_r, zero_s)
    yield WRITER.verify_vector("r_identity", pk, digest, nonce, zero)

    # A = 0 is a key that anyone signs for: S = rho.
    weak_pk = ref.public_key(ref.IDENTITY)
    weak = ref.encode_signature(ref.IDENTITY, ref.multiply(5, ref.BASE8), 5)
    yield WRITER.verify_vector("a_identity", weak_pk, digest, nonce, weak)
    wrong = ref.encode_signature(ref.IDENTITY, ref.multiply(5, ref.BASE8), 6)
    yield WRITER.verify_vector("a_identity_wrong_s", weak_pk, digest, nonce, wrong)

    eighth = ref.multiply(ref.L, ref.GENERATOR)
    for order, torsion in (
        (2, ref.multiply(4, eighth)),
        (4, ref.multiply(2, eighth)),
        (8, eighth),
    ):
        # With a cofactor this would verify: 8·R is the same.
        in_r = Signed(r_torsion=torsion)
        signed = in_r.search(lambda _: True)
        yield WRITER.verify_vector(f"r_torsion_{order}", in_r.public_key, in_r.digest, in_r.nonce, signed)

        in_a = Signed(a_torsion=torsion)
        cases: dict[str, Callable[[int, int], bool]] = {
            # h·A has no torsion, whether or not h is reduced: valid.
            "cancels": lambda n, h: h % n == 0 and h % ref.L % n == 0,
            # h·A has torsion: valid only with a cofactor.
            "remains": lambda n, h: h % n != 0 and h % ref.L % n != 0,
            # h·A has none, (h mod l)·A has: an implementation that reduces h refuses it wrongly.
            "cancels_unless_reduced": lambda n, h: h % n == 0 and h % ref.L % n != 0,
            # The opposite: an implementation that reduces h accepts it wrongly.
            "remains_unless_reduced": lambda n, h: h % n != 0 and h % ref.L % n == 0,
        }
        for name, accept in cases.items():
            signed = in_a.search(partial(accept, order))
            yield WRITER.verify_vector(
                f"a_torsion_{order}_{name}", in_a.public_key, in_a.digest, in_a.nonce, signed
            )


def text() -> str:
    return writing.text("bn254", permutation, records, WRITER.trees, binding, keys, verifications)


if __name__ == "__main__":
    sys.stdout.write(text())
