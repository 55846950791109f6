# One target per stage. `make` tags the five policies, `make test` runs checks and tests, `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# On Linux, the torch of the default index brings CUDA. TORCH_INDEX=https://download.pytorch.org/whl/cpu avoids that.
TORCH_INDEX ?=
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

RECIPE ?= default
RUN ?= runs/$(RECIPE)
MODEL ?=
DATA ?= opp115
SPLIT ?= test
EXTRA ?=
SET ?=
IN ?= data/policies/*.txt
OUT ?= out
SECONDS ?= 600
# Threads that wait must not spin: beside other work on the same cores, spinning makes training several times slower.
export OMP_WAIT_POLICY := PASSIVE
# Batches of varying length make glibc return memory to the system and fault it in again; these settings keep it.
KEEP_MEMORY := MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184
TRAIN := $(KEEP_MEMORY) $(BIN)/clausetag train
# Tells whether a folder holds a finished model: `$(FINISHED) DIR || train it`.
FINISHED := finished() { test -f "$$1/manifest.json" -a ! -d "$$1/checkpoints"; }; finished
SEEDS ?= 1 2 3
POLICIES ?= policies.jsonl.gz
HTML ?=
METRICS ?=
UNLABELLED ?=
HELD ?=
DRY ?=
POOL ?= runs/pool.jsonl
A ?= runs/eval/a
B ?= runs/eval/b

.DEFAULT_GOAL := all
.PHONY: all test test-all soak load check release openapi pool pretrain teacher distil train eval bench labels reproduce compare leakage seeds transfer split-effect predict serve wheel clean help

all: $(VENV)/predict.stamp ## install what predicting needs and tag the five policies into out/
	@$(BIN)/clausetag predict 'data/policies/*.txt' -o $(OUT) --format jsonl,html --table

test: check ## run the checks and the tests, in two processes
	$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile

test-all: check ## run all tests, also the slow ones (fuzzing, a browser, overload, the built wheel); records the outcome in docs/TESTS.md
	$(BIN)/python -m pytest -q -p tests.record

soak: $(VENV)/dev.stamp ## send the service mixed requests for SECONDS (600) and check that memory and open files don't grow
	$(BIN)/python -m tests.serving.soak $(SECONDS)

load: $(VENV)/dev.stamp ## measure the service under load for docs/SERVICE.md (needs wrk and an otherwise idle machine)
	$(BIN)/python -m tests.serving.load

check: $(VENV)/dev.stamp $(VENV)/src/clausetag ## check format, lint, types and the layers of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	MYPYPATH=$(VENV)/src $(BIN)/mypy -p clausetag
	PYTHONPATH=$(VENV)/src $(BIN)/lint-imports --no-cache --no-logo

release: $(VENV)/dev.stamp ## build the sdist and the wheel into dist/ and check both
	rm -rf build dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	rm -rf build

wheel: release ## the same as release

openapi: $(VENV)/dev.stamp ## write the service's OpenAPI description to serving/static/openapi.json
	$(BIN)/python -m scripts.write_openapi

pool: $(VENV)/dev.stamp ## sample runs/pool.jsonl from UNLABELLED (JSONL of id and text, may end in .gz), leaving out what HELD evaluates on
	@test -n "$(UNLABELLED)" || { echo "make pool: set UNLABELLED=policies.jsonl.gz (rows of id and text)"; exit 2; }
	@mkdir -p runs
	test -s $(POOL) || $(BIN)/clausetag data pool $(UNLABELLED) $(foreach file,$(HELD),--held $(file)) -o $(POOL)

pretrain: $(VENV)/dev.stamp ## continue pretraining the encoder on runs/pool.jsonl, into runs/pretrained
	@test -s $(POOL) || { echo "make pretrain: $(POOL) is missing; make pool UNLABELLED=… makes it"; exit 2; }
	test -f runs/pretrained/config.json || $(KEEP_MEMORY) $(BIN)/clausetag pretrain $(POOL) -o runs/pretrained

teacher: $(VENV)/teacher.stamp ## train the large teacher (MPNet) into runs/teacher; EXTRA=labelled.jsonl adds labels
	$(FINISHED) runs/teacher || $(TRAIN) teacher -o runs/teacher $(if $(EXTRA),--set extra=$(EXTRA))

distil: $(VENV)/dev.stamp ## score the training sentences of RECIPE and the pool with the teacher, into runs/distilled
	@test -f runs/teacher/manifest.json || { echo "make distil: runs/teacher holds no finished model; make teacher trains it"; exit 2; }
	@test -s $(POOL) || { echo "make distil: $(POOL) is missing; make pool UNLABELLED=… draws it"; exit 2; }
	test -f runs/distilled/distilled.json || $(KEEP_MEMORY) $(BIN)/clausetag distil $(RECIPE) $(if $(EXTRA),--set extra=$(EXTRA)) --teacher runs/teacher --pool $(POOL) -o runs/distilled

train: $(VENV)/dev.stamp ## train RECIPE (default) into RUN; EXTRA=labelled.jsonl adds labels, SET="key=value …" overrides keys
	$(TRAIN) $(RECIPE) -o $(RUN) $(if $(EXTRA),--set extra=$(EXTRA)) $(foreach pair,$(SET),--set $(pair))

eval: $(VENV)/dev.stamp ## evaluate MODEL on DATA (opp115, privacyglue, policies, or a labelled JSONL) into runs/eval
	$(BIN)/clausetag eval $(DATA) $(if $(filter opp115,$(DATA)),--split $(SPLIT)) $(if $(MODEL),--model $(MODEL)) -o runs/eval/$(notdir $(basename $(DATA)))

bench: $(VENV)/dev.stamp ## measure speed into runs/bench (on an idle machine); optional: POLICIES, HTML=pages, METRICS=metrics.json
	$(BIN)/clausetag bench $(if $(wildcard $(POLICIES)),--policies $(POLICIES)) $(if $(HTML),--html $(HTML)) $(if $(METRICS),--metrics $(METRICS)) -o runs/bench

labels: $(VENV)/predict.stamp ## join data/annotations/ with the texts in POLICIES and NEAR (JSONL of id and text, may end in .gz), for EXTRA
	@mkdir -p runs
	$(BIN)/clausetag data join data/annotations/today.jsonl $(POLICIES) -o runs/today.jsonl
	$(BIN)/clausetag data join data/annotations/uncertain.jsonl $(POLICIES) -o runs/uncertain.jsonl
	$(if $(NEAR),$(BIN)/clausetag data join data/annotations/near.jsonl $(POLICIES) $(NEAR) -o runs/near.jsonl)

reproduce: $(VENV)/teacher.stamp ## build both shipped models anew from UNLABELLED and EXTRA (days); DRY=1 lists the stages and their hours
	@test -n "$(UNLABELLED)" || { echo "make reproduce: set UNLABELLED=policies.jsonl.gz (rows of id and text)"; exit 2; }
	$(KEEP_MEMORY) $(BIN)/python -m clausetag.train.reproduce $(UNLABELLED) $(foreach file,$(EXTRA),--extra $(file)) $(if $(DRY),--dry-run)

compare: $(VENV)/dev.stamp ## test whether A is better than B (both are folders that `make eval` wrote)
	$(BIN)/clausetag eval compare $(A) $(B)

leakage: $(VENV)/dev.stamp ## find exact and near duplicates between OPP-115's splits and the five policies
	$(BIN)/clausetag eval leakage -o runs/eval/leakage

seeds: $(VENV)/dev.stamp ## train RECIPE with each of SEEDS (1 2 3), evaluate on DATA, report mean and standard deviation
	for seed in $(SEEDS); do $(FINISHED) runs/$(RECIPE)-$$seed || $(TRAIN) $(RECIPE) --set seed=$$seed $(foreach pair,$(SET),--set $(pair)) -o runs/$(RECIPE)-$$seed || exit 1; done
	$(BIN)/clausetag eval $(DATA) $(foreach seed,$(SEEDS),--model runs/$(RECIPE)-$(seed)) -o runs/eval/$(RECIPE)-seeds

transfer: $(VENV)/dev.stamp ## train and evaluate transfer: OPP-115 to the five policies and back, and each of the five left out
	$(FINISHED) runs/opp115 || $(TRAIN) opp115 -o runs/opp115
	$(TRAIN) lopo --set start=runs/opp115 $(if $(EXTRA),--set extra=$(EXTRA)) -o runs/lopo
	$(FINISHED) runs/policies || $(TRAIN) policies -o runs/policies
	$(BIN)/clausetag eval policies --model runs/opp115 -o runs/eval/opp115-to-policies
	$(BIN)/clausetag eval policies --model runs/lopo -o runs/eval/lopo
	$(BIN)/clausetag eval opp115 --model runs/policies --head guide -o runs/eval/policies-to-opp115

split-effect: $(VENV)/dev.stamp ## measure how much a random split of segments flatters a model (trains two models)
	$(BIN)/python -m clausetag.eval.research.split_effect runs/split-effect
	for arm in disjoint random; do \
	  $(FINISHED) runs/split-effect/$$arm-model || $(TRAIN) privacyglue --set privacyglue=runs/split-effect/$$arm -o runs/split-effect/$$arm-model || exit 1; \
	  $(BIN)/clausetag eval privacyglue --test runs/split-effect/$$arm --model runs/split-effect/$$arm-model -o runs/split-effect/eval/$$arm || exit 1; \
	done
	$(BIN)/python -m clausetag.eval.research.split_effect runs/split-effect --collect

predict: $(VENV)/predict.stamp ## tag IN (files, folders, globs) into OUT
	$(BIN)/clausetag predict $(IN) $(if $(MODEL),--model $(MODEL)) -o $(OUT) --format jsonl,html --table

serve: $(VENV)/serve.stamp ## start the HTTP service and its page on http://127.0.0.1:8000/
	$(BIN)/clausetag serve

clean: ## remove everything that make made except runs/ (trained models)
	rm -rf $(VENV) out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("clausetag needs Python 3.11 or later; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

$(VENV)/predict.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/serve.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[serve]'
	@touch $@ $(VENV)/predict.stamp

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/predict.stamp $(VENV)/serve.stamp

$(VENV)/teacher.stamp: $(VENV)/dev.stamp
	$(INSTALL) -e '.[dev,teacher]'
	@touch $@

# mypy and import-linter cannot follow an editable install; this link makes the checkout a package.
$(VENV)/src/clausetag:
	@mkdir -p $(VENV)/src
	@ln -sfn $(CURDIR) $@
