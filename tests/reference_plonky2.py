"""The verifier of the final plonky2 proof written for reading: provers/plonky2/L1.md on Python integers.

Written from the protocol (eprint 2019/953, 2019/458, the FRI of plonky2 1.1.0); shares nothing with contracts
or prover. Elements of K = GF(p²) are pairs (u, v) = u + v·X with X² = 7; elements of K[Y]/(Y² - 7), which
the gates compute with, are pairs of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise

import reference_goldilocks as goldilocks
from eth_utils.crypto import keccak

P = goldilocks.P
GENERATOR = 14293326489335486720
"""Of the multiplicative group: plonky2's choice."""
ROOT_OF_UNITY = 7277203076849721926
"""Of order 2^32: plonky2's choice."""

K = tuple[int, int]
Algebra = tuple[K, K]
ZERO: K = (0, 0)
ONE: K = (1, 0)


# K and K[Y]


def add(*xs: K) -> K:
    return sum(x[0] for x in xs) % P, sum(x[1] for x in xs) % P


def sub(x: K, y: K) -> K:
    return (x[0] - y[0]) % P, (x[1] - y[1]) % P


def mul(*xs: K) -> K:
    def product(x: K, y: K) -> K:
        return (x[0] * y[0] + 7 * x[1] * y[1]) % P, (x[0] * y[1] + x[1] * y[0]) % P

    return reduce(product, xs, ONE)


def scale(x: K, c: int) -> K:
    return x[0] * c % P, x[1] * c % P


def power(x: K, n: int) -> K:
    result = ONE
    for bit in bin(n)[2:]:
        result = mul(result, result)
        if bit == "1":
            result = mul(result, x)
    return result


def inverse(x: K) -> K:
    return power(x, P * P - 2)


def add2(x: Algebra, y: Algebra) -> Algebra:
    return add(x[0], y[0]), add(x[1], y[1])


def sub2(x: Algebra, y: Algebra) -> Algebra:
    return sub(x[0], y[0]), sub(x[1], y[1])


def mul2(x: Algebra, y: Algebra) -> Algebra:
    return add(mul(x[0], y[0]), scale(mul(x[1], y[1]), 7)), add(mul(x[0], y[1]), mul(x[1], y[0]))


def scale2(x: Algebra, c: K) -> Algebra:
    return mul(x[0], c), mul(x[1], c)


def powers_sum(values: Sequence[K], x: K) -> K:
    """values[0] + values[1]·x + values[2]·x² + …"""
    result = ZERO
    for value in reversed(values):
        result = add(mul(result, x), value)
    return result


def root_of_unity(bits: int) -> int:
    return pow(ROOT_OF_UNITY, 2 ** (32 - bits), P)


def hash_inputs(inputs: Sequence[int]) -> list[int]:
    """Poseidon in overwrite mode, eight at a time, no padding."""
    state = [0] * 12
    for at in range(0, len(inputs), 8):
        group = inputs[at : at + 8]
        state = goldilocks.permute([*group, *state[len(group) :]])
    return state[:4]


# Gates: from the wires, constants and the public inputs' hash to the constraints


@dataclass(frozen=True)
class Row:
    wires: Sequence[K]
    constants: Sequence[K]
    inputs_hash: Sequence[int]

    def algebra(self, at: int) -> Algebra:
        return self.wires[at], self.wires[at + 1]

    def algebras(self, at: int, count: int) -> list[Algebra]:
        return [self.algebra(at + 2 * i) for i in range(count)]


def noop(_: Row) -> list[K]:
    return []


def constant(row: Row, count: int) -> list[K]:
    return [sub(row.constants[i], row.wires[i]) for i in range(count)]


def public_input(row: Row) -> list[K]:
    return [sub(row.wires[i], (row.inputs_hash[i], 0)) for i in range(4)]


def bit_constraint(b: K) -> K:
    return mul(b, sub(b, ONE))


def base_sum(row: Row, limbs: int) -> list[K]:
    bits = row.wires[1 : 1 + limbs]
    return [sub(powers_sum(bits, (2, 0)), row.wires[0]), *map(bit_constraint, bits)]


