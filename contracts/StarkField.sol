// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// F is GF(p), p = 2^31 - 2^24 + 1 (KoalaBear); E is F[X]/(X^5 + X^2 - 1). An element of E is a word of five lanes of 51 bits,
// the coefficient of X^0 lowest. A lane may hold more than p - 1 where a function says so; what these return is reduced.

uint256 constant P = 0x7f000001;
uint256 constant GENERATOR = 3; // of the multiplicative group of F
uint256 constant ROOT_24 = 0x6ac49f88; // of unity, of order 2^24
uint256 constant ROOT_24_INVERSE = 0x6b1073c7;
uint256 constant HALF = 0x3f800001;
uint256 constant LANE = 0x7ffffffffffff;
// 16·p in each lane.
uint256 constant PAD = 0x7f00000100000fe00000200001fc00000400003f800000800007f0000010;

uint256 constant M85 = 0x1fffffffffffffffffffff;
uint256 constant BIG = 0x7f000001000000000000000; // a multiple of p above every sum of products

// X^(i·p)
uint256 constant FROBENIUS_1 = 0x250cf2000008fdea70e0000175c285e4000022f661d0000005df5feeb;
uint256 constant FROBENIUS_2 = 0x119bee9000000a48575340000092af1d600000000a8b310000064280990;
uint256 constant FROBENIUS_3 = 0x1e02e14400000ac54d2d000000a814f6b8000009a14317000001a4ca5a4;
uint256 constant FROBENIUS_4 = 0x3d3d0ba1000001117372c00001ded7fcbc0000221daa53000005153c3c1;

/// @dev The bounds of a lane of x and one of y, multiplied, are at most 2^82: five such products are below 2^85.
function product(uint256 x, uint256 y) pure returns (uint256 z) {
    assembly ("memory-safe") {
        // Lanes of 85 bits, three and two.
        let y0 := or(or(and(y, LANE), shl(34, and(y, shl(51, LANE)))), shl(68, and(y, shl(102, LANE))))
        let y1 := or(and(shr(153, y), LANE), shl(85, shr(204, y)))
        // Coefficients 0 to 2, 3 to 5, 6 to 8 of the product of polynomials. What is above bit 254 is of no use.
        let lane := and(x, LANE)
        let low := mul(lane, y0)
        let middle := mul(lane, y1)
        lane := and(shr(51, x), LANE)
        let part := mul(lane, y0)
        low := add(low, shl(85, part))
        middle := add(middle, add(shr(170, part), shl(85, mul(lane, y1))))
        lane := and(shr(102, x), LANE)
        part := mul(lane, y0)
        low := add(low, shl(170, part))
        middle := add(middle, shr(85, part))
        part := mul(lane, y1)
        middle := add(middle, shl(170, part))
        let high := shr(85, part)
        lane := and(shr(153, x), LANE)
        middle := add(middle, mul(lane, y0))
        high := add(high, mul(lane, y1))
        lane := shr(204, x)
        part := mul(lane, y0)
        middle := add(middle, shl(85, part))
        high := add(high, add(shr(170, part), shl(85, mul(lane, y1))))
        // X^5 = 1 - X^2, X^6 = X - X^3, X^7 = X^2 - X^4, X^8 = X^3 + X^2 - 1.
        let five := and(shr(170, middle), M85)
        let six := and(high, M85)
        let seven := and(shr(85, high), M85)
        let eight := and(shr(170, high), M85)
        z := mod(sub(add(BIG, and(shr(85, middle), M85)), seven), P)
        z := or(shl(51, z), mod(add(sub(add(BIG, and(middle, M85)), six), eight), P))
        z := or(shl(51, z), mod(add(sub(add(BIG, and(shr(170, low), M85)), five), add(seven, eight)), P))
        z := or(shl(51, z), mod(add(and(shr(85, low), M85), six), P))
        z := or(shl(51, z), mod(add(sub(add(BIG, and(low, M85)), eight), five), P))
    }
}

/// By c of F; the lanes of x may be full.
function scaled(uint256 x, uint256 c) pure returns (uint256 z) {
    assembly ("memory-safe") {
        z := mod(mul(shr(204, x), c), P)
        z := or(shl(51, z), mod(mul(and(shr(153, x), LANE), c), P))
        z := or(shl(51, z), mod(mul(and(shr(102, x), LANE), c), P))
        z := or(shl(51, z), mod(mul(and(shr(51, x), LANE), c), P))
        z := or(shl(51, z), mod(mul(and(x, LANE), c), P))
    }
}

/// x^(p-2), in F; 0 for 0.
function inverseOf(uint256 x) pure returns (uint256 z) {
    z = 1;
    unchecked {
        for (uint256 bit = 1 << 30; bit != 0; bit >>= 1) {
            z = mulmod(z, z, P);
            if ((P - 2) & bit != 0) z = mulmod(z, x, P);
        }
    }
}

/// x^p.
function frobenius(uint256 x) pure returns (uint256 z) {
    z = x & LANE;
    unchecked {
        z += scaled(FROBENIUS_1, (x >> 51) & LANE) + scaled(FROBENIUS_2, (x >> 102) & LANE);
        z += scaled(FROBENIUS_3, (x >> 153) & LANE) + scaled(FROBENIUS_4, x >> 204);
    }
    return scaled(z, 1);
}

/// Of x that is reduced: x^(p + p^2 + p^3 + p^4) over the norm, which is in F; 0 for 0.
function inverse(uint256 x) pure returns (uint256) {
    uint256 y = frobenius(x);
    y = product(y, frobenius(y));
    y = product(y, frobenius(frobenius(y)));
    return scaled(y, inverseOf(product(x, y) & LANE));
}
