"""Arithmetic, comparison and choice, on values at the edges of their types."""

import multiprover as mp


class Register(mp.Record):
    key: mp.Key
    value: mp.i64
    small: mp.u8
    flag: mp.u1


class Calculator(mp.Transition):
    registers: mp.Map[mp.u3, Register]
    accumulator: mp.Cell[mp.i64]
    count: mp.Cell[mp.u4]

    @mp.from_l1()
    def set_key(self, register: mp.u3, key: mp.Key) -> None:
        self.registers[register].key = key

    @mp.transaction
    def combine(self, register: mp.u3, a: mp.i32, b: mp.i32, nonce: mp.u64) -> None:
        """Sum, difference and product, scaled by constants."""
        held = self.registers[register]
        mp.authorize(held.key, nonce)
        held.value = (a + b) * (a - b) - 3 * held.value + -a
        self.accumulator += a * b

    @mp.transaction
    def divide(self, register: mp.u3, a: mp.i64, b: mp.u32, nonce: mp.u64) -> None:
        """Floor division of either sign, and its remainder; by a constant too."""
        held = self.registers[register]
        mp.authorize(held.key, nonce)
        quotient, remainder = mp.divmod(a, mp.max(b, 1))
        held.value = quotient
        held.small = remainder % 200
        self.accumulator = a // 7 + (a - 1) % 7

    @mp.transaction
    def compare(self, register: mp.u3, a: mp.i64, b: mp.i64, nonce: mp.u64) -> None:
        """Every comparison, and the ways to put conditions together."""
        held = self.registers[register]
        mp.authorize(held.key, nonce)
        mp.require(mp.any_of(a != b, held.flag == 0), "equal while flagged")
        order = mp.select(a < b, -1, mp.select(a > b, 1, 0))
        held.small = 5 + order + 2 * mp.all_of(a <= b, b <= a, mp.negate(a != b)) + (a >= 0) + (b <= 0)
        held.flag = (a < 0) & (b > 0) | mp.any_of(a == 17, b == a + 1)
        held.value = mp.min(a, b) - mp.max(a, b) + mp.abs(b // 4)

    @mp.from_l1()
    def nudge(self, register: mp.u3, by: mp.i64) -> None:
        """Cannot be refused: it has no effect where something does not fit."""
        held = self.registers[register]
        held.value += by
        held.small = held.value // 2**56 + 128
        mp.require(by != 13, "unlucky")
        self.count += 1

    @mp.from_l1(operator_only=True)
    def clear(self, value: mp.u4) -> None:
        self.count = value
        self.accumulator = 0
