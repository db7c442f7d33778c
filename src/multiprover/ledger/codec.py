"""Values of a transition as words and leaves: the one place that knows how a typed value is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from multiprover.lang.errors import LanguageError
from multiprover.lang.transition import KindSpec
from multiprover.lang.types import IntType, Key, Scalar, flatten
from multiprover.program import Field
from multiprover.suites import KEY_WORDS, TypedInt

WORD_BYTES = 4
KEY_BYTES = 4 * KEY_WORDS


class CodecError(ValueError):
    """Words or values that do not fit their types; the message says what was expected and what came."""


def encode_int(value: int, lo: int, words: int) -> bytes:
    """The words of a typed integer: ``value - lo``, big-endian."""
    return (int(value) - lo).to_bytes(WORD_BYTES * words, "big")


def arguments(kind: KindSpec, values: dict[str, Any], suites: int) -> list[Any]:
    """The flat parameter values of a kind, from keyword values.

    Raises:
        CodecError: a name is missing, unknown, or its value is not of its type.
    """
    names = [p.name for p in kind.params]
    if set(names) != set(values):
        raise CodecError(f"{kind.name} takes {', '.join(names)}; got {', '.join(values) or 'nothing'}")
    flat: list[Any] = []
    for param in kind.params:
        value = values[param.name]
        try:
            flat += flatten(value, param.layout, param.name)
        except LanguageError as error:
            raise CodecError(f"{kind.name}: {error.message}") from error
    for scalar, value in zip(kind.scalars, flat, strict=True):
        check_scalar(scalar, value, suites)
    return flat


def check_scalar(scalar: Scalar, value: Any, suites: int) -> None:
    if isinstance(scalar.type, IntType):
        if not isinstance(value, int):
            raise CodecError(f"{scalar.name} takes an integer, got {type(value).__name__}")
        if not scalar.type.lo <= value <= scalar.type.hi:
            raise CodecError(
                f"{scalar.name} takes {scalar.type} [{scalar.type.lo}, {scalar.type.hi}], got {value}"
            )
    elif not isinstance(value, Key) or len(value.data) != KEY_BYTES * suites:
        raise CodecError(f"{scalar.name} takes a key of {suites} parts of {KEY_BYTES} bytes")


def encode_words(kind: KindSpec, flat: Sequence[Any], input_words: int) -> bytes:
    """A slot's input words, padded with zero words."""
    words = kind.number.to_bytes(WORD_BYTES, "big") + b"".join(
        encode_int(v, s.type.lo, s.type.words) if isinstance(s.type, IntType) else v.data
        for s, v in zip(kind.scalars, flat, strict=True)
    )
    return words.ljust(WORD_BYTES * input_words, b"\0")


def decode_words(kind: KindSpec, words: bytes, suites: int) -> list[Any]:
    """The flat parameter values in a slot's input words; an integer may lie outside its type where the
    words do.

    Raises:
        CodecError: words that the kind does not use are not 0.
    """
    flat: list[Any] = []
    position = WORD_BYTES
    for scalar in kind.scalars:
        if isinstance(scalar.type, IntType):
            size = WORD_BYTES * scalar.type.words
            flat.append(int.from_bytes(words[position : position + size], "big") + scalar.type.lo)
        else:
            size = KEY_BYTES * suites
            flat.append(Key(words[position : position + size]))
        position += size
    if any(words[position:]):
        raise CodecError(f"{kind.name}: words that it does not use must be 0, got {words[position:].hex()}")
    return flat


def encode_fields(fields: Iterable[tuple[Field, Any]]) -> bytes:
    """The words of the integer fields, in order; keys are left out."""
    return b"".join(encode_int(v, f.lo, f.words) for f, v in fields if not f.key)


def decode_fields(fields: Sequence[Field], words: bytes, keys: Sequence[Key]) -> list[Any]:
    """The values of a record from the words of its integers and its keys, in order.

    Raises:
        CodecError: the words are too few or too many, or an integer is out of its type.
    """
    expected = WORD_BYTES * sum(f.words for f in fields if not f.key)
    if len(words) != expected or len(keys) != sum(f.key for f in fields):
        raise CodecError(
            f"expected {expected} bytes of integer fields, got {len(words)} and {len(keys)} keys"
        )
    values: list[Any] = []
    position, remaining = 0, iter(keys)
    for f in fields:
        if f.key:
            values.append(next(remaining))
            continue
        size = WORD_BYTES * f.words
        value = int.from_bytes(words[position : position + size], "big") + f.lo
        if value > f.hi:
            raise CodecError(f"{f.name}: expected [{f.lo}, {f.hi}], got {value}")
        values.append(value)
        position += size
    return values


def typed_ints(fields: Sequence[Field], values: Sequence[Any]) -> list[TypedInt]:
    """The integers of a record as suites take them."""
    return [TypedInt(int(v) - f.lo, f.words) for f, v in zip(fields, values, strict=True) if not f.key]


def key_parts(fields: Sequence[Field], values: Sequence[Any], suite: int) -> list[bytes]:
    """One suite's part of each key of a record."""
    return [
        v.data[KEY_BYTES * suite : KEY_BYTES * (suite + 1)]
        for f, v in zip(fields, values, strict=True)
        if f.key
    ]
