"""Finding a transition by its reference: ``path/to/file.py:Class``."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

from multiprover.lang.transition import Transition


class ReferenceError_(ValueError):  # noqa: N801 - Python has a ReferenceError of its own
    """A reference that names no transition; the message says what was expected."""


def load_transition(reference: str) -> type[Transition]:
    """The transition that a reference names.

    Raises:
        ReferenceError_: there is no such file or class, or it is no transition.
        LanguageError: the class cannot be accepted.
    """
    path_text, _, name = reference.rpartition(":")
    path = Path(path_text).resolve()
    if not path_text or not name or not path.is_file():
        raise ReferenceError_(f"{reference!r}: expected path/to/file.py:Class, with a file that exists")
    # One module a file, however often it is loaded: its classes keep their identity.
    module_name = f"multiprover_transition_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise ReferenceError_(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, Transition) and found is not Transition):
        known = [
            n
            for n, v in vars(module).items()
            if isinstance(v, type) and issubclass(v, Transition) and v is not Transition
        ]
        raise ReferenceError_(f"{path} has no transition {name!r}; it has {', '.join(known) or 'none'}")
    return found
