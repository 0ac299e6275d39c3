# Two commands do everything from a fresh clone, set-up included: make book, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: book test lint coverage mutation clean

book: $(READY)
	$(BIN)/ctrnb book

test: $(READY)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy ctrnb

# Lines and branches of ctrnb that the tests run, at least 90 %: the time of make test and about as much again.
coverage: $(READY)
	$(BIN)/python -m pytest --cov --cov-report=term $(PYTEST_ARGS)

# Whether tests can fail: small faults put into metrics, curation and theory, at least 85 % of them noticed. It may be
# stopped and goes on where it was; tests/mutation/survivors.csv says what survives, and why.
mutation: $(READY)
	@$(BIN)/python -c 'import cosmic_ray' 2>/dev/null || \
	  $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[mutation]'
	$(BIN)/python -m tests.mutation $(TARGETS)

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
