# One front door. `make` lists what there is; every target sets up what it needs.
# VIDEO=file     demo: one domain is fed from this clip
# BENCH=name     bench: which benchmark
# ARGS="..."     more arguments for the program behind the target

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
NPM_BIN := $(CURDIR)/build/node_modules/.bin
export PATH := $(CURDIR)/$(BIN):$(NPM_BIN):$(PATH)
# This checkout, whatever an activated environment or a PYTHONPATH says.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.PHONY: help setup demo up down hub test cluster coverage mutation check fix notebooks bench soak capacity ctf detector lock clean images arm64

help:
	@echo "Darkroom: develop models on camera footage that nobody else ever sees."
	@echo
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Start with: make demo"

setup: ## create .venv from the hash-pinned lock (about 4 GB, once)
	@requirements/setup.sh

demo: setup ## gateway, three domains, notebooks, report; VIDEO=clip.mp4 for real footage
	@$(BIN)/darkroom demo $(if $(VIDEO),--video "$(VIDEO)") $(ARGS)

up: setup ## leave the system running, with JupyterHub and MLflow
	@$(BIN)/darkroom up $(ARGS)

down: setup ## stop what `make up` started
	@$(BIN)/darkroom down $(ARGS)

hub: setup ## JupyterHub from login to a reviewed result, in a real browser
	@$(BIN)/python -m pytest -ra -m hub tests $(ARGS)

test: setup ## the whole suite, notebooks included
	@tests/kubernetes/build_tools.sh helm
	@$(BIN)/python -m pytest -ra $(ARGS)

cluster: ## build a real Kubernetes API server for the tests (20 minutes, once; needs Go)
	@tests/kubernetes/build_tools.sh helm versitygw cluster

coverage: setup ## branches that the tests of model/, policy/ and node/ run; fails below the mark
	@$(BIN)/python -m tests.branch_coverage $(ARGS)

mutation: setup ## change every line of policy/: some test must see it (minutes)
	@$(BIN)/python -m tests.mutation $(ARGS)

check: setup ## lint, format, types and import contracts; changes nothing
	@failed=""; \
	step() { name=$$1; shift; echo "== $$name"; "$$@" || failed="$$failed $$name"; }; \
	step lint $(BIN)/ruff check --quiet .; \
	step format $(BIN)/ruff format --quiet --diff .; \
	step types $(BIN)/mypy --no-error-summary; \
	step imports $(BIN)/python -m pytest -q --no-header tests/architecture/test_contracts.py; \
	if [ -n "$$failed" ]; then echo; echo "failed:$$failed (make fix repairs lint and format)"; exit 1; fi; \
	echo; echo "all clean"

fix: setup ## repair what lint and format can repair
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

notebooks: setup ## execute every notebook headlessly, as papermill runs them in CI
	@$(BIN)/python -m pytest -ra tests/e2e/test_notebooks.py $(ARGS)

bench: setup ## one benchmark, one JSON line: BENCH=roundtrip; without BENCH: which there are
	@if [ -z "$(BENCH)" ]; then \
	    echo "Which one? For example: make bench BENCH=roundtrip" >&2; \
	    echo "There are:" $$(ls bench/*.py 2>/dev/null | sed 's|.*/||; s|\.py$$||' | grep -v '^_') >&2; \
	    exit 2; \
	fi
	@$(BIN)/python -m bench.$(BENCH) $(ARGS)

soak: setup ## half an hour of mixed load and faults, judged from outside; ARGS="--minutes 3"
	@$(BIN)/python -m tests.soak $(ARGS)

capacity: setup ## measure what a hostile job gets through the airlock, channel by channel
	@$(BIN)/python -m tests.attack.channels.measure
	@$(BIN)/python docs/airlock_capacity.py > docs/airlock-capacity.md

ctf: setup ## capture the flag: steal it from private frames, scored in bits (docs/ctf.md); ARGS=stop
	@$(BIN)/python -m tests.ctf $(ARGS)

detector: setup ## train the shipped detector from nothing (under 5 minutes)
	@$(BIN)/python data/models/train.py --out data/models $(ARGS)

images: setup ## build the container images for this machine, with bills of materials (docs/images.md)
	@images/build.sh --store "$${XDG_CACHE_HOME:-$$HOME/.cache}/darkroom/images" $(or $(ARGS),node runtime gateway)

arm64: setup ## build a Pi's images here and look at one frame with them, under emulation
	@images/arm64.sh && $(BIN)/python -m pytest -ra tests/images/test_arm64.py

lock: setup ## rewrite requirements/ from pyproject.toml; UPGRADE=1 moves the pins
	@UPGRADE=$(UPGRADE) requirements/lock.sh

clean: ## remove what can be made again: build/ and caches, not .venv
	@rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov dist
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
