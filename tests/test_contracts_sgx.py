"""SgxAdapter: who may vouch, and what a signature must be."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from settlement_support import create, raw

from multiprover.settlement import claims
from multiprover.settlement.errors import ProofRefusedError, RefusedError
from multiprover.settlement.l1 import L1, open_l1

KEY = keccak(b"enclave")
SIGNER = claims.signer_address(KEY)
MRENCLAVE = keccak(b"measurement")
CLAIM, PRE, POST, PRE_2, POST_2, DOMAIN = (bytes([i]) * 32 for i in (1, 2, 3, 4, 5, 6))
PAYEE = b"\x44" * 20


@pytest.fixture(scope="module")
def l1() -> L1:
    return open_l1(None)


def adapter(l1: L1, *, allow_simulated: bool = True, mrenclave: bytes = MRENCLAVE) -> bytes:
    operator = l1.dev_accounts()[0].address
    return create(
        l1,
        "SgxAdapter",
        encode(["address", "address", "bool", "bytes32"], [operator, operator, allow_simulated, mrenclave]),
    )


def quote(signer: bytes = SIGNER, **changed: int) -> bytes:
    """An SGX quote's bytes up to its report, with what the adapter reads and noise elsewhere."""
    data = bytearray(b"\xa5" * 600)
    data[4:8] = bytes(4)
    data[96] = 0x05
    data[112:144] = MRENCLAVE
    data[368:400] = keccak(signer)
    data[400:432] = bytes(32)
    for place, value in changed.items():
        data[int(place.removeprefix("at_"))] = value
    return bytes(data)


def register(
    l1: L1, to: bytes, *, signer: bytes = SIGNER, data: bytes = b"", simulated: bool = False, sender: int = 0
) -> None:
    call = keccak(b"register(address,bytes,bool)")[:4]
    call += encode(["address", "bytes", "bool"], ["0x" + signer.hex(), data, simulated])
    l1.transact(l1.dev_accounts()[sender], to, call)


def revoke(l1: L1, to: bytes, *, signer: bytes = SIGNER, sender: int = 0) -> None:
    call = keccak(b"revoke(address)")[:4] + encode(["address"], ["0x" + signer.hex()])
    l1.transact(l1.dev_accounts()[sender], to, call)


def verify(
    l1: L1,
    to: bytes,
    signature: bytes,
    *,
    domain: bytes = DOMAIN,
    claim: bytes = CLAIM,
    roots: tuple[tuple[bytes, bytes], ...] = ((PRE, POST),),
    payee: bytes = PAYEE,
    settlement: bytes | None = None,
) -> bytes:
    types = ["(bytes32,bytes32,address,(bytes32,bytes32,bytes32,bytes32,bytes32)[])", "bytes"]
    suites = [(pre, post, bytes(32), bytes(32), bytes(32)) for pre, post in roots]
    data = keccak(f"verify({types[0]},{types[1]})".encode())[:4]
    data += encode(types, [(domain, claim, "0x" + payee.hex(), suites), signature])
    # Whoever calls is the settlement contract to the adapter.
    return l1.call(to, data, sender=settlement or raw(l1.dev_accounts()[5]))


def sign(
    l1: L1,
    key: bytes = KEY,
    *,
    chain_id: int | None = None,
    settlement: bytes | None = None,
    domain: bytes = DOMAIN,
    claim: bytes = CLAIM,
    roots: tuple[tuple[bytes, bytes], ...] = ((PRE, POST),),
    payee: bytes = PAYEE,
) -> bytes:
    digest = claims.vouch_digest(
        l1.chain_id if chain_id is None else chain_id,
        settlement or raw(l1.dev_accounts()[5]),
        domain=domain,
        claim=claim,
        pre_state_root=claims.state_root([pre for pre, _ in roots]),
        post_state_root=claims.state_root([post for _, post in roots]),
        payee=payee,
    )
    return claims.sign_vouch(key, digest)


@pytest.fixture
def registered(l1: L1) -> bytes:
    to = adapter(l1)
    register(l1, to, simulated=True)
    return to


# Keys


def test_a_quote_registers_its_key(l1: L1) -> None:
    to = adapter(l1, allow_simulated=False)
    register(l1, to, data=quote())
    assert verify(l1, to, sign(l1)) == claims.VOUCH_ACCEPTED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "sgx: quote length"),
        (quote()[:431], "sgx: quote length"),
        (quote(at_4=0x81), "sgx: quote type"),
        (quote(at_96=0x07), "sgx: debug enclave"),
        (quote(at_112=0), "sgx: measurement"),
        (quote(at_143=0), "sgx: measurement"),
        (quote(b"\x01" * 20), "sgx: report data"),
        (quote(at_400=1), "sgx: report data"),
        (quote(at_431=1), "sgx: report data"),
    ],
)
def test_a_quote_that_does_not_attest_the_key_is_refused(l1: L1, data: bytes, reason: str) -> None:
    with pytest.raises(ProofRefusedError) as caught:
        register(l1, adapter(l1), data=data)
    assert caught.value.reason == reason


def test_the_longest_quote_fits(l1: L1) -> None:
    register(l1, adapter(l1), data=quote().ljust(8192, b"\x01"))
    with pytest.raises(RefusedError):
        register(l1, adapter(l1), data=quote().ljust(8193, b"\x01"))


def test_simulated_keys_only_where_allowed(l1: L1) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: simulated"):
        register(l1, adapter(l1, allow_simulated=False), simulated=True)
    with pytest.raises(ProofRefusedError, match="sgx: quote of a simulated key"):
        register(l1, adapter(l1), simulated=True, data=quote())


