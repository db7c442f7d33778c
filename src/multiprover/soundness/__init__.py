"""Soundness, demonstrated: differential fuzzing, dishonest witnesses, planted faults (``docs/soundness.md``).

Nothing in the product imports this package.
"""

from multiprover.soundness.transition import Disagreement, Step, check_transition

__all__ = ["Disagreement", "Step", "check_transition"]
