# SPDX-License-Identifier: GPL-2.0-only
"""make bench: what nesting costs, with our kernel and with the unmodified one, the peer.

Both are measured in the same run, side by side, several times.  The emulator counts
instructions instead of time (but for two vCPUs at once), so that nothing depends on how
busy this machine is.  What each row means and how it comes about is described in
Documentation/virt/kvm/ppc-nested-mmu.rst, "Measurements".

	make bench [SIDES=ours|peer|ours,peer] [ROWS=plain,nested_store,...] [REPEAT=n]
		   [PAGES=64k|4k]

A target that is missed is a word in the table; only a row without a number is a failure.
"""

import csv
import io
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from labkit import chain, image, options, packages, paths, plot, selftests
from labkit.kernel import CROSS, Kernel
from labkit.ui import LabError, Step, logged, output, stop_all

SOURCE = os.path.join(paths.TOP, "tools", "lab", "bench")
BINARY = os.path.join(paths.BUILD, "bench-vmm", "bench")
OUTPUT = os.path.join(paths.BUILD, "bench")
SIDES = ("ours", "peer")
TIMEOUT = 1200
REPEAT = 3
IDLE_SECONDS = 2
IDLE_ENOUGH = 0.9
ALIASES = (1, 16, 256, 4096, 65536)
REFAULTS = (1, 16, 256, 4096)
LEAVES = (1024, 16384, 131072)


@dataclass(frozen=True)
class Target:
    """What a row is to reach: @of is 'ratio', 'value', or the row that it is compared with."""

    limit: float
    of: str = "ratio"
    least: bool = False

    def text(self):
        sign = ">=" if self.least else "<="
        if self.of in ("ratio", "value"):
            return f"{self.of} {sign} {self.limit:g}"
        return f"{sign} {self.limit:g} x {self.of}"

    def met(self, ratio, value, others):
        """Whether it is; None if it cannot be told."""
        if self.of == "ratio":
            found = ratio
        elif self.of == "value":
            found = value
        else:
            found = value / others[self.of] if value is not None and others.get(self.of) else None
        if found is None:
            return None
        return found >= self.limit if self.least else found <= self.limit


@dataclass(frozen=True)
class Row:
    """One line of the table: @measure is what a program in @boot is told to do for it."""

    name: str
    title: str
    boot: str
    measure: str
    target: Target = None
    unit: str = "ticks"


def guest_rows():
    """The tiny VMM: a plain guest in L0, a nested guest in a Linux that is L1."""
    what = (("hypercall_kernel", "hypercall, answered in the kernel", 0.85),
            ("hypercall_user", "hypercall, answered in user space", 0.85),
            ("store", "cold store, a page", 0.65),
            ("load", "load, page present in user space only", 0.50),
            ("load_sparse", "the same for one page in 16", None))
    for name, title, limit in what:
        yield Row("plain_" + name, "plain guest: " + title, "guest", "plain " + name,
                  Target(1.0) if limit else None)
    for name, title, limit in what:
        yield Row("nested_" + name, "nested: " + title, "guest", "nested " + name,
                  Target(limit) if limit else None)
    yield Row("nested_unmap_64m", "nested: unmap of 64 MB in L1", "guest", "nested unmap_64m")
    yield Row("nested_unmap_64m_hypercalls", "nested: hypercalls of that unmap", "probe",
              "nested unmap_64m_hypercalls", Target(4, "value"), "hypercalls")


