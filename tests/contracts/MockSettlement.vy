# pragma version 0.4.3
"""
@title Stands for Settlement towards an adapter that calls it: asks the caller about the statement that it is told
"""
import IAdapter

struct SuiteResult:
    root: bytes32
    commitment: bytes32
    challenge: bytes32
    evaluation: bytes32

domain: bytes32
pre_root: bytes32
vouches: public(uint256)


@deploy
def __init__(domain: bytes32, pre_root: bytes32):
    self.domain = domain
    self.pre_root = pre_root


@external
def vouch(
    proof_type: uint256,
    parent: bytes32,
    journal_hash: bytes32,
    results: DynArray[SuiteResult, 4],
    payee: address,
    proof: Bytes[4096],
):
    statement: IAdapter.Vouch = IAdapter.Vouch(
        domain=self.domain, claim=keccak256(concat(parent, journal_hash)), payee=payee, suites=[]
    )
    for result: SuiteResult in results:
        statement.suites.append(
            IAdapter.SuiteVouch(
                pre_root=self.pre_root,
                post_root=result.root,
                commitment=result.commitment,
                challenge=result.challenge,
                evaluation=result.evaluation,
            )
        )
    answer: bytes32 = staticcall IAdapter(msg.sender).verify(statement, proof, gas=40_000)
    assert answer == keccak256("multiprover/vouch/v1"), "mock: adapter"
    assert proof_type == 1, "mock: proof type"
    self.vouches += 1
