"""The integer types by name: ``u1`` … ``u64`` and ``i2`` … ``i64``.

To a type checker each is ``int``. The list is spelled out because a type checker does not run loops.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from multiprover.lang.types import Array, signed, unsigned

__all__ = [
    "Address",
    "address",
    "i2",
    "i3",
    "i4",
    "i5",
    "i6",
    "i7",
    "i8",
    "i9",
    "i10",
    "i11",
    "i12",
    "i13",
    "i14",
    "i15",
    "i16",
    "i17",
    "i18",
    "i19",
    "i20",
    "i21",
    "i22",
    "i23",
    "i24",
    "i25",
    "i26",
    "i27",
    "i28",
    "i29",
    "i30",
    "i31",
    "i32",
    "i33",
    "i34",
    "i35",
    "i36",
    "i37",
    "i38",
    "i39",
    "i40",
    "i41",
    "i42",
    "i43",
    "i44",
    "i45",
    "i46",
    "i47",
    "i48",
    "i49",
    "i50",
    "i51",
    "i52",
    "i53",
    "i54",
    "i55",
    "i56",
    "i57",
    "i58",
    "i59",
    "i60",
    "i61",
    "i62",
    "i63",
    "i64",
    "u1",
    "u2",
    "u3",
    "u4",
    "u5",
    "u6",
    "u7",
    "u8",
    "u9",
    "u10",
    "u11",
    "u12",
    "u13",
    "u14",
    "u15",
    "u16",
    "u17",
    "u18",
    "u19",
    "u20",
    "u21",
    "u22",
    "u23",
    "u24",
    "u25",
    "u26",
    "u27",
    "u28",
    "u29",
    "u30",
    "u31",
    "u32",
    "u33",
    "u34",
    "u35",
    "u36",
    "u37",
    "u38",
    "u39",
    "u40",
    "u41",
    "u42",
    "u43",
    "u44",
    "u45",
    "u46",
    "u47",
    "u48",
    "u49",
    "u50",
    "u51",
    "u52",
    "u53",
    "u54",
    "u55",
    "u56",
    "u57",
    "u58",
    "u59",
    "u60",
    "u61",
    "u62",
    "u63",
    "u64",
]

u1: TypeAlias = Annotated[int, unsigned(1)]
u2: TypeAlias = Annotated[int, unsigned(2)]
u3: TypeAlias = Annotated[int, unsigned(3)]
u4: TypeAlias = Annotated[int, unsigned(4)]
u5: TypeAlias = Annotated[int, unsigned(5)]
u6: TypeAlias = Annotated[int, unsigned(6)]
u7: TypeAlias = Annotated[int, unsigned(7)]
u8: TypeAlias = Annotated[int, unsigned(8)]
u9: TypeAlias = Annotated[int, unsigned(9)]
u10: TypeAlias = Annotated[int, unsigned(10)]
u11: TypeAlias = Annotated[int, unsigned(11)]
u12: TypeAlias = Annotated[int, unsigned(12)]
u13: TypeAlias = Annotated[int, unsigned(13)]
u14: TypeAlias = Annotated[int, unsigned(14)]
u15: TypeAlias = Annotated[int, unsigned(15)]
u16: TypeAlias = Annotated[int, unsigned(16)]
u17: TypeAlias = Annotated[int, unsigned(17)]
u18: TypeAlias = Annotated[int, unsigned(18)]
u19: TypeAlias = Annotated[int, unsigned(19)]
u20: TypeAlias = Annotated[int, unsigned(20)]
u21: TypeAlias = Annotated[int, unsigned(21)]
u22: TypeAlias = Annotated[int, unsigned(22)]
u23: TypeAlias = Annotated[int, unsigned(23)]
u24: TypeAlias = Annotated[int, unsigned(24)]
u25: TypeAlias = Annotated[int, unsigned(25)]
u26: TypeAlias = Annotated[int, unsigned(26)]
u27: TypeAlias = Annotated[int, unsigned(27)]
u28: TypeAlias = Annotated[int, unsigned(28)]
u29: TypeAlias = Annotated[int, unsigned(29)]
u30: TypeAlias = Annotated[int, unsigned(30)]
u31: TypeAlias = Annotated[int, unsigned(31)]
u32: TypeAlias = Annotated[int, unsigned(32)]
u33: TypeAlias = Annotated[int, unsigned(33)]
u34: TypeAlias = Annotated[int, unsigned(34)]
u35: TypeAlias = Annotated[int, unsigned(35)]
u36: TypeAlias = Annotated[int, unsigned(36)]
u37: TypeAlias = Annotated[int, unsigned(37)]
u38: TypeAlias = Annotated[int, unsigned(38)]
u39: TypeAlias = Annotated[int, unsigned(39)]
u40: TypeAlias = Annotated[int, unsigned(40)]
u41: TypeAlias = Annotated[int, unsigned(41)]
u42: TypeAlias = Annotated[int, unsigned(42)]
u43: TypeAlias = Annotated[int, unsigned(43)]
u44: TypeAlias = Annotated[int, unsigned(44)]
u45: TypeAlias = Annotated[int, unsigned(45)]
u46: TypeAlias = Annotated[int, unsigned(46)]
u47: TypeAlias = Annotated[int, unsigned(47)]
u48: TypeAlias = Annotated[int, unsigned(48)]
u49: TypeAlias = Annotated[int, unsigned(49)]
u50: TypeAlias = Annotated[int, unsigned(50)]
u51: TypeAlias = Annotated[int, unsigned(51)]
u52: TypeAlias = Annotated[int, unsigned(52)]
u53: TypeAlias = Annotated[int, unsigned(53)]
u54: TypeAlias = Annotated[int, unsigned(54)]
u55: TypeAlias = Annotated[int, unsigned(55)]
u56: TypeAlias = Annotated[int, unsigned(56)]
u57: TypeAlias = Annotated[int, unsigned(57)]
u58: TypeAlias = Annotated[int, unsigned(58)]
u59: TypeAlias = Annotated[int, unsigned(59)]
u60: TypeAlias = Annotated[int, unsigned(60)]
u61: TypeAlias = Annotated[int, unsigned(61)]
u62: TypeAlias = Annotated[int, unsigned(62)]
u63: TypeAlias = Annotated[int, unsigned(63)]
u64: TypeAlias = Annotated[int, unsigned(64)]

i2: TypeAlias = Annotated[int, signed(2)]
i3: TypeAlias = Annotated[int, signed(3)]
i4: TypeAlias = Annotated[int, signed(4)]
i5: TypeAlias = Annotated[int, signed(5)]
i6: TypeAlias = Annotated[int, signed(6)]
i7: TypeAlias = Annotated[int, signed(7)]
i8: TypeAlias = Annotated[int, signed(8)]
i9: TypeAlias = Annotated[int, signed(9)]
i10: TypeAlias = Annotated[int, signed(10)]
i11: TypeAlias = Annotated[int, signed(11)]
i12: TypeAlias = Annotated[int, signed(12)]
i13: TypeAlias = Annotated[int, signed(13)]
i14: TypeAlias = Annotated[int, signed(14)]
i15: TypeAlias = Annotated[int, signed(15)]
i16: TypeAlias = Annotated[int, signed(16)]
i17: TypeAlias = Annotated[int, signed(17)]
i18: TypeAlias = Annotated[int, signed(18)]
i19: TypeAlias = Annotated[int, signed(19)]
i20: TypeAlias = Annotated[int, signed(20)]
i21: TypeAlias = Annotated[int, signed(21)]
i22: TypeAlias = Annotated[int, signed(22)]
i23: TypeAlias = Annotated[int, signed(23)]
i24: TypeAlias = Annotated[int, signed(24)]
i25: TypeAlias = Annotated[int, signed(25)]
i26: TypeAlias = Annotated[int, signed(26)]
i27: TypeAlias = Annotated[int, signed(27)]
i28: TypeAlias = Annotated[int, signed(28)]
i29: TypeAlias = Annotated[int, signed(29)]
i30: TypeAlias = Annotated[int, signed(30)]
i31: TypeAlias = Annotated[int, signed(31)]
i32: TypeAlias = Annotated[int, signed(32)]
i33: TypeAlias = Annotated[int, signed(33)]
i34: TypeAlias = Annotated[int, signed(34)]
i35: TypeAlias = Annotated[int, signed(35)]
i36: TypeAlias = Annotated[int, signed(36)]
i37: TypeAlias = Annotated[int, signed(37)]
i38: TypeAlias = Annotated[int, signed(38)]
i39: TypeAlias = Annotated[int, signed(39)]
i40: TypeAlias = Annotated[int, signed(40)]
i41: TypeAlias = Annotated[int, signed(41)]
i42: TypeAlias = Annotated[int, signed(42)]
i43: TypeAlias = Annotated[int, signed(43)]
i44: TypeAlias = Annotated[int, signed(44)]
i45: TypeAlias = Annotated[int, signed(45)]
i46: TypeAlias = Annotated[int, signed(46)]
i47: TypeAlias = Annotated[int, signed(47)]
i48: TypeAlias = Annotated[int, signed(48)]
i49: TypeAlias = Annotated[int, signed(49)]
i50: TypeAlias = Annotated[int, signed(50)]
i51: TypeAlias = Annotated[int, signed(51)]
i52: TypeAlias = Annotated[int, signed(52)]
i53: TypeAlias = Annotated[int, signed(53)]
i54: TypeAlias = Annotated[int, signed(54)]
i55: TypeAlias = Annotated[int, signed(55)]
i56: TypeAlias = Annotated[int, signed(56)]
i57: TypeAlias = Annotated[int, signed(57)]
i58: TypeAlias = Annotated[int, signed(58)]
i59: TypeAlias = Annotated[int, signed(59)]
i60: TypeAlias = Annotated[int, signed(60)]
i61: TypeAlias = Annotated[int, signed(61)]
i62: TypeAlias = Annotated[int, signed(62)]
i63: TypeAlias = Annotated[int, signed(63)]
i64: TypeAlias = Annotated[int, signed(64)]

Address: TypeAlias = Array[u32, Literal[5]]
"""An L1 address: five 32-bit words, the most significant first."""


def address(text: str) -> list[int]:
    """The five words of a 0x-prefixed 20-byte address.

    Raises:
        ValueError: it is not 20 bytes of hex.
    """
    raw = bytes.fromhex(text.removeprefix("0x"))
    if len(raw) != 20:
        raise ValueError(f"an address has 20 bytes, got {len(raw)}")
    return [int.from_bytes(raw[i : i + 4], "big") for i in range(0, 20, 4)]
