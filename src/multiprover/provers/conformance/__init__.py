"""What any prover must pass: ``multiprover prover check ADDRESS``.

The checks of ``docs/prover.md`` §4, run from outside against an address: a valid batch is proved and
verified, and every lie about it, told one at a time, is refused with a code that fits. The lies are made from
valid cases by changing their messages, so the checks need no knowledge of the suite or the program.
"""

from multiprover.provers.conformance.cases import Case, CasesError, dump_cases, load_cases
from multiprover.provers.conformance.checks import PROVES, Report, Row, check

__all__ = ["PROVES", "Case", "CasesError", "Report", "Row", "check", "dump_cases", "load_cases"]
