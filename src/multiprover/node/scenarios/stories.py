"""The scenarios: what happens when all agree, when a type lies or halts, when people do nothing
(docs/settlement.md).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from multiprover.ledger.storage import StoredBatch
from multiprover.node.deployment import ADAPTERS
from multiprover.node.scenarios import forge
from multiprover.node.scenarios.forge import ForgeError
from multiprover.node.scenarios.world import ETH_GWEI, WAIT_S, Lie, ScenarioError, World
from multiprover.node.takeover import import_batches
from multiprover.node.workspace import Workspace
from multiprover.settlement import claims
from multiprover.settlement.base import address_of
from multiprover.settlement.bridge_rules import BridgeRules, escape_opening
from multiprover.settlement.defaults import SINGLE_DELAY_S, by_trust
from multiprover.settlement.errors import RefusedError
from multiprover.settlement.policy import Alternative, Tier
from multiprover.settlement.types import DAY_S, EPOCH_S

DUAL: Final = ("groth16", "sgx")
TRIPLE: Final = ("groth16", "plonky2", "sgx")

_Play = Callable[[World], dict[str, Any]]


@dataclass(frozen=True)
class Scenario:
    """One scenario.

    Attributes:
        what: one line, for people.
        liars: the proof types that lie in it.
        types: of the deployment, unless others are asked for.
        halts: the proof type that stops in it.
    """

    name: str
    what: str
    play: _Play
    liars: tuple[str, ...] = ()
    types: tuple[str, ...] = DUAL
    halts: str | None = None

    def missing(self, types: Sequence[str] | None = None) -> str | None:
        """Why it cannot be played here with ``types`` (None: its own); None if it can."""
        chosen = self.types if types is None else tuple(types)
        if not chosen or len(set(chosen)) != len(chosen):
            return f"expected proof types, each once, got {', '.join(chosen) or 'none'}"
        if lacking := [name for name in chosen if name not in ADAPTERS]:
            return f"{', '.join(lacking)}: there is no L1 adapter for this proof type"
        players = {*self.liars, *([self.halts] if self.halts else [])}
        if lacking := sorted(players - set(chosen)):
            return f"it is about {', '.join(lacking)}, and the types are {', '.join(chosen)}"
        if players and not set(chosen) - players:
            return f"it takes a type beside {', '.join(sorted(players))}"
        try:
            for name in self.liars:
                forge.tool(name)
        except ForgeError as error:
            return str(error)
        return None


def agreement(world: World) -> dict[str, Any]:
    """All types agree: everything is final at once, and the withdrawal is paid."""
    world.start_node()
    world.fund()
    batch = world.pay_and_withdraw()
    world.wait_final()
    world.tell(
        f"{' and '.join(world.types)} agree: {len(world.node.batches)} batches are final for any value"
    )
    _paid(world, batch)
    return {}


def lie(world: World) -> dict[str, Any]:
    """Types accept a false withdrawal: the watcher shows the conflict, the council chooses the truth."""
    batch, false = _until_conflict(world)
    world.council_chooses()
    for name in world.liars:
        world.council_replaces(name)
    _recover(world, batch, false)
    return {}


def lie_of_more(world: World) -> dict[str, Any]:
    """As many types lie together as an alternative of the policy asks for: a watcher and the council save
    what that alternative releases, and a tier that asks for every type what they do not.

    What the liars get if nobody looks, and if the council is silent, is tried as well; L1 forgets it.
    """
    batch, false = _until_both_stand(world, everything=True)
    world.stop_node()
    policy, governance = world.policy, world.contracts.governance
    *lower, top = policy.tiers
    delays = [a.delay_s for a in top.alternatives if set(a.types) <= set(world.liars)]
    if not delays:
        raise ScenarioError(f"expected a policy whose top tier {' and '.join(world.liars)} satisfy")
    every = Tier(limit_gwei=None, alternatives=(Alternative(types=by_trust(world.types), delay_s=0),))
    strict = policy.model_copy(update={"tiers": (*lower, every), "accepts_halt": True})

    def ask_for_every_type() -> None:
        governance.propose_policy(world.operator, strict)
        world.l1.advance_time(world.parameters.timelock_s)
        governance.apply_policy(world.keeper, strict)

    def weigh() -> None:
        world.l1.advance_time(DAY_S + EPOCH_S)
        governance.resolve(world.keeper)

    delay = min(delays)
    otherwise = {
        "nobody_looks": _what_if(world, false, delay, "nobody looks"),
        "nobody_looks_top_tier_of_every_type": _what_if(
            world,
            false,
            delay,
            "nobody looks, and the top tier has come to ask for every type",
            ask_for_every_type,
        ),
    }
    if otherwise["nobody_looks_top_tier_of_every_type"]["stolen"]:
        raise ScenarioError("expected that nothing leaves by a tier that asks for every type")
    _until_shown(world, false)
    otherwise["council_silent"] = _what_if(world, false, delay, "the council says nothing", weigh)
    world.council_chooses()
    for name in world.liars:
        world.council_replaces(name)
    _recover(world, batch, false)
    return {"what_if": otherwise}


def _what_if(
    world: World, false: Lie, delay_s: int, label: str, first: Callable[[], None] = lambda: None
) -> dict[str, int]:
    """What a lie gets once ``first`` is done and a delay is over with nobody looking; L1 forgets it."""
    snapshot = world.l1.snapshot()
    first()
    world.l1.advance_time(delay_s + EPOCH_S)
    journal_hash = claims.journal_hash(false.batch.journal)
    with suppress(RefusedError):  # nothing of it is final then, which the withdrawal says
        world.contracts.settlement.settle(world.mallory, false.batch.parent, journal_hash)
    reason = world.withdraw(false.batch, false.slot)
    after = world.l1.now() - world.started
    world.l1.revert(snapshot)
    world.tell(
        f"what if {label}: after {after / DAY_S:.1f} days mallory's {false.gwei / ETH_GWEI:g} ETH are "
        f"{f'refused ({reason})' if reason else 'PAID'} (L1 forgets this)"
    )
    return {"elapsed_l1_s": after, "stolen": 0 if reason else false.gwei}


def silent_council(world: World) -> dict[str, Any]:
    """A type lies and the council does nothing: when its window is over, the heavier side stands."""
    batch, false = _until_conflict(world)
    world.l1.advance_time(world.parameters.council_window_s)
    world.tell("the council says nothing until its window is over")
    world.watch()
    if world.contracts.governance.open_conflict() is not None:
        raise ScenarioError("expected the conflict to be resolved by weight, found it open")
    world.stop_node()
    low = world.contracts.settlement.tier_of(ETH_GWEI)
    if not world.contracts.settlement.claim(batch.claim).final_at(low):
        world.l1.advance_time(SINGLE_DELAY_S + EPOCH_S)
        world.watch()
    _refused(world, false)
    _paid(world, batch)
    return {}


def halted_type(world: World) -> dict[str, Any]:
    """A type halts: what needs it waits, alternatives with a delay take over, and it catches up."""
    halted = "groth16"
    world.start_node()
    world.fund()
    world.wait_final()
    world.start_node(without=[halted])
    world.tell(f"{halted} halts")
    batch = world.pay_and_withdraw()
    others = [name for name in world.types if name != halted]
    settlement = world.contracts.settlement
    world.wait("the other types vouch", lambda: set(others) <= settlement.claim(batch.claim).vouched)
    if (reason := world.withdraw(batch)) is None:
        raise ScenarioError("expected the withdrawal to wait for a delay, it was paid at once")
    world.tell(f"the withdrawal has to wait ({reason})")
    world.l1.advance_time(SINGLE_DELAY_S + EPOCH_S)
    world.watch()
    _paid(world, batch)
    late = world.l1.now() - world.started
    world.start_node()
    world.wait_final()
    world.tell(f"{halted} is back and catches up: final for any value")
    return {"paid_after_l1_s": late}


def halted_sequencer(world: World) -> dict[str, Any]:
    """The sequencer halts: a user's forced withdrawal opens its seat, another takes it and goes on from
    L1 alone.
    """
    alice = world.users[0]
    _owners(world)
    world.stop_node()
    world.tell("the sequencer halts")
    world.enqueue(
        alice, "force_withdraw", account=alice.number, amount=ETH_GWEI, recipient=world.recipient(alice)
    )
    world.tell("a user forces a withdrawal through L1's queue")
    world.l1.advance_time(world.parameters.force_window_s + 1)
    world.watch()
    world.contracts.sequencing.take_seat(world.rival)
    world.tell("another sequencer takes the open seat for its bond")
    config = world.workspace.config
    with Workspace.create(world.directory / "rival", config, cache=world.workspace.cache) as taken:
        taken.prepare()
        count = import_batches(taken.storage, world.contracts, taken.transition, taken.program)
        world.tell(f"it has {count} batches from L1 alone")
        with taken.node(world.contracts, world.rival) as node:
            node.take_queue()
            node.seal()
            node.wait_final(WAIT_S)
            batch = node.batches[-1]
    before = world.l1.web3.eth.get_balance(alice.l1.address)
    if (reason := world.withdraw(batch, 0)) is not None:
        raise ScenarioError(f"expected the forced withdrawal to be paid, L1 refuses: {reason}")
    gained = world.l1.web3.eth.get_balance(alice.l1.address) - before
    world.tell(f"the forced withdrawal is paid: {gained / 10**18:g} ETH")
    credit = world.contracts.sequencing.credit(address_of(world.keeper))
    return {"reporter_earned_wei": credit}


def reorganisation(world: World) -> dict[str, Any]:
    """L1 takes blocks back under the running node: it notices, and brings batch and proofs there again."""
    world.start_node()
    world.fund()
    world.wait_final()
    snapshot = world.l1.snapshot()
    batch = world.pay_and_withdraw()
    world.wait_final()
    settlement = world.contracts.settlement
    world.l1.revert(snapshot)
    if settlement.claim(batch.claim).posted:
        raise ScenarioError("expected the reorganisation to take the batch back, L1 still has it")
    world.tell("L1 is reorganised: the last batch, its vouches and its finality are gone")
    # A block, so that the new branch is as long as what was seen of the old one.
    world.l1.advance_time(12)
    world.wait("the node brings the batch back", lambda: settlement.claim(batch.claim).final)
    world.tell("the node noticed, posted the batch and brought its proofs again; it is final")
    _paid(world, batch)
    return {}


def escape(world: World) -> dict[str, Any]:
    """Everybody who could go on stops for good: users halt the system and leave with what they had."""
    alice, bob, mallory = world.users
    _owners(world)
    world.stop_node()
    world.tell("sequencer, provers and operator stop for good")
    world.enqueue(alice, "deposit", account=alice.number, amount=ETH_GWEI)
    world.tell("a deposit of 1 ETH waits in the queue")
    world.l1.advance_time(world.parameters.escape_window_s + EPOCH_S)
    bridge = world.contracts.bridge
    bridge.halt(world.keeper)
    world.tell(
        f"after {world.parameters.escape_window_s // DAY_S} days without finality, a user halts the system"
    )
    world.watch()
    rules = BridgeRules.of(world.workspace.transition, world.workspace.program)
    state = world.watcher.replica.state
    left = {}
    for user in (alice, bob, mallory):
        balance = state.read_record(0, user.number)[2]
        before = world.l1.web3.eth.get_balance(user.l1.address)
        bridge.escape(world.keeper, user.number, escape_opening(rules, state, user.number))
        gained = (world.l1.web3.eth.get_balance(user.l1.address) - before) // 10**9
        if gained != balance:
            raise ScenarioError(f"account {user.number}: expected {balance} gwei, got {gained}")
        left[str(user.number)] = gained
    world.tell("every user left with the balance of the last final state, by a proof against its roots")
    _, _, taken, _ = world.contracts.settlement.finality()
    for entry in bridge.queue()[taken:]:
        bridge.refund_queued(world.keeper, entry)
    world.tell("the deposit that was never taken in is refunded")
    return {"escaped_gwei": left, "bridge_left_wei": bridge.balance()}


# What scenarios share


def _until_conflict(world: World) -> tuple[StoredBatch, Lie]:
    """A lie with accepted proofs stands beside the truth, and the watcher has shown the conflict."""
    batch, false = _until_both_stand(world)
    _until_shown(world, false)
    return batch, false


def _until_both_stand(world: World, *, everything: bool = False) -> tuple[StoredBatch, Lie]:
    """A lie with accepted proofs stands beside the truth with honest ones; nobody has looked yet."""
    world.start_node()
    world.fund()
    world.wait_final()
    world.start_node(without=world.liars)
    batch = world.pay_and_withdraw()
    settlement = world.contracts.settlement
    world.wait("the batch is posted", lambda: settlement.claim(batch.claim).posted)
    false = world.lie_about(batch, everything=everything)
    world.propose(false)
    for name in world.liars:
        world.vouch_for(false, name)
    _refused(world, false)
    honest = [name for name in world.types if name not in world.liars]
    world.wait("the honest types vouch", lambda: set(honest) <= settlement.claim(batch.claim).vouched)
    world.tell(f"{' and '.join(honest)} vouch{'' if len(honest) > 1 else 'es'} for the true claim")
    return batch, false


def _until_shown(world: World, false: Lie) -> None:
    """The watcher has shown the conflict, and every delay of the policy is over."""
    # A watcher that is slow, and a council that is: together longer than any delay of the policy.
    shortest = min(a.delay_s for tier in world.policy.tiers for a in tier.alternatives if a.delay_s)
    world.l1.advance_time(shortest // 2)
    world.watch()
    if world.contracts.governance.open_conflict() is None:
        raise ScenarioError("expected the watcher to show the conflict, found none open")
    world.l1.advance_time(world.parameters.council_window_s - DAY_S)
    world.tell("all delays are over, and a frozen branch still pays nothing")
    _refused(world, false)


def _recover(world: World, batch: StoredBatch, false: Lie) -> None:
    world.start_node()
    world.wait_final()
    world.tell("all types vouch for the truth again: final for any value")
    _refused(world, false)
    _paid(world, batch)


def _refused(world: World, false: Lie) -> None:
    reason = world.withdraw(false.batch, false.slot)
    if reason is None:
        raise ScenarioError(f"L1 paid {false.gwei} gwei for a lie")
    world.tell(f"mallory's false withdrawal is refused ({reason})")


def _paid(world: World, batch: StoredBatch) -> None:
    if (reason := world.withdraw(batch)) is not None:
        raise ScenarioError(f"expected the true withdrawal to be paid, L1 refuses: {reason}")
    world.tell("the true withdrawal is paid")


def _owners(world: World) -> None:
    """Users are funded and proven to own their accounts."""
    world.start_node()
    world.fund()
    world.pay_and_withdraw()
    world.wait_final()
    program = world.workspace.program
    register = next(i for i, kind in enumerate(program.kinds) if kind.name == "register")
    size = 4 * program.input_words
    queue = world.contracts.bridge.queue()
    position = 0
    for batch in world.node.batches:
        for slot in range(batch.queued):
            words = batch.journal[slot * size : (slot + 1) * size]
            if int.from_bytes(words[:4], "big") == register:
                world.contracts.bridge.prove_owner(
                    world.keeper, batch.parent, batch.journal, slot, queue[position].origin
                )
            position += 1
    world.tell("users have proven to L1 which accounts are theirs")


def _all() -> Mapping[str, Scenario]:
    lightest = by_trust(DUAL)[0]
    scenarios = [
        Scenario("agreement", "all types agree", agreement),
        *(
            Scenario(f"lie-{name}", f"{name} accepts a false withdrawal", lie, (name,), types)
            for name, types in (("groth16", DUAL), ("plonky2", TRIPLE), ("sgx", DUAL))
        ),
        Scenario(
            "lie-two", "groth16 and sgx, of three, accept the same lie", lie_of_more, liars=DUAL, types=TRIPLE
        ),
        Scenario("halt-groth16", "groth16 stops proving, and comes back", halted_type, halts="groth16"),
        Scenario("halt-sequencer", "the sequencer stops; another takes over", halted_sequencer),
        Scenario("reorg", "L1 takes blocks back under the node", reorganisation),
        Scenario(
            "silent-council",
            f"{lightest} accepts a lie, and the council does nothing",
            silent_council,
            liars=(lightest,),
        ),
        Scenario("escape", "everything stops for good, and users leave", escape),
    ]
    return {s.name: s for s in scenarios}


SCENARIOS: Final = _all()
"""By name."""

RESULT: Final = ("final_state_true", "stolen", "conflict", "resolved_by", "elapsed_l1_s")
"""What of a scenario's report says how it ended; all else of it is details."""


