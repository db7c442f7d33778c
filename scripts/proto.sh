#!/bin/sh
# Generates the Python messages, stubs and gRPC code of proto/ into src/ (or into the directory given).
# Run with the project's environment: `uv run scripts/proto.sh`.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/src}
cd "$root/proto"
python -m grpc_tools.protoc --proto_path=. \
    --python_out="$out" --mypy_out="quiet:$out" \
    multiprover/program/v1/program.proto multiprover/prover/v1/prover.proto
python -m grpc_tools.protoc --proto_path=. \
    --grpc_python_out="$out" --mypy_grpc_out="quiet:$out" \
    multiprover/prover/v1/prover.proto
