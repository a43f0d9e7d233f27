# SPDX-License-Identifier: GPL-2.0
#
# Two makefiles in one: kbuild reads the first half, in a kernel tree
# (drivers/io_target/) and out of one (M=); people call the second. `make help`.

ifneq ($(KERNELRELEASE)$(obj),)

# The directory of this file, as kbuild of any version has found it.
io_target_dir := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

subdir-ccflags-y += -I$(io_target_dir)/include

ifneq ($(KBUILD_EXTMOD),)
# Out of tree no Kconfig is read: options come from the command line, and the
# compiler has to be told about them as autoconf.h would.
CONFIG_IO_TARGET ?= m
CONFIG_IO_TARGET_TRACE ?= $(CONFIG_TRACEPOINTS)
export CONFIG_IO_TARGET CONFIG_IO_TARGET_TRACE

io_target_options := $(sort $(filter CONFIG_IO_TARGET CONFIG_IO_TARGET_%,$(.VARIABLES)))
subdir-ccflags-y += $(foreach option,$(io_target_options), \
	$(if $(filter y,$($(option))),-D$(option)=1) \
	$(if $(filter m,$($(option))),-D$(option)_MODULE=1))
endif

obj-$(CONFIG_IO_TARGET) += module/
obj-$(CONFIG_IO_TARGET_KUNIT_TEST) += kunit/

else

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

KERNEL ?= default
PROFILE ?= debug
FILTER ?=
SCENARIO ?=
KDIR ?= /lib/modules/$(shell uname -r)/build
export KERNEL PROFILE FILTER SCENARIO

goals := help run test test-all test-stress quick times bench bench-check disasm meta check shell kernels modules modules_install clean \
	scenarios scenarios-quick
.PHONY: $(goals)

# A misspelt variable would change nothing, silently. kbuild has its own
# variables, so its targets take any, but no option that Kconfig does not have.
given := $(foreach v,$(.VARIABLES),$(if $(filter command line,$(origin $(v))),$(v)))
given := $(filter-out MAKE% -%,$(given))
options := $(addprefix CONFIG_,$(shell sed -n 's/^\(menu\)\{0,1\}config //p' Kconfig))
variables := KERNEL PROFILE FILTER FUNC LIMIT SCALE APPEND JOBS KERNEL_SRC STOCK_SUITE \
	STOCK_REFRESH IO_TARGET_CACHE JSON SCENARIO SCENARIO_DIR
bad := $(filter-out $(options),$(filter CONFIG_IO_TARGET%,$(given)))
ifeq ($(filter modules modules_install clean,$(MAKECMDGOALS)),)
bad := $(filter-out $(variables) $(options),$(given))
endif
ifneq ($(bad),)
$(error unknown variable $(bad); known here: $(if $(filter CONFIG_%,$(bad)),$(options),$(variables)))
endif

help:
	@echo 'Try it (QEMU, nothing is installed or loaded on this machine):'
	@echo '  make run              the demo driver at work on a stock Debian kernel'
	@echo '  make test             the KUnit suites, default kernel, debug profile'
	@echo '  make quick            the same on the newest kernel, at native speed, without QEMU'
	@echo '  make test-all         the same on the oldest, the default and the newest kernel'
	@echo '  make test-stress      the races alone, with their full counts'
	@echo '  make scenarios        real programs on pass-through devices; SCENARIO=<name or glob>'
	@echo '  make scenarios-quick  the same with smaller counts, 16 to 20 minutes'
	@echo '  make bench            what an I/O costs, in instructions, with the library and by hand'
	@echo '  make bench-check      the goals for that, on three kernels'
	@echo '  make disasm           the object code that each request goes through; FUNC=<names>'
	@echo '  make shell            a guest to type in, with the modules at hand'
	@echo '  make check            the static checks: style, sparse, warnings, documentation'
	@echo '  make meta             bad guests: the tests must fail when they should'
	@echo '  make times            measure the suites again, so that guests get even shares'
	@echo '  make kernels          build the kernels of the tests, list what is cached'
	@echo
	@echo 'Build it for a kernel of this machine:'
	@echo '  make modules          the modules, for the running kernel or KDIR=<build dir>'
	@echo '  make modules_install  install them (as root)'
	@echo '  make clean            remove what make modules made'
	@echo
	@echo 'Variables:'
	@echo '  KERNEL=oldest|default|newest|sid|<version> PROFILE=plain|debug   FILTER=<suite glob>'
	@echo '  KERNEL=all                               make scenarios: those of make test-all'
	@echo '  SCALE=<n>                                make test-stress: n times as many rounds, 20'
	@echo '  CONFIG_IO_TARGET_<X>=y|m                 make modules: an option of Kconfig'
	@echo '  KERNEL_SRC=<tree>  JOBS=<n>              another kernel tree; jobs of a build'
	@echo '  JSON=<file>                              make bench: a copy of the figures'
	@echo '  IO_TARGET_CACHE=<dir>                    kernels and results, ~/.cache/io_target'

run:
	@qemu/run.sh

test:
	@qemu/test.sh

test-all:
	@qemu/test.sh all

test-stress:
	@$(if $(filter file,$(origin KERNEL)),qemu/quick.sh,qemu/test.sh) stress

quick:
	@qemu/quick.sh

times:
	@qemu/quick.sh times
	@qemu/test.sh times

scenarios:
	@qemu/scenarios.sh

scenarios-quick:
	@qemu/scenarios.sh quick

# The kernel with which the goals were set, unless one is asked for.
bench: KERNEL := $(if $(filter file,$(origin KERNEL)),newest,$(KERNEL))
bench:
	@qemu/bench.sh

bench-check:
	@qemu/bench.sh check

disasm: KERNEL := $(if $(filter file,$(origin KERNEL)),newest,$(KERNEL))
disasm: PROFILE := $(if $(filter file,$(origin PROFILE)),plain,$(PROFILE))
disasm:
	@qemu/disasm.sh $(FUNC)

meta:
	@qemu/meta.sh

check:
	@qemu/check.sh

shell:
	@qemu/shell.sh

kernels:
	@qemu/kernel.sh build oldest plain >/dev/null
	@qemu/kernel.sh build default debug >/dev/null
	@qemu/kernel.sh build newest plain >/dev/null
	@qemu/kernel.sh list

modules modules_install: | have-kdir
	$(MAKE) -C $(KDIR) M=$(CURDIR) $@

clean: | have-kdir
	$(MAKE) -C $(KDIR) M=$(CURDIR) clean

.PHONY: have-kdir
have-kdir:
	@test -e $(KDIR)/Makefile || { \
		echo 'error: no kernel headers in $(KDIR): install linux-headers-$(shell uname -r), or give KDIR=<kernel build dir>' >&2; \
		exit 1; }

endif
