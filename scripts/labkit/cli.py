# SPDX-License-Identifier: GPL-2.0-only
"""The commands behind the make targets."""

import os
import shutil
import signal
import subprocess
import sys

from labkit import bench, chain, harness, image, kunit, mail, matrix, mutants, options
from labkit import packages, paths, selftests, soak, source
from labkit.kernel import Kernel, VARIANTS, check_variant
from labkit.ui import EXIT_USAGE, LabError, Step, duration, report

DUMP_TOOL = os.path.join(paths.TOP, "tools", "kvm", "nested-dump", "nested-dump")
RAW_LINES = 6


def build_kernels(spec):
    """Build what the chain needs, each kernel once; BUILD=0 boots what there is."""
    if options.choice("BUILD", ("0", "1"), "1") == "0":
        return
    for variant in sorted({spec.variant(n) for n in range(spec.top(), spec.levels + 1)}):
        Kernel(variant, spec.debug).build()


def show_tables(run):
    """Summarize what the top level saved of debugfs radix."""
    text = run.saved("radix")
    if not text:
        print("\nno dump of the tables was taken")
        return False
    path = os.path.join(paths.LOGS, run.name + ".radix")
    with open(path, "w") as file:
        file.write(text)
    print(f"\nThe tables while the deepest level worked ({paths.shown(path)}):\n", flush=True)
    result = subprocess.run([sys.executable, DUMP_TOOL, "--raw", str(RAW_LINES), path])
    return result.returncode == 0


def command_setup(_arguments):
    packages.emulator()
    image.root_image()
    source.pristine()


def command_kernel(arguments):
    names = arguments or [options.value("VARIANT", "ours-64k")]
    for name in VARIANTS if names == ["all"] else names:
        check_variant(name)
    debug = options.debug()
    for name in VARIANTS if names == ["all"] else names:
        kernel = Kernel(name, debug)
        kernel.build()
        print(f"            {paths.shown(kernel.vmlinux())}")


def command_tree(_arguments):
    print(paths.shown(source.ours()))


def command_run(arguments):
    """Boot the chain the variables describe; -v shows its console."""
    spec = options.chain_spec()
    keep = options.keep()
    source.given_tree()
    packages.emulator()
    image.root_image()
    build_kernels(spec)
    run = chain.Chain(spec, options.value("NAME", "run"), verbose="-v" in arguments)
    run.prepare()
    if spec.interactive is not None:
        return interactive_run(run, keep)
    return finish_run(run, keep)


def interactive_run(run, keep):
    print("The terminal belongs to the chain now.  Ctrl-A X ends it.", flush=True)
    status = run.interact()
    if not keep:
        run.clean()
    return status


def finish_run(run, keep):
    with Step(f"run {run.spec.title()}") as step:
        passed = run.run(None if run.verbose else step)
    dumped = show_tables(run) if run.expected and run.console.levels[run.spec.top()].done else True
    print()
    print("\n".join(run.table()))
    print(f"\nconsole: {paths.shown(run.console_path)}   time: {duration(run.seconds)}")
    if keep:
        print(f"kept: {paths.shown(run.directory)}")
    else:
        run.clean()
    if not passed:
        print(f"FAILED: {run.reason}", file=sys.stderr)
    return 0 if passed and dumped else 1


def command_test(_arguments):
    return matrix.run_tests(boots=True)


def command_test_quick(_arguments):
    return matrix.run_tests(boots=False)


def command_selftests(_arguments):
    return selftests.run_selftests()


def command_kunit(_arguments):
    return kunit.run()


def command_mutants(_arguments):
    return mutants.run()


def command_fuzz(_arguments):
    return harness.fuzz()


def command_stress(_arguments):
    return harness.stress()


def command_soak(_arguments):
    return soak.run()


def command_series(_arguments):
    with Step("make the series"):
        patches = mail.make_series()
    for patch in patches:
        print(f"            {paths.shown(patch)}")


def command_bench(_arguments):
    return bench.bench()


def command_update(_arguments):
    """Forget what was fetched; the next command that needs it fetches the newest."""
    with paths.lock("fetch"):
        for name in ("deb", "emulator", "userland", "apt"):
            shutil.rmtree(os.path.join(paths.CACHE, name), ignore_errors=True)


COMMANDS = {"setup": command_setup, "kernel": command_kernel, "tree": command_tree,
            "run": command_run, "test": command_test, "test-quick": command_test_quick,
            "selftests": command_selftests, "kunit": command_kunit, "soak": command_soak, "mutants": command_mutants,
            "fuzz": command_fuzz, "stress": command_stress, "series": command_series,
            "bench": command_bench,
            "update": command_update}


def raise_interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main(arguments):
    signal.signal(signal.SIGTERM, raise_interrupt)
    if not arguments or arguments[0] not in COMMANDS:
        print("usage: scripts/lab " + "|".join(COMMANDS), file=sys.stderr)
        return EXIT_USAGE
    try:
        return COMMANDS[arguments[0]](arguments[1:]) or 0
    except LabError as error:
        report(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        report(LabError(f"{error.strerror}: {error.filename}"))
    return EXIT_USAGE
