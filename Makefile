# Everything runs in .venv, which each target makes when it is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo demo-two test test-all lint bench fuzz page base lock installable clean

demo: $(VENV)/.run  ## the live view on the sample conversation (plain lines without a terminal)
	$(call SHOW,samples/conversation.flac)

demo-two: $(VENV)/.run  ## the same of two people at one microphone, who answer at once and interrupt each other
	$(call SHOW,samples/dialogue.flac)

SHOW = @if [ -t 1 ]; then $(BIN)/merits analyze $(1) --pace realtime; else $(BIN)/merits analyze $(1); fi

# Two at a time, a thread each; the tests of a file stay together, since they share models that take seconds to make.
TEST = $(BIN)/python -m pytest
SIDE_BY_SIDE = OMP_NUM_THREADS=1 $(TEST) --numprocesses 2 --dist loadfile

test: $(VENV)/.dev  ## before each commit; the markers are explained in pyproject.toml
	$(SIDE_BY_SIDE) -m "not (system or kill or docs or slow)"

test-all: $(VENV)/.dev  ## every test; programs that are timed or killed have the machine to themselves
	$(SIDE_BY_SIDE) -m "not (system or kill)"; side=$$?; $(TEST) -m "system or kill" && exit $$side

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.dev  ## into benchmarks/results/, docs/benchmarks.md and the README
	mkdir -p benchmarks/results
	for name in segmentation endpointing speakers recognition latency context streams attack startup soak kills quantisation; do \
		$(BIN)/python -m benchmarks.$$name --json benchmarks/results/$$name.json || exit 1; done
	$(BIN)/python -m benchmarks.soak --asr auto --json benchmarks/results/soak-recognised.json
	$(BIN)/python -m benchmarks.soak --asr auto --streams 8 --json benchmarks/results/soak-streams.json
	$(BIN)/python -m benchmarks.soak --hours 1 --asr auto --pace 8 --json benchmarks/results/soak-live.json
	$(BIN)/python -m benchmarks.tables

FUZZ ?= --seconds 600
fuzz: $(VENV)/.dev  ## inputs that nobody would think of, for whatever reads what others write; findings in .fuzz/
	$(BIN)/python -m fuzz $(FUZZ)

page:  ## the web page of merits serve, from its sources (needs Node.js)
	cd web && npm ci && npm run check && npm run build

base: $(VENV)/.run  ## the text encoder of meld-base: 0.4 GB
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement locked/base.txt

LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--constraint constraints.txt
UV ?= uv

lock:  ## locked/*.txt again, from pyproject.toml and the exact versions of constraints.txt (needs uv)
	$(LOCK) --excludes locked/cuda.in --excludes locked/unused.in --output-file locked/run.txt pyproject.toml locked/build.in
	$(LOCK) --excludes locked/cuda.in --output-file locked/dev.txt --extra dev pyproject.toml locked/build.in
	$(LOCK) --no-deps --output-file locked/oracle.txt locked/oracle.in
	$(LOCK) --no-deps --output-file locked/base.txt locked/base.in
	echo torch | $(LOCK) --no-emit-package torch --output-file locked/cuda.txt -

installable: $(VENV)/.dev  ## where all comes ready built, into docs/install.md (needs uv)
	$(BIN)/python -m benchmarks.installable --uv $(UV) --json benchmarks/results/installable.json $(if $(MEASURE),--measure $(MEASURE))
	$(BIN)/python -m benchmarks.tables

include research.mk  # annotations, pretrain, teacher, taught, words(-base), bundle(-base), results, guidance, oracle, tables

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.run: pyproject.toml $(wildcard locked/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "MERITS Live needs Python 3.11 or newer: make PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	@sh locked/install.sh $(BIN)/python
	@touch $@

$(VENV)/.dev: $(VENV)/.run locked/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement locked/dev.txt
	@touch $@
