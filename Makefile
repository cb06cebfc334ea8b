# Tickproof. `make help` lists the targets; each needs nothing but Python >= 3.11, make and git.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON  ?= python3
TARGET  ?= embedded
FORM    ?= quick
RESULTS ?= results
ROBOT_OPTIONS ?=

venv  := .venv
bin   := $(venv)/bin
ready := $(venv)/.ready
robot  = $(bin)/robot -d $(RESULTS) -v TARGET:$(TARGET) -v FORM:$(FORM) $(ROBOT_OPTIONS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / {sub(/%/, "<category>", $$1); printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

e2e: $(ready) ## set up everything, then run every suite on the embedded stack
	$(bin)/tickproof prepare --target $(TARGET)
	$(robot) suites/

e2e-%: $(ready) ## the same for one category: pipeline, journeys, examples
	@test -d suites/$* || { echo "make: there is no category '$*'; there are:" $$(ls suites); exit 2; }
	$(bin)/tickproof prepare --target $(TARGET)
	$(robot) suites/$*

validate: $(ready) ## the tests tagged critical: the heart of the matter in 20 s
	$(bin)/tickproof prepare --target $(TARGET)
	$(robot) -i critical suites/

test: lint ## lint, types, dry run and all of the project's own tests
	$(bin)/tickproof prepare --target embedded
	$(bin)/python -m pytest -v --durations=10 tests

lint: $(ready) ## ruff, mypy, robocop, dry run, Libdoc
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/robocop check suites resources
	$(bin)/robocop format --check --no-overwrite suites resources
	$(bin)/robot --dryrun --output NONE --log NONE --report NONE --console quiet suites/

bench: $(ready) ## measure speed and memory against their limits (results/bench.json)
	$(bin)/tickproof prepare --target embedded
	$(bin)/python -m tickproof.bench

docs: $(ready) ## pages for the keyword libraries and resources (docs/libdoc)
	@mkdir -p docs/libdoc
	@for library in $(libraries); do $(bin)/libdoc tickproof.$$library docs/libdoc/$$library.html; done
	@for resource in resources/*.resource; do $(bin)/libdoc $$resource docs/libdoc/$$(basename $$resource .resource)-sentences.html; done

up: $(ready) ## start the stack and keep it between runs
	$(bin)/tickproof up --target $(TARGET)

down: $(ready) ## stop the kept stack
	$(bin)/tickproof down --target $(TARGET)

clean: ## remove the venv, results and build leftovers (the download cache stays)
	@if [ -x $(bin)/tickproof ]; then $(bin)/tickproof down --all || true; fi
	rm -rf $(venv) $(RESULTS) docs/libdoc dist .mypy_cache .ruff_cache .pytest_cache

libraries := market platform pipeline quarantine lake bars api clients shapes warehouses

# The venv is made anew when the pins change.
$(ready): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: Tickproof needs Python 3.11 or newer, found $$($(PYTHON) -V); name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "make: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 2; }
	@echo "make: setting up $(venv) (about a minute, once)"
	@$(PYTHON) -m venv $(venv)
	@$(bin)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[embedded,dev]' \
	  | awk '/^(Downloading|Building|Preparing)/ {n++; if (n % 20 == 0) print "make: " n " packages so far"; next} /^Successfully/ {print "make: packages installed"; next} /ERROR|error/' \
	  || { echo "make: the packages could not be installed (see above); is a package index reachable? Run make again when it is."; exit 2; }
	@touch $@

.PHONY: help e2e validate test lint bench docs up down clean
