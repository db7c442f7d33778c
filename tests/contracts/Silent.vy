# pragma version 0.4.3
"""
@title An adapter for tests that takes every call and answers nothing
"""


@external
@payable
def __default__():
    pass