def arithmetic(row: Row, operations: int) -> list[K]:
    found = []
    for i in range(operations):
        x, y, z, out = row.wires[4 * i : 4 * i + 4]
        found.append(sub(out, add(mul(x, y, row.constants[0]), mul(z, row.constants[1]))))
    return found


def arithmetic_extension(row: Row, operations: int) -> list[K]:
    found: list[K] = []
    for i in range(operations):
        x, y, z, out = row.algebras(8 * i, 4)
        value = add2(scale2(mul2(x, y), row.constants[0]), scale2(z, row.constants[1]))
        found += sub2(out, value)
    return found


def mul_extension(row: Row, operations: int) -> list[K]:
    found: list[K] = []
    for i in range(operations):
        x, y, out = row.algebras(6 * i, 3)
        found += sub2(out, scale2(mul2(x, y), row.constants[0]))
    return found


def reducing(row: Row, count: int, size: int = 1) -> list[K]:
    out, alpha, acc = row.algebras(0, 3)
    accs = [*row.algebras(6 + size * count, count - 1), out]
    found: list[K] = []
    for i in range(count):
        at = 6 + size * i
        coefficient = (row.wires[at], row.wires[at + 1] if size == 2 else ZERO)
        found += sub2(add2(mul2(acc, alpha), coefficient), accs[i])
        acc = accs[i]
    return found


def reducing_extension(row: Row, count: int) -> list[K]:
    return reducing(row, count, 2)


def exponentiation(row: Row, bits: int) -> list[K]:
    base, out = row.wires[0], row.wires[1 + bits]
    values = row.wires[2 + bits : 2 + 2 * bits]
    found = []
    for i in range(bits):
        before = mul(values[i - 1], values[i - 1]) if i else ONE
        bit = row.wires[bits - i]
        factor = add(mul(bit, base), sub(ONE, bit))
        found.append(sub(mul(before, factor), values[i]))
    return [*found, sub(out, values[-1])]


def random_access(row: Row, bits: int, copies: int, extra: int) -> list[K]:
    size = 2 + 2**bits
    found = []
    for copy in range(copies):
        index, claimed, *items = row.wires[size * copy : size * (copy + 1)]
        at = size * copies + extra + bits * copy
        own = row.wires[at : at + bits]
        found += map(bit_constraint, own)
        found.append(sub(powers_sum(own, (2, 0)), index))
        for b in own:
            items = [add(x, mul(b, sub(y, x))) for x, y in zip(items[::2], items[1::2], strict=True)]
        found.append(sub(items[0], claimed))
    return found + [sub(row.constants[i], row.wires[size * copies + i]) for i in range(extra)]


def coset_interpolation(row: Row, bits: int, degree: int) -> list[K]:
    points = 2**bits
    shift = row.wires[0]
    values = row.algebras(1, points)
    at = 1 + 2 * points
    point, result = row.algebras(at, 2)
    count = (points - 2) // (degree - 1)
    sums = row.algebras(at + 4, count)
    products = row.algebras(at + 4 + 2 * count, count)
    shifted = row.algebra(at + 4 + 4 * count)
    found: list[K] = [*sub2(point, scale2(shifted, shift))]

    domain = [pow(root_of_unity(bits), i, P) for i in range(points)]
    weights = []
    for i, x in enumerate(domain):
        others = reduce(lambda a, b: a * b % P, (x - y for j, y in enumerate(domain) if i != j))
        weights.append(pow(others, -1, P))
    total: Algebra = (ZERO, ZERO)
    product: Algebra = (ONE, ZERO)
    for i in range(points):
        if i >= degree and (i - degree) % (degree - 1) == 0:
            step = (i - degree) // (degree - 1)
            found += [*sub2(sums[step], total), *sub2(products[step], product)]
            total, product = sums[step], products[step]
        factor = sub2(shifted, ((domain[i], 0), ZERO))
        weighted = scale2(mul2(values[i], product), (weights[i], 0))
        total = add2(mul2(total, factor), weighted)
        product = mul2(product, factor)
    return [*found, *sub2(result, total)]


