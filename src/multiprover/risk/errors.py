"""What the risk model refuses; each message says what was expected and what came."""

from __future__ import annotations


class RiskError(ValueError):
    """Input that the risk model cannot use."""


class TreeError(RiskError):
    """A fault tree that is none: a gate without inputs, or a threshold outside of them."""


class ProbabilityError(RiskError):
    """A number that is no probability, or an event without one."""


class UnknownComponentError(RiskError):
    """A component, type or class that nothing describes."""


class DataError(RiskError):
    """A file of manifests, evidence or costs that is not what it should be."""


class TargetError(RiskError):
    """No policy of these types meets the target; the message tells the nearest that one comes."""
