"""The state's tree on L1, by the suites' vectors."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pyrevm
import pytest
from bridge_support import TREES
from eth_abi.abi import decode
from web3 import Web3

from multiprover.settlement.contracts import EVM_VERSION, artifact
from multiprover.suites import TypedInt, get

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
SUITES = ("bn254", "goldilocks", "koalabear")
DEPTH_GAS = {"bn254": 600_000, "goldilocks": 1_500_000, "koalabear": 700_000}


class Tree:
    """A tree's contract on revm: py-evm takes seconds for a path."""

    def __init__(self, suite: str) -> None:
        self._evm = pyrevm.EVM(spec_id=EVM_VERSION.upper())
        compiled = artifact(TREES[suite])
        self._address = self._evm.deploy("0x" + "11" * 20, compiled.bytecode)
        self._contract = Web3().eth.contract(abi=compiled.abi)

    def __call__(self, function: str, *args: Any) -> bytes:
        data = bytes.fromhex(self._contract.encode_abi(function, args=list(args))[2:])
        return bytes(self._evm.message_call(caller="0x" + "11" * 20, to=self._address, calldata=data))

    def reason(self, function: str, *args: Any) -> str:
        """Why it refuses."""
        with pytest.raises(RuntimeError) as error:
            self(function, *args)
        found = str(error.value)
        data = bytes.fromhex(found[found.index("0x08c379a0") + 10 :].split(maxsplit=1)[0].strip('",.)}'))
        return str(decode(["string"], data)[0])

    @property
    def gas_used(self) -> int:
        """Of the last call, without the transaction's own."""
        return int(self._evm.result.gas_used)


@cache
def tree(suite: str) -> Tree:
    return Tree(suite)


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def integers(listed: list[dict[str, Any]]) -> tuple[list[int], int]:
    values = [v["encoded"] if isinstance(v["encoded"], int) else int(v["encoded"], 16) for v in listed]
    return values, sum(1 << i for i, v in enumerate(listed) if v["words"] == 2)


def vectors(suite: str, operation: str) -> list[dict[str, Any]]:
    data = json.loads((VECTORS / f"{suite}_suite.json").read_text(encoding="utf-8"))
    found = [v for v in data["vectors"] if v["operation"] == operation]
    assert found
    return found


@pytest.mark.parametrize("suite", SUITES)
def test_leaves(suite: str) -> None:
    for v in vectors(suite, "leaf"):
        ints, wide = integers(v["inputs"]["ints"])
        keys = [raw(k) for k in v["inputs"]["keys"]]
        found = tree(suite)("leaf_root", v["inputs"]["map_index"], ints, wide, keys, 0, [])
        assert found == raw(v["outputs"]["digest"]), v["name"]


@pytest.mark.parametrize("suite", SUITES)
def test_state_roots(suite: str) -> None:
    for v in vectors(suite, "state_root"):
        ints, wide = integers(v["inputs"]["cells"])
        keys, maps = ([raw(x) for x in v["inputs"][name]] for name in ("key_cells", "map_roots"))
        found = tree(suite)("state_root", ints, wide, keys, maps)
        assert found == raw(v["outputs"]["root"]), v["name"]


@pytest.mark.parametrize("suite", SUITES)
def test_paths(suite: str) -> None:
    """Each side of each level, against the suite in the process."""
    native = get(suite)
    leaf = native.leaf(3, [TypedInt(1, 1), TypedInt(2, 2)], [b"\7" * 32])
    siblings = [native.leaf(0, [TypedInt(i, 1)], []) for i in range(20)]
    for index in (0, 1, 0b1010_1100_0111_0100_1011, 2**20 - 1):
        node = leaf
        for level, sibling in enumerate(siblings):
            left, right = (sibling, node) if index >> level & 1 else (node, sibling)
            node = native.node(left, right)
        found = tree(suite)("leaf_root", 3, [1, 2], 2, [b"\7" * 32], index, siblings)
        assert found == node
        assert tree(suite).gas_used < DEPTH_GAS[suite]


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    ("reason", "index", "siblings", "ints"),
    [
        ("tree: index", 1, 0, (1, 2)),
        ("tree: index", 4, 2, (1, 2)),
        ("tree: integer", 0, 0, (2**32, 2)),
        ("tree: integer", 0, 0, (1, 2**64)),
        ("tree: widths", 0, 0, (1,)),
        ("tree: digest", 0, -1, (1, 2)),
    ],
)
def test_refusals(suite: str, reason: str, index: int, siblings: int, ints: tuple[int, ...]) -> None:
    path = [b"\xff" * 32] if siblings < 0 else [bytes(32)] * siblings
    assert tree(suite).reason("leaf_root", 3, list(ints), 2, [], index, path) == reason


@pytest.mark.parametrize(("suite", "size", "modulus"), [
    ("goldilocks", 8, 2**64 - 2**32 + 1),
    ("koalabear", 4, 2**31 - 2**24 + 1),
])  # fmt: skip
def test_the_border_of_each_element(suite: str, size: int, modulus: int) -> None:
    """Of a sibling and of a map's root; a key's elements are reduced."""
    native, leaf = get(suite), get(suite).leaf(0, [], [])
    for place in range(32 // size):
        elements = [modulus - 1] * (32 // size)
        greatest = b"".join(value.to_bytes(size, "big") for value in elements)
        elements[place] = modulus
        over = b"".join(value.to_bytes(size, "big") for value in elements)
        assert tree(suite)("leaf_root", 0, [], 0, [], 1, [greatest]) == native.node(greatest, leaf)
        assert tree(suite)("state_root", [], 0, [], [greatest]) == native.state_root([], [], [greatest])
        assert tree(suite).reason("leaf_root", 0, [], 0, [], 1, [over]) == "tree: digest"
        assert tree(suite).reason("state_root", [], 0, [], [over]) == "tree: digest"
        for key in (over, b"\xff" * 32):
            assert tree(suite)("leaf_root", 0, [], 0, [key], 0, []) == native.leaf(0, [], [key])


def test_a_map_index_that_koalabear_has_no_place_for() -> None:
    last = tree("koalabear")("leaf_root", 2**26 - 1, [1], 0, [], 0, [])
    assert last == get("koalabear").leaf(2**26 - 1, [TypedInt(1, 1)], [])
    assert tree("koalabear").reason("leaf_root", 2**26, [1], 0, [], 0, []) == "tree: index"


def test_nodes_of_koalabear_on_any_digests() -> None:
    """Its permutation goes by packed sums: the greatest and drawn elements."""
    native, modulus = get("koalabear"), 2**31 - 2**24 + 1
    state = b"".join((modulus - 1).to_bytes(4, "big") for _ in range(8))
    for _ in range(60):
        leaf, sibling = native.leaf(0, [], [state]), native.node(state, state)
        assert tree("koalabear")("leaf_root", 0, [], 0, [state], 1, [sibling]) == native.node(sibling, leaf)
        state = native.node(sibling, leaf)
