"""Policies, the sequencer's seat, the council's signatures and the enclave keys, on the bare EVM."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from core_support import (
    BOND,
    COUNCIL,
    DAY,
    DEPLOYER,
    FORCE_WINDOW,
    GAS_CAP,
    HOUR,
    LATE_WINDOW,
    OPERATOR,
    OTHER,
    QUARANTINED,
    SEQUENCER,
    STRANGER,
    TIERS,
    UNLIMITED,
    Contract,
    Core,
    G,
    H,
    K,
    Machine,
    Reverted,
    S,
    batch,
    compiled,
    constructor,
    policy,
    roots,
)
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from settlement_support import deposit

from multiprover.settlement import claims
from multiprover.settlement.policy import (
    Alternative,
    DelayOrderError,
    DuplicateAlternativeError,
    HaltError,
    NotMonotoneError,
    Policy,
    PolicyError,
    Tier,
    TierOrderError,
    UncoveredSuiteError,
    WeightError,
)

SECP256K1 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def refused(reason: str, action: Callable[..., object], *arguments: Any, **named: Any) -> None:
    with pytest.raises(Reverted) as caught:
        action(*arguments, **named)
    assert caught.value.reason == reason


@pytest.fixture(scope="module")
def deployed() -> Core:
    return Core.deploy()


@pytest.fixture
def core(deployed: Core) -> Iterator[Core]:
    now, checkpoint = deployed.machine.now, deployed.machine.evm.snapshot()
    yield deployed
    deployed.machine.evm.revert(checkpoint)
    deployed.machine.set_time(now)


# Policies

NAMES = ("g", "h", "k", "s")
COVERS = {"g": ("a",), "h": ("b",), "k": ("a",), "s": ("a", "b")}
MASKS = [1, 2, 1, 3]


@pytest.fixture(scope="module")
def checker() -> Contract:
    machine = Machine()
    return Contract(machine, "PolicyCheck", machine.create(DEPLOYER, compiled("PolicyCheck").bytecode))


def struct(p: Policy) -> tuple[Any, ...]:
    tiers = [
        (
            UNLIMITED if tier.limit_gwei is None else tier.limit_gwei,
            [(sum(1 << NAMES.index(t) for t in a.types), a.delay_s) for a in tier.alternatives],
        )
        for tier in p.tiers
    ]
    return tiers, [p.weights[name] for name in NAMES], p.accepts_halt


REASON: dict[type[PolicyError], str] = {
    TierOrderError: "policy: limits",
    DuplicateAlternativeError: "policy: alternative twice",
    UncoveredSuiteError: "policy: suite not covered",
    NotMonotoneError: "policy: not monotone in value",
    DelayOrderError: "policy: more types and a longer delay",
    HaltError: "policy: halts with one type",
    WeightError: "policy: weights",
}


def random_policy(rng: random.Random) -> Policy:
    tiers = []
    count = rng.randint(1, 3)
    limits = sorted(rng.sample(range(1, 5), count - 1)) if rng.random() < 0.95 else [3] * (count - 1)
    for limit in [*limits, None]:
        alternatives = [
            Alternative(
                types=tuple(rng.sample(NAMES, rng.choice([1, 2, 2, 3, 4]))),
                delay_s=rng.choice([0, HOUR, DAY]),
            )
            for _ in range(rng.randint(1, 4))
        ]
        tiers.append(Tier(limit_gwei=limit, alternatives=tuple(alternatives)))
    if rng.random() < 0.5:
        # What a higher tier needs, every lower one takes: most of these are monotone in value.
        tiers = [t.model_copy(update={"alternatives": tiers[0].alternatives}) for t in tiers]
    weights = dict(zip(NAMES, rng.choice([(3, 5, 6, 7), (1, 2, 4, 8), (1, 2, 3, 9)]), strict=True))
    return Policy(tiers=tuple(tiers), weights=weights, accepts_halt=rng.random() < 0.5)


def test_l1_takes_the_policies_that_python_takes_and_no_others(checker: Contract) -> None:
    rng = random.Random(1)  # noqa: S311
    seen: dict[str, int] = {}
    for _ in range(1500):
        p = random_policy(rng)
        python: type[PolicyError] | None = None
        try:
            p.check(COVERS, ("a", "b"))
        except PolicyError as error:
            python = type(error)
        reason = ""
        try:
            assert checker.view("check", struct(p), MASKS, 2)
        except Reverted as revert:
            reason = revert.reason
        assert (python is None) == (reason == ""), (p, python, reason)
        seen[reason] = seen.get(reason, 0) + 1
    assert set(REASON.values()) | {""} == set(seen)


@pytest.mark.parametrize("cause", list(REASON))
def test_each_cause_has_its_reason(checker: Contract, cause: type[PolicyError]) -> None:
    """A good policy with one fault."""
    tiers: list[Any] = [list(tier) for tier in TIERS]
    weights, accepts = [3, 5, 6, 7], False
    if cause is TierOrderError:
        tiers[1][0] = 100
    elif cause is DuplicateAlternativeError:
        tiers[0][1] = (*tiers[0][1], ((G, H), 0))
    elif cause is UncoveredSuiteError:
        tiers[0][1] = (*tiers[0][1], ((G, K), DAY))
    elif cause is NotMonotoneError:
        tiers[0][1], accepts = tiers[0][1][:2], True
    elif cause is DelayOrderError:
        tiers[2][1] = (((G, H, K, S), 2 * DAY), *tiers[2][1][1:])
    elif cause is HaltError:
        tiers[2][1] = (((G, H, S), 0), ((H, K), DAY))
    elif cause is WeightError:
        weights = [3, 5, 8, 7]
    refused(REASON[cause], checker.view, "check", policy(tiers, weights, accepts), MASKS, 2)
    assert checker.view("check", policy(TIERS), MASKS, 2)


def test_further_shapes_that_no_policy_has(checker: Contract) -> None:
    check = lambda p, masks=MASKS: checker.view("check", p, masks, 2)  # noqa: E731
    refused("policy: tiers", check, ([], [3, 5, 6, 7], False))
    refused("policy: alternatives", check, policy(((UNLIMITED, ()),)))
    refused("policy: types", check, ([(UNLIMITED, [(16, 0)])], [3, 5, 6, 7], False))
    refused("policy: types", check, ([(UNLIMITED, [(0, 0)])], [3, 5, 6, 7], False))
    refused("policy: delay", check, policy(((UNLIMITED, (((S,), 30 * DAY + 1),)),)))
    refused("policy: weights", check, policy(TIERS, weights=(3, 5, 6)))
    refused("policy: weights", check, policy(TIERS, weights=(0, 5, 6, 7)))
    refused("policy: weights", check, policy(TIERS, weights=(128, 64, 32, 32)))
    refused("policy: limits", check, policy(((UNLIMITED - 1, TIERS[2][1]),)))


def releases(p: Policy, value: int, vouched: frozenset[str], waited: int) -> bool:
    """By the words of docs/settlement.md: whether these vouches release this value after this time."""
    tier = next(t for t in p.tiers if t.limit_gwei is None or value <= t.limit_gwei)
    return any(set(a.types) <= vouched and waited >= a.delay_s for a in tier.alternatives)


def slower(rng: random.Random, tier: Tier) -> tuple[Alternative, ...]:
    return tuple(
        a.model_copy(update={"delay_s": a.delay_s + rng.choice([0, HOUR])}) for a in tier.alternatives
    )


def test_a_tighter_policy_releases_nothing_more(checker: Contract) -> None:
    """Every value, set of types and time: what the new policy releases, the old one does."""
    rng = random.Random(2)  # noqa: S311
    every = [frozenset(n for i, n in enumerate(NAMES) if m >> i & 1) for m in range(16)]
    tighter = 0
    for _ in range(1500):
        old, new = random_policy(rng), random_policy(rng)
        if rng.random() < 0.5:
            rows = [t.model_copy(update={"alternatives": slower(rng, t)}) for t in old.tiers]
            new = old.model_copy(update={"tiers": tuple(rows)})
        if not checker.view("tightens", struct(old), struct(new), 15):
            continue
        tighter += 1
        assert old.weights == new.weights
        assert old.accepts_halt or not new.accepts_halt
        for value in range(6):
            for vouched in every:
                for waited in (0, HOUR, 2 * HOUR, DAY, DAY + HOUR):
                    if releases(new, value, vouched, waited):
                        assert releases(old, value, vouched, waited)
    assert tighter > 100


# The seat


def queue(core: Core, count: int) -> list[tuple[bytes, bytes]]:
    return [core.enqueue(deposit(i, 5)) for i in range(count)]


def test_a_queue_entry_left_out_costs_the_bond(core: Core) -> None:
    (origin, words), *_ = queue(core, 2)
    overdue = lambda i, o, w: core.sequencing.send(OTHER, "overdue", i, o, w)  # noqa: E731
    refused("overdue: in time", overdue, 0, origin, words)
    refused("post: not the sequencer", core.post, core.genesis, batch(1), sender=STRANGER)
    core.wait(FORCE_WINDOW)
    refused("overdue: in time", overdue, 0, origin, words)
    core.wait(1)
    refused("overdue: not queued", overdue, 1, origin, words)
    refused("overdue: not queued", overdue, 0, STRANGER + bytes(12), words)
    before = core.machine.balance(bytes(20))
    overdue(0, origin, words)
    refused("seat: open", overdue, 0, origin, words)
    assert core.sequencing.view("credit", OTHER) == BOND // 2
    assert core.machine.balance(bytes(20)) - before == BOND - BOND // 2
    # Who posts has a bond to lose, or anyone could block the chain with what nobody can prove.
    refused("post: not the sequencer", core.post, core.genesis, batch(1), sender=STRANGER)
    refused("seat: bond", core.sequencing.send, STRANGER, "take_seat", value=BOND - 1)
    core.take_seat(STRANGER)
    core.post(core.genesis, batch(1), sender=STRANGER)
    refused("seat: taken", core.sequencing.send, OTHER, "take_seat", value=BOND)
    # The new one has the whole window, and the old one nothing more to say.
    refused("overdue: in time", overdue, 0, origin, words)
    refused("post: not the sequencer", core.post, core.genesis, batch(2))
    core.sequencing.send(OTHER, "withdraw_credit", OTHER)
    refused("seat: nothing to pay", core.sequencing.send, OTHER, "withdraw_credit", OTHER)


def test_the_seat_of_a_sequencer_that_takes_in_is_safe(core: Core) -> None:
    (origin, words), (later, later_words) = queue(core, 2)
    core.post(core.genesis, batch(1, [deposit(0, 5)]), [origin])
    core.wait(FORCE_WINDOW + 1)
    refused("overdue: in time", core.sequencing.send, OTHER, "overdue", 0, origin, words)
    core.sequencing.send(OTHER, "overdue", 1, later, later_words)
    assert core.sequencing.view("sequencer") == bytes(20)


def test_what_is_posted_and_never_final_opens_the_seat_without_a_penalty(core: Core) -> None:
    """Posting where nobody can prove is no way to keep a queue entry out."""
    ((origin, words),) = queue(core, 1)
    core.post(core.genesis, batch(1, [deposit(0, 5)]), [origin])
    core.wait(LATE_WINDOW)
    refused("overdue: in time", core.sequencing.send, OTHER, "overdue", 0, origin, words)
    core.wait(1)
    core.sequencing.send(OTHER, "overdue", 0, origin, words)
    assert core.sequencing.view("credit", SEQUENCER) == BOND
    assert core.sequencing.view("credit", OTHER) == 0


def test_what_is_final_in_time_is_no_fault_later(core: Core) -> None:
    ((origin, words),) = queue(core, 1)
    data = batch(1, [deposit(0, 5)])
    core.post(core.genesis, data, [origin])
    for t in (G, H, K, S):
        core.vouch(t, core.genesis, data, roots(1))
    core.wait(LATE_WINDOW + 1)
    refused("overdue: taken in", core.sequencing.send, OTHER, "overdue", 0, origin, words)


def test_a_sequencer_leaves_with_notice_and_its_bond(core: Core) -> None:
    refused("seat: not the sequencer", core.sequencing.send, OTHER, "leave")
    refused("seat: notice", core.sequencing.send, SEQUENCER, "retire")
    core.sequencing.send(SEQUENCER, "leave")
    refused("seat: leaving already", core.sequencing.send, SEQUENCER, "leave")
    core.wait(FORCE_WINDOW - 1)
    refused("seat: notice", core.sequencing.send, SEQUENCER, "retire")
    core.wait(1)
    core.sequencing.send(SEQUENCER, "retire")
    before = core.machine.balance(SEQUENCER)
    core.sequencing.send(OTHER, "withdraw_credit", SEQUENCER)
    assert core.machine.balance(SEQUENCER) - before == BOND
    refused("seat: not the sequencer", core.sequencing.send, SEQUENCER, "retire")


def test_a_discarded_batch_costs_its_poster_and_nobody_else(core: Core) -> None:
    refused("seat: not settlement", core.sequencing.send, OTHER, "discarded", SEQUENCER, OTHER)
    ((origin, words),) = queue(core, 1)
    core.post(core.genesis, batch(1))
    core.wait(FORCE_WINDOW + 1)
    core.sequencing.send(OTHER, "overdue", 0, origin, words)
    core.take_seat(STRANGER)
    core.settlement.send(OTHER, "complain")
    core.wait(7 * DAY)
    core.settlement.send(OTHER, "discard")
    assert core.sequencing.view("sequencer") == STRANGER
    assert core.sequencing.view("since") == core.machine.now


def test_the_queue_is_taken_in_from_its_head_and_word_for_word(core: Core) -> None:
    one, _ = core.enqueue(deposit(0, 5))
    core.wait(1)
    two, _ = core.enqueue(deposit(1, 5))
    words = [deposit(0, 5), deposit(1, 5)]
    refused("post: queue entry", core.post, core.genesis, batch(1, words[1:]), [two])
    refused("post: queue entry", core.post, core.genesis, batch(1, words), [two, one])
    refused("post: queue entry", core.post, core.genesis, batch(1, [deposit(0, 6)]), [one])
    refused("post: queue entry", core.post, core.genesis, batch(1, [*words, words[0]]), [one, two, one])
    refused("post: origins", core.post, core.genesis, batch(1, words), [one])
    refused("post: origins", core.post, core.genesis, batch(1, words[:1]), [one, two])
    claim = core.post(core.genesis, batch(1, words), [one, two])
    assert core.claim(claim)["queue_end"] == 2
    refused("post: queue entry", core.post, claim, batch(2, words[:1]), [one])


# The council


class Chamber:
    """A council of three, two of whom must sign, in a core deployment."""

    def __init__(self) -> None:
        self.machine = Machine()
        keys = [Account.from_key(bytes([i]) * 32) for i in (1, 2, 3, 4)]
        self.members = sorted(keys[:3], key=lambda a: int(a.address, 16))
        self.outsider = keys[3]
        data = constructor("Council", [m.address for m in self.members], 2)
        self.council = Contract(
            self.machine, "Council", self.machine.create(DEPLOYER, compiled("Council").bytecode + data)
        )

    def sign(
        self, who: Sequence[Any], target: bytes, data: bytes, deadline: int, nonce: int | None = None
    ) -> list[bytes]:
        """As a wallet does: EIP-712."""
        at = self.council.view("nonce") if nonce is None else nonce
        typed = {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "Action": [
                    {"name": "target", "type": "address"},
                    {"name": "data", "type": "bytes"},
                    {"name": "nonce", "type": "uint256"},
                    {"name": "deadline", "type": "uint256"},
                ],
            },
            "primaryType": "Action",
            "domain": {
                "name": "multiprover council",
                "version": "1",
                "chainId": 1,
                "verifyingContract": to_checksum_address(self.council.address),
            },
            "message": {
                "target": to_checksum_address(target), "data": data, "nonce": at, "deadline": deadline,
            },
        }  # fmt: skip
        message = encode_typed_data(full_message=typed)
        return [bytes(member.sign_message(message).signature) for member in who]

    def execute(self, who: Sequence[Any], target: bytes, data: bytes, **named: Any) -> Any:
        deadline = self.machine.now + DAY
        signatures = self.sign(who, target, data, deadline, **named)
        return self.council.send(STRANGER, "execute", target, data, deadline, signatures)


def test_two_of_three_choose_in_a_conflict() -> None:
    chamber = Chamber()
    core = Core.deploy(machine=chamber.machine, council=chamber.council.address)
    core.post(core.genesis, batch(1))
    core.propose(core.genesis, batch(2), batch(1))
    core.vouch(G, core.genesis, batch(1), roots(1))
    core.vouch(K, core.genesis, batch(2), roots(2))
    core.show(core.genesis, batch(1), batch(2))
    target, data = core.governance.address, core.governance.data("choose", 0, 0)
    a, b, c = chamber.members
    refused("council: too few signatures", chamber.execute, [a], target, data)
    refused("council: order", chamber.execute, [a, a], target, data)
    refused("council: order", chamber.execute, [b, a], target, data)
    outside = sorted([a, chamber.outsider], key=lambda x: int(x.address, 16))
    refused("council: not a member", chamber.execute, outside, target, data)
    refused("council: not a member", chamber.execute, [a, b], target, data, nonce=1)
    deadline = chamber.machine.now - 1
    late = chamber.sign([a, b], target, data, deadline)
    refused("council: too late", chamber.council.send, STRANGER, "execute", target, data, deadline, late)
    deadline = chamber.machine.now
    good = chamber.sign([a, c], target, data, deadline)
    s = int.from_bytes(good[0][32:64], "big")
    high = good[0][:32] + (SECP256K1 - s).to_bytes(32, "big") + bytes([55 - good[0][64]])
    execute = lambda signatures: chamber.council.send(  # noqa: E731
        STRANGER, "execute", target, data, deadline, signatures
    )
    refused("council: high s", execute, [high, good[1]])
    refused("council: signature length", execute, [good[0][:64], good[1]])
    execute(good)
    assert core.status(K) == QUARANTINED
    refused("council: not a member", execute, good)
    # What the target refuses, the council hears.
    refused("conflict: none is open", chamber.execute, [a, b], target, data)
    refused("council: target", chamber.execute, [a, b], b"\x99" * 20, data)
    assert chamber.council.view("digest", target, data, 1, deadline) != chamber.council.view(
        "digest", target, data, 2, deadline
    )
    new = core.new_adapter("new")
    chamber.execute([a, b, c], target, core.governance.data("replace_verifier", K, new, GAS_CAP))
    assert core.status(K) == 0


def test_the_council_changes_its_members_and_nobody_else_does() -> None:
    chamber = Chamber()
    a, b, c = chamber.members
    change = lambda members, n: chamber.council.data("set_members", members, n)  # noqa: E731
    refused("council: not the council", chamber.council.send, STRANGER, "set_members", [a.address], 1)
    own = chamber.council.address
    refused("council: threshold", chamber.execute, [a, b], own, change([a.address, b.address], 1))
    refused("council: threshold", chamber.execute, [a, b], own, change([a.address], 2))
    refused("council: members", chamber.execute, [a, b], own, change([b.address, a.address], 2))
    chamber.execute([a, c], own, change([a.address], 1))
    assert chamber.council.view("threshold") == 1
    assert chamber.council.view("members") == (bytes.fromhex(a.address[2:]),)
    refused("council: not a member", chamber.execute, [b], own, change([b.address], 1))


# Enclave keys


def test_keys_are_revoked_one_by_one_or_all_that_were_registered() -> None:
    machine = Machine()
    data = constructor("SgxAdapter", OPERATOR, COUNCIL, True, bytes(32))
    sgx = Contract(machine, "SgxAdapter", machine.create(DEPLOYER, compiled("SgxAdapter").bytecode + data))
    one, two, three = (claims.signer_address(bytes([i]) * 32) for i in (1, 2, 3))
    statement = (
        bytes(32),
        b"\x01" * 32,
        OTHER,
        [(b"\x02" * 32, b"\x03" * 32, bytes(32), bytes(32), bytes(32))],
    )

    def verify(key: int) -> object:
        pre, post = (claims.state_root([bytes([i]) * 32]) for i in (2, 3))
        digest = claims.vouch_digest(
            1,
            STRANGER,
            domain=bytes(32),
            claim=b"\x01" * 32,
            pre_state_root=pre,
            post_state_root=post,
            payee=OTHER,
        )
        return sgx.view("verify", statement, claims.sign_vouch(bytes([key]) * 32, digest))

    refused("sgx: not the operator", sgx.send, COUNCIL, "register", one, b"", True)
    for signer in (one, two):
        sgx.send(OPERATOR, "register", signer, b"", True)
    assert verify(1) == verify(2) == claims.VOUCH_ACCEPTED
    refused("sgx: key unknown", verify, 3)
    for sender in (STRANGER, SEQUENCER):
        refused("sgx: not the operator", sgx.send, sender, "revoke", one)
        refused("sgx: not the operator", sgx.send, sender, "revoke_epoch")
    sgx.send(COUNCIL, "revoke", one)
    refused("sgx: key revoked", verify, 1)
    refused("sgx: key revoked", sgx.send, OPERATOR, "revoke", one)
    assert verify(2) == claims.VOUCH_ACCEPTED
    sgx.send(COUNCIL, "revoke_epoch")
    refused("sgx: key revoked", verify, 2)
    refused("sgx: key known", sgx.send, OPERATOR, "register", two, b"", True)
    sgx.send(OPERATOR, "register", three, b"", True)
    assert verify(3) == claims.VOUCH_ACCEPTED
    assert [sgx.view("standing", k) for k in (one, two, three, OTHER)] == [2, 2, 1, 0]
    assert sgx.view("key_epoch") == 2
