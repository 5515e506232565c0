# inkgate: two commands do everything, `make demo` and `make test`. Each sets up what it needs.

PYTHON  ?= $(shell command -v python3.11 || command -v python3)
VENV    ?= .venv
DATASET ?= synthetic
BIN     := $(VENV)/bin
READY   := $(VENV)/.inkgate-installed

.DEFAULT_GOAL := help
.PHONY: help demo test check bench install clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-9s %s\n", $$1, $$2 }'

demo: $(READY) ## the main job, from handwriting to decisions (DATASET=synthetic|qmnist|FILE.npz)
	$(BIN)/inkgate demo --dataset $(DATASET)

test: $(READY) check ## every check and every test
	$(BIN)/pytest

check: $(READY) ## style, types, layers, fresh generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m firmware_bridge.generate --check

bench: $(READY) ## the benchmark tables
	$(BIN)/inkgate bench

install: $(READY) ## a virtual environment with everything, in .venv

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[train,dev]"
	@touch $@

clean: ## remove the environment, the runs and the caches
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
