# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel built with a debug fragment finds, and whether it is about our code.

kmemleak and KCSAN look at the whole kernel.  A finding counts if it names a function
that is compiled from a file of the overlay: a leak anywhere in its backtrace, a race
among the innermost frames of one of the two accesses.
"""

import os
import re

from labkit import source
from labkit.kernel import CROSS
from labkit.ui import output

RULE = "=" * 66
RACE = "BUG: KCSAN: "
ACCESS = re.compile(r"\b(?:read|write)\b.* to 0x")
FRAME = re.compile(r"([\w.]+)\+0x[0-9a-f]+/0x[0-9a-f]+")
CONSOLE_LEAD = re.compile(r"^ *[\d.]+ (?:\d\| )*(?:\[ *\d+\.\d+\](?:\[ *\w+\])? ?)?")
INNERMOST = 3


def our_functions(kernel):
    """Names of all functions that @kernel has from files of the overlay."""
    objects = [os.path.join(kernel.output, name[:-2] + ".o") for name in source.overlay_files()
               if name.startswith("arch/") and name.endswith(".c")]
    text = output([CROSS + "nm", *(path for path in objects if os.path.exists(path))])
    return {line.split()[2].split(".")[0] for line in text.splitlines()
            if len(line.split()) == 3 and line.split()[1] in "tT"}


def leak_reason(level, ours):
    """Why the leaks that @level reported fail the run, or None."""
    if level.leaks is None:
        return f"L{level.number} did not look for leaked memory"
    for leak in level.leaks:
        frames = leak.get("at", "").split(",")
        if any(frame.split(".")[0] in ours for frame in frames):
            return (f"L{level.number} leaked {leak.get('size')} bytes, allocated in "
                    + " < ".join(frames[:6]))
    return None


def races(lines):
    """The reports of KCSAN in console @lines, as [title, [frames of an access], ...]."""
    found, report = [], None
    for line in lines:
        text = CONSOLE_LEAD.sub("", line)
        if text.startswith(RACE):
            report = [text[len(RACE):]]
            found.append(report)
        elif report and text.startswith(RULE):
            report = None
        elif report and ACCESS.search(text):
            report.append([])
        elif report and len(report) > 1 and (frame := FRAME.search(text)):
            report[-1].append(frame.group(1).split(".")[0])
    return found


def is_ours(race, ours):
    return any(frame in ours for access in race[1:] for frame in access[:INNERMOST])


def race_reason(console, ours):
    """Why the races in the file @console fail the run, or None."""
    with open(console) as file:
        found = [race for race in races(file) if is_ours(race, ours)]
    if not found:
        return None
    titles = sorted({race[0].strip() for race in found})
    return f"{len(found)} races in our code: " + "; ".join(titles)
