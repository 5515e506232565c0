# inkgate: two commands do everything, `make demo` and `make test`. Each sets up what it needs.

PYTHON  ?= $(shell command -v python3.11 || command -v python3)
VENV    ?= .venv
DATASET ?= synthetic
WORDS   ?= 300
CPU     ?= pi4
# Each worker loads TensorFlow, which takes a gigabyte.
WORKERS ?= 4
# The run's test set, if the bundle lies in the run that it was made from.
FRAGMENTS ?= $(wildcard $(BUNDLE)/../test.npz)
ARM_TOOLS := gcc-arm-none-eabi qemu-system-arm
BIN     := $(VENV)/bin
READY   := $(VENV)/.inkgate-installed

.DEFAULT_GOAL := help
.PHONY: help demo test check firmware fuzz mutants faults bench verify-aarch64 test-pi install deb clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo: $(READY) ## ten people enrol at a board and enter, strangers do not (DATASET=synthetic|qmnist|FILE.npz)
	$(BIN)/inkgate demo --dataset $(DATASET)

test: $(READY) check ## every check and every test, on as many cores as there are, at most WORKERS
	$(BIN)/pytest -n logical --maxprocesses $(WORKERS) --dist worksteal

check: $(READY) ## style, types, layers, fresh generated files
	$(BIN)/ruff check . .ci/aarch64 .ci/deb .ci/pi
	$(BIN)/ruff format --check . .ci/aarch64 .ci/deb .ci/pi
	$(BIN)/mypy
	$(BIN)/mypy --scripts-are-modules .ci/aarch64 .ci/deb .ci/pi .ci/man_pages.py
	$(BIN)/lint-imports
	$(BIN)/python -m firmware_bridge.wire.generate --check
	$(BIN)/python -m firmware_bridge.build.settings_header --check

firmware: $(READY) ## every board's images, signed, in build/firmware (installs compiler and emulator if it may)
	@command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null || \
	if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends $(ARM_TOOLS); \
	else echo "without $(ARM_TOOLS) (apt-get install --no-install-recommends): zig compiles, nothing is run"; fi
	$(BIN)/inkgate firmware build --all

fuzz: $(READY) ## libFuzzer on frame, session, pen, rasteriser and segmenter, 60 s each (needs clang)
	$(BIN)/python tests/support/fuzz.py --seconds 60

mutants: $(READY) ## does a test notice each small change? hours; goes on where it was (ROOMS="journal roster" SAMPLE=60)
	$(BIN)/python tests/support/mutate.py $(ROOMS) $(SAMPLE:%=--sample %)

faults: $(READY) ## every call of a gate that can fail does so, in every way -> tests/faults.md (an hour; goes on)
	$(BIN)/python tests/benchmarks/every_fault.py

bench: $(READY) ## the benchmark tables
	$(BIN)/inkgate bench

verify-aarch64: $(READY) ## every kernel set of BUNDLE=... on an emulated Raspberry Pi (CPU=pi4|pi5 WORDS=300; as root)
	$(if $(BUNDLE),,$(error name the bundle: make verify-aarch64 BUNDLE=runs/demo/bundle))
	.ci/aarch64 --cpu $(CPU) inkgate verify $(BUNDLE) --kernels all --words $(WORDS) $(FRAGMENTS:%=--fragments %)

test-pi: $(READY) ## install.sh, doctor, users and a virtual board in an emulated Raspberry Pi's Debian (as root; minutes)
	.ci/pi
	.ci/pi --arch armel

install: $(READY) ## a virtual environment with everything, in .venv

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; \
	else echo "Python cannot make virtual environments here: sudo apt-get install python3-venv"; exit 2; fi
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[train,dev]"
	@touch $@

deb: ## the Debian package of the gate, for this machine's Debian, in build/
	.ci/deb

clean: ## remove the environment, the runs and the caches
	rm -rf $(VENV) .aarch64 build runs .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
