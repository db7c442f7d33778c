"""What the risk model takes: a large fault tree, and a large policy search. CPU seconds, one process.

Prints one JSON document. Run with ``python -m benchmarks.risk`` in the repository's root.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from multiprover.risk.assess import Assessment, assess
from multiprover.risk.search import Market, TierDemand, search
from multiprover.risk.system import deploy, parse_system, shipped_system
from multiprover.risk.tree import ENGINE

GWEI = 10**9


def tree(shared: str) -> dict[str, Any]:
    """1,000 components and 10 types: a tenth of the components shared by some, or all of them at random."""
    rng = random.Random(3)  # noqa: S311
    names = [f"t{i}" for i in range(10)]
    types: dict[str, list[str]] = {name: [] for name in names}
    components = []
    for i in range(1000):
        several = rng.randint(1, 10) if shared == "all" else (1 if rng.random() < 0.9 else rng.randint(2, 5))
        for name in rng.sample(names, several):
            types[name].append(f"c{i}")
        components.append({"id": f"c{i}", "p_year": rng.uniform(0, 0.01)})
    return {
        "schema": "multiprover-risk/1",
        "types": [{"name": name, "components": parts} for name, parts in types.items()],
        "components": components,
    }


def solved(document: dict[str, Any]) -> Assessment:
    """From the document to the assessment."""
    return assess(deploy(parse_system(document, "made up")))


def measured(work: Callable[[], object]) -> float:
    """CPU seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    limits = (GWEI // 10, GWEI, 10 * GWEI, None)
    market = Market(tiers=tuple(TierDemand(limit_gwei=limit, flow_gwei_day=200 * GWEI) for limit in limits))
    types = ["groth16", "plonky2", "sgx", "halo2", "stark"]
    trees, searches = {}, {}
    for shared in ("tenth", "all"):
        document = tree(shared)
        trees[shared] = measured(partial(solved, document))
    for name, audited in (("today", False), ("audited", True)):
        searches[name] = measured(partial(search, shipped_system(audited=audited), types, market=market))
    json.dump(
        {
            "engine": ENGINE,
            "tree_1000_components_10_types_cpu_s": trees,
            "search_5_types_4_tiers_cpu_s": searches,
        },
        sys.stdout,
        indent=2,
    )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
