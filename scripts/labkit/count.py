# SPDX-License-Identifier: GPL-2.0-only
"""make count: what a guest pays, in time base ticks of a counting emulator.

The emulator counts instructions instead of time, so that results repeat. The same tiny
VMM (tools/lab/count) measures a plain guest in L0 and a nested guest in L1, once with
the kernel of ours at both levels and once with the peer's.
"""

import os

from labkit import chain, image, options, packages, paths
from labkit.kernel import CROSS, Kernel
from labkit.ui import LabError, Step, logged

SOURCE = os.path.join(paths.TOP, "tools", "lab", "count")
BINARY = os.path.join(paths.BUILD, "count")
TIMEOUT = 900
REPEATS_WITHIN = 1.005
SHOWN = {0: "plain guest", 1: "nested guest"}


def build():
    """Compile the VMM for POWER."""
    logged([CROSS + "gcc", "-O2", "-static", "-Wall", "-Wextra", "-o", BINARY,
            os.path.join(SOURCE, "count.c"), os.path.join(SOURCE, "guest.S")],
           paths.log("count.build"), "compiling tools/lab/count")


def measure(whose, pages):
    """Return {level: {operation: ticks}} with the kernel of @whose at both levels."""
    if options.choice("BUILD", ("0", "1"), "1") == "1":
        Kernel(f"{whose}-{pages}").build()
    first = {level: f"/lab/count {level}" for level in SHOWN}
    spec = chain.ChainSpec(levels=1, whose=(whose,), pages=(pages,), first=first, count=True,
                           huge=options.choice("HUGE", ("0", "1"), "1") == "1",
                           timeout=TIMEOUT, extra=(BINARY,))
    run = chain.Chain(spec, f"count-{whose}-{pages}")
    run.prepare()
    with Step(f"count with {whose}-{pages} at both levels") as step:
        if not run.run(step):
            raise LabError(f"the measurement did not finish: {run.reason}; console: "
                           + paths.shown(run.console_path))
    if not all(run.console.levels[level].counts for level in SHOWN):
        raise LabError(f"a level printed no counts; console: {paths.shown(run.console_path)}")
    run.clean()
    return {number: level.counts for number, level in run.console.levels.items()}


def compare():
    """Measure both kernels and print them side by side; 1 if ours is above the peer."""
    pages = options.choice("PAGES", options.PAGES, "64k")
    packages.emulator()
    image.root_image()
    build()
    ours, peer = measure("ours", pages), measure("peer", pages)
    rows = [("guest", "operation", "ours", "peer", "ratio")]
    above = 0
    for level, name in SHOWN.items():
        for operation, ticks in ours[level].items():
            other = peer[level][operation]
            above += ticks > other * REPEATS_WITHIN
            rows.append((name, operation, ticks, other, f"{ticks / other:.3f}"))
    print(f"\nticks of the time base (1.953 instructions each), {pages} pages\n")
    print("\n".join(chain.format_table(rows)))
    return 1 if above else 0
