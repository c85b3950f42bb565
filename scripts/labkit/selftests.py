# SPDX-License-Identifier: GPL-2.0-only
"""The selftests with an L1 of our own: build them, run them in L0.

They need no guest image and no second level: one boot of L0 runs all of them.

	make selftests [TESTS='inval_page pte_faults:absent ...'] [L0=ours|peer] [PAGES=]
"""

import os
import re
import shutil
import sys

from labkit import chain, image, options, packages, paths
from labkit.kernel import Kernel
from labkit.ui import Step, logged

SOURCE = os.path.join(paths.TOP, "tools", "testing", "selftests", "powerpc", "kvm_nested")
OUTPUT = os.path.join(paths.BUILD, "selftests")
TAKEN = os.path.join(OUTPUT, "kvm_nested")
TIMEOUT = 1800
SUMMARY = re.compile(r"(\d+) passed, (\d+) failed")
SIDES = ("ours", "peer")


def build():
    """Compile the programs and put what L0 needs into one directory."""
    log = paths.log("selftests.build")
    logged(["make", "-C", SOURCE, f"O={OUTPUT}", f"-j{os.cpu_count()}"], log,
           "compiling the selftests")
    shutil.rmtree(TAKEN, ignore_errors=True)
    os.makedirs(TAKEN)
    for name in os.listdir(OUTPUT):
        if name.endswith("_test") or name in ("bench", "soak-run", "run.sh"):
            shutil.copy2(os.path.join(OUTPUT, name), TAKEN)


def boot(whose, pages, name, debug=None, more_words="", build=True, **more):
    """L0 alone with the selftests in /lab/kvm_nested, ready to run."""
    debug = options.debug() if debug is None else debug
    if build and options.choice("BUILD", ("0", "1"), "1") == "1":
        Kernel(f"{whose}-{pages}", debug).build()
    more.setdefault("timeout", options.number("TIMEOUT", 10, 86400, TIMEOUT))
    more.setdefault("strict", options.strict())
    spec = chain.ChainSpec(levels=0, whose=(whose,), pages=(pages,), extra=(TAKEN,), debug=debug,
                           append=f"{more_words} {options.value('APPEND')}".strip(), **more)
    run = chain.Chain(spec, name)
    run.prepare()
    return run


def saved_lines(run):
    """What the console said, without the times."""
    with open(run.console_path) as file:
        return [line.rstrip("\n")[9:] for line in file]


def verdict(run):
    """(passed, failed, lines about failures) of a run of run.sh."""
    lines = saved_lines(run)
    found = [SUMMARY.fullmatch(line) for line in lines]
    sums = [match for match in found if match]
    about, program = [], ""
    for number, line in enumerate(lines):
        if line.startswith("# selftests: "):
            program = line.rsplit("/", 1)[-1].split()[-1]
        elif line.startswith("not ok "):
            why = lines[number - 1] if lines[number - 1].startswith("#") else "#"
            about.append(f"{program}: {line[7:]} {why}")
    if not sums:
        return 0, 1, about + ["the run did not reach its end"]
    return int(sums[-1].group(1)), int(sums[-1].group(2)), about


def command(tests, whose, strict=""):
    """The shell command for L0.

    An unmodified kernel has no audit to read; only the strict emulator has quadrants.
    """
    audit = "KVM_NESTED_NO_AUDIT=1 " if whose == "peer" else ""
    quadrants = "KVM_NESTED_QUADRANTS=1 " if strict else ""
    return f"{audit}{quadrants}sh /lab/kvm_nested/run.sh {tests}"


def reason(whose="ours", pages="64k", tests="", name="selftests", debug="", strict=""):
    """Run them; None, or why that failed. For the matrix."""
    build()
    run = boot(whose, pages, name, debug, cpus=(2,), strict=strict,
               command=(0, command(tests, whose, strict)))
    run.run()
    passed, failed, about = verdict(run)
    run.clean()
    if (failed or not passed) and not run.stale():
        return "; ".join([f"{failed} of {passed + failed} failed"] + about[:3])
    return run.reason


def run_selftests():
    """make selftests: one boot, a line for each failure, and a sum."""
    whose = options.choice("L0", SIDES, "ours")
    pages = options.choice("PAGES", options.PAGES, "64k")
    packages.emulator()
    image.root_image()
    build()
    run = boot(whose, pages, options.value("NAME", "selftests"), cpus=(2,),
               command=(0, command(options.value("TESTS"), whose, options.strict())))
    with Step(f"selftests in L0, {whose}-{pages}") as step:
        good = run.run(step)
    passed, failed, about = verdict(run)
    print("\n".join(about))
    print(f"console: {paths.shown(run.console_path)}")
    if run.stale() or not (good or failed):
        print(f"FAILED: {run.reason}", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    run.clean()
    return 0 if good and passed and not failed else 1
