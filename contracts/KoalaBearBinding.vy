# pragma version 0.4.3
"""
@title The binding of suite `koalabear` (docs/suites.md §10 and §12)
@notice A digest is 32 bytes, eight big-endian elements below p = 2^31 - 2^24 + 1; an element u_0 + ... + u_4·X^4 of
        GF(p^5) = GF(p)[X]/(X^5 + X^2 - 1) is u_0, ..., u_4 and 12 zero bytes.
"""
import IBinding

implements: IBinding

P: constant(uint256) = 2 ** 31 - 2 ** 24 + 1
MASK32: constant(uint256) = 2 ** 32 - 1

# An element packed: u_k in lane k, of 51 bits. So it is the polynomial's value at 2^51, and a product of two modulo
# N, the modulus' value there, is packed too, as long as each of its lanes fits.
LANE: constant(uint256) = 2 ** 51 - 1
ONES: constant(uint256) = 1 + 2 ** 51 + 2 ** 102 + 2 ** 153 + 2 ** 204
N: constant(uint256) = 2 ** 255 + 2 ** 102 - 1
LOW: constant(uint256) = ONES * (2 ** 16 - 1)
HIGH: constant(uint256) = ONES * (2 ** 15 - 1)
# A multiple of p in each lane: what makes every lane of a product positive.
POSITIVE: constant(uint256) = ONES * 3 * 2 ** 17 * P

# Lanes 0 and 2, 1 and 3: apart they leave room for sums. PAIR is that room.
EVEN: constant(uint256) = LANE | LANE << 102
ODD: constant(uint256) = EVEN << 51
PAIR: constant(uint256) = 2 ** 102 - 1

SECONDS: constant(uint256) = 1 + 2 ** 64 + 2 ** 128 + 2 ** 192  # elements of 4 bytes, every second one

STEP: constant(uint256) = 64  # bytes of the 32 half-words that a step takes


@internal
@pure
def _word(u: uint256) -> bytes32:
    """
    @param u Packed.
    """
    return convert(
        ((u & LANE) << 224) | (((u >> 51) & LANE) << 192) | (((u >> 102) & LANE) << 160)
        | (((u >> 153) & LANE) << 128) | ((u >> 204) << 96),
        bytes32,
    )


@internal
@pure
def _packed(z: bytes32) -> uint256:
    """
    @param z The first five elements count, reduced.
    """
    s: uint256 = convert(z, uint256)
    return (
        (s >> 224) % P | (((s >> 192) & MASK32) % P << 51) | (((s >> 160) & MASK32) % P << 102)
        | (((s >> 128) & MASK32) % P << 153) | (((s >> 96) & MASK32) % P << 204)
    )


@internal
@pure
def _reduced(u: uint256) -> uint256:
    return (
        (u & LANE) % P | (((u >> 51) & LANE) % P << 51) | (((u >> 102) & LANE) % P << 102)
        | (((u >> 153) & LANE) % P << 153) | ((u >> 204) % P << 204)
    )


@external
@view
def challenge(seed: bytes32) -> bytes32:
    """
    @notice The seed's first five elements, reduced.
    """
    return self._word(self._packed(seed))


@external
@view
def is_canonical(b: bytes32) -> bool:
    # An element that is not below p has a carry when 2^32 - p is added.
    s: uint256 = convert(b, uint256)
    over: uint256 = unsafe_add(s & (SECONDS * MASK32), SECONDS * (2 ** 32 - P))
    over |= unsafe_add((s >> 32) & (SECONDS * MASK32), SECONDS * (2 ** 32 - P))
    return over & (SECONDS << 32) == 0


