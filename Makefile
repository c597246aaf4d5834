# SPDX-License-Identifier: GPL-2.0-only
# The commands of the README. All of them prepare what they need first.
#   make help   lists targets and variables

ARCHES := x86_64 arm64 i386 armhf
VENV := .venv
PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

KERNEL ?= debian:bookworm
RESULTS ?= results
JOBS ?= auto
ISOLATION ?=
RETRIES ?=
VMCORE ?=
ACCEL ?= auto
TIMEOUT_SCALE ?= 1
TESTS ?=

APPEND ?=

# A variable's value as one word of the shell, whatever is in it.
quoted = '$(subst ','\'',$(value $(1)))'
# An option with a variable's value; nothing where that is empty.
given = $(if $(value $(2)),$(1)$(call quoted,$(2)))

# What the commands are told, in groups that several of them have.
MACHINE = $(call given,--accel=,ACCEL) $(call given,--timeout-scale=,TIMEOUT_SCALE)
SETTINGS = --kernel=$(call quoted,KERNEL) $(MACHINE) $(call given,--append=,APPEND)
CASES = $(call given,-n,JOBS) $(call given,--isolation=,ISOLATION) \
	$(call given,--retries=,RETRIES) $(call given,-k,TESTS)

.DEFAULT_GOAL := help
# Two that install packages at the same time would be in each other's way.
.NOTPARALLEL:
.PHONY: help test check lint clean sabotage bench debug matrix mutation nightly soak goldens $(foreach a,$(ARCHES),test-$(a) shell-$(a) deps-$(a)) deps

help:
	@echo "make test-x86_64      boot a kernel and verify userfaultfd minor faults in it"
	@echo "make test-arm64       the same on arm64; also test-i386, test-armhf"
	@echo "make test             all four, one after the other"
	@echo "make check            the harness's own tests, real VMs included"
	@echo "make shell-x86_64     a shell in a booted guest; also -arm64, -i386, -armhf"
	@echo "make matrix           Debian's kernels from 5.10 to 7.x, one table (RESUME=1: go on with it)"
	@echo "make nightly          a part of it: bookworm's, trixie's and sid's kernels"
	@echo "make debug            kernels that look for bugs themselves (KASAN, lockdep, ...): built, then run"
	@echo "make sabotage         show every case failing under every fault built for it"
	@echo "make mutation         kernels with deliberate bugs, and which cases notice (hours)"
	@echo "make soak             break 200 VMs in mid-case, and see that nothing is lost or left behind"
	@echo "make goldens LOGS=dir  score the reader of splats on logs that have a TITLE: header"
	@echo "make bench            what a user waits for: boots, clones, cases, memory (an hour or two)"
	@echo "make deps             install what this machine lacks (done by the others too)"
	@echo "make clean            remove .venv; the cache and the results stay"
	@echo
	@echo KERNEL=$(call quoted,KERNEL)
	@echo "    debian:SUITE[:FLAVOUR][=VERSION], a kernel image, a kernel build tree, a"
	@echo "    linux-image .deb, make tar-pkg's tar, a tuxmake artifact folder, or an unpacked package"
	@echo RESULTS=$(call quoted,RESULTS)"       where the results folder of a run is made"
	@echo JOBS=$(call quoted,JOBS)"             VMs at the same time; auto: as CPUs and memory allow"
	@echo "ISOLATION=vm          cases share a VM; case: a fresh one for each"
	@echo "RETRIES=3             how often a failure is run again, in fresh VMs"
	@echo "VMCORE=               no: do not dump the memory of a guest that crashed"
	@echo "TESTS='continue and not race'   run a part: pytest's -k expression"
	@echo "APPEND='page_owner=on'   words for the kernel's command line"
	@echo ACCEL=$(call quoted,ACCEL)"            auto, kvm or tcg"
	@echo TIMEOUT_SCALE=$(call quoted,TIMEOUT_SCALE)"       factor on every time limit, for slow machines"

$(INSTALLED): requirements.lock pyproject.toml | deps-python
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation -e .
	@touch $@

.PHONY: deps-python
deps-python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"harness: python3 is %d.%d, 3.11 or newer is needed" % sys.version_info[:2])' || exit 2
	@python3 -m harness.host.deps python

deps:
	@python3 -m harness.host.deps

$(foreach a,$(ARCHES),deps-$(a)): deps-%:
	@python3 -m harness.host.deps $*

