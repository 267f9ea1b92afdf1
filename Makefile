# Two commands do everything on a machine with Python >= 3.11 and make: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
UV     := uv==0.13.8
READY  := $(VENV)/.ready

# Threads that wait without spinning: on a busy machine LightGBM is otherwise many times slower.
export OMP_WAIT_POLICY := passive

.DEFAULT_GOAL := help
.PHONY: help setup torch demo drill drill-full test check check-static format proof docs-checks bench-startup bench-serve bench-log bench-demo bench-gate lock clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## a virtual environment with everything, as locked

$(READY): requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (once, from requirements.lock) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Roadworthy needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check $(UV)
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

torch: setup ## PyTorch, which the neural example and its tests need (CPU: 192 MB, 750 MB installed; elsewhere pip may choose CUDA)
	@$(BIN)/python -m pip install -q --disable-pip-version-check 'torch==2.13.0'

demo: setup ## the whole loop on real flights: train, gate, serve, drift, retrain, refuse, roll back
	@$(BIN)/python -m demo.run $(DEMO)

# What the README shows, run on real flights: two minutes that `make test` leaves to `make check`.
SHOWN := tests/e2e/test_readme.py

test: setup ## all tests but the README's commands
	@$(BIN)/python -m pytest -n 2 --dist worksteal --ignore $(SHOWN)

check: test check-static ## everything: all tests, then format, lint, strict types, doctests and the README's commands

check-static: setup ## format, lint, strict types, doctests, the README's commands (the layer rules are tests)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -n 2 --dist worksteal --doctest-modules src $(SHOWN)

format: setup ## let ruff put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

proof: setup ## the tests at full count: kills, cuts, properties
	@ROADWORTHY_PROOF=1 $(BIN)/python -m pytest -n 2 --dist worksteal

docs-checks: setup ## docs/checks: one page for each check of the gate, from its docstring
	@$(BIN)/python -m roadworthy.gate.documentation docs/checks

drill: setup ## break a copy of the flights model in every known way: which guard notices? (DRILL="--only P3")
	@$(BIN)/python -m bench.drill $(DRILL)

drill-full: setup ## the same over seeds and severities, and with the guards off; goes on where it was ended
	@$(BIN)/python -m bench.drill --full $(DRILL)

bench-startup: setup ## how long the command line takes to answer
	@$(BIN)/python -m bench.startup

bench-log: setup ## what the prediction log costs to write, keep, roll and read
	@$(BIN)/python -m bench.log

bench-serve: setup ## serving beside its ceiling, its floor and its peers (make bench-serve BENCH="--quick")
	@$(BIN)/python -m bench.serve $(BENCH)

bench-gate: setup ## how long the gate takes on a flights candidate, step by step (BENCH="--fresh" trains anew)
	@$(BIN)/python -m bench.gate $(BENCH)

bench-demo: demo ## the demo's duration and replay rate (make demo writes build/bench/demo.json)

# every extra but torch, whose Linux packages bring 2.5 GB of CUDA along
LOCKED := lightgbm linear onnx charts postgres grpc demo

lock: setup ## pin all dependencies again, without addresses
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-header --generate-hashes \
		$(addprefix --extra ,$(LOCKED)) --group dev pyproject.toml -o requirements.lock

clean: ## remove what make made
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
