# SPDX-License-Identifier: GPL-2.0
#
# The entry point: builds the module and runs its tests and tools. `make help` lists the
# targets. The kernel's own build reads Kbuild, which says how to compile the module.

KERNEL ?= $(shell uname -r)

# The folder for downloads and builds. A missing cache is an error only for targets that use it
# (NEED_CACHE): DKMS builds the module without a HOME.
HOME_CACHE := $(or $(XDG_CACHE_HOME),$(if $(HOME),$(HOME)/.cache))
CACHE_NAME := $(or $(strip $(RDNA1_CACHE)),$(if $(HOME_CACHE),$(HOME_CACHE)/rdna1-kfd-guard))
CACHE      := $(if $(word 2,$(CACHE_NAME)),,$(abspath $(CACHE_NAME)))
NEED_CACHE  = $(if $(CACHE),,$(error $(if $(CACHE_NAME),the cache folder cannot have a blank \
	in its name: $(CACHE_NAME). Name another with RDNA1_CACHE=folder,no place for the cache: HOME \
	is not set. Name a folder with RDNA1_CACHE=folder)))
ifneq ($(CACHE),)
override export RDNA1_CACHE := $(CACHE)
endif

# Debian's headers lack the Rust metadata. Use the folder from `make metadata` if it exists for
# this kernel.
METADATA := $(CACHE)/metadata/$(KERNEL)
HEADERS  ?= /lib/modules/$(KERNEL)/build
KDIR     ?= $(if $(and $(CACHE),$(wildcard $(METADATA)/Makefile)),$(METADATA),$(HEADERS))

# The kernel's own compilers, unless the user names others on the command line. Compilers in the
# environment are meant for other programs: the kernel's build ignores them, too.
GIVEN     = $(foreach v,CC RUSTC BINDGEN PAHOLE,$(if $(filter command,$(origin $v)),$v='$($v)'))
AS_GIVEN  = env -u CC -u RUSTC -u BINDGEN -u PAHOLE $(GIVEN)
TOOLCHAIN = $(shell $(AS_GIVEN) scripts/toolchain.sh '$(KDIR)')

# `make module` cleans first when any of these changed: objects of both must not be mixed.
BUILT_WITH = $(KDIR) $(TOOLCHAIN) $(shell stat -c %Y '$(KDIR)/Module.symvers')

# Each checkout has its own target folder, even if the environment sets another: in a shared
# folder cargo confuses two checkouts of this project and builds the wrong one.
ifneq ($(CACHE),)
CHECKOUT := $(firstword $(shell printf %s '$(CURDIR)' | sha256sum | cut -c 1-16))
export CARGO_TARGET_DIR := $(CACHE)/cargo-target/$(CHECKOUT)
endif
# cargo and xtask count their own jobs: do not pass make's to them.
CARGO   ?= cargo
ALONE    = env -u MAKEFLAGS
XTASK    = $(CARGO_TARGET_DIR)/x86_64-unknown-linux-gnu/harness/xtask
RUN      = $(ALONE) $(XTASK) --project '$(CURDIR)/selftests' --cache '$(CACHE)' $(if $(UPDATE),--update) \
	$(if $(ALLOW_EXPIRED),--allow-expired-release) \
	$(if $(filter command environment,$(firstword $(origin KERNEL))),--kernel '$(KERNEL)')
GUESTS   = $(if $(COLD),--cold) $(if $(KEEP),--keep) $(if $(JOBS),--jobs '$(JOBS)') \
	$(if $(TIMEOUT),--timeout '$(TIMEOUT)') $(if $(WORDS),--words '$(WORDS)')
SHOWN    = $(if $(KTAP),--ktap) $(if $(REPORT),--report '$(REPORT)')

# Installing into a staging folder needs no root's rights; installing into the system does.
STAGE := $(DESTDIR)$(INSTALL_MOD_PATH)
SUDO  ?= $(if $(STAGE),,$(if $(filter 0,$(shell id -u)),,sudo))

.PHONY: module demo test torture list shell bench bench-start provision resolved prune metadata install \
	packages test-packages uninstall clean clippy fuzz fuzz-coverage harness preflight help
