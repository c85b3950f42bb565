# SPDX-License-Identifier: GPL-2.0-only
"""The user-space tests of the pure code, beyond what 'make test' runs of them.

	make fuzz [TIME=60]		each libFuzzer target for TIME seconds
	make stress [SEED=]		2 * 10^7 random operations against the model
	make mutants [NAMES=...]	deliberate faults, each of which a test must catch
"""

import os
import re
import subprocess

from labkit import options, paths
from labkit.ui import LabError, Step, start, stop_group, tail

DIRECTORY = os.path.join(paths.TOP, "tools", "testing", "kvm-ppc-nested")
COVERAGE = re.compile(r"TOTAL\s+\d+\s+\d+\s+(\d+%)")
FUZZ_STATUS = re.compile(r"#\d+\s+\w+\s+cov: \d+.*exec/s: \d+|stat::|^INFO: Running")
LONGEST = 7 * 86400


def coverage(log):
    """'lines 98%, branches 93%' of the pure files as the checks have put it in @log."""
    with open(log, errors="replace") as file:
        found = COVERAGE.findall(file.read())
    if len(found) < 2:
        raise LabError(f"the user-space tests did not say what they cover: {paths.shown(log)}")
    return f"lines {found[-2]}, branches {found[-1]}"


def stream(target, log, what, show, **variables):
    """Run a target of the harness; @show(line) prints a line, or names what goes on."""
    command = ["make", "-C", DIRECTORY, target,
               *(f"{name}={value}" for name, value in variables.items() if value)]
    paths.make_directory(paths.LOGS)
    with open(log, "w") as save, Step(what) as step:
        process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip("\n")
                print(line, file=save, flush=True)
                phase = show(line)
                step.title = f"{what} ({phase})" if phase else step.title
            status = process.wait()
        finally:
            stop_group(process)
            step.title = what
    if status:
        raise LabError(f"{what} failed; full log: {paths.shown(log)}", tail(log))


def fuzz():
    seconds = options.number("TIME", 1, LONGEST, 60)
    stream("fuzz", paths.log("fuzz"), f"fuzz each target for {seconds} s",
           lambda line: line.strip()[:60] if FUZZ_STATUS.search(line) else None, TIME=seconds)


def stress():
    seed = options.number("SEED", 1, 2 ** 31, 0) if options.value("SEED") else ""
    stream("long", paths.log("stress"), "20 million random operations",
           lambda line: print(line, flush=True) if line.startswith(("ok", "not ok", "#")) else None,
           SEED=seed)


def mutants():
    """A line for each fault as its fate is known."""
    log = paths.log("mutants")
    stream("mutants", log, "plant faults in the pure files",
           lambda line: print(line, flush=True) if ": " in line or "caught" in line else None,
           NAMES=options.value("NAMES"))
