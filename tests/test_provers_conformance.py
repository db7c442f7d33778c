"""The conformance checks pass an honest prover, and catch each kind of dishonest or careless one."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import fake_prover
import pytest

from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers import conformance
from multiprover.provers.conformance import Case, CasesError, Report, check, dump_cases, load_cases

Check = Callable[..., Report]


def toy_case(slots: int = 2) -> Case:
    prepare = pb.PrepareRequest(program=fake_prover.program(), slots=slots)
    return Case(f"toy, {slots} slots", prepare, fake_prover.honest_request(slots))


@contextmanager
def serving(folder: Path, fault: str = "", work_s: float = 0.3) -> Iterator[str]:
    """A fake prover that nobody supervises."""
    address = f"unix://{folder / 's'}"
    environment = {"FAULT": fault, "WORK_S": str(work_s)}
    command = [sys.executable, fake_prover.__file__, "--listen", address, "--cache", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield address
        finally:
            process.kill()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def failed(report: Report) -> set[str]:
    return {row.check for row in report.rows if row.outcome == "failed"}


def test_an_honest_prover_passes(folder: Path) -> None:
    heard: list[conformance.Row] = []
    with serving(folder) as address:
        report = check(address, [toy_case(2), toy_case(1)], on_row=heard.append)
    assert failed(report) == set()
    assert report.passed
    skipped = {row.check for row in report.rows if row.outcome == "skipped"}
    assert skipped == {"statement: another chain_id", "statement: another settlement"}
    assert tuple(heard) == report.rows
    assert len({(row.check, row.case) for row in report.rows}) == len(report.rows)
    assert report.proof_type == "fake"


def test_an_honest_prover_with_an_early_proof_passes(folder: Path) -> None:
    with serving(folder, "early", work_s=0) as address:
        report = check(address, [toy_case()])
    assert failed(report) == set()
    checks = {row.check for row in report.rows if row.outcome == "passed"}
    assert {"prove: early proof", "early verify: another payee", "early verify: truncated proof"} <= checks
    assert "early verify: no proof for L1" not in checks


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        ("insane-manifest", {"describe: a sane manifest"}),
        ("never-healthy", {"health: the standard service", "health: still serving at the end"}),
        ("forgets-keys", {"prepare: again"}),
        ("no-key-id", {"prepare: keys, with progress"}),
        ("progress-falls", {conformance.PROVES}),
        ("wrong-type", {conformance.PROVES}),
        ("no-proof", {conformance.PROVES}),
        ("no-l1-proof", {conformance.PROVES}),
        ("garbage", {conformance.PROVES}),
        ("two-early", {"prove: early proof"}),
        ("early-for-l1", {"prove: early proof"}),
        ("early-wrong", {"prove: early proof"}),
        ("ignores-signatures", {"signature: a bit", "signature: zeros", "signature: missing"}),
        ("ignores-openings", {"opening: another sibling", "opening: another field"}),
        ("trusts-journal", {"journal: a bit", "statement: another evaluation"}),
        (
            "ignores-l1-proof",
            {
                "verify: no proof for L1",
                "verify: a bit of the proof for L1",
                "verify: proof for L1 truncated",
                "verify: proof for L1 with a byte more",
            },
        ),
        ("accepts-any-payee", {"payee: a proof for another", "verify: another payee"}),
        (
            "accepts-everything",
            {
                "verify: another payee",
                "verify: another post_root, in the proof too",
                "verify: another domain",
                "verify: random proof",
                "payee: a proof for another",
            },
        ),
        ("refuses-without-code", {"statement: another post_root", "verify: truncated proof"}),
        ("dies-of-garbage", {"transport: garbage for Prove", "health: still serving at the end"}),
        ("dies-in-prove", {conformance.PROVES}),
    ],
)
def test_a_fault_is_caught(folder: Path, fault: str, caught: set[str]) -> None:
    with serving(folder, fault, work_s=0) as address:
        report = check(address, [toy_case()])
    assert caught <= failed(report)
    assert not report.passed


def test_work_after_a_cancelled_call_is_caught(folder: Path) -> None:
    with serving(folder, "ignores-cancel") as address:
        report = check(address, [toy_case()])
    assert failed(report) == {"cancel: at the start", "cancel: in the middle"}


def test_a_case_without_the_provers_suite_proves_nothing(folder: Path) -> None:
    case = toy_case()
    case.prove.statement.suites[0].suite = "bn254"
    with serving(folder) as address:
        report = check(address, [case])
    (row,) = [row for row in report.rows if row.check == conformance.PROVES]
    assert row.outcome == "skipped"
    assert "expected suites ['toy'], found ['bn254']" in row.found
    assert not report.passed


def test_nobody_there(folder: Path) -> None:
    report = check(f"unix://{folder}/s", [toy_case()])
    assert not report.passed
    assert [row.outcome for row in report.rows] == ["failed"]


def test_cases_go_through_a_file(tmp_path: Path) -> None:
    file = tmp_path / "cases.json"
    file.write_text(dump_cases([toy_case(1), toy_case(2)]))
    assert load_cases(file) == [toy_case(1), toy_case(2)]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"version": 2, "cases": []}',
        '{"version": 1, "cases": []}',
        '{"version": 1, "cases": [{"name": "n", "prepare": "", "prove": "?"}]}',
        json.dumps(
            {
                "version": 1,
                "cases": [{"name": "n", "prepare": "", "prove": base64.b64encode(b"\xff").decode()}],
            }
        ),
    ],
)
def test_bad_cases_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "cases.json"
    file.write_text(content)
    with pytest.raises(CasesError, match=r"cases\.json"):
        load_cases(file)


def test_the_command(folder: Path) -> None:
    cases = folder / "cases.json"
    cases.write_text(dump_cases([toy_case(1)]))

    def run(address: str, *more: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("multiprover")), "prover", "check", address]
        return subprocess.run(
            [*command, "--cases", str(cases), *more], capture_output=True, text=True, check=False
        )

    with serving(folder, work_s=0.1) as address:
        shown = run(address)
        assert shown.returncode == 0, shown.stdout
        assert shown.stdout.splitlines()[-1].endswith(" 0 failed, 2 skipped")
        assert Report.model_validate_json(run(address, "--json").stdout).passed
    gone = run(address)
    assert gone.returncode == 1
    assert "UNAVAILABLE" in gone.stdout