def mix(state: Sequence[K]) -> list[K]:
    return [add(*(scale(x, c) for x, c in zip(state, r, strict=True))) for r in goldilocks.MATRIX]


def poseidon_mds(row: Row) -> list[K]:
    inputs, outputs = row.algebras(0, 12), row.algebras(24, 12)
    halves = [mix([x[i] for x in inputs]) for i in range(2)]
    found: list[K] = []
    for i in range(12):
        found += sub2(outputs[i], (halves[0][i], halves[1][i]))
    return found


def poseidon(row: Row) -> list[K]:
    w = row.wires
    swap, deltas = w[24], w[25:29]
    found = [bit_constraint(swap)]
    found += [sub(mul(swap, sub(w[i + 4], w[i])), deltas[i]) for i in range(4)]
    left = [add(w[i], deltas[i]) for i in range(4)]
    right = [sub(w[i + 4], deltas[i]) for i in range(4)]
    state = [*left, *right, *w[8:12]]
    entered = iter(w[29:])
    for number, constants in enumerate(goldilocks.round_constants()):
        state = [add(x, (c, 0)) for x, c in zip(state, constants, strict=True)]
        full = number < 4 or number >= 26
        for i in range(12 if full else 1):
            if number:
                wire = next(entered)
                found.append(sub(state[i], wire))
                state[i] = wire
            state[i] = power(state[i], 7)
        state = mix(state)
    return found + [sub(state[i], w[12 + i]) for i in range(12)]


GATES: list[tuple[str, Callable[..., list[K]]]] = [
    (r"NoopGate", noop),
    (r"ConstantGate \{ num_consts: (\d+) \}", constant),
    (r"PublicInputGate", public_input),
    (r"BaseSumGate \{ num_limbs: (\d+) \} \+ Base: 2", base_sum),
    (r"ArithmeticGate \{ num_ops: (\d+) \}", arithmetic),
    (r"ArithmeticExtensionGate \{ num_ops: (\d+) \}", arithmetic_extension),
    (r"MulExtensionGate \{ num_ops: (\d+) \}", mul_extension),
    (r"ReducingGate \{ num_coeffs: (\d+) \}", reducing),
    (r"ReducingExtensionGate \{ num_coeffs: (\d+) \}", reducing_extension),
    (r"ExponentiationGate \{ num_power_bits: (\d+),.*", exponentiation),
    (r"RandomAccessGate \{ bits: (\d+), num_copies: (\d+), num_extra_constants: (\d+),.*", random_access),
    (r"CosetInterpolationGate \{ subgroup_bits: (\d+), degree: (\d+),.*", coset_interpolation),
    (r"PoseidonMdsGate\(.*", poseidon_mds),
    (r"PoseidonGate\(.*", poseidon),
]


def gate_of(name: str) -> Callable[[Row], list[K]]:
    """The gate that plonky2 gives this id."""
    for pattern, gate in GATES:
        found = re.fullmatch(pattern, name)
        if found:
            parameters = [int(n) for n in found.groups()]
            return lambda row: gate(row, *parameters)
    raise ValueError(f"gate: expected one of those that the final circuit may have, got {name}")


# The circuit


@dataclass(frozen=True)
class Gate:
    """One kind of row. Its selector is ``row`` on its rows, and none of ``group``'s others."""

    name: str
    row: int
    selector: int
    group: tuple[int, int]
    """First row, and the row behind the last, of those that share the selector."""


UNUSED_SELECTOR = 2**32 - 1


@dataclass(frozen=True)
class Circuit:
    gates: Sequence[Gate]
    selectors: int
    constants: int
    """Selectors and the gates' own."""
    routed: int
    wires: int
    challenges: int
    partials: int
    """Partial products a challenge."""
    quotient_factor: int
    gate_constraints: int
    degree_bits: int
    rate_bits: int
    cap_height: int
    grinding_bits: int
    queries: int
    arities: Sequence[int]
    """Bits of each folding."""

    @property
    def columns(self) -> list[int]:
        """Polynomials of each of the four trees."""
        c = self.challenges
        return [
            self.constants + self.routed,
            self.wires,
            c * (1 + self.partials),
            c * self.quotient_factor,
        ]

    @property
    def openings(self) -> int:
        return sum(self.columns) + self.challenges

    @property
    def lde_bits(self) -> int:
        return self.degree_bits + self.rate_bits