.DEFAULT_GOAL := module
MAKEFLAGS += --no-builtin-rules

module: preflight
	@with='$(BUILT_WITH)'; [ "$$with" = "$$(cat .built-with 2> /dev/null)" ] || \
		{ $(MAKE) -s clean && echo "$$with" > .built-with; }
	@$(MAKE) --no-print-directory -C '$(KDIR)' M='$(CURDIR)' $(TOOLCHAIN) modules

preflight:
	$(if $(word 2,$(CURDIR)),$(error the kernel cannot build in a folder with blanks: $(CURDIR)))
	@$(AS_GIVEN) scripts/preflight.sh '$(KDIR)'

metadata:
	$(NEED_CACHE)
	@scripts/debian-metadata.sh '$(KERNEL)' '$(CACHE)/metadata'

# Host packages for this project, beside those that modproof needs: libFuzzer is C++, rdna1ctl
# has a BPF program, bindgen loads libclang. libclang-cpp is a different library.
LIBCLANG   = /usr/lib/llvm-*/lib/libclang.so* /usr/lib/*/libclang.so* /usr/lib/*/libclang-[0-9]*.so* \
	/usr/lib64/libclang.so*
HOST_NEEDS = g++=g++ clang=clang '$(LIBCLANG)=libclang-dev'

# The first build takes half a minute and shows progress; later builds are quiet. It is not
# optimised, so it is ready sooner than if it shared crates with the guests' programs.
harness:
	$(NEED_CACHE)
	@qemu/host-setup.sh $(HOST_NEEDS)
	@mkdir -p '$(CARGO_TARGET_DIR)' && echo '$(CURDIR)' > '$(CARGO_TARGET_DIR)/checkout'
	@$(ALONE) env -u RUSTFLAGS $(CARGO) build --locked --profile harness $(if $(wildcard $(XTASK)),--quiet) \
		--config qemu/.cargo/config.toml -p xtask

demo: harness
	@$(RUN) demo $(GUESTS) $(if $(LIE),--lie '$(LIE)')

test: harness
	@$(RUN) test $(GUESTS) $(if $(FILTER),--filter '$(FILTER)') $(if $(FULL),--full) $(SHOWN)

# A storm prints nothing while it runs, so only the timeout limits it.
torture: harness
	@$(RUN) test --torture --words 'modproof.rounds=$(or $(ROUNDS),10000)' \
		--timeout $(or $(TIMEOUT),14400) $(if $(JOBS),--jobs '$(JOBS)') \
		$(if $(FILTER),--filter '$(FILTER)') $(SHOWN)

list: harness
	@$(RUN) test --list $(if $(TORTURE),--torture) $(if $(FILTER),--filter '$(FILTER)')

shell: harness
	@$(RUN) shell $(if $(COLD),--cold) $(if $(TIMEOUT),--timeout '$(TIMEOUT)')

bench: harness
	@$(RUN) bench $(if $(ACCEPT),--accept) $(if $(FILTER),--filter '$(FILTER)') \
		$(if $(KEEP),--keep) $(if $(TIMEOUT),--timeout '$(TIMEOUT)')

bench-start: harness
	@$(RUN) bench-start '$(or $(CASE),stock/no-card)'

fuzz: harness
	@$(ALONE) scripts/fuzz.sh '$(or $(INPUT),$(RUNS),0)' $(LENGTH)

fuzz-coverage: harness
	@$(ALONE) scripts/fuzz-coverage.sh

packages: harness
	@$(RUN) packages '$(or $(TO),$(CACHE)/packages)'

test-packages: harness
	@$(RUN) test-packages $(GUESTS)

provision resolved: harness
	@$(RUN) $@

prune: harness
	@$(RUN) prune $(if $(YES),--yes)

clippy:
	$(NEED_CACHE)
	@$(ALONE) $(CARGO) clippy --locked --workspace --all-targets -- -D warnings

install:
	@SUDO='$(SUDO)' scripts/install.sh install '$(KDIR)' '$(STAGE)'

