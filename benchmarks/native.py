"""Speed of the suites in the native module, as JSON: microseconds a call, CPU time of this process.

    python benchmarks/native.py [--repeat 7]

Each figure is the median over repetitions of at least 50 ms each, with the lowest and highest beside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

from multiprover_native import Bn254, Goldilocks, KoalaBear, keccak256

from multiprover import suites

LEAST_SECONDS = 0.05


def measure(call: Callable[[], object], repeat: int) -> dict[str, float]:
    """Microseconds of CPU a call."""
    number, spent = 1, 0.0
    while True:
        start = time.process_time()
        for _ in range(number):
            call()
        spent = time.process_time() - start
        if spent >= LEAST_SECONDS:
            break
        number *= 2
    samples = [spent / number]
    for _ in range(repeat - 1):
        start = time.process_time()
        for _ in range(number):
            call()
        samples.append((time.process_time() - start) / number)
    figures = {"median": statistics.median(samples), "least": min(samples), "most": max(samples)}
    return {name: round(seconds * 1e6, 3) for name, seconds in figures.items()}


def calls(name: str, permutation: Callable[[], object]) -> dict[str, Callable[[], object]]:
    suite = suites.get(name)
    key = suite.signing_key(bytes(32))
    digest = suite.tx_digest(bytes(32), bytes(64))
    signature = key.sign(digest, 1)
    tree = suite.tree(20, digest)
    siblings = tree.siblings(0)
    record = [suites.TypedInt(1, 2)] * 4
    journal = bytes(range(256)) * 10
    z = suite.challenge(bytes(32), bytes(32), suite.commit(journal))
    leaves = [(index, suite.node(digest, index.to_bytes(32, "big"))) for index in range(1000)]
    flip = [0]

    def set_leaf() -> None:
        flip[0] ^= 1
        tree.set(12345, leaves[flip[0]][1])

    return {
        "permutation": permutation,
        "node": lambda: suite.node(digest, digest),
        "leaf_8_words_1_key": lambda: suite.leaf(0, record, [digest]),
        "tx_digest_16_words": lambda: suite.tx_digest(bytes(32), bytes(64)),
        "tree_set_depth_20": set_leaf,
        "tree_siblings_depth_20": lambda: tree.siblings(0),
        "tree_set_many_1000_depth_20": lambda: suite.tree(20, digest).set_many(leaves),
        "root_from_path_depth_20": lambda: suite.root_from_path(digest, 0, siblings),
        "sign": lambda: key.sign(digest, 1),
        "verify": lambda: suite.verify(key.public_key, digest, 1, signature),
        "signing_key": lambda: suite.signing_key(bytes(32)).public_key,
        "commit_640_words": lambda: suite.commit(journal),
        "evaluate_640_words": lambda: suite.evaluate(journal, z),
    }


def all_calls() -> dict[str, Callable[[], object]]:
    """By ``suite.operation``; ``signing_key`` is of the default height."""
    permutations: dict[str, Callable[[], object]] = {
        "bn254": lambda: Bn254.permute(bytes(96)),
        "goldilocks": lambda: Goldilocks.permute(bytes(96)),
        "koalabear": lambda: KoalaBear.permute(bytes(64)),
    }
    found: dict[str, Callable[[], object]] = {"keccak256_2560_bytes": lambda: keccak256(bytes(2560))}
    for name, permutation in permutations.items():
        found |= {f"{name}.{operation}": call for operation, call in calls(name, permutation).items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7, help="repetitions a figure")
    repeat: int = parser.parse_args().repeat
    report = {
        "unit": "microseconds of CPU a call",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "results": {name: measure(call, repeat) for name, call in all_calls().items()},
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
