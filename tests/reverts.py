"""What a bare EVM says of a reverted call."""

from __future__ import annotations

from eth_abi.abi import decode


def reason_of(error: RuntimeError) -> str:
    """The reason of a revert with ``Error(string)``; any other failure fails."""
    text = str(error)
    output = bytes.fromhex(text.partition("output: 0x")[2].partition(" ")[0])
    assert output[:4] == bytes.fromhex("08c379a0"), text
    return str(decode(["string"], output[4:])[0])
