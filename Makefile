# mmx: what a developer types. Needs make and python3-venv (Debian: apt-get install make python3-venv).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
COMPILED := build/compiled

.DEFAULT_GOAL := help
.PHONY: help venv demo test integration bench bench-interpreted deb wheel clean

help:
	@echo 'make demo         run mmx with a few small milters and send mail through it; no root'
	@echo 'make test         ruff, mypy --strict and the unit tests; no root, under 3 minutes'
	@echo 'make integration  the tests that need root and real daemons, under 45 minutes'
	@echo '                  (MMX_TEST_INSTALL=1 lets them install Debian packages)'
	@echo 'make bench        the benchmarks, of what make wheel makes (bench-interpreted: of this source as it is)'
	@echo 'make deb          a Debian package, below build/; says which Debian packages it needs for that'
	@echo 'make wheel        a wheel with wire and core compiled, below build/; needs gcc and python3-dev'
	@echo 'make venv         only make the virtual environment $(VENV)'
	@echo 'make clean        remove the virtual environment and every cache'

venv: $(READY)

$(READY): pyproject.toml tests/constraints.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	    { echo 'make: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=tests/constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

demo: $(READY)
	$(BIN)/mmx demo

test: $(READY)
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m pytest

integration: $(READY)
	@[ "$$(id -u)" = 0 ] || \
	    { echo 'make integration: needs root: it starts Postfix and real milters; run it with sudo' >&2; exit 1; }
	$(BIN)/python -m pytest tests/integration

# In a directory of its own: Python takes mmx from where it is started.
bench: wheel
	rm -rf $(COMPILED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(COMPILED) build/wheel/*.whl
	ln -s $(CURDIR)/tests $(CURDIR)/pyproject.toml $(COMPILED)/
	cd $(COMPILED) && $(CURDIR)/$(BIN)/python -m tests.bench

bench-interpreted: $(READY)
	$(BIN)/python -m tests.bench

wheel: $(READY)
	@PYTHON=$(BIN)/python etc/packaging/make-wheel

deb:
	@etc/packaging/make-deb

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find mmx tests -name __pycache__ -type d -prune -exec rm -rf {} +
