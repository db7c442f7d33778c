# pragma version 0.4.3
"""
@title The state's tree in suite `koalabear` (docs/suites.md §10), for those who leave when everything has halted
@notice Poseidon2 of width 16 over p = 2^31 - 2^24 + 1. A digest is 32 bytes, eight big-endian elements below p.
"""
import ISuiteTree

implements: ISuiteTree

P: constant(uint256) = 2 ** 31 - 2 ** 24 + 1
MASK16: constant(uint256) = 2 ** 16 - 1
MASK32: constant(uint256) = 2 ** 32 - 1
MASK64: constant(uint256) = 2 ** 64 - 1
# A state is four words of four lanes of 64 bits: word j has places 4 + j, 12 + j, j and 8 + j, the first lowest. So it has
# of each digest elements 128 bits apart.
ONES: constant(uint256) = 1 + 2 ** 64 + 2 ** 128 + 2 ** 192
PAIR: constant(uint256) = MASK32 | (MASK32 << 128)

MAX_INTS: constant(uint256) = 64
MAX_KEYS: constant(uint256) = 8
MAX_MAPS: constant(uint256) = 8
MAX_DEPTH: constant(uint256) = 32
MAX_GROUPS: constant(uint256) = 48  # 2·MAX_INTS / 4 + MAX_KEYS + MAX_MAPS

LEAF: constant(uint256) = 2  # tags
STATE_ROOT: constant(uint256) = 3

# Round constants: Plonky3/Plonky3, koala-bear/src/poseidon2.rs. Those of a full round are packed like the state and are
# added after the round before: four words each, and none after the last of a half.
FIRST: constant(uint256[4][4]) = [
    [
        8571272545281736375191918325347873915055427942037329774262269282005,
        4836223337875846641756809455586249910103079287982451315059907020559,
        4351082345947389118354403938502563010211920646078939883709156113145,
        4757451404428017794023592084531919298494172186052735714885216114267,
    ],
    [
        12971910519155125453952185297627551174922141318069964281725550857425,
        10953066636058791327374022817379164232763318261756545978039737175103,
        2304290903963287666839524264708347989919674085130222625834154666930,
        8665260104288023447433505935519215014223440686513955054640676887042,
    ],
    [
        4256799455581553837958361768348203175387768454867350887016737771081,
        10535570793319117957174655426609349239130872973740685834548139469182,
        8547801947170783273545641356077178886513906514596483617919929146329,
        383735731584650127041675257855478822982986082994246836415260887007,
    ],
    [
        0,
        0,
        0,
        0,
    ],
]
LAST: constant(uint256[4][4]) = [
    [
        11621244863919681063780175558771279438314189253465167642659933001322,
        5351355574920875214329230554836199747552409829925335829956976190349,
        9413346565384186935276001117952400000559265493230041198631557740027,
        11429645240654365147168123718465516127214034619275350025863882945873,
    ],
    [
        5667814378381640706278262837871438916188323043933228858110284801844,
        3658878542579815538199766350487608355907492872363333898322254566503,
        8392889108636207699327067898365993670662434050015938511015473067824,
        7528472479327551289257823200039032162837657716731234952086850401764,
    ],
    [
        9067431802934437228055582577169013070759882177519791181152498927377,
        5700069008287754014774501051362191182969359728696438581966548199881,
        11371190025767358246067768875458255115007943888985804514950643353680,
        9610257614776815909901652658131808571033317887874549246437355459617,
    ],
    [
        0,
        0,
        0,
        0,
    ],
]
PARTIAL: constant(uint256[20]) = [
    1423960925, 2101391318, 1915532054, 275400051, 1168624859,
    1141248885, 356546469, 1165250474, 1320543726, 932505663,
    1204226364, 1452576828, 1774936729, 926808140, 1184948056,
    1186493834, 843181003, 185193011, 452207447, 510054082,
]


