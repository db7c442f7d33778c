# pragma version 0.4.3
"""
@title Proof type `sgx`: a signature of an enclave's registered key (docs/settlement.md §4)
@notice The signature is EIP-712 with the calling Settlement as verifying contract, so an adapter serves any number of
        them and no signature moves from one to another; the vouch names the domain, which binds it to the program too.
"""
import IAdapter

implements: IAdapter

event Registered:
    signer: indexed(address)
    simulated: bool
    quote: Bytes[8192]

event Revoked:
    signer: indexed(address)

event EpochRevoked:
    key_epoch: uint256

REVOKED: constant(uint256) = max_value(uint256)

ACCEPTED: constant(bytes32) = keccak256("multiprover/vouch/v1")

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME: constant(bytes32) = keccak256("multiprover")
VERSION: constant(bytes32) = keccak256("1")
VOUCH_TYPE: constant(bytes32) = keccak256(
    "Vouch(bytes32 domain,bytes32 claim,bytes32 preStateRoot,bytes32 postStateRoot,address payee)"
)

# Half the order of secp256k1: (r, n - s) is as valid as (r, s), and only the lower one is accepted (EIP-2).
MAX_S: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168

# An SGX quote: 48 bytes of header, then the enclave's report (Intel SGX DCAP Quoting Library API, A.4).
QUOTE_MIN: constant(uint256) = 432
TEE_TYPE_AT: constant(uint256) = 4  # 4 bytes; 0 is SGX
ATTRIBUTES_AT: constant(uint256) = 96
MRENCLAVE_AT: constant(uint256) = 112
REPORT_DATA_AT: constant(uint256) = 368
DEBUG: constant(uint256) = 2

OPERATOR: public(immutable(address))
COUNCIL: public(immutable(address))
ALLOW_SIMULATED: public(immutable(bool))
MRENCLAVE: public(immutable(bytes32))

key_epoch: public(uint256)             # 1, and 1 more after each revocation of all keys
registered: HashMap[address, uint256]  # a key's epoch; 0: unknown


@deploy
def __init__(operator: address, council: address, allow_simulated: bool, mrenclave: bytes32):
    """
    @param operator Registers and revokes keys.
    @param council Revokes keys too.
    @param allow_simulated Whether keys without a quote may be registered: never where value is at stake.
    @param mrenclave The enclave's measurement that a quote must carry; zero takes simulated keys only.
    """
    assert operator != empty(address) and council != empty(address), "sgx: operator"
    assert allow_simulated or mrenclave != empty(bytes32), "sgx: measurement"
    OPERATOR = operator
    COUNCIL = council
    self.key_epoch = 1
    ALLOW_SIMULATED = allow_simulated
    MRENCLAVE = mrenclave


@external
def register(signer: address, quote: Bytes[8192], simulated: bool):
    """
    @notice Let a key vouch. The quote's own signature is not checked here: the operator answers for it, and anyone can
            check the quote in the event. What it attests is: this enclave, not in debug mode, made this key.
    @param quote The attestation quote, whose report data is keccak256(signer) and 32 zero bytes; empty if simulated.
    """
    assert msg.sender == OPERATOR, "sgx: not the operator"
    assert signer != empty(address), "sgx: signer"
    assert self.registered[signer] == 0, "sgx: key known"
    if simulated:
        assert ALLOW_SIMULATED, "sgx: simulated"
        assert len(quote) == 0, "sgx: quote of a simulated key"
    else:
        assert len(quote) >= QUOTE_MIN, "sgx: quote length"
        assert slice(quote, TEE_TYPE_AT, 4) == b"\x00\x00\x00\x00", "sgx: quote type"
        assert convert(slice(quote, ATTRIBUTES_AT, 1), uint256) & DEBUG == 0, "sgx: debug enclave"
        assert MRENCLAVE != empty(bytes32) and extract32(quote, MRENCLAVE_AT) == MRENCLAVE, "sgx: measurement"
        assert (
            extract32(quote, REPORT_DATA_AT) == keccak256(slice(convert(signer, bytes32), 12, 20))
            and extract32(quote, REPORT_DATA_AT + 32) == empty(bytes32)
        ), "sgx: report data"
    self.registered[signer] = self.key_epoch
    log Registered(signer=signer, simulated=simulated, quote=quote)


@external
def revoke(signer: address):
    """
    @notice Bar a key for good, registered or not.
    """
    self._may_revoke()
    assert self.registered[signer] != REVOKED, "sgx: key revoked"
    self.registered[signer] = REVOKED
    log Revoked(signer=signer)


@external
def revoke_epoch():
    """
    @notice Bar all keys registered so far: a flaw of the enclave, and not of one instance.
    """
    self._may_revoke()
    self.key_epoch += 1
    log EpochRevoked(key_epoch=self.key_epoch)


@internal
@view
def _may_revoke():
    assert msg.sender == OPERATOR or msg.sender == COUNCIL, "sgx: not the operator"


@external
@view
def standing(signer: address) -> uint256:
    """
    @return 0 unknown, 1 registered, 2 revoked.
    """
    return self._standing(signer)


@internal
@view
def _standing(signer: address) -> uint256:
    epoch: uint256 = self.registered[signer]
    if epoch == 0:
        return 0
    if epoch == self.key_epoch:
        return 1
    return 2


@external
@view
def verify(vouch: IAdapter.Vouch, proof: Bytes[4096]) -> bytes32:
    """
    @param proof r, s, v: 65 bytes.
    """
    assert len(proof) == 65, "sgx: signature length"
    r: uint256 = extract32(proof, 0, output_type=uint256)
    s: uint256 = extract32(proof, 32, output_type=uint256)
    v: uint256 = convert(slice(proof, 64, 1), uint256)
    assert s <= MAX_S, "sgx: high s"

    pre: bytes32[4] = empty(bytes32[4])
    post: bytes32[4] = empty(bytes32[4])
    n: uint256 = 0
    for suite: IAdapter.SuiteVouch in vouch.suites:
        pre[n] = suite.pre_root
        post[n] = suite.post_root
        n += 1
    separator: bytes32 = keccak256(abi_encode(DOMAIN_TYPE, NAME, VERSION, chain.id, msg.sender))
    message: bytes32 = keccak256(
        abi_encode(
            VOUCH_TYPE,
            vouch.domain,
            vouch.claim,
            keccak256(slice(abi_encode(pre), 0, 32 * n)),
            keccak256(slice(abi_encode(post), 0, 32 * n)),
            vouch.payee,
        )
    )
    signer: address = ecrecover(keccak256(concat(b"\x19\x01", separator, message)), v, r, s)
    assert signer != empty(address), "sgx: signature"
    standing: uint256 = self._standing(signer)
    assert standing != 2, "sgx: key revoked"
    assert standing == 1, "sgx: key unknown"
    return ACCEPTED
