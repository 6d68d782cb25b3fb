# Every target but the first makes the environment first, from requirements.txt, when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python -m bookbuild
READY := .venv/made-from-requirements
# The recipe is picked from the tables before it.
EVIDENCE := compare data initialisation regularisation tuning normalisation adaptive learning_rates recipe

.DEFAULT_GOAL := help
.PHONY: help book notebooks test lint serve bench guide-benchmark evidence lock clean clean-env

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 14

book: $(READY)  ## run the chapters that changed and make the site in _build/html
	$(RUN) build

notebooks: $(READY)  ## write every chapter as an ordinary notebook into notebooks/
	$(RUN) notebooks

test: $(READY)  ## make book, then unit tests, doctests, the book's checks, every notebook again
	$(RUN) test

lint: notebooks  ## style of packages, tests and the code cells of the chapters
	$(BIN)/ruff check code tests notebooks/solutions
	$(BIN)/ruff format --check code tests
	$(BIN)/ruff format --check --line-length 88 notebooks/solutions

serve: book  ## show the site at http://localhost:8000
	@echo "The book is at http://localhost:8000 (stop with Ctrl-C)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

bench: $(READY)  ## speed of the functions, the ensemble and the probes, as ratios
	$(BIN)/python -m actfun.benchmark
	$(BIN)/python -m actfun.benchmark_ensemble
	$(BIN)/python -m actfun.benchmark_probes

guide-benchmark: $(READY)  ## test the selection guide anew, 20 minutes; continues after an interruption
	$(BIN)/python -m actfun.guide_benchmark

evidence: $(READY)  ## compute the other frozen tables anew, 1.5 hours; continues after an interruption
	for name in $(EVIDENCE); do $(BIN)/python -m actfun.$${name}_evidence || exit 1; done

lock: $(BIN)/python  ## write requirements.txt anew from the ranges in code/pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --fork-strategy fewest --python-version 3.11 --no-annotate --no-header \
	  --no-emit-index-url --extra book --extra test code/pyproject.toml -o requirements.txt

clean:  ## remove everything made, but the environment
	rm -rf _build notebooks

clean-env:  ## remove the environment
	rm -rf .venv

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "The book needs Python 3.11 to 3.13; $(PYTHON) is not. Name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv

$(READY): requirements.txt code/pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt -e code
	@touch $@
