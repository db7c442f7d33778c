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
# A state is four words of four lanes of 64 bits: word j has places 4 + j, 12 + j, j and 8 + j, the first lowest, so
# that elements of one digest are 128 bits apart, as PAIR takes them.
ONES: constant(uint256) = 1 + 2 ** 64 + 2 ** 128 + 2 ** 192
PAIR: constant(uint256) = MASK32 | (MASK32 << 128)

MAX_INTS: constant(uint256) = 64
MAX_KEYS: constant(uint256) = 8
MAX_MAPS: constant(uint256) = 8
MAX_DEPTH: constant(uint256) = 32
MAX_GROUPS: constant(uint256) = 48  # 2·MAX_INTS / 4 + MAX_KEYS + MAX_MAPS

LEAF: constant(uint256) = 2  # tags
STATE_ROOT: constant(uint256) = 3

# Round constants: Plonky3/Plonky3, koala-bear/src/poseidon2.rs. Those of a full round are packed like the state,
# and added at the end of the round before: the last of a half adds none, and those before LAST are in _permute.
FIRST: constant(DynArray[uint256[4], 5]) = [
    [
        5584874173189038745922952506348930713510421619950357659310256863189,
        55656022970433771277709111693735145884223411863861022256026837224,
        4278324867744134901686672673781971283064120053585573412559984890054,
        2630481161015440484334092912041300664134915633706752321260905009653,
    ],
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
LAST: constant(DynArray[uint256[4], 5]) = [
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
PARTIAL: constant(uint256[4][5]) = [
    [1423960925, 2101391318, 1915532054, 275400051],
    [1168624859, 1141248885, 356546469, 1165250474],
    [1320543726, 932505663, 1204226364, 1452576828],
    [1774936729, 926808140, 1184948056, 1186493834],
    [843181003, 185193011, 452207447, 510054082],
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
    w: uint256[4] = [
        ((left >> 96) & PAIR) | (((right >> 96) & PAIR) << 64),
        ((left >> 64) & PAIR) | (((right >> 64) & PAIR) << 64),
        ((left >> 32) & PAIR) | (((right >> 32) & PAIR) << 64),
        (left & PAIR) | ((right & PAIR) << 64),
    ]
    w = self._half(w, FIRST)

    # Partial rounds, four at a time. The matrix is that of ones plus a diagonal f: a round brings place i > 0 from
    # s to f_i s + a, where a is the sum of all places after the cube, and four bring it to f_i^4 s + f_i^3 a +
    # f_i^2 b + f_i c + d. The sum of round t (from 0) takes that of all f_i^t s, and of each sum before it a
    # multiple: the sum of f_i^0, f_i^1 or f_i^2. Sums of four products come as lane 3 of a product of two words, of
    # which one has its lanes in the other's reverse order: all lanes are below p, and 4 p^2 < 2^64. Place 0 is kept
    # apart.
    s0: uint256 = ((w[0] >> 128) & MASK64) % P
    s1: uint256 = ((w[1] >> 128) & MASK64) % P
    s2: uint256 = ((w[2] >> 128) & MASK64) % P
    s3: uint256 = ((w[3] >> 128) & MASK64) % P
    s4: uint256 = (w[0] & MASK64) % P
    s5: uint256 = (w[1] & MASK64) % P
    s6: uint256 = (w[2] & MASK64) % P
    s7: uint256 = (w[3] & MASK64) % P
    s8: uint256 = (w[0] >> 192) % P
    s9: uint256 = (w[1] >> 192) % P
    s10: uint256 = (w[2] >> 192) % P
    s11: uint256 = (w[3] >> 192) % P
    s12: uint256 = ((w[0] >> 64) & MASK64) % P
    s13: uint256 = ((w[1] >> 64) & MASK64) % P
    s14: uint256 = ((w[2] >> 64) & MASK64) % P
    s15: uint256 = ((w[3] >> 64) & MASK64) % P
    w0: uint256 = s4 | (s12 << 64) | (s8 << 192)
    w1: uint256 = s5 | (s13 << 64) | (s1 << 128) | (s9 << 192)
    w2: uint256 = s6 | (s14 << 64) | (s2 << 128) | (s10 << 192)
    w3: uint256 = s7 | (s15 << 64) | (s3 << 128) | (s11 << 192)
    x: uint256 = 0
    a: uint256 = 0
    b: uint256 = 0
    c: uint256 = 0
    d: uint256 = 0
    for k: uint256[4] in PARTIAL:
        x = unsafe_add(s0, k[0])
        x = unsafe_mul(x, unsafe_mul(x, x)) % P
        a = (
            unsafe_add(x,
            unsafe_add(unsafe_mul(w0, 6277101735386680764176071790128604879565730051895802724353) >> 192,
            unsafe_add(unsafe_mul(w1, 6277101735386680764176071790128604879584176795969512275969) >> 192,
            unsafe_add(unsafe_mul(w2, 6277101735386680764176071790128604879584176795969512275969) >> 192,
            unsafe_mul(w3, 6277101735386680764176071790128604879584176795969512275969) >> 192))))
        ) % P
        s0 = unsafe_add(a, unsafe_sub(2 * P, x << 1))
        x = unsafe_add(s0, k[1])
        x = unsafe_mul(x, unsafe_mul(x, x)) % P
        b = (
            unsafe_add(x,
            unsafe_add(unsafe_mul(a, 15),
            unsafe_add(unsafe_mul(w0, 18831305206162874486147581658761974284527692675305493757949) >> 192,
            unsafe_add(unsafe_mul(w1, 25108406941637353283829986145277866823487911463092274397185) >> 192,
            unsafe_add(unsafe_mul(w2, 6687330520953381355363109872156486678473439137501783523378182750209) >> 192,
            unsafe_mul(w3, 13374661029352559239862228031370426657063181441655703540143851831170) >> 192)))))
        ) % P
        s0 = unsafe_add(b, unsafe_sub(2 * P, x << 1))
        x = unsafe_add(s0, k[2])
        x = unsafe_mul(x, unsafe_mul(x, x)) % P
        c = (
            unsafe_add(x,
            unsafe_add(unsafe_mul(a, 133169155),
            unsafe_add(unsafe_mul(b, 15),
            unsafe_add(unsafe_mul(w0, 56493915619205157639496701461816221359629680315242423255056) >> 192,
            unsafe_add(unsafe_mul(w1, 100433627766900605271046687201265310248717346624569557876993) >> 192,
            unsafe_add(unsafe_mul(w2, 10030995787707173769085582534300094698941996952801537062537034727425) >> 192,
            unsafe_mul(w3, 56493915618480132362936400876714953392894172129035538153217) >> 192))))))
        ) % P
        s0 = unsafe_add(c, unsafe_sub(2 * P, x << 1))
        x = unsafe_add(s0, k[3])
        x = unsafe_mul(x, unsafe_mul(x, x)) % P
        d = (
            unsafe_add(x,
            unsafe_add(unsafe_mul(a, 990412858),
            unsafe_add(unsafe_mul(b, 133169155),
            unsafe_add(unsafe_mul(c, 15),
            unsafe_add(unsafe_mul(w0, 169481746855440380666782175025566178094612172144365625409473) >> 192,
            unsafe_add(unsafe_mul(w1, 401734511064748984982810629779860138148679508360729678839682) >> 192,
            unsafe_add(unsafe_mul(w2, 1671832630238345338829625701643281449883645579395080240123443445761) >> 192,
            unsafe_mul(w3, 13374660878702117590582586684711220513827346316611834195734763191938) >> 192)))))))
        ) % P
        s0 = unsafe_add(d, unsafe_sub(2 * P, x << 1))
        x = a | (b << 64) | (c << 128) | (d << 192)
        s1 = unsafe_add(
            unsafe_mul(x, 6277101735386680764176071790128604879584176795969512275969) >> 192,
            s1
        ) % P
        s2 = unsafe_add(
            unsafe_mul(x, 50216813883093446112047444853345085182709235473586768052225) >> 192,
            unsafe_mul(s2, 16)
        ) % P
        s3 = unsafe_add(
            unsafe_mul(x, 11702828417945519107736602961444919296268681608454109842930669715457) >> 192,
            unsafe_mul(s3, 1997537281)
        ) % P
        s4 = unsafe_add(
            unsafe_mul(x, 169481746855440380626628855728895439405989308699635974406145) >> 192,
            unsafe_mul(s4, 81)
        ) % P
        s5 = unsafe_add(
            unsafe_mul(x, 401734511064747568890935040956025666046038529140901338415105) >> 192,
            unsafe_mul(s5, 256)
        ) % P
        s6 = unsafe_add(
            unsafe_mul(x, 1671832630238345339373230060739521194686257355431004807419805040641) >> 192,
            unsafe_mul(s6, 1997537281)
        ) % P
        s7 = unsafe_add(
            unsafe_mul(x, 13374660878702117590581889659158161203428101064589284375699138805761) >> 192,
            unsafe_mul(s7, 81)
        ) % P
        s8 = unsafe_add(
            unsafe_mul(x, 13374660646449353381274701399615929113191012913027308438478529757185) >> 192,
            unsafe_mul(s8, 256)
        ) % P
        s9 = unsafe_add(
            unsafe_mul(x, 13374660250991944052638844037491274233320083364368098951791827222529) >> 192,
            unsafe_mul(s9, 1057030144)
        ) % P
        s10 = unsafe_add(
            unsafe_mul(x, 13348538663336390300816773193562892818417781712901215977335785783297) >> 192,
            unsafe_mul(s10, 2130186241)
        ) % P
        s11 = unsafe_add(
            unsafe_mul(x, 13361803139699827870719207522230152006206710335511759338784025477121) >> 192,
            unsafe_mul(s11, 260144641)
        ) % P
        s12 = unsafe_add(
            unsafe_mul(x, 797191920394833487772119853400321011993286713819903683461121) >> 192,
            unsafe_mul(s12, 1057030144)
        ) % P
        s13 = unsafe_add(
            unsafe_mul(x, 26122384847474146632923185447154369214161597459059702365830512641) >> 192,
            unsafe_mul(s13, 2130186241)
        ) % P
        s14 = unsafe_add(
            unsafe_mul(x, 3265298105934268962110900566333839770354353471915356327279329281) >> 192,
            unsafe_mul(s14, 2130673921)
        ) % P
        s15 = unsafe_add(
            unsafe_mul(x, 12857908484036575303073734260374457172892194264177336758225076225) >> 192,
            unsafe_mul(s15, 260144641)
        ) % P
        w0 = s4 | (s12 << 64) | (s8 << 192)
        w1 = s5 | (s13 << 64) | (s1 << 128) | (s9 << 192)
        w2 = s6 | (s14 << 64) | (s2 << 128) | (s10 << 192)
        w3 = s7 | (s15 << 64) | (s3 << 128) | (s11 << 192)

    w = [
        unsafe_add(w0 | (s0 << 128), 3997965193026744586438992409162612598725472772653115524258648184360),
        unsafe_add(w1, 1928328823047164701138815355614090866322213776642192493186006176962),
        unsafe_add(w2, 2449825212674446297293054394916929012767028067164905457866619644405),
        unsafe_add(w3, 12553679238621930709184967987124858501490150344485921075996674187462),
    ]
    w = self._half(w, LAST)

    first: uint256 = 0
    second: uint256 = 0
    for j: uint256 in range(4):
        u: uint256 = unsafe_add(w[j], (added >> unsafe_sub(96, 32 * j)) & PAIR)
        first |= ((u & MASK64) % P | ((u >> 128) & MASK64) % P << 128) << unsafe_sub(96, 32 * j)
        second |= (((u >> 64) & MASK64) % P | (u >> 192) % P << 128) << unsafe_sub(96, 32 * j)
    return first, second


@internal
@pure
def _half(state: uint256[4], rounds: DynArray[uint256[4], 5]) -> uint256[4]:
    """
    @dev FIRST or LAST: cubes, the matrix circ(2M, M, M, M) with M = circ(2, 3, 1, 1), and constants; before the first
         round only matrix and constants. A product with ONES modulo 2^256 - 1 has the sum of all lanes in each.
    """
    w0: uint256 = state[0]
    w1: uint256 = state[1]
    w2: uint256 = state[2]
    w3: uint256 = state[3]
    s: uint256 = 0
    t: uint256 = 0
    u: uint256 = 0
    v: uint256 = 0
    cubed: bool = len(rounds) == 4
    for k: uint256[4] in rounds:
        if cubed:
            # Lanes are far below 2^85, whose cubes do not overflow.
            s = w0 & MASK64
            t = (w0 >> 64) & MASK64
            u = (w0 >> 128) & MASK64
            v = w0 >> 192
            w0 = (
                unsafe_mul(s, unsafe_mul(s, s)) % P | unsafe_mul(t, unsafe_mul(t, t)) % P << 64
                | unsafe_mul(u, unsafe_mul(u, u)) % P << 128 | unsafe_mul(v, unsafe_mul(v, v)) % P << 192
            )
            s = w1 & MASK64
            t = (w1 >> 64) & MASK64
            u = (w1 >> 128) & MASK64
            v = w1 >> 192
            w1 = (
                unsafe_mul(s, unsafe_mul(s, s)) % P | unsafe_mul(t, unsafe_mul(t, t)) % P << 64
                | unsafe_mul(u, unsafe_mul(u, u)) % P << 128 | unsafe_mul(v, unsafe_mul(v, v)) % P << 192
            )
            s = w2 & MASK64
            t = (w2 >> 64) & MASK64
            u = (w2 >> 128) & MASK64
            v = w2 >> 192
            w2 = (
                unsafe_mul(s, unsafe_mul(s, s)) % P | unsafe_mul(t, unsafe_mul(t, t)) % P << 64
                | unsafe_mul(u, unsafe_mul(u, u)) % P << 128 | unsafe_mul(v, unsafe_mul(v, v)) % P << 192
            )
            s = w3 & MASK64
            t = (w3 >> 64) & MASK64
            u = (w3 >> 128) & MASK64
            v = w3 >> 192
            w3 = (
                unsafe_mul(s, unsafe_mul(s, s)) % P | unsafe_mul(t, unsafe_mul(t, t)) % P << 64
                | unsafe_mul(u, unsafe_mul(u, u)) % P << 128 | unsafe_mul(v, unsafe_mul(v, v)) % P << 192
            )
        cubed = True
        s = unsafe_add(unsafe_add(w0, w1), unsafe_add(w2, w3))
        t = w0
        w0 = unsafe_add(s, unsafe_add(w0, w1 << 1))
        w1 = unsafe_add(s, unsafe_add(w1, w2 << 1))
        w2 = unsafe_add(s, unsafe_add(w2, w3 << 1))
        w3 = unsafe_add(s, unsafe_add(w3, t << 1))
        w0 = unsafe_add(unsafe_add(w0, k[0]), uint256_mulmod(w0, ONES, max_value(uint256)))
        w1 = unsafe_add(unsafe_add(w1, k[1]), uint256_mulmod(w1, ONES, max_value(uint256)))
        w2 = unsafe_add(unsafe_add(w2, k[2]), uint256_mulmod(w2, ONES, max_value(uint256)))
        w3 = unsafe_add(unsafe_add(w3, k[3]), uint256_mulmod(w3, ONES, max_value(uint256)))
    return [w0, w1, w2, w3]
