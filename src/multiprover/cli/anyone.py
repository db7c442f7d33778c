"""``multiprover anyone``: what needs no role on L1. All of it is either true, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from multiprover.cli.roles import Json, RoleError, Target, address, evidence, report, role, word
from multiprover.node.follower import Follower
from multiprover.node.watcher import convict as bring_conviction
from multiprover.settlement.base import address_of
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.events import Posted

app = role(
    typer.Typer(
        no_args_is_help=True,
        help="What anyone may do on L1, and `watcher` does by itself: prove a type false, keep things going.",
    )
)

ClaimText = Annotated[str, typer.Argument(metavar="CLAIM", help="A posted claim, 32 bytes in hex.")]
ProofType = Annotated[str, typer.Argument(metavar="TYPE", help="The proof type.")]
ProofFile = Annotated[
    Path, typer.Argument(metavar="PROOF", help="A proof with its statement, in JSON (docs/settlement.md §9).")
]
Wei = Annotated[int, typer.Argument(min=1, metavar="WEI")]
Payee = Annotated[str | None, typer.Argument(help="Whose; default: one's own.")]


def _posted(contracts: Contracts, text: str) -> tuple[Posted, bytes]:
    """A claim's event and its journal.

    Raises:
        RoleError: it is not posted.
    """
    follower = Follower(contracts)
    follower.update()
    located = follower.posted.get(word(text))
    if located is None or not isinstance(located.event, Posted):
        raise RoleError(f"expected a claim that is posted on L1, got {text}")
    return located.event, follower.journal(located.event.claim)


# -- proofs against a type


@app.command()
def canary(context: typer.Context, file: ProofFile, json: Json = False) -> None:
    """Prove a public lie, that noops on genesis changed the state, and have the payee paid the bounty.

    The proof's type is disabled for good.
    """
    target: Target = context.obj
    contracts, account, one = target.contracts(), target.account(), evidence(file)
    governance = contracts.governance
    if one.parent != contracts.settlement.genesis:
        raise RoleError(
            f"expected a proof of a claim on genesis, 0x{contracts.settlement.genesis.hex()}, "
            f"got one on 0x{one.parent.hex()}"
        )
    receipt = governance.canary(account, one.proof_type, one.journal, one.suites, one.payee, one.proof)
    earned = governance.credit(one.payee)
    if earned:
        governance.claim_bounty(account, one.payee)
    report(receipt, json, payee=one.payee, paid_wei=earned)


@app.command()
def convict(context: typer.Context, file: ProofFile, claim: ClaimText, json: Json = False) -> None:
    """Have a type disabled for good that vouched for CLAIM on L1, and whose PROOF says otherwise."""
    target: Target = context.obj
    contracts = target.contracts()
    _, first = _posted(contracts, claim)
    report(bring_conviction(contracts, target.account(), evidence(file), first), json)


@app.command("claim-bounty")
def claim_bounty(context: typer.Context, payee: Payee = None, json: Json = False) -> None:
    """Have a payee paid what its canaries earned."""
    target: Target = context.obj
    governance, account = target.contracts().governance, target.account()
    report(governance.claim_bounty(account, address(payee) if payee else address_of(account)), json)


@app.command("show-conflict")
def show_conflict(
    context: typer.Context,
    claim: ClaimText,
    other: Annotated[str, typer.Argument(help="Another claim on its parent.")],
    json: Json = False,
) -> None:
    """Show two claims of the same inputs that types stand behind: one is a lie."""
    target: Target = context.obj
    contracts = target.contracts()
    (one, _), (two, _) = _posted(contracts, claim), _posted(contracts, other)
    receipt = contracts.governance.show_conflict(
        target.account(), one.parent, one.journal_hash, two.journal_hash
    )
    report(receipt, json)


@app.command("add-branch")
def add_branch(context: typer.Context, claim: ClaimText, json: Json = False) -> None:
    """Add a further claim that types stand behind to the open conflict."""
    target: Target = context.obj
    contracts = target.contracts()
    posted, _ = _posted(contracts, claim)
    report(contracts.governance.add_branch(target.account(), posted.journal_hash), json)


@app.command()
def resolve(context: typer.Context, json: Json = False) -> None:
    """Resolve the open conflict by weight: after the council's window, or where one side is left."""
    target: Target = context.obj
    report(target.contracts().governance.resolve(target.account()), json)


# -- keeping things going


@app.command()
def settle(context: typer.Context, claim: ClaimText, json: Json = False) -> None:
    """Have a claim become final for the tiers whose delays have passed."""
    target: Target = context.obj
    contracts = target.contracts()
    posted, _ = _posted(contracts, claim)
    report(contracts.settlement.settle(target.account(), posted.parent, posted.journal_hash), json)


@app.command("catch-up")
def catch_up(context: typer.Context, proof_type: ProofType, json: Json = False) -> None:
    """Report a type that fell silent; it goes on from the last final claim."""
    target: Target = context.obj
    report(target.contracts().settlement.catch_up(target.account(), proof_type), json)


@app.command()
def complain(context: typer.Context, json: Json = False) -> None:
    """Complain that what is posted on the last final claim does not become final."""
    target: Target = context.obj
    report(target.contracts().settlement.complain(target.account()), json)


@app.command()
def discard(context: typer.Context, json: Json = False) -> None:
    """Give up what a complaint was about, when its window is over: other inputs may take its place."""
    target: Target = context.obj
    report(target.contracts().settlement.discard(target.account()), json)


@app.command()
def overdue(
    context: typer.Context,
    index: Annotated[int, typer.Argument(min=0, help="Place in the queue.")],
    json: Json = False,
) -> None:
    """Open the seat of a sequencer that leaves a queue entry waiting."""
    target: Target = context.obj
    contracts = target.contracts()
    entries = contracts.bridge.queue()
    if index >= len(entries):
        raise RoleError(f"expected a queue entry below {len(entries)}, got {index}")
    report(contracts.sequencing.overdue(target.account(), entries[index]), json)


@app.command()
def prune(context: typer.Context, claim: ClaimText, json: Json = False) -> None:
    """Delete what L1 holds of a claim that all have left behind, and only proofs need."""
    target: Target = context.obj
    contracts = target.contracts()
    posted, _ = _posted(contracts, claim)
    report(contracts.settlement.prune(target.account(), posted.parent, posted.journal_hash), json)


@app.command()
def absorb(context: typer.Context, claim: ClaimText, json: Json = False) -> None:
    """Give the lower tiers room again for what they released of a claim that is final at the top."""
    target: Target = context.obj
    report(target.contracts().bridge.absorb(target.account(), word(claim)), json)


@app.command("fund-bounty")
def fund_bounty(context: typer.Context, wei: Wei, json: Json = False) -> None:
    """Add to what canaries are paid from."""
    target: Target = context.obj
    report(target.contracts().governance.fund(target.account(), wei), json)


@app.command("fund-bridge")
def fund_bridge(context: typer.Context, wei: Wei, json: Json = False) -> None:
    """Add to the bridge's reserve, for nobody in particular."""
    target: Target = context.obj
    report(target.contracts().bridge.fund(target.account(), wei), json)
