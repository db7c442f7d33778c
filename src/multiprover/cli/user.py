"""``multiprover user``: coming in, forcing a transaction, going out, and leaving when all has halted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from multiprover.cli.output import out, print_json
from multiprover.cli.roles import Json, Reference, RoleError, address, plain, program_of, report, role
from multiprover.lang.transition import Transition
from multiprover.ledger.batch import Transaction, make_transaction
from multiprover.ledger.codec import WORD_BYTES
from multiprover.node.follower import Follower
from multiprover.node.replica import Replica, messages, slot_words
from multiprover.program import Program
from multiprover.settlement.bridge_rules import BridgeRules, escape_opening
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.types import ClaimStatus
from multiprover.suites import Wallet

app = role(
    typer.Typer(
        no_args_is_help=True, help="What a user may do on L1: come in, force a transaction, go out, leave."
    )
)

AccountNumber = Annotated[int, typer.Argument(min=0, help="The account's number in the ledger.")]
Seed = Annotated[Path, typer.Option("--seed", help="File with the wallet's seed, 32 bytes in hex.")]
Height = Annotated[int, typer.Option(min=0, max=16, help="Of one-time keys: 2^height signatures a key.")]


def wallet(path: Path, contracts: Contracts, height: int) -> Wallet:
    """
    Raises:
        RoleError: the file has no seed.
    """
    try:
        seed = bytes.fromhex(path.read_text(encoding="utf-8").strip().removeprefix("0x"))
    except (OSError, ValueError) as error:
        raise RoleError(f"{path}: expected a seed of 32 bytes in hex, got {error}") from error
    if len(seed) != 32:
        raise RoleError(f"{path}: expected a seed of 32 bytes in hex, got {len(seed)} bytes")
    return Wallet.from_seed(seed, contracts.settlement.names.suites, height=height)


def _enqueue(context: typer.Context, contracts: Contracts, transaction: Transaction, as_json: bool) -> None:
    receipt = contracts.bridge.enqueue(context.obj.account(), transaction.words)
    report(receipt, as_json, paid_wei=contracts.bridge.due(transaction.words))


def _kind(transition: type[Transition], rule: str) -> str:
    """The transition's only kind with a rule.

    Raises:
        RoleError: it has none, or several.
    """
    found = [k.name for k in transition.kinds if k.from_l1 and getattr(k.rules, rule)]
    if len(found) != 1:
        raise RoleError(
            f"expected one kind with {rule}=, {transition.__name__} has {', '.join(found) or 'none'}: "
            "use `force` with the kind's name"
        )
    return found[0]


@app.command()
def register(
    context: typer.Context,
    reference: Reference,
    account: AccountNumber,
    seed: Seed,
    height: Height = 10,
    json: Json = False,
) -> None:
    """Open an account with the key of a wallet; it belongs to whoever pays for this on L1."""
    contracts = context.obj.contracts()
    transition, program = program_of(reference, contracts)
    name = _kind(transition, "registers")
    spec = transition.kind(name)
    key = next(p.name for p in spec.params if p.name != spec.rules.registers)
    values = {spec.rules.registers or "": account, key: wallet(seed, contracts, height).public_key}
    _enqueue(context, contracts, make_transaction(transition, program, name, values), json)


@app.command()
def deposit(
    context: typer.Context,
    reference: Reference,
    account: AccountNumber,
    amount: Annotated[int, typer.Argument(min=1, help="In units of the ledger; of L1's coin, gwei.")],
    json: Json = False,
) -> None:
    """Pay into an account, in L1's coin."""
    contracts = context.obj.contracts()
    transition, program = program_of(reference, contracts)
    name = _kind(transition, "value")
    spec = transition.kind(name)
    others = [p.name for p in spec.params if p.name not in (spec.rules.value, spec.rules.asset)]
    if len(others) != 1:
        raise RoleError(
            f"{name} takes {', '.join(p.name for p in spec.params)}: use `force` with all of them"
        )
    values: dict[str, Any] = {others[0]: account, spec.rules.value or "": amount}
    if spec.rules.asset:
        values[spec.rules.asset] = 0
    _enqueue(context, contracts, make_transaction(transition, program, name, values), json)