def play(
    name: str,
    cache: Path,
    listener: Callable[[str], None] = lambda _: None,
    *,
    types: Sequence[str] | None = None,
    l1_url: str | None = None,
) -> dict[str, Any]:
    """Play a scenario and report how it ended: :data:`RESULT`, then details.

    Args:
        cache: where provers keep keys.
        types: of the deployment; None: the scenario's.
        l1_url: a development chain with anvil's accounts; None: one in this process.

    Raises:
        ScenarioError: it is not known, cannot be played here, or did not go as it must.
        ForgeError, NodeError, ProverError, L1Error: something in it failed.
    """
    if name not in SCENARIOS:
        raise ScenarioError(f"expected one of the scenarios {', '.join(SCENARIOS)}, got {name}")
    scenario = SCENARIOS[name]
    chosen = scenario.types if types is None else tuple(types)
    if (reason := scenario.missing(chosen)) is not None:
        raise ScenarioError(f"{name} cannot be played: {reason}")
    with (
        tempfile.TemporaryDirectory(prefix="multiprover-scenario-") as scratch,
        World(Path(scratch), chosen, cache, listener, liars=scenario.liars, l1_url=l1_url) as world,
    ):
        extra = scenario.play(world)
        return {**world.outcome(), **extra, "name": name, "policy": world.policy.model_dump(mode="json")}
