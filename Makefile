# make demo    environment, then the whole workflow on the embedded demo corpus, and its report
# make demo-llm  environment, then the second study on a tiny model and its own demo corpus, and its report
# make test    environment, then the tests, in parallel (PYTEST: what to run, and options)
# make lint    environment, then checks of formatting, style, workflow, types and documentation
# make docs    environment, then the documentation as a site: site/index.html
# make slurm-check   checks the settings for a Slurm cluster before the first run (see the README)
# make test-slurm    the tests on a temporary Slurm cluster; needs root on Debian
# make setup   only the environment (.venv; Python 3.11 or newer)
# make clean   remove the environment, caches, the site and the demo's files; other results stay

PYTHON ?= python3
VENV ?= .venv
CORES ?= all
BIN := $(VENV)/bin

# The site's tools are pinned, so their notice about later versions is of no use.
export NO_MKDOCS_2_WARNING := 1

# Container images set it. The workflow starts many processes: each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-llm test lint docs slurm-check test-slurm setup clean

demo: setup
	$(BIN)/snakemake report --cores $(CORES) --quiet rules --configfile config.yaml workflow/grids/demo.yaml

demo-llm: setup
	$(BIN)/snakemake report --cores $(CORES) --quiet rules --configfile config.yaml workflow/grids/demo_llm.yaml

test: setup
	$(BIN)/python -m pytest $(PYTEST)

slurm-check: setup
	$(BIN)/python scripts/slurm_check.py $(CONFIG)

test-slurm: setup
	$(BIN)/python -m pytest -n 0 -m slurm tests/bench tests/slurm $(PYTEST)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/mkdocs build --strict --quiet

docs: setup
	$(BIN)/mkdocs build --strict

setup: $(VENV)/complete

$(VENV)/complete: requirements.txt requirements-dev.txt constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make setup PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt -c constraints.txt
	touch $@

clean:
	rm -rf $(VENV) site .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis results/demo resources/demo results/demo_llm resources/demo_llm
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
