"""``multiprover operator``: deploying, policies, enclave keys, upgrades, tokens."""

from __future__ import annotations

from dataclasses import asdict, replace
from json import loads
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from multiprover.cli.board import Board
from multiprover.cli.output import listed, out, print_json
from multiprover.cli.roles import Json, Reference, RoleError, Target, address, plain, report, role, word
from multiprover.node.deployment import deploy_program, plan_for
from multiprover.node.workspace import Config, Workspace
from multiprover.settlement.adapters import AdapterType
from multiprover.settlement.base import address_of
from multiprover.settlement.bridge import Asset
from multiprover.settlement.defaults import Parameters
from multiprover.settlement.deploy import Contracts, CouncilInfo
from multiprover.settlement.policy import Policy

app = role(
    typer.Typer(no_args_is_help=True, help="Deploy and run a rollup's contracts: what its operator may do.")
)
policy_app = typer.Typer(no_args_is_help=True, help="What a claim needs to be final.")
upgrade_app = typer.Typer(no_args_is_help=True, help="Other verifiers for a proof type, by a timelock.")
type_app = typer.Typer(no_args_is_help=True, help="Further proof types, by a timelock.")
seat_app = typer.Typer(no_args_is_help=True, help="The sequencer's seat, and its bond.")
asset_app = typer.Typer(no_args_is_help=True, help="Tokens that the bridge takes, by a timelock.")
app.add_typer(policy_app, name="policy")
app.add_typer(upgrade_app, name="upgrade")
app.add_typer(type_app, name="type")
app.add_typer(seat_app, name="seat")
app.add_typer(asset_app, name="asset")

PolicyFile = Annotated[Path, typer.Argument(help="A policy in JSON, as `operator show` prints it.")]


def read_policy(path: Path) -> Policy:
    """
    Raises:
        RoleError: the file has no policy.
    """
    try:
        return Policy.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RoleError(f"{path}: expected a policy in JSON, got {error}") from error


def describe(contracts: Contracts) -> dict[str, Any]:
    """A deployment: its contracts, its windows, its proof types, its policy."""
    s, g, b, q = contracts.settlement, contracts.governance, contracts.bridge, contracts.sequencing
    claim, number, _, time = s.finality()
    return {
        "settlement": plain(s.address),
        "governance": plain(g.address),
        "bridge": plain(b.address),
        "sequencing": plain(q.address),
        "council": plain(g.council),
        "council_members": [plain(m) for m in contracts.council.members()] if contracts.council else None,
        "council_threshold": contracts.council.threshold() if contracts.council else None,
        "operator": plain(g.operator),
        "sequencer": plain(q.sequencer()),
        "program_id": plain(s.program_id),
        "slots": s.slots,
        "suites": list(s.names.suites),
        "windows_s": {
            "timelock": g.timelock(),
            "council": g.council_window(),
            "proof": s.proof_window(),
            "force": q.force_window(),
            "late": q.late_window(),
            "escape": b.escape_window(),
        },
        "bond_wei": q.bond(),
        "types": {
            name: {
                "standing": t.standing.name.lower(),
                "adapter": plain(t.adapter),
                "suites": list(t.suites),
                "gas": t.gas,
                "next_adapter": plain(t.next_adapter),
                "next_from": t.next_from,
            }
            for name, t in s.proof_types().items()
        },
        "policy": g.policy().model_dump(mode="json"),
        "final": {"claim": plain(claim), "batch": number, "time": time},
        "frozen_from": s.frozen_from(),
        "halted": s.halted(),
    }


