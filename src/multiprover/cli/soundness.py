"""``multiprover soundness``: fuzzing, dishonest witnesses, planted faults. For people who work on provers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from multiprover.cli.output import err, listed, number, out, print_json
from multiprover.provers.registry import BUILT_IN

app = typer.Typer(no_args_is_help=True, help="Measure soundness: docs/soundness.md.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Types = Annotated[str, typer.Option("--types", help="Proof types, separated by commas.")]
EVERY_TYPE = ",".join(BUILT_IN)
Seed = Annotated[int, typer.Option(help="The same seed gives the same run.")]


class SoundnessError(Exception):
    """Something was accepted that is false, or refused that is true; or the harness cannot run here."""


@app.command()
def fuzz(
    programs: Annotated[int, typer.Option(min=1, help="Random programs to try.")] = 100,
    types: Types = EVERY_TYPE,
    seed: Seed = 0,
    corpus: Annotated[Path | None, typer.Option(help="Save a minimal failing program here.")] = None,
    json: Json = False,
) -> None:
    """Random transitions on executor, interpreter and every prover's constraints."""
    from multiprover.soundness import fuzz as fuzzing
    from multiprover.soundness.checkers import CheckerError

    try:
        campaign = fuzzing.fuzz(programs, provers=listed(types), start=seed, corpus=corpus)
    except CheckerError as error:
        raise SoundnessError(str(error)) from error
    document = campaign.document()
    if json:
        print_json(document)
    else:
        table = Table("operation", "programs", "executed", *fuzzing.EDGES, title="Coverage")
        for name, row in document["operation_coverage"].items():
            table.add_row(
                name, *(number(row.get(column, 0)) for column in ("programs", "executed", *fuzzing.EDGES))
            )
        out.print(table)
        out.print(
            f"{campaign.programs} programs, {campaign.inputs} inputs, {campaign.proved} batches hold, "
            f"{campaign.forged} forged batches are refused"
        )
    if campaign.disagreements:
        raise SoundnessError("\n".join(f"{d['message']}\n{d['source']}" for d in campaign.disagreements))


@app.command()
def replay(
    corpus: Annotated[Path, typer.Argument(help="Folder of regression cases.")] = Path(
        "tests/soundness/corpus"
    ),
    types: Types = EVERY_TYPE,
    json: Json = False,
) -> None:
    """The regression cases again."""
    from multiprover.soundness import fuzz as fuzzing
    from multiprover.soundness.checkers import CheckerError

    try:
        campaign = fuzzing.replay(sorted(corpus.glob("*.json")), listed(types))
    except CheckerError as error:
        raise SoundnessError(str(error)) from error
    if json:
        print_json(campaign.document())
    else:
        out.print(f"{campaign.programs} programs, {campaign.inputs} inputs")
    if campaign.disagreements:
        raise SoundnessError("\n".join(d["message"] for d in campaign.disagreements))


@app.command()
def mutate(
    prover: Annotated[
        str, typer.Option(help="groth16, halo2, plonky2, stark or sgx; several, separated by commas.")
    ],
    mutants: Annotated[int, typer.Option(min=1, help="Lies to tell, over all provers.")] = 1_000_000,
    seed: Seed = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes at once.")] = 2,
    json: Json = False,
) -> None:
    """Change witnesses and ask which lies no constraint refuses."""
    from multiprover.soundness.checkers import CheckerError
    from multiprover.soundness.mutation import mutate as tell

    names = listed(prover)
    documents = []
    for position, name in enumerate(names):
        share = mutants // len(names) + (position < mutants % len(names))
        err.print(f"{name}: {share:,} mutants …")
        try:
            documents.append(tell(name, share, start=seed, workers=workers).document())
        except CheckerError as error:
            raise SoundnessError(str(error)) from error
    if json:
        print_json(documents[0] if len(documents) == 1 else documents)
    else:
        table = Table("prover", "batches", "mutants", "killed", "harmless", "survived")
        for d in documents:
            harmless = sum(entry["mutants"] for entry in d["harmless"])
            figures = (d["batches"], d["mutants"], d["killed"], harmless, len(d["survived"]))
            table.add_row(d["prover"], *(number(value) for value in figures))
        out.print(table)
        for d in documents:
            for entry in d["harmless"]:
                out.print(f"{d['prover']}: {entry['mutants']:,} {entry['reason']}")
    survivors = [(d["prover"], s) for d in documents for s in d["survived"]]
    if survivors:
        raise SoundnessError(
            "\n".join(
                f"{name}: {s['kind']} of {', '.join(s['wires'])} survived" for name, s in survivors[:20]
            )
        )


