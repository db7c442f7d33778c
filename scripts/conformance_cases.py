"""Writes vectors/conformance/token.json: batches of the token example as requests, for any prover's
conformance check.

Run with the project's environment: ``uv run python scripts/conformance_cases.py``. Everything is derived
from fixed seeds, so the file changes only with the program, the suites or the wire format.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from examples.token.token import Token  # noqa: E402
from multiprover.lang.ints import address  # noqa: E402
from multiprover.ledger import BatchBuilder, State, make_transaction, sign  # noqa: E402
from multiprover.ledger.wire import prepare_request  # noqa: E402
from multiprover.node.node import seal_record  # noqa: E402
from multiprover.program import trace  # noqa: E402
from multiprover.prover.v1 import prover_pb2 as pb  # noqa: E402
from multiprover.provers.conformance import Case, dump_cases  # noqa: E402
from multiprover.settlement.claims import Deployment  # noqa: E402
from multiprover.suites import Wallet  # noqa: E402

SLOTS = 2
SUITES = ("bn254",)
PAYEE = bytes.fromhex("44" * 20)


def cases() -> list[Case]:
    """Consecutive batches: registration, deposits, a transfer with a withdrawal, and a half-empty batch."""
    program = trace(Token, SUITES)
    deployment = Deployment(31337, bytes.fromhex("33" * 20), program.program_id)
    wallets = [Wallet.from_seed(bytes([i + 1]) * 32, SUITES) for i in range(2)]
    batches = [
        [("register", {"account": i + 5, "key": w.public_key}, []) for i, w in enumerate(wallets)],
        [("deposit", {"account": i + 5, "amount": 10**9}, []) for i in range(2)],
        [
            ("transfer", {"sender": 5, "receiver": 6, "amount": 12345, "nonce": 0}, [(wallets[0], 0)]),
            (
                "withdraw",
                {"sender": 6, "amount": 999, "nonce": 0, "recipient": address("0x" + "22" * 20)},
                [(wallets[1], 0)],
            ),
        ],
        [("transfer", {"sender": 6, "receiver": 5, "amount": 1, "nonce": 1}, [(wallets[1], 1)])],
    ]
    state, parent, made = State(program), bytes(32), []
    for number, transactions in enumerate(batches):
        builder = BatchBuilder(Token, state, deployment.domain, SLOTS)
        signed = []
        for kind, values, signers in transactions:
            unsigned = make_transaction(Token, program, kind, values)
            signed.append(sign(unsigned, deployment.domain, signers))
            builder.add(signed[-1])
        stored = seal_record(program, SLOTS, deployment, builder.close(), number, parent, signed, PAYEE)
        parent = stored.claim
        made.append(
            Case(
                name=", ".join(kind for kind, _, _ in transactions),
                prepare=prepare_request(Token, program, SLOTS),
                prove=pb.ProveRequest.FromString(stored.request),
            )
        )
    # The one with signatures and a message comes first: a prover that is slow can be given it alone.
    return [made[2], made[0], made[1], made[3]]


if __name__ == "__main__":
    target = ROOT / "vectors/conformance/token.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(dump_cases(cases()), encoding="utf-8")
    print(f"wrote {target.relative_to(ROOT)}")
