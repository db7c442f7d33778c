"""Random transitions: everybody sees them alike, and a fault in any one place shows."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from multiprover.program import Code, interpreter
from multiprover.soundness.checkers import ALL, CheckerError
from multiprover.soundness.fuzz import Example, fuzz, replay

CORPUS = Path(__file__).parent / "corpus"


def test_everybody_agrees_on_random_programs() -> None:
    campaign = fuzz(20, start=20261122)
    assert campaign.disagreements == []
    assert campaign.programs == 20
    assert campaign.proved == len(ALL) * 20
    assert campaign.forged >= 20
    assert campaign.coverage.missing == []


def test_executor_and_interpreter_agree_on_more() -> None:
    """Without provers a program costs milliseconds."""
    campaign = fuzz(150, provers=(), start=1)
    assert campaign.disagreements == []
    edges = campaign.coverage.edges
    for code in (Code.ADD, Code.SUB, Code.MUL, Code.DIVMOD, Code.SELECT, Code.RANGE):
        assert {"low", "high", "zero"} <= set(edges[code.name]), code
    assert edges["DIVMOD"]["negative"]
    assert edges["MUL"]["wide"]


def test_the_regression_cases() -> None:
    files = sorted(CORPUS.glob("*.json"))
    assert files
    assert replay(files).disagreements == []


def test_a_planted_fault_is_found_and_made_small(tmp_path: Path) -> None:
    turned = {**interpreter._COMPUTE, Code.LT: lambda a: int(a[0] <= a[1])}
    with mock.patch.object(interpreter, "_COMPUTE", turned):
        campaign = fuzz(300, provers=(), corpus=tmp_path)
    (found,) = campaign.disagreements
    example = Example.from_json(Path(found["saved"]).read_text(encoding="utf-8"))
    assert example.source == found["source"]
    assert len(example.plans) == 3
    assert replay([Path(found["saved"])], provers=()).disagreements == []


def test_a_file_that_is_no_case(tmp_path: Path) -> None:
    path = tmp_path / "case.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(CheckerError, match="no regression case"):
        replay([path], provers=())