@external
@view
def leaf_root(
    map: uint256,
    ints: DynArray[uint256, MAX_INTS],
    wide: uint256,
    keys: DynArray[bytes32, MAX_KEYS],
    index: uint256,
    siblings: DynArray[bytes32, MAX_DEPTH],
) -> bytes32:
    """
    @notice The root of map `map` that holds this record at `index`.
    @param ints The record's integers as they are encoded (value - lo), in field order.
    @param wide Bit i: integer i takes two words.
    @param keys This suite's part of its keys, any 256 bits.
    @param siblings From the leaf up, as many as the map is deep.
    """
    assert map < 2 ** 26 and index >> len(siblings) == 0, "tree: index"
    node: uint256 = self._hash(LEAF + 16 * map, ints, wide, keys, [])
    other: uint256 = 0
    bits: uint256 = index
    for s: bytes32 in siblings:
        sibling: uint256 = self._digest(s)
        if bits & 1 == 0:
            node, other = self._permute(node, sibling, node)
        else:
            node, other = self._permute(sibling, node, sibling)
        bits >>= 1
    return convert(node, bytes32)


@external
@view
def state_root(
    ints: DynArray[uint256, MAX_INTS],
    wide: uint256,
    keys: DynArray[bytes32, MAX_KEYS],
    map_roots: DynArray[bytes32, MAX_MAPS],
) -> bytes32:
    """
    @notice The root of the state with these cells and maps; cells are given as a record's integers and keys.
    """
    return convert(self._hash(STATE_ROOT, ints, wide, keys, map_roots), bytes32)


@internal
@pure
def _digest(b: bytes32) -> uint256:
    """
    @dev Refuses an element that is not below p: it has a carry when 2^32 - p is added.
    """
    d: uint256 = convert(b, uint256)
    over: uint256 = unsafe_add(d & (ONES * MASK32), ONES * (2 ** 32 - P))
    over |= unsafe_add((d >> 32) & (ONES * MASK32), ONES * (2 ** 32 - P))
    assert over & (ONES << 32) == 0, "tree: digest"
    return d


@internal
@pure
def _hash(
    tag: uint256,
    ints: DynArray[uint256, MAX_INTS],
    wide: uint256,
    keys: DynArray[bytes32, MAX_KEYS],
    map_roots: DynArray[bytes32, MAX_MAPS],
) -> uint256:
    """
    @param tag With what else is in its element.
    """
    # Groups of eight elements of 4 bytes. A word is two elements, its more significant half first.
    groups: DynArray[uint256, MAX_GROUPS] = []
    words: uint256 = 0
    group: uint256 = 0
    widths: uint256 = wide
    for v: uint256 in ints:
        if widths & 1 == 1:
            assert v >> 64 == 0, "tree: integer"
            group = (group << 64) | ((v >> 48) << 32) | ((v >> 32) & MASK16)
            words += 1
            if words % 4 == 0:
                groups.append(group)
        else:
            assert v >> 32 == 0, "tree: integer"
        group = (group << 64) | (((v >> 16) & MASK16) << 32) | (v & MASK16)
        words += 1
        if words % 4 == 0:
            groups.append(group)
        widths >>= 1
    assert widths == 0, "tree: widths"
    if words % 4 != 0:
        groups.append(group << (64 * (4 - words % 4)))
    for key: bytes32 in keys:
        reduced: uint256 = 0
        for i: uint256 in range(8):
            reduced |= ((convert(key, uint256) >> (32 * i)) & MASK32) % P << (32 * i)
        groups.append(reduced)
    for root: bytes32 in map_roots:
        groups.append(self._digest(root))

    size: uint256 = 2 * words + 8 * (len(keys) + len(map_roots))
    digest: uint256 = 0
    capacity: uint256 = (tag << 224) | (size << 192)
    if len(groups) == 0:
        groups.append(0)
    for g: uint256 in groups:
        digest, capacity = self._permute(g, capacity, 0)
    return digest


