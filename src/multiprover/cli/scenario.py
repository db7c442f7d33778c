"""``multiprover scenario``: what happens when a type lies or halts, played with real proofs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from multiprover.cli.output import err, listed, out, print_json
from multiprover.cli.roles import Json
from multiprover.node.scenarios import RESULT, SCENARIOS, ScenarioError, play
from multiprover.node.workspace import default_cache


def scenario(
    name: Annotated[str | None, typer.Argument(help="Which one; see --list.")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the scenarios.")] = False,
    types: Annotated[
        str | None, typer.Option(help="Proof types, separated by commas; default: the scenario's.")
    ] = None,
    l1: Annotated[
        str | None,
        typer.Option("--l1", help="A development chain with anvil's accounts; default: in this process."),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="With --json: also the steps, the policy and the figures.")
    ] = False,
    json: Json = False,
) -> None:
    """Play a scenario: agreement, a lie, a halt, a reorganisation, the escape. The proofs are real;
    L1's clock is fast.

    Keys are made on the first run, and kept. Ends with status 1 if it did not go as it must.
    """
    if list_all:
        rows = [{"name": s.name, "what": s.what, "missing": s.missing()} for s in SCENARIOS.values()]
        if json:
            print_json({"scenarios": rows})
            return
        table = Table("scenario", "what happens", "")
        for row in rows:
            missing = row["missing"]
            table.add_row(row["name"], row["what"], f"cannot be played: {missing}" if missing else "")
        out.print(table)
        return
    if name is None:
        raise ScenarioError(f"expected one of the scenarios {', '.join(SCENARIOS)}, got none")
    chosen = listed(types) if types is not None else None
    document = play(
        name,
        default_cache(),
        lambda line: err.print(line, markup=False, soft_wrap=True),
        types=chosen,
        l1_url=l1,
    )
    if json:
        print_json(document if details else {key: document[key] for key in RESULT})
    else:
        out.print(
            f"[bold]{name}[/]: final state {'true' if document['final_state_true'] else '[red]FALSE[/]'}, "
            f"stolen {document['stolen']} gwei, "
            f"resolved by {document['resolved_by'] or 'nobody (no conflict)'}, "
            f"{document['elapsed_l1_s'] / 86_400:.1f} days on L1"
        )
    if not document["final_state_true"] or document["stolen"]:
        raise ScenarioError(f"{name}: expected a true final state and nothing stolen, see above")
