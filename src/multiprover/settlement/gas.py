"""What settlement costs in gas: ``python -m multiprover.settlement.gas`` prints JSON.

Whole transactions (base cost and calldata included) on an L1 in this process under Prague's rules, for slots
as wide as a perpetuals trade's. Groth16 proofs are simulated: made from the verification equations under a
key whose discrete logarithms are known here. A verifier does the same work for them as for any other.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, Final, cast

from eth_abi.abi import encode
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address
from py_ecc.bn128.bn128_curve import G1, G2, curve_order, multiply

from multiprover.settlement import claims
from multiprover.settlement.adapters import Groth16Type, SgxType
from multiprover.settlement.base import address_of
from multiprover.settlement.bridge_rules import BridgeRules, KindInfo
from multiprover.settlement.client import Settlement
from multiprover.settlement.contracts import CONTRACTS, artifact
from multiprover.settlement.deploy import Contracts, Plan, deploy
from multiprover.settlement.l1 import L1, calldata_floor, open_l1
from multiprover.settlement.policy import Alternative, Policy, Tier
from multiprover.settlement.types import ProgramInfo, SuiteInfo, SuiteResult

_KINDS: Final = (
    KindInfo("noop", 1),
    KindInfo("trade", 14),
    KindInfo("deposit", 4, from_l1=True, value_word=2),
)
_INPUT_WORDS, _OUTPUT_WORDS, _CELL_WORDS = 14, 20, 4
_DEPOSIT: Final = b"".join(w.to_bytes(4, "big") for w in (2, 7, 0, 1000)).ljust(4 * _INPUT_WORDS, b"\x00")
_DAY: Final = 86_400
_PAYEE: Final = b"\x77" * 20
_ENCLAVE_KEY: Final = keccak(b"enclave key of the gas report")

# Discrete logarithms of the simulated verifying key; the commitment's base is beta.
_ALPHA, _BETA, _GAMMA, _DELTA, _SIGMA = 3, 5, 7, 11, 17
_IC: Final = tuple(range(101, 110))


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _g1(k: int) -> list[int]:
    x, y = cast(Any, multiply(G1, k % curve_order))
    return [int(x), int(y)]


def _g2(k: int) -> list[int]:
    """In the order of EIP-197: (x_im, x_re, y_im, y_re)."""
    x, y = cast(Any, multiply(G2, k % curve_order))
    return [int(x.coeffs[1]), int(x.coeffs[0]), int(y.coeffs[1]), int(y.coeffs[0])]


def _verifying_key() -> bytes:
    points = [
        _g1(_ALPHA),
        *(_g2(k) for k in (_BETA, _GAMMA, _DELTA, _BETA, -_SIGMA * _BETA)),
        [_g1(k) for k in _IC],
    ]
    return encode(["uint256[2]", *["uint256[4]"] * 5, "uint256[2][]"], points)


def _simulated_proof(public: Sequence[bytes]) -> bytes:
    """A proof for the 7 public inputs, 32 bytes each."""
    a, b, d = 19, 23, 29
    commitment = b"".join(map(_word, _g1(d)))
    inputs = [1, *(int.from_bytes(x, "big") for x in public), int.from_bytes(keccak(commitment), "big")]
    l = sum(x * k for x, k in zip(inputs, _IC, strict=True)) + d
    c = (a * b - _ALPHA * _BETA - l * _GAMMA) * pow(_DELTA, -1, curve_order)
    values = [*_g1(a), *_g2(b), *_g1(c), *_g1(d), *_g1(d * _SIGMA)]
    return b"".join(map(_word, values))


def _evaluate(settlement: Settlement, claim: bytes, commitment: bytes, journal: bytes) -> tuple[bytes, bytes]:
    """``z`` and ``y``, by the deployment's own binding."""
    l1 = settlement.l1
    contract = l1.web3.eth.contract(
        address=to_checksum_address(settlement.address), abi=artifact("Settlement").abi
    )
    binding = bytes.fromhex(contract.functions.suites().call()[0][1][2:])
    seed = claims.challenge_seed(settlement.domain, claims.suite_id("bn254"), claim, commitment)
    z = l1.call(binding, keccak(b"challenge(bytes32)")[:4] + seed)
    y = l1.call(binding, keccak(b"evaluate(bytes,bytes32)")[:4] + encode(["bytes", "bytes32"], [journal, z]))
    return z, y