@internal
@pure
def _permute(left: uint256, right: uint256, added: uint256) -> (uint256, uint256):
    """
    @param left Reduced elements, like `right`: the state.
    @return The permuted state, the first half with `added` on it.
    """
    # Lanes are below 2^32 here, and below 36 p < 2^37 after a matrix of the full rounds and its constants.
    w: uint256[4] = self._external([
        ((left >> 96) & PAIR) | (((right >> 96) & PAIR) << 64),
        ((left >> 64) & PAIR) | (((right >> 64) & PAIR) << 64),
        ((left >> 32) & PAIR) | (((right >> 32) & PAIR) << 64),
        (left & PAIR) | ((right & PAIR) << 64),
    ], [
        5584874173189038745922952506348930713510421619950357659310256863189,
        55656022970433771277709111693735145884223411863861022256026837224,
        4278324867744134901686672673781971283064120053585573412559984890054,
        2630481161015440484334092912041300664134915633706752321260905009653,
    ])
    for k: uint256[4] in FIRST:
        w = self._full(w, k)

    # Partial rounds, with a place a variable, and unreduced: a round makes them at most p + 16 times as great, so that six
    # from below 2^37, and seven from below p, stay with their sum below 2^256.
    s0: uint256 = (w[0] >> 128) & MASK64
    s1: uint256 = (w[1] >> 128) & MASK64
    s2: uint256 = (w[2] >> 128) & MASK64
    s3: uint256 = (w[3] >> 128) & MASK64
    s4: uint256 = w[0] & MASK64
    s5: uint256 = w[1] & MASK64
    s6: uint256 = w[2] & MASK64
    s7: uint256 = w[3] & MASK64
    s8: uint256 = w[0] >> 192
    s9: uint256 = w[1] >> 192
    s10: uint256 = w[2] >> 192
    s11: uint256 = w[3] >> 192
    s12: uint256 = (w[0] >> 64) & MASK64
    s13: uint256 = (w[1] >> 64) & MASK64
    s14: uint256 = (w[2] >> 64) & MASK64
    s15: uint256 = (w[3] >> 64) & MASK64
    round: uint256 = 0
    for k: uint256 in PARTIAL:
        s0 = unsafe_add(s0, k) % P
        s0 = unsafe_mul(s0, unsafe_mul(s0, s0)) % P
        sum: uint256 = unsafe_add(
            unsafe_add(unsafe_add(unsafe_add(s0, s1), unsafe_add(s2, s3)), unsafe_add(unsafe_add(s4, s5), unsafe_add(s6, s7))),
            unsafe_add(unsafe_add(unsafe_add(s8, s9), unsafe_add(s10, s11)), unsafe_add(unsafe_add(s12, s13), unsafe_add(s14, s15))),
        )
        s0 = unsafe_add(unsafe_mul(2130706431, s0), sum)
        s1 = unsafe_add(s1, sum)
        s2 = unsafe_add(unsafe_mul(2, s2), sum)
        s3 = unsafe_add(unsafe_mul(1065353217, s3), sum)
        s4 = unsafe_add(unsafe_mul(3, s4), sum)
        s5 = unsafe_add(unsafe_mul(4, s5), sum)
        s6 = unsafe_add(unsafe_mul(1065353216, s6), sum)
        s7 = unsafe_add(unsafe_mul(2130706430, s7), sum)
        s8 = unsafe_add(unsafe_mul(2130706429, s8), sum)
        s9 = unsafe_add(unsafe_mul(2122383361, s9), sum)
        s10 = unsafe_add(unsafe_mul(1864368129, s10), sum)
        s11 = unsafe_add(unsafe_mul(2130706306, s11), sum)
        s12 = unsafe_add(unsafe_mul(8323072, s12), sum)
        s13 = unsafe_add(unsafe_mul(266338304, s13), sum)
        s14 = unsafe_add(unsafe_mul(133169152, s14), sum)
        s15 = unsafe_add(unsafe_mul(127, s15), sum)
        if round % 7 == 5:
            s0 %= P
            s1 %= P
            s2 %= P
            s3 %= P
            s4 %= P
            s5 %= P
            s6 %= P
            s7 %= P
            s8 %= P
            s9 %= P
            s10 %= P
            s11 %= P
            s12 %= P
            s13 %= P
            s14 %= P
            s15 %= P
        round = unsafe_add(round, 1)

    w = [
        unsafe_add(s4 | (s12 << 64) | (s0 << 128) | (s8 << 192), 3997965193026744586438992409162612598725472772653115524258648184360),
        unsafe_add(s5 | (s13 << 64) | (s1 << 128) | (s9 << 192), 1928328823047164701138815355614090866322213776642192493186006176962),
        unsafe_add(s6 | (s14 << 64) | (s2 << 128) | (s10 << 192), 2449825212674446297293054394916929012767028067164905457866619644405),
        unsafe_add(s7 | (s15 << 64) | (s3 << 128) | (s11 << 192), 12553679238621930709184967987124858501490150344485921075996674187462),
    ]
    for k: uint256[4] in LAST:
        w = self._full(w, k)

    first: uint256 = 0
    second: uint256 = 0
    for j: uint256 in range(4):
        u: uint256 = unsafe_add(w[j], (added >> unsafe_sub(96, 32 * j)) & PAIR)
        first |= ((u & MASK64) % P | ((u >> 128) & MASK64) % P << 128) << unsafe_sub(96, 32 * j)
        second |= (((u >> 64) & MASK64) % P | (u >> 192) % P << 128) << unsafe_sub(96, 32 * j)
    return first, second


