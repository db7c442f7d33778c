# `make demo` and `make test` do all the set-up that they need.
SHELL := /bin/sh
UV_VERSION := 0.13.9
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.venv
export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: help demo test bench lint format setup provers proto contracts toolchains clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: setup ## prove and settle real trades, then plant a lie
	uv run --no-sync multiprover demo

test: setup ## every test, of every language
	uv run --no-sync pytest -n auto --dist loadfile
	$(MAKE) -C provers/groth16 test
	cd native && cargo test --locked --quiet
	$(MAKE) -C provers/plonky2 test
	$(MAKE) -C provers/halo2 test
	$(MAKE) -C provers/stark test

bench: setup ## the figures, with each prover beside a hand-written circuit
	uv run --no-sync multiprover bench

lint: setup ## style and types
	uv run --no-sync ruff check .
	uv run --no-sync ruff format --check .
	uv run --no-sync mypy
	$(MAKE) -C provers/groth16 vet
	cd native && cargo fmt --check && cargo clippy --locked --quiet -- -D warnings
	$(MAKE) -C provers/plonky2 vet
	$(MAKE) -C provers/halo2 vet
	$(MAKE) -C provers/stark vet

format: setup ## let the formatters have their way
	uv run --no-sync ruff format .
	uv run --no-sync ruff check --fix .
	cd native && cargo fmt
	gofmt -w provers/groth16

proto: setup ## generate the code of proto/ again
	uv run --no-sync sh scripts/proto.sh
	$(MAKE) -C provers/groth16 generate

contracts: ## compile the contracts that are in Solidity again (needs Node, Rust)
	$(MAKE) -C provers/halo2 bin/l1
	provers/halo2/bin/l1 solidity > contracts/Halo2Shape.sol
	$(MAKE) -C provers/stark bin/l1 bin/constraints
	provers/stark/bin/l1 solidity > contracts/StarkShape.sol
	provers/stark/bin/constraints solidity > contracts/StarkProgram.sol
	npm ci --silent --prefix scripts/solidity
	node scripts/solidity/build.mjs contracts contracts/solidity.json

setup: toolchains .tools/bin/uv ## everything that the other targets need
	uv sync --frozen
	$(MAKE) -C provers/groth16
	$(MAKE) -C provers/plonky2
	$(MAKE) -C provers/halo2
	$(MAKE) -C provers/stark

toolchains:
	@sh scripts/toolchains.sh

.tools/bin/uv:
	@command -v uv >/dev/null && mkdir -p .tools/bin && ln -sf "$$(command -v uv)" .tools/bin/uv || \
	(python3 -m venv .tools && .tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION))

clean: ## remove what was built (not the proving keys)
	rm -rf .venv .tools native/target provers/groth16/bin
