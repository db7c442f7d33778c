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
from multiprover.node.scenarios.world import World


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
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MULTIPROVER_CACHE", str(cache))
    monkeypatch.setattr("sys.argv", ["multiprover", "scenario", "agreement", "--types", "sgx", "--json"])

    def status() -> int | str | None:
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    assert status() == 0
    document = json.loads(capsys.readouterr().out)
    assert tuple(document) == RESULT
    assert document.pop("elapsed_l1_s") > 0
    assert document == {"final_state_true": True, "stolen": 0, "conflict": None, "resolved_by": None}
    for false in ({"stolen": 5}, {"final_state_true": False}):
        ended = document | {"elapsed_l1_s": 0} | false
        monkeypatch.setattr("multiprover.cli.scenario.play", lambda *_, ended=ended, **__: ended)
        assert status() == 1
        printed = capsys.readouterr()
        assert json.loads(printed.out) == ended
        assert "expected a true final state and nothing stolen" in printed.err
