#!/bin/sh
# Names each toolchain that is missing or too old, and what to do.
set -u
missing=0

need() { # name, version found or empty, version needed, what to do
    if [ -z "$2" ]; then
        echo "missing: $1 $3 or newer. $4" >&2
        missing=1
    elif [ "$(printf '%s\n%s\n' "$3" "$2" | sort -V | head -n 1)" != "$3" ]; then
        echo "too old: $1 is $2, $3 or newer is needed. $4" >&2
        missing=1
    fi
}

python=$(python3 -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
rust=$(cargo --version 2>/dev/null | sed 's/^cargo \([0-9.]*\).*/\1/')
go=$(go env GOVERSION 2>/dev/null | sed 's/^go//')

need Python "$python" 3.11 "Install python3 and python3-venv with your system's package manager."
need Rust "$rust" 1.85 "Install it with rustup: rustup.rs."
need Go "$go" 1.25.7 "Install it from go.dev/dl."
[ "$missing" = 0 ] || { echo "Then run make again." >&2; exit 1; }