def test_without_a_measurement_no_quote_is_taken(l1: L1) -> None:
    to = adapter(l1, mrenclave=bytes(32))
    for data in (quote(), quote()[:112] + bytes(32) + quote()[144:]):
        with pytest.raises(ProofRefusedError, match="sgx: measurement"):
            register(l1, to, data=data)


def test_creation_is_checked(l1: L1) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: measurement"):
        adapter(l1, allow_simulated=False, mrenclave=bytes(32))
    with pytest.raises(ProofRefusedError, match="sgx: operator"):
        create(
            l1,
            "SgxAdapter",
            encode(["address", "address", "bool", "bytes32"], [*["0x" + "00" * 20] * 2, True, MRENCLAVE]),
        )


def test_only_the_operator_registers_and_revokes(l1: L1, registered: bytes) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: not the operator"):
        register(l1, registered, signer=b"\x09" * 20, simulated=True, sender=1)
    with pytest.raises(ProofRefusedError, match="sgx: not the operator"):
        revoke(l1, registered, sender=1)


def test_the_zero_address_is_no_signer(l1: L1) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: signer"):
        register(l1, adapter(l1), signer=bytes(20), simulated=True)


def test_a_revoked_key_vouches_no_more_and_never_again(l1: L1, registered: bytes) -> None:
    assert verify(l1, registered, sign(l1)) == claims.VOUCH_ACCEPTED
    revoke(l1, registered)
    with pytest.raises(ProofRefusedError, match="sgx: key revoked"):
        verify(l1, registered, sign(l1))
    with pytest.raises(ProofRefusedError, match="sgx: key known"):
        register(l1, registered, simulated=True)
    with pytest.raises(ProofRefusedError, match="sgx: key revoked"):
        revoke(l1, registered)


def test_a_key_may_be_revoked_before_it_is_registered(l1: L1) -> None:
    to = adapter(l1)
    revoke(l1, to)
    with pytest.raises(ProofRefusedError, match="sgx: key known"):
        register(l1, to, simulated=True)


def test_a_key_is_registered_once(l1: L1, registered: bytes) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: key known"):
        register(l1, registered, simulated=True)


# Signatures


def test_a_signature_over_two_suites(l1: L1, registered: bytes) -> None:
    roots = ((PRE, POST), (PRE_2, POST_2))
    assert verify(l1, registered, sign(l1, roots=roots), roots=roots) == claims.VOUCH_ACCEPTED


@pytest.mark.parametrize(
    "roots",
    [
        (),
        ((POST, PRE),),
        ((PRE, PRE),),
        ((POST, POST),),
        ((PRE, POST), (PRE, POST)),
    ],
)
def test_other_roots_are_refused(l1: L1, registered: bytes, roots: tuple[tuple[bytes, bytes], ...]) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: key unknown"):
        verify(l1, registered, sign(l1), roots=roots)


def test_swapped_suites_are_refused(l1: L1, registered: bytes) -> None:
    signature = sign(l1, roots=((PRE, POST), (PRE_2, POST_2)))
    with pytest.raises(ProofRefusedError, match="sgx: key unknown"):
        verify(l1, registered, signature, roots=((PRE_2, POST_2), (PRE, POST)))


def test_another_statement_is_refused(l1: L1, registered: bytes) -> None:
    signature = sign(l1)
    with pytest.raises(ProofRefusedError, match="sgx: key unknown"):
        verify(l1, registered, signature, domain=POST)
    with pytest.raises(ProofRefusedError, match="sgx: key unknown"):
        verify(l1, registered, signature, claim=POST)
    with pytest.raises(ProofRefusedError, match="sgx: key unknown"):
        verify(l1, registered, signature, payee=b"\x45" * 20)


def test_another_chain_or_contract_is_refused(l1: L1, registered: bytes) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: key unknown"):
        verify(l1, registered, sign(l1, chain_id=1))
    with pytest.raises(ProofRefusedError, match="sgx: key unknown"):
        verify(l1, registered, sign(l1, settlement=b"\x52" * 20))
    with pytest.raises(ProofRefusedError, match="sgx: key unknown"):
        verify(l1, registered, sign(l1), settlement=raw(l1.dev_accounts()[6]))


def test_another_signer_is_refused(l1: L1, registered: bytes) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: key unknown"):
        verify(l1, registered, sign(l1, keccak(b"another")))


def test_high_s_is_refused(l1: L1, registered: bytes) -> None:
    signature = sign(l1)
    s = claims.SECP256K1_ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    with pytest.raises(ProofRefusedError, match="sgx: high s"):
        verify(l1, registered, twin)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 255])
def test_another_v_is_refused(l1: L1, registered: bytes, v: int) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: signature"):
        verify(l1, registered, sign(l1)[:64] + bytes([v]))


def test_zero_is_no_signature(l1: L1, registered: bytes) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: signature"):
        verify(l1, registered, bytes(64) + b"\x1b")


@pytest.mark.parametrize("cut", [0, 64, 66])
def test_another_length_is_refused(l1: L1, registered: bytes, cut: int) -> None:
    with pytest.raises(ProofRefusedError, match="sgx: signature length"):
        verify(l1, registered, sign(l1).ljust(66, b"\x00")[:cut])


def test_the_contract_and_claims_agree_on_the_digest(l1: L1, registered: bytes) -> None:
    signature = sign(l1)
    digest = claims.vouch_digest(
        l1.chain_id,
        raw(l1.dev_accounts()[5]),
        domain=DOMAIN,
        claim=CLAIM,
        pre_state_root=claims.state_root([PRE]),
        post_state_root=claims.state_root([POST]),
        payee=PAYEE,
    )
    assert claims.recover_signer(digest, signature) == SIGNER
    assert verify(l1, registered, signature) == claims.VOUCH_ACCEPTED