@app.command()
def faults(
    only: Annotated[str, typer.Option(help="Only faults with this in their name.")] = "",
    write: Annotated[Path | None, typer.Option(help="Put the matrix into this page.")] = None,
    json: Json = False,
) -> None:
    """Plant a fault in every component, and see which proof types accept a false batch for it."""
    from multiprover.soundness import faults as planted
    from multiprover.soundness.checkers import CheckerError

    def watch(row: planted.Row) -> None:
        err.print(f"{row.fault}: accepted by {', '.join(row.broken) or 'none'}", soft_wrap=True)

    try:
        rows = planted.measure(lambda fault: only in fault.name, watch)
        wrong = [] if only else planted.problems(rows, planted.manifests())
        documents = [row.document() for row in rows]
        if write is not None:
            planted.write(write, rows)
    except CheckerError as error:
        raise SoundnessError(str(error)) from error
    if json:
        print_json(documents)
    else:
        table = Table("fault", "component", *BUILT_IN, *planted.POLICIES)
        for row in rows:
            cells = ("accepts" if row.cells[name].accepts else "refuses" for name in BUILT_IN)
            table.add_row(row.fault, row.component, *cells, *row.settles().values())
        out.print(table)
    wrong += [
        f"{r.fault}: expected {', '.join(r.foreseen) or 'none'} to accept, "
        f"found {', '.join(r.broken) or 'none'}"
        for r in rows
        if not r.as_foreseen
    ]
    if wrong:
        raise SoundnessError("\n".join(wrong))


@app.command()
def determinism(
    prover: Annotated[
        str, typer.Option(help="Provers with circuits, separated by commas.")
    ] = "groth16,plonky2,halo2,stark",
    only: Annotated[str, typer.Option(help="Only gadgets with this in their name.")] = "",
    write: Annotated[Path | None, typer.Option(help="Put the table into this page.")] = None,
    json: Json = False,
) -> None:
    """Prove of each gadget that its outputs are determined by its inputs."""
    from multiprover.soundness.checkers import CheckerError

    try:
        from multiprover.soundness.determinism import report
    except ModuleNotFoundError as error:
        raise SoundnessError(f"{error.name} is missing: it is a development dependency") from error

    def watch(verdict: report.Verdict) -> None:
        if verdict.by is None:
            err.print(f"{verdict.prover}: {verdict.gadget}: {len(verdict.open)} wires open", soft_wrap=True)

    unknown = [name for name in listed(prover) if name not in report.TOOLS]
    if unknown:
        raise SoundnessError(
            f"expected provers with gadgets: {', '.join(report.TOOLS)}; found {', '.join(unknown)}"
        )
    try:
        verdicts = report.measure(listed(prover), watch, only=only)
    except CheckerError as error:
        raise SoundnessError(str(error)) from error
    if write is not None:
        report.write(write, verdicts)
    if json:
        print_json([verdict.document() for verdict in verdicts])
    else:
        table = Table("prover", "gadget", "cases", "determined by", "rules")
        for line in report.rows(verdicts):
            table.add_row(*line)
        out.print(table)
    wrong = [v for v in verdicts if v.witness is not None]
    if wrong:
        raise SoundnessError("\n".join(f"{v.prover}: {v.gadget}: two outputs for one input" for v in wrong))