def measure(slots: int) -> dict[str, Any]:
    """Gas of every transaction of two batches of ``slots`` slots; the first batch takes in one deposit."""
    rng = random.Random(slots)  # noqa: S311
    l1 = open_l1(None)
    deployer, sequencer, operator, sender = l1.dev_accounts()[:4]
    genesis_root = _word(1)
    program = ProgramInfo(keccak(b"gas"), slots, _INPUT_WORDS, _OUTPUT_WORDS, _CELL_WORDS)
    contracts = deploy(
        l1,
        deployer,
        Plan(
            program=program,
            bridge=BridgeRules(kinds=_KINDS, has_refused=False, messages=()),
            suites=(SuiteInfo("bn254", genesis_root),),
            proof_types=(Groth16Type(_verifying_key()), SgxType(allow_simulated=True)),
            policy=Policy.single(["sgx", "groth16"], accepts_halt=True),
            sequencer=address_of(sequencer),
            operator=address_of(operator),
            council=address_of(operator),
        ),
    )
    settlement = contracts.settlement
    gas: dict[str, int] = {}
    gas["register_signer"] = (
        contracts.sgx().register(operator, claims.signer_address(_ENCLAVE_KEY), simulated=True).gas_used
    )
    gas["enqueue"] = contracts.bridge.enqueue(sender, _DEPOSIT).gas_used

    parent, pre = settlement.genesis, genesis_root
    for batch in (1, 2):
        trades = slots - (batch == 1)
        inputs = _DEPOSIT if batch == 1 else b""
        for _ in range(trades):
            inputs += _word(1)[-4:] + rng.randbytes(4 * (_INPUT_WORDS - 1))
        # Half of an output word's bytes are zero: balances are small numbers in wide types.
        outputs = b"".join(
            rng.randbytes(2).rjust(4, b"\x00") for _ in range(slots * _OUTPUT_WORDS + _CELL_WORDS)
        )
        journal = inputs + outputs
        claim = claims.claim_id(parent, journal)
        root, c = _word(1000 + batch), _word(rng.getrandbits(250))
        origins = [entry.origin for entry in contracts.bridge.queue()] if batch == 1 else []
        posted = settlement.post(sequencer, parent, journal, [c], origins)
        gas["post with a deposit" if batch == 1 else "post"] = posted.gas_used
        z, y = _evaluate(settlement, claim, c, journal)
        proof = _simulated_proof([pre, root, c, z, y, _PAYEE.rjust(32, b"\x00"), settlement.domain])
        digest = claims.vouch_digest(
            l1.chain_id,
            settlement.address,
            domain=settlement.domain,
            claim=claim,
            pre_state_root=claims.state_root([pre]),
            post_state_root=claims.state_root([root]),
            payee=_PAYEE,
        )
        vouches = [
            ("groth16", [SuiteResult(root, c, z, y)], proof),
            ("sgx", [SuiteResult(root)], claims.sign_vouch(_ENCLAVE_KEY, digest)),
        ]
        for place, (name, results, evidence) in zip(
            ("first", "last"), vouches if batch == 1 else vouches[::-1], strict=True
        ):
            receipt = settlement.vouch(
                sender,
                name,
                parent=parent,
                journal_hash=claims.journal_hash(journal),
                results=results,
                payee=_PAYEE,
                proof=evidence,
            )
            gas[f"vouch {name}, {place}"] = receipt.gas_used
        if batch == 2:
            gas["bind"] = settlement.bind(sender, parent, journal, "bn254", _word(5)).gas_used
        parent, pre = claim, root
    return {
        "slots": slots,
        "journal_bytes": program.journal_bytes,
        "journal_calldata_floor": calldata_floor(journal),
        "gas": dict(sorted(gas.items())),
    }


def _delayed(l1: L1, slots: int) -> Contracts:
    """A deployment in which sgx is enough after a day, and outweighs groth16."""
    deployer, sequencer, operator, council = l1.dev_accounts()[:4]
    alternatives = (
        Alternative(types=("groth16", "sgx"), delay_s=0),
        Alternative(types=("sgx",), delay_s=_DAY),
    )
    policy = Policy(
        tiers=(Tier(limit_gwei=None, alternatives=alternatives),),
        weights={"groth16": 1, "sgx": 2},
        accepts_halt=True,
    )
    contracts = deploy(
        l1,
        deployer,
        Plan(
            program=ProgramInfo(keccak(b"gas"), slots, _INPUT_WORDS, _OUTPUT_WORDS, _CELL_WORDS),
            bridge=BridgeRules(kinds=_KINDS, has_refused=False, messages=()),
            suites=(SuiteInfo("bn254", _word(1)),),
            proof_types=(Groth16Type(_verifying_key()), SgxType(allow_simulated=True)),
            policy=policy,
            sequencer=address_of(sequencer),
            operator=address_of(operator),
            council=address_of(council),
        ),
    )
    contracts.sgx().register(operator, claims.signer_address(_ENCLAVE_KEY), simulated=True)
    return contracts


