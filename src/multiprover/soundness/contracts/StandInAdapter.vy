# pragma version 0.4.3
"""
@title An adapter in place of one whose proofs cost too much to make for every row of a table
@notice Takes the hash of the statement for a proof of it, from anyone: the type says whatever who plays it says.
"""
import IAdapter


@external
@view
def verify(vouch: IAdapter.Vouch, proof: Bytes[4096]) -> bytes32:
    assert proof == slice(abi_encode(keccak256(abi_encode(vouch))), 0, 32), "stand-in: proof"
    return keccak256("multiprover/vouch/v1")