$(foreach a,$(ARCHES),test-$(a)): test-%: deps-% $(INSTALLED)
	@$(PYTHON) -m harness run --arch $* $(SETTINGS) --results=$(call quoted,RESULTS) $(CASES) \
		$(if $(filter no,$(VMCORE)),--no-vmcore)

# Every architecture runs, whatever the others say; the first bad exit code is the result.
test:
	@code=0; for arch in $(ARCHES); do \
		$(MAKE) --no-print-directory test-$$arch; this=$$?; \
		[ $$code -ne 0 ] || code=$$this; \
	done; exit $$code

# The kernels and architectures of harness/matrix/cells.toml, and of it what is called nightly.
# RESUME=1 goes on with the last one: what was not run, was cut, or could not be tested.
MATRIX = $(PYTHON) -m harness matrix $(MACHINE) $(call given,--append=,APPEND) \
	--results=$(call quoted,RESULTS) $(CASES) $(if $(RESUME),--resume)

matrix: deps $(INSTALLED)
	@$(MATRIX)

nightly: deps $(INSTALLED)
	@$(MATRIX) --set nightly

# The debug kernels of harness/matrix/debug.toml, built from Debian's source where they are not yet:
# some minutes each. SET=short is one of them, SET=newest those of the newest release;
# DEBUG=debug:kasan:trixie,... names some.
debug: $(INSTALLED)
	@python3 -m harness.host.deps x86_64 kernel
	@$(subst --results '$(RESULTS)',--results '$(RESULTS)/debug',$(MATRIX)) \
		--cells harness/matrix/debug.toml $(if $(SET),--set '$(SET)') \
		$(if $(DEBUG),--kernel '$(DEBUG)')

$(foreach a,$(ARCHES),shell-$(a)): shell-%: deps-% $(INSTALLED)
	@$(PYTHON) -m harness shell --arch $* $(SETTINGS)

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# A file's tests share a VM, so a file is the unit of distribution.
check: deps lint
	$(VENV)/bin/pytest host_tests -n 2 --dist loadfile

# Each fault that guest_tests/sabotage can build in, and every case that must notice it.
sabotage: deps-x86_64 $(INSTALLED)
	SABOTAGES=all $(VENV)/bin/pytest host_tests/vm/test_sabotage.py

# MUTANTS='continue-*' tries some, SURVIVORS=1 only those that no case has caught yet, STOP_AFTER=3
# ends each run after three cases that fail, REPORT=docs/mutation.md writes the table there,
# KNOWN=1 tries nothing and shows what is known.
mutation: $(INSTALLED)
	@python3 -m harness.host.deps x86_64 i386 kernel
	@$(PYTHON) -m harness mutation $(MACHINE) $(call given,-n,JOBS) \
		--results=$(call quoted,RESULTS)/mutation $(if $(SURVIVORS),--survivors) \
		$(if $(KNOWN),--known) $(call given,--stop-after=,STOP_AFTER) \
		$(call given,--report=,REPORT) $(foreach mutant,$(MUTANTS),$(call quoted,mutant))

# STARTS=20 breaks so many; SEED=7 draws the same again, and goes on with what was interrupted;
# KINDS=panic,oom does these alone (harness/selftest/soak/kinds.py has all); SOAK_ARCH=arm64.
soak: deps $(INSTALLED)
	@$(PYTHON) -m harness soak --kernel=$(call quoted,KERNEL) $(MACHINE) \
		--results=$(call quoted,RESULTS)/soak $(call given,--starts=,STARTS) \
		$(call given,--seed=,SEED) $(call given,--kinds=,KINDS) $(call given,--arch=,SOAK_ARCH)

# LOGS is a folder of logs in syzkaller's format, such as its pkg/report/testdata/linux/report;
# ALL=1 takes old kernels' and unknown ones' too, WRONG=1 lists what is not as its title says.
goldens: $(INSTALLED)
	@$(if $(LOGS),,$(error make goldens LOGS=folder: which folder are the logs in?))
	@$(PYTHON) -m harness goldens $(call quoted,LOGS) $(if $(ALL),--all) $(if $(WRONG),--wrong)

# PARTS=cold,warm,peers measures a part; peers fetches virtme-ng from where pip is set to.
bench: deps $(INSTALLED)
	@mkdir -p $(call quoted,RESULTS)
	@for arch in $(ARCHES); do \
		$(PYTHON) -m harness bench --arch $$arch $(SETTINGS) $(call given,--parts=,PARTS) \
			--json=$(call quoted,RESULTS)/bench-$$arch.json || exit; done

clean:
	rm -rf $(VENV)
