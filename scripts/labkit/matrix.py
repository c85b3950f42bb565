# SPDX-License-Identifier: GPL-2.0-only
"""make test: the quick checks, the unit tests, then the matrix of chains.

A test is a name and a function that returns None, or the reason why it failed.  There
is no third outcome: what cannot run has failed.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from labkit import chain, checks, harness, image, kunit, layers, options, packages, paths
from labkit import selftests, source, strict
from labkit.chain import ChainSpec, EMULATED_L0
from labkit.kernel import Kernel
from labkit.ui import LabError, duration, logged, report, stop_all, tail

OURS = ("ours",)
MOST_TOGETHER = 4
LONGEST_LINE = 160
# The longest first, so that the others fit beside it.
CHAINS = (
    ("ours, L0 to L3, 64K", dict(whose=OURS, levels=3)),
    ("ours at every level, 64K", dict(whose=OURS)),
    ("our L0, peer L1, 64K", dict(whose=("ours", "peer"))),
    ("peer L0, our L1, 64K", dict(whose=("peer", "ours"))),
    ("the emulator's L0, our L1, 64K", dict(whose=(EMULATED_L0, "ours"))),
    ("ours at every level, 4K", dict(whose=OURS, pages=("4k",))),
    ("our L0 64K, our L1 4K, no huge pages", dict(whose=OURS, pages=("64k", "4k"), huge=False)),
    ("our L0 4K, our L1 64K, no huge pages", dict(whose=OURS, pages=("4k", "64k"), huge=False)),
    ("ours, two CPUs at every level, 64K", dict(whose=OURS, cpus=(2,))),
    ("ours, two CPUs and the debug kernel at every level, 64K",
     dict(whose=OURS, cpus=(2,), debug="debug")),
)


class Score:
    """Counts outcomes and prints one line for each."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def note(self, name, seconds, reason, log=None):
        word = "ok" if reason is None else "FAIL"
        print(f"{word:>4}  {duration(seconds):>12}  {name}", flush=True)
        if reason is None:
            self.passed += 1
            return
        self.failed += 1
        print(f"      reason: {reason}", flush=True)
        if log:
            print(f"      log:    {paths.shown(log)}, which ends with", flush=True)
            for line in tail(log) if os.path.exists(log) else []:
                print(f"      | {line[:LONGEST_LINE]}", flush=True)

    def run(self, name, function, log=None):
        begin = time.monotonic()
        try:
            reason = function()
        except LabError as error:
            report(error)
            reason = error.line
        self.note(name, time.monotonic() - begin, reason, log)


def complaints(found, log):
    """The reason for a list of complaints, which are all saved in @log."""
    if not found:
        return None
    paths.make_directory(paths.LOGS)
    with open(log, "w") as file:
        file.write("\n".join(found) + "\n")
    return f"{len(found)} complaints, the first: {found[0]}"


def quick_tests(score):
    log = paths.log("selftest")
    score.run("the lab's own tests", lambda: logged(
        [sys.executable, "-B", os.path.join(paths.TOP, "scripts", "selftest")], log,
        "scripts/selftest"), log)
    log = paths.log("layers")
    score.run("layers of the kernel files", lambda: complaints(
        layers.complaints(layers.read(paths.TOP)), log), log)
    log = paths.log("checkpatch")
    score.run("checkpatch", lambda: complaints(checks.checkpatch(), log), log)
    for pages, debug in (("64k", ""), ("4k", "debug")):
        kernel = checks.CheckKernel(pages, debug)
        log = kernel.log + ".complaints"
        config = pages + (", all debug options" if debug else "")
        score.run(f"W=1 and sparse, {config}",
                  lambda kernel=kernel, log=log: complaints(kernel.compile(), log), log)
    score.run("user-space tests of the pure code", harness_tests, paths.log("harness"))


def harness_tests():
    """Run them, and say what they cover."""
    log = paths.log("harness")
    logged(["make", "-C", harness.DIRECTORY, f"-j{os.cpu_count()}", "check"], log,
           "make check of the user-space tests")
    print(f"                    they cover of the pure files: {harness.coverage(log)}",
          flush=True)


def chain_name(title):
    return "test-" + "".join(c if c.isalnum() else "-" for c in title.lower()).replace("--", "-")


def run_chain(title, spec, score):
    """Boot one chain; its line comes when it is over."""
    run = chain.Chain(spec, chain_name(title))
    begin = time.monotonic()
    try:
        run.prepare()
        reason = None if run.run() else run.reason
    except LabError as error:
        reason = error.line
    if reason is None:
        run.clean()
    score.note(title, time.monotonic() - begin, reason, run.console_path)


def build_for(specs):
    """Build every kernel the chains need.  A kernel that does not build fails its chains."""
    for variant, debug in sorted({(spec.variant(n), spec.debug) for spec in specs
                                  for n in range(spec.top(), spec.levels + 1)}):
        try:
            Kernel(variant, debug).build()
        except LabError as error:
            report(error)


def chain_tests(score):
    chains = [(title, ChainSpec(**what)) for title, what in CHAINS]
    packages.emulator()
    image.root_image()
    build_for([spec for _, spec in chains])
    print(f"        ... boot {len(chains)} chains", flush=True)
    alone = [(title, spec) for title, spec in chains if max(spec.cpus) > 1]
    beside = [(title, spec) for title, spec in chains if max(spec.cpus) == 1]
    run_chains(beside, min(MOST_TOGETHER, os.cpu_count()), score)
    run_chains(alone, 1, score)
    selftest_tests(score)
    score.run("KUnit in L0, 64k, debug kernel", kunit.reason,
              os.path.join(paths.LOGS, "kunit.console"))
    strict_tests(score)


def strict_tests(score):
    """The selftests on an MMU that forgets nothing until it is told to."""
    score.run("the strict emulator can be built", lambda: strict.emulator() and None,
              paths.log("strict"))
    score.run("selftests, 64k, strict emulator",
              lambda: selftests.reason(name="selftests-strict", strict="report"),
              os.path.join(paths.LOGS, "selftests-strict.console"))
    score.run("vCPUs that move, where stale entries are used",
              lambda: selftests.reason(name="selftests-use", strict="use",
                                       tests="moving_vcpu"),
              os.path.join(paths.LOGS, "selftests-use.console"))


def selftest_tests(score):
    """An L1 of our own in one boot of L0, for each page size and on the debug kernel."""
    for pages, debug in [(pages, "") for pages in options.PAGES] + [("64k", "debug")]:
        name = "-".join(filter(None, ("selftests", pages, debug)))
        title = f"selftests with an L1 of our own, {pages}" + (debug and ", debug kernel")
        score.run(title, lambda pages=pages, debug=debug, name=name:
                  selftests.reason(pages=pages, debug=debug, name=name),
                  os.path.join(paths.LOGS, name + ".console"))


def run_chains(chains, together, score):
    """Boot @chains, @together of them at a time."""
    pool = ThreadPoolExecutor(together)
    try:
        for future in [pool.submit(run_chain, title, spec, score) for title, spec in chains]:
            future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        stop_all()
        raise
    pool.shutdown()


def run_tests(boots):
    """Run everything; return the exit status."""
    score = Score()
    begin = time.monotonic()
    source.pristine()
    quick_tests(score)
    if boots:
        chain_tests(score)
    print(f"\n{duration(time.monotonic() - begin)}")
    print(f"{score.passed} passed, {score.failed} failed", flush=True)
    return 1 if score.failed else 0
