#!/bin/sh
# Play scenarios on anvil, a node of its own, under Osaka's rules and its cap on a transaction's gas:
#
#     sh scripts/anvil.sh [SCENARIO...]
#
# Without names, all that can be played here; those with plonky2 take minutes. Each gets a new chain. Ends with status 1 if one did not go as
# it must.
set -eu
cd "$(dirname "$0")/.."
PORT=${PORT:-8549}
[ -x tests/anvil/node_modules/.bin/anvil ] ||
    npm --prefix tests/anvil install --ignore-scripts --no-audit --no-fund --no-save --silent
PATH="$PWD/.venv/bin:$PATH"
names=${*:-$(multiprover scenario --list --json |
    python -c 'import json, sys; print(*(s["name"] for s in json.load(sys.stdin)["scenarios"] if not s["missing"]))')}
failed=0
for name in $names; do
    tests/anvil/node_modules/.bin/anvil --hardfork osaka --enable-tx-gas-limit --port "$PORT" --silent &
    node=$!
    trap 'kill "$node" 2>/dev/null || true' EXIT
    until python -c "import socket; socket.create_connection(('127.0.0.1', $PORT))" 2>/dev/null; do sleep 0.2; done
    multiprover scenario "$name" --l1 "http://127.0.0.1:$PORT" --json || failed=1
    kill "$node"
    wait "$node" 2>/dev/null || true
done
exit "$failed"
