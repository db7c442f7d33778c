"""What a deployment has unless it is told otherwise: windows, bonds, and a policy for its proof types."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from multiprover.settlement.policy import MAX_ALTERNATIVES, Alternative, Policy, Tier, distinct_weights
from multiprover.settlement.types import DAY_S

LOW_VALUE_GWEI: Final = 10 * 10**9
"""Withdrawals of up to 10 ETH are of the low tier; with more than four types, of the middle one."""

LOWEST_VALUE_GWEI: Final = 10**9
"""Withdrawals of up to 1 ETH are of the low tier where there is a middle one."""

PAIR_DELAY_S: Final = DAY_S
SINGLE_DELAY_S: Final = 7 * DAY_S

_TRUST: Final = ("sgx", "groth16", "halo2", "stark", "plonky2")
"""Our proof types from least to most trusted; others come first."""

_FAST: Final = (("stark", "sgx"), ("halo2", "stark", "sgx"))
"""Of many types, those that release small values at once, and middle ones: the fastest that cover our suites.
"""


@dataclass(frozen=True)
class Parameters:
    """The windows of a deployment in seconds, and what is staked in wei.

    Attributes:
        timelock_s: between announcing a change of policy or verifier and applying it.
        council_window_s: that the council has to choose in a conflict.
        proof_window_s: after which what nobody proves can be given up, once somebody has complained.
        force_window_s: that a queue entry may wait to be posted.
        late_window_s: that a queue entry may wait to be in a final batch.
        escape_window_s: without any final batch, after which the system can be halted for good.
        bond_wei: of the sequencer.
        bounty_wei: for whoever proves a canary.
        daily_limits_gwei: by tier below the top, the most that leaves the bridge in a day; 0: no limit.
        top_daily_limit_gwei: the same for what is final for any value.
        early_limit_gwei: the most that has left on claims not yet final for any value: what the lower
            tiers can lose.
    """

    timelock_s: int = 30 * DAY_S
    council_window_s: int = 7 * DAY_S
    proof_window_s: int = 7 * DAY_S
    force_window_s: int = DAY_S
    late_window_s: int = 14 * DAY_S
    escape_window_s: int = 90 * DAY_S
    bond_wei: int = 10**18
    bounty_wei: int = 10**18
    daily_limits_gwei: tuple[int, ...] = (10 * LOW_VALUE_GWEI,) * 3
    top_daily_limit_gwei: int = 0
    early_limit_gwei: int = LOW_VALUE_GWEI


def by_trust(types: Iterable[str]) -> tuple[str, ...]:
    """Proof types from least to most trusted."""
    return tuple(sorted(types, key=lambda name: (_TRUST.index(name) if name in _TRUST else -1, name)))


def default_policy(types: Mapping[str, Collection[str]], suites: Sequence[str]) -> Policy:
    """The policy of a deployment that names none.

    All types at once release any value. Where the suites allow it, all types but one do after a day. Values
    of up to 10 ETH are released by a single type that commits to every suite after 7 days as well: time for
    a watcher to show that it lies.

    With more than four types, nobody who takes out little waits for the slowest: ``stark`` and ``sgx``
    release up to 1 ETH at once, ``halo2`` with them up to 10 ETH.

    A deployment in which some type can then halt the finality of large values accepts that by name
    (``accepts_halt``); so do those of one or two types.

    Args:
        types: the proof types, each with the suites that it commits to.
        suites: the deployment's.

    Raises:
        PolicyError: the types do not commit to every suite.
    """
    names = by_trust(types)
    weights = distinct_weights(names)

    def covers(chosen: Iterable[str]) -> bool:
        return set(suites) <= {suite for name in chosen for suite in types[name]}

    all_but_one = [
        Alternative(types=chosen, delay_s=PAIR_DELAY_S)
        for chosen in combinations(names[::-1], len(names) - 1)
        if len(names) > 2 and covers(chosen)
    ]
    single = [
        Alternative(types=(name,), delay_s=SINGLE_DELAY_S)
        for name in names
        if len(names) > 1 and covers([name])
    ]

    def tier(limit_gwei: int | None, at_once: tuple[str, ...], more: Sequence[Alternative] = ()) -> Tier:
        """Some types at once; all types without one of these after a day."""
        without = [a for a in all_but_one if not set(at_once) <= set(a.types)]
        found = [Alternative(types=at_once, delay_s=0), *without, *more]
        return Tier(limit_gwei=limit_gwei, alternatives=tuple(found[:MAX_ALTERNATIVES]))

    tiers = [tier(None, names)]
    if len(names) > 4 and all(set(fast) < set(names) and covers(fast) for fast in _FAST):
        lowest, middle = _FAST
        tiers = [tier(LOWEST_VALUE_GWEI, lowest, single), tier(LOW_VALUE_GWEI, middle), *tiers]
    elif single and len(tiers[0].alternatives) < MAX_ALTERNATIVES:
        tiers = [tier(LOW_VALUE_GWEI, names, single), *tiers]
    survives = all(any(name not in a.types for a in tier.alternatives) for name in names for tier in tiers)
    policy = Policy(tiers=tuple(tiers), weights={n: weights[n] for n in types}, accepts_halt=not survives)
    policy.check(types, suites)
    return policy
