# pragma version 0.4.3
"""
@title An adapter for tests that calls somewhere before it accepts
"""
import IAdapter

implements: IAdapter

target: address
data: Bytes[4096]


@external
def aim(target: address, data: Bytes[4096]):
    self.target = target
    self.data = data


@external
@view
def verify(vouch: IAdapter.Vouch, proof: Bytes[4096]) -> bytes32:
    if self.target != empty(address):
        raw_call(self.target, self.data, is_static_call=True)
    return keccak256("multiprover/vouch/v1")
