"""Risk (``docs/risk.md``): from components that types share to policy and premium.

:mod:`.system` and :mod:`.evidence` are what goes in, :mod:`.tree` and :mod:`.joint` solve it exactly,
:mod:`.assess`, :mod:`.search` and :mod:`.premium` are what comes out.
"""
