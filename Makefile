# SPDX-License-Identifier: GPL-2.0-only
#
# The commands of the project; 'make help' lists them.  The work is in scripts/.

VARIABLES := LEVELS CPUS MEM PAGES L0 L1 L2 L3 INTERACTIVE COMMAND AT APPEND EXTRA KEEP \
	     TIMEOUT DEBUG HUGE BUILD VARIANT KERNEL_SRC NAME TESTS ROWS SIDES REPEAT \
	     TIME SEED LIFE WITHOUT WHERE NAMES EMULATOR STRICT
export $(VARIABLES)

LAB := scripts/lab
unexport MAKEFLAGS

COMMANDS := setup run kernel tree test test-quick selftests kunit soak mutants fuzz stress \
	    series bench update

.PHONY: help $(COMMANDS) clean

help:
	@cat scripts/help

test test-quick mutants fuzz stress: NEED := test
bench: NEED := bench

$(COMMANDS):
	@scripts/need $(NEED)
	@$(LAB) $@

clean:
	rm -rf build
