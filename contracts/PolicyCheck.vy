# pragma version 0.4.3
# pragma optimize codesize
"""
@title What a policy must be (docs/settlement.md)
@notice No state, no owner.
"""

MAX_SUITES: constant(uint256) = 4
MAX_TYPES: constant(uint256) = 8
MAX_TIERS: constant(uint256) = 4
MAX_ALTERNATIVES: constant(uint256) = 6
UNLIMITED: constant(uint256) = 2 ** 64 - 1
MAX_WEIGHT: constant(uint256) = 255     # of all types together
# Tightening takes effect at once, so it must not be a way to stop the chain.
MAX_DELAY: constant(uint256) = 30 * 86400

struct Alternative:
    types: uint256          # bit i: proof type i must have vouched
    delay: uint256          # seconds since the last of these vouches

struct Tier:
    limit: uint256          # the largest value that it releases, in gwei; of the last one 2^64 - 1
    alternatives: DynArray[Alternative, MAX_ALTERNATIVES]

struct Policy:
    tiers: DynArray[Tier, MAX_TIERS]         # by rising limit
    weights: DynArray[uint256, MAX_TYPES]    # of every proof type, should the council be silent in a conflict
    accepts_halt: bool                       # whether the halt of one type may halt finality


@external
@pure
def check(policy: Policy, type_suites: DynArray[uint256, MAX_TYPES], suites: uint256) -> bool:
    """
    @notice True, or it reverts.
    @param type_suites Of every proof type: bit i: it commits to suite i.
    @param suites How many there are.
    """
    count: uint256 = len(policy.tiers)
    types: uint256 = len(type_suites)
    assert count != 0, "policy: tiers"
    assert len(policy.weights) == types, "policy: weights"
    every: uint256 = (1 << suites) - 1
    limit: uint256 = 0
    for k: uint256 in range(count, bound=MAX_TIERS):
        tier: Tier = policy.tiers[k]
        assert tier.limit > limit, "policy: limits"
        limit = tier.limit
        n: uint256 = len(tier.alternatives)
        assert n != 0, "policy: alternatives"
        needed: uint256 = (1 << types) - 1
        for i: uint256 in range(n, bound=MAX_ALTERNATIVES):
            a: Alternative = tier.alternatives[i]
            assert a.types != 0 and a.types >> types == 0, "policy: types"
            assert a.delay <= MAX_DELAY, "policy: delay"
            needed &= a.types
            covered: uint256 = 0
            for t: uint256 in range(types, bound=MAX_TYPES):
                if (a.types >> t) & 1 == 1:
                    covered |= type_suites[t]
            assert covered == every, "policy: suite not covered"
            for j: uint256 in range(n, bound=MAX_ALTERNATIVES):
                b: Alternative = tier.alternatives[j]
                if i != j and a.types & ~b.types == 0:
                    assert a.types != b.types, "policy: alternative twice"
                    assert b.delay <= a.delay, "policy: more types and a longer delay"
            if k != 0:
                assert self._implied(a, policy.tiers[k - 1].alternatives), "policy: not monotone in value"
        assert policy.accepts_halt or needed == 0, "policy: halts with one type"
    assert limit == UNLIMITED, "policy: limits"

    # Weights whose sums are all different: every conflict has one heaviest option.
    seen: uint256 = 0
    for subset: uint256 in range(1 << types, bound=256):
        sum: uint256 = 0
        for t: uint256 in range(types, bound=MAX_TYPES):
            assert policy.weights[t] != 0 and policy.weights[t] <= MAX_WEIGHT, "policy: weights"
            if (subset >> t) & 1 == 1:
                sum += policy.weights[t]
        assert sum <= MAX_WEIGHT and (seen >> sum) & 1 == 0, "policy: weights"
        seen |= 1 << sum
    return True


@external
@pure
def tightens(old: Policy, new: Policy, active: uint256) -> bool:
    """
    @notice Whether the new policy releases nothing that the old one would not: for every value, each new alternative
            has all the types of an old one and no shorter delay; and no tier's limit rises, so that what is final stays
            worth no more. The weights stay. And it needs no type that the old one could do without, or it would be a
            way to stop the chain.
    @param active The types that are in service: bit i: proof type i. An alternative with another is none for now.
    """
    if len(old.weights) != len(new.weights):
        return False
    for t: uint256 in range(len(old.weights), bound=MAX_TYPES):
        if old.weights[t] != new.weights[t]:
            return False
    if new.accepts_halt and not old.accepts_halt:
        return False
    floor_new: uint256 = 0
    for k: uint256 in range(len(new.tiers), bound=MAX_TIERS):
        tier: Tier = new.tiers[k]
        if k + 1 < len(new.tiers) and k + 1 < len(old.tiers) and tier.limit > old.tiers[k].limit:
            return False
        if k + 1 < len(new.tiers) and k + 1 >= len(old.tiers):
            # A tier in place of the last one, or after it: bits of finality at its place may be of an older policy.
            return False
        floor_old: uint256 = 0
        for j: uint256 in range(len(old.tiers), bound=MAX_TIERS):
            other: Tier = old.tiers[j]
            # Both tiers release some value in common.
            if floor_new < other.limit and floor_old < tier.limit:
                if self._needed(tier.alternatives, active) & ~self._needed(other.alternatives, active) != 0:
                    return False
                for i: uint256 in range(len(tier.alternatives), bound=MAX_ALTERNATIVES):
                    if not self._implied(tier.alternatives[i], other.alternatives):
                        return False
            floor_old = other.limit
        floor_new = tier.limit
    return True


@external
@pure
def pack(policy: Policy) -> (uint256, uint256[5]):
    """
    @return The fewest types of an alternative without delay (0: there is none); a word a tier, then the limits.
    """
    words: uint256[5] = empty(uint256[5])
    smallest: uint256 = 0
    for k: uint256 in range(len(policy.tiers), bound=MAX_TIERS):
        tier: Tier = policy.tiers[k]
        words[4] |= tier.limit << (64 * k)
        for i: uint256 in range(len(tier.alternatives), bound=MAX_ALTERNATIVES):
            a: Alternative = tier.alternatives[i]
            words[k] |= (a.types | (a.delay << 8)) << (40 * i)
            if a.delay == 0:
                size: uint256 = 0
                for t: uint256 in range(MAX_TYPES):
                    size += (a.types >> t) & 1
                if smallest == 0 or size < smallest:
                    smallest = size
    return smallest, words


@internal
@pure
def _needed(alternatives: DynArray[Alternative, MAX_ALTERNATIVES], active: uint256) -> uint256:
    """
    @dev The types that all of the alternatives need which active types can fulfil; every type if there is none.
    """
    needed: uint256 = max_value(uint256)
    for a: Alternative in alternatives:
        if a.types & ~active == 0:
            needed &= a.types
    return needed


@internal
@pure
def _implied(a: Alternative, by: DynArray[Alternative, MAX_ALTERNATIVES]) -> bool:
    """
    @dev Whether one of these is at most as strict: its types are among those of `a`, its delay is no longer.
    """
    for b: Alternative in by:
        if b.types & ~a.types == 0 and b.delay <= a.delay:
            return True
    return False
