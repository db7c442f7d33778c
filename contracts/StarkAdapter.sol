// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "./StarkConstraints.sol";
import "./StarkField.sol";
import "./StarkShape.sol";

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

/// @title Proof type `stark`: verifies Plonky3 batch STARKs (FRI over KoalaBear, keccak256) of one key
/// @notice provers/stark/L1.md says what a proof is, byte for byte. It is longer than a transaction may be, so it comes in
///         parts: `step` takes all but the last, `prove` takes the last and makes a call in the same transaction, during
///         which the statement's hash is in transient storage (EIP-1153): `verify`, which Settlement calls back with an
///         empty proof, accepts the statements that are there. What a part leaves behind is one word: the hash of all that
///         the transcript gave, which the next part brings again, and how far it came. It is kept by sender and session,
///         so that nobody disturbs anyone else's.
/// @dev Fields as in StarkField. Numbers in a proof are 4 bytes, little-endian, times 2^32 mod p, as the transcript absorbs
///      and the trees hash them. They are used so: rows, openings, folded values and last polynomial all carry that factor.
///      Memory addresses are fixed. Nothing overflows.
contract StarkAdapter {
    bytes32 private constant ACCEPTED = keccak256("multiprover/vouch/v1");
    uint256 private constant M32 = 0xffffffff;
    /// Every other byte, every other pair of bytes.
    uint256 private constant BYTES = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant PAIRS = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
    /// Four numbers of 32 bits in lanes of 64: x + 2^32 - p has bit 32 where x is p or more.
    uint256 private constant LANES = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
    uint256 private constant ADDEND = 0x0000000080ffffff0000000080ffffff0000000080ffffff0000000080ffffff;
    uint256 private constant CARRIES = 0x0000000100000000000000010000000000000001000000000000000100000000;

    uint256 private constant NUM_ROUNDS = 4; // of commitments: witness, quotients, preprocessed, buses
    uint256 private constant CAP_BYTES = 32 << CAP_HEIGHT;
    uint256 private constant FINAL_BYTES = 20 << FINAL_BITS;
    uint256 private constant TERMINALS_BYTES = 160;
    uint256 private constant OPENINGS_BYTES = 20 * NUM_OPENINGS;
    uint256 private constant PUBLICS_BYTES = 208;
    uint256 private constant MAX_HEIGHT = 24; // the field's two-adicity

    /// In a key (L1.md §2).
    uint256 private constant KEY_LOGS = 32;
    uint256 private constant KEY_SEEDS = 40; // their lengths, 2 bytes each
    uint256 private constant KEY_CAP = 48;
    uint256 private constant KEY_FIXED = KEY_CAP + CAP_BYTES;
    uint256 private constant MAX_KEY = 0x2000;

    /// In a context (L1.md §4), before what depends on the key.
    uint256 private constant C_ALPHA = 32;
    uint256 private constant C_ZETA = 64;
    uint256 private constant C_SUMS = 96;
    uint256 private constant INDICES_BYTES = 32 * ((NUM_QUERIES + 7) / 8);

    /// In memory. The constructor checks that what depends on the shape has room.
    // Masks of 32 bytes, which would be all over the code otherwise.
    uint256 private constant BYTES_AT = 0x1000;
    uint256 private constant PAIRS_AT = 0x1020;
    uint256 private constant LANES_AT = 0x1040;
    uint256 private constant ADDEND_AT = 0x1060;
    uint256 private constant BAD_AT = 0x1080; // carries of all numbers that were read: see _check
    uint256 private constant DRAWN_AT = 0x10a0; // what is left of the transcript's digest
    uint256 private constant LEFT_AT = 0x10c0; // how many numbers that is
    uint256 private constant GROUPS_AT = 0x1100; // logarithms of the heights of the evaluations
    uint256 private constant ARITIES_AT = 0x1240; // logarithms of the foldings' arities
    uint256 private constant ROOTS_AT = 0x1580; // of unity, of order 2, 4, 8, …
    uint256 private constant INVERSES_AT = 0x1880; // theirs
    uint256 private constant TURNS_AT = 0x1b80; // of a folding's pairs
    uint256 private constant COUNTS_AT = 0x1c80; // of segments, by round and group
    uint256 private constant ROWS_AT = 0x2080; // bytes of a row, by round and group
    uint256 private constant SEGMENTS_AT = 0x2480; // columns, alpha to the place of the first, at g·zeta too: by round and group
    uint256 private constant NEXTS_AT = 0x8480; // g·zeta, by group
    uint256 private constant POWERED_AT = 0x8580; // beta^arity, by folding
    uint256 private constant SUMS_AT = 0x88c0; // of a query's rows, at zeta and g·zeta, by group
    uint256 private constant POINTS_AT = 0x8ac0; // (zeta - x), (g·zeta - x), by group
    uint256 private constant PREFIXES_AT = 0x8cc0; // products of them
    uint256 private constant HASHES_AT = 0x8ec0; // of a query's rows
    uint256 private constant VALUES_AT = 0x8fc0; // of a coset
    uint256 private constant LAST_AT = 0x9300; // the last polynomial, in lanes of 85 bits: three, then two
    uint256 private constant TIMES_AT = 0x91c0; // alpha, times X^i, in lanes of 85 bits
    uint256 private constant KEY_AT = 0xa300;
    uint256 private constant CONTEXT_AT = 0xc300;
    uint256 private constant BUFFER_AT = 0x12300;
    uint256 private constant POWERS_AT = 0x1a300;
    uint256 private constant TABLES_AT = 0x1c500; // eight powers take ten words
    uint256 private constant MEMORY_END = 0x1ef00;
    uint256 private constant MAX_WIDTH = 255; // of a segment: that is the room for powers and tables

    bytes32 public immutable DOMAIN;
    /// @notice keccak256 of the key.
    bytes32 public immutable KEY_HASH;
    StarkConstraints public immutable CONSTRAINTS;
    address private immutable KEY; // its code is the key, behind a STOP
    uint256 private immutable KEY_BYTES;

    /// By sender and session: the upper 240 bits of a context's hash, queries done, parts taken.
    mapping(bytes32 => uint256) private sessions;

    event Step(address indexed sender, bytes32 indexed session, uint256 index);

    /// Sizes that follow from a key.
    struct Plan {
        uint256 groups;
        uint256 layers;
        uint256 height; // logarithm of the largest evaluations'
        uint256 widest; // columns of a segment
        uint256 head;
        uint256 context;
        uint256 query;
        uint256 betas; // in the context
        uint256 indices;
        uint256 caps;
        uint256 layerCaps;
        uint256 last;
    }

    /// @param key The prover's artefact `l1_verifier`: it pins program and batch size.
    /// @param domain The domain of the one deployment and program that this adapter serves.
    constructor(bytes memory key, bytes32 domain) {
        assert(FINAL_BITS <= 6 && MAX_ARITY_BITS <= 4 && CAP_HEIGHT <= 5 && NUM_QUERIES < 256);
        assert(160 + PUBLICS_BYTES + TERMINALS_BYTES + OPENINGS_BYTES + MAX_KEY <= POWERS_AT - BUFFER_AT);
        require(key.length >= KEY_FIXED && key.length <= MAX_KEY, "stark: key length");
        uint256 seeds = 0;
        for (uint256 i = 0; i < 3; ++i) seeds += _two(key, KEY_SEEDS + 2 * i);
        require(key.length == KEY_FIXED + seeds && _two(key, KEY_SEEDS + 6) == 0, "stark: key length");
        require(bytes32(_word(key, 0)) == SHAPE, "stark: shape");
        for (uint256 i = 0; i < 8; ++i) {
            uint256 log = _word(key, KEY_LOGS + i) >> 248;
            require(log > FINAL_BITS && log + LOG_BLOWUP <= MAX_HEIGHT, "stark: height");
        }
        DOMAIN = domain;
        KEY_HASH = keccak256(key);
        KEY_BYTES = key.length;
        CONSTRAINTS = new StarkConstraints();
        // PUSH2 size DUP1 PUSH1 10 RETURNDATASIZE CODECOPY RETURNDATASIZE RETURN, then a STOP and the key.
        bytes memory code = abi.encodePacked(hex"61", uint16(key.length + 1), hex"80600a3d393df300", key);
        address deployed;
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        require(deployed != address(0), "stark: key");
        KEY = deployed;
    }

    /// @notice Take a part that is not the last: session (32 bytes, of the sender's choice) ‖ the part's index (4 bytes) ‖
    ///         the part. Index 0 always starts anew.
    function step(Vouch calldata statement, bytes calldata proof) external {
        (bytes32 slot, uint256 state,) = _take(statement, proof);
        sessions[slot] = state;
        emit Step(msg.sender, bytes32(proof[:32]), (state & 0xff) - 1);
    }

    /// @notice Take the last part of a proof and, in the same transaction, make a call that needs it: Settlement's `vouch`,
    ///         Governance's `convict` or `canary`, with an empty proof.
    /// @dev Any target will do: this contract owns nothing and may do nothing that others may not, and whoever is called can
    ///      only find out that the statement is proved, which is so.
    /// @return answer What the call returned; where it reverts, this does, with its reason.
    function prove(Vouch calldata statement, bytes calldata proof, address target, bytes calldata data)
        external
        returns (bytes memory answer)
    {
        (bytes32 slot, uint256 state, bytes32 proved) = _take(statement, proof);
        require((state >> 8) & 0xff == NUM_QUERIES, "stark: queries");
        if (sessions[slot] != 0) delete sessions[slot];
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
        require(proof.length == 0, "stark: proof goes to prove");
        bytes32 key = keccak256(_publics(statement));
        uint256 proved;
        assembly ("memory-safe") {
            proved := tload(key)
        }
        require(proved != 0, "stark: not proved");
        return ACCEPTED;
    }

    /// @notice Parts of a session taken so far; 0 if there is none.
    function progress(address sender, bytes32 session) external view returns (uint256) {
        return sessions[_slot(sender, session)] & 0xff;
    }

    function _slot(address sender, bytes32 session) private pure returns (bytes32) {
        return keccak256(abi.encode(sender, session));
    }

    // The statement

    /// @return publics docs/suites.md §12: pre_root 8, post_root 8, c 8, z 5, y 5, payee 10, domain 8; 4 bytes each.
    function _publics(Vouch calldata statement) private view returns (bytes memory publics) {
        require(statement.suites.length == 1, "stark: suites");
        require(statement.domain == DOMAIN, "stark: domain");
        SuiteVouch calldata suite = statement.suites[0];
        uint256 carries = 0;
        unchecked {
            for (uint256 i = 0; i < 5; ++i) {
                uint256 word;
                assembly ("memory-safe") {
                    word := calldataload(add(suite, shl(5, i)))
                }
                carries |= ((word & LANES) + ADDEND) | (((word >> 32) & LANES) + ADDEND);
            }
        }
        // An element of E is 20 bytes, then zeros.
        uint256 zeros = (uint256(suite.challenge) | uint256(suite.evaluation)) << 160;
        require(carries & CARRIES == 0 && zeros == 0, "stark: public input");
        bytes memory rest = new bytes(104); // payee and domain, and what their last word takes
        unchecked {
            for (uint256 i = 0; i < 10; ++i) {
                _store(_at(rest) + 4 * i, ((uint256(uint160(statement.payee)) >> (144 - 16 * i)) & 0xffff) << 224);
            }
            for (uint256 i = 0; i < 8; ++i) {
                _store(_at(rest) + 40 + 4 * i, (((uint256(DOMAIN) >> (224 - 32 * i)) & M32) % P) << 224);
            }
        }
        return abi.encodePacked(
            suite.pre_root,
            suite.post_root,
            suite.commitment,
            bytes20(suite.challenge),
            bytes20(suite.evaluation),
            bytes32(_load(_at(rest))),
            bytes32(_load(_at(rest) + 32)),
            bytes8(bytes32(_load(_at(rest) + 64)))
        );
    }

    function _at(bytes memory data) private pure returns (uint256 start) {
        assembly ("memory-safe") {
            start := add(data, 32)
        }
    }

    // The parts

    /// @return slot Where the session's state is.
    /// @return state The new one.
    /// @return proved The hash of the statement's public values.
    function _take(Vouch calldata statement, bytes calldata proof)
        private
        returns (bytes32 slot, uint256 state, bytes32 proved)
    {
        require(proof.length >= 36, "stark: proof length");
        bytes memory publics = _publics(statement);
        proved = keccak256(publics);
        uint256 index = uint32(bytes4(proof[32:36]));
        slot = _slot(msg.sender, bytes32(proof[:32]));
        bytes calldata part = proof[36:];
        _takeMemory();
        Plan memory plan;
        _plan(plan);
        uint256 before = plan.head;
        if (index != 0) {
            state = sessions[slot];
            require(index < 255 && state & 0xff == index, "stark: step");
            before = plan.context;
        }
        uint256 done = (state >> 8) & 0xff;
        uint256 count;
        unchecked {
            require(part.length >= before, "stark: part length");
            count = (part.length - before) / plan.query;
            require(
                part.length == before + count * plan.query && done + count <= NUM_QUERIES, "stark: part length"
            );
        }
        uint256 hash;
        if (index == 0) {
            _head(plan, part[:before], publics);
            hash = _hashed(CONTEXT_AT, plan.context) >> 16;
        } else {
            _copy(CONTEXT_AT, part, 0, before);
            hash = _hashed(CONTEXT_AT, before) >> 16;
            require(hash == state >> 16, "stark: context");
            require(_load(CONTEXT_AT) == uint256(proved), "stark: statement");
            _powers(plan, _load(CONTEXT_AT + C_ALPHA));
        }
        unchecked {
            if (count > 0) {
                _prepare(plan);
                uint256 here = before;
                for (uint256 i = done; i < done + count; ++i) {
                    _query(plan, part[here:here + plan.query], _load(CONTEXT_AT + plan.indices - 28 + 4 * i) & M32);
                    here += plan.query;
                }
            }
            state = (hash << 16) | ((done + count) << 8) | (index + 1);
        }
        require(_load(BAD_AT) & CARRIES == 0, "stark: element");
    }

    /// What follows from the key, and sizes.
    function _plan(Plan memory plan) private view {
        address key = KEY;
        uint256 size = KEY_BYTES;
        uint256 keyAt = KEY_AT;
        assembly ("memory-safe") {
            extcodecopy(key, keyAt, 1, size)
        }
        unchecked {
            uint256 present = 0;
            for (uint256 t = 0; t < 8; ++t) present |= 1 << (_log(t) + LOG_BLOWUP);
            uint256 groups = 0;
            for (uint256 log = MAX_HEIGHT; log > 0; --log) {
                if ((present >> log) & 1 == 1) {
                    _store(GROUPS_AT + 32 * groups, log);
                    ++groups;
                }
            }
            plan.groups = groups;
            plan.height = _load(GROUPS_AT);
            _segments(plan);

            // p3-fri's fold_schedule: down to the next table that joins, or to the last polynomial, by the largest steps.
            uint256 layers = 0;
            uint256 joining = 1;
            uint256 height = plan.height;
            plan.head = 3 * CAP_BYTES + TERMINALS_BYTES + OPENINGS_BYTES + FINAL_BYTES + _witness(LOOKUP_GRINDING)
                + _witness(OOD_GRINDING) + _witness(BATCH_GRINDING) + _witness(QUERY_GRINDING);
            plan.query = 4 * ROW_ELEMENTS + NUM_ROUNDS * 32 * (height - CAP_HEIGHT);
            while (height > LOG_BLOWUP + FINAL_BITS) {
                uint256 arity = height - LOG_BLOWUP - FINAL_BITS;
                if (joining < groups) {
                    uint256 gap = height - _load(GROUPS_AT + 32 * joining);
                    if (gap < arity) arity = gap;
                }
                if (arity > MAX_ARITY_BITS) arity = MAX_ARITY_BITS;
                _store(ARITIES_AT + 32 * layers, arity);
                ++layers;
                height -= arity;
                plan.head += CAP_BYTES + _witness(COMMIT_GRINDING);
                plan.query += 20 * ((1 << arity) - 1) + 32 * (height - CAP_HEIGHT);
                if (joining < groups && _load(GROUPS_AT + 32 * joining) == height) ++joining;
            }
            plan.layers = layers;
            plan.betas = C_SUMS + 64 * groups;
            plan.indices = plan.betas + 32 * layers;
            plan.caps = plan.indices + INDICES_BYTES;
            plan.layerCaps = plan.caps + 3 * CAP_BYTES;
            plan.last = plan.layerCaps + CAP_BYTES * layers;
            plan.context = plan.last + FINAL_BYTES;
        }
    }

    function _witness(uint256 bits) private pure returns (uint256) {
        return bits == 0 ? 0 : 4;
    }

    /// Logarithm of a table's height.
    function _log(uint256 table) private pure returns (uint256) {
        unchecked {
            return _load(KEY_AT + KEY_LOGS + table - 31) & 0xff;
        }
    }

    function _columns(uint256 round) private pure returns (uint256) {
        if (round < 2) return round == 0 ? MAIN_COLUMNS : QUOTIENT_COLUMNS;
        return round == 2 ? PREPROCESSED_COLUMNS : BUS_COLUMNS;
    }

    /// The columns that are combined by consecutive powers of alpha. Within a group the powers go through rounds, tables and
    /// points, and columns that are opened at both points have two runs of them.
    function _segments(Plan memory plan) private pure {
        unchecked {
            uint256 widest = 0;
            for (uint256 g = 0; g < plan.groups; ++g) {
                uint256 height = _load(GROUPS_AT + 32 * g) - LOG_BLOWUP;
                for (uint256 r = 0; r < NUM_ROUNDS; ++r) {
                    uint256 place = 8 * r + g;
                    uint256 segment = SEGMENTS_AT + 768 * place;
                    uint256 columns = _columns(r);
                    uint256 count = 0;
                    uint256 row = 0;
                    bool open = false; // whether the last segment goes on
                    for (uint256 t = 0; t < 8; ++t) {
                        if (_log(t) != height) continue;
                        uint256 width = (columns >> (112 - 16 * t)) & 0xffff;
                        bool twice = width >> 15 == 1;
                        width &= 0x7fff;
                        row += 4 * width;
                        if (open && !twice) {
                            width += _load(segment - 96);
                            _store(segment - 96, width);
                        } else {
                            _store(segment, width);
                            _store(segment + 64, twice ? 1 : 0);
                            segment += 96;
                            ++count;
                        }
                        open = !twice;
                        if (width > widest) widest = width;
                    }
                    _store(COUNTS_AT + 32 * place, count);
                    _store(ROWS_AT + 32 * place, row);
                }
            }
            assert(widest <= MAX_WIDTH);
            plan.widest = widest;
        }
    }

    // The transcript: p3-challenger's SerializingChallenger32 over keccak256, from which 32 bits at a time are drawn, the
    // lowest first. What is absorbed is hashed behind the digest before.

    /// The transcript up to the queries, and the identities at zeta; the context is set.
    function _head(Plan memory plan, bytes calldata head, bytes memory publics) private view {
        unchecked {
            uint256[4] memory challenges; // alpha and beta of the buses, alpha of the constraints, zeta
            uint256 context = CONTEXT_AT;
            uint256 lengths = _load(KEY_AT + KEY_SEEDS) >> 192;
            uint256 seed = KEY_AT + KEY_FIXED;

            uint256 here = _move(BUFFER_AT, seed, lengths >> 48);
            seed += lengths >> 48;
            uint256 from = 0;
            _copy(context + plan.caps, head, from, CAP_BYTES);
            here = _move(here, context + plan.caps, CAP_BYTES);
            from += CAP_BYTES;
            // BLOCK is given z and y, VALUES everything.
            here = _absorbPublics(here, publics, 96, 10);
            here = _absorbPublics(here, publics, 0, 52);
            here = _move(here, KEY_AT + KEY_CAP, CAP_BYTES);
            from = _seal(here, LOOKUP_GRINDING, head, from);
            challenges[0] = _draw();
            challenges[1] = _draw();

            _copy(context + plan.caps + 2 * CAP_BYTES, head, from, CAP_BYTES);
            from += CAP_BYTES;
            here = _move(BUFFER_AT + 32, context + plan.caps + 2 * CAP_BYTES, CAP_BYTES);
            uint256 terminals = from;
            _copy(here, head, from, TERMINALS_BYTES);
            from = _seal(here + TERMINALS_BYTES, 0, head, from + TERMINALS_BYTES);
            challenges[2] = _draw();

            _copy(context + plan.caps + CAP_BYTES, head, from, CAP_BYTES);
            here = _move(BUFFER_AT + 32, context + plan.caps + CAP_BYTES, CAP_BYTES);
            from = _seal(here, OOD_GRINDING, head, from + CAP_BYTES);
            challenges[3] = _draw();
            _store(context, uint256(keccak256(publics)));
            _store(context + C_ZETA, challenges[3]);

            uint256 openings = from;
            here = _move(BUFFER_AT + 32, seed, (lengths >> 32) & 0xffff);
            seed += (lengths >> 32) & 0xffff;
            _copy(here, head, from, OPENINGS_BYTES);
            from = _seal(here + OPENINGS_BYTES, BATCH_GRINDING, head, from + OPENINGS_BYTES);
            _store(context + C_ALPHA, _draw());

            here = _move(BUFFER_AT + 32, seed, (lengths >> 16) & 0xffff);
            for (uint256 i = 0; i < plan.layers; ++i) {
                uint256 cap = context + plan.layerCaps + CAP_BYTES * i;
                _copy(cap, head, from, CAP_BYTES);
                here = _move(here, cap, CAP_BYTES);
                from = _seal(here, COMMIT_GRINDING, head, from + CAP_BYTES);
                _store(context + plan.betas + 32 * i, _draw());
                here = BUFFER_AT + 32;
            }
            _copy(context + plan.last, head, from, FINAL_BYTES);
            here = _move(here, context + plan.last, FINAL_BYTES);
            from = _seal(here, QUERY_GRINDING, head, from + FINAL_BYTES);
            for (uint256 i = 0; i < INDICES_BYTES; i += 32) _store(context + plan.indices + i, 0);
            for (uint256 i = 0; i < NUM_QUERIES; ++i) {
                uint256 place = context + plan.indices + 32 * (i / 8);
                uint256 number = _number() & ((1 << plan.height) - 1);
                _store(place, _load(place) | (number << (224 - 32 * (i & 7))));
            }
            _identities(head, challenges, publics, terminals, openings);
            _powers(plan, _load(context + C_ALPHA));
            _reduceOpenings(plan, head, openings);
        }
    }

    /// Hash what lies in the buffer and, if there is work to prove, the witness behind that. A new digest is at the buffer's
    /// start.
    /// @return Where the proof goes on.
    function _seal(uint256 end, uint256 bits, bytes calldata proof, uint256 from) private pure returns (uint256) {
        uint256 digest = _hashed(BUFFER_AT, end - BUFFER_AT);
        _store(BUFFER_AT, digest);
        if (bits != 0) {
            _copy(BUFFER_AT + 32, proof, from, 4);
            _check(_calldata(proof, from) & (M32 << 224));
            digest = _hashed(BUFFER_AT, 36);
            _store(BUFFER_AT, digest);
            from += 4;
        }
        _store(DRAWN_AT, digest);
        _store(LEFT_AT, 8);
        require(bits == 0 || _number() & ((1 << bits) - 1) == 0, "stark: grinding");
        return from;
    }

    /// The next 32 bits.
    function _number() private pure returns (uint256) {
        uint256 left = _load(LEFT_AT);
        uint256 drawn = _load(DRAWN_AT);
        if (left == 0) {
            left = 8;
            drawn = _hashed(BUFFER_AT, 32);
            _store(BUFFER_AT, drawn);
        }
        unchecked {
            _store(LEFT_AT, left - 1);
        }
        _store(DRAWN_AT, drawn >> 32);
        return drawn & M32;
    }

    /// An element of E: each coefficient is the next 31 bits that are below p.
    function _draw() private pure returns (uint256 element) {
        for (uint256 shift = 0; shift < 255; shift += 51) {
            uint256 number;
            do {
                number = _number() & 0x7fffffff;
            } while (number >= P);
            element |= number << shift;
        }
    }

    function _absorbPublics(uint256 to, bytes memory publics, uint256 from, uint256 count)
        private
        pure
        returns (uint256)
    {
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                uint256 number = ((_load(_at(publics) + from + 4 * i) >> 224) << 32) % P;
                _store(to, _swapped(number << 224));
                to += 4;
            }
        }
        return to;
    }

    function _identities(
        bytes calldata head,
        uint256[4] memory challenges,
        bytes memory publics,
        uint256 terminals,
        uint256 openings
    ) private view {
        unchecked {
            for (uint256 i = 0; i < 4; ++i) {
                uint256 x = challenges[i];
                x = (x & LANE) | ((x >> 51) & LANE) << 32 | ((x >> 102) & LANE) << 64 | ((x >> 153) & LANE) << 96
                    | (x >> 204) << 128;
                _store(BUFFER_AT + 32 * i, x);
            }
            uint256 logs = 0;
            for (uint256 i = 0; i < 8; ++i) logs |= _log(i) << (8 * i);
            _store(BUFFER_AT + 128, logs);
            uint256 here = _move(BUFFER_AT + 160, _at(publics), PUBLICS_BYTES);
            _copy(here, head, terminals, TERMINALS_BYTES);
            here += TERMINALS_BYTES;
            _copy(here, head, openings, OPENINGS_BYTES);
            for (uint256 i = 0; i < TERMINALS_BYTES; i += 20) _element(_load(BUFFER_AT + 160 + PUBLICS_BYTES + i));
        }
        address constraints = address(CONSTRAINTS);
        uint256 from = BUFFER_AT;
        uint256 size = 160 + PUBLICS_BYTES + TERMINALS_BYTES + OPENINGS_BYTES;
        bool hold;
        assembly ("memory-safe") {
            let done := staticcall(gas(), constraints, from, size, 0, 32)
            hold := and(done, and(eq(returndatasize(), 32), eq(mload(0), 1)))
        }
        require(hold, "stark: identity");
    }

    /// Powers of alpha, as many as a segment has columns, and alpha to the place of each segment's first column: within a
    /// group the powers go through rounds, tables and points, and columns that are opened at both points have two runs.
    function _powers(Plan memory plan, uint256 alpha) private pure {
        unchecked {
            uint256 power = alpha;
            for (uint256 to = TIMES_AT; to < TIMES_AT + 320; to += 64) {
                _spread(to, power);
                // By X.
                uint256 top = power >> 204;
                power = scaled(((power << 52) >> 1) + top + ((P - top) << 102), 1);
            }
            power = 1;
            for (uint256 to = POWERS_AT; to < POWERS_AT + 32 * (plan.widest + 8); to += 32) {
                _store(to, power);
                power = _times(power);
            }
            for (uint256 g = 0; g < plan.groups; ++g) {
                power = 1;
                for (uint256 place = g; place < 8 * NUM_ROUNDS; place += 8) {
                    uint256 segment = SEGMENTS_AT + 768 * place;
                    uint256 end = segment + 96 * _load(COUNTS_AT + 32 * place);
                    for (; segment < end; segment += 96) {
                        uint256 step = _load(POWERS_AT + 32 * _load(segment));
                        _store(segment + 32, power);
                        power = product(power, step);
                        if (_load(segment + 64) != 0) {
                            _store(segment + 64, power);
                            power = product(power, step);
                        }
                    }
                }
            }
        }
    }

    /// In lanes of 85 bits: three coefficients, then two.
    function _spread(uint256 to, uint256 x) private pure {
        _store(to, (x & LANE) | ((x >> 51) & LANE) << 85 | ((x >> 102) & LANE) << 170);
        _store(to + 32, ((x >> 153) & LANE) | (x >> 204) << 85);
    }

    /// From such lanes, reduced.
    function _gathered(uint256 low, uint256 high) private pure returns (uint256) {
        return ((low & M85) % P) | (((low >> 85) & M85) % P) << 51 | ((low >> 170) % P) << 102 | ((high & M85) % P) << 153
            | ((high >> 85) % P) << 204;
    }

    /// By alpha.
    function _times(uint256 x) private pure returns (uint256) {
        uint256 low;
        uint256 high;
        uint256 from = TIMES_AT;
        assembly ("memory-safe") {
            let lane := and(x, LANE)
            low := mul(lane, mload(from))
            high := mul(lane, mload(add(from, 32)))
            lane := and(shr(51, x), LANE)
            low := add(low, mul(lane, mload(add(from, 64))))
            high := add(high, mul(lane, mload(add(from, 96))))
            lane := and(shr(102, x), LANE)
            low := add(low, mul(lane, mload(add(from, 128))))
            high := add(high, mul(lane, mload(add(from, 160))))
            lane := and(shr(153, x), LANE)
            low := add(low, mul(lane, mload(add(from, 192))))
            high := add(high, mul(lane, mload(add(from, 224))))
            lane := shr(204, x)
            low := add(low, mul(lane, mload(add(from, 256))))
            high := add(high, mul(lane, mload(add(from, 288))))
        }
        return _gathered(low, high);
    }

    /// The openings of each group at each of its points, combined; and checked.
    function _reduceOpenings(Plan memory plan, bytes calldata head, uint256 from) private pure {
        unchecked {
            for (uint256 g = 0; g < plan.groups; ++g) {
                uint256 height = _load(GROUPS_AT + 32 * g) - LOG_BLOWUP;
                uint256 power = 1;
                uint256 here = from;
                uint256 sum = 0;
                uint256 sumNext = 0;
                for (uint256 r = 0; r < NUM_ROUNDS; ++r) {
                    for (uint256 t = 0; t < 8; ++t) {
                        uint256 width = (_columns(r) >> (112 - 16 * t)) & 0xffff;
                        uint256 size = 20 * (width & 0x7fff);
                        if (_log(t) == height) {
                            uint256 step = _load(POWERS_AT + 32 * (width & 0x7fff));
                            sum += product(_reduced(head, here, size), power);
                            power = product(power, step);
                            if (width >> 15 == 1) {
                                sumNext += product(_reduced(head, here + size, size), power);
                                power = product(power, step);
                            }
                        }
                        here += width >> 15 == 1 ? 2 * size : size;
                    }
                }
                _store(CONTEXT_AT + C_SUMS + 64 * g, scaled(sum, 1));
                _store(CONTEXT_AT + C_SUMS + 64 * g + 32, scaled(sumNext, 1));
            }
        }
    }

    /// Elements of E, combined by powers of alpha from 1 on.
    function _reduced(bytes calldata head, uint256 from, uint256 size) private pure returns (uint256 sum) {
        unchecked {
            for (uint256 here = from + size; here > from;) {
                here -= 20;
                sum = _times(sum) + _element(_calldata(head, here));
            }
        }
    }

    // The queries

    /// What all queries read.
    function _prepare(Plan memory plan) private pure {
        unchecked {
            uint256 root = ROOT_24;
            uint256 inverseRoot = ROOT_24_INVERSE;
            for (uint256 i = 24; i > 0; --i) {
                _store(ROOTS_AT + 32 * i - 32, root);
                _store(INVERSES_AT + 32 * i - 32, inverseRoot);
                root = mulmod(root, root, P);
                inverseRoot = mulmod(inverseRoot, inverseRoot, P);
            }
            // Of pair i: the inverse of the root to the power of i with its bits in reverse.
            _store(TURNS_AT, 1);
            for (uint256 k = 0; k < MAX_ARITY_BITS - 1; ++k) {
                for (uint256 i = 0; i < 1 << k; ++i) {
                    uint256 turn = mulmod(_load(TURNS_AT + 32 * i), _load(INVERSES_AT + 32 * (k + 1)), P);
                    _store(TURNS_AT + 32 * (i + (1 << k)), turn);
                }
            }
            uint256 zeta = _load(CONTEXT_AT + C_ZETA);
            for (uint256 g = 0; g < plan.groups; ++g) {
                uint256 order = _load(GROUPS_AT + 32 * g) - LOG_BLOWUP;
                _store(NEXTS_AT + 32 * g, scaled(zeta, _load(ROOTS_AT + 32 * order - 32)));
            }
            for (uint256 i = 0; i < plan.layers; ++i) {
                uint256 beta = _load(CONTEXT_AT + plan.betas + 32 * i);
                for (uint256 k = _load(ARITIES_AT + 32 * i); k > 0; --k) beta = product(beta, beta);
                _store(POWERED_AT + 32 * i, beta);
            }
            for (uint256 i = 0; i < 1 << FINAL_BITS; ++i) {
                _spread(LAST_AT + 64 * i, _element(_load(CONTEXT_AT + plan.last + 20 * i)));
            }
            _tables(plan);
        }
    }

    /// For each eight powers of alpha ten words: for each coefficient that of powers 0, 2, 4, 6 and that of 1, 3, 5, 7, the
    /// first in the lowest lane of 64 bits.
    function _tables(Plan memory plan) private pure {
        unchecked {
            uint256 table = TABLES_AT;
            for (uint256 power = POWERS_AT; power < POWERS_AT + 32 * plan.widest; power += 256) {
                for (uint256 shift = 0; shift < 255; shift += 51) {
                    assembly ("memory-safe") {
                        function lane(from, by) -> x {
                            x := and(shr(by, mload(from)), LANE)
                        }
                        function four(from, by) -> x {
                            x := or(lane(from, by), shl(64, lane(add(from, 64), by)))
                            x := or(x, or(shl(128, lane(add(from, 128), by)), shl(192, lane(add(from, 192), by))))
                        }
                        mstore(table, four(power, shift))
                        mstore(add(table, 32), four(add(power, 32), shift))
                    }
                    table += 64;
                }
            }
        }
    }

    function _query(Plan memory plan, bytes calldata query, uint256 index) private pure {
        unchecked {
            for (uint256 g = 0; g < plan.groups; ++g) {
                _store(SUMS_AT + 64 * g, 0);
                _store(SUMS_AT + 64 * g + 32, 0);
            }
            uint256 from = 0;
            for (uint256 r = 0; r < NUM_ROUNDS; ++r) from = _round(plan, query, from, r, index);

            // The point on the subgroup, and its inverse; those of the smaller tables are powers of them.
            uint256 point = 1;
            uint256 inversePoint = 1;
            for (uint256 j = 0; j < plan.height; ++j) {
                if ((index >> j) & 1 == 1) {
                    point = mulmod(point, _load(ROOTS_AT + 32 * j), P);
                    inversePoint = mulmod(inversePoint, _load(INVERSES_AT + 32 * j), P);
                }
            }
            _quotients(plan, point);
            _folding(plan, query, from, index, point, inversePoint);
        }
    }

    /// A round's rows: combined, and on their path to the cap.
    /// @return Where the query goes on.
    function _round(Plan memory plan, bytes calldata query, uint256 from, uint256 round, uint256 index)
        private
        pure
        returns (uint256)
    {
        unchecked {
            for (uint256 g = 0; g < plan.groups; ++g) {
                uint256 place = 8 * round + g;
                uint256 size = _load(ROWS_AT + 32 * place);
                _copy(BUFFER_AT, query, from, size);
                _store(HASHES_AT + 32 * g, _hashed(BUFFER_AT, size));
                uint256 segment = SEGMENTS_AT + 768 * place;
                uint256 end = segment + 96 * _load(COUNTS_AT + 32 * place);
                for (; segment < end; segment += 96) {
                    uint256 width = _load(segment);
                    uint256 sum = _combined(query, from, width);
                    uint256 to = SUMS_AT + 64 * g;
                    _store(to, _load(to) + product(sum, _load(segment + 32)));
                    uint256 turn = _load(segment + 64);
                    if (turn != 0) _store(to + 32, _load(to + 32) + product(sum, turn));
                    from += 4 * width;
                }
            }
            uint256 digest = _load(HASHES_AT);
            uint256 height = plan.height;
            for (uint256 g = 1; g < plan.groups; ++g) {
                uint256 levels = height - _load(GROUPS_AT + 32 * g);
                digest = _climb(query, from, levels, digest, index);
                index >>= levels;
                from += 32 * levels;
                height -= levels;
                _store(0, digest);
                _store(32, _load(HASHES_AT + 32 * g));
                digest = _hashed(0, 64);
            }
            height -= CAP_HEIGHT;
            digest = _climb(query, from, height, digest, index);
            uint256 cap = KEY_AT + KEY_CAP;
            if (round != 2) cap = CONTEXT_AT + plan.caps + CAP_BYTES * (round == 3 ? 2 : round);
            require(digest == _load(cap + 32 * (index >> height)), "stark: row");
            return from + 32 * height;
        }
    }

    /// @dev Of `count` elements in a row, combined by powers of alpha from 1 on; it is noted whether all are below p. Numbers
    ///      below p, four by four: a product of two words has in its highest lane the sum of the products of the first with
    ///      the last, the second with the last but one, …, and nothing overflows into it: each of the lower lanes adds up
    ///      three at most.
    function _combined(bytes calldata query, uint256 from, uint256 count) private pure returns (uint256 sum) {
        uint256 bad = _load(BAD_AT);
        uint256 table = TABLES_AT;
        assembly ("memory-safe") {
            let s0 := 0
            let s1 := 0
            let s2 := 0
            let s3 := 0
            let s4 := 0
            from := add(query.offset, from)
            for { let end := add(from, shl(2, count)) } lt(from, end) { from := add(from, 32) } {
                let w := calldataload(from)
                let left := sub(end, from)
                if lt(left, 32) { w := and(w, not(shr(shl(3, left), not(0)))) }
                w := or(shl(8, and(w, mload(BYTES_AT))), and(shr(8, w), mload(BYTES_AT)))
                w := or(shl(16, and(w, mload(PAIRS_AT))), and(shr(16, w), mload(PAIRS_AT)))
                let even := and(shr(32, w), mload(LANES_AT))
                w := and(w, mload(LANES_AT))
                bad := or(bad, or(add(even, mload(ADDEND_AT)), add(w, mload(ADDEND_AT))))
                s0 := add(s0, add(shr(192, mul(even, mload(table))), shr(192, mul(w, mload(add(table, 32))))))
                s1 := add(s1, add(shr(192, mul(even, mload(add(table, 64)))), shr(192, mul(w, mload(add(table, 96))))))
                s2 := add(s2, add(shr(192, mul(even, mload(add(table, 128)))), shr(192, mul(w, mload(add(table, 160))))))
                s3 := add(s3, add(shr(192, mul(even, mload(add(table, 192)))), shr(192, mul(w, mload(add(table, 224))))))
                s4 := add(s4, add(shr(192, mul(even, mload(add(table, 256)))), shr(192, mul(w, mload(add(table, 288))))))
                table := add(table, 320)
            }
            sum := or(or(mod(s0, P), shl(51, mod(s1, P))), or(shl(102, mod(s2, P)), shl(153, mod(s3, P))))
            sum := or(sum, shl(204, mod(s4, P)))
        }
        _store(BAD_AT, bad);
    }

    /// For each group the sums become (opened - sum) / (zeta - x) + (openedNext - sumNext) / (g·zeta - x).
    function _quotients(Plan memory plan, uint256 point) private pure {
        unchecked {
            uint256 height = plan.height;
            uint256 all = 1;
            for (uint256 g = 0; g < plan.groups; ++g) {
                for (; height > _load(GROUPS_AT + 32 * g); --height) point = mulmod(point, point, P);
                uint256 x = P - mulmod(GENERATOR, point, P);
                uint256 a = scaled(_load(CONTEXT_AT + C_ZETA) + x, 1);
                uint256 b = scaled(_load(NEXTS_AT + 32 * g) + x, 1);
                _store(POINTS_AT + 64 * g, a);
                _store(POINTS_AT + 64 * g + 32, b);
                _store(PREFIXES_AT + 64 * g, all);
                all = product(all, a);
                _store(PREFIXES_AT + 64 * g + 32, all);
                all = product(all, b);
            }
            require(all != 0, "stark: zeta");
            all = inverse(all);
            for (uint256 g = plan.groups; g > 0;) {
                --g;
                uint256 next = _term(all, g, 32);
                all = product(all, _load(POINTS_AT + 64 * g + 32));
                uint256 own = _term(all, g, 0);
                all = product(all, _load(POINTS_AT + 64 * g));
                _store(SUMS_AT + 64 * g, scaled(own + next, 1));
            }
        }
    }

    function _term(uint256 inverted, uint256 group, uint256 which) private pure returns (uint256) {
        unchecked {
            uint256 here = 64 * group + which;
            uint256 difference = _load(CONTEXT_AT + C_SUMS + here) + PAD - scaled(_load(SUMS_AT + here), 1);
            return product(difference, product(inverted, _load(PREFIXES_AT + here)));
        }
    }

    /// p3-fri's fold_query: from the combined openings down to the last polynomial.
    function _folding(
        Plan memory plan,
        bytes calldata query,
        uint256 from,
        uint256 index,
        uint256 point,
        uint256 inversePoint
    ) private pure {
        unchecked {
            uint256 value = _load(SUMS_AT);
            uint256 height = plan.height;
            uint256 joining = 1;
            for (uint256 i = 0; i < plan.layers; ++i) {
                uint256 bits = _load(ARITIES_AT + 32 * i);
                uint256 place = index & ((1 << bits) - 1);
                index >>= bits;
                // The coset with the computed value at its place.
                uint256 own = BUFFER_AT + 20 * place;
                uint256 rest = (20 << bits) - 20 - 20 * place;
                _copy(BUFFER_AT, query, from, 20 * place);
                _store(own, _encoded(value));
                _copy(own + 20, query, from + 20 * place, rest);
                from += (20 << bits) - 20;
                height -= bits;
                uint256 levels = height - CAP_HEIGHT;
                uint256 digest = _climb(query, from, levels, _hashed(BUFFER_AT, 20 << bits), index);
                from += 32 * levels;
                uint256 cap = CONTEXT_AT + plan.layerCaps + CAP_BYTES * i;
                require(digest == _load(cap + 32 * (index >> levels)), "stark: coset");

                // The inverse of the coset's first point.
                uint256 start = inversePoint;
                for (uint256 j = 0; j < bits; ++j) {
                    if ((place >> j) & 1 == 1) start = mulmod(start, _load(ROOTS_AT + 32 * j), P);
                    point = mulmod(point, point, P);
                    inversePoint = mulmod(inversePoint, inversePoint, P);
                }
                value = _fold(bits, scaled(_load(CONTEXT_AT + plan.betas + 32 * i), start));
                if (joining < plan.groups && _load(GROUPS_AT + 32 * joining) == height) {
                    value = scaled(value + product(_load(POWERED_AT + 32 * i), _load(SUMS_AT + 64 * joining)), 1);
                    ++joining;
                }
            }
            uint256 low = 0;
            uint256 high = 0;
            uint256 power = 1;
            for (uint256 here = LAST_AT; here < LAST_AT + (64 << FINAL_BITS); here += 64) {
                low += power * _load(here);
                high += power * _load(here + 32);
                power = mulmod(power, point, P);
            }
            require(_gathered(low, high) == value, "stark: last polynomial");
        }
    }

    /// The polynomial that has the buffer's 2^bits values on a coset, at beta, where `ratio` is beta / the coset's first point
    /// y. A pair of values is f(y') and f(-y') with y' = y · root^k: half their sum, plus beta / y' times half their
    /// difference, is the value at y'² of a polynomial of half the degree, which is asked for at beta².
    function _fold(uint256 bits, uint256 ratio) private pure returns (uint256) {
        unchecked {
            for (uint256 i = 0; i < 1 << bits; ++i) _store(VALUES_AT + 32 * i, _element(_load(BUFFER_AT + 20 * i)));
            for (uint256 pairs = 1 << (bits - 1); pairs > 0; pairs >>= 1) {
                for (uint256 i = 0; i < pairs; ++i) {
                    uint256 x = _load(VALUES_AT + 64 * i);
                    uint256 y = _load(VALUES_AT + 64 * i + 32);
                    // Lanes grow to less than 2^bits · p, halved at once in the end.
                    uint256 turned = scaled(ratio, _load(TURNS_AT + 32 * i));
                    _store(VALUES_AT + 32 * i, x + y + product(x + PAD - y, turned));
                }
                ratio = product(ratio, ratio);
            }
            uint256 half = P - ((P - 1) >> bits);
            return scaled(_load(VALUES_AT), half);
        }
    }

    /// From a leaf's digest `levels` up.
    function _climb(bytes calldata query, uint256 from, uint256 levels, uint256 leaf, uint256 index)
        private
        pure
        returns (uint256 digest)
    {
        digest = leaf;
        assembly ("memory-safe") {
            from := add(query.offset, from)
            for { let end := add(from, shl(5, levels)) } lt(from, end) { from := add(from, 32) } {
                let own := shl(5, and(index, 1))
                mstore(own, digest)
                mstore(xor(own, 32), calldataload(from))
                digest := keccak256(0, 64)
                index := shr(1, index)
            }
        }
    }

    // Elements

    /// Bytes of each 4 in reverse.
    function _swapped(uint256 word) private pure returns (uint256) {
        word = (word & _load(BYTES_AT)) << 8 | (word >> 8) & _load(BYTES_AT);
        return (word & _load(PAIRS_AT)) << 16 | (word >> 16) & _load(PAIRS_AT);
    }

    /// @return Carries (in CARRIES) where one of the eight numbers of a word is p or more.
    function _carries(uint256 word) private pure returns (uint256) {
        uint256 lanes = _load(LANES_AT);
        uint256 addend = _load(ADDEND_AT);
        unchecked {
            return ((word & lanes) + addend) | (((word >> 32) & lanes) + addend);
        }
    }

    /// Takes note of numbers that are not below p: `_take` refuses them all at once.
    function _check(uint256 raw) private pure {
        _store(BAD_AT, _load(BAD_AT) | _carries(_swapped(raw)));
    }

    /// An element of E from the first 20 bytes of a word, which are checked.
    function _element(uint256 raw) private pure returns (uint256 element) {
        uint256 word = _swapped(raw & ~uint256(type(uint96).max));
        _store(BAD_AT, _load(BAD_AT) | _carries(word));
        element = (word >> 224) | ((word >> 192) & M32) << 51 | ((word >> 160) & M32) << 102
            | ((word >> 128) & M32) << 153 | ((word >> 96) & M32) << 204;
    }

    /// The other way round.
    function _encoded(uint256 x) private pure returns (uint256) {
        return _swapped(
            (x & LANE) << 224 | ((x >> 51) & LANE) << 192 | ((x >> 102) & LANE) << 160 | ((x >> 153) & LANE) << 128
                | (x >> 204) << 96
        );
    }

    // Memory

    /// Takes all memory that has a fixed address.
    function _takeMemory() private pure {
        uint256 start = BYTES_AT;
        uint256 end = MEMORY_END;
        assembly ("memory-safe") {
            // What the compiler itself needs ends before.
            if gt(mload(0x40), start) { invalid() }
            mstore(0x40, end)
        }
        _store(BYTES_AT, BYTES);
        _store(PAIRS_AT, PAIRS);
        _store(LANES_AT, LANES);
        _store(ADDEND_AT, ADDEND);
    }

    function _hashed(uint256 from, uint256 size) private pure returns (uint256 digest) {
        assembly ("memory-safe") {
            digest := keccak256(from, size)
        }
    }

    function _copy(uint256 to, bytes calldata data, uint256 from, uint256 size) private pure {
        assembly ("memory-safe") {
            calldatacopy(to, add(data.offset, from), size)
        }
    }

    /// @return Where the copy ends.
    function _move(uint256 to, uint256 from, uint256 size) private pure returns (uint256) {
        assembly ("memory-safe") {
            mcopy(to, from, size)
            to := add(to, size)
        }
        return to;
    }

    function _calldata(bytes calldata data, uint256 from) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, from))
        }
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

    function _word(bytes memory data, uint256 from) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), from))
        }
    }

    function _two(bytes memory data, uint256 from) private pure returns (uint256) {
        return _word(data, from) >> 240;
    }
}
