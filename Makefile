# make table   the paper's Table 1 at mini size: results/table_mikasa.tex, and in the terminal
# make test    every test
# make page    the project page: results/site/index.html, opened where there is a desktop
# All set the machine up first (containers/setup.sh), and go on where they were interrupted.
.PHONY: table test page setup smoke check bundle clean
.DEFAULT_GOAL := table
# Without it every process parses torch's and transformers' sources again: 20 seconds instead of 8.
unexport PYTHONDONTWRITEBYTECODE

# Snakemake, Mesa and the simulators keep caches in the home folder: where that cannot be written, here.
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export XDG_CACHE_HOME ?= $(CURDIR)/.cache
endif

SNAKEMAKE := .venv/bin/snakemake

setup:
	@bash containers/setup.sh

table: setup
	@$(SNAKEMAKE) results/table_mikasa.tex results/sample.md results/figures/memory_effect.png
	@cat results/logs/table_mikasa.log
	@echo "LaTeX: results/table_mikasa.tex   page: results/table_mikasa.html   data: results/table_mikasa.csv"
	@echo "Pictures: results/figures/   one line an episode: results/records/"
	@echo "The paper's claims, decided on everything that can be evaluated here: snakemake results/claims.md"

# A process takes a file of tests, or those that belong together (tests/conftest.py). Five on two cores, for some tests
# mostly wait; no more, for each may hold 2 GB.
test: setup
	@.venv/bin/python -m pytest -n 5 --no-loadscope-reorder

# A browser is opened where somebody sees it; elsewhere the path is what one needs.
page: setup
	@$(SNAKEMAKE) results/site/index.html
	@echo "Page: $(CURDIR)/results/site/index.html"
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] && command -v xdg-open >/dev/null; then \
		xdg-open results/site/index.html >/dev/null 2>&1 || true; fi

# Everything trained from nothing, tiny: every table and figure, both simulators.
smoke: setup
	@$(SNAKEMAKE) --configfile config/smoke.yaml

# What CI checks beside the tests; all of it, even when the first fails.
check: setup
	@status=0; \
	.venv/bin/ruff check --quiet . || status=1; \
	.venv/bin/ruff format --quiet --check . || { echo "run: .venv/bin/ruff format ."; status=1; }; \
	.venv/bin/mypy || status=1; \
	.venv/bin/snakefmt --check Snakefile workflow/Snakefile workflow/rules || status=1; \
	$(SNAKEMAKE) --lint || status=1; \
	exit $$status

# Publish what `snakemake --config checkpoints=trained` made so far: policies, records, dvcstore/, data.dvc, both lists.
bundle: setup
	@bash workflow/scripts/bundle.sh results

clean:
	rm -rf results .snakemake
