# pragma version 0.4.3
"""
@title An adapter for tests, of proofs that come in three parts, as a stark proof does
@notice What a transaction carries is session (32 bytes), index (4), part; each part begins with the statement's hash.
"""
import IAdapter

PARTS: constant(uint256) = 3

event Step:
    sender: indexed(address)
    session: indexed(bytes32)
    index: uint256

taken: HashMap[bytes32, uint256]
proved: transient(bytes32)


@external
def step(vouch: IAdapter.Vouch, carried: Bytes[40000]):
    index: uint256 = self._check(vouch, carried)
    assert index + 1 < PARTS, "stark: step"
    self.taken[self._key(msg.sender, extract32(carried, 0))] = index + 1
    log Step(sender=msg.sender, session=extract32(carried, 0), index=index)


@external
def prove(vouch: IAdapter.Vouch, carried: Bytes[40000], target: address, data: Bytes[40000]) -> Bytes[1024]:
    assert self._check(vouch, carried) + 1 == PARTS, "stark: step"
    self.taken[self._key(msg.sender, extract32(carried, 0))] = 0
    self.proved = keccak256(abi_encode(vouch))
    return raw_call(target, data, max_outsize=1024)


@external
@view
def verify(vouch: IAdapter.Vouch, proof: Bytes[4096]) -> bytes32:
    assert len(proof) == 0 and self.proved == keccak256(abi_encode(vouch)), "mock: statement"
    return keccak256("multiprover/vouch/v1")


@external
@view
def progress(sender: address, session: bytes32) -> uint256:
    return self.taken[self._key(sender, session)]


@internal
@view
def _check(vouch: IAdapter.Vouch, carried: Bytes[40000]) -> uint256:
    index: uint256 = convert(slice(carried, 32, 4), uint256)
    assert index == 0 or index == self.taken[self._key(msg.sender, extract32(carried, 0))], "stark: step"
    assert extract32(carried, 36) == keccak256(abi_encode(vouch)), "mock: proof"
    return index


@internal
@pure
def _key(sender: address, session: bytes32) -> bytes32:
    return keccak256(abi_encode(sender, session))
