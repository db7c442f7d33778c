# pragma version 0.4.3
"""
@title A caller for tests that passes calls on: what it brings does not stand in its transaction's own calldata
"""


@external
def relay(to: address, data: Bytes[32768]):
    raw_call(to, data)
