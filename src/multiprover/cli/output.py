"""What commands print: one JSON document on standard output, or tables; progress always on standard error."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def print_json(document: Any) -> None:
    """The one JSON document of a command with ``--json``."""
    sys.stdout.write(json.dumps(document, indent=2, sort_keys=False) + "\n")


def listed(text: str) -> tuple[str, ...]:
    """The names of an option that takes several, separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def short(value: bytes | str) -> str:
    """A hash for people: its first and last digits."""
    text = value.hex() if isinstance(value, bytes) else value.removeprefix("0x")
    return f"0x{text[:6]}…{text[-4:]}"


def number(value: float | None) -> str:
    """A figure for people: thousands apart, no needless digits."""
    if value is None:
        return "–"
    if value >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
