"""Evidence: rates by hand, rows that can be traced, and a conflict of our own as evidence."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from multiprover.risk.errors import DataError, UnknownComponentError
from multiprover.risk.evidence import (
    Evidence,
    Gamma,
    Record,
    blame,
    conflict_record,
    read_records,
    shipped,
)
from multiprover.risk.system import EVERY_SUITE, deploy, parse_system, shipped_system

DATA: dict[str, Any] = {
    "schema": "multiprover-evidence/1",
    "closed": "2026-01-01",
    "classes": [
        {
            "id": "lib",
            "kind": "safety",
            "what": "a library is unsound",
            "unit": "a library",
            "prior": {"shape": 0.5, "years": 0, "why": "Jeffreys"},
            "repair_h": 24,
            "repair_why": "a day",
        }
    ],
    "exposure": [
        {"classes": ["lib"], "system": "a", "since": "2020-01-01", "source": "x", "confidence": "known"},
        {
            "classes": ["lib"],
            "system": "b",
            "since": "2022-01-01",
            "until": "2024-01-01",
            "source": "x",
            "confidence": "known",
        },
    ],
    "incidents": [
        {
            "class": "lib",
            "date": "2023-05-01",
            "system": "a",
            "what": "bug",
            "source": "x",
            "confidence": "found",
            "exploited": True,
        },
        {
            "class": "lib",
            "date": "2021-05-01",
            "system": "a",
            "what": "bug",
            "source": "x",
            "confidence": "found",
            "weight": 0.5,
            "why": "in part",
        },
    ],
}


def changed(part: str, **fields: Any) -> dict[str, Any]:
    """The data with other fields in the first row of a part."""
    return DATA | {part: [DATA[part][0] | fields, *DATA[part][1:]]}


def test_a_rate_by_hand() -> None:
    data = Evidence.model_validate(DATA)
    count, years = data.counted("lib")
    assert count == 1.5
    assert years == pytest.approx((2192 + 730) / 365.25)  # six years and two, by days
    assert data.rate("lib") == Gamma(0.5 + 1.5, years)
    low, high = data.rate("lib").interval()
    assert stats.gamma.cdf(low, 2.0, scale=1 / years) == pytest.approx(0.05)
    assert stats.gamma.cdf(high, 2.0, scale=1 / years) == pytest.approx(0.95)
    # pooled (0.5 + 1) / (1 + 1.5) = 0.6, worth one incident, and the class's own 1 used, 0.5 not
    assert data.attacked("lib") == pytest.approx((0.6 + 1, 0.4 + 0.5))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (changed("exposure", classes=["other"]), "other"),
        (changed("incidents", date="2026-05-01"), "no row after"),
        (changed("incidents", weight=0.3), "expected a reason"),
        (changed("incidents", weight=1.5, why="?"), "less than or equal"),
        (changed("incidents", source=""), "source"),
        (changed("exposure", since="2027-01-01"), "start before it ends"),
        (changed("classes", kind="other"), "kind"),
        (DATA | {"classes": DATA["classes"] * 2}, "each once"),
        (DATA | {"schema": "other"}, "schema"),
    ],
)
def test_rows_that_cannot_be_used(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Evidence.model_validate(wrong)


def test_a_class_without_exposure_is_refused() -> None:
    with pytest.raises(DataError, match="expected some exposure"):
        Evidence.model_validate(DATA | {"exposure": []}).rate("lib")
    with pytest.raises(UnknownComponentError, match="expected one of lib, found 'x'"):
        Evidence.model_validate(DATA).rate("x")


def test_every_shipped_row_can_be_traced() -> None:
    data = shipped()
    assert len(data.incidents) >= 30
    for row in data.incidents:
        assert row.source.startswith("https://"), row
        assert row.date <= data.closed
        if row.weight > 0:
            # What is counted happened to a system that stands in the exposure, while it did.
            spans = [e for e in data.exposure if row.cls in e.classes and e.system == row.system]
            assert any(e.since <= row.date <= (e.until or data.closed) for e in spans), row
    for exposure in data.exposure:
        assert exposure.source


def test_every_class_has_a_finite_rate_and_a_use() -> None:
    data = shipped()
    system = shipped_system()
    audited = shipped_system(audited=True)
    used = {c for s in (system, audited) for component in s.components.values() for c in component.classes}
    for row in data.classes:
        low, high = data.rate(row.id).interval()
        assert 0 <= low < data.rate(row.id).mean < high
    assert used == {row.id for row in data.classes}


def test_one_members_own_data_outweighs_its_class() -> None:
    prior = Gamma(5, 100)
    assert prior.updated(0, 0, 10) == Gamma(0.5, 10)  # the same mean, worth ten years
    assert prior.updated(1, 0, 10).mean == pytest.approx(0.15)
    assert prior.updated(0, 90, 10).mean == pytest.approx(0.005)
    assert Gamma(1, 4).updated(1, 0, 10) == Gamma(2, 4)  # a class known for four years stays that


def test_a_conflict_raises_the_losers_own_parts_only() -> None:
    system = shipped_system()
    rows = conflict_record(
        ["plonky2", "sgx"], ["groth16"], number=7, day=date(2026, 11, 1), source="chain 1, 0x…"
    )
    assert [row.type for row in rows] == ["groth16"]
    types = ["groth16", "plonky2", "sgx"]
    before, after = deploy(system, types), deploy(system.with_records(rows), types)
    for name, members in before.members.items():
        if members == ("groth16",):
            assert before.unsafe[name].any() == after.unsafe[name].any()
        elif name != EVERY_SUITE:
            np.testing.assert_array_equal(before.unsafe[name], after.unsafe[name], name)
    for name in ("groth16-lowering", "Groth16Adapter", "groth16-one-party-setup"):
        assert after.unsafe[name].mean() > before.unsafe[name].mean(), name


def test_blame_is_shared_by_rate() -> None:
    assert blame({"a": 0.3, "b": 0.1}, 2.0) == pytest.approx({"a": 1.5, "b": 0.5})


def test_records_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    row = {"source": "https://example.org", "date": "2026-11-01", "component": "gnark"}
    file.write_text(json.dumps(row))
    assert read_records(file) == (
        Record(source="https://example.org", date=date(2026, 11, 1), component="gnark"),
    )
    file.write_text(json.dumps([row, row | {"years": 3.0}]))
    assert [r.years for r in read_records(file)] == [None, 3.0]
    for wrong, message in (
        ({"source": "x", "date": "2026-11-01"}, "type or a component"),
        (row | {"years": -1}, "years"),
        ({"source": "x", "date": "2026-11-01", "type": "sgx", "years": 1}, "component with years"),
        (row | {"date": "soon"}, "date"),
        (row | {"extra": 1}, "extra"),
    ):
        file.write_text(json.dumps(wrong))
        with pytest.raises(DataError, match=message):
            read_records(file)
    file.write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        read_records(file)


def test_evidence_about_what_is_not_there_is_refused() -> None:
    system = shipped_system()
    row = Record(source="x", date=date(2026, 11, 1), component="nothing")
    with pytest.raises(UnknownComponentError, match="nothing"):
        system.with_records([row])
    with pytest.raises(UnknownComponentError, match="nobody"):
        system.with_records([Record(source="x", date=date(2026, 11, 1), type="nobody")])
    # Two types that rest on the same: nothing is left to blame.
    made = parse_system(
        {
            "schema": "multiprover-risk/1",
            "types": [{"name": "a", "components": ["lib"]}, {"name": "b", "components": ["lib"]}],
            "components": [{"id": "lib", "classes": ["proving-library"]}],
        },
        "made up",
    )
    with pytest.raises(UnknownComponentError, match="name the component"):
        deploy(made.with_records([Record(source="x", date=date(2026, 11, 1), type="a", against=("b",))]))
    fixed = parse_system(
        {
            "schema": "multiprover-risk/1",
            "types": [{"name": "a", "components": ["lib"]}],
            "components": [{"id": "lib", "p_year": 0.1}],
        },
        "made up",
    )
    with pytest.raises(DataError, match="fixed p_year"):
        deploy(fixed.with_records([Record(source="x", date=date(2026, 11, 1), component="lib")]))
