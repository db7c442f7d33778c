# pragma version 0.4.3
"""
@title The binding of a second suite for tests: integers below 2^128
"""
import IBinding

implements: IBinding

P: constant(uint256) = 2 ** 128 - 159


@external
@view
def challenge(seed: bytes32) -> bytes32:
    return convert(convert(seed, uint256) % P, bytes32)


@external
@view
def evaluate(journal: Bytes[16384], z: bytes32) -> bytes32:
    return convert(convert(keccak256(concat(keccak256(journal), z)), uint256) % P, bytes32)


@external
@view
def is_canonical(b: bytes32) -> bool:
    return convert(b, uint256) < P
