"""A cache without anybody's proving keys, that shares compiled contracts: those depend on sources only."""

from __future__ import annotations

from pathlib import Path

from multiprover.settlement.contracts import _cache_dir


def fresh_cache(folder: Path) -> Path:
    """The folder, made if it is not there, with the contracts compiled elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    shared = folder / "contracts"
    if not shared.exists():
        _cache_dir().mkdir(parents=True, exist_ok=True)
        shared.symlink_to(_cache_dir(), target_is_directory=True)
    return folder
