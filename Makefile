# `make` says what there is.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help

# Debian keeps servers where an ordinary user's shell does not look.
export PATH := $(PATH):/usr/sbin:/sbin
CACHE := $(or $(CROSSFADE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/crossfade)
TOOLS := $(CACHE)/tools/bin
CARGO ?= cargo

# $(call say,TEXT): what is being done now.
say = printf '\n== %s\n' "$(1)"

.PHONY: help demo test bench sim seed fmt setup checks fmt-check lint unit adapters controlplane cluster whole deny mutants machete

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## the main job, live, in about two minutes; KEEP=1 leaves it running, ARGS=--unguarded takes the guard away, ARGS="--surge fits|nothing|all-back" plays only a surge that does not fit
	@$(call say,the test cluster's control plane (built once per machine))
	tests/controlplane/build demo >/dev/null
	$(call say,the operator and the stage)
	$(CARGO) build --locked --bin crossfade --bin kubectl-crossfade --example demo
	exec target/debug/examples/demo $(if $(KEEP),--keep) $(ARGS)

test: checks fmt-check lint unit sim adapters deny machete controlplane cluster whole ## everything that must hold, from a fresh machine on
	@$(call say,all green)

bench: setup ## the figures of the README, measured on this machine; ARGS=crowd only those of the operator with 1,000 plans
	@$(call say,the test cluster's control plane (built once per machine))
	tests/controlplane/build demo >/dev/null
	$(call say,the engine and the simulator)
	$(CARGO) run --locked --release -p crossfade-core --example speed
	$(CARGO) run --locked --release -p crossfade-sim --example speed
	$(call say,the operator and the stage (optimised))
	$(CARGO) build --locked --release --bin crossfade --example bench
	exec target/release/examples/bench $(ARGS)

fmt: ## format the sources
	@$(call say,formatting)
	$(CARGO) fmt --all

setup: ## install what the demo and the tests need and this machine lacks
	@$(call say,what this machine needs)
	tests/setup

checks:
	@$(call say,what this machine needs)
	tests/setup checks

fmt-check: ## are the sources formatted?
	@$(call say,format)
	$(CARGO) fmt --all --check

lint: ## clippy, nothing allowed
	@$(call say,clippy)
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

unit: ## the core and the library: nothing but Rust
	@$(call say,the core and the library)
	$(CARGO) test --locked --package crossfade-core --package crossfade-sim
	$(CARGO) test --locked --lib --bins --examples
	$(CARGO) test --locked --doc

sim: ## random worlds, every rule checked at every step; SEEDS=1000000, FROM=, ARGS="--broken R7"
	@$(call say,$(or $(SEEDS),20000) random worlds)
	$(CARGO) run --locked -p crossfade-sim --example sim -- --seeds $(or $(SEEDS),20000) --from $(or $(FROM),0) $(ARGS)

seed: ## the world SEED= that breaks a rule, made small and kept as tests/scenarios/seed-SEED.yaml
	$(CARGO) run --locked --example seed -- $(SEED)

adapters: ## against real HAProxy, MariaDB, Prometheus and Chromium
	@$(call say,adapters on the real programs)
	$(CARGO) test --locked --test adapters

controlplane: ## build the test cluster's control plane and KWOK, once per machine
	@$(call say,the test cluster's control plane and KWOK (built once per machine))
	tests/controlplane/build full >/dev/null
	tests/controlplane/build kwok >/dev/null

cluster: ## against a real API server
	@$(call say,the controller on a real control plane)
	$(CARGO) test --locked --test cluster

whole: ## real traffic, real database, injected faults
	@$(call say,the whole system)
	# Those on shared ground mostly wait, and carry no traffic: they wait together.
	$(CARGO) test --locked --test whole -- --test-threads=8 shared::
	$(CARGO) test --locked --test whole -- --test-threads=1 --skip shared::

deny: checks ## licences, sources and banned crates of the dependencies
	@$(call say,dependencies: bans licenses sources (not advisories: their list would have to be fetched))
	"$(TOOLS)/cargo-deny" --locked check bans licenses sources

mutants: checks ## break the core in every place, one at a time, and see a test fail; hours on two cores
	@$(call say,mutants of the core)
	tests/setup mutants
	PROPTEST_CASES=24 "$(TOOLS)/cargo-mutants" mutants --package crossfade-core --profile mutants --timeout 60 --output target $(ARGS) -- --lib --test proof

machete: checks ## dependencies that nothing uses
	@$(call say,unused dependencies)
	"$(TOOLS)/cargo-machete" .
