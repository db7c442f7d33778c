# pragma version 0.4.3
"""
@title Council: n of m members act together (docs/settlement.md)
@notice Members sign EIP-712 approvals of one call; anyone brings them. What the council may do is decided by the contract
        that it calls: Governance lets it choose in a conflict and replace the verifier of a type that is out of service.
        Any contract account, a Safe for one, can stand in its place.
"""

MAX_MEMBERS: constant(uint256) = 16
MAX_DATA: constant(uint256) = 1024

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME: constant(bytes32) = keccak256("multiprover council")
VERSION: constant(bytes32) = keccak256("1")
ACTION_TYPE: constant(bytes32) = keccak256("Action(address target,bytes data,uint256 nonce,uint256 deadline)")

# Half the order of secp256k1: (r, n - s) is as valid as (r, s), and only the lower one is accepted (EIP-2).
MAX_S: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

event Executed:
    nonce: indexed(uint256)
    target: indexed(address)
    data: Bytes[MAX_DATA]

event MembersChanged:
    members: DynArray[address, MAX_MEMBERS]
    threshold: uint256

is_member: public(HashMap[address, bool])
member_list: DynArray[address, MAX_MEMBERS]
threshold: public(uint256)
nonce: public(uint256)


@deploy
def __init__(members: DynArray[address, MAX_MEMBERS], threshold: uint256):
    """
    @param members In rising order.
    @param threshold How many must sign: more than half.
    """
    self._set(members, threshold)


@external
def execute(
    target: address, data: Bytes[MAX_DATA], deadline: uint256, signatures: DynArray[Bytes[65], MAX_MEMBERS]
) -> Bytes[MAX_DATA]:
    """
    @notice Make the call that enough members approved.
    @param deadline Unix seconds until when it may be made.
    @param signatures r, s, v of members, by rising address.
    @return What the target answered.
    """
    assert block.timestamp <= deadline, "council: too late"
    assert len(signatures) >= self.threshold, "council: too few signatures"
    nonce: uint256 = self.nonce
    digest: bytes32 = self._digest(target, data, nonce, deadline)
    last: uint256 = 0
    for signature: Bytes[65] in signatures:
        assert len(signature) == 65, "council: signature length"
        s: uint256 = extract32(signature, 32, output_type=uint256)
        assert s <= MAX_S, "council: high s"
        r: uint256 = extract32(signature, 0, output_type=uint256)
        signer: address = ecrecover(digest, convert(slice(signature, 64, 1), uint256), r, s)
        assert signer != empty(address) and self.is_member[signer], "council: not a member"
        assert convert(signer, uint256) > last, "council: order"
        last = convert(signer, uint256)
    self.nonce = nonce + 1
    log Executed(nonce=nonce, target=target, data=data)
    assert target.is_contract, "council: target"
    return raw_call(target, data, max_outsize=MAX_DATA)


@external
def set_members(members: DynArray[address, MAX_MEMBERS], threshold: uint256):
    """
    @notice By a call of the council to itself.
    """
    assert msg.sender == self, "council: not the council"
    for member: address in self.member_list:
        self.is_member[member] = False
    self._set(members, threshold)


@external
@view
def digest(target: address, data: Bytes[MAX_DATA], nonce: uint256, deadline: uint256) -> bytes32:
    """
    @notice What members sign.
    """
    return self._digest(target, data, nonce, deadline)


@external
@view
def members() -> DynArray[address, MAX_MEMBERS]:
    return self.member_list


@internal
@view
def _digest(target: address, data: Bytes[MAX_DATA], nonce: uint256, deadline: uint256) -> bytes32:
    separator: bytes32 = keccak256(abi_encode(DOMAIN_TYPE, NAME, VERSION, chain.id, self))
    action: bytes32 = keccak256(abi_encode(ACTION_TYPE, target, keccak256(data), nonce, deadline))
    return keccak256(concat(b"\x19\x01", separator, action))


@internal
def _set(members: DynArray[address, MAX_MEMBERS], threshold: uint256):
    assert threshold <= len(members) and 2 * threshold > len(members), "council: threshold"
    last: uint256 = 0
    for member: address in members:
        assert convert(member, uint256) > last, "council: members"
        last = convert(member, uint256)
        self.is_member[member] = True
    self.member_list = members
    self.threshold = threshold
    log MembersChanged(members=members, threshold=threshold)
