// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Written by `provers/halo2/bin/l1 solidity` from the circuit's constraint system: do not edit.

uint256 constant SHAPE = 0xf523391afd5a6619d74bbba965458e0b2ef396d2c4a447c0768640a02b4bb13e; // keccak256 of the constraint system
uint256 constant NUM_INPUTS = 7;
uint256 constant NUM_ADVICE = 10; // columns
uint256 constant NUM_FIXED = 14;
uint256 constant NUM_PERMUTED = 7; // columns of the permutation
uint256 constant NUM_LOOKUPS = 1;
uint256 constant NUM_PRODUCTS = 1; // of the permutation
uint256 constant CHUNK = 7; // columns of a product
uint256 constant NUM_PIECES = 8; // of the quotient
uint256 constant NUM_SCALARS = 46; // of a proof
uint256 constant BLINDING = 5; // rows with random values
uint256 constant NUM_ROTATIONS = 3;
uint256 constant NUM_SETS = 3; // of openings
uint256 constant NUM_SET_POINTS = 5; // of all sets
uint256 constant FIRST_POWERS = 6; // of w with a negative exponent
uint256 constant NUM_POWERS = 13; // of w
uint256 constant PROOF_POINTS = 23; // before the scalars
uint256 constant PROOF_BYTES = 3072;
uint256 constant KEY_BYTES = 1600; // of the artefact `l1_verifier`
uint256 constant KEY_SIZE = 2272; // in memory
uint256 constant DELTA = 0x09226b6e22c6f0ca64ec26aad4c86e715b5f898e5e963f25870e56bbe533e9a2; // columns of the permutation are told apart by its powers
uint256 constant ROOT = 0x03ddb9f5166d18b798865ea93dd31f743215cf6dd39329c8d34f1ed960c37c9c; // of order 2^28

// Memory
uint256 constant THETA_AT = 2048; // challenge of the lookups' columns
uint256 constant BETA_AT = 2080; // challenges of permutation and lookups
uint256 constant GAMMA_AT = 2112;
uint256 constant Y_AT = 2144; // challenge of the constraints
uint256 constant X_AT = 2176; // the point
uint256 constant NU_AT = 2208; // challenge of the commitments of a set
uint256 constant MU_AT = 2240; // challenge of the sets
uint256 constant U_AT = 2272; // the opening's point
uint256 constant XN_AT = 2304; // x^n
uint256 constant L_LAST_AT = 2336; // Lagrange polynomials at x: of the last row that is used,
uint256 constant L_BLIND_AT = 2368; // of the random rows, together,
uint256 constant L_FIRST_AT = 2400; // of the first row
uint256 constant INSTANCE_AT = 2432; // value of the instance column
uint256 constant QUOTIENT_VALUE_AT = 2464;
uint256 constant QUOTIENT_AT = 2496;
uint256 constant COMPRESSED_AT = 2560; // of each lookup input and table, by theta
uint256 constant INVERSES_AT = 2624; // x - w^i, x^n - 1, Z_0, then each set's Lagrange denominators
uint256 constant PREFIXES_AT = 3264;
uint256 constant WEIGHTS_AT = 3904; // Lagrange polynomials at u, of each set's points
uint256 constant POINTS_AT = 4064; // x times w^rotation
uint256 constant DIFFERENCES_AT = 4160; // u less these
uint256 constant SUM_AT = 4256; // a sum of points, the term that is added next, its factor
uint256 constant TERM_AT = 4320;
uint256 constant SHARED_AT = 4704; // values that several constraints have in common
uint256 constant MODULUS_AT = 12896; // the key: R; it is read from there, as a number of 32 bytes would be repeated in the code
uint256 constant ROWS_INVERSE_AT = 12928; // 1 / 2^k
uint256 constant K_AT = 12960;
uint256 constant G2_TAU_AT = 12992;
uint256 constant OMEGAS_AT = 13120; // w^i for i of FIRST_POWER and on
uint256 constant KEY_POINTS_AT = 13536;
uint256 constant TABLES_AT = 14880; // rotations, columns, sets
uint256 constant SEED_AT = 15104; // what the transcript starts with
uint256 constant DIGEST_AT = 15136;
uint256 constant INPUTS_AT = 15168;
uint256 constant PROOF_AT = 15392;
uint256 constant MEMORY_END = 18464;
uint256 constant PERMUTED_AT = 16032;
uint256 constant PRODUCTS_AT = 16160;
uint256 constant PIECES_AT = 16352;
uint256 constant SCALARS_AT = 16864;
uint256 constant SIGMAS_AT = 17888;
uint256 constant PRODUCT_VALUES_AT = 18112;
uint256 constant LOOKUP_VALUES_AT = 18176;
uint256 constant W_AT = 18336;
uint256 constant COLUMNS_AT = 14886;
uint256 constant SETS_AT = 14900;