@app.command()
def force(
    context: typer.Context,
    reference: Reference,
    kind: Annotated[str, typer.Argument(help="A kind from L1, such as force_withdraw.")],
    values: Annotated[
        list[str], typer.Argument(help="NAME=VALUE for each parameter; integers, or addresses 0x…")
    ],
    json: Json = False,
) -> None:
    """Put any transaction from L1 into the queue: the sequencer must take it in within the window."""
    contracts = context.obj.contracts()
    transition, program = program_of(reference, contracts)
    spec = next((k for k in transition.kinds if k.name == kind and k.from_l1), None)
    if spec is None:
        known = ", ".join(k.name for k in transition.kinds if k.from_l1)
        raise RoleError(f"expected one of the kinds from L1 ({known}), got {kind}")
    given: dict[str, Any] = {}
    for item in values:
        name, equals, text = item.partition("=")
        if not equals:
            raise RoleError(f"expected NAME=VALUE, got {item!r}")
        given[name] = _value(name, text)
    _enqueue(context, contracts, make_transaction(transition, program, kind, given), json)


def _value(name: str, text: str) -> Any:
    if text.startswith("0x"):
        data = address(text)
        return [int.from_bytes(data[i : i + 4], "big") for i in range(0, 20, 4)]
    try:
        return int(text)
    except ValueError:
        raise RoleError(f"{name}: expected an integer or an address 0x…, got {text!r}") from None


# -- what was posted


class _Batches:
    """The batches on L1 whose claims are final for some value, and those on their way."""

    def __init__(self, contracts: Contracts) -> None:
        self.contracts = contracts
        self.follower = Follower(contracts)
        self.follower.update()

    def all(self) -> list[tuple[bytes, bytes, ClaimStatus]]:
        """Parent, claim and status of every live claim, in order of number."""
        found = []
        for claim, located in self.follower.posted.items():
            parent = located.event.parent  # type: ignore[union-attr]
            status = self.contracts.settlement.claim(claim)
            above = self.contracts.settlement.claim(parent)
            if not status.closed and status.generation == above.children_generation:
                found.append((parent, claim, status))
        return sorted(found, key=lambda item: item[2].number)

    def of(self, number: int) -> tuple[bytes, bytes]:
        """Parent and journal of a batch: of its final claim, else of its only one.

        Raises:
            RoleError: there is none, or it is not known which is true.
        """
        candidates = [item for item in self.all() if item[2].number == number]
        final = [item for item in candidates if item[2].final_bits]
        chosen = final or candidates
        if len(chosen) != 1:
            raise RoleError(f"batch {number}: expected one claim on L1, found {len(chosen)}")
        parent, claim, _ = chosen[0]
        return parent, self.follower.journal(claim)


@app.command()
def withdrawals(
    context: typer.Context,
    reference: Reference,
    recipient: Annotated[str | None, typer.Option(help="Only those of this address.")] = None,
    json: Json = False,
) -> None:
    """List withdrawals in the batches on L1: for which value they are final, and whether they are paid."""
    contracts = context.obj.contracts()
    _, program = program_of(reference, contracts)
    batches, rows = _Batches(contracts), []
    slots = contracts.settlement.slots
    for _, claim, status in batches.all():
        for slot, fields in messages(program, slots, batches.follower.journal(claim), "Withdrawal"):
            to = b"".join(fields[f"recipient[{i}]"].to_bytes(4, "big") for i in range(5))
            if recipient is not None and to != address(recipient):
                continue
            rows.append(
                {
                    "batch": status.number,
                    "slot": slot,
                    "recipient": plain(to),
                    "amount": fields["amount"],
                    "final": status.final_at(contracts.settlement.tier_of(fields["amount"])),
                    "paid": contracts.bridge.is_paid(claim, slot),
                }
            )
    if json:
        print_json({"withdrawals": rows})
    for row in [] if json else rows:
        out.print(", ".join(f"{k} {v}" for k, v in row.items()))


@app.command()
def withdraw(
    context: typer.Context,
    batch: Annotated[int, typer.Argument(min=1, help="The batch's number.")],
    slot: Annotated[int, typer.Argument(min=0, help="The withdrawal's slot in it.")],
    place: Annotated[int, typer.Option(min=0, help="Of several withdrawals in one slot.")] = 0,
    json: Json = False,
) -> None:
    """Have a withdrawal paid to its recipient, once it is final for its value."""
    contracts = context.obj.contracts()
    parent, journal = _Batches(contracts).of(batch)
    report(contracts.bridge.withdraw(context.obj.account(), parent, journal, slot, place), json)


