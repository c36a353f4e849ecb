# Every target does all of its own set-up, in .venv of this checkout, and repeats it only when
# pyproject.toml or the C++ sources have changed.

PYTHON ?= python3
WORKERS ?= $(shell n=$$(nproc); echo $$((n > 8 ? 8 : n)))
BIN := .venv/bin
NATIVE := $(shell find backends/native backends/*/native -type f)
SETUP := pyproject.toml scripts/environment.py $(NATIVE)

.PHONY: demo test tiny lint format wheel sanitize bench clean help
.NOTPARALLEL:

help:
	@echo "make demo      the main job: array code and training on real digits"
	@echo "make test      all tests, lint, types and house limits"
	@echo "make lint      ruff and mypy; make format rewrites what ruff can"
	@echo "make wheel     a wheel in dist/ that needs no compiler and brings compiled kernels"
	@echo "make sanitize  the native tests under ASan and UBSan"
	@echo "make bench     every benchmark of benchmarks/, one after the other"
	@echo "make clean     remove .venv and all that was built"

demo: .venv/has-demo
	$(BIN)/tilewright demo

test: tiny lint
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --ignore tests/test_tiny.py

# The whole way through the house in seconds: runs first, so that what is broken says so at once.
tiny: .venv/has-test
	$(BIN)/python -m pytest tests/test_tiny.py

lint: .venv/has-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/has-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Compiles the kernels of eager code for each level of the architecture (some minutes, once for
# each change of the sources that decide on code), so that users of the wheel need not.
wheel: .venv/has-wheel
	$(BIN)/tilewright warmup --library build/kernels
	$(PYTHON) scripts/environment.py --wheel dist --kernels build/kernels

sanitize: .venv/has-test
	$(BIN)/python scripts/sanitize.py

bench: .venv/has-bench
	$(BIN)/tilewright bench

.venv/has-%: $(SETUP)
	$(PYTHON) scripts/environment.py --extra $*
	@touch $@

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