@dataclass(frozen=True)
class Openings:
    """Of all polynomials at zeta, in the order of the trees; then of the Zs at g·zeta."""

    circuit: Circuit
    values: Sequence[K]

    def _cut(self, start: int, count: int) -> Sequence[K]:
        return self.values[start : start + count]

    @property
    def constants(self) -> Sequence[K]:
        return self._cut(0, self.circuit.constants)

    @property
    def sigmas(self) -> Sequence[K]:
        return self._cut(self.circuit.constants, self.circuit.routed)

    @property
    def wires(self) -> Sequence[K]:
        return self._cut(self.circuit.columns[0], self.circuit.wires)

    @property
    def zs(self) -> Sequence[K]:
        return self._cut(sum(self.circuit.columns[:2]), self.circuit.challenges)

    def partials(self, challenge: int) -> Sequence[K]:
        c = self.circuit
        return self._cut(sum(c.columns[:2]) + c.challenges + challenge * c.partials, c.partials)

    def quotients(self, challenge: int) -> Sequence[K]:
        c = self.circuit
        return self._cut(sum(c.columns[:3]) + challenge * c.quotient_factor, c.quotient_factor)

    @property
    def zs_next(self) -> Sequence[K]:
        return self._cut(sum(self.circuit.columns), self.circuit.challenges)


def gate_terms(circuit: Circuit, openings: Openings, inputs_hash: Sequence[int]) -> list[K]:
    """The constraints of all gates at zeta, each gate's filtered by its selector."""
    row = Row(openings.wires, openings.constants[circuit.selectors :], inputs_hash)
    terms = [ZERO] * circuit.gate_constraints
    for gate in circuit.gates:
        selector = openings.constants[gate.selector]
        others = [i for i in range(*gate.group) if i != gate.row]
        if circuit.selectors > 1:
            others.append(UNUSED_SELECTOR)
        weight = mul(*(sub((i, 0), selector) for i in others))
        for i, value in enumerate(gate_of(gate.name)(row)):
            terms[i] = add(terms[i], mul(weight, value))
    return terms


@dataclass(frozen=True)
class Challenges:
    betas: Sequence[int]
    gammas: Sequence[int]
    alphas: Sequence[int]
    zeta: K


def vanishing(
    circuit: Circuit, openings: Openings, challenges: Challenges, inputs_hash: Sequence[int]
) -> list[K]:
    """The vanishing polynomial at zeta, for each alpha."""
    zeta, n = challenges.zeta, 2**circuit.degree_bits
    lagrange = mul(sub(power(zeta, n), ONE), inverse(scale(sub(zeta, ONE), n)))
    terms = [mul(lagrange, sub(z, ONE)) for z in openings.zs]
    for i in range(circuit.challenges):
        beta, gamma = challenges.betas[i], (challenges.gammas[i], 0)
        accumulators = [openings.zs[i], *openings.partials(i), openings.zs_next[i]]
        for chunk, ends in enumerate(pairwise(accumulators)):
            before, after = ends
            start = chunk * circuit.quotient_factor
            for j in range(start, min(start + circuit.quotient_factor, circuit.routed)):
                own = scale(zeta, pow(GENERATOR, j, P))
                before = mul(before, add(openings.wires[j], scale(own, beta), gamma))
                after = mul(after, add(openings.wires[j], scale(openings.sigmas[j], beta), gamma))
            terms.append(sub(before, after))
    terms += gate_terms(circuit, openings, inputs_hash)
    return [powers_sum(terms, (alpha, 0)) for alpha in challenges.alphas]


def quotients(circuit: Circuit, openings: Openings, zeta: K) -> list[K]:
    """Z_H(zeta) · quotient(zeta), for each alpha."""
    zeta_n = power(zeta, 2**circuit.degree_bits)
    return [
        mul(sub(zeta_n, ONE), powers_sum(openings.quotients(i), zeta_n)) for i in range(circuit.challenges)
    ]


