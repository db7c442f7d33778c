"""``multiprover council``: approving, together, one of the vouched answers of a conflict, or another
verifier.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from multiprover.cli.output import out, print_json
from multiprover.cli.roles import Json, RoleError, Target, address, plain, report, role
from multiprover.settlement.council import Action, Council
from multiprover.settlement.deploy import Contracts
from multiprover.settlement.types import Conflict

app = role(
    typer.Typer(
        no_args_is_help=True,
        help="What members of the council may do: choose in a conflict, replace a liar's verifier, bar keys.",
    )
)

ActionFile = Annotated[Path, typer.Argument(help="The action, as `propose` wrote it and members signed it.")]
Out = Annotated[Path, typer.Option("--out", help="Write the action here, for members to sign.")]


def _council(contracts: Contracts) -> Council:
    if contracts.council is None:
        raise RoleError(
            f"expected a Council of ours at 0x{contracts.governance.council.hex()}, found another account: "
            "approve with its own tools (the calldata is in --out of `propose`)"
        )
    return contracts.council


def _read(path: Path) -> Action:
    try:
        return Action.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RoleError(f"{path}: expected an action in JSON, got {error}") from error


def _write(path: Path, action: Action) -> None:
    path.write_text(action.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _tell(action: Action, path: Path, as_json: bool, threshold: int) -> None:
    if as_json:
        print_json({**action.model_dump(mode="json"), "file": str(path), "threshold": threshold})
    else:
        out.print(f"{path}: {len(action.signatures)} of {threshold} approvals")


def conflict_document(conflict: Conflict) -> dict[str, Any]:
    """A conflict for a JSON document."""
    return {name: plain(value) for name, value in vars(conflict).items()}


@app.command()
def conflicts(context: typer.Context, json: Json = False) -> None:
    """Show every conflict: its options, who stands behind each, and how it ended."""
    found = context.obj.contracts().governance.conflicts()
    if json:
        print_json({"conflicts": [conflict_document(c) for c in found]})
        return
    table = Table("conflict", "batch", "option", "value", "vouched for by", "outcome")
    for c in found:
        for i, (option, names) in enumerate(zip(c.options, c.supporters, strict=True)):
            outcome = "open" if not c.resolved else ("stands" if c.winner == i else "lost")
            cells = (str(c.index), str(c.number)) if i == 0 else ("", "")
            table.add_row(*cells, str(i), "0x" + option.hex()[:16], ", ".join(names), outcome)
    out.print(table)


@app.command()
def choose(
    context: typer.Context,
    option: Annotated[int, typer.Argument(min=0, help="Of the open conflict.")],
    file: Out,
    json: Json = False,
) -> None:
    """Propose that the council chooses an option of the open conflict."""
    contracts: Contracts = context.obj.contracts()
    conflict = contracts.governance.open_conflict()
    if conflict is None:
        raise RoleError("expected an open conflict, found none")
    if option >= len(conflict.options):
        raise RoleError(f"expected an option below {len(conflict.options)}, got {option}")
    _propose(contracts, contracts.governance.choose_data(conflict.index, option), file, json)


@app.command()
def replace(
    context: typer.Context,
    proof_type: Annotated[str, typer.Argument(help="A quarantined or disabled proof type.")],
    adapter: Annotated[str, typer.Argument(help="Address of its new adapter.")],
    gas: Annotated[int, typer.Option(min=1, help="The most that it may burn.")],
    file: Out,
    json: Json = False,
) -> None:
    """Propose another verifier for a type that lost a conflict."""
    contracts: Contracts = context.obj.contracts()
    data = contracts.governance.replace_verifier_data(proof_type, address(adapter), gas)
    _propose(contracts, data, file, json)


@app.command()
def revoke(
    context: typer.Context,
    file: Out,
    signer: Annotated[
        str | None, typer.Argument(help="An enclave's vouching address; none: every key registered so far.")
    ] = None,
    json: Json = False,
) -> None:
    """Propose to bar an enclave's key, or all registered so far, for good."""
    contracts: Contracts = context.obj.contracts()
    sgx = contracts.sgx()
    data = sgx.revoke_data(None if signer is None else address(signer))
    _propose(contracts, data, file, json, target=sgx.address)


@app.command()
def members(
    context: typer.Context,
    addresses: Annotated[list[str], typer.Argument(help="All members from then on.")],
    threshold: Annotated[int, typer.Option(min=1, help="Members that must approve: more than half.")],
    file: Out,
    json: Json = False,
) -> None:
    """Propose other members of the council."""
    contracts: Contracts = context.obj.contracts()
    council = _council(contracts)
    data = council.set_members_data([address(a) for a in addresses], threshold)
    _propose(contracts, data, file, json, target=council.address)


def _propose(
    contracts: Contracts, data: bytes, file: Path, as_json: bool, *, target: bytes | None = None
) -> None:
    council = _council(contracts)
    action = council.action(target or contracts.governance.address, data)
    _write(file, action)
    _tell(action, file, as_json, council.threshold())


@app.command()
def approve(context: typer.Context, file: ActionFile, json: Json = False) -> None:
    """Add one's signature to an action."""
    target: Target = context.obj
    council, member = _council(target.contracts()), target.account()
    if address(member.address) not in council.members():
        raise RoleError(f"expected the key of a member of the council, got that of {member.address}")
    action = _read(file).signed(member)
    _write(file, action)
    _tell(action, file, json, council.threshold())


@app.command()
def execute(context: typer.Context, file: ActionFile, json: Json = False) -> None:
    """Bring an approved action to L1; anyone may."""
    target: Target = context.obj
    contracts = target.contracts()
    report(_council(contracts).execute(target.account(), _read(file)), json)
