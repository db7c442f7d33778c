"""What a policy says of a claim: for which values it is final, or will be, and when."""

from __future__ import annotations

from multiprover.settlement.policy import Policy
from multiprover.settlement.types import TOP_TIER, ClaimStatus


def tier_bits(policy: Policy) -> tuple[int, ...]:
    """By tier of the policy, its bit in a claim's finality: its place, and the highest bit for the last."""
    return (*range(len(policy.tiers) - 1), TOP_TIER)


def final_from(policy: Policy, status: ClaimStatus, thawed: int) -> dict[int, int]:
    """By tier (its bit), the Unix seconds from which the claim can be final on the vouches that it has now.

    Tiers for which it lacks a vouch are left out; those that it is final for are at 0. What its parent lacks,
    and a freeze, are not looked at.

    Args:
        thawed: Unix seconds at which a conflict last ended (``Settlement.thawed``): no delay counts from
            before.
    """
    found: dict[int, int] = {}
    for bit, tier in zip(tier_bits(policy), policy.tiers, strict=True):
        if status.final_at(bit):
            found[bit] = 0
            continue
        times = [
            max(*(status.times[name] for name in a.types), thawed if a.delay_s else 0) + a.delay_s
            for a in tier.alternatives
            if status.counting.issuperset(a.types)
        ]
        if times:
            found[bit] = min(times)
    # What is final for more is final for less.
    for bit in sorted(found):
        found[bit] = min(time for other, time in found.items() if other >= bit)
    return found


def due(policy: Policy, status: ClaimStatus, parent: ClaimStatus, now: int, thawed: int) -> bool:
    """Whether the claim would become final for a further tier if somebody asked L1 to settle it now.

    Args:
        now, thawed: Unix seconds; ``thawed`` as in :func:`final_from`.
    """
    return any(
        time <= now and not status.final_at(bit) and parent.final_at(bit)
        for bit, time in final_from(policy, status, thawed).items()
    )