def incidents(slots: int) -> dict[str, int]:
    """Gas of what is rare: delays, lies, conflicts, a batch that nobody proves."""
    rng = random.Random(slots)  # noqa: S311
    l1 = open_l1(None)
    sequencer, sender = l1.dev_accounts()[1], l1.dev_accounts()[4]
    contracts = _delayed(l1, slots)
    settlement, governance = contracts.settlement, contracts.governance
    gas: dict[str, int] = {}
    kind = _word(1)[-4:]

    def journal(inputs: bytes) -> bytes:
        return inputs + rng.randbytes(4 * (slots * _OUTPUT_WORDS + _CELL_WORDS))

    def trades() -> bytes:
        return b"".join(kind + rng.randbytes(4 * (_INPUT_WORDS - 1)) for _ in range(slots))

    def signed(claim: bytes, pre: bytes, root: bytes) -> bytes:
        digest = claims.vouch_digest(
            l1.chain_id,
            settlement.address,
            domain=settlement.domain,
            claim=claim,
            pre_state_root=claims.state_root([pre]),
            post_state_root=claims.state_root([root]),
            payee=_PAYEE,
        )
        return claims.sign_vouch(_ENCLAVE_KEY, digest)

    def vouch(name: str, parent: bytes, data: bytes, pre: bytes, root: bytes, c: bytes) -> None:
        claim = claims.claim_id(parent, data)
        result, proof = SuiteResult(root), signed(claim, pre, root)
        if name == "groth16":
            z, y = _evaluate(settlement, claim, c, data)
            result = SuiteResult(root, c, z, y)
            proof = _simulated_proof([pre, root, c, z, y, _PAYEE.rjust(32, b"\x00"), settlement.domain])
        hash = claims.journal_hash(data)
        settlement.vouch(
            sender, name, parent=parent, journal_hash=hash, results=[result], payee=_PAYEE, proof=proof
        )

    # A batch that waits for a delay.
    genesis, c = settlement.genesis, _word(7)
    first = journal(trades())
    settlement.post(sequencer, genesis, first, [c])
    vouch("sgx", genesis, first, _word(1), _word(2), c)
    l1.advance_time(_DAY + 2_000)
    gas["settle"] = settlement.settle(sender, genesis, claims.journal_hash(first)).gas_used
    one = claims.claim_id(genesis, first)

    # A batch that nobody proves.
    settlement.post(sequencer, one, journal(trades()), [c])
    gas["complain"] = settlement.complain(sender).gas_used
    l1.advance_time(settlement.proof_window())
    gas["discard"] = settlement.discard(sender).gas_used
    gas["take_seat"] = contracts.sequencing.take_seat(sequencer).gas_used

    # A lie of groth16, which the heavier side wins; the council is silent.
    vouch("groth16", genesis, first, _word(1), _word(2), c)
    inputs = trades()
    true, false = journal(inputs), journal(inputs)
    settlement.post(sequencer, one, true, [c])
    gas["propose"] = settlement.propose(sender, one, false, true, [c]).gas_used
    vouch("sgx", one, true, _word(2), _word(3), c)
    vouch("groth16", one, false, _word(2), _word(666), c)
    hashes = claims.journal_hash(true), claims.journal_hash(false)
    gas["show_conflict"] = governance.show_conflict(sender, one, *hashes).gas_used
    l1.advance_time(governance.council_window())
    gas["resolve"] = governance.resolve(sender).gas_used
    l1.advance_time(_DAY + 2_000)
    settlement.settle(sender, one, hashes[0])
    gas["prune"] = settlement.prune(sender, genesis, claims.journal_hash(first)).gas_used

    # A lie of sgx.
    dead = journal(bytes(4 * slots * _INPUT_WORDS))
    canary = signed(claims.claim_id(genesis, dead), _word(1), _word(668))
    gas["canary sgx"] = governance.canary(
        sender, "sgx", dead, [SuiteResult(_word(668))], _PAYEE, canary
    ).gas_used
    return dict(sorted(gas.items()))


def report() -> dict[str, Any]:
    """Deployed sizes, and gas at several batch sizes."""
    return {
        "evm": "prague",
        "deployed_bytes": {name: artifact(name).runtime_bytes for name in CONTRACTS},
        "slot": {"input_words": _INPUT_WORDS, "output_words": _OUTPUT_WORDS},
        "batches": [measure(slots) for slots in (1, 4, 16, 64)],
        "incidents": {"slots": 16, "gas": incidents(16)},
    }


if __name__ == "__main__":
    print(json.dumps(report(), indent=2))
