# pragma version 0.4.3
"""
@title The binding of suite `goldilocks` (docs/suites.md §7 and §9)
@notice A digest is 32 bytes, four big-endian elements below p = 2^64 - 2^32 + 1; an element u + v·X of
        GF(p²) = GF(p)[X]/(X² - 7) is u, v and 16 zero bytes.
"""
import IBinding

implements: IBinding

P: constant(uint256) = 2 ** 64 - 2 ** 32 + 1
MASK32: constant(uint256) = 2 ** 32 - 1
MASK64: constant(uint256) = 2 ** 64 - 1
MASK128: constant(uint256) = 2 ** 128 - 1

STEP: constant(uint256) = 64  # bytes of the 16 words that a step takes


@internal
@pure
def _word(u: uint256, v: uint256) -> bytes32:
    return convert((u << 192) | (v << 128), bytes32)


@external
@view
def challenge(seed: bytes32) -> bytes32:
    """
    @notice The seed's first two elements, reduced.
    """
    s: uint256 = convert(seed, uint256)
    return self._word((s >> 192) % P, ((s >> 128) & MASK64) % P)


@external
@view
def is_canonical(b: bytes32) -> bool:
    s: uint256 = convert(b, uint256)
    return (
        (s >> 192) < P
        and ((s >> 128) & MASK64) < P
        and ((s >> 64) & MASK64) < P
        and (s & MASK64) < P
    )


@external
@view
def evaluate(journal: Bytes[16384], z: bytes32) -> bytes32:
    """
    @notice y = sum of w_i * z^i over the journal's words w_0, w_1, ...
    @param journal 32 to 16,384 bytes, a multiple of 4.
    @param z A canonical element of GF(p²).
    """
    # Nothing here overflows, though nothing is checked. Reduced numbers are below p < 2^64. A packed element
    # u + v·2^128 has them in two lanes of 128 bits; times a number below 2^32, each lane stays below 2^96. A
    # sum has at most twenty of these: each lane stays below 2^101, so the low one never carries into the high.
    size: uint256 = len(journal)
    assert size >= 32 and size % 4 == 0, "goldilocks: journal"
    point: uint256 = convert(z, uint256)
    z_u: uint256 = point >> 192
    z_v: uint256 = (point >> 128) & MASK64
    assert z_u < P and z_v < P and point & MASK128 == 0, "goldilocks: challenge"

    # powers[j] is z^j, packed; u + v·X ends as z^16. The sums of products are below 2^128 + 7·2^128 = 2^131.
    powers: uint256[16] = empty(uint256[16])
    u: uint256 = 1
    v: uint256 = 0
    for j: uint256 in range(16):
        powers[j] = u | (v << 128)
        next: uint256 = unsafe_add(unsafe_mul(u, z_u), unsafe_mul(7, unsafe_mul(v, z_v))) % P
        v = unsafe_add(unsafe_mul(u, z_v), unsafe_mul(v, z_u)) % P
        u = next
    # What the four halves of a sum are worth 16 words further on: z^16 times 1, 2^32, X and 2^32·X.
    low_u: uint256 = u | (v << 128)
    high_u: uint256 = ((u << 32) % P) | (((v << 32) % P) << 128)
    low_v: uint256 = (unsafe_mul(7, v) % P) | (u << 128)
    high_v: uint256 = (unsafe_mul(7, v << 32) % P) | (((u << 32) % P) << 128)

    # Horner's rule, 16 words a step, from the end: first the words that fill no step.
    tail: uint256 = size % STEP
    offset: uint256 = unsafe_sub(size, tail)
    sum: uint256 = 0
    first: uint256 = 0
    if tail >= 32:
        w: uint256 = extract32(journal, offset, output_type=uint256)
        for j: uint256 in range(8):
            sum = unsafe_add(sum, unsafe_mul((w >> unsafe_sub(224, 32 * j)) & MASK32, powers[j]))
        first = 8
    last: uint256 = tail % 32
    if last != 0:
        w: uint256 = extract32(journal, unsafe_sub(size, 32), output_type=uint256) << unsafe_sub(256, 8 * last)
        for j: uint256 in range(7):
            sum = unsafe_add(sum, unsafe_mul((w >> unsafe_sub(224, 32 * j)) & MASK32, powers[first + j]))

    for i: uint256 in range(size // STEP, bound=256):
        offset = unsafe_sub(offset, STEP)
        a: uint256 = extract32(journal, offset, output_type=uint256)
        b: uint256 = extract32(journal, unsafe_add(offset, 32), output_type=uint256)
        u = (sum & MASK128) % P
        v = (sum >> 128) % P
        # One expression, so that the sum stays on the stack.
        sum = unsafe_add(unsafe_mul(u & MASK32, low_u), unsafe_add(unsafe_mul(u >> 32, high_u),
            unsafe_add(unsafe_mul(v & MASK32, low_v), unsafe_add(unsafe_mul(v >> 32, high_v),
            unsafe_add(a >> 224, unsafe_add(unsafe_mul((a >> 192) & MASK32, powers[1]),
            unsafe_add(unsafe_mul((a >> 160) & MASK32, powers[2]), unsafe_add(unsafe_mul((a >> 128) & MASK32, powers[3]),
            unsafe_add(unsafe_mul((a >> 96) & MASK32, powers[4]), unsafe_add(unsafe_mul((a >> 64) & MASK32, powers[5]),
            unsafe_add(unsafe_mul((a >> 32) & MASK32, powers[6]), unsafe_add(unsafe_mul(a & MASK32, powers[7]),
            unsafe_add(unsafe_mul(b >> 224, powers[8]), unsafe_add(unsafe_mul((b >> 192) & MASK32, powers[9]),
            unsafe_add(unsafe_mul((b >> 160) & MASK32, powers[10]), unsafe_add(unsafe_mul((b >> 128) & MASK32, powers[11]),
            unsafe_add(unsafe_mul((b >> 96) & MASK32, powers[12]), unsafe_add(unsafe_mul((b >> 64) & MASK32, powers[13]),
            unsafe_add(unsafe_mul((b >> 32) & MASK32, powers[14]), unsafe_mul(b & MASK32, powers[15]))
        ))))))))))))))))))
    return self._word((sum & MASK128) % P, (sum >> 128) % P)
