# pragma version 0.4.3
"""
@title The binding of suite `bn254` (docs/suites.md §2 and §5)
@notice Field elements are 32 bytes, big-endian, below the order of BN254's scalar field.
"""
import IBinding

implements: IBinding

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

GROUP: constant(uint256) = 28  # bytes of the 7 words that make one field element
GROUP_MASK: constant(uint256) = 2 ** 224 - 1


@external
@view
def challenge(seed: bytes32) -> bytes32:
    """
    @notice The seed, reduced.
    """
    return convert(convert(seed, uint256) % R, bytes32)


@external
@view
def is_canonical(b: bytes32) -> bool:
    return convert(b, uint256) < R


@external
@view
def evaluate(journal: Bytes[16384], z: bytes32) -> bytes32:
    """
    @notice y = sum of p_i * z^i over the journal's groups p_0, p_1, ..., the last one filled up with zeros on the right.
    @param journal 32 to 16,384 bytes, a multiple of 4.
    @param z A canonical field element.
    """
    size: uint256 = len(journal)
    assert size >= 32 and size % 4 == 0, "bn254: journal"
    x: uint256 = convert(z, uint256)
    assert x < R, "bn254: challenge"

    # Horner's rule from the last group. A group is the low 28 bytes of the 32 bytes that end with it.
    tail: uint256 = size % GROUP
    offset: uint256 = size - tail
    y: uint256 = 0
    if tail != 0:
        last: uint256 = extract32(journal, size - 32, output_type=uint256)
        y = (last << (256 - 8 * tail)) >> 32
    for i: uint256 in range(size // GROUP - 1, bound=585):
        offset = unsafe_sub(offset, GROUP)
        word: uint256 = extract32(journal, unsafe_sub(offset, 4), output_type=uint256)
        y = uint256_addmod(uint256_mulmod(y, x, R), word & GROUP_MASK, R)
    first: uint256 = extract32(journal, 0, output_type=uint256) >> 32
    return convert(uint256_addmod(uint256_mulmod(y, x, R), first, R), bytes32)
