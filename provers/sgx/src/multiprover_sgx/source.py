"""A transition from its source: the text of a module becomes a class.

The text runs with all that Python can do, in the process that holds the signing key. In an enclave only
sources measured with it get here (:mod:`multiprover_sgx.programs`).
"""

from __future__ import annotations

import itertools
import sys
import traceback
from types import ModuleType

from multiprover.lang.transition import Transition
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover_sgx.refusal import Refusal, malformed

_numbers = itertools.count()


def file_name(class_name: str) -> str:
    """The name that stands for the source in places like ``source of Token:12``."""
    return f"source of {class_name}"


def load(source: str, class_name: str) -> type[Transition]:
    """The transition ``class_name`` (dotted, if nested) of the module with the text ``source``.

    Raises:
        Refusal: ``MALFORMED`` if the text is no module, ``WRONG_PROGRAM`` if it raises or has no such class.
    """
    if not source or not class_name:
        raise malformed("source, class_name: expected the text of a module and a class in it, got none")
    try:
        code = compile(source, file_name(class_name), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise malformed(f"source: expected a Python module, got {type(error).__name__}: {error}") from error
    # Annotations given as text are resolved through sys.modules, so each load needs a name of its own there.
    module = ModuleType(f"multiprover_sgx_source_{next(_numbers)}")
    sys.modules[module.__name__] = module
    try:
        exec(code, module.__dict__)  # noqa: S102
        found: object = module
        for name in class_name.split("."):
            found = getattr(found, name, None)
        if not (isinstance(found, type) and issubclass(found, Transition) and found is not Transition):
            raise Refusal(
                pb.Refusal.CODE_WRONG_PROGRAM,
                f"class_name: expected a transition in the source, {class_name!r} is none",
            )
    except BaseException as error:
        del sys.modules[module.__name__]
        if isinstance(error, Exception | SystemExit) and not isinstance(error, Refusal):
            raise Refusal(
                pb.Refusal.CODE_WRONG_PROGRAM, f"source: loading it failed: {describe(error, class_name)}"
            ) from error
        raise
    return found


def describe(error: BaseException, class_name: str) -> str:
    """The error that a transition's own code raised, with the line of the source where it did."""
    file = file_name(class_name)
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    where = f" ({file}:{lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{where}"