uninstall:
	@SUDO='$(SUDO)' scripts/install.sh uninstall '$(KDIR)' '$(STAGE)'

# Does not use the kernel's build: its headers may be gone by now.
clean:
	@find . \( -name .git -o -name target \) -prune -o -type f \( -name '*.o' -o -name '*.ko' \
		-o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' -o -name modules.order \
		-o -name Module.symvers \) -exec rm -f {} +
	@rm -f .built-with rust-bindings/kfd_uapi.rs

help:
	@echo 'make              build the module for the running kernel'
	@echo '                    KDIR=folder    for another kernel build folder'
	@echo '                    CC=, LLVM=, RUSTC=   other compilers than the kernel'\''s'
	@echo 'make demo         boot a stock kernel with a virtual card; show what the module says'
	@echo '                    LIE=rule       the card lies in the way of that rule, as bank-flags'
	@echo 'make test         run the checks; the last line counts them'
	@echo '                    FULL=1         also those that take long, and a part of them on the'
	@echo '                                   kernel with sanitizers: what .ci/run does'
	@echo '                    FILTER=glob    only groups of that name, or SUITE/CASE;'
	@echo '                                   KERNEL: before either picks kernels'
	@echo '                    KERNEL=name    that kernel (`make list KERNEL=all`), or all of them;'
	@echo '                                   so for demo, shell, bench-start, provision, resolved'
	@echo '                    REPORT=folder  put the report (HTML, JUnit, JSON, KTAP) there, too'
	@echo '                    KTAP=1         print it as KTAP, at the end'
	@echo '                    JOBS=n         so many guests at once; default: the cores,'
	@echo '                                   fewer where memory is short'
	@echo '                    KEEP=1         keep what guests were booted with, and a script'
	@echo '                                   that boots them again'
	@echo '                    TIMEOUT=s      the longest a guest may run'
	@echo '                    COLD=1         boot each guest; so for demo'
	@echo 'make torture      the storms, long, and boots in tight places, on all kernels: hours'
	@echo '                    ROUNDS=n       so many rounds; default: 10000, fewer where it is slow'
	@echo 'make shell        a prompt in a guest, with amdgpu, a virtual card and the module'
	@echo 'make list         show what FILTER can pick; TORTURE=1   of make torture'
	@echo 'make bench        count what the module costs, in instructions, beside what else there is'
	@echo '                    ACCEPT=1       write the record that make test expects, and'
	@echo '                                   the tables and the plot in docs/performance.md'
	@echo 'make bench-start  time a case (CASE=SUITE/CASE) from the start of make, warm and cold'
	@echo 'make fuzz         fuzz the core, until Ctrl-C'
	@echo '                    RUNS=number    so many inputs; INPUT=file   that one again'
	@echo '                    LENGTH=bytes   none longer than that; default: 4096'
	@echo 'make fuzz-coverage   which lines of the core the fuzzer has reached so far'
	@echo 'make provision    only fetch and prepare what demo and test need'
	@echo '                    UPDATE=1       take the newest kernel; so for demo and test'
	@echo '                    ALLOW_EXPIRED=1   take a mirror whose Release file is expired;'
	@echo '                                   so for demo and test'
	@echo 'make resolved     show which kernels and packages were taken'
	@echo 'make prune        show what the cache holds; YES=1 removes what is not needed'
	@echo 'make metadata     Debian: make the Rust metadata that its kernel headers lack'
	@echo '                    KERNEL=abi     for another kernel than the running one'
	@echo 'make install      install the module (DESTDIR, INSTALL_MOD_PATH are respected)'
	@echo 'make uninstall    remove what install has installed'
	@echo 'make packages     make the Debian packages, from the last commit'
	@echo '                    TO=folder      put them there; default: packages in the cache'
	@echo 'make test-packages   install them in a new root, upgrade, remove; boot what DKMS built'
	@echo 'make clean        remove what building the module has made'
	@echo 'make clippy       look over the Rust code on the host'
	@echo
	@echo 'Downloads and builds are kept in $(or $(CACHE),no place yet: HOME is not set or has a blank)'
	@echo '(RDNA1_CACHE=folder for another place).'