@app.command("prove-owner")
def prove_owner(
    context: typer.Context, reference: Reference, account: AccountNumber, json: Json = False
) -> None:
    """Have L1 record who opened an account: who may force its transactions, and leave with its value."""
    contracts = context.obj.contracts()
    transition, program = program_of(reference, contracts)
    parent, journal, slot, index = _registration(contracts, transition, program, account)
    origin = contracts.bridge.queue()[index].origin
    receipt = contracts.bridge.prove_owner(context.obj.account(), parent, journal, slot, origin)
    report(receipt, json, owner=contracts.bridge.owner(account))


def _registration(
    contracts: Contracts, transition: type[Transition], program: Program, account: int
) -> tuple[bytes, bytes, int, int]:
    """Parent, journal, slot and queue index of the final transaction that opened an account.

    Raises:
        RoleError: there is none.
    """
    kinds = BridgeRules.of(transition, program).kinds
    replica = Replica(transition, program, contracts.settlement.slots)
    batches, taken = _Batches(contracts), 0
    for parent, claim, status in batches.all():
        if not status.final:
            continue
        journal = batches.follower.journal(claim)
        truth = replica.apply(journal[: replica.input_bytes])
        for slot in range(replica.slots):
            words = slot_words(program, journal, slot)
            kind = kinds[int.from_bytes(words[:WORD_BYTES], "big")]
            if not kind.from_l1:
                break
            at = WORD_BYTES * (kind.registers_word or 0)
            opened = int.from_bytes(words[at : at + WORD_BYTES], "big")
            if kind.registers_word and opened == account and truth.refused[slot] is None:
                return parent, journal, slot, taken + slot
        taken = status.queue_end
    raise RoleError(f"account {account}: expected a final batch in which it was opened, found none")


@app.command()
def collect(
    context: typer.Context,
    to: Annotated[str, typer.Argument(help="Address that shall have it.")],
    asset: Annotated[int, typer.Option(min=0, help="0: L1's coin.")] = 0,
    json: Json = False,
) -> None:
    """Take what the bridge could not pay to one's own address, to another."""
    report(context.obj.contracts().bridge.collect(context.obj.account(), address(to), asset), json)


@app.command()
def halt(context: typer.Context, json: Json = False) -> None:
    """Halt everything for good, when nothing has become final for the escape window: then all can leave."""
    report(context.obj.contracts().bridge.halt(context.obj.account()), json)


@app.command()
def escape(context: typer.Context, reference: Reference, account: AccountNumber, json: Json = False) -> None:
    """Leave a system that has halted, with what the account was worth in the last final state."""
    contracts = context.obj.contracts()
    transition, program = program_of(reference, contracts)
    replica = Replica(transition, program, contracts.settlement.slots)
    batches = _Batches(contracts)
    for _, claim, status in batches.all():
        if status.final:
            replica.apply(batches.follower.journal(claim)[: replica.input_bytes])
    opening = escape_opening(BridgeRules.of(transition, program), replica.state, account)
    receipt = contracts.bridge.escape(context.obj.account(), account, opening)
    report(receipt, json, escaped=contracts.bridge.escaped(account))


@app.command()
def refund(context: typer.Context, index: Annotated[int, typer.Argument(min=0)], json: Json = False) -> None:
    """Take back what was paid with a queue entry that had no effect, or that nobody took in before the
    halt.
    """
    contracts = context.obj.contracts()
    entries = contracts.bridge.queue()
    if index >= len(entries):
        raise RoleError(f"expected a queue entry below {len(entries)}, got {index}")
    batches, start = _Batches(contracts), 0
    account = context.obj.account()
    for parent, claim, status in batches.all():
        if status.final and start <= index < status.queue_end:
            journal = batches.follower.journal(claim)
            origin = entries[index].origin
            report(contracts.bridge.refund(account, parent, journal, index - start, origin), json)
            return
        if status.final:
            start = status.queue_end
    report(contracts.bridge.refund_queued(account, entries[index]), json)
