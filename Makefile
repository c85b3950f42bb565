# SPDX-License-Identifier: GPL-2.0-only
#
# The commands of the project; 'make help' lists them.  The work is in scripts/.

VARIABLES := LEVELS CPUS MEM PAGES L0 L1 L2 L3 INTERACTIVE COMMAND AT APPEND EXTRA KEEP \
	     TIMEOUT DEBUG HUGE BUILD VARIANT KERNEL_SRC NAME TESTS
export $(VARIABLES)

LAB := scripts/lab
unexport MAKEFLAGS

.PHONY: help setup run kernel tree test test-quick selftests series count update clean

help:
	@cat scripts/help

test test-quick: NEED := test

setup run kernel tree test test-quick selftests series count update:
	@scripts/need $(NEED)
	@$(LAB) $@

clean:
	rm -rf build
