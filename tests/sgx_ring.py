"""A transition that reads and writes several records of one map in a slot, next to a second map and cells."""

import multiprover as mp


class Box(mp.Record):
    key: mp.Key
    value: mp.i32
    count: mp.u8


class Ring(mp.Transition):
    boxes: mp.Map[mp.u4, Box]
    others: mp.Map[mp.u3, Box]
    total: mp.Cell[mp.i64]
    owner: mp.Cell[mp.Key]

    @mp.from_l1(operator_only=True)
    def own(self, key: mp.Key) -> None:
        self.owner = key

    @mp.from_l1()
    def put(self, box: mp.u4, value: mp.i32, key: mp.Key) -> None:
        target = self.boxes[box]
        target.value = value
        target.key = key
        self.total += value

    @mp.from_l1()
    def rotate(self, a: mp.u4, b: mp.u4, c: mp.u4) -> None:
        x, y, z = self.boxes[a], self.boxes[b], self.boxes[c]
        x.value, y.value, z.value = z.value, x.value, y.value
        y.count += 1

    @mp.from_l1()
    def peek(self, a: mp.u4, b: mp.u4, other: mp.u3) -> None:
        seen, target, aside = self.boxes[a], self.boxes[b], self.others[other]
        target.value = seen.value
        aside.value = aside.value - 1

    @mp.transaction
    def add(self, nonce: mp.u64, box: mp.u4, amount: mp.u32) -> None:
        mp.authorize(self.owner, nonce)
        mp.require(amount < 1000, "amount")
        self.boxes[box].value += amount
        self.total += amount
