// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Halo2Shape.sol";

/// What a proof says of one suite, and a vouch, as in contracts/IAdapter.vyi.
struct SuiteVouch {
    bytes32 pre_root;
    bytes32 post_root;
    bytes32 commitment;
    bytes32 challenge;
    bytes32 evaluation;
}

struct Vouch {
    bytes32 domain;
    bytes32 claim;
    address payee;
    SuiteVouch[] suites;
}

/// @title Proof type `halo2`: verifies PLONKish proofs (KZG on BN254, opened by SHPLONK) of one key
/// @notice The circuit's constraints (Halo2Shape.sol, written from the circuit) are the same for every program and batch size; a
///         key fixes the number of rows and the fixed columns. What a key and a proof are, word by word, is said in
///         provers/halo2/src/l1.rs; the protocol is that of halo2 (the halo2 book, "Protocol Description") with SHPLONK
///         (eprint 2020/081, section 4.2) instead of inner products, challenges as in provers/halo2/src/evm.rs.
/// @dev Every number is reduced modulo R, or modulo P where it is a coordinate, as soon as it is read: an alias would be a
///      second proof, and for a public input a second statement. Memory addresses are fixed (Halo2Shape.sol).
contract Halo2Adapter is Halo2Constraints {
    bytes32 private constant ACCEPTED = keccak256("multiprover/vouch/v1");
    uint256 private constant R = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 private constant P = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    uint256 private constant HALF = 0x183227397098d014dc2822db40c0ac2e9419f4243cdcb848a1f0fac9f8000001;
    /// The generator of G2, as in EIP-197: (x_im, x_re, y_im, y_re).
    uint256 private constant G2_X_IM = 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2;
    uint256 private constant G2_X_RE = 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed;
    uint256 private constant G2_Y_IM = 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b;
    uint256 private constant G2_Y_RE = 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa;
    /// EIP-1108: 45,000 + 34,000 a pair. A bad point burns all that the precompile is given.
    uint256 private constant PAIRING_GAS = 113_000;

    bytes32 public immutable DOMAIN;
    /// @notice Whether one party made the setup, and could have kept what forges proofs.
    bool public immutable INSECURE_SETUP;
    /// @notice keccak256 of the key: what every transcript starts with.
    bytes32 public immutable KEY_HASH;
    address private immutable KEY; // its code is the key as it lies in memory, behind a STOP

    /// @param key The prover's artefact `l1_verifier`: it pins program, batch size and setup.
    /// @param domain The domain of the one deployment and program that this adapter serves.
    constructor(bytes memory key, bytes32 domain) {
        require(key.length == KEY_BYTES, "halo2: key length");
        require(_word(key, 0) == SHAPE, "halo2: shape");
        uint256 k = _word(key, 1);
        // Below, the powers of the root of unity that are used would not be distinct; above, there is no such root.
        require(k >= 4 && k <= 28, "halo2: rows");
        require(_word(key, 2) < R, "halo2: digest");
        require(_word(key, 3) < 2, "halo2: setup");
        _requireG2(key);
        for (uint256 i = 8; i < KEY_BYTES / 32; i += 2) {
            (uint256 x, uint256 y) = (_word(key, i), _word(key, i + 1));
            // A column of zeros has its commitment at infinity.
            bool onCurve = mulmod(y, y, P) == addmod(mulmod(mulmod(x, x, P), x, P), 3, P);
            require((x | y) == 0 || (x < P && y < P && onCurve), "halo2: key point");
        }
        DOMAIN = domain;
        INSECURE_SETUP = _word(key, 3) == 1;
        KEY_HASH = keccak256(key);

        bytes memory points = new bytes(KEY_BYTES - 256);
        assembly ("memory-safe") {
            mcopy(add(points, 32), add(key, 288), mload(points))
        }
        bytes memory memoryImage = abi.encodePacked(
            R, _power(HALF, k), k, _word(key, 4), _word(key, 5), _word(key, 6), _word(key, 7), _omegas(k), points, TABLES,
            keccak256(key), _word(key, 2)
        );
        assert(memoryImage.length == KEY_SIZE);
        // PUSH2 size DUP1 PUSH1 10 RETURNDATASIZE CODECOPY RETURNDATASIZE RETURN, then a STOP and the image.
        bytes memory code = abi.encodePacked(hex"61", uint16(KEY_SIZE + 1), hex"80600a3d393df300", memoryImage);
        address deployed;
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        require(deployed != address(0), "halo2: key");
        KEY = deployed;
    }

    /// @notice Reverts, or returns the word that accepts.
    function verify(Vouch calldata vouch, bytes calldata proof) external view returns (bytes32) {
        require(proof.length == PROOF_BYTES, "halo2: proof length");
        require(vouch.suites.length == 1, "halo2: suites");
        require(vouch.domain == DOMAIN, "halo2: domain");
        _load(vouch, proof);
        _transcript(proof);
        _invert();
        _identity();
        require(_open(), "halo2: proof");
        return ACCEPTED;
    }

    // The key

    function _word(bytes memory key, uint256 i) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(key, add(32, shl(5, i))))
        }
    }

    /// @dev e(0, Q) is 1 for every point Q of the group; the precompile refuses all others. With tau 0 or 1 anyone could open
    ///      commitments to anything.
    function _requireG2(bytes memory key) private view {
        (uint256 a, uint256 b, uint256 c, uint256 d) = (_word(key, 4), _word(key, 5), _word(key, 6), _word(key, 7));
        require((a | b | c | d) != 0 && !(a == G2_X_IM && b == G2_X_RE), "halo2: G2 point");
        (bool done, bytes memory answer) = address(8).staticcall{gas: PAIRING_GAS}(abi.encode(0, 0, a, b, c, d));
        require(done && answer.length == 32 && abi.decode(answer, (uint256)) == 1, "halo2: G2 point");
    }

    function _power(uint256 base, uint256 exponent) private pure returns (uint256 power) {
        power = 1;
        for (; exponent > 0; --exponent) power = mulmod(power, base, R);
    }

    /// @return powers w^-FIRST_POWERS, …, w^0, w, … for a root of unity w of order 2^k.
    function _omegas(uint256 k) private pure returns (bytes memory powers) {
        uint256 omega = ROOT;
        for (uint256 i = k; i < 28; ++i) omega = mulmod(omega, omega, R);
        // w^(2^k - FIRST_POWERS)
        uint256 power = 1;
        uint256 base = omega;
        for (uint256 e = (1 << k) - FIRST_POWERS; e > 0; e >>= 1) {
            if (e & 1 == 1) power = mulmod(power, base, R);
            base = mulmod(base, base, R);
        }
        for (uint256 i = 0; i < NUM_POWERS; ++i) {
            powers = abi.encodePacked(powers, power);
            power = mulmod(power, omega, R);
        }
    }

    // The proof

    /// Key, public inputs and proof to memory, every word checked.
    function _load(Vouch calldata vouch, bytes calldata proof) private view {
        SuiteVouch calldata suite = vouch.suites[0];
        address key = KEY;
        uint256 domain = uint256(DOMAIN) % R;
        uint256 payee = uint256(uint160(vouch.payee));
        bool free;
        bool inputs = true;
        bool points = true;
        bool scalars = true;
        assembly ("memory-safe") {
            // What the compiler itself needs ends before.
            free := iszero(gt(mload(0x40), THETA_AT))
            mstore(0x40, MEMORY_END)
            extcodecopy(key, MODULUS_AT, 1, KEY_SIZE)
            let r := mload(MODULUS_AT)

            // pre_root, post_root, c, z, y, payee, domain
            calldatacopy(INPUTS_AT, suite, 160)
            for { let at := INPUTS_AT } lt(at, add(INPUTS_AT, 160)) { at := add(at, 32) } {
                inputs := and(inputs, lt(mload(at), r))
            }
            mstore(add(INPUTS_AT, 160), payee)
            mstore(add(INPUTS_AT, 192), domain)

            calldatacopy(PROOF_AT, proof.offset, PROOF_BYTES)
            let p := P
            for { let at := PROOF_AT } lt(at, add(W_AT, 128)) { at := add(at, 64) } {
                if eq(at, SCALARS_AT) { at := W_AT }
                let x := mload(at)
                let y := mload(add(at, 32))
                // Infinity, (0, 0), is not on the curve.
                let onCurve := eq(mulmod(y, y, p), addmod(mulmod(mulmod(x, x, p), x, p), 3, p))
                points := and(points, and(and(lt(x, p), lt(y, p)), onCurve))
            }
            for { let at := SCALARS_AT } lt(at, W_AT) { at := add(at, 32) } {
                scalars := and(scalars, lt(mload(at), r))
            }
        }
        assert(free);
        require(inputs, "halo2: public input");
        require(points, "halo2: point");
        require(scalars, "halo2: scalar");
    }

    /// The challenges: each the hash of the one before and of all that came since. A state is written before what it is hashed
    /// with, over what is hashed already; so the proof is copied a second time.
    function _transcript(bytes calldata proof) private pure {
        assembly ("memory-safe") {
            let r := mload(MODULUS_AT)
            // Seed, digest, public inputs, advice.
            let state := keccak256(SEED_AT, sub(PERMUTED_AT, SEED_AT))
            mstore(THETA_AT, mod(state, r))
            mstore(sub(PERMUTED_AT, 32), state)
            state := keccak256(sub(PERMUTED_AT, 32), add(32, sub(PRODUCTS_AT, PERMUTED_AT)))
            mstore(BETA_AT, mod(state, r))
            mstore(0, state)
            state := keccak256(0, 32)
            mstore(GAMMA_AT, mod(state, r))
            mstore(sub(PRODUCTS_AT, 32), state)
            state := keccak256(sub(PRODUCTS_AT, 32), add(32, sub(PIECES_AT, PRODUCTS_AT)))
            mstore(Y_AT, mod(state, r))
            mstore(sub(PIECES_AT, 32), state)
            state := keccak256(sub(PIECES_AT, 32), add(32, sub(SCALARS_AT, PIECES_AT)))
            mstore(X_AT, mod(state, r))
            mstore(sub(SCALARS_AT, 32), state)
            state := keccak256(sub(SCALARS_AT, 32), add(32, sub(W_AT, SCALARS_AT)))
            mstore(NU_AT, mod(state, r))
            mstore(0, state)
            state := keccak256(0, 32)
            mstore(MU_AT, mod(state, r))
            mstore(sub(W_AT, 32), state)
            mstore(U_AT, mod(keccak256(sub(W_AT, 32), 96), r))
            calldatacopy(PROOF_AT, proof.offset, PROOF_BYTES)
        }
    }

    /// Everything that is divided by, inverted at once (Montgomery's trick).
    function _invert() private view {
        bool invertible;
        assembly ("memory-safe") {
            let r := mload(MODULUS_AT)
            let x := mload(X_AT)
            let u := mload(U_AT)
            let xn := x
            for { let i := mload(K_AT) } i { i := sub(i, 1) } { xn := mulmod(xn, xn, r) }
            mstore(XN_AT, xn)

            // x - w^i, from the last row that is used to those of the public inputs
            let at := INVERSES_AT
            for { let power := OMEGAS_AT } lt(at, add(INVERSES_AT, mul(32, add(FIRST_POWERS, NUM_INPUTS)))) {} {
                mstore(at, addmod(x, sub(r, mload(power)), r))
                power := add(power, 32)
                at := add(at, 32)
            }
            mstore(at, addmod(xn, sub(r, 1), r))
            // Z_0 is found with the others below.
            let zAt := add(at, 32)
            at := add(at, 64)

            for { let i := 0 } lt(i, NUM_ROTATIONS) { i := add(i, 1) } {
                let point := mulmod(x, mload(shr(240, mload(add(TABLES_AT, shl(1, i))))), r)
                mstore(add(POINTS_AT, shl(5, i)), point)
                mstore(add(DIFFERENCES_AT, shl(5, i)), addmod(u, sub(r, point), r))
            }

            // Of each set, for each of its points p: the product of p - q over its other points q, and of u - q.
            let table := SETS_AT
            let weight := WEIGHTS_AT
            for { let set := 0 } lt(set, NUM_SETS) { set := add(set, 1) } {
                let size := byte(0, mload(table))
                table := add(table, 1)
                for { let i := 0 } lt(i, size) { i := add(i, 1) } {
                    let below := 1
                    let above := 1
                    let own := byte(0, mload(add(table, i)))
                    for { let j := 0 } lt(j, size) { j := add(j, 1) } {
                        let other := byte(0, mload(add(table, j)))
                        if sub(own, other) {
                            let q := sub(r, mload(add(POINTS_AT, shl(5, other))))
                            below := mulmod(below, addmod(mload(add(POINTS_AT, shl(5, own))), q, r), r)
                            above := mulmod(above, mload(add(DIFFERENCES_AT, shl(5, other))), r)
                        }
                    }
                    mstore(at, below)
                    mstore(weight, above)
                    at := add(at, 32)
                    weight := add(weight, 32)
                }
                if iszero(set) {
                    let z := 1
                    for { let i := size } lt(i, NUM_ROTATIONS) { i := add(i, 1) } {
                        z := mulmod(z, mload(add(DIFFERENCES_AT, shl(5, byte(0, mload(add(table, i)))))), r)
                    }
                    mstore(zAt, z)
                }
                table := add(table, NUM_ROTATIONS)
                table := add(add(table, 2), mul(shr(240, mload(table)), shl(1, add(1, size))))
            }

            let end := at
            let product := 1
            let prefix := PREFIXES_AT
            for { at := INVERSES_AT } lt(at, end) { at := add(at, 32) } {
                mstore(prefix, product)
                product := mulmod(product, mload(at), r)
                prefix := add(prefix, 32)
            }
            // product^(R - 2), by EIP-198
            mstore(SUM_AT, 32)
            mstore(add(SUM_AT, 32), 32)
            mstore(add(SUM_AT, 64), 32)
            mstore(add(SUM_AT, 96), product)
            mstore(add(SUM_AT, 128), sub(r, 2))
            mstore(add(SUM_AT, 160), r)
            let inverse := 0
            if staticcall(gas(), 5, SUM_AT, 192, SUM_AT, 32) { inverse := mload(SUM_AT) }
            invertible := eq(mulmod(inverse, product, r), 1)
            for {} gt(at, INVERSES_AT) {} {
                at := sub(at, 32)
                prefix := sub(prefix, 32)
                let value := mload(at)
                mstore(at, mulmod(inverse, mload(prefix), r))
                inverse := mulmod(inverse, value, r)
            }

            // Lagrange polynomials at x: w^i (x^n - 1) / (n (x - w^i))
            let common := mulmod(addmod(xn, sub(r, 1), r), mload(ROWS_INVERSE_AT), r)
            let blind := 0
            let instance := 0
            let power := OMEGAS_AT
            at := INVERSES_AT
            for { let i := 0 } lt(i, add(FIRST_POWERS, NUM_INPUTS)) { i := add(i, 1) } {
                let value := mulmod(mulmod(mload(power), common, r), mload(at), r)
                switch lt(i, FIRST_POWERS)
                case 1 {
                    switch i
                    case 0 { mstore(L_LAST_AT, value) }
                    default { blind := addmod(blind, value, r) }
                }
                default {
                    let place := sub(i, FIRST_POWERS)
                    if iszero(place) { mstore(L_FIRST_AT, value) }
                    instance := addmod(instance, mulmod(value, mload(add(INPUTS_AT, shl(5, place))), r), r)
                }
                power := add(power, 32)
                at := add(at, 32)
            }
            mstore(L_BLIND_AT, blind)
            mstore(INSTANCE_AT, instance)
            // Weights of the sets' points
            at := add(INVERSES_AT, mul(32, add(FIRST_POWERS, add(NUM_INPUTS, 2))))
            for { weight := WEIGHTS_AT } lt(at, end) { at := add(at, 32) } {
                mstore(weight, mulmod(mload(weight), mload(at), r))
                weight := add(weight, 32)
            }
        }
        // A challenge is a root of unity, or two points are one: no proof can be judged.
        require(invertible, "halo2: challenge");
    }

    /// What the quotient must be at x.
    function _identity() private pure {
        uint256 sum = _gates();
        assembly ("memory-safe") {
            let r := mload(MODULUS_AT)
            let y := mload(Y_AT)
            let beta := mload(BETA_AT)
            let gamma := mload(GAMMA_AT)
            let first := mload(L_FIRST_AT)
            let last := mload(L_LAST_AT)
            let active := addmod(1, sub(r, addmod(last, mload(L_BLIND_AT), r)), r)

            // The permutation: products start with 1, end with 0 or 1, and each goes on from the one before.
            {
                let value := mload(PRODUCT_VALUES_AT)
                sum := addmod(mulmod(sum, y, r), mulmod(first, addmod(1, sub(r, value), r), r), r)
                value := mload(add(PRODUCT_VALUES_AT, mul(96, sub(NUM_PRODUCTS, 1))))
                sum := addmod(mulmod(sum, y, r), mulmod(last, mulmod(value, addmod(value, sub(r, 1), r), r), r), r)
                for { let i := 1 } lt(i, NUM_PRODUCTS) { i := add(i, 1) } {
                    let at := add(PRODUCT_VALUES_AT, mul(96, i))
                    let step := addmod(mload(at), sub(r, mload(sub(at, 32))), r)
                    sum := addmod(mulmod(sum, y, r), mulmod(first, step, r), r)
                }
                let shift := mulmod(beta, mload(X_AT), r)
                let column := 0
                for { let i := 0 } lt(i, NUM_PRODUCTS) { i := add(i, 1) } {
                    let at := add(PRODUCT_VALUES_AT, mul(96, i))
                    let left := mload(add(at, 32))
                    let right := mload(at)
                    let end := add(column, CHUNK)
                    if gt(end, NUM_PERMUTED) { end := NUM_PERMUTED }
                    for {} lt(column, end) { column := add(column, 1) } {
                        let cell := add(mload(shr(240, mload(add(COLUMNS_AT, shl(1, column))))), gamma)
                        let sigma := mulmod(beta, mload(add(SIGMAS_AT, shl(5, column))), r)
                        left := mulmod(left, add(cell, sigma), r)
                        right := mulmod(right, add(cell, shift), r)
                        shift := mulmod(shift, DELTA, r)
                    }
                    sum := addmod(mulmod(sum, y, r), mulmod(active, addmod(left, sub(r, right), r), r), r)
                }
            }

            // The lookups: product, product at the next row, permuted input, the same one row before, permuted table.
            for { let i := 0 } lt(i, NUM_LOOKUPS) { i := add(i, 1) } {
                let at := add(LOOKUP_VALUES_AT, mul(160, i))
                let value := mload(at)
                let input := mload(add(at, 64))
                let table := mload(add(at, 128))
                sum := addmod(mulmod(sum, y, r), mulmod(first, addmod(1, sub(r, value), r), r), r)
                sum := addmod(mulmod(sum, y, r), mulmod(last, mulmod(value, addmod(value, sub(r, 1), r), r), r), r)
                let left := mulmod(mulmod(mload(add(at, 32)), add(input, beta), r), add(table, gamma), r)
                let compressed := add(COMPRESSED_AT, shl(6, i))
                let right := mulmod(value, addmod(mload(compressed), beta, r), r)
                right := mulmod(right, addmod(mload(add(compressed, 32)), gamma, r), r)
                sum := addmod(mulmod(sum, y, r), mulmod(active, addmod(left, sub(r, right), r), r), r)
                let difference := addmod(input, sub(r, table), r)
                sum := addmod(mulmod(sum, y, r), mulmod(first, difference, r), r)
                let step := addmod(input, sub(r, mload(add(at, 96))), r)
                sum := addmod(mulmod(sum, y, r), mulmod(active, mulmod(difference, step, r), r), r)
            }
            let vanishing := mload(add(INVERSES_AT, mul(32, add(FIRST_POWERS, NUM_INPUTS))))
            mstore(QUOTIENT_VALUE_AT, mulmod(sum, vanishing, r))
        }
    }

    /// @return opened Whether all commitments open to the proof's values: e(W', [tau] G2) = e(F, G2), where F is the sum of all
    ///         commitments by the powers of nu and mu, less their values at u, less Z_0(u) W, plus u W'.
    function _open() private view returns (bool opened) {
        assembly ("memory-safe") {
            // The sum, plus a point times a factor.
            function addTerm(point, factor) -> done {
                mcopy(TERM_AT, point, 64)
                mstore(add(TERM_AT, 64), factor)
                done := staticcall(gas(), 7, TERM_AT, 96, TERM_AT, 64)
                done := and(staticcall(gas(), 6, SUM_AT, 128, SUM_AT, 64), done)
            }

            let r := mload(MODULUS_AT)
            let done := 1
            // The quotient, of its pieces.
            {
                let xn := mload(XN_AT)
                let piece := add(PIECES_AT, mul(64, sub(NUM_PIECES, 1)))
                mcopy(SUM_AT, piece, 64)
                for {} gt(piece, PIECES_AT) {} {
                    piece := sub(piece, 64)
                    mcopy(TERM_AT, piece, 64)
                    // The sum itself is multiplied, then the piece added.
                    mcopy(add(SUM_AT, 192), SUM_AT, 64)
                    mstore(add(SUM_AT, 256), xn)
                    done := and(staticcall(gas(), 7, add(SUM_AT, 192), 96, SUM_AT, 64), done)
                    done := and(staticcall(gas(), 6, SUM_AT, 128, SUM_AT, 64), done)
                }
                mcopy(QUOTIENT_AT, SUM_AT, 64)
            }

            let nu := mload(NU_AT)
            let value := 0 // of the sum of the commitments, at u
            {
                let mu := mload(MU_AT)
                let muPower := 1
                let table := SETS_AT
                let weights := WEIGHTS_AT
                let zInverse := mload(add(INVERSES_AT, mul(32, add(FIRST_POWERS, add(NUM_INPUTS, 1)))))
                for { let set := 0 } lt(set, NUM_SETS) { set := add(set, 1) } {
                    let size := byte(0, mload(table))
                    table := add(table, 1)
                    let factor := muPower
                    muPower := mulmod(muPower, mu, r)
                    if set {
                        factor := mulmod(factor, zInverse, r)
                        for { let i := size } lt(i, NUM_ROTATIONS) { i := add(i, 1) } {
                            let difference := mload(add(DIFFERENCES_AT, shl(5, byte(0, mload(add(table, i))))))
                            factor := mulmod(factor, difference, r)
                        }
                    }
                    table := add(table, NUM_ROTATIONS)
                    let count := shr(240, mload(table))
                    table := add(table, 2)
                    for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                        let point := shr(240, mload(table))
                        table := add(table, 2)
                        let own := 0
                        for { let j := 0 } lt(j, size) { j := add(j, 1) } {
                            let at := shr(240, mload(table))
                            own := addmod(own, mulmod(mload(at), mload(add(weights, shl(5, j))), r), r)
                            table := add(table, 2)
                        }
                        value := addmod(value, mulmod(factor, own, r), r)
                        switch or(set, i)
                        // The very first has the factor 1.
                        case 0 { mcopy(SUM_AT, point, 64) }
                        default { done := and(addTerm(point, factor), done) }
                        factor := mulmod(factor, nu, r)
                    }
                    weights := add(weights, shl(5, size))
                }
            }
            // Z of the first set, at u
            let z := 1
            {
                let size := byte(0, mload(SETS_AT))
                for { let i := 0 } lt(i, size) { i := add(i, 1) } {
                    z := mulmod(z, mload(add(DIFFERENCES_AT, shl(5, byte(0, mload(add(SETS_AT, add(1, i))))))), r)
                }
            }
            done := and(addTerm(W_AT, sub(r, z)), done)
            done := and(addTerm(add(W_AT, 64), mload(U_AT)), done)
            mstore(QUOTIENT_AT, 1)
            mstore(add(QUOTIENT_AT, 32), 2)
            done := and(addTerm(QUOTIENT_AT, sub(r, value)), done)

            // e(-W', [tau] G2) e(F, G2) = 1; no point of the curve has the y of its opposite.
            let f := mload(SUM_AT)
            let fy := mload(add(SUM_AT, 32))
            mstore(SUM_AT, mload(add(W_AT, 64)))
            mstore(add(SUM_AT, 32), sub(P, mload(add(W_AT, 96))))
            mcopy(add(SUM_AT, 64), G2_TAU_AT, 128)
            mstore(add(SUM_AT, 192), f)
            mstore(add(SUM_AT, 224), fy)
            mstore(add(SUM_AT, 256), G2_X_IM)
            mstore(add(SUM_AT, 288), G2_X_RE)
            mstore(add(SUM_AT, 320), G2_Y_IM)
            mstore(add(SUM_AT, 352), G2_Y_RE)
            done := and(staticcall(PAIRING_GAS, 8, SUM_AT, 384, 0, 32), done)
            opened := and(done, eq(mload(0), 1))
        }
    }
}
