# Commands for users: `make demo`, `make demo-serve`, `make demo-digits` and `make test`. Each creates what it needs.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JAR := ml_operator/jars/ml-on-flink.jar
# Many processes import the package: they compile it once.
unexport PYTHONDONTWRITEBYTECODE
JAVA_SOURCES := $(shell find java -type f)

.PHONY: help
help:
	@echo "make demo         run the flight-delay job on real data"
	@echo "make demo-serve   score the flights of the same data live, and change the model meanwhile"
	@echo "make demo-digits  run the handwritten-digits job: Keras, parameter servers, TFRecord files"
	@echo "make test         run the tests"
	@echo "make cluster-test run jobs on a Flink cluster of several processes"
	@echo "make bench        measure the data path"
	@echo "make bench-inference  measure scoring a stream"
	@echo "make chaos        hit jobs with faults: RUNS=n SEED=a"
	@echo "make netns-test   jobs on several hosts that are network namespaces, as root (some minutes)"
	@echo "make check        lint, format, types, Java warnings, import arrows"
	@echo "make docs         build the documentation as a site, in build/docs"
	@echo "make proto        generate the gRPC code anew"
	@echo "make clean        remove what make created"

.PHONY: java
java:
	@command -v java >/dev/null || { echo "ml-on-flink needs a JDK 17 or later, and there is no 'java' on the PATH: install one (e.g. openjdk-17-jdk) and try again."; exit 1; }
	@command -v javac >/dev/null || { echo "ml-on-flink needs a JDK, and there is only a Java runtime on the PATH (no 'javac'): install a JDK 17 (e.g. openjdk-17-jdk) and try again."; exit 1; }
	@version=$$(javac -version 2>&1 | sed -E 's/^javac ([0-9]+).*/\1/'); [ "$$version" -ge 17 ] || { echo "ml-on-flink needs a JDK 17 or later, found $$version: install one (e.g. openjdk-17-jdk) or set PATH, and try again."; exit 1; }

$(STAMP): pyproject.toml constraints.txt hatch_build.py | java
	@echo "==> creating the environment in $(VENV) (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt "hatchling>=1.27,<2" editables setuptools wheel apache-flink-libraries
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt --no-build-isolation -e ".[torch,tensorflow,onnx,tensorboard,remote,example,bench,docs,dev]"
	@touch $@

$(JAR): $(JAVA_SOURCES) hatch_build.py $(STAMP)
	@echo "==> compiling the bridge"
	@$(BIN)/python hatch_build.py $(JAR)

# ROWS=20000 makes the demos with flights short.
ROWS ?=

.PHONY: demo
demo: $(STAMP) $(JAR)
	@echo "==> running the flight-delay job"
	@$(BIN)/python examples/flight_delay/job.py $(if $(ROWS),--rows $(ROWS))

.PHONY: demo-serve
demo-serve: $(STAMP) $(JAR)
	@echo "==> serving a model of the flights"
	@$(BIN)/python examples/flight_delay/serve.py $(if $(ROWS),--rows $(ROWS))

.PHONY: demo-digits
demo-digits: $(STAMP) $(JAR)
	@echo "==> running the handwritten-digits job"
	@$(BIN)/python examples/digits_ps/job.py

.PHONY: test
test: $(STAMP) $(JAR)
	@echo "==> running the tests"
	@$(BIN)/python -m pytest -n 2 --dist load --maxschedchunk 1

.PHONY: cluster-test
cluster-test: $(STAMP) $(JAR)
	@echo "==> running jobs on a standalone cluster (some minutes)"
	@$(BIN)/python -m pytest -m cluster -o faulthandler_timeout=0

# Not part of `test`: it takes root, and a JobManager and three TaskManagers of its own.
.PHONY: netns-test
netns-test: $(STAMP) $(JAR)
	@echo "==> running jobs on hosts that are network namespaces (some minutes)"
	@$(BIN)/python -m pytest -m netns -o faulthandler_timeout=460 tests/netns

.PHONY: bench
bench: $(STAMP) $(JAR)
	@echo "==> measuring the data path (some minutes)"
	@$(BIN)/python benchmarks/data_path.py $(BENCH_ARGS)

.PHONY: bench-inference
bench-inference: $(STAMP) $(JAR)
	@echo "==> measuring inference (some minutes)"
	@$(BIN)/python benchmarks/inference.py $(BENCH_ARGS)

# The runs of RUNS seeds from SEED on; CHAOS_ARGS takes the options of `python -m chaos run`.
RUNS ?= 10
SEED ?= 1

.PHONY: chaos
chaos: $(STAMP) $(JAR)
	@echo "==> running jobs under faults (about half a minute each)"
	@PYTHONPATH=tests $(BIN)/python -m chaos run --runs $(RUNS) --seed $(SEED) --report out/chaos $(CHAOS_ARGS)

# The jar is compiled with every warning an error; the import arrows are a test.
.PHONY: check
check: $(STAMP) $(JAR)
	@echo "==> checking lint, format, types, Java warnings and import arrows"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_import_arrows.py

# To look at it: python -m http.server -d build/docs
.PHONY: docs
docs: $(STAMP)
	@echo "==> building the documentation in build/docs"
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

.PHONY: proto
proto: $(STAMP)
	@$(BIN)/python -m ml_framework.rpc.generate

.PHONY: clean
clean:
	rm -rf $(VENV) ml_operator/jars build dist data out .pytest_cache .mypy_cache .ruff_cache .hypothesis