@app.command()
def deploy(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="A new data directory for the sequencer.")],
    reference: Reference,
    slots: Annotated[int, typer.Option(min=1, max=512, help="Slots a batch.")] = 16,
    types: Annotated[str, typer.Option(help="Proof types, separated by commas.")] = "groth16,sgx",
    policy: Annotated[Path | None, typer.Option(help="A policy in JSON; default: that of the types.")] = None,
    council: Annotated[
        str | None,
        typer.Option(help="Members, separated by commas; or one address (a Safe) without --threshold."),
    ] = None,
    threshold: Annotated[int | None, typer.Option(min=1, help="Members that must approve.")] = None,
    parameters: Annotated[
        Path | None, typer.Option(help="Windows and stakes in JSON; default: those of docs/settlement.md.")
    ] = None,
    allow_simulated: Annotated[
        bool,
        typer.Option("--allow-simulated", help="Take enclave keys without a quote. Never for real value."),
    ] = False,
    allow_insecure_setup: Annotated[
        bool,
        typer.Option(
            "--allow-insecure-setup",
            help="Take keys whose setup one party made (groth16, halo2). Never for real value.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Make keys, deploy every contract, and begin a data directory; the account is operator and sequencer."""
    target: Target = context.obj
    l1, account = target.l1(), target.account()
    config = Config(
        transition=reference,
        slots=slots,
        types=listed(types),
        policy=read_policy(policy) if policy else None,
        l1=target.l1_url,
    )
    with Workspace.create(directory, config) as workspace, Board(config.types) as board:
        workspace.prepare(board.preparing)
        plan = plan_for(
            workspace.transition,
            workspace.program,
            slots,
            workspace.prepared,
            workspace.manifests,
            address_of(account),
            allow_simulated=allow_simulated,
            allow_insecure_setup=allow_insecure_setup,
            policy=config.policy,
            council=read_council(council, threshold),
            parameters=read_parameters(parameters),
        )
        contracts = deploy_program(l1, account, plan, workspace.prepared, workspace.manifests)
        workspace.settle_at(contracts)
    document = describe(contracts) | {"parameters": asdict(plan.parameters)}
    if json:
        print_json(document)
    else:
        _show(document)


def read_council(members: str | None, threshold: int | None) -> CouncilInfo | bytes | None:
    """
    Raises:
        RoleError: members and threshold do not fit.
    """
    if members is None:
        return None
    addresses = tuple(address(m.strip()) for m in members.split(","))
    if threshold is None:
        if len(addresses) != 1:
            raise RoleError("expected --threshold with several members of a council, got none")
        return addresses[0]
    if threshold > len(addresses):
        raise RoleError(f"expected a threshold of at most {len(addresses)}, got {threshold}")
    return CouncilInfo(addresses, threshold)


def read_parameters(path: Path | None) -> Parameters:
    """
    Raises:
        RoleError: the file has no parameters, or unknown ones.
    """
    if path is None:
        return Parameters()
    try:
        given = loads(path.read_bytes())
        if "daily_limits_gwei" in given:
            given["daily_limits_gwei"] = tuple(given["daily_limits_gwei"])
        return replace(Parameters(), **given)
    except (OSError, ValueError, TypeError) as error:
        raise RoleError(f"{path}: expected {', '.join(asdict(Parameters()))} in JSON, got {error}") from error


@app.command()
def show(context: typer.Context, json: Json = False) -> None:
    """Show a deployment: contracts, windows, proof types, policy, and what is final."""
    document = describe(context.obj.contracts())
    if json:
        print_json(document)
    else:
        _show(document)


def _show(document: dict[str, Any]) -> None:
    for name, value in document.items():
        if isinstance(value, dict):
            out.print(f"[bold]{name}[/]")
            for key, inner in value.items():
                out.print(f"  {key}: {inner}")
        else:
            out.print(f"[bold]{name}[/]: {value}")


@policy_app.command()
def propose(context: typer.Context, file: PolicyFile, json: Json = False) -> None:
    """Announce a policy; it can be applied when the timelock is over."""
    contracts = context.obj.contracts()
    policy = read_policy(file)
    receipt = contracts.governance.propose_policy(context.obj.account(), policy)
    report(receipt, json, ready=contracts.governance.policy_ready(policy))


@policy_app.command()
def apply(context: typer.Context, file: PolicyFile, json: Json = False) -> None:
    """Put an announced policy in force; anyone may."""
    report(context.obj.contracts().governance.apply_policy(context.obj.account(), read_policy(file)), json)


@policy_app.command()
def tighten(context: typer.Context, file: PolicyFile, json: Json = False) -> None:
    """Put a policy in force at once that releases nothing sooner than the present one."""
    report(context.obj.contracts().governance.tighten_policy(context.obj.account(), read_policy(file)), json)


@app.command()
def register(
    context: typer.Context,
    signer: Annotated[str, typer.Argument(help="The enclave's vouching address.")],
    quote: Annotated[Path | None, typer.Option(help="Its attestation quote.")] = None,
    json: Json = False,
) -> None:
    """Register an enclave's key; without a quote as simulated, where the deployment allows it."""
    receipt = (
        context.obj.contracts()
        .sgx()
        .register(
            context.obj.account(),
            address(signer),
            quote=quote.read_bytes() if quote else b"",
            simulated=quote is None,
        )
    )
    report(receipt, json)


@app.command()
def revoke(
    context: typer.Context,
    signer: Annotated[
        str | None, typer.Argument(help="The address; none: every key registered so far.")
    ] = None,
    json: Json = False,
) -> None:
    """Bar an enclave's key, or all registered so far, for good."""
    sgx, account = context.obj.contracts().sgx(), context.obj.account()
    report(sgx.revoke_epoch(account) if signer is None else sgx.revoke(account, address(signer)), json)


Type = Annotated[str, typer.Argument(help="The proof type.")]
Adapter = Annotated[str, typer.Argument(help="Address of the new adapter.")]
Gas = Annotated[int, typer.Option("--gas", min=1, help="The most that it may burn.")]
From = Annotated[int, typer.Option("--from", min=1, help="The first batch that it verifies.")]


@upgrade_app.command()
def schedule(
    context: typer.Context, proof_type: Type, adapter: Adapter, gas: Gas, first: From, json: Json = False
) -> None:
    """Announce another verifier; it can be applied when the timelock is over."""
    governance = context.obj.contracts().governance
    receipt = governance.schedule_upgrade(context.obj.account(), proof_type, address(adapter), gas, first)
    report(receipt, json)


@upgrade_app.command("apply")
def apply_upgrade(
    context: typer.Context, proof_type: Type, adapter: Adapter, gas: Gas, first: From, json: Json = False
) -> None:
    """Put an announced verifier in force; anyone may."""
    governance = context.obj.contracts().governance
    receipt = governance.apply_upgrade(context.obj.account(), proof_type, address(adapter), gas, first)
    report(receipt, json)


Name = Annotated[str, typer.Argument(help="The new type's name.")]
Suites = Annotated[str, typer.Option("--suites", help="That it commits to, separated by commas.")]
Weight = Annotated[
    int, typer.Option("--weight", min=1, max=255, help="In conflicts the council leaves open.")
]
Binds = Annotated[
    bool,
    typer.Option(
        "--binds/--signs", help="Its proofs know the journal by (c, z, y), or sign the claim itself."
    ),
]


def _new_type(name: str, adapter: str, suites: str, binds: bool, gas: int) -> AdapterType:
    return AdapterType(name, address(adapter), listed(suites), binds, gas)


@type_app.command("schedule")
def schedule_type(
    context: typer.Context,
    name: Name,
    adapter: Adapter,
    suites: Suites,
    gas: Gas,
    weight: Weight,
    binds: Binds = True,
    json: Json = False,
) -> None:
    """Announce a further proof type, whose adapter is deployed; a policy must name it before it counts."""
    new = _new_type(name, adapter, suites, binds, gas)
    governance = context.obj.contracts().governance
    report(governance.schedule_type(context.obj.account(), new, new.adapter, weight), json)


@type_app.command("apply")
def apply_type(
    context: typer.Context,
    name: Name,
    adapter: Adapter,
    suites: Suites,
    gas: Gas,
    weight: Weight,
    binds: Binds = True,
    json: Json = False,
) -> None:
    """Add an announced proof type; anyone may."""
    new = _new_type(name, adapter, suites, binds, gas)
    governance = context.obj.contracts().governance
    report(governance.apply_type(context.obj.account(), new, new.adapter, weight), json)


@app.command()
def announced(context: typer.Context, json: Json = False) -> None:
    """List what is announced and neither applied nor cancelled: its key, and when it can be applied."""
    rows = [
        {"key": plain(a.key), "kind": a.kind, "ready": a.ready}
        for a in context.obj.contracts().governance.announced()
    ]
    if json:
        print_json({"announced": rows})
    for row in [] if json else rows:
        out.print(", ".join(f"{k} {v}" for k, v in row.items()))


@app.command()
def cancel(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="As `announced` lists it.")],
    json: Json = False,
) -> None:
    """Take back an announced policy, verifier or proof type."""
    report(context.obj.contracts().governance.cancel(context.obj.account(), word(key)), json)