# The transcript and the trees


def elements(data: bytes) -> list[int]:
    return [int.from_bytes(data[i : i + 8], "big") for i in range(0, len(data), 8)]


def encoded(values: Sequence[int]) -> bytes:
    return b"".join(value.to_bytes(8, "big") for value in values)


def extensions(data: bytes) -> list[K]:
    flat = elements(data)
    return list(zip(flat[::2], flat[1::2], strict=True))


def digest(data: bytes) -> bytes:
    """keccak256 whose four words have lost their top bits."""
    return encoded([word % 2**63 for word in elements(keccak(data))])


@dataclass
class Transcript:
    """plonky2's challenger over a permutation of our own: 12 elements are absorbed by one keccak256."""

    state: bytes = bytes(32)
    pending: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def absorb(self, values: Sequence[int]) -> None:
        for value in values:
            self.outputs.clear()
            self.pending.append(value)
            if len(self.pending) == 12:
                self._permute()

    def _permute(self) -> None:
        block = self.pending + [0] * (12 - len(self.pending))
        self.state = keccak(self.state + encoded(block))
        self.pending = []
        self.outputs = [int.from_bytes(half, "big") % P for half in (self.state[16:], self.state[:16])]

    def draw(self) -> int:
        if self.pending or not self.outputs:
            self._permute()
        return self.outputs.pop()

    def draws(self, count: int) -> list[int]:
        return [self.draw() for _ in range(count)]

    def draw_extension(self) -> K:
        return self.draw(), self.draw()


class Refused(Exception):
    """The proof does not verify; the message says which check failed."""


def require(holds: bool, check: str) -> None:
    if not holds:
        raise Refused(check)


def climb(leaf: bytes, path: Sequence[bytes], index: int) -> tuple[bytes, int]:
    """The digest at the top of the path, and its place in the cap."""
    node = digest(leaf)
    for sibling in path:
        node = digest(sibling + node if index & 1 else node + sibling)
        index >>= 1
    return node, index


def reverse_bits(value: int, bits: int) -> int:
    return int(f"{value:0{bits}b}"[::-1], 2) if bits else 0


def interpolate(points: Sequence[int], values: Sequence[K], x: K) -> K:
    """The polynomial through the points, at x."""
    total = ZERO
    for i, point in enumerate(points):
        term = values[i]
        for j, other in enumerate(points):
            if i != j:
                term = mul(term, sub(x, (other, 0)), (pow(point - other, -1, P), 0))
        total = add(total, term)
    return total


# The proof


@dataclass
class Reader:
    data: bytes
    offset: int = 0

    def take(self, size: int) -> bytes:
        self.offset += size
        return self.data[self.offset - size : self.offset]

    def digests(self, count: int) -> list[bytes]:
        return [self.take(32) for _ in range(count)]


def proof_bytes(circuit: Circuit) -> int:
    cap = 32 * 2**circuit.cap_height
    levels = circuit.lde_bits - circuit.cap_height
    query = 8 * sum(circuit.columns) + 4 * 32 * levels
    for bits in circuit.arities:
        levels -= bits
        query += 16 * (2**bits - 1) + 32 * levels
    final = 16 * 2 ** (circuit.degree_bits - sum(circuit.arities))
    return (3 + len(circuit.arities)) * cap + 16 * circuit.openings + final + 8 + circuit.queries * query


def transcript_header(circuit: Circuit) -> list[int]:
    """What plonky2 absorbs of its FRI parameters."""
    return [
        circuit.rate_bits,
        circuit.cap_height,
        circuit.grinding_bits,
        0,
        *circuit.arities,
        circuit.queries,
        0,
        circuit.degree_bits,
        *circuit.arities,
    ]


@dataclass(frozen=True)
class Key:
    """Pins a program and batch size."""

    circuit_digest: bytes
    cap: Sequence[bytes]


