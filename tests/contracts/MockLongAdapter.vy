# pragma version 0.4.3
"""
@title An adapter for tests, of proofs too long for Settlement: prove() takes them, then calls on
"""
import IAdapter

proved: transient(bytes32)


@external
def prove(vouch: IAdapter.Vouch, proof: Bytes[100000], target: address, data: Bytes[40000]) -> Bytes[1024]:
    assert len(proof) > 4096 and extract32(proof, 0) == keccak256(abi_encode(vouch)), "mock: proof"
    self.proved = keccak256(abi_encode(vouch))
    return raw_call(target, data, max_outsize=1024)


@external
@view
def verify(vouch: IAdapter.Vouch, proof: Bytes[4096]) -> bytes32:
    assert len(proof) == 0 and self.proved == keccak256(abi_encode(vouch)), "mock: statement"
    return keccak256("multiprover/vouch/v1")