@seat_app.command("take")
def take_seat(context: typer.Context, json: Json = False) -> None:
    """Become the sequencer of an open seat, for its bond; anyone may."""
    report(context.obj.contracts().sequencing.take_seat(context.obj.account()), json)


@seat_app.command("leave")
def leave_seat(context: typer.Context, json: Json = False) -> None:
    """Give notice; the duty goes on for the force window."""
    report(context.obj.contracts().sequencing.leave(context.obj.account()), json)


@seat_app.command("retire")
def retire(context: typer.Context, json: Json = False) -> None:
    """Open the seat after the notice, once the last batch is final; the bond becomes credit."""
    report(context.obj.contracts().sequencing.retire(context.obj.account()), json)


@seat_app.command("credit")
def credit(
    context: typer.Context,
    payee: Annotated[str | None, typer.Argument(help="Whose; default: one's own.")] = None,
    json: Json = False,
) -> None:
    """Pay out a bond that was given back, or what showing a fault has earned; for anyone."""
    account = context.obj.account()
    who = address(payee) if payee else address_of(account)
    report(context.obj.contracts().sequencing.withdraw_credit(account, who), json)


Number = Annotated[int, typer.Argument(min=1, help="Its number among the assets.")]
Token = Annotated[str, typer.Argument(help="Address of the ERC-20.")]
Unit = Annotated[
    int, typer.Option("--unit", min=1, help="Base units of the token in one unit of the ledger.")
]
Rate = Annotated[int, typer.Option("--rate", min=1, help="Gwei that 10^9 units of the ledger are worth.")]


@asset_app.command("schedule")
def schedule_asset(
    context: typer.Context, number: Number, token: Token, unit: Unit, rate: Rate, json: Json = False
) -> None:
    """Announce a token; it can be listed when the timelock is over."""
    asset = Asset(address(token), unit, rate)
    report(context.obj.contracts().bridge.schedule_asset(context.obj.account(), number, asset), json)


@asset_app.command("cancel")
def cancel_asset(
    context: typer.Context, number: Number, token: Token, unit: Unit, rate: Rate, json: Json = False
) -> None:
    """Take back what was announced of a token."""
    asset = Asset(address(token), unit, rate)
    report(context.obj.contracts().bridge.cancel_asset(context.obj.account(), number, asset), json)


@asset_app.command("list")
def list_asset(
    context: typer.Context, number: Number, token: Token, unit: Unit, rate: Rate, json: Json = False
) -> None:
    """List an announced token; anyone may."""
    asset = Asset(address(token), unit, rate)
    report(context.obj.contracts().bridge.list_asset(context.obj.account(), number, asset), json)