@internal
@pure
def _external(w: uint256[4], k: uint256[4]) -> uint256[4]:
    """
    @dev The matrix circ(2M, M, M, M), M = circ(2, 3, 1, 1), and constants. A product with ONES modulo 2^256 - 1 has the
         sum of all lanes in each.
    """
    all: uint256 = unsafe_add(unsafe_add(w[0], w[1]), unsafe_add(w[2], w[3]))
    a: uint256 = unsafe_add(all, unsafe_add(w[0], w[1] << 1))
    b: uint256 = unsafe_add(all, unsafe_add(w[1], w[2] << 1))
    c: uint256 = unsafe_add(all, unsafe_add(w[2], w[3] << 1))
    d: uint256 = unsafe_add(all, unsafe_add(w[3], w[0] << 1))
    return [
        unsafe_add(unsafe_add(a, k[0]), uint256_mulmod(a, ONES, max_value(uint256))),
        unsafe_add(unsafe_add(b, k[1]), uint256_mulmod(b, ONES, max_value(uint256))),
        unsafe_add(unsafe_add(c, k[2]), uint256_mulmod(c, ONES, max_value(uint256))),
        unsafe_add(unsafe_add(d, k[3]), uint256_mulmod(d, ONES, max_value(uint256))),
    ]


@internal
@pure
def _full(w: uint256[4], k: uint256[4]) -> uint256[4]:
    """
    @dev A full round; lanes come in below 2^85, whose cubes do not overflow.
    """
    cubes: uint256[4] = empty(uint256[4])
    for j: uint256 in range(4):
        u: uint256 = w[j]
        s: uint256 = u & MASK64
        t: uint256 = (u >> 64) & MASK64
        v: uint256 = (u >> 128) & MASK64
        u = u >> 192
        cubes[j] = (
            unsafe_mul(s, unsafe_mul(s, s)) % P | unsafe_mul(t, unsafe_mul(t, t)) % P << 64
            | unsafe_mul(v, unsafe_mul(v, v)) % P << 128 | unsafe_mul(u, unsafe_mul(u, u)) % P << 192
        )
    return self._external(cubes, k)
