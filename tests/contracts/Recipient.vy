# pragma version 0.4.3
"""
@title A contract for tests that gets coin: it refuses it, burns gas, or calls back
"""
REFUSES: constant(uint256) = 1
BURNS: constant(uint256) = 2
REENTERS: constant(uint256) = 3

mode: uint256
target: address
data: Bytes[16384]
counter: uint256
entered: public(bool)


@external
def behave(mode: uint256, target: address, data: Bytes[16384]):
    self.mode = mode
    self.target = target
    self.data = data
    self.entered = False


@external
@payable
def act(target: address, data: Bytes[16384]):
    """
    @notice Call on, as this contract, with the coin that comes along.
    """
    raw_call(target, data, value=msg.value)


@external
@payable
def __default__():
    assert self.mode != REFUSES
    if self.mode == BURNS:
        for i: uint256 in range(1000000):
            self.counter += 1
    if self.mode == REENTERS:
        self.entered = raw_call(self.target, self.data, revert_on_failure=False)
