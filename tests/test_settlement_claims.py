"""The pure functions of settlement, against independent encoders (eth-abi, eth-account's EIP-712)."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from multiprover.settlement import claims

SETTLEMENT = bytes(range(20))
PROGRAM = bytes(range(32))
CLAIM, PRE, POST, DOMAIN = (bytes([i]) * 32 for i in (1, 2, 3, 4))
PAYEE = b"\x44" * 20
KEY = keccak(b"enclave key")


def digest(**changed: bytes) -> bytes:
    fields = {
        "domain": DOMAIN,
        "claim": CLAIM,
        "pre_state_root": PRE,
        "post_state_root": POST,
        "payee": PAYEE,
    } | changed
    return claims.vouch_digest(31337, SETTLEMENT, **fields)


def test_domain_is_the_abi_encoding_of_the_page() -> None:
    expected = keccak(
        encode(
            ["bytes32", "uint256", "address", "bytes32"],
            [keccak(b"multiprover/v1"), 31337, SETTLEMENT, PROGRAM],
        )
    )
    assert claims.domain(31337, SETTLEMENT, PROGRAM) == expected


def test_genesis_claim_is_the_abi_encoding_of_the_page() -> None:
    domain = claims.domain(1, SETTLEMENT, PROGRAM)
    root = claims.state_root([PRE, POST])
    assert root == keccak(PRE + POST)
    assert claims.genesis_claim(domain, root) == keccak(encode(["bytes32", "bytes32"], [domain, root]))


def test_claim_id_chains_the_journal_hash() -> None:
    assert claims.claim_id(CLAIM, b"\x00\x00\x00\x01") == keccak(CLAIM + keccak(b"\x00\x00\x00\x01"))


def test_vouch_digest_is_eip712() -> None:
    message = encode_typed_data(
        full_message={
            "domain": {
                "name": "multiprover",
                "version": "1",
                "chainId": 31337,
                "verifyingContract": "0x" + SETTLEMENT.hex(),
            },
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "Vouch": [
                    {"name": "domain", "type": "bytes32"},
                    {"name": "claim", "type": "bytes32"},
                    {"name": "preStateRoot", "type": "bytes32"},
                    {"name": "postStateRoot", "type": "bytes32"},
                    {"name": "payee", "type": "address"},
                ],
            },
            "primaryType": "Vouch",
            "message": {
                "domain": DOMAIN,
                "claim": CLAIM,
                "preStateRoot": PRE,
                "postStateRoot": POST,
                "payee": "0x" + PAYEE.hex(),
            },
        }
    )
    signed = Account.from_key(KEY).sign_message(message)
    assert signed.message_hash == digest()
    assert claims.sign_vouch(KEY, digest()) == bytes(signed.signature)


def test_signer_is_recovered() -> None:
    signature = claims.sign_vouch(KEY, digest())
    assert claims.recover_signer(digest(), signature) == claims.signer_address(KEY)
    assert claims.signer_address(KEY).hex() == Account.from_key(KEY).address[2:].lower()


@pytest.mark.parametrize("field", ["domain", "claim", "pre_state_root", "post_state_root", "payee"])
def test_a_changed_field_recovers_another_signer(field: str) -> None:
    signature = claims.sign_vouch(KEY, digest())
    other = digest(**{field: b"\x99" * (20 if field == "payee" else 32)})
    assert claims.recover_signer(other, signature) != claims.signer_address(KEY)


def test_high_s_is_refused() -> None:
    signature = claims.sign_vouch(KEY, digest())
    s = claims.SECP256K1_ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    with pytest.raises(claims.VouchSignatureError, match="high s"):
        claims.recover_signer(digest(), twin)


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (b"", "expected 65 bytes, got 0"),
        (b"\x01" * 64, "expected 65 bytes, got 64"),
        (b"\x01" * 64 + b"\x00", "expected v of 27 or 28, got 0"),
        (bytes(64) + b"\x1b", "no key recovers"),
    ],
)
def test_malformed_signatures_are_refused(signature: bytes, reason: str) -> None:
    with pytest.raises(claims.VouchSignatureError, match=reason):
        claims.recover_signer(digest(), signature)


def test_shapes_are_checked() -> None:
    with pytest.raises(claims.ClaimError, match="settlement address: expected 20 bytes, got 32"):
        claims.domain(1, PROGRAM, PROGRAM)
    with pytest.raises(claims.ClaimError, match="multiple of 4 bytes, got 3"):
        claims.claim_id(CLAIM, b"abc")
    with pytest.raises(claims.ClaimError, match="root 1: expected 32 bytes, got 31"):
        claims.state_root([PRE, POST[1:]])
    with pytest.raises(claims.ClaimError, match="got none"):
        claims.state_root([])
    with pytest.raises(claims.ClaimError, match="chain id"):
        claims.domain(-1, SETTLEMENT, PROGRAM)
