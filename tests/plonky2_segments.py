"""A batch longer than one leaf, all the way to L1: segments, joins and both recursions, then every verifier.

``python tests/plonky2_segments.py [SLOTS]`` (24: two segments) proves a batch of empty reference slots with
``provers/plonky2/bin/bench`` (some minutes of CPU, 3.3 GiB) and asks the native verifier, L1's contract on an
embedded EVM and the model in Python about the proof, and about the same proof for another statement. It
prints what each step took and exits 1 where a verdict is wrong. ``bench --slots N --l1 --out FOLDER`` makes
such a folder too; it is looked at by ``python tests/plonky2_segments.py --folder FOLDER``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from plonky2_mutants import CIRCUIT, NATIVE, Case, Contract, native_verdicts
from reference_plonky2 import Key, P, Refused, elements, verify

from multiprover.settlement.plonky2 import VerifierData

BENCH = NATIVE.parent / "bench"


def model(own: VerifierData, case: Case) -> bool:
    """The verdict of the verifier that is written for reading."""
    try:
        verify(CIRCUIT, Key(own.circuit_digest, own.cap), case.inputs, case.proof)
    except Refused:
        return False
    return True


def look(folder: Path) -> int:
    """Every verifier on a proof of such a folder: 0 if all take it, and nothing else."""
    own = VerifierData.decode((folder / "l1_verifier").read_bytes())
    inputs, proof = tuple(elements((folder / "public_inputs").read_bytes())), (folder / "proof").read_bytes()
    true = Case("the batch", inputs, proof)
    false = Case("another root after it", (*inputs[:4], (inputs[4] + 1) % P, *inputs[5:]), proof)
    contract = Contract([own])
    wrong = 0
    for case, native in zip(
        (true, false), native_verdicts([true, false], [folder / "verifier_data"]), strict=True
    ):
        reason = contract.reason(case)
        verdicts = {"native": native, "contract": reason is None, "model": model(own, case)}
        wrong += any(accepts != (case is true) for accepts in verdicts.values())
        print(
            f"{case.kind}: {verdicts}" + (f", {contract.gas_used:,} gas" if reason is None else f": {reason}")
        )
    return 1 if wrong else 0


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--folder"]:
        return look(Path(arguments[1]))
    with tempfile.TemporaryDirectory(prefix="multiprover-segments-") as folder:
        command = [BENCH, "--slots", arguments[0] if arguments else "24", "--l1", "--out", folder]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        if "joined" not in report:
            print("expected more slots: this batch is one leaf")
            return 1
        print(json.dumps({name: report[name] for name in ("slots", "joined", "l1")}, indent=2))
        return look(Path(folder))


if __name__ == "__main__":
    sys.exit(main())
