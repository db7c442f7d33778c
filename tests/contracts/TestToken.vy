# pragma version 0.4.3
"""
@title An ERC-20 for tests that is as bad as it is told to be
"""
GOOD: constant(uint256) = 0
FEE: constant(uint256) = 1        # keeps a hundredth of every transfer
LIES: constant(uint256) = 2       # answers false and does nothing
HALF_LIES: constant(uint256) = 3  # answers false to transfer alone
REVERTS: constant(uint256) = 4    # refuses transfer alone
REENTERS: constant(uint256) = 5   # calls `target` with `data` in every transfer, and remembers whether that succeeded
BURNS: constant(uint256) = 6      # burns all gas in transfer
PHANTOM: constant(uint256) = 7    # answers true to transferFrom and does nothing
DENIES: constant(uint256) = 8     # answers false to a transfer that it has made
FORGETS: constant(uint256) = 9    # answers true to transfer and does nothing
SHOUTS: constant(uint256) = 10    # answers a transfer that it has made with far more than a word

decimals: public(immutable(uint8))
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
mode: public(uint256)
target: address
data: Bytes[16384]
entered: public(bool)


@deploy
def __init__(decimals_: uint8):
    decimals = decimals_


@external
def mint(to: address, amount: uint256):
    self.balanceOf[to] += amount


@external
def behave(mode: uint256, target: address, data: Bytes[16384]):
    self.mode = mode
    self.target = target
    self.data = data
    self.entered = False


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
@raw_return
def transfer(to: address, amount: uint256) -> Bytes[1024]:
    """
    @dev Answers a bool, but where it shouts.
    """
    answer: Bytes[1024] = abi_encode(self._transfer(to, amount))
    if self.mode == SHOUTS:
        answer = slice(self.data, 0, 1024)
    return answer


@internal
def _transfer(to: address, amount: uint256) -> bool:
    assert self.mode != REVERTS
    if self.mode == FORGETS:
        return True
    if self.mode == DENIES:
        assert self._move(msg.sender, to, amount)
        return False
    if self.mode == BURNS:
        for i: uint256 in range(1000000):
            self.entered = not self.entered
    if self.mode == HALF_LIES:
        return False
    return self._move(msg.sender, to, amount)


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    if self.mode == PHANTOM:
        return True
    self.allowance[sender][msg.sender] -= amount
    return self._move(sender, to, amount)


@internal
def _move(sender: address, to: address, amount: uint256) -> bool:
    if self.mode == LIES:
        return False
    if self.mode == REENTERS:
        self.entered = raw_call(self.target, self.data, revert_on_failure=False)
    self.balanceOf[sender] -= amount
    if self.mode == FEE:
        self.balanceOf[to] += amount - amount // 100
    else:
        self.balanceOf[to] += amount
    return True