def bare_rows():
    """An L1 without an operating system: what L0 alone does."""
    for name, title, measure in (
            ("bare_round_trip", "L0 alone: enter L2, hypercall, back in L1", "round_trip"),
            ("bare_store", "L0 alone: store, entry of L1 present, a page", "faults"),
            ("bare_load", "L0 alone: load, entry of L1 present, a page", "faults"),
            ("bare_upgrade", "L0 alone: store where the leaf is read-only, a page", "faults"),
            ("inval_page", "L0 alone: invalidate one page", "inval"),
            ("inval_range_32", "L0 alone: invalidate a range of 32 pages", "inval"),
            ("inval_guest_512", "L0 alone: invalidate a guest of 512 pages", "inval")):
        yield Row(name, title, "bare", measure)
    for n in REFAULTS:
        yield Row(f"refault_{n}", f"re-fault after a whole-guest invalidation, {n}, a page",
                  "bare", "refault", Target(0.15))
    for n in ALIASES:
        flat = Target(1.02, "alias_store_1") if n == ALIASES[-1] else None
        yield Row(f"alias_store_{n}", f"store to a page with {n} aliases", "bare", "alias", flat)
    for n in ALIASES:
        yield Row(f"alias_unmap_{n}", f"unmap by L0 of a page with {n} aliases", "bare", "alias")
    yield Row("footprint", "shadow tables for 100 pages", "bare", "footprint", unit="bytes")


def other_rows():
    for n in LEAVES:
        flat = None if n == LEAVES[0] else Target(1.1, f"hold_{LEAVES[0]}")
        yield Row(f"hold_{n}", f"longest mmu_lock hold, whole-guest flush of {n} leaves",
                  "probe", "hold", flat)
    yield Row("pair_faults_one", "one vCPU faulting", "pair", "pair", unit="in a second")
    yield Row("pair_faults_two", "two vCPUs faulting together", "pair", "pair", unit="in a second")
    yield Row("pair_faults", "faults of two vCPUs: times those of one", "pair", "pair",
              Target(1.7, "value", least=True), "times")
    yield Row("pair_trips", "hypercalls of two vCPUs: times those of one", "pair", "pair",
              unit="times")
    yield Row("chain", "from the start of L1 to L2's user space", "chain", "chain", Target(0.90),
              "seconds")


ROWS = (*guest_rows(), *bare_rows(), *other_rows())


def selected(words):
    """The rows that @words ask for: by name, or by the beginning of it; all if there are none."""
    for word in words:
        if not any(is_called(row, word) for row in ROWS):
            raise options.wrong("ROWS", ",".join(words), "names of rows or beginnings of them, "
                                "like " + ", ".join(sorted({row.name.split("_")[0]
                                                            for row in ROWS})))
    return [row for row in ROWS if not words or any(is_called(row, word) for word in words)]


def is_called(row, word):
    return row.name == word or row.name.startswith(word + "_")


@dataclass(frozen=True)
class Wanted:
    """What the variables ask for."""

    rows: tuple
    sides: tuple
    repeat: int
    pages: str
    build: bool
    timeout: int

    def boots(self):
        return dict.fromkeys(row.boot for row in self.rows)


def wanted_sides():
    given = options.value("SIDES", ",".join(SIDES)).split(",")
    if not set(given) <= set(SIDES):
        raise options.wrong("SIDES", ",".join(given), "ours, peer, or both")
    return tuple(side for side in SIDES if side in given)


def wanted():
    """Read the variables."""
    words = [word for word in options.value("ROWS").split(",") if word]
    return Wanted(tuple(selected(words)), wanted_sides(), options.number("REPEAT", 1, 99, REPEAT),
                  options.choice("PAGES", options.PAGES, "64k"),
                  options.choice("BUILD", ("0", "1"), "1") == "1",
                  options.number("TIMEOUT", 10, 86400, TIMEOUT))


# --- one boot ---


def measures(rows, boot):
    """What the programs of @boot are told, each once, in the order of the rows."""
    return list(dict.fromkeys(row.measure for row in rows if row.boot == boot))


def bare_command(names, whose):
    audit = "KVM_NESTED_NO_AUDIT=1 " if whose == "peer" else ""
    return f"{audit}/lab/kvm_nested/bench 0 {' '.join(names)}"


def guest_command(level, prefix, asked):
    """One call of the VMM for all that is to be measured with @prefix, or ''."""
    names = [name for word, name in map(str.split, asked) if word == prefix]
    return f"/lab/bench {level} {prefix} {' '.join(names)}" if names else ""


