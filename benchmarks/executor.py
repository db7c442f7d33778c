"""How fast the executor runs the perpetuals exchange on real trades; prints one JSON object.

``executor_tx_per_s``: transactions a second through :class:`multiprover.ledger.BatchBuilder` (run, signatures
verified, trees updated), over all transactions of the scenario; ``trace_s``: seconds to trace the transition.
Signing is not counted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from examples.perpetuals import market_data, scenario
from examples.perpetuals.perpetuals import Perpetuals
from multiprover.ledger import BatchBuilder, State
from multiprover.program import trace

SLOTS = 64
SUITES = ("bn254",)
DOMAIN = bytes(32)


def main(count: int) -> None:
    start = time.perf_counter()
    program = trace(Perpetuals, SUITES)
    trace_s = time.perf_counter() - start

    scale = market_data.scale_of(market_data.TRADES_2023)
    trades = market_data.read_trades(market_data.TRADES_2023, scale)
    marks = market_data.read_marks(market_data.MARKS_2023, scale)
    keys = scenario.wallets()
    steps = scenario.build(trades, count, marks, keys=keys)
    transactions = [scenario.transaction(step, program, keys, DOMAIN) for step in steps]

    state = State(program)
    start = time.perf_counter()
    for first in range(0, len(transactions), SLOTS):
        batch = BatchBuilder(Perpetuals, state, DOMAIN, SLOTS)
        for transaction in transactions[first : first + SLOTS]:
            batch.add(transaction)
        batch.close()
    elapsed = time.perf_counter() - start
    print(
        json.dumps(
            {
                "executor_tx_per_s": round(len(transactions) / elapsed, 1),
                "trace_s": round(trace_s, 4),
                "transactions": len(transactions),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2197)
