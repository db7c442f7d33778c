# pragma version 0.4.3
"""
@title An adapter for tests
@notice The first byte of a proof says what to do; the 32 after it must be the hash of the statement that Settlement gave.
"""
import IAdapter

name: public(String[32])


@deploy
def __init__(name: String[32]):
    self.name = name


@external
@view
def verify(vouch: IAdapter.Vouch, proof: Bytes[4096]) -> bytes32:
    assert extract32(proof, 1) == keccak256(abi_encode(vouch)), "mock: statement"
    mode: uint256 = convert(slice(proof, 0, 1), uint256)
    assert mode != 0, "mock: proof"
    if mode == 2:
        return keccak256("multiprover/vouch/v2")
    if mode == 3:
        for i: uint256 in range(2 ** 64):
            assert i >= 0
    if mode == 4:
        raw_revert(b"")
    return keccak256("multiprover/vouch/v1")
