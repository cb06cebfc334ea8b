# Tickproof. `make help` lists the targets; each needs nothing but Python >= 3.11, make and git.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON  ?= python3
TARGET  ?= embedded
FORM    ?= quick
RESULTS ?= results
ROBOT_OPTIONS ?=
ARGS    ?=

venv  := .venv
bin   := $(venv)/bin
ready := $(venv)/.ready
categories := $(notdir $(wildcard suites/*))
engine := tickerplant/images/with_engine.sh
robot  = $(bin)/robot -d $(RESULTS) -v TARGET:$(TARGET) -v FORM:$(FORM) $(ROBOT_OPTIONS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9%-]+:.*## / {sub(/%/, "<category>", $$1); printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

e2e: $(ready) ## set up everything, then run every suite on the embedded stack
	$(bin)/tickproof prepare --target $(TARGET)
	$(robot) suites/

e2e-docker: $(venv)/.docker ## the same on real containers, with the engine that runs or (as root on Debian) one of its own
	$(engine) bash -c 'tickerplant/images/build.sh \
	  && $(bin)/robot -d $(RESULTS)/docker -v TARGET:docker -v FORM:$(FORM) $(ROBOT_OPTIONS) suites/'

images: ## build the images that the target docker runs
	$(engine) tickerplant/images/build.sh

e2e-%: ## the same for one category, such as e2e-journeys
	@echo "make: there is no category '$*'; there are: $(categories)" >&2; exit 2

$(categories:%=e2e-%): e2e-%: $(ready)
	$(bin)/tickproof prepare --target $(TARGET)
	$(robot) suites/$*

validate: $(ready) ## the tests tagged critical: the heart of the matter in 20 s
	$(bin)/tickproof prepare --target $(TARGET)
	$(robot) -i critical suites/

test: lint ## lint, types, dry run and all of the project's own tests
	$(bin)/tickproof prepare --target embedded
	$(bin)/python -m pytest -v --durations=10 tests

lint: $(ready) ## ruff, mypy, robocop, dry run
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/robocop check suites resources
	$(bin)/robocop format --check --no-overwrite suites resources
	$(bin)/robot --dryrun --output NONE --log NONE --report NONE --console quiet suites/

bench: $(ready) ## measure speed and memory against their limits (results/bench.json)
	$(bin)/tickproof prepare --target embedded
	$(bin)/python -m tickproof.bench

defects: $(ready) ## break the platform on purpose: do the suites notice? (results/defects; ARGS="-f loss")
	$(bin)/tickproof prepare --target $(TARGET)
	$(bin)/tickproof defects --target $(TARGET) -d $(RESULTS)/defects $(ARGS)

soak: $(ready) ## all suites over and over on the sound platform: none may turn red (results/soak.json; ARGS="-n 50 --busy")
	$(bin)/tickproof prepare --target $(TARGET)
	$(bin)/tickproof soak --target $(TARGET) -d $(RESULTS) $(ARGS)

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

# Files are their own list.
libraries = $(notdir $(basename $(shell grep -l '^@library' libraries/tickproof/*.py)))

# The venv is made anew when the pins change, and when it cannot work: its Python is gone, or the folder was moved.
ifneq ($(wildcard $(ready)),)
ifneq ($(shell $(bin)/python -c 'print(open("$(ready)").read())' 2>/dev/null),$(CURDIR)/$(venv))
broken := FORCE
endif
endif
FORCE:

$(ready): pyproject.toml constraints.txt $(broken)
	@refuse() { echo "make: $$1" >&2; exit 2; }; \
	command -v $(PYTHON) >/dev/null \
	  || refuse "there is no $(PYTHON) here; Tickproof needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || refuse "Tickproof needs Python 3.11 or newer, but $(PYTHON) says: $$($(PYTHON) -V 2>&1 | head -n 1); name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || refuse "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; \
	$(if $(broken),echo "make: $(venv) does not work any more (its Python is gone, or the folder was moved)";) \
	echo "make: setting up $(venv) (about a minute, once)"; \
	$(PYTHON) -m venv --clear $(venv) || refuse "$(venv) could not be made (see above)"; \
	$(bin)/python -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[embedded,dev]' \
	  | { found=0; fetched=0; while read -r line; do case $$line in \
	      *.metadata\ *) found=$$((found + 1)); ((found % 20)) || echo "make: $$found packages found" ;; \
	      Downloading*|Using\ cached*|Processing*) \
	        fetched=$$((fetched + 1)); ((fetched % 20)) || echo "make: $$fetched packages fetched" ;; \
	      Installing\ collected*) echo "make: installing them" ;; \
	      Successfully\ installed*) echo "make: packages installed" ;; \
	      *ERROR*|*error*) echo "$$line" ;; \
	    esac; done; } \
	  || refuse "the packages could not be installed (see above); is a package index reachable? Run make again when it is."; \
	echo "$(CURDIR)/$(venv)" > $@

# What only the target docker needs: the engine's SDK and Compose.
$(venv)/.docker: $(ready)
	$(bin)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[docker]'
	@touch $@

.PHONY: help e2e e2e-docker images validate test lint bench defects soak docs up down clean $(categories:%=e2e-%) FORCE
