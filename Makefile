# `make paper` reproduces the paper, `make test` checks the project; both bootstrap .venv first.
PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
DOCS := .venv-docs
INSTALLED := $(VENV)/.installed-$(shell cksum < envs/requirements.txt | cut -d' ' -f1)

# Tests side by side, those of a file together (they share what was made for them).
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadfile
# `make unit LONG=1` has the long tests too.
LONG :=
CHOSEN = $(if $(LONG),,-m "not long")

.PHONY: paper install test test-all test-avx2 rehearse machine test-cluster test-faults lint unit workflow faults mutants audit status config lock docs notebook peers clean-venv help

help:
	@echo "make paper     the whole paper into results/ (installs into .venv first); minutes left on the"
	@echo "               terminal, what each job says in logs/"
	@echo "make install   only the packages, into .venv"
	@echo "make test      lint, unit tests, the whole workflow on a tiny configuration"
	@echo "make test-all  also the long tests, all of it without AVX-512, and every fault"
	@echo "make test-cluster   the tiny workflow through a one-node Slurm, with faults"
	@echo "make test-faults    kills, full disks, damaged files, bad inputs; the tables in results/faults"
	@echo "make rehearse  the run on the real catalogues, against archives played on this machine"
	@echo "make mutants   changes the code in one place at a time: do the tests notice? hours"
	@echo "make audit     holds a finished run against itself: results/audit.md"
	@echo "make status    what of a run is done, what is missing; also beside a running one"
	@echo "make config    config/config.yaml and its reference page from workflow/transferz/settings"
	@echo "make peers     RAIL's estimators on the same splits, beside the strategies"
	@echo "make docs      the site of the documentation into site/"
	@echo "make notebook  runs the notebook of the tutorials again, on results/"
	@echo "make lock      refresh the locks from envs/*.in and the conda environments"

paper: $(INSTALLED)
# Splits first: if their bytes are the old ones, nothing is trained again (docs/how-to/restart.md).
	snakemake --cores all split
	snakemake --cores all
# Snakemake never waits for some sizes that its report has no use for, and Python warns of each.
	PYTHONWARNINGS=ignore:coroutine:RuntimeWarning snakemake --cores 1 --quiet all \
	    --report results/report.html --report-stylesheet workflow/report/report.css
	@echo "Open results/index.html (everything) or results/paper.pdf (the summary);"
	@echo "figures, tables and claims are in results/figures, results/tables, results/claims.md"
	@echo "results/index.html lists the studies that are not in it, with their commands"

install: $(INSTALLED)

test: machine lint unit workflow faults

# The first line of a report: what the tests ran on.
machine: $(INSTALLED)
	@PYTHONPATH=workflow python -c 'from importlib.metadata import version; \
	    from transferz.run.benchmarking import machine; \
	    print("TensorFlow", version("tensorflow"), "on", machine()["Processor"])'

# Before a release: with the long tests, again as on a processor without AVX-512, and every fault.
test-all:
	$(MAKE) test LONG=1
	$(MAKE) test-avx2 test-faults LONG=1

# On a processor with AVX-512 this plays one without; elsewhere it is `make test` once more.
test-avx2:
	XLA_FLAGS=--xla_cpu_max_isa=AVX2 ONEDNN_MAX_CPU_ISA=AVX2 $(MAKE) test

lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

unit: $(INSTALLED)
	pytest tests/unit $(WORKERS) $(CHOSEN)

workflow: $(INSTALLED)
	pytest tests/workflow $(WORKERS) --no-loadscope-reorder $(CHOSEN)

# A short form of the fault campaign: under a minute of CPU.
faults: $(INSTALLED)
	FAULTS=short FAULTS_REPORT=$(CURDIR)/results/faults/short pytest tests/faults

# The whole of it: kills at seeded moments of a run, damaged files and disks, every bad input.
test-faults: $(INSTALLED)
	FAULTS_REPORT=$(CURDIR)/results/faults pytest -s -rs tests/faults \
	    tests/unit/catalogues/test_bad_inputs.py tests/unit/settings/test_messages.py
	python tests/faults/summarise.py results/faults tests/faults/RESULT.md

# config/archive.yaml from the downloads to Figure 3, offline, and again with a kill in each stage.
rehearse: $(INSTALLED)
	pytest -s tests/rehearsal

# MODULES="catalogues/cuts ..." names some of those in tests/mutants/run.py. The tool is not in .venv.
mutants: $(INSTALLED)
	$(PYTHON) -m venv $(VENV)-mutants
	$(VENV)-mutants/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/mutants.txt
	python tests/mutants/run.py $(VENV)-mutants/bin $(MODULES)

audit: $(INSTALLED)
	snakemake --cores 1 --force audit

status: $(INSTALLED)
	@snakemake --cores 1 --nolock --quiet all -- status

# The tiny run through a one-node Slurm on this machine, with faults; about ten minutes on two cores.
# Skipped, with the reason, where Slurm is not installed. INSTALL=1 (as root, Debian or Ubuntu) runs
# `apt-get install slurm-wlm munge` first, and then a missing Slurm is a failure.
test-cluster: $(INSTALLED)
ifdef INSTALL
	python tests/cluster/slurm_node.py install
	TRANSFERZ_CLUSTER=required pytest -s -rs tests/cluster
else
	pytest -s -rs tests/cluster
endif

# The environment is complete or absent: an interrupted installation starts again.
$(INSTALLED): envs/requirements.txt
	@$(PYTHON) envs/check_machine.py
	@test ! -L $(VENV) || { echo "$(VENV) is a link: --clear would empty what it points to. Remove the link."; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/requirements.txt
	@touch $@

# After an edit of a setting; commit what changes.
config: $(INSTALLED)
	PYTHONPATH=workflow python -m transferz.settings.write

# The field's tools on the run's own splits, in an environment of their own; within the hour.
peers: $(PEERS)/.installed
	$(PEERS)/bin/snakemake --cores all peers

$(PEERS)/.installed: envs/peers.txt
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/peers.txt
	@touch $@

# The site has tools of its own, which the workflow does not need.
$(DOCS)/.installed: envs/docs.txt
	$(PYTHON) -m venv --clear $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/docs.txt
	@touch $@

docs: $(DOCS)/.installed
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

# The kernel has the packages of the workflow and the tools of the site.
notebook: $(INSTALLED) $(DOCS)/.installed
	PYTHONPATH=$(CURDIR)/workflow:$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
	    $(DOCS)/bin/jupyter execute --inplace docs/tutorials/notebook.ipynb

# Needs network access and a few seconds; commit the results.
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet uv
	for name in requirements docs mutants peers; do \
	    $(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	        --no-emit-index-url --custom-compile-command "make lock" \
	        $$(test $$name != peers || echo --constraint envs/requirements.txt) \
	        --output-file envs/$$name.txt envs/$$name.in || exit 1; \
	done
	rm -rf $(VENV)-lock
	$(PYTHON) envs/pin_conda.py

clean-venv:
	rm -rf $(VENV)
