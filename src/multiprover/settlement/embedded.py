"""An L1 in this process: py-evm with Prague's rules behind a web3 provider, one block a transaction."""

from __future__ import annotations

import threading
from typing import Any, Final, cast

import pyrevm
from eth.abc import ComputationAPI
from eth.exceptions import VMError
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState
from eth_tester import EthereumTester, PyEVMBackend  # type: ignore[import-untyped]
from web3.providers.eth_tester import EthereumTesterProvider
from web3.types import RPCEndpoint, RPCResponse

_ECADD, _ECMUL, _ECPAIRING = 6, 7, 8
_ZERO_ADDRESS: Final = "0x" + "00" * 20


def _gas(precompile: int, size: int) -> int:
    """Gas of a BN254 precompile on ``size`` bytes (EIP-1108)."""
    if precompile == _ECPAIRING:
        return 45_000 + 34_000 * (size // 192)
    return 150 if precompile == _ECADD else 6_000


def _native(precompile: int) -> Any:
    """A BN254 precompile run by revm: py-evm's own takes seconds for one pairing check."""

    def run(computation: ComputationAPI) -> ComputationAPI:
        data = bytes(computation.msg.data)
        computation.consume_gas(_gas(precompile, len(data)), reason=f"BN254 precompile {precompile}")
        try:
            # One machine a call: pyrevm's may not move between threads.
            computation.output = bytes(
                pyrevm.EVM(spec_id="PRAGUE").message_call(
                    caller=_ZERO_ADDRESS, to=f"0x{precompile:040x}", calldata=data
                )
            )
        except RuntimeError as error:
            raise VMError(f"BN254 precompile {precompile}: {error}") from error
        return computation

    return run


class _Computation(PragueComputation):
    _precompiles = {  # noqa: RUF012
        **PragueComputation.get_precompiles(),
        **{n.to_bytes(20, "big"): _native(n) for n in (_ECADD, _ECMUL, _ECPAIRING)},
    }


class _State(PragueState):
    computation_class = _Computation


class _VM(PragueVM):
    _state_class = _State


class EmbeddedProvider(EthereumTesterProvider):
    """The provider of an L1 in this process. Calls may come from any thread; they run one at a time."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        backend = PyEVMBackend(vm_configuration=((0, _VM),))
        self.keys: tuple[bytes, ...] = tuple(key.to_bytes() for key in backend.account_keys)
        """Private keys of accounts with 1,000,000 ETH each."""
        super().__init__(EthereumTester(backend))

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        with self._lock:
            return super().make_request(method, params)

    def time_travel(self, timestamp: int) -> None:
        """Mine a block at ``timestamp`` (Unix seconds, later than the last block's)."""
        with self._lock:
            # eth-tester mines one second before the time that it is given.
            cast(EthereumTester, self.ethereum_tester).time_travel(timestamp + 1)

    def snapshot(self) -> object:
        """Remember the chain as it is."""
        with self._lock:
            return cast(EthereumTester, self.ethereum_tester).take_snapshot()

    def revert(self, snapshot: object) -> None:
        """Make the chain forget what it did since a snapshot."""
        with self._lock:
            cast(EthereumTester, self.ethereum_tester).revert_to_snapshot(snapshot)
