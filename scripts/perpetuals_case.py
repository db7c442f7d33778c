"""Writes provers/groth16/internal/reference/testdata/perpetuals_trades.json: batches of the perpetuals
example that hold trades only, as requests, for the prover's circuit and the one written by hand.

Run with the project's environment: ``uv run python scripts/perpetuals_case.py``. Everything is derived from
fixed seeds and the market data in the repository, so the file changes only with the program, the suites or
the wire format.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from examples.perpetuals import market_data, scenario  # noqa: E402
from examples.perpetuals.perpetuals import Perpetuals  # noqa: E402
from multiprover.ledger import BatchBuilder, State, Transaction  # noqa: E402
from multiprover.ledger.wire import prepare_request  # noqa: E402
from multiprover.node.node import seal_record  # noqa: E402
from multiprover.program import trace  # noqa: E402
from multiprover.prover.v1 import prover_pb2 as pb  # noqa: E402
from multiprover.provers.conformance import Case, dump_cases  # noqa: E402
from multiprover.settlement.claims import Deployment  # noqa: E402

SLOTS = 2
SUITES = ("bn254",)
TRADES = 40
"""Enough that two trades follow each other without a mark between, twice, on accounts that hold positions."""
PARENT, PAYEE = bytes(32), bytes.fromhex("44" * 20)


def cases() -> list[Case]:
    """A batch of two trades, and one of a trade and an empty slot, in the state that others left."""
    program = trace(Perpetuals, SUITES)
    deployment = Deployment(31337, bytes.fromhex("33" * 20), program.program_id)
    scale = market_data.scale_of(market_data.TRADES_2023)
    trades = market_data.read_trades(market_data.TRADES_2023, scale)
    steps = list(scenario.build(trades, TRADES))
    keys = scenario.wallets(suites=SUITES)
    state = State(program)

    def seal(name: str, transactions: list[Transaction]) -> Case:
        builder = BatchBuilder(Perpetuals, state, deployment.domain, SLOTS)
        for transaction in transactions:
            builder.add(transaction)
        stored = seal_record(program, SLOTS, deployment, builder.close(), 0, PARENT, transactions, PAYEE)
        prove = pb.ProveRequest.FromString(stored.request)
        return Case(name, prepare_request(Perpetuals, program, SLOTS), prove)

    starts = [i for i in range(len(steps) - 1) if steps[i].kind == steps[i + 1].kind == "trade"]
    # The last ones, which do not overlap: accounts hold positions in both markets by then.
    last = starts[-1]
    first = [i for i in starts if i + SLOTS <= last][-1]
    made, position = [], 0
    for start, name, count in ((first, "two trades", 2), (last, "a trade and an empty slot", 1)):
        for step in steps[position:start]:
            one = scenario.transaction(step, program, keys, deployment.domain)
            BatchBuilder(Perpetuals, state, deployment.domain, 1).add(one)
        position = start + count
        batch = [scenario.transaction(s, program, keys, deployment.domain) for s in steps[start:position]]
        made.append(seal(name, batch))
    return made


if __name__ == "__main__":
    target = ROOT / "provers/groth16/internal/reference/testdata/perpetuals_trades.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(dump_cases(cases()), encoding="utf-8")
    print(f"wrote {target.relative_to(ROOT)}")