def verify(circuit: Circuit, key: Key, inputs: Sequence[int], proof: bytes) -> None:  # noqa: PLR0915
    """Raises :class:`Refused` unless the proof is one of the inputs' statement."""
    require(len(proof) == proof_bytes(circuit), "length")
    require(all(x < P for x in inputs), "inputs")
    reader = Reader(proof)
    cap_size = 2**circuit.cap_height
    caps = [list(key.cap), *(reader.digests(cap_size) for _ in range(3))]
    opened = reader.take(16 * circuit.openings)
    layer_caps = [reader.digests(cap_size) for _ in circuit.arities]
    final = reader.take(16 * 2 ** (circuit.degree_bits - sum(circuit.arities)))
    witness = reader.take(8)
    require(all(x < P for x in elements(opened + final + witness)), "element")
    for cap in [*caps[1:], *layer_caps]:
        require(all(x < 2**63 for entry in cap for x in elements(entry)), "digest")

    transcript = Transcript()
    transcript.absorb(transcript_header(circuit))
    inputs_hash = hash_inputs(inputs)
    transcript.absorb([*elements(key.circuit_digest), *inputs_hash])
    drawn: list[list[int]] = []
    for cap in caps[1:3]:
        transcript.absorb(elements(b"".join(cap)))
        drawn += [transcript.draws(circuit.challenges) for _ in range(1 if drawn else 2)]
    transcript.absorb(elements(b"".join(caps[3])))
    challenges = Challenges(drawn[0], drawn[1], drawn[2], transcript.draw_extension())

    openings = Openings(circuit, extensions(opened))
    left = vanishing(circuit, openings, challenges, inputs_hash)
    require(left == quotients(circuit, openings, challenges.zeta), "identity")

    transcript.absorb(elements(opened))
    alpha = transcript.draw_extension()
    betas = []
    for cap in layer_caps:
        transcript.absorb(elements(b"".join(cap)))
        betas.append(transcript.draw_extension())
    transcript.absorb(elements(final + witness))
    require(transcript.draw() < 2 ** (64 - circuit.grinding_bits), "grinding")
    indices = [x % 2**circuit.lde_bits for x in transcript.draws(circuit.queries)]

    everything = sum(circuit.columns)
    zeta_next = scale(challenges.zeta, root_of_unity(circuit.degree_bits))
    zs_start = sum(circuit.columns[:2])
    opened_here = powers_sum(openings.values[:everything], alpha)
    opened_next = powers_sum(openings.zs_next, alpha)
    for index in indices:
        levels = circuit.lde_bits - circuit.cap_height
        row: list[int] = []
        for count, cap in zip(circuit.columns, caps, strict=True):
            leaf = reader.take(8 * count)
            node, top = climb(leaf, reader.digests(levels), index)
            require(node == cap[top], "tree")
            row += elements(leaf)
        require(all(x < P for x in row), "element")
        x = GENERATOR * pow(root_of_unity(circuit.lde_bits), reverse_bits(index, circuit.lde_bits), P) % P
        columns: list[K] = [(value, 0) for value in row]
        here = sub(powers_sum(columns, alpha), opened_here)
        after = columns[zs_start : zs_start + circuit.challenges]
        there = sub(powers_sum(after, alpha), opened_next)
        value = add(
            mul(here, inverse(sub((x, 0), challenges.zeta)), power(alpha, circuit.challenges)),
            mul(there, inverse(sub((x, 0), zeta_next))),
        )
        for bits, cap, beta in zip(circuit.arities, layer_caps, betas, strict=True):
            place = index % 2**bits
            index >>= bits  # noqa: PLW2901
            levels -= bits
            values = extensions(reader.take(16 * (2**bits - 1)))
            require(all(part < P for pair in values for part in pair), "element")
            values.insert(place, value)
            leaf = encoded([part for pair in values for part in pair])
            node, top = climb(leaf, reader.digests(levels), index)
            require(node == cap[top], "folding")
            root = root_of_unity(bits)
            first = x * pow(root, -reverse_bits(place, bits), P) % P
            points = [first * pow(root, reverse_bits(i, bits), P) % P for i in range(2**bits)]
            value = interpolate(points, values, beta)
            x = pow(x, 2**bits, P)
        require(powers_sum(extensions(final), (x, 0)) == value, "final polynomial")
