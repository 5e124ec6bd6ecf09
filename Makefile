# Both promises need only Python 3.11, 3.12 or 3.13 with its venv module, and the package registry.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
CHECKS := .venv/.checks

.PHONY: help demo lint style types check quick test whole screenshots docker-test fuzz soak audit lock
.DEFAULT_GOAL := help

help:  ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY)  ## data, three models trained and exported, served, user 42's recommendations shown
	@$(BIN)/triptych demo

# A process more than there are cores, since some tests wait, up to four, and one for each 3 GB of memory, since each
# takes up to 2; two more were no faster where models are trained (308 s on two cores, and 295), and are where none is
# (88 s, and 90). A file of tests in one of them, and one thread of arithmetic in each: with as many threads as there are
# cores in each, threads wait for each other, and what takes 4 s alone took 20. Bytecode is kept, whatever the environment
# says: the tests start some two hundred processes.
PROCESSES = $(shell $(PYTHON) -c 'import os; memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30; \
	print(max(1, min(4, $(MORE) + (os.cpu_count() or 1), memory // 3)))')
ALONE := PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1
PYTEST = $(ALONE) $(BIN)/python -m pytest -q -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

lint: style types  ## format, lint, types

style: $(CHECKS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(CHECKS)
	$(BIN)/mypy

# What a change is held to before each commit: all that needs no model trained. Types are looked at beside the tests:
# where mypy has no cache it takes ten seconds, and one core.
check: style  ## lint, and the tests that train nothing
	@$(MAKE) --no-print-directory --jobs 2 types quick

test: style  ## every check
	@$(MAKE) --no-print-directory --jobs 2 types whole

quick: MORE := 2
quick: $(CHECKS)
	$(PYTEST) -m "not training"

whole: MORE := 1
whole: $(CHECKS)
	$(PYTEST) --cov

screenshots: $(CHECKS)  ## the page of triptych explore and the report in a real browser, both themes, in screenshots/
	TRIPTYCH_SCREENSHOTS=screenshots $(BIN)/python -m pytest -q tests/serving/explore tests/export/quality \
	  -k "test_journeys or test_models or in_either_theme"

docker-test: $(CHECKS)  ## the images: built, run, asked, published under and stopped; skipped where no Docker engine runs
	@PATH="$(CURDIR)/$(BIN):$$PATH" docker/test.sh

# Both in an environment of their own. The first asks PyPI which of the locked versions have known holes, and fails where
# that cannot be asked; of bandit's rules ruff's S rules, in `make lint`, are most.
audit: $(CHECKS)  ## known holes in the locked packages, bandit on the code; needs the package index
	@$(BIN)/uv venv --quiet --allow-existing .venv/audit
	@$(BIN)/uv pip install --quiet --python .venv/audit/bin/python --require-hashes -r requirements/audit.lock
	.venv/audit/bin/bandit --quiet --configfile pyproject.toml --recursive export serving lightfm_adapter
	.venv/audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements/all.lock

# Made anew when a lock changes; left unmarked when it does not end, so that the next run goes on.
$(READY): requirements/uv.lock requirements/build.lock requirements/train.lock pyproject.toml .ci/setup
	@$(PYTHON) .ci/setup
	@touch $@

# The linters and test tools beside what the demo runs with.
$(CHECKS): requirements/uv.lock requirements/build.lock requirements/all.lock pyproject.toml .ci/setup
	@$(PYTHON) .ci/setup all
	@touch $(READY) $@

ATTACK := PYTHONPATH=.:tests $(BIN)/python -W ignore tests/reliability
fuzz: $(READY)  ## requests changed at random, half a minute over each protocol, to a server of its own
	@$(ATTACK)/fuzz.py

soak: $(READY)  ## attacks and reloads, a quarter of a minute each, to a server of its own, beside an honest client
	@$(ATTACK)/soak.py

# Exact versions with hashes for every platform and Python of the metadata; needs uv (pip install uv).
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links
lock:  ## renew the lock files
	$(LOCK) --upgrade --all-extras pyproject.toml -o requirements/all.lock
	$(LOCK) -c requirements/all.lock --extra train pyproject.toml -o requirements/train.lock
	$(LOCK) -c requirements/all.lock --group build -o requirements/build.lock
	$(LOCK) --group uv -o requirements/uv.lock
	$(LOCK) --group audit -o requirements/audit.lock
	$(LOCK) -c requirements/all.lock --extra serve pyproject.toml -o requirements/serve.lock