// Rotations: address of the power of w. Columns of the permutation: address of the value. Sets of openings: number of
// points; the points (places of rotations), then those that are not in the set; number of commitments (two bytes); each
// commitment's address, and those of its values.
bytes constant TABLES =
    hex"33e03400342041e04200422042404260428042a00201020000093c2041e043203c60420043403ca0422043603da04240"
    hex"43803de0426043a03e20428043c03e6042a043e03f2046c046e03f604700472001010002001b3ce042c03d2042e03d60"
    hex"43003ee0478034e04400352044203560444035a0446035e04480362044a0366044c036a044e036e04500372045203760"
    hex"454037a0456037e04580382045a0386045e038a0460038e04620392046403960466039a0468039e046a009c009a03fa0"
    hex"45c00200010200013ea047604740000000000000000000000000000000000000";

/// @dev The gates' constraints, each times a power of y; and the lookups' columns put together.
abstract contract Halo2Constraints {
    function _gates() internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let r := mload(12896)
            let y := mload(2144)
            // 0, which the compiler does not know: else it would see what is kept where, and compute it again at each use.
            let o := mload(0x60)
            // full rounds
            mstore(add(o, 4704), sub(r, 0x02))
            mstore(add(o, 4736), add(mload(17664), mload(4704)))
            mstore(add(o, 4768), mulmod(mload(17664), mload(4736), r))
            mstore(add(o, 4800), add(mload(16864), mload(17408)))
            mstore(add(o, 4832), mulmod(mload(4800), mload(4800), r))
            mstore(add(o, 4864), mulmod(mload(4800), mulmod(mload(4832), mload(4832), r), r))
            mstore(add(o, 4896), add(mload(16896), mload(17440)))
            mstore(add(o, 4928), mulmod(mload(4896), mload(4896), r))
            mstore(add(o, 4960), mulmod(mload(4896), mulmod(mload(4928), mload(4928), r), r))
            mstore(add(o, 4992), add(mload(16928), mload(17472)))
            mstore(add(o, 5024), mulmod(mload(4992), mload(4992), r))
            mstore(add(o, 5056), mulmod(mload(4992), mulmod(mload(5024), mload(5024), r), r))
            mstore(add(o, 5088), add(mload(5056), add(mload(4864), mload(4960))))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(4768), add(add(mload(4864), mload(5088)), sub(r, mload(17088))), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(4768), add(add(mload(4960), mload(5088)), sub(r, mload(17120))), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(4768), add(add(mload(5056), mload(5088)), sub(r, mload(17152))), r), r)
            mstore(add(o, 5120), sub(r, 0x03))
            mstore(add(o, 5152), add(mload(17664), mload(5120)))
            mstore(add(o, 5184), sub(r, 0x04))
            mstore(add(o, 5216), add(mload(17664), mload(5184)))
            mstore(add(o, 5248), mulmod(mload(5216), mulmod(mload(4768), mload(5152), r), r))
            mstore(add(o, 5280), add(mload(17088), mload(17504)))
            mstore(add(o, 5312), mulmod(mload(5280), mload(5280), r))
            mstore(add(o, 5344), mulmod(mload(5280), mulmod(mload(5312), mload(5312), r), r))
            mstore(add(o, 5376), add(mload(17120), mload(17536)))
            mstore(add(o, 5408), mulmod(mload(5376), mload(5376), r))
            mstore(add(o, 5440), mulmod(mload(5376), mulmod(mload(5408), mload(5408), r), r))
            mstore(add(o, 5472), add(mload(17152), mload(17568)))
            mstore(add(o, 5504), mulmod(mload(5472), mload(5472), r))
            mstore(add(o, 5536), mulmod(mload(5472), mulmod(mload(5504), mload(5504), r), r))
            mstore(add(o, 5568), add(mload(5536), add(mload(5344), mload(5440))))
            mstore(add(o, 5600), add(mload(5344), mload(5568)))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5248), add(mload(5600), sub(r, mload(17184))), r), r)
            mstore(add(o, 5632), add(mload(5440), mload(5568)))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5248), add(mload(5632), sub(r, mload(17216))), r), r)
            mstore(add(o, 5664), add(mload(5536), mload(5568)))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5248), add(mload(5664), sub(r, mload(17248))), r), r)
            mstore(add(o, 5696), sub(r, 0x01))
            mstore(add(o, 5728), mulmod(mload(17664), add(mload(17664), mload(5696)), r))
            mstore(add(o, 5760), mulmod(mload(4736), mload(5728), r))
            sum := addmod(mulmod(sum, y, r), mulmod(add(mload(5600), sub(r, mload(17344))), mulmod(mload(5216), mload(5760), r), r), r)
            mstore(add(o, 5792), mulmod(mload(5152), mload(5760), r))
            mstore(add(o, 5824), add(mload(5600), mload(17280)))
            mstore(add(o, 5856), add(mload(5632), mload(17312)))
            mstore(add(o, 5888), add(mload(5664), addmod(mload(5824), mload(5856), r)))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5792), add(sub(r, mload(17184)), addmod(mload(5824), mload(5888), r)), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5792), add(sub(r, mload(17216)), addmod(mload(5856), mload(5888), r)), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5792), add(sub(r, mload(17248)), addmod(mload(5664), mload(5888), r)), r), r)
            // partial rounds
            mstore(add(o, 5920), mulmod(mload(5216), mulmod(mload(5152), mload(5728), r), r))
            mstore(add(o, 5952), mulmod(0x02, mload(4864), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), add(sub(r, mload(17088)), add(mload(5952), add(mload(16896), mload(16928)))), r), r)
            mstore(add(o, 5984), add(mload(17440), mload(17088)))
            mstore(add(o, 6016), mulmod(mload(5984), mload(5984), r))
            mstore(add(o, 6048), mulmod(mload(5984), mulmod(mload(6016), mload(6016), r), r))
            mstore(add(o, 6080), mulmod(0x02, mload(6048), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), add(sub(r, mload(17120)), add(mload(6080), add(mload(5952), add(mulmod(mload(16896), 0x03, r), mulmod(mload(16928), 0x04, r))))), r), r)
            mstore(add(o, 6112), add(mload(17472), mload(17120)))
            mstore(add(o, 6144), mulmod(mload(6112), mload(6112), r))
            mstore(add(o, 6176), mulmod(mload(6112), mulmod(mload(6144), mload(6144), r), r))
            mstore(add(o, 6208), mulmod(0x02, mload(6176), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), addmod(sub(r, mload(17152)), add(mload(6208), add(mload(6080), add(mulmod(mload(4864), 0x07, r), add(mulmod(mload(16896), 0x0a, r), mulmod(mload(16928), 0x0f, r))))), r), r), r)
            mstore(add(o, 6240), add(mload(17152), mload(17504)))
            mstore(add(o, 6272), mulmod(mload(6240), mload(6240), r))
            mstore(add(o, 6304), mulmod(mload(6240), mulmod(mload(6272), mload(6272), r), r))
            mstore(add(o, 6336), mulmod(0x02, mload(6304), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), add(sub(r, mload(16960)), addmod(mload(6336), add(mload(6208), add(mulmod(mload(6048), 0x07, r), add(mulmod(mload(4864), 0x19, r), add(mulmod(mload(16896), 0x23, r), mulmod(mload(16928), 0x37, r))))), r)), r), r)
            mstore(add(o, 6368), add(mload(17536), mload(16960)))
            mstore(add(o, 6400), mulmod(mload(6368), mload(6368), r))
            mstore(add(o, 6432), mulmod(mload(6368), mulmod(mload(6400), mload(6400), r), r))
            mstore(add(o, 6464), mulmod(0x02, mload(6432), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), add(sub(r, mload(16992)), add(mload(6464), addmod(mload(6336), add(mulmod(0x07, mload(6176), r), add(mulmod(mload(6048), 0x19, r), add(mulmod(mload(4864), 0x5a, r), add(mulmod(mload(16896), 0x7d, r), mulmod(mload(16928), 0xc8, r))))), r))), r), r)
            mstore(add(o, 6496), add(mload(17568), mload(16992)))
            mstore(add(o, 6528), mulmod(mload(6496), mload(6496), r))
            mstore(add(o, 6560), mulmod(mload(6496), mulmod(mload(6528), mload(6528), r), r))
            mstore(add(o, 6592), mulmod(0x02, mload(6560), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), add(sub(r, mload(17024)), add(mload(6592), add(mload(6464), addmod(mulmod(0x07, mload(6304), r), add(mulmod(mload(6176), 0x19, r), add(mulmod(mload(6048), 0x5a, r), add(mulmod(mload(4864), 0x0145, r), add(mulmod(mload(16896), 0x01c2, r), mulmod(mload(16928), 0x02d5, r))))), r)))), r), r)
            mstore(add(o, 6624), add(mload(17024), mload(17600)))
            mstore(add(o, 6656), mulmod(mload(6624), mload(6624), r))
            mstore(add(o, 6688), mulmod(mload(6624), mulmod(mload(6656), mload(6656), r), r))
            mstore(add(o, 6720), mulmod(0x02, mload(6688), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), add(sub(r, mload(17056)), add(mload(6720), add(mload(6592), add(mulmod(0x07, mload(6432), r), addmod(mulmod(0x19, mload(6304), r), add(mulmod(mload(6176), 0x5a, r), add(mulmod(mload(6048), 0x0145, r), add(mulmod(mload(4864), 0x0497, r), add(mulmod(mload(16896), 0x0659, r), mulmod(mload(16928), 0x0a41, r))))), r))))), r), r)
            mstore(add(o, 6752), add(mload(17056), mload(17632)))
            mstore(add(o, 6784), mulmod(mload(6752), mload(6752), r))
            mstore(add(o, 6816), mulmod(mload(6752), mulmod(mload(6784), mload(6784), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), addmod(sub(r, mload(17184)), add(mulmod(0x02, mload(6816), r), add(mload(6720), add(mulmod(0x07, mload(6560), r), add(mulmod(0x19, mload(6432), r), addmod(mulmod(mload(6304), 0x5a, r), add(mulmod(mload(6176), 0x0145, r), add(mulmod(mload(6048), 0x0497, r), add(mulmod(mload(4864), 0x109a, r), add(mulmod(mload(16896), 0x16f3, r), mulmod(mload(16928), 0x251c, r))))), r))))), r), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), addmod(sub(r, mload(17216)), add(mload(6816), add(mulmod(0x03, mload(6688), r), add(mulmod(0x0a, mload(6560), r), add(mulmod(0x23, mload(6432), r), addmod(mulmod(mload(6304), 0x7d, r), add(mulmod(mload(6176), 0x01c2, r), add(mulmod(mload(6048), 0x0659, r), add(mulmod(mload(4864), 0x16f3, r), add(mulmod(mload(16896), 0x1fbd, r), mulmod(mload(16928), 0x3345, r))))), r))))), r), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(5920), addmod(sub(r, mload(17248)), add(mload(6816), add(mulmod(0x04, mload(6688), r), add(mulmod(0x0f, mload(6560), r), add(mulmod(0x37, mload(6432), r), addmod(mulmod(mload(6304), 0xc8, r), add(mulmod(mload(6176), 0x02d5, r), add(mulmod(mload(6048), 0x0a41, r), add(mulmod(mload(4864), 0x251c, r), add(mulmod(mload(16896), 0x3345, r), mulmod(mload(16928), 0x5302, r))))), r))))), r), r), r)
            // sponge
            mstore(add(o, 6848), add(mload(4704), mload(17696)))
            mstore(add(o, 6880), add(mload(5120), mload(17696)))
            mstore(add(o, 6912), add(mload(5184), mload(17696)))
            mstore(add(o, 6944), mulmod(mload(6912), mulmod(mload(6880), mulmod(mload(17696), mload(6848), r), r), r))
            mstore(add(o, 6976), add(mload(17600), add(mload(16960), mload(16992))))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(6944), add(add(mload(16960), mload(6976)), sub(r, mload(16864))), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(6944), add(add(mload(16992), mload(6976)), sub(r, mload(16896))), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(6944), add(add(mload(17600), mload(6976)), sub(r, mload(16928))), r), r)
            // merkle
            mstore(add(o, 7008), mulmod(mload(17696), add(mload(5696), mload(17696)), r))
            mstore(add(o, 7040), mulmod(mload(6912), mulmod(mload(6880), mload(7008), r), r))
            mstore(add(o, 7072), mulmod(mload(16960), add(mload(16992), sub(r, mload(17024))), r))
            mstore(add(o, 7104), add(mload(17024), mload(7072)))
            mstore(add(o, 7136), add(mload(16992), sub(r, mload(7072))))
            mstore(add(o, 7168), add(mload(17600), add(mload(7104), mload(7136))))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(7040), add(sub(r, mload(16864)), addmod(mload(7104), mload(7168), r)), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(7040), add(sub(r, mload(16896)), addmod(mload(7136), mload(7168), r)), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(7040), add(sub(r, mload(16928)), addmod(mload(17600), mload(7168), r)), r), r)
            // arithmetic
            mstore(add(o, 7200), mulmod(mload(6848), mload(7008), r))
            mstore(add(o, 7232), mulmod(mload(6912), mload(7200), r))
            mstore(add(o, 7264), mulmod(mload(16864), mload(16896), r))
            mstore(add(o, 7296), add(mload(2432), add(mload(17504), add(mulmod(mload(17472), mload(7264), r), add(mulmod(mload(16864), mload(17408), r), mulmod(mload(16896), mload(17440), r))))))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(7232), addmod(mload(7296), sub(r, mload(16928)), r), r), r)
            mstore(add(o, 7328), add(sub(r, mload(17024)), add(mload(17632), add(add(mulmod(mload(17536), mload(16960), r), mulmod(mload(17568), mload(16992), r)), mulmod(mload(17600), mulmod(mload(16960), mload(16992), r), r)))))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(7232), mload(7328), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mulmod(mload(6880), mload(7200), r), addmod(mload(7296), mload(7328), r), r), r)
            // ladder
            mstore(add(o, 7360), add(sub(r, mload(16928)), add(mload(17248), sub(r, mload(16928)))))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(17728), mulmod(mload(7360), add(mload(5696), mload(7360)), r), r), r)
            mstore(add(o, 7392), add(sub(r, mload(16960)), add(mload(17280), sub(r, mload(16960)))))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(17728), mulmod(mload(7392), add(mload(5696), mload(7392)), r), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(17728), add(sub(r, mload(17152)), mulmod(mload(7360), mload(7392), r)), r), r)
            mstore(add(o, 7424), mulmod(0x0292fc, mulmod(mload(16864), mload(16864), r), r))
            mstore(add(o, 7456), mulmod(mload(16896), mload(16896), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(17728), add(mulmod(mload(17088), add(mload(7424), mload(7456)), r), sub(r, mulmod(0x02, mload(7264), r))), r), r)
            mstore(add(o, 7488), sub(r, mload(7424)))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(17728), add(mulmod(mload(17120), add(add(0x02, mload(7488)), sub(r, mload(7456))), r), sub(r, mod(add(mload(7456), mload(7488)), r))), r), r)
            mstore(add(o, 7520), mulmod(mload(17728), add(mload(4704), mload(17728)), r))
            mstore(add(o, 7552), mulmod(mload(7392), 0x0bb77a6ad63e739b4eacb2e09d6277c12ab8d8010534e0b62893f3f6bb957051, r))
            mstore(add(o, 7584), sub(r, 0x0bb77a6ad63e739b4eacb2e09d6277c12ab8d8010534e0b62893f3f6bb957051))
            mstore(add(o, 7616), add(mulmod(mload(17152), add(mload(16992), add(mload(17312), mload(7584))), r), add(mload(7552), sub(r, mulmod(mload(16992), mload(7360), r)))))
            mstore(add(o, 7648), mulmod(mload(17088), mload(7616), r))
            mstore(add(o, 7680), add(0x01, mulmod(mload(7392), 0x25797203f7a0b24925572e1cd16bf9edfce0051fb9e133774b3c257a872d7d8a, r)))
            mstore(add(o, 7712), sub(r, 0x25797203f7a0b24925572e1cd16bf9edfce0051fb9e133774b3c257a872d7d8a))
            mstore(add(o, 7744), add(add(mload(7680), mulmod(mload(7360), add(mload(5696), mload(17024)), r)), mulmod(mload(17152), add(mload(7712), add(mload(17344), sub(r, mload(17024)))), r)))
            mstore(add(o, 7776), mulmod(mload(17120), mload(7744), r))
            mstore(add(o, 7808), mulmod(0x0292f8, mulmod(mload(7648), mload(7776), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(7520), add(mulmod(mload(17184), add(0x01, mload(7808)), r), sub(r, mod(add(mulmod(mload(17088), mload(7744), r), mulmod(mload(17120), mload(7616), r)), r))), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(7520), add(mulmod(mload(17216), add(0x01, sub(r, mload(7808))), r), sub(r, mod(add(mload(7776), sub(r, mulmod(0x0292fc, mload(7648), r))), r))), r), r)
            mstore(add(o, 7840), mulmod(mload(17728), add(mload(5696), mload(17728)), r))
            mstore(add(o, 7872), add(mulmod(mload(17152), add(mload(17312), add(mload(16992), mload(7584))), r), add(mload(7552), sub(r, mulmod(mload(17312), mload(7360), r)))))
            mstore(add(o, 7904), mulmod(mload(17088), mload(7872), r))
            mstore(add(o, 7936), add(add(mload(7680), mulmod(mload(7360), add(mload(5696), mload(17344)), r)), mulmod(mload(17152), add(mload(7712), add(mload(17024), sub(r, mload(17344)))), r)))
            mstore(add(o, 7968), mulmod(mload(17120), mload(7936), r))
            mstore(add(o, 8000), mulmod(0x0292f8, mulmod(mload(7904), mload(7968), r), r))
            sum := addmod(mulmod(sum, y, r), mulmod(mload(7840), add(mulmod(mload(17184), add(0x01, mload(8000)), r), sub(r, mod(add(mulmod(mload(17088), mload(7936), r), mulmod(mload(17120), mload(7872), r)), r))), r), r)
            sum := addmod(mulmod(sum, y, r), mulmod(mload(7840), add(mulmod(mload(17216), add(0x01, sub(r, mload(8000))), r), sub(r, mod(add(mload(7968), sub(r, mulmod(0x0292fc, mload(7904), r))), r))), r), r)
            // lookup: limbs
            mstore(2560, add(mulmod(mload(17056), mload(17760), r), sub(r, mulmod(mload(17792), mload(17376), r))))
            mstore(2592, mload(17824))
        }
    }
}
