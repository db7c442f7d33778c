"""Two maps, nested records and arrays, dynamic indices, record cells, several messages."""

from typing import Literal

import multiprover as mp


class Bin(mp.Record):
    amount: mp.u16
    delta: mp.i16


class Shelf(mp.Record):
    open: mp.u1
    bins: mp.Array[Bin, Literal[3]]
    marks: mp.Array[mp.u8, Literal[4]]


class Owner(mp.Record):
    key: mp.Key
    nonce: mp.u32
    shelf: Bin


class Limits(mp.Record):
    top: mp.u16
    floor: mp.Array[mp.i8, Literal[2]]


class Moved(mp.Message):
    shelves: mp.Array[mp.u4, Literal[2]]
    amount: mp.u16


class Shipped(mp.Message):
    to: mp.Address
    amount: mp.u33
    signed: mp.i40


class Warehouse(mp.Transition):
    owners: mp.Map[mp.u2, Owner]
    shelves: mp.Map[mp.u4, Shelf]
    limits: mp.Cell[Limits]
    moves: mp.Cell[mp.u64]
    keeper: mp.Cell[mp.Key]

    @mp.transaction
    def move(
        self, owner: mp.u2, pair: mp.Array[mp.u4, Literal[2]], where: Bin, slot: mp.u2, nonce: mp.u32
    ) -> None:
        """Three accesses of two maps; a bin chosen by a value in one shelf, by position in the other."""
        source, target = self.shelves[pair[0]], self.shelves[pair[1]]
        holder = self.owners[owner]
        mp.authorize(holder.key, nonce)
        mp.require(nonce <= 2**31, "nonce")
        holder.nonce += 1
        chosen = mp.min(slot, 2)
        source.bins[chosen].amount -= where.amount
        source.bins[chosen].delta = where.delta
        source.marks[slot] = where.amount % 256
        target.bins[2].amount += where.amount
        target.marks[1] += source.marks[3]
        mp.require(target.bins[2].amount <= self.limits.top, "full")
        self.moves += where.amount
        mp.emit(Moved(shelves=pair, amount=where.amount))
        mp.emit(Moved(shelves=[pair[1], pair[0]], amount=source.bins[0].amount))

    @mp.transaction
    def ship(self, shelf: mp.u4, to: mp.Address, amount: mp.u32, nonce: mp.u32) -> None:
        """Signed with a key of a cell; a message of other width."""
        mp.authorize(self.keeper, nonce)
        held = self.shelves[shelf]
        total = 0
        for part in held.bins:
            total += part.amount
            part.amount = 0
        mp.require(held.open == 1, "closed")
        mp.emit(Shipped(to=to, amount=total + amount, signed=self.limits.floor[0] * amount))

    @mp.transaction
    def peek(self, owner: mp.u2, shelf: mp.u4, nonce: mp.u32) -> None:
        """Reads a shelf, writes nothing of it."""
        seen = self.shelves[shelf]
        holder = self.owners[owner]
        mp.authorize(holder.key, nonce)
        mp.require(holder.nonce == nonce, "nonce")
        holder.nonce += 1
        holder.shelf.amount = seen.bins[1].amount
        holder.shelf.delta = -seen.bins[1].delta

    @mp.from_l1()
    def join(self, owner: mp.u2, key: mp.Key, shelf: mp.u4) -> None:
        """Writes a key, and fills a shelf."""
        holder = self.owners[owner]
        mp.require(holder.nonce == 0, "joined and used")
        holder.key = key
        self.shelves[shelf].open = 1

    @mp.from_l1(value="amount")
    def fill(self, first: mp.u4, second: mp.u4, slot: mp.u1, amount: mp.u64) -> None:
        """Two shelves that may be one: then it has no effect."""
        one, other = self.shelves[first], self.shelves[second]
        one.bins[slot].amount += amount
        other.bins[slot].amount += amount // 2
        mp.emit(Moved(shelves=[first, second], amount=amount))

    @mp.from_l1(operator_only=True)
    def govern(self, limits: Limits, keeper: mp.Key, side: mp.u1) -> None:
        """Record cells by field, by position and by a value."""
        self.limits.top = limits.top
        self.limits.floor[side] = limits.floor[0]
        self.keeper = keeper
