# `make demo` shows that it works, `make test` that it is right. Both use the same build.

CARGO ?= cargo
# Cargo.lock decides the versions; a build never changes it.
LOCKED := --locked
BENCHES := $(wildcard */benches/*.rs)

# Seeds of each scenario for `make sim`; `make test` takes 20.
SEEDS ?= 200

# Kills for `make torture`; `make test` takes 10.
KILLS ?= 200

.PHONY: help demo test format lint doc no-network sim torture bench fix prerequisites

help:
	@echo 'make demo     build, then play the tour: a network of real nodes on this machine, checked step by step'
	@echo 'make test     everything that must hold: formatting, lints, documentation, all tests'
	@echo 'make sim      the simulated network with many more seeds (SEEDS=200)'
	@echo 'make torture  kill -9 of resyncs of real nodes, many times (KILLS=200)'
	@echo 'make bench    benchmarks in the release profile'
	@echo 'make fix      format the sources and apply what the lints can mend by themselves'

demo: prerequisites
	$(CARGO) run $(LOCKED) --package node-template -- localnet --tour

# The tests with real processes mostly wait for slots: more of them at once than there are cores.
test: prerequisites format lint doc no-network
	RUST_TEST_THREADS=6 $(CARGO) test $(LOCKED) --workspace

format:
	$(CARGO) fmt --all -- --check

lint: prerequisites
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings

doc: prerequisites
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc $(LOCKED) --workspace --no-deps

# The plug-in must be usable with somebody else's networking: without `net` it names no libp2p.
no-network:
	$(CARGO) clippy $(LOCKED) --package sync-component --no-default-features -- -D warnings
	@tree=$$($(CARGO) tree $(LOCKED) --edges normal --package sync-component --no-default-features --prefix none) || exit 1; \
	if echo "$$tree" | grep '^libp2p'; then \
		echo 'error: sync-component without `net` depends on libp2p; move the dependency behind the feature' >&2; \
		exit 1; \
	fi

sim: prerequisites
	SIM_SEEDS=$(SEEDS) $(CARGO) test $(LOCKED) --workspace --test scenarios --test sim

torture: prerequisites
	KILLS=$(KILLS) $(CARGO) test $(LOCKED) --workspace --test processes -- --nocapture torture:: kill_loop::

ifeq ($(BENCHES),)
bench:
	@echo 'There are no benchmarks in this version; nothing was run.'
else
bench: prerequisites
	$(CARGO) bench $(LOCKED) --workspace --benches
endif

fix: prerequisites
	$(CARGO) clippy $(LOCKED) --workspace --all-targets --fix --allow-dirty --allow-staged
	$(CARGO) fmt --all

prerequisites:
	@bash .ci/prerequisites
