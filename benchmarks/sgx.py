"""How fast the enclave prover, in simulation, proves real trades of the perpetuals exchange.

Prints one JSON object. ``sgx_tx_per_s``: transactions a second that ``Prove`` takes over gRPC, batch after
batch; ``sgx_prove_cpu_s``: CPU seconds a batch of ``SLOTS`` in the prover; ``sgx_prepare_s``: once a program.
Executing and signing are not counted.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from examples.perpetuals import market_data, scenario
from examples.perpetuals.perpetuals import Perpetuals
from multiprover.ledger import BatchBuilder, State
from multiprover.ledger.wire import prepare_request, prove_request
from multiprover.program import trace
from multiprover.prover.v1 import prover_pb2 as pb
from multiprover.provers.supervisor import SupervisedProver
from multiprover.settlement import claims
from multiprover.suites import get

SLOTS = 64
SUITES = ("bn254",)
CHAIN_ID, SETTLEMENT = 1, bytes(20)


def main(count: int) -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    program = trace(Perpetuals, SUITES)
    domain = claims.domain(CHAIN_ID, SETTLEMENT, program.program_id)
    scale = market_data.scale_of(market_data.TRADES_2023)
    trades = market_data.read_trades(market_data.TRADES_2023, scale)
    marks = market_data.read_marks(market_data.MARKS_2023, scale)
    keys = scenario.wallets()
    steps = scenario.build(trades, count, marks, keys=keys)
    transactions = [scenario.transaction(step, program, keys, domain) for step in steps]
    state = State(program)
    batches = []
    for first in range(0, len(transactions), SLOTS):
        builder = BatchBuilder(Perpetuals, state, domain, SLOTS)
        for transaction in transactions[first : first + SLOTS]:
            builder.add(transaction)
        batches.append(builder.close())

    command = [sys.executable, "-m", "multiprover_sgx.server"]
    with (
        tempfile.TemporaryDirectory() as cache,
        SupervisedProver("sgx", command, Path(cache)) as prover,
    ):
        start = time.perf_counter()
        key_id = prover.prepare(prepare_request(Perpetuals, program, SLOTS)).key_id
        prepare_s = time.perf_counter() - start
        requests = []
        for batch in batches:
            statement = pb.Statement(
                program_id=program.program_id,
                slots=SLOTS,
                domain=domain,
                parent_claim=bytes(32),
                claim=claims.claim_id(bytes(32), batch.journal),
                payee=bytes(20),
                chain_id=CHAIN_ID.to_bytes(32, "big"),
                settlement=SETTLEMENT,
            )
            for name, pre, post in zip(program.suites, batch.pre.roots, batch.post.roots, strict=True):
                c = get(name).commit(batch.journal)
                z = get(name).challenge(domain, statement.claim, c)
                y = get(name).evaluate(batch.journal, z)
                statement.suites.add(
                    suite=name, pre_root=pre, post_root=post, commitment=c, challenge=z, evaluation=y
                )
            requests.append(prove_request(program, batch, statement, key_id))
        start = time.perf_counter()
        results = [prover.prove(request) for request in requests]
        elapsed = time.perf_counter() - start
        for request, result in zip(requests, results, strict=True):
            prover.verify(request.statement, result.proof)
    figures = [result.proof.figures for result in results]
    print(
        json.dumps(
            {
                "sgx_tx_per_s": round(len(transactions) / elapsed, 1),
                "sgx_prove_cpu_s": round(sum(f["prove_cpu_s"] for f in figures) / len(figures), 4),
                "sgx_prepare_s": round(prepare_s, 3),
                "sgx_peak_mib": round(max(f["peak_mib"] for f in figures), 1),
                "suites": len(program.suites),
                "transactions": len(transactions),
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
