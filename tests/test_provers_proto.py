"""The generated protobuf code is what scripts/proto.sh makes of proto/ today."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def generated(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for pattern in ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")
        for path in directory.rglob(pattern)
    }


def test_regenerating_gives_the_committed_files(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([ROOT / "scripts/proto.sh", tmp_path], check=True, env=environment)
    fresh = generated(tmp_path)
    assert len(fresh) == 6
    assert generated(ROOT / "src") == fresh
