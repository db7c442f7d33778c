# pragma version 0.4.3
"""
@title For tests of Bridge: claims, finality and roots are what it is told
"""
import ISettlement

PROGRAM: immutable(ISettlement.Program)
KINDS: immutable(uint256)
FROM_L1: immutable(uint256)
SUITES: immutable(DynArray[ISettlement.Suite, 4])

final_claim: bytes32
final_number: uint256
final_time: uint256
queue_end: HashMap[bytes32, uint256]
tier: HashMap[bytes32, uint256]      # 1 + the highest tier at which a claim is final
limits: DynArray[uint256, 4]
roots: HashMap[bytes32, HashMap[uint256, bytes32]]
halted: public(bool)
bridge: address


@deploy
def __init__(
    program: ISettlement.Program, kinds: uint256, from_l1: uint256, suites: uint256, limits: DynArray[uint256, 4]
):
    PROGRAM = program
    KINDS = kinds
    FROM_L1 = from_l1
    all: DynArray[ISettlement.Suite, 4] = []
    for i: uint256 in range(suites, bound=4):
        all.append(ISettlement.Suite(id=convert(i + 1, bytes32), binding=self, genesis_root=empty(bytes32)))
    SUITES = all
    self.limits = limits
    self.final_time = block.timestamp


@external
def post(claim: bytes32, queue_end: uint256):
    self.queue_end[claim] = queue_end


@external
def finalise(claim: bytes32, tier: uint256, roots: DynArray[bytes32, 4]):
    self.tier[claim] = tier + 1
    if tier + 1 == len(self.limits):
        assert not self.halted
        self.final_claim = claim
        self.final_number += 1
        self.final_time = block.timestamp
        for i: uint256 in range(len(roots), bound=4):
            self.roots[claim][i] = roots[i]


@external
def set_bridge(bridge: address):
    self.bridge = bridge


@external
def halt():
    assert msg.sender == self.bridge, "halt: not the bridge"
    self.halted = True


@external
@view
def program() -> ISettlement.Program:
    return PROGRAM


@external
@view
def kinds() -> (uint256, uint256):
    return KINDS, FROM_L1


@external
@view
def suites() -> DynArray[ISettlement.Suite, 4]:
    return SUITES


@external
@view
def claim(id: bytes32) -> ISettlement.Claim:
    result: ISettlement.Claim = empty(ISettlement.Claim)
    result.posted = True
    result.queue_end = self.queue_end[id]
    return result


@external
@view
def finality() -> ISettlement.Finality:
    return ISettlement.Finality(
        claim=self.final_claim,
        number=self.final_number,
        queue_end=self.queue_end[self.final_claim],
        time=self.final_time,
    )


@external
@view
def tier_count() -> uint256:
    return len(self.limits)


@external
@view
def tier_of(amount: uint256) -> uint256:
    for i: uint256 in range(len(self.limits), bound=4):
        if amount <= self.limits[i]:
            return i
    return len(self.limits) - 1


@external
@view
def is_final(claim: bytes32, tier: uint256) -> bool:
    return self.tier[claim] > tier


@external
@view
def root(claim: bytes32, suite: uint256) -> bytes32:
    return self.roots[claim][suite]
