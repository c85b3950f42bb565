# SPDX-License-Identifier: GPL-2.0-only
"""make soak: random lives of L1s in L0 for a time, while the host is short of everything.

	make soak TIME=600 [SEED=7] [LIFE=0.37] [DEBUG=1|0|kcsan] [PAGES=] [CPUS=2]

The program is tools/testing/selftests/powerpc/kvm_nested/soak/.  A run fails if a life
sees what it must not see, an audit finds a leaf that is wrong, a kernel log has a
complaint, or something is not given back at the end.

It also fails, within a minute, if a thread of a life makes no step any more: the program
says which one, and where it is.  Where the program itself does not run any more, the kernel
names the thread (a soft lockup), and the emulator the functions that its CPUs are in.
"""

import random
import re
import sys

from labkit import image, options, packages, paths, selftests
from labkit.ui import Step, duration

DEFAULT_SECONDS = 600
# To boot, for the last lives to end, and to look for leaks.
BESIDES = 900
# The program reports every 10 s.
SILENCE = 50
LIFE = re.compile(r"[0-2]\.\d+")
STUCK = re.compile(r"soak: (.* is stuck: .*)")
LOCKUP = re.compile(r".*soft lockup - (.*) \[(\d+\.\d+)/(\w+):\d+\]")
SAID = re.compile(r"soak: |# ")


def life():
    """LIFE=WORKER.NUMBER: that one again and again, as a failed run has named it."""
    given = options.value("LIFE")
    if given and not LIFE.fullmatch(given):
        raise options.wrong("LIFE", given, "WORKER.NUMBER, such as 0.37")
    return given


def stuck(lines):
    """Who is stuck by the first line that says so, of the program or of the kernel; or None."""
    for line in lines:
        if found := STUCK.match(line):
            return found.group(1)
        if found := LOCKUP.match(line):
            return "life {1} is stuck: {2}, {0}".format(*found.groups())
    return None


def run():
    seconds = options.number("TIME", 1, 7 * 86400, DEFAULT_SECONDS)
    seed = options.number("SEED", 1, 2 ** 63, random.SystemRandom().randrange(1, 10 ** 6))
    pages = options.choice("PAGES", options.PAGES, "64k")
    without = options.value("WITHOUT")
    command = f"SOAK_WITHOUT='{without}' /lab/kvm_nested/soak-run {seed} {seconds} {life()}"
    cpus = options.number("CPUS", 2, options.MAX_CPUS, 2)
    debug = options.debug(default="1")
    packages.emulator()
    image.root_image()
    selftests.build()
    chain = selftests.boot("ours", pages, options.value("NAME", "soak"), debug, cpus=(cpus,),
                           timeout=seconds + BESIDES, command=(0, command), silence=SILENCE)
    print(f"seed {seed}, {duration(seconds)}, kernel {chain.spec.variant(0)} {debug}".rstrip())
    with Step("soak") as step:
        good = chain.run(step)
    lines = selftests.saved_lines(chain)
    print("\n".join(line for line in lines if SAID.match(line)))
    print(f"console: {paths.shown(chain.console_path)}")
    chain.clean()
    if not good:
        reasons = dict.fromkeys(filter(None, (stuck(lines), chain.silent, chain.reason)))
        print(f"FAILED: {'; '.join(reasons)}; again: make soak SEED={seed} TIME={seconds}",
              file=sys.stderr)
    else:
        print(f"passed: {duration(seconds)} with seed {seed}")
    return 0 if good else 1
