"""What several test modules share."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "anvil"
START_S = 60


@pytest.fixture(scope="module")
def anvil() -> Iterator[str]:
    """The URL of a fresh node."""
    binary = FOLDER / "node_modules" / ".bin" / "anvil"
    with (FOLDER / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several workers may come at once
        if not binary.exists():
            # Not `npm ci`: it refuses a lock without the binaries of other platforms, which npm leaves out.
            install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
            subprocess.run(install, cwd=FOLDER, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [binary, "--hardfork", "osaka", "--enable-tx-gas-limit", "--port", str(port)]
    process = subprocess.Popen([*command, "--silent"])
    try:
        for _ in range(10 * START_S):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "anvil ended"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
