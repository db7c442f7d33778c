"""Every scenario that can be played here, on the embedded L1: with real proofs, and what it must end in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from multiprover.node.scenarios import SCENARIOS, ScenarioError, play
from multiprover.node.scenarios.stories import Scenario


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenario-keys")


def played(name: str, cache: Path, types: tuple[str, ...] | None = None) -> dict[str, Any]:
    result = play(name, cache, types=types)
    assert result["final_state_true"] is True
    assert result["stolen"] == 0
    return result


@pytest.mark.parametrize("name", ["lie-groth16", "lie-sgx"])
def test_a_lie_is_shown_frozen_and_chosen_against(name: str, cache: Path) -> None:
    """Real keys and proofs: a toxic waste that was kept, a key that leaked."""
    liar = name.removeprefix("lie-")
    result = played(name, cache)
    (conflict,) = result["conflict"]
    assert conflict["losers"] == [liar]
    assert [liar] in conflict["options"]
    assert result["resolved_by"] == "council"
    assert result["final_batches"] == {"any_value": result["batches"], "some_value": result["batches"]}
    assert all("refused" in step for step in result["steps"] if "mallory's false withdrawal" in step)


def test_a_silent_council_leaves_it_to_weight(cache: Path) -> None:
    result = played("silent-council", cache)
    assert result["resolved_by"] == "weight"
    assert result["types"]["sgx"] == "quarantined"
    assert result["final_batches"]["some_value"] == result["batches"]
    assert result["elapsed_l1_s"] > 7 * 86_400


@pytest.mark.parametrize("name", ["agreement", "halt-sequencer", "reorg", "escape"])
def test_the_others_end_as_they_must(name: str, cache: Path) -> None:
    """With the enclave's prover alone: what they show rests on no second type."""
    result = played(name, cache, ("sgx",))
    assert result["conflict"] is None
    assert result["final_batches"]["any_value"] == result["batches"]
    if name == "halt-sequencer":
        assert result["reporter_earned_wei"] == 5 * 10**17
    if name == "escape":
        assert sum(result["escaped_gwei"].values()) == 14 * 10**9
        # What is left is what mallory withdrew and did not fetch.
        assert result["bridge_left_wei"] == 10**18


def test_what_cannot_be_played_says_why(cache: Path) -> None:
    with pytest.raises(ScenarioError, match=r"expected one of the scenarios agreement, .*, got lie-nobody"):
        play("lie-nobody", cache)
    impossible = Scenario("lie-halo2", "", lambda _: {}, ("halo2",), ("halo2", "sgx"))
    assert impossible.missing() == "halo2: there is no L1 adapter for this proof type yet"
    assert set(SCENARIOS) == {
        "agreement", "lie-groth16", "lie-plonky2", "lie-sgx", "lie-two", "halt-groth16", "halt-sequencer",
        "reorg", "silent-council", "escape",
    }  # fmt: skip
