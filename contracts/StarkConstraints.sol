// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./StarkProgram.sol";

/// @title The identities of the stark's tables at zeta
/// @notice Has no state and no owner. Tells whether for every table its constraints and those of its buses, folded with
///         alpha, equal the quotient times Z_H, and whether what the tables claim for their buses sums to zero. Plonky3
///         0.8.0: p3-batch-stark (verifier), p3-lookup (LogUp, eprint 2022/1530). The tables: provers/stark/TABLES.md.
/// @dev Runs a program made from the tables' symbolic constraints (StarkProgram.sol; provers/stark/src/symbolic.rs, where
///      the instructions are described).
///      Fields. F is GF(p), p = 2^31 - 2^24 + 1; E is F[X]/(X^5 + X^2 - 1). An element of E is a word of five lanes of 51
///      bits, the coefficient of X^0 lowest, in Montgomery form (c·2^32 mod p) as the openings are. A lane may hold more
///      than p - 1: how much, the program's maker keeps account of, so that nothing overflows though nothing is checked.
///      Calldata, raw, from the adapter, which has checked its length, and refuses every number that is not below p, if
///      only after this has run: on such numbers the answer may be wrong, but it ends:
///        4 words    alpha and beta of the buses, alpha of the constraints, zeta: coefficient i at bit 32·i
///        1 word     log2 of the heights, table i's at bit 8·i
///        208 bytes  the public values, 4 bytes each, big-endian
///        160 bytes  what each table claims for its buses, in the form of the openings
///        the rest   openings, 20 bytes each: coefficient 0 first, 4 bytes each, little-endian, times 2^32 mod p (as they
///                   stand in the transcript). By rounds: main columns, quotient chunks, preprocessed columns, columns of
///                   the buses; in a round by table; of a table all at zeta, then all at g·zeta if they are opened there.
///      Answers a word: 1 if everything holds, otherwise 0.
contract StarkConstraints {
    uint256 private constant P = 0x7f000001;
    uint256 private constant M32 = 0xffffffff;
    uint256 private constant M51 = 0x7ffffffffffff;
    uint256 private constant M85 = 0x1fffffffffffffffffffff;
    uint256 private constant M204 = 0xfffffffffffffffffffffffffffffffffffffffffffffffffff;
    /// Every other byte, every other pair of bytes.
    uint256 private constant BYTES = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant PAIRS = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    /// 16·p in each lane; what is subtracted is at most that.
    uint256 private constant PAD = 0x7f00000100000fe00000200001fc00000400003f800000800007f0000010;
    uint256 private constant BIG = 0x7f000001000000000000000; // a multiple of p above every sum of products

    uint256 private constant ONE = 33554430; // 2^32
    uint256 private constant SQUARE = 402124772; // 2^64
    uint256 private constant INVERSE = 1057030144; // 2^-32
    uint256 private constant SHIFT_INVERSE = 710235478; // of the coset that the quotients are on, 1/3
    uint256 private constant ROOT_INVERSE = 0x6b1073c7; // of the root of unity of order 2^24

    // X^(i·p) for i = 1 … 4, in lanes of 85 bits: three coefficients, then two.
    uint256 private constant FROBENIUS_1 = 0x175c285e400000000000008bd9874000000000000005df5feeb;
    uint256 private constant FROBENIUS_1_HIGH = 0x4a19e4000000000000047ef5387;
    uint256 private constant FROBENIUS_2 = 0x92af1d600000000000000002a2cc4000000000000064280990;
    uint256 private constant FROBENIUS_2_HIGH = 0x2337dd2000000000000005242ba9a;
    uint256 private constant FROBENIUS_3 = 0xa814f6b8000000000000026850c5c00000000000001a4ca5a4;
    uint256 private constant FROBENIUS_3_HIGH = 0x3c05c2880000000000000562a6968;
    uint256 private constant FROBENIUS_4 = 0x1ded7fcbc00000000000008876a94c00000000000005153c3c1;
    uint256 private constant FROBENIUS_4_HIGH = 0x7a7a17420000000000000088b9b96;

    // Memory: of alpha and of beta the products with 1, X, … X^4, each two words of lanes of 85 bits (three coefficients, then
    // two); then one word a slot, from BASE on. The slots after these are in StarkProgram.sol.
    uint256 private constant ALPHAS = 0x80;
    uint256 private constant BETAS = 0x1c0;
    uint256 private constant BASE = 0x300;
    uint256 private constant ZETA = 0x320;
    uint256 private constant BETA = 0x340;
    uint256 private constant COSET = 0x360; // (zeta/shift)^n
    uint256 private constant VANISHING = 0x380; // Z_H(zeta)
    uint256 private constant FIRST = 0x3a0;
    uint256 private constant LAST = 0x3c0;
    uint256 private constant TRANSITION = 0x3e0;
    uint256 private constant PREFIXES = 0x400;

    uint256 private constant HEIGHTS_FROM = 0x80; // of calldata
    uint256 private constant PUBLICS_FROM = 0xa0;

    fallback() external {
        assembly ("memory-safe") {
            mstore(0x40, STATE_END)
        }
        bytes memory runs = STARK_RUNS;
        bytes memory constants = STARK_CONSTANTS;
        bytes memory program = STARK_PROGRAM;
        assembly ("memory-safe") {
            function pack(x0, x1, x2, x3, x4) -> z {
                z := or(or(or(x0, shl(51, x1)), or(shl(102, x2), shl(153, x3))), shl(204, x4))
            }

            function reduced(x) -> z {
                z := mod(shr(204, x), P)
                z := or(shl(51, z), mod(and(shr(153, x), M51), P))
                z := or(shl(51, z), mod(and(shr(102, x), M51), P))
                z := or(shl(51, z), mod(and(shr(51, x), M51), P))
                z := or(shl(51, z), mod(and(x, M51), P))
            }

            /// By an element of F.
            function scaled(x, y) -> z {
                let c := mulmod(y, INVERSE, P)
                if iszero(shr(51, x)) {
                    z := mulmod(x, c, P)
                    leave
                }
                z := mod(mul(shr(204, x), c), P)
                z := or(shl(51, z), mod(mul(and(shr(153, x), M51), c), P))
                z := or(shl(51, z), mod(mul(and(shr(102, x), M51), c), P))
                z := or(shl(51, z), mod(mul(and(shr(51, x), M51), c), P))
                z := or(shl(51, z), mod(mul(and(x, M51), c), P))
            }

            /// x·y as a polynomial: coefficients 0 to 2, 3 to 5, 6 to 8, in lanes of 85 bits; what is above bit 254 is of no
            /// use. The bounds of two lanes, multiplied, are at most 2^82: five such products are below 2^85.
            function multiplied(x, y) -> low, middle, high {
                let y0 := or(or(and(y, M51), shl(34, and(y, shl(51, M51)))), shl(68, and(y, shl(102, M51))))
                let y1 := or(and(shr(153, y), M51), shl(85, shr(204, y)))
                let lane := and(x, M51)
                low := mul(lane, y0)
                middle := mul(lane, y1)
                lane := and(shr(51, x), M51)
                let part := mul(lane, y0)
                low := add(low, shl(85, part))
                middle := add(middle, add(shr(170, part), shl(85, mul(lane, y1))))
                lane := and(shr(102, x), M51)
                part := mul(lane, y0)
                low := add(low, shl(170, part))
                middle := add(middle, shr(85, part))
                part := mul(lane, y1)
                middle := add(middle, shl(170, part))
                high := shr(85, part)
                lane := and(shr(153, x), M51)
                middle := add(middle, mul(lane, y0))
                high := add(high, mul(lane, y1))
                lane := shr(204, x)
                part := mul(lane, y0)
                middle := add(middle, shl(85, part))
                high := add(high, add(shr(170, part), shl(85, mul(lane, y1))))
            }

            /// Such a polynomial, or a sum of them, in E: X^5 = 1 - X^2, X^6 = X - X^3, X^7 = X^2 - X^4, X^8 = X^3 + X^2 - 1.
            function settled(low, middle, high) -> z {
                let five := and(shr(170, middle), M85)
                let six := and(high, M85)
                let seven := and(shr(85, high), M85)
                let eight := and(shr(170, high), M85)
                z := mulmod(sub(add(BIG, and(shr(85, middle), M85)), seven), INVERSE, P)
                z := or(shl(51, z), mulmod(add(sub(add(BIG, and(middle, M85)), six), eight), INVERSE, P))
                z := or(
                    shl(51, z),
                    mulmod(add(sub(add(BIG, and(shr(170, low), M85)), five), add(seven, eight)), INVERSE, P)
                )
                z := or(shl(51, z), mulmod(add(and(shr(85, low), M85), six), INVERSE, P))
                z := or(shl(51, z), mulmod(add(sub(add(BIG, and(low, M85)), eight), five), INVERSE, P))
            }

            function product(x, y) -> z {
                let low, middle, high := multiplied(x, y)
                z := settled(low, middle, high)
            }

            /// Writes x, x·X, … x·X^4 for `multiple`; x is below p.
            function tabulate(at, x) {
                for { let end := add(at, 320) } lt(at, end) { at := add(at, 64) } {
                    mstore(at, or(or(and(x, M51), shl(34, and(x, shl(51, M51)))), shl(68, and(x, shl(102, M51)))))
                    mstore(add(at, 32), or(and(shr(153, x), M51), shl(85, shr(204, x))))
                    x := reduced(shifted(x, 0, P))
                }
            }

            /// x·y, y as tabulated. Lanes of x are below 2^50.
            function multiple(x, at) -> z {
                let lane := and(x, M51)
                let low := mul(lane, mload(at))
                let high := mul(lane, mload(add(at, 32)))
                lane := and(shr(51, x), M51)
                low := add(low, mul(lane, mload(add(at, 64))))
                high := add(high, mul(lane, mload(add(at, 96))))
                lane := and(shr(102, x), M51)
                low := add(low, mul(lane, mload(add(at, 128))))
                high := add(high, mul(lane, mload(add(at, 160))))
                lane := and(shr(153, x), M51)
                low := add(low, mul(lane, mload(add(at, 192))))
                high := add(high, mul(lane, mload(add(at, 224))))
                lane := shr(204, x)
                low := add(low, mul(lane, mload(add(at, 256))))
                high := add(high, mul(lane, mload(add(at, 288))))
                z := mulmod(shr(85, high), INVERSE, P)
                z := or(shl(51, z), mulmod(and(high, M85), INVERSE, P))
                z := or(shl(51, z), mulmod(shr(170, low), INVERSE, P))
                z := or(shl(51, z), mulmod(and(shr(85, low), M85), INVERSE, P))
                z := or(shl(51, z), mulmod(and(low, M85), INVERSE, P))
            }

            /// To the power p.
            function frobenius(x) -> z {
                let c1 := and(shr(51, x), M51)
                let c2 := and(shr(102, x), M51)
                let c3 := and(shr(153, x), M51)
                let c4 := shr(204, x)
                let low := add(and(x, M51), add(mul(c1, FROBENIUS_1), mul(c2, FROBENIUS_2)))
                low := add(low, add(mul(c3, FROBENIUS_3), mul(c4, FROBENIUS_4)))
                let high := add(mul(c1, FROBENIUS_1_HIGH), mul(c2, FROBENIUS_2_HIGH))
                high := add(high, add(mul(c3, FROBENIUS_3_HIGH), mul(c4, FROBENIUS_4_HIGH)))
                z := pack(
                    mod(and(low, M85), P),
                    mod(and(shr(85, low), M85), P),
                    mod(shr(170, low), P),
                    mod(and(high, M85), P),
                    mod(shr(85, high), P)
                )
            }

            /// Of x below p, not zero: x^(p + p^2 + p^3 + p^4) over the norm, which is in F.
            function inverse(x) -> z {
                let y := frobenius(x)
                y := product(y, frobenius(y))
                y := product(y, frobenius(frobenius(y)))
                let norm := and(product(x, y), M51)
                let power := 1
                for { let bit := 0x40000000 } bit { bit := shr(1, bit) } {
                    power := mulmod(power, power, P)
                    if and(sub(P, 2), bit) { power := mulmod(power, norm, P) }
                }
                z := scaled(y, mulmod(power, SQUARE, P))
            }

            /// To the power 2^n, in F.
            function squared(x, n) -> z {
                z := x
                for {} n { n := sub(n, 1) } { z := mulmod(z, z, P) }
            }

            /// Of a word with coefficient i at bit 32·i, not in Montgomery form.
            function spread(w) -> z {
                z := pack(
                    and(w, M32), and(shr(32, w), M32), and(shr(64, w), M32), and(shr(96, w), M32), and(shr(128, w), M32)
                )
                z := scaled(z, SQUARE)
            }

            /// Of 20 bytes as they stand in the proof.
            function element(from) -> z {
                let w := calldataload(from)
                w := or(shl(8, and(w, BYTES)), and(shr(8, w), BYTES))
                w := or(shl(16, and(w, PAIRS)), and(shr(16, w), PAIRS))
                z := pack(
                    shr(224, w), and(shr(192, w), M32), and(shr(160, w), M32), and(shr(128, w), M32), and(shr(96, w), M32)
                )
            }

            /// x·X + y, with a multiple of p of at least x's highest lane.
            function shifted(x, y, pad) -> z {
                let top := shr(204, x)
                z := add(add(shl(51, and(x, M204)), top), add(shl(102, sub(pad, top)), y))
            }

            /// Five openings, of the coefficients of a column in E.
            function column(from) -> z {
                z := shifted(element(add(from, 80)), element(add(from, 60)), shl(2, P))
                z := shifted(z, element(add(from, 40)), shl(2, P))
                z := shifted(z, element(add(from, 20)), shl(2, P))
                z := reduced(shifted(z, element(from), shl(4, P)))
            }

            /// Selectors at zeta of the subgroup of 2^height elements; false where zeta is in it.
            function select(height) -> ok {
                let zeta := mload(ZETA)
                let power := zeta
                for { let i := 0 } lt(i, height) { i := add(i, 1) } { power := product(power, power) }
                mstore(COSET, scaled(power, mulmod(squared(SHIFT_INVERSE, height), ONE, P)))
                let vanishing := reduced(add(power, sub(P, ONE)))
                mstore(VANISHING, vanishing)
                ok := and(iszero(iszero(vanishing)), lt(height, 25))
                if ok {
                    let root := mulmod(squared(ROOT_INVERSE, sub(24, height)), ONE, P)
                    let transition := reduced(add(zeta, sub(P, root)))
                    // One inverse for both.
                    let start := reduced(add(zeta, sub(P, ONE)))
                    let both := product(vanishing, inverse(product(start, transition)))
                    mstore(TRANSITION, transition)
                    mstore(FIRST, product(both, transition))
                    mstore(LAST, product(both, start))
                }
            }

            /// Poseidon2's external layer: of each four, and then the sums over every fourth.
            function external() {
                for { let at := STATE_AT } lt(at, STATE_END) { at := add(at, 128) } {
                    let x0 := mload(at)
                    let x1 := mload(add(at, 32))
                    let x2 := mload(add(at, 64))
                    let x3 := mload(add(at, 96))
                    let all := add(add(x0, x1), add(x2, x3))
                    mstore(at, add(all, add(x0, add(x1, x1))))
                    mstore(add(at, 32), add(all, add(x1, add(x2, x2))))
                    mstore(add(at, 64), add(all, add(x2, add(x3, x3))))
                    mstore(add(at, 96), add(all, add(x3, add(x0, x0))))
                }
                for { let at := STATE_AT } lt(at, add(STATE_AT, 128)) { at := add(at, 32) } {
                    let all := add(
                        add(mload(at), mload(add(at, 128))), add(mload(add(at, 256)), mload(add(at, 384)))
                    )
                    mstore(at, add(mload(at), all))
                    mstore(add(at, 128), add(mload(add(at, 128)), all))
                    mstore(add(at, 256), add(mload(add(at, 256)), all))
                    mstore(add(at, 384), add(mload(add(at, 384)), all))
                }
            }

            /// x^3, below p.
            function cube(x) -> z {
                z := product(product(x, x), x)
            }

            /// p3-poseidon2-air (eprint 2023/323) with 4 + 20 + 4 rounds: each full round's results and each partial
            /// round's S-box are columns. The state is at most 35·p a lane.
            function permutation(columns, before) -> folded {
                folded := before
                let rounds := CONSTANTS_AT
                for { let at := STATE_AT } lt(at, STATE_END) { at := add(at, 32) } {
                    mstore(at, mload(columns))
                    columns := add(columns, 32)
                }
                external()
                for { let round := 0 } lt(round, 8) { round := add(round, 1) } {
                    if eq(round, 4) {
                        for { let end := add(rounds, 640) } lt(rounds, end) { rounds := add(rounds, 32) } {
                            let x := cube(add(mload(STATE_AT), mload(rounds)))
                            let post := mload(columns)
                            folded := add(multiple(folded, ALPHAS), sub(add(x, PAD), post))
                            mstore(STATE_AT, post)
                            columns := add(columns, 32)
                            let sum := 0
                            for { let at := STATE_AT } lt(at, STATE_END) { at := add(at, 32) } { sum := add(sum, mload(at)) }
                            sum := reduced(sum)
                            let diagonal := add(CONSTANTS_AT, 4736)
                            for { let at := STATE_AT } lt(at, STATE_END) { at := add(at, 32) } {
                                mstore(at, add(sum, scaled(mload(at), mload(diagonal))))
                                diagonal := add(diagonal, 32)
                            }
                        }
                    }
                    for { let at := STATE_AT } lt(at, STATE_END) { at := add(at, 32) } {
                        mstore(at, cube(add(mload(at), mload(rounds))))
                        rounds := add(rounds, 32)
                    }
                    external()
                    for { let at := STATE_AT } lt(at, STATE_END) { at := add(at, 32) } {
                        let post := mload(columns)
                        folded := add(multiple(folded, ALPHAS), sub(add(mload(at), PAD), post))
                        mstore(at, post)
                        columns := add(columns, 32)
                    }
                }
            }

            // What the program reads.
            tabulate(ALPHAS, spread(calldataload(0x40)))
            mstore(ZETA, spread(calldataload(0x60)))
            {
                let beta := spread(calldataload(0x20))
                mstore(BETA, beta)
                tabulate(BETAS, beta)
                let offset := beta
                for { let i := 1 } lt(i, MAX_MESSAGE) { i := add(i, 1) } { offset := product(offset, beta) }
                let prefix := spread(calldataload(0))
                for { let at := PREFIXES } lt(at, PUBLICS_AT) { at := add(at, 32) } {
                    prefix := reduced(add(prefix, offset))
                    mstore(at, prefix)
                }
            }
            let from := PUBLICS_FROM
            for { let at := PUBLICS_AT } lt(at, CLAIMS_AT) { at := add(at, 32) } {
                mstore(at, mulmod(shr(224, calldataload(from)), ONE, P))
                from := add(from, 4)
            }
            let sum := 0
            for { let at := CLAIMS_AT } lt(at, OPENINGS_AT) { at := add(at, 32) } {
                let claim := element(from)
                mstore(at, claim)
                sum := add(sum, claim)
                from := add(from, 20)
            }
            let ok := iszero(reduced(sum))
            {
                let at := OPENINGS_AT
                for { let run := add(runs, 32) } lt(at, CONSTANTS_AT) { run := add(run, 2) } {
                    let read := shl(5, shr(248, mload(run)))
                    let end := add(at, read)
                    let unread := and(shr(240, mload(run)), 0xff)
                    switch or(lt(at, QUOTIENTS_AT), lt(sub(at, PREPROCESSED_AT), sub(BUS_COLUMNS_AT, PREPROCESSED_AT)))
                    case 1 {
                        for {} lt(at, end) { at := add(at, 32) } {
                            mstore(at, element(from))
                            from := add(from, 20)
                        }
                        from := add(from, mul(20, unread))
                    }
                    default {
                        for {} lt(at, end) { at := add(at, 32) } {
                            mstore(at, column(from))
                            from := add(from, 100)
                        }
                        from := add(from, mul(100, unread))
                    }
                    at := add(at, shl(5, unread))
                }
                from := add(constants, 32)
                for { let end := add(from, mload(constants)) } lt(from, end) { from := add(from, 4) } {
                    mstore(at, shr(224, mload(from)))
                    at := add(at, 32)
                }
            }

            // The program: an accumulator, a sum of products, and the folded constraints of the table.
            let x := 0
            let low := 0
            let middle := 0
            let high := 0
            let folded := 0
            let height := 0x100
            from := add(program, 32)
            let end := add(from, mload(program))
            for {} 1 { from := add(from, 2) } {
                let instruction := shr(240, mload(from))
                let at := add(BASE, shl(5, and(instruction, 0xfff)))
                // Four and four: a switch compares one by one.
                switch shr(14, instruction)
                case 0 {
                    switch shr(12, instruction)
                    case 3 { mstore(at, x) } // STORE
                    case 2 { x := mload(at) } // LOAD
                    case 1 { x := add(x, mload(at)) } // ADD
                    default { x := product(x, mload(at)) } // MUL
                }
                case 1 {
                    switch shr(12, instruction)
                    case 6 { x := sub(add(x, PAD), mload(at)) } // SUB
                    case 5 {
                        // COLLECT
                        from := add(from, 2)
                        let l, m, h := multiplied(mload(at), mload(add(BASE, shl(5, shr(240, mload(from))))))
                        low := add(low, l)
                        middle := add(middle, m)
                        high := add(high, h)
                    }
                    case 7 { x := add(multiple(x, BETAS), mload(at)) } // HORNER
                    default {
                        // PRODUCT
                        from := add(from, 2)
                        x := product(mload(at), mload(add(BASE, shl(5, shr(240, mload(from))))))
                    }
                }
                case 2 {
                    switch shr(12, instruction)
                    case 11 { x := scaled(x, mload(at)) } // SCALE
                    case 8 { folded := add(multiple(folded, ALPHAS), x) } // FOLD
                    case 9 { x := reduced(x) } // REDUCE
                    default { x := sub(add(mload(at), PAD), x) } // FROM
                }
                default {
                    switch shr(12, instruction)
                    case 12 {
                        // TOTAL
                        x := settled(low, middle, high)
                        low := 0
                        middle := 0
                        high := 0
                    }
                    case 13 { x := mul(x, and(instruction, 0xfff)) } // TIMES
                    case 14 {
                        // TABLE
                        let own := and(shr(shl(3, and(instruction, 0xfff)), calldataload(HEIGHTS_FROM)), 0xff)
                        if iszero(eq(own, height)) {
                            height := own
                            ok := and(ok, select(height))
                        }
                    }
                    default {
                        switch eq(at, BASE)
                        case 1 {
                            // END: the quotient times Z_H is in x.
                            ok := and(ok, eq(reduced(x), reduced(folded)))
                            folded := 0
                            // The last instruction is the last table's END.
                            if eq(add(from, 2), end) { break }
                        }
                        default { folded := permutation(at, folded) } // POSEIDON2
                    }
                }
            }
            mstore(0, ok)
            return(0, 32)
        }
    }
}