@external
@view
def evaluate(journal: Bytes[16384], z: bytes32) -> bytes32:
    """
    @notice y = sum of h_i * z^i over the journal's half-words h_0, h_1, ...
    @param journal 32 to 16,384 bytes, a multiple of 4.
    @param z A canonical element of GF(p^5).
    """
    # Nothing here overflows but where it says so, though nothing is checked. Let m = 2^16·p, more than a half-word
    # times an element: lanes of 51 bits hold 16 m. A product of packed u and v modulo N has in its lanes, by X^5 =
    # 1 - X^2, sums of up to 6 products of their elements less up to 4. With u's lanes split in 16 low and 15 high
    # bits, these two products lie between -6 m and 9 m; POSITIVE is 6 m.
    size: uint256 = len(journal)
    assert size >= 32 and size % 4 == 0, "koalabear: journal"
    point: uint256 = self._packed(z)
    assert self._word(point) == z, "koalabear: challenge"

    # After the loop step is z^32. The second of two factors is there twice, as it is and times 2^16. Half-words are
    # taken unmasked, each with all before it in its 32 bytes. So factors[j] is z^j less 2^16·z^(j + 1), or just z^j
    # for the last of 32 bytes: the sums overflow, and are modulo 2^256 those of half-words times z^j.
    factors: uint256[32] = empty(uint256[32])
    step: uint256 = 1
    high: uint256 = self._reduced(point << 16)
    for j: uint256 in range(32):
        power: uint256 = step
        step = self._reduced(uint256_addmod(
            unsafe_add(uint256_mulmod(step & LOW, point, N), POSITIVE), uint256_mulmod((step >> 16) & HIGH, high, N), N
        ))
        factors[j] = power if j & 15 == 15 else unsafe_sub(power, step << 16)
    high = self._reduced(step << 16)

    # Horner's rule, 32 half-words a step, from the end, where the last step may be filled up with zeros.
    offset: uint256 = unsafe_mul(unsafe_sub(size, 1) // STEP, STEP)
    y: uint256 = 0
    a: uint256 = 0
    b: uint256 = 0
    rest: uint256 = unsafe_sub(size, offset)
    if rest > 32:
        a = extract32(journal, offset, output_type=uint256)
        b = extract32(journal, unsafe_sub(size, 32), output_type=uint256) << unsafe_mul(8, unsafe_sub(64, rest))
    else:
        a = extract32(journal, unsafe_sub(size, 32), output_type=uint256) << unsafe_mul(8, unsafe_sub(32, rest))
    for i: uint256 in range(256):
        # One expression each, so that the sums stay on the stack.
        c: uint256 = uint256_addmod(
            unsafe_add(uint256_mulmod(y & LOW, step, N), POSITIVE), uint256_mulmod((y >> 16) & HIGH, high, N), N
        )
        d: uint256 = unsafe_add(unsafe_mul(a >> 240, factors[0]), unsafe_add(unsafe_mul(a >> 224, factors[1]),
            unsafe_add(unsafe_mul(a >> 208, factors[2]), unsafe_add(unsafe_mul(a >> 192, factors[3]),
            unsafe_add(unsafe_mul(a >> 176, factors[4]), unsafe_add(unsafe_mul(a >> 160, factors[5]),
            unsafe_add(unsafe_mul(a >> 144, factors[6]), unsafe_add(unsafe_mul(a >> 128, factors[7]),
            unsafe_add(unsafe_mul(a >> 112, factors[8]), unsafe_add(unsafe_mul(a >> 96, factors[9]),
            unsafe_add(unsafe_mul(a >> 80, factors[10]), unsafe_add(unsafe_mul(a >> 64, factors[11]),
            unsafe_add(unsafe_mul(a >> 48, factors[12]), unsafe_add(unsafe_mul(a >> 32, factors[13]),
            unsafe_add(unsafe_mul(a >> 16, factors[14]), unsafe_mul(a, factors[15]))
        ))))))))))))))
        e: uint256 = unsafe_add(unsafe_mul(b >> 240, factors[16]), unsafe_add(unsafe_mul(b >> 224, factors[17]),
            unsafe_add(unsafe_mul(b >> 208, factors[18]), unsafe_add(unsafe_mul(b >> 192, factors[19]),
            unsafe_add(unsafe_mul(b >> 176, factors[20]), unsafe_add(unsafe_mul(b >> 160, factors[21]),
            unsafe_add(unsafe_mul(b >> 144, factors[22]), unsafe_add(unsafe_mul(b >> 128, factors[23]),
            unsafe_add(unsafe_mul(b >> 112, factors[24]), unsafe_add(unsafe_mul(b >> 96, factors[25]),
            unsafe_add(unsafe_mul(b >> 80, factors[26]), unsafe_add(unsafe_mul(b >> 64, factors[27]),
            unsafe_add(unsafe_mul(b >> 48, factors[28]), unsafe_add(unsafe_mul(b >> 32, factors[29]),
            unsafe_add(unsafe_mul(b >> 16, factors[30]), unsafe_mul(b, factors[31]))
        ))))))))))))))
        even: uint256 = unsafe_add(c & EVEN, unsafe_add(d & EVEN, e & EVEN))
        odd: uint256 = unsafe_add(c & ODD, unsafe_add(d & ODD, e & ODD))
        y = (
            (even & PAIR) % P | ((odd >> 51) & PAIR) % P << 51 | (even >> 102) % P << 102 | (odd >> 153) % P << 153
            | unsafe_add(c >> 204, unsafe_add(d >> 204, e >> 204)) % P << 204
        )
        if offset == 0:
            break
        offset = unsafe_sub(offset, STEP)
        a = extract32(journal, offset, output_type=uint256)
        b = extract32(journal, unsafe_add(offset, 32), output_type=uint256)
    return self._word(y)
