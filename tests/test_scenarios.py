"""Scenarios on the embedded L1: with real proofs, and what they must end in.

Those with ``plonky2`` take minutes and are played by their commands (docs/scenarios.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from multiprover.cli.main import main
from multiprover.node.scenarios import RESULT, SCENARIOS, ScenarioError, forge, play
from multiprover.node.scenarios.stories import lie_of_more
from multiprover.node.scenarios.world import World
from multiprover.settlement.policy import Alternative, Policy, Tier
from multiprover.settlement.types import DAY_S


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenario-keys")


def played(name: str, cache: Path, types: tuple[str, ...] | None = None) -> dict[str, Any]:
    result = play(name, cache, types=types)
    assert tuple(result)[: len(RESULT)] == RESULT
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


def test_liars_who_satisfy_the_policy_get_what_it_releases_if_nobody_looks(
    cache: Path, tmp_path: Path
) -> None:
    """The story of ``lie-two`` with one liar, under a policy that one type and a day satisfy."""
    alternatives = (
        Alternative(types=("sgx", "groth16"), delay_s=0),
        Alternative(types=("sgx",), delay_s=DAY_S),
    )
    policy = Policy(
        tiers=(Tier(limit_gwei=None, alternatives=alternatives),),
        weights={"sgx": 1, "groth16": 2},
        accepts_halt=True,
    )
    with World(tmp_path, ("groth16", "sgx"), cache, liars=("sgx",), policy=policy) as world:
        what_if = lie_of_more(world)["what_if"]
        result = world.outcome()
    assert {name: tried["stolen"] for name, tried in what_if.items()} == {
        "nobody_looks": 15 * 10**9,  # everything that was paid in
        "nobody_looks_top_tier_of_every_type": 0,
        "council_silent": 0,  # the heavier type is right
    }
    assert what_if["nobody_looks"]["elapsed_l1_s"] > DAY_S
    assert result["final_state_true"] is True
    assert result["stolen"] == 0
    assert result["resolved_by"] == "council"
    assert result["final_batches"]["any_value"] == result["batches"]


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
    for name, types, why in (
        ("lie-groth16", ("plonky2", "sgx"), "it is about groth16, and the types are plonky2, sgx"),
        ("lie-two", ("groth16", "sgx"), "it takes a type beside groth16, sgx"),
        ("halt-groth16", ("sgx",), "it is about groth16, and the types are sgx"),
        ("agreement", ("acme",), "acme: there is no L1 adapter for this proof type"),
        ("agreement", (), "expected proof types, each once, got none"),
        ("agreement", ("sgx", "sgx"), "expected proof types, each once, got sgx, sgx"),
    ):
        with pytest.raises(ScenarioError, match=f"{name} cannot be played: {why}"):
            play(name, cache, types=types)
    assert set(SCENARIOS) == {
        "agreement", "lie-groth16", "lie-plonky2", "lie-sgx", "lie-two", "halt-groth16", "halt-sequencer",
        "reorg", "silent-council", "escape",
    }  # fmt: skip


def test_a_tool_that_is_not_built_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(forge.TOOLS, "plonky2", ("provers/plonky2/nowhere", "make nothing"))
    with pytest.raises(
        forge.ForgeError, match="plonky2: provers/plonky2/nowhere is not built: run `make noth"
    ):
        forge.tool("plonky2")
    missing = SCENARIOS["lie-plonky2"].missing()
    assert missing is not None
    assert "run `make nothing`" in missing
    with pytest.raises(forge.ForgeError, match="acme: expected a type that can be made to accept"):
        forge.tool("acme")


def test_keys_to_lie_with_stand_where_no_honest_prover_looks(tmp_path: Path) -> None:
    """Liars alone get them; of the same deployment, the others have their own."""
    cache = tmp_path / "cache"
    world = World(tmp_path, ("groth16", "plonky2", "sgx"), cache, liars=("plonky2", "sgx"))
    keys = world.workspace.cache
    assert (keys / "plonky2").resolve() == forge.folder(cache, "plonky2")
    assert (keys / "groth16").resolve() == cache / "groth16"
    assert (keys / "sgx").resolve() == cache / "sgx"
    assert forge.folder(cache, "plonky2").parent.parent == cache
    assert not set(forge.FORGEABLE) & {forge.folder(cache, "plonky2").parent.name}
    (tmp_path / "honest").mkdir()
    assert World(tmp_path / "honest", ("sgx",), cache).workspace.cache == cache


def test_the_command_prints_how_it_ended_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["multiprover", "scenario", "agreement", "--json"])
    ended = {
        "final_state_true": True, "stolen": 0, "conflict": None, "resolved_by": None, "elapsed_l1_s": 27
    }  # fmt: skip
    for false in ({}, {"stolen": 5}, {"final_state_true": False}):
        played = ended | false | {"steps": ["much"]}
        monkeypatch.setattr("multiprover.cli.scenario.play", lambda *_, played=played, **__: played)
        with pytest.raises(SystemExit) as status:
            main()
        assert status.value.code == (1 if false else 0)
        printed = capsys.readouterr()
        assert json.loads(printed.out) == ended | false
        assert ("expected a true final state and nothing stolen" in printed.err) is bool(false)
