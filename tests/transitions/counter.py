"""The smallest transition that anything can happen in."""

import multiprover as mp


class Counter(mp.Transition):
    total: mp.Cell[mp.u64]

    @mp.from_l1()
    def add(self, amount: mp.u32) -> None:
        self.total += amount
