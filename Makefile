# One entry per stage. `make` tags the five policies, `make test` runs the checks and tests; `make help` lists the rest.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# On Linux the default index's torch brings CUDA; TORCH_INDEX=https://download.pytorch.org/whl/cpu avoids that.
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
# Batches of changing length make glibc return and fault the same memory all the time; this keeps it.
KEEP_MEMORY := MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184

.DEFAULT_GOAL := all
.PHONY: all test test-all check train eval predict serve wheel clean help

all: $(VENV)/predict.stamp ## install what predicting needs and tag the five policies into out/
	@$(BIN)/clausetag predict 'data/policies/*.txt' -o $(OUT) --format jsonl,html --table

test: check ## run the checks and the tests (about three minutes on two cores)
	$(BIN)/python -m pytest -q -m "not slow"

test-all: check ## the tests with the slow ones: exhaustive fuzzing, a browser, the built wheel
	$(BIN)/python -m pytest -q

check: $(VENV)/dev.stamp $(VENV)/src/clausetag ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	MYPYPATH=$(VENV)/src $(BIN)/mypy -p clausetag

train: $(VENV)/dev.stamp ## train RECIPE (default) in RUN; EXTRA=labelled.jsonl adds labels, SET="key=value …" overrides
	$(KEEP_MEMORY) $(BIN)/clausetag train $(RECIPE) -o $(RUN) $(if $(EXTRA),--set extra=$(EXTRA)) $(foreach pair,$(SET),--set $(pair))

eval: $(VENV)/dev.stamp ## evaluate MODEL on DATA (opp115, privacyglue, policies, or a labelled JSONL) into runs/eval
	$(BIN)/clausetag eval $(DATA) $(if $(filter opp115,$(DATA)),--split $(SPLIT)) $(if $(MODEL),--model $(MODEL)) -o runs/eval/$(notdir $(basename $(DATA)))

predict: $(VENV)/predict.stamp ## tag IN (files, folders, globs) into OUT
	$(BIN)/clausetag predict $(IN) $(if $(MODEL),--model $(MODEL)) -o $(OUT) --format jsonl,html --table

serve: $(VENV)/predict.stamp ## the HTTP service (not yet)
	$(BIN)/clausetag serve

wheel: $(VENV)/dev.stamp ## build the wheel into dist/
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist .
	rm -rf build

clean: ## remove what make made (runs/ stays: models are dear)
	rm -rf $(VENV) out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("clausetag needs Python 3.11 or later; set PYTHON=…" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

$(VENV)/predict.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/predict.stamp

# mypy cannot follow an editable install; through this link the checkout is the package.
$(VENV)/src/clausetag:
	@mkdir -p $(VENV)/src
	@ln -sfn $(CURDIR) $@
