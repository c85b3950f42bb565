# SPDX-License-Identifier: GPL-2.0-only
"""The KUnit cases of arch/powerpc/kvm/tests in a booted L0.

	make kunit [PAGES=] [NAME=]

The debug kernel runs them before it starts user space.  The kernel's own kunit.py reads
what the console said; every case that the sources list must be among what passed, so a
case that was skipped, or never reached, has failed.
"""

import json
import os
import re
import sys
import tempfile

from labkit import debug, image, options, packages, paths, selftests, source
from labkit.ui import LabError, Step, output

TESTS = os.path.join(paths.TOP, "arch", "powerpc", "kvm", "tests")
LISTED = re.compile(r"\bKUNIT_CASE(?:_SLOW)?\((\w+)\)")
SAID = re.compile(r"# \w+: (EXPECTATION|ASSERTION) FAILED|arch/powerpc/kvm/tests/\w+\.c:\d+: ")
SUITES = "kvm_nested_*"
ENABLE = f"kunit.enable=1 kunit.filter_glob={SUITES}"


def listed():
    """The names of all cases in the sources."""
    names = []
    for name in sorted(os.listdir(TESTS)):
        if name.endswith("_kunit.c"):
            with open(os.path.join(TESTS, name)) as file:
                names += LISTED.findall(file.read())
    return names


def cases_of(group):
    """{name: status} of a group of kunit.py's JSON and of all groups in it."""
    found = {case["name"]: case["status"] for case in group.get("test_cases", [])}
    for below in group.get("sub_groups", []):
        found.update(cases_of(below))
    return found


def parsed(lines):
    """{case: status} of the kernel's @lines."""
    tool = os.path.join(source.ours(), "tools", "testing", "kunit", "kunit.py")
    with tempfile.TemporaryDirectory() as directory:
        log, result = (os.path.join(directory, name) for name in ("log", "json"))
        with open(log, "w") as file:
            file.writelines(line + "\n" for line in lines)
        output([sys.executable, "-B", tool, "parse", f"--json={result}", log], check=False)
        try:
            with open(result) as file:
                return cases_of(json.load(file))
        except (OSError, ValueError):
            raise LabError("the console has no results of KUnit") from None


def verdict(lines):
    """(number of cases that passed, what is wrong with others) of the kernel's @lines."""
    got = parsed(lines)
    wrong = [f"{name}: {got.get(name, 'did not run')}" for name in listed()
             if got.get(name) != "PASS"]
    return len(listed()) - len(wrong), wrong


def failures(lines):
    """What failed cases said of @lines."""
    return [line.strip() for line in lines if SAID.match(line.strip())]


def kernel_lines(console):
    """What the kernel said, without times."""
    with open(console, errors="replace") as file:
        return [debug.CONSOLE_LEAD.sub("", line.rstrip("\n")) for line in file]


def boot(pages, name, step=None):
    """Run them; (passed, what is wrong, what failures said, path of the console)."""
    run = selftests.boot("ours", pages, name, "debug", cpus=(2,), command=(0, "true"),
                         more_words=ENABLE)
    run.run(step)
    lines = kernel_lines(run.console_path)
    passed, wrong = verdict(lines)
    if not wrong and run.reason:
        wrong = [run.reason]
    run.clean()
    return passed, wrong, failures(lines), run.console_path


def reason(pages="64k", name="kunit"):
    """None, or why it failed.  For the matrix."""
    selftests.build()
    passed, wrong, said, _ = boot(pages, name)
    print(f"                    {passed} cases passed", flush=True)
    return "; ".join((wrong + said)[:4]) or None


def run():
    pages = options.choice("PAGES", options.PAGES, "64k")
    packages.emulator()
    image.root_image()
    selftests.build()
    with Step(f"KUnit in L0, ours-{pages}, debug kernel") as step:
        passed, wrong, said, console = boot(pages, options.value("NAME", "kunit"), step)
    print("\n".join(said + wrong))
    print(f"console: {paths.shown(console)}")
    print(f"{passed} passed, {len(wrong)} failed")
    return 1 if wrong else 0
