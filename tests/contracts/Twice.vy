# pragma version 0.4.3
"""
@title For tests: makes a call twice in one transaction, with half of the coin each
"""


@external
@payable
def twice(target: address, data: Bytes[16384]):
    raw_call(target, data, value=msg.value // 2)
    raw_call(target, data, value=msg.value // 2)


@external
@payable
def __default__():
    pass
