# Two commands do everything from a fresh clone, set-up included: make book, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: book test lint clean

book: $(READY)
	$(BIN)/ctrnb book

test: $(READY)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy ctrnb

# The stamp is written last, so that an interrupted set-up starts again. torch comes first and pinned: any other
# resolver would fetch its CUDA packages, which the book does not need.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one by make PYTHON=python3.12."; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV) || \
	  { echo "python3 -m venv failed; on Debian and Ubuntu: apt install python3-venv."; exit 1; }
	@echo "Installing packages into $(VENV) (a few minutes, once) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check torch==2.13.0
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[book,test]'
	@touch $@

clean:
	rm -rf _build build dist .pytest_cache
