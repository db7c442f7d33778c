"""The tools that look at constraints, built where they are missing or old."""

from __future__ import annotations

import subprocess

import pytest

from multiprover.soundness.checkers import repository


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    root = repository() / "provers"
    example = "target/release/examples/mutate"
    for folder, target in (
        ("groth16", "bin/mutate"),
        ("halo2", example),
        ("plonky2", example),
        ("stark", example),
    ):
        subprocess.run(["make", "--silent", "-C", str(root / folder), target], check=True)
