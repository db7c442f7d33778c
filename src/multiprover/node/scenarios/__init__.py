"""Scenarios with real proofs on a development chain: agreement, lies, halts, a reorganisation, the escape."""

from multiprover.node.scenarios.forge import ForgeError
from multiprover.node.scenarios.stories import RESULT, SCENARIOS, Scenario, play
from multiprover.node.scenarios.world import ScenarioError

__all__ = ["RESULT", "SCENARIOS", "ForgeError", "Scenario", "ScenarioError", "play"]