def chain_spec(boot, whose, want):
    """The ChainSpec of @boot with the kernel of @whose at all levels."""
    asked = measures(want.rows, boot)
    common = dict(whose=(whose,), pages=(want.pages,), count=boot != "pair", timeout=want.timeout,
                  extra=(BINARY, selftests.TAKEN))
    if boot == "chain":
        return chain.ChainSpec(levels=2, first={2: "true"}, **common)
    if boot == "guest":
        first = {0: guest_command(0, "plain", asked), 1: guest_command(1, "nested", asked)}
        return chain.ChainSpec(levels=1 if first[1] else 0, first=first, **common)
    if boot == "probe":
        names = [name for name in asked if " " not in name]
        inner = guest_command(1, "nested", [name for name in asked if " " in name])
        first = {0: bare_command(names, whose) if names else "", 1: inner}
        return chain.ChainSpec(levels=1 if inner else 0, first=first, debug="probe", **common)
    return chain.ChainSpec(levels=0, first={0: bare_command(asked, whose)},
                           cpus=(2 if boot == "pair" else 1,), **common)


def numbers(console):
    """{row: number} of what was said on @console."""
    found = {}
    for level in console.levels.values():
        found.update(level.counts)
    for what in ("faults", "trips"):
        if f"pair_{what}_two" in found:
            found[f"pair_{what}"] = found[f"pair_{what}_two"] / found[f"pair_{what}_one"]
    if {0, 2} <= console.worked.keys():
        found["chain"] = round(console.worked[2] - console.worked[0], 2)
    return found


def boot_once(boot, whose, want):
    """({row: number}, why some are missing or None) of one boot."""
    run = chain.Chain(chain_spec(boot, whose, want), f"bench-{boot}-{whose}-{want.pages}")
    run.prepare()
    good = run.run()
    found = numbers(run.console)
    run.clean()
    return found, None if good else run.reason


# --- all of them ---


class Results:
    """What was measured: a list of numbers for each side and row, and what went wrong."""

    def __init__(self):
        self.numbers = {}
        self.reasons = {}
        self.idle = []

    def add(self, side, boot, rows, found, reason):
        for row in rows:
            if row.boot == boot and row.name in found:
                self.numbers.setdefault((side, row.name), []).append(found[row.name])
            elif row.boot == boot:
                self.reasons[side, row.name] = reason or "the program gave no number"

    def of(self, side, row):
        return self.numbers.get((side, row.name), [])


def median(values):
    return statistics.median(values) if values else None


def spread(values):
    """(largest - smallest) / median, or None."""
    if not values or not median(values):
        return None
    return (max(values) - min(values)) / median(values)


def build(want):
    packages.emulator()
    image.root_image()
    for whose in want.sides if want.build else ():
        for probe in sorted({"probe" if boot == "probe" else "" for boot in want.boots()}):
            Kernel(f"{whose}-{want.pages}", probe).build()
    selftests.build()
    paths.make_directory(os.path.dirname(BINARY))
    logged([CROSS + "gcc", "-O2", "-static", "-Wall", "-Wextra", "-o", BINARY,
            os.path.join(SOURCE, "bench.c"), os.path.join(SOURCE, "guest.S")],
           paths.log("bench.build"), "compiling tools/lab/bench")


def idle_share():
    """The part of this machine that nobody used for a moment."""
    def read():
        with open("/proc/stat") as file:
            times = [int(word) for word in file.readline().split()[1:]]
        return times[3] + times[4], sum(times[:8])

    idle, total = read()
    time.sleep(IDLE_SECONDS)
    idle_after, total_after = read()
    return (idle_after - idle) / max(total_after - total, 1)


def repetition(want, results):
    """Each boot once with each side: those that count together, those with a clock alone."""
    jobs = [(boot, side) for boot in want.boots() for side in want.sides]
    together = min(len(want.sides), os.cpu_count())
    run_jobs([job for job in jobs if job[0] != "pair"], together, want, results)
    if "pair" in want.boots():
        results.idle.append(idle_share())
    run_jobs([job for job in jobs if job[0] == "pair"], 1, want, results)


def run_jobs(jobs, together, want, results):
    pool = ThreadPoolExecutor(together)
    try:
        futures = [pool.submit(boot_once, boot, side, want) for boot, side in jobs]
        for (boot, side), future in zip(jobs, futures):
            results.add(side, boot, want.rows, *future.result())
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        stop_all()
        raise
    pool.shutdown()


