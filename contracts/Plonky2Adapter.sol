// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./Plonky2Constraints.sol";
import "./Plonky2Shape.sol";

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

/// @title Proof type `plonky2`: verifies final plonky2 proofs (FRI over Goldilocks, keccak256) of one circuit
/// @notice provers/plonky2/L1.md says what a proof is, byte for byte. It is too long for Settlement's own entry, so it
///         comes through `prove` here: a proof that verifies leaves its statement's hash in transient storage (EIP-1153)
///         while Settlement is called with an empty proof, and `verify`, which Settlement calls back, accepts the
///         statements that are there.
/// @dev Fields and memory as in Plonky2Constraints: elements of K = GF(p²) are (u, v), numbers are reduced unless said
///      otherwise, nothing overflows, addresses are fixed. A digest is a keccak256 whose four words of 8 bytes have lost
///      their top bits, so that they are elements of F.
contract Plonky2Adapter {
    bytes32 private constant ACCEPTED = keccak256("multiprover/vouch/v1");
    /// Two numbers below 2^64 in lanes of 128 bits: x + 2^32 - 1 has bit 64 where x is p or more.
    uint256 private constant LANES = 0xffffffffffffffff0000000000000000ffffffffffffffff;
    uint256 private constant LANE_ADDEND = 0x00ffffffff000000000000000000000000ffffffff;
    uint256 private constant LANE_CARRIES = (1 << 64) | (1 << 192);
    uint256 private constant DIGEST_MASK = 0x7fffffffffffffff7fffffffffffffff7fffffffffffffff7fffffffffffffff;

    /// In a proof.
    uint256 private constant CAP_BYTES = 32 << CAP_HEIGHT;
    uint256 private constant ZS_CAP = CAP_BYTES;
    uint256 private constant QUOTIENTS_CAP = 2 * CAP_BYTES;
    uint256 private constant OPENINGS = 3 * CAP_BYTES;
    uint256 private constant COLUMNS_CONSTANTS = NUM_CONSTANTS + NUM_ROUTED;
    uint256 private constant COLUMNS_ZS = NUM_CHALLENGES * (1 + NUM_PARTIALS);
    uint256 private constant COLUMNS_QUOTIENTS = NUM_CHALLENGES * QUOTIENT_FACTOR;
    uint256 private constant COLUMNS = COLUMNS_CONSTANTS + NUM_WIRES + COLUMNS_ZS + COLUMNS_QUOTIENTS;
    uint256 private constant OPENINGS_BYTES = 16 * (COLUMNS + NUM_CHALLENGES);
    uint256 private constant LAYER_CAPS = OPENINGS + OPENINGS_BYTES;
    uint256 private constant FINAL = LAYER_CAPS + NUM_LAYERS * CAP_BYTES;
    uint256 private constant FINAL_BYTES = 16 << FINAL_BITS;
    uint256 private constant QUERIES = FINAL + FINAL_BYTES + 8;
    /// In a query.
    uint256 private constant LEAVES_BYTES = 8 * COLUMNS;
    uint256 private constant PATH_BYTES = 32 * (LDE_BITS - CAP_HEIGHT);

    /// In memory.
    uint256 private constant BUFFER_AT = 0x1000; // the transcript's, then a query's leaves
    uint256 private constant POWERS_AT = BUFFER_AT + OPENINGS_BYTES + FINAL_BYTES + 256; // of alpha
    uint256 private constant KEY_AT = POWERS_AT + 64 * (COLUMNS + 4); // cap of constants and sigmas
    uint256 private constant ROOTS_AT = KEY_AT + CAP_BYTES; // of unity, of order 2, 4, 8, ...
    uint256 private constant TURNS_AT = ROOTS_AT + 32 * LDE_BITS;
    uint256 private constant VALUES_AT = TURNS_AT + 32 * 16; // of a folding
    uint256 private constant FINAL_AT = VALUES_AT + 64 * 16;
    uint256 private constant MEMORY_END = FINAL_AT + 4 * FINAL_BYTES;

    bytes32 public immutable DOMAIN;
    bytes32 public immutable CIRCUIT_DIGEST;
    Plonky2Constraints public immutable CONSTRAINTS;
    address private immutable KEY; // its code is the cap of the constants' and sigmas' tree

    struct Transcript {
        bytes32 digest;
        uint256 drawn;
    }

    /// What the queries need of what went before.
    struct Fri {
        uint256 zetaU;
        uint256 zetaV;
        uint256 nextU; // g · zeta
        uint256 nextV;
        uint256 alphaU;
        uint256 alphaV;
        uint256 openedU; // the openings at zeta, then at g·zeta, reduced by powers of alpha
        uint256 openedV;
        uint256 openedNextU;
        uint256 openedNextV;
        uint256 shiftU; // alpha^NUM_CHALLENGES
        uint256 shiftV;
        uint256[2][NUM_LAYERS] betas;
    }

    /// @param circuitDigest, cap The prover's artefact `l1_verifier`: they pin program and batch size.
    /// @param domain The domain of the one deployment and program that this adapter serves.
    constructor(bytes32 circuitDigest, bytes32[] memory cap, bytes32 domain) {
        require(cap.length == 1 << CAP_HEIGHT, "plonky2: cap");
        bytes32 bits = circuitDigest;
        for (uint256 i = 0; i < cap.length; ++i) bits |= cap[i];
        require(uint256(bits) & ~DIGEST_MASK == 0, "plonky2: digest");
        DOMAIN = domain;
        CIRCUIT_DIGEST = circuitDigest;
        CONSTRAINTS = new Plonky2Constraints();
        // A contract whose code is the cap, behind a STOP: PUSH2 size DUP1 PUSH1 10 RETURNDATASIZE CODECOPY RETURNDATASIZE
        // RETURN.
        bytes memory code =
            abi.encodePacked(hex"61", uint16(CAP_BYTES + 1), hex"80600a3d393df300", abi.encodePacked(cap));
        address key;
        assembly ("memory-safe") {
            key := create(0, add(code, 32), mload(code))
        }
        require(key != address(0), "plonky2: cap");
        KEY = key;
    }

    /// @notice Verify a proof and, in the same transaction, make a call that needs it: Settlement's `vouch`, Governance's
    ///         `convict` or `canary`, with an empty proof.
    /// @dev Any target will do: this contract owns nothing and may do nothing that others may not, and whoever is called can
    ///      only find out that the statement is proved, which is so.
    /// @return answer What the call returned; where it reverts, this does, with its reason.
    function prove(Vouch calldata statement, bytes calldata proof, address target, bytes calldata data)
        external
        returns (bytes memory answer)
    {
        require(statement.suites.length == 1, "plonky2: suites");
        require(statement.domain == DOMAIN, "plonky2: domain");
        bytes32 proved = _verify(statement.suites[0], statement.payee, proof);
        assembly ("memory-safe") {
            tstore(proved, 1)
        }
        bool done;
        (done, answer) = target.call(data);
        assembly ("memory-safe") {
            if iszero(done) {
                revert(add(answer, 32), mload(answer))
            }
            tstore(proved, 0)
        }
    }

    /// @notice What Settlement asks: accepts a statement whose proof was verified by the `prove` that is running.
    function verify(Vouch calldata statement, bytes calldata proof) external view returns (bytes32) {
        require(proof.length == 0, "plonky2: proof goes to prove");
        require(statement.suites.length == 1, "plonky2: suites");
        require(statement.domain == DOMAIN, "plonky2: domain");
        bytes32 key = keccak256(abi.encode(_publicInputs(statement.suites[0], statement.payee)));
        uint256 proved;
        assembly ("memory-safe") {
            proved := tload(key)
        }
        require(proved != 0, "plonky2: not proved");
        return ACCEPTED;
    }

    /// @notice Verify a proof of a statement; reverts, or returns the word that accepts.
    function check(SuiteVouch calldata suite, address payee, bytes calldata proof) external view returns (bytes32) {
        _verify(suite, payee, proof);
        return ACCEPTED;
    }

    // The statement

    /// @return inputs docs/suites.md §9: pre_root 4, post_root 4, c 4, z 2, y 2, payee 5, domain 4.
    function _publicInputs(SuiteVouch memory suite, address payee)
        private
        view
        returns (uint256[NUM_PUBLIC_INPUTS] memory inputs)
    {
        uint256 carries =
            _limbs(inputs, 0, suite.pre_root, 4) | _limbs(inputs, 4, suite.post_root, 4)
            | _limbs(inputs, 8, suite.commitment, 4) | _limbs(inputs, 12, suite.challenge, 2)
            | _limbs(inputs, 14, suite.evaluation, 2);
        // An element of K is 16 bytes, then zeros.
        uint256 rest = (uint256(suite.challenge) | uint256(suite.evaluation)) << 128;
        require(carries >> 64 == 0 && rest == 0, "plonky2: public input");
        for (uint256 i = 0; i < 5; ++i) inputs[16 + i] = (uint256(uint160(payee)) >> (128 - 32 * i)) & 0xffffffff;
        for (uint256 i = 0; i < 4; ++i) inputs[21 + i] = ((uint256(DOMAIN) >> (192 - 64 * i)) & MASK64) % P;
    }

    /// @return carries x + 2^32 - 1 of each limb x, one on another: bit 64 is set where one is p or more.
    function _limbs(uint256[NUM_PUBLIC_INPUTS] memory inputs, uint256 from, bytes32 word, uint256 count)
        private
        pure
        returns (uint256 carries)
    {
        for (uint256 i = 0; i < count; ++i) {
            uint256 limb = (uint256(word) >> (192 - 64 * i)) & MASK64;
            carries |= limb + 0xffffffff;
            inputs[from + i] = limb;
        }
    }

    // The proof

    /// @return The hash of the statement's public inputs.
    function _verify(SuiteVouch memory suite, address payee, bytes calldata proof) private view returns (bytes32) {
        require(proof.length == PROOF_BYTES, "plonky2: proof length");
        _takeMemory();
        uint256[NUM_PUBLIC_INPUTS] memory inputs = _publicInputs(suite, payee);
        Fri memory fri;
        Transcript memory transcript;
        _identities(inputs, fri, transcript, proof);
        _reduceOpenings(fri, proof);
        _commitPhase(fri, transcript, proof);
        _queries(fri, transcript, proof);
        return keccak256(abi.encode(inputs));
    }

    function _identities(
        uint256[NUM_PUBLIC_INPUTS] memory inputs,
        Fri memory fri,
        Transcript memory transcript,
        bytes calldata proof
    ) private view {
        bytes32 inputsHash = CONSTRAINTS.hash(inputs);
        uint256[NUM_CHALLENGES] memory betas;
        uint256[NUM_CHALLENGES] memory gammas;
        uint256[NUM_CHALLENGES] memory alphas;
        uint256[2] memory zeta;

        bytes memory header = abi.encodePacked(TRANSCRIPT_HEADER, CIRCUIT_DIGEST, inputsHash);
        _absorb(transcript, header, proof[0:CAP_BYTES]);
        for (uint256 i = 0; i < NUM_CHALLENGES; ++i) betas[i] = _draw(transcript);
        for (uint256 i = 0; i < NUM_CHALLENGES; ++i) gammas[i] = _draw(transcript);
        _absorb(transcript, "", proof[ZS_CAP:ZS_CAP + CAP_BYTES]);
        for (uint256 i = 0; i < NUM_CHALLENGES; ++i) alphas[i] = _draw(transcript);
        _absorb(transcript, "", proof[QUOTIENTS_CAP:QUOTIENTS_CAP + CAP_BYTES]);
        (zeta[0], zeta[1]) = (_draw(transcript), _draw(transcript));
        (fri.zetaU, fri.zetaV) = (zeta[0], zeta[1]);

        bytes calldata openings = proof[OPENINGS:OPENINGS + OPENINGS_BYTES];
        require(CONSTRAINTS.hold(betas, gammas, alphas, zeta, inputsHash, openings), "plonky2: identity");
        _absorb(transcript, "", openings);
        (fri.alphaU, fri.alphaV) = (_draw(transcript), _draw(transcript));
        (fri.nextU, fri.nextV) = (mulmod(zeta[0], DEGREE_ROOT, P), mulmod(zeta[1], DEGREE_ROOT, P));
    }

    /// The powers of alpha, and the openings reduced by them: sum of opening_i · alpha^i.
    function _reduceOpenings(Fri memory fri, bytes calldata proof) private pure {
        unchecked {
            (uint256 u, uint256 v) = (1, 0);
            for (uint256 i = 0; i < COLUMNS; ++i) {
                _set(POWERS_AT + 64 * i, u, v);
                (u, v) = _mul(u, v, fri.alphaU, fri.alphaV);
            }
            // Behind the columns: a query's last word may reach beyond them.
            for (uint256 i = COLUMNS; i < COLUMNS + 4; ++i) _set(POWERS_AT + 64 * i, 0, 0);
            (fri.shiftU, fri.shiftV) =
                (_load(POWERS_AT + 64 * NUM_CHALLENGES), _load(POWERS_AT + 64 * NUM_CHALLENGES + 32));
            (fri.openedU, fri.openedV) = _reduced(proof, OPENINGS, COLUMNS);
            (fri.openedNextU, fri.openedNextV) = _reduced(proof, OPENINGS + 16 * COLUMNS, NUM_CHALLENGES);
        }
    }

    function _reduced(bytes calldata proof, uint256 offset, uint256 count)
        private
        pure
        returns (uint256 su, uint256 sv)
    {
        unchecked {
            uint256 power = POWERS_AT;
            for (uint256 end = offset + 16 * count; offset < end; offset += 16) {
                (uint256 u, uint256 v) = _element(_word(proof, offset));
                uint256 pu = _load(power);
                uint256 pv = _load(power + 32);
                su += u * pu + 7 * v * pv;
                sv += u * pv + v * pu;
                power += 64;
            }
            return (su % P, sv % P);
        }
    }

    /// The caps of the foldings, the final polynomial, the grinding; and what the queries read in memory.
    function _commitPhase(Fri memory fri, Transcript memory transcript, bytes calldata proof) private view {
        unchecked {
            for (uint256 i = 0; i < NUM_LAYERS; ++i) {
                uint256 cap = LAYER_CAPS + CAP_BYTES * i;
                _absorb(transcript, "", proof[cap:cap + CAP_BYTES]);
                (fri.betas[i][0], fri.betas[i][1]) = (_draw(transcript), _draw(transcript));
            }
            _absorb(transcript, "", proof[FINAL:QUERIES]);
            require(_draw(transcript) >> (64 - GRINDING_BITS) == 0, "plonky2: grinding");

            uint256 bits = 0;
            for (uint256 i = 0; i < OPENINGS; i += 32) bits |= _word(proof, i);
            for (uint256 i = LAYER_CAPS; i < FINAL; i += 32) bits |= _word(proof, i);
            require(bits & ~DIGEST_MASK == 0, "plonky2: digest");

            uint256 carries = (_word(proof, QUERIES - 8) >> 192) + 0xffffffff;
            for (uint256 i = 0; i < FINAL_BYTES; i += 16) {
                (uint256 u, uint256 v) = _element(_word(proof, FINAL + i));
                carries |= (u + 0xffffffff) | (v + 0xffffffff);
                _set(FINAL_AT + 4 * i, u, v);
            }
            require(carries >> 64 == 0, "plonky2: element");
        }
        address key = KEY;
        uint256 to = KEY_AT;
        uint256 size = CAP_BYTES;
        assembly ("memory-safe") {
            extcodecopy(key, to, 1, size)
        }
        _roots();
    }

    /// Roots of unity of order 2, 4, 8, ...; and the factors of a folding's pairs: the i-th is turned by the inverse of
    /// the root to the power of i with its bits in reverse.
    function _roots() private pure {
        unchecked {
            uint256 root = LDE_ROOT;
            for (uint256 slot = ROOTS_AT + 32 * LDE_BITS; slot > ROOTS_AT;) {
                slot -= 32;
                _store(slot, root);
                root = mulmod(root, root, P);
            }
            _store(TURNS_AT, 1);
            // The inverse of a root of order 2^m is the product of those of order 2^m, 2^(m-1), ..., 2.
            uint256 inverse = _load(ROOTS_AT);
            uint256 next = ROOTS_AT + 32;
            for (uint256 size = 32; size < 16 << MAX_ARITY_BITS; size *= 2) {
                inverse = mulmod(inverse, _load(next), P);
                next += 32;
                for (uint256 i = 0; i < size; i += 32) {
                    _store(TURNS_AT + size + i, mulmod(_load(TURNS_AT + i), inverse, P));
                }
            }
        }
    }

    function _queries(Fri memory fri, Transcript memory transcript, bytes calldata proof) private pure {
        unchecked {
            uint256 offset = QUERIES;
            for (uint256 i = 0; i < NUM_QUERIES; ++i) {
                uint256 index = _draw(transcript) & ((1 << LDE_BITS) - 1);
                offset = _query(fri, proof, offset, index);
            }
        }
    }

    /// One query: the columns at a point x of the domain, combined, and folded down to the final polynomial.
    function _query(Fri memory fri, bytes calldata proof, uint256 offset, uint256 index)
        private
        pure
        returns (uint256)
    {
        unchecked {
            offset = _trees(proof, offset, index);
            (uint256 u, uint256 v, uint256 x, uint256 inverse) = _combine(fri, index);
            uint256 height = LDE_BITS;
            for (uint256 layer = 0; layer < NUM_LAYERS; ++layer) {
                uint256 bits = (ARITY_BITS >> (8 * layer)) & 0xff;
                uint256 place = index & ((1 << bits) - 1);
                // The value found here takes its place among those of its coset.
                _gather(proof, offset, place, 16 << bits, u, v);
                offset += (16 << bits) - 16;
                index >>= bits;
                height -= bits;
                uint256 size = 32 * (height - CAP_HEIGHT);
                bytes32 leaf = _hash(BUFFER_AT, 16 << bits);
                (bytes32 digest, uint256 top) = _climb(proof, offset, size, leaf, index);
                require(
                    digest == bytes32(_word(proof, LAYER_CAPS + CAP_BYTES * layer + 32 * top)), "plonky2: folding"
                );
                offset += size;

                // 1 / the coset's first point: without the index' lowest bits.
                uint256 first = inverse;
                for (uint256 i = 0; i < bits; ++i) {
                    if ((place >> i) & 1 != 0) first = mulmod(first, _load(ROOTS_AT + 32 * i), P);
                    inverse = mulmod(inverse, inverse, P);
                    x = mulmod(x, x, P);
                }
                (u, v) = _fold(bits, mulmod(fri.betas[layer][0], first, P), mulmod(fri.betas[layer][1], first, P));
            }

            (uint256 fu, uint256 fv) = _finalAt(x);
            require(fu == u && fv == v, "plonky2: final polynomial");
            return offset;
        }
    }

    /// The final polynomial at x in F: its halves apart, so that the compiler leaves them a function of their own.
    function _finalAt(uint256 x) private pure returns (uint256, uint256) {
        unchecked {
            uint256 power = 1;
            for (uint256 slot = VALUES_AT; slot <= VALUES_AT + 32 * 8; slot += 32) {
                _store(slot, power);
                power = mulmod(power, x, P);
            }
            (uint256 u, uint256 v) = _half(FINAL_AT);
            (uint256 hu, uint256 hv) = _half(FINAL_AT + 2 * FINAL_BYTES);
            uint256 shift = x;
            for (uint256 i = 1; i < FINAL_BITS; ++i) shift = mulmod(shift, shift, P);
            return ((u + hu * shift) % P, (v + hv * shift) % P);
        }
    }

    /// Half of the final polynomial's coefficients by the powers of x, by Horner's rule, eight at a time.
    function _half(uint256 first) private pure returns (uint256 u, uint256 v) {
        uint256 powers = VALUES_AT;
        uint256 c = first + 2 * FINAL_BYTES;
        assembly ("memory-safe") {
            for {} gt(c, first) {} {
                c := sub(c, 512)
                let x := mload(add(powers, 256))
                u := add(mul(u, x), mload(c))
                v := add(mul(v, x), mload(add(c, 32)))
                x := mload(add(powers, 32))
                u := add(u, mul(x, mload(add(c, 64))))
                v := add(v, mul(x, mload(add(c, 96))))
                x := mload(add(powers, 64))
                u := add(u, mul(x, mload(add(c, 128))))
                v := add(v, mul(x, mload(add(c, 160))))
                x := mload(add(powers, 96))
                u := add(u, mul(x, mload(add(c, 192))))
                v := add(v, mul(x, mload(add(c, 224))))
                x := mload(add(powers, 128))
                u := add(u, mul(x, mload(add(c, 256))))
                v := add(v, mul(x, mload(add(c, 288))))
                x := mload(add(powers, 160))
                u := add(u, mul(x, mload(add(c, 320))))
                v := add(v, mul(x, mload(add(c, 352))))
                x := mload(add(powers, 192))
                u := add(u, mul(x, mload(add(c, 384))))
                v := add(v, mul(x, mload(add(c, 416))))
                x := mload(add(powers, 224))
                u := mod(add(u, mul(x, mload(add(c, 448)))), P)
                v := mod(add(v, mul(x, mload(add(c, 480)))), P)
            }
        }
    }

    /// The leaves of the four trees, one behind the other in memory, belong to their caps.
    /// @return offset Behind the last tree's path.
    function _trees(bytes calldata proof, uint256 offset, uint256 index) private pure returns (uint256) {
        unchecked {
            uint256 to = BUFFER_AT;
            (bytes32 digest, uint256 top) = _tree(proof, offset, to, 8 * COLUMNS_CONSTANTS, index);
            require(digest == bytes32(_load(KEY_AT + 32 * top)), "plonky2: constants");
            offset += 8 * COLUMNS_CONSTANTS + PATH_BYTES;
            to += 8 * COLUMNS_CONSTANTS;
            (digest, top) = _tree(proof, offset, to, 8 * NUM_WIRES, index);
            require(digest == bytes32(_word(proof, 32 * top)), "plonky2: wires");
            offset += 8 * NUM_WIRES + PATH_BYTES;
            to += 8 * NUM_WIRES;
            (digest, top) = _tree(proof, offset, to, 8 * COLUMNS_ZS, index);
            require(digest == bytes32(_word(proof, ZS_CAP + 32 * top)), "plonky2: products");
            offset += 8 * COLUMNS_ZS + PATH_BYTES;
            to += 8 * COLUMNS_ZS;
            (digest, top) = _tree(proof, offset, to, 8 * COLUMNS_QUOTIENTS, index);
            require(digest == bytes32(_word(proof, QUOTIENTS_CAP + 32 * top)), "plonky2: quotients");
            return offset + 8 * COLUMNS_QUOTIENTS + PATH_BYTES;
        }
    }

    /// A leaf of `size` bytes, copied to memory, and the top of the path that follows it.
    function _tree(bytes calldata proof, uint256 offset, uint256 to, uint256 size, uint256 index)
        private
        pure
        returns (bytes32, uint256)
    {
        assembly ("memory-safe") {
            calldatacopy(to, add(proof.offset, offset), size)
        }
        unchecked {
            return _climb(proof, offset + size, PATH_BYTES, _hash(to, size), index);
        }
    }

    /// The columns at x, combined: alpha^k · (sum - opened) / (x - zeta) + (sum of Zs - opened) / (x - g·zeta).
    /// @return u The combination, with v.
    /// @return v See u.
    /// @return x The point.
    /// @return inverse 1 / x.
    function _combine(Fri memory fri, uint256 index)
        private
        pure
        returns (uint256 u, uint256 v, uint256 x, uint256 inverse)
    {
        unchecked {
            x = GENERATOR;
            for (uint256 root = ROOTS_AT; index != 0; root += 32) {
                if (index & 1 != 0) x = mulmod(x, _load(root), P);
                index >>= 1;
            }
            // 1 / (a - b·X) = (a + b·X) / (a² - 7·b²)
            uint256 a = x + P - fri.zetaU;
            uint256 next = x + P - fri.nextU;
            uint256 norm = (a * a + 7 * fri.zetaV * (P - fri.zetaV)) % P;
            uint256 normNext = (next * next + 7 * fri.nextV * (P - fri.nextV)) % P;
            uint256 both = mulmod(norm, normNext, P);
            require(both != 0, "plonky2: zeta");
            inverse = _inverse(mulmod(both, x, P));

            // In two parts, so that the compiler leaves them a function of its own.
            _store(BUFFER_AT + LEAVES_BYTES, 0);
            (u, v) = _sum(BUFFER_AT, POWERS_AT, BUFFER_AT + 1024);
            (uint256 zu, uint256 zv) = _sum(BUFFER_AT + 1024, POWERS_AT + 64 * 128, BUFFER_AT + LEAVES_BYTES);
            (u, v) = (u + zu, v + zv);
            (u, v) = _mul(u + P - fri.openedU, v + P - fri.openedV, a, fri.zetaV);
            (u, v) = _mul(u, v, fri.shiftU, fri.shiftV);
            uint256 own = mulmod(inverse, mulmod(normNext, x, P), P);
            (zu, zv) = _zs();
            (zu, zv) = _mul(zu + P - fri.openedNextU, zv + P - fri.openedNextV, next, fri.nextV);
            uint256 ownNext = mulmod(inverse, mulmod(norm, x, P), P);
            u = (u * own + zu * ownNext) % P;
            v = (v * own + zv * ownNext) % P;
            inverse = mulmod(inverse, both, P);
        }
    }

    /// The Zs of the query's leaves, reduced by powers of alpha.
    function _zs() private pure returns (uint256 u, uint256 v) {
        unchecked {
            for (uint256 i = 0; i < NUM_CHALLENGES; ++i) {
                uint256 z = _load(BUFFER_AT + 8 * (COLUMNS_CONSTANTS + NUM_WIRES + i)) >> 192;
                u += z * _load(POWERS_AT + 64 * i);
                v += z * _load(POWERS_AT + 64 * i + 32);
            }
            return (u % P, v % P);
        }
    }

    /// @dev Sum of element_i · power_i, four elements a word; refuses elements that are not below p. What stands in the last
    ///      word behind the elements counts for nothing: its powers are 0, and zeros are below p.
    function _sum(uint256 from, uint256 power, uint256 end) private pure returns (uint256 u, uint256 v) {
        uint256 carries = 0;
        assembly ("memory-safe") {
            for {} lt(from, end) { from := add(from, 32) } {
                let four := mload(from)
                // Two lanes of 128 bits: x + 2^32 - 1 has bit 64 where x >= p.
                let odd := and(four, LANES)
                let even := and(shr(64, four), LANES)
                carries := or(carries, or(
                    add(odd, LANE_ADDEND),
                    add(even, LANE_ADDEND)
                ))
                let x := shr(128, even)
                u := add(u, mul(x, mload(power)))
                v := add(v, mul(x, mload(add(power, 32))))
                x := shr(128, odd)
                u := add(u, mul(x, mload(add(power, 64))))
                v := add(v, mul(x, mload(add(power, 96))))
                x := and(even, MASK64)
                u := add(u, mul(x, mload(add(power, 128))))
                v := add(v, mul(x, mload(add(power, 160))))
                x := and(odd, MASK64)
                u := add(u, mul(x, mload(add(power, 192))))
                v := add(v, mul(x, mload(add(power, 224))))
                power := add(power, 256)
            }
            u := mod(u, P)
            v := mod(v, P)
        }
        require(carries & LANE_CARRIES == 0, "plonky2: element");
    }

    /// @dev Sets a coset's values in the buffer: those of the proof, and (u, v) at `place`.
    function _gather(bytes calldata proof, uint256 offset, uint256 place, uint256 size, uint256 u, uint256 v)
        private
        pure
    {
        uint256 to = BUFFER_AT;
        assembly ("memory-safe") {
            let before := shl(4, place)
            let from := add(proof.offset, offset)
            calldatacopy(to, from, before)
            mstore(add(to, before), or(shl(192, u), shl(128, v)))
            calldatacopy(add(to, add(before, 16)), add(from, before), sub(sub(size, before), 16))
        }
    }

    /// The polynomial that has the buffer's 2^bits values on a coset, at beta, where (s, t) = beta / the coset's first
    /// point y. A pair of values is f(y') and f(-y') with y' = y · root^k: half their sum, plus beta / y' times half their
    /// difference, is the value at y'² of a polynomial of half the degree, which is asked for at beta².
    function _fold(uint256 bits, uint256 s, uint256 t) private pure returns (uint256, uint256) {
        uint256 carries = 0;
        unchecked {
            uint256 to = VALUES_AT;
            uint256 turn = TURNS_AT;
            for (uint256 from = BUFFER_AT; from < BUFFER_AT + (16 << bits); from += 32) {
                uint256 pair = _load(from);
                carries |= ((pair & LANES) + LANE_ADDEND) | (((pair >> 64) & LANES) + LANE_ADDEND);
                uint256 u = pair >> 192;
                uint256 v = (pair >> 128) & MASK64;
                uint256 du = (pair >> 64) & MASK64;
                uint256 dv = pair & MASK64;
                (u, du) = (u + du, u + P - du);
                (v, dv) = (v + dv, v + P - dv);
                uint256 factor = _load(turn);
                (uint256 fs, uint256 ft) = (s * factor, t * factor);
                _set(to, (u + fs * du + 7 * ft * dv) % P, (v + fs * dv + ft * du) % P);
                to += 64;
                turn += 32;
            }
            require(carries & LANE_CARRIES == 0, "plonky2: element");

            uint256 size = 64 << bits;
            while ((size /= 2) > 64) {
                (s, t) = _mul(s, t, s, t);
                turn = TURNS_AT;
                to = VALUES_AT;
                for (uint256 from = VALUES_AT; from < VALUES_AT + size; from += 128) {
                    uint256 u = _load(from);
                    uint256 v = _load(from + 32);
                    uint256 du = _load(from + 64);
                    uint256 dv = _load(from + 96);
                    (u, du) = (u + du, u + P - du);
                    (v, dv) = (v + dv, v + P - dv);
                    uint256 factor = _load(turn);
                    (uint256 fs, uint256 ft) = (s * factor, t * factor);
                    _set(to, (u + fs * du + 7 * ft * dv) % P, (v + fs * dv + ft * du) % P);
                    to += 64;
                    turn += 32;
                }
            }
            // All halves at once: 1 / 2^bits = -((p - 1) / 2^bits).
            uint256 half = P - ((P - 1) >> bits);
            return (mulmod(_load(VALUES_AT), half, P), mulmod(_load(VALUES_AT + 32), half, P));
        }
    }

    // Hashes

    /// A digest of what lies in memory.
    function _hash(uint256 from, uint256 size) private pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := and(keccak256(from, size), DIGEST_MASK)
        }
    }

    /// From a leaf's digest to the top of its path of `size` bytes, and which entry of the cap that is.
    function _climb(bytes calldata proof, uint256 offset, uint256 size, bytes32 leaf, uint256 index)
        private
        pure
        returns (bytes32 digest, uint256)
    {
        digest = leaf;
        assembly ("memory-safe") {
            let from := add(proof.offset, offset)
            for { let end := add(from, size) } lt(from, end) { from := add(from, 32) } {
                let own := shl(5, and(index, 1))
                mstore(own, digest)
                mstore(xor(own, 32), calldataload(from))
                digest := and(keccak256(0, 64), DIGEST_MASK)
                index := shr(1, index)
            }
        }
        return (digest, index);
    }

    /// Twelve elements, 96 bytes, at a time, behind the digest; the last group is filled with zeros.
    function _absorb(Transcript memory transcript, bytes memory header, bytes calldata data) private pure {
        uint256 buffer = BUFFER_AT;
        bytes32 digest = transcript.digest;
        assembly ("memory-safe") {
            let size := mload(header)
            mcopy(add(buffer, 32), add(header, 32), size)
            calldatacopy(add(add(buffer, 32), size), data.offset, data.length)
            size := add(size, data.length)
            // The digest takes the place of what was absorbed before it.
            calldatacopy(add(add(buffer, 32), size), calldatasize(), 96)
            for { let end := add(buffer, size) } lt(buffer, end) { buffer := add(buffer, 96) } {
                mstore(buffer, digest)
                digest := keccak256(buffer, 128)
            }
        }
        transcript.digest = digest;
        transcript.drawn = 0;
    }

    /// The next challenge in F: the high half of the digest, then the low half; then twelve zeros are absorbed.
    function _draw(Transcript memory transcript) private pure returns (uint256) {
        unchecked {
            if (transcript.drawn == 2) {
                transcript.digest = keccak256(abi.encode(transcript.digest, uint256(0), uint256(0), uint256(0)));
                transcript.drawn = 0;
            }
            uint256 state = uint256(transcript.digest);
            return (transcript.drawn++ == 0 ? state >> 128 : state & type(uint128).max) % P;
        }
    }

    // Arithmetic

    function _mul(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (uint256, uint256) {
        unchecked {
            return ((a * c + 7 * b * d) % P, (a * d + b * c) % P);
        }
    }

    /// By Fermat, x^(p - 2), where p - 2 = (2^31 - 1) · 2^33 + 2^32 - 1.
    function _inverse(uint256 x) private pure returns (uint256 result) {
        assembly ("memory-safe") {
            function squared(a, times) -> r {
                r := a
                for {} times { times := sub(times, 1) } { r := mulmod(r, r, P) }
            }
            // x_n is x^(2^n - 1).
            let x2 := mulmod(mulmod(x, x, P), x, P)
            let x3 := mulmod(mulmod(x2, x2, P), x, P)
            let x6 := mulmod(squared(x3, 3), x3, P)
            let x7 := mulmod(mulmod(x6, x6, P), x, P)
            let x14 := mulmod(squared(x7, 7), x7, P)
            let x15 := mulmod(mulmod(x14, x14, P), x, P)
            let x30 := mulmod(squared(x15, 15), x15, P)
            let x31 := mulmod(mulmod(x30, x30, P), x, P)
            let x32 := mulmod(mulmod(x31, x31, P), x, P)
            result := mulmod(squared(x31, 33), x32, P)
        }
    }

    // Memory

    /// Takes all memory that has a fixed address.
    function _takeMemory() private pure {
        uint256 start = BUFFER_AT;
        uint256 end = MEMORY_END;
        assembly ("memory-safe") {
            // What the compiler itself needs ends before.
            if gt(mload(0x40), start) { invalid() }
            mstore(0x40, end)
        }
    }

    function _word(bytes calldata proof, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(proof.offset, offset))
        }
    }

    function _element(uint256 word) private pure returns (uint256, uint256) {
        return (word >> 192, (word >> 128) & MASK64);
    }

    function _load(uint256 from) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(from)
        }
    }

    function _store(uint256 to, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(to, value)
        }
    }

    function _set(uint256 to, uint256 u, uint256 v) private pure {
        _store(to, u);
        _store(to + 32, v);
    }
}