# --- what is shown ---

HEADINGS = ("row", "unit", "ours", "spread", "peer", "spread", "ratio", "target", "")
FIELDS = ("name", "title", "unit", "ours", "ours_spread", "peer", "peer_spread", "ratio", "target",
          "verdict", "ours_numbers", "peer_numbers", "note")


def lines_of(rows, results):
    """A dict of FIELDS for each row; None where there is nothing to say."""
    ours_of = {row.name: median(results.of("ours", row)) for row in rows}
    lines = []
    for row in rows:
        ours, peer = (results.of(side, row) for side in SIDES)
        ratio = median(ours) / median(peer) if ours and peer and median(peer) else None
        met = row.target.met(ratio, median(ours), ours_of) if row.target else None
        note = "; ".join(f"{side}: {results.reasons[side, row.name]}" for side in SIDES
                         if (side, row.name) in results.reasons)
        lines.append(dict(zip(FIELDS, (
            row.name, row.title, row.unit, median(ours), spread(ours), median(peer), spread(peer),
            ratio, row.target.text() if row.target else None,
            None if met is None else "met" if met else "missed",
            " ".join(map(str, ours)), " ".join(map(str, peer)), note or None))))
    return lines


def number_text(number):
    if number is None:
        return "-"
    return f"{number:.0f}" if number >= 1000 or number == int(number) else f"{number:.2f}"


def table(lines):
    def percent(part):
        return "-" if part is None else f"{part:.1%}"

    rows = [HEADINGS]
    for line in lines:
        rows.append((line["title"], line["unit"], number_text(line["ours"]),
                     percent(line["ours_spread"]), number_text(line["peer"]),
                     percent(line["peer_spread"]),
                     "-" if line["ratio"] is None else f"{line['ratio']:.3f}",
                     line["target"] or "-", line["verdict"] or ""))
    return chain.format_table(rows)


def csv_text(lines):
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def introduction(pages, repeat):
    commit = output(["git", "-C", paths.TOP, "describe", "--always", "--dirty"], check=False)
    return [f"ours at {commit.strip() or 'no commit'} beside the unmodified kernel (peer), "
            f"{pages} pages, repetitions: {repeat}",
            "medians; spread: (largest - smallest) / median; ratio: ours / peer",
            "a tick is one of the time base, 1.953 instructions", ""]


def remarks(lines, results):
    """What a reader has to know of single rows."""
    text = [f"{line['name']}: {line['note']}" for line in lines if line["note"]]
    if results.idle and min(results.idle) < IDLE_ENOUGH:
        text.append(f"two vCPUs: others used this machine, which was {min(results.idle):.0%} idle "
                    "just before: these rows say nothing")
    return [""] + text if text else []


def save(want, lines, text):
    """Write the table, the CSV file and the picture, in which less is always better."""
    paths.make_directory(OUTPUT)
    for name, content in (("bench.txt", "\n".join(text) + "\n"), ("bench.csv", csv_text(lines))):
        with open(os.path.join(OUTPUT, name), "w") as file:
            file.write(content)
    shown = [line for row, line in zip(want.rows, lines) if row.boot != "pair"]
    targets = {row.name: row.target.limit for row in want.rows
               if row.target and row.target.of == "ratio"}
    plot.draw(shown, targets, text[0], OUTPUT)


def bench():
    """make bench.  Return 1 if a number is missing that was asked for."""
    want = wanted()
    build(want)
    results = Results()
    for number in range(want.repeat):
        with Step(f"measure {' and '.join(want.sides)}, {number + 1} of {want.repeat}"):
            repetition(want, results)
    lines = lines_of(want.rows, results)
    text = introduction(want.pages, want.repeat) + table(lines) + remarks(lines, results)
    save(want, lines, text)
    print("\n" + "\n".join(text) + "\n")
    for name in sorted(os.listdir(OUTPUT)):
        print(paths.shown(os.path.join(OUTPUT, name)))
    return 1 if any(not results.of(side, row) for side in want.sides for row in want.rows) else 0
