# SPDX-License-Identifier: GPL-2.0-only
"""Boot a chain of levels, watch its one console, judge it.

A chain is described by a ChainSpec.  The console of the top level carries the lines of
all levels (see tools/lab/init); each line is saved with its time, each '@lab' line is
an event of a level.  The verdict needs every level to have said 'done', the workload's
results to equal those of this machine, and no bad line in any kernel log.
"""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from labkit import debug, devicetree, image, monitor, packages, paths, strict
from labkit.kernel import DEBUGS, Kernel
from labkit.ui import LabError, duration, output, start, stop_group

SCRATCH_BYTES = 256 << 20
DEFAULT_MEM = (4096, 2048, 1024, 512)
STAGE_TIMEOUT = 240
LISTEN_SECONDS = 2
WORK_SHARE = {"64k": "20M", "4k": "16M"}
BAD = re.compile(r"\[ *\d+\.\d{6}\](?!.* BUG: KCSAN: ).*(WARNING:|\bBUG\b|Oops[: ]|"
                 r"soft lockup|hard LOCKUP|blocked for more than|rcu.*(stall|starved)|pagealloc: |KVM: |kvm.*(fail|error)|"
                 r"Unable to handle kernel|Call Trace|\bnot ok\b|ODEBUG)|"
                 r"Kernel panic|KVM: unknown exit|error: kvm run failed")
HARMLESS = re.compile(r"ommand line|falling back to nestedv1|nvram corruption detected: 0-length|"
                      r"# kvm_nested_\w+: pass:\d+ fail:0 ")
EVENT = re.compile(r"@lab (\S+) (\w+)(.*)")
EMULATED_L0 = "emulator"
# With two CPUs the emulated host's firmware (skiboot) hangs now and then in its own start,
# in the middle of a line, until its watchdog ends the machine after 60 s: once in some 80
# boots, with any kernel. Nothing of ours has run then, so the machine is started again.
FIRMWARE_BOOTS = 3
FIRMWARE_IS_DONE = re.compile(r"INIT: Starting kernel|Linux version")
# What a kernel built with a debug fragment is told besides.
DEBUG_WORDS = {"debug": "panic_on_warn=1 page_poison=1 kmemleak=on kunit.enable=0"}


def is_complaint(line):
    """Whether @line of a console is a kernel's cry for help."""
    return bool(BAD.search(line)) and not HARMLESS.search(line)


@dataclass
class ChainSpec:
    """What to boot.  A list with fewer values than levels: the last one holds for the rest."""

    levels: int = 2
    whose: Sequence = ("ours",)         # or "peer"; at L0 also EMULATED_L0
    pages: Sequence = ("64k",)
    cpus: Sequence = (1,)
    mem: Sequence = ()                  # MiB; DEFAULT_MEM where not given
    interactive: int = None             # the level that gets a shell
    command: tuple = None               # (level, what it runs instead of the workload)
    first: dict = field(default_factory=dict)   # {level: what it runs before anything else}
    timeout: int = None
    debug: str = ""                     # a fragment: kernel.DEBUGS, or "probe"
    count: bool = False                 # count instructions instead of time
    huge: bool = True                   # L0 knows of 2M and 1G pages
    extra: Sequence = ()                # files to find in /lab
    append: str = ""                    # more words for every kernel command line
    silence: int = None                 # seconds from one phase to the next, at most
    strict: str = ""                    # words for the emulator that forgets nothing

    def __post_init__(self):
        self.whose = self._spread(self.whose)
        self.pages = self._spread(self.pages)
        self.cpus = self._spread(self.cpus)
        self.mem = [*self.mem, *DEFAULT_MEM[len(self.mem):self.levels + 1]]
        self.command_level, self.command = self.command or (None, None)

    def words(self):
        """More words for every kernel command line."""
        return " ".join(filter(None, (DEBUG_WORDS.get(self.debug), self.append)))

    def _spread(self, values):
        """One value per level; the last one given holds for all below."""
        values = list(values)
        return values + [values[-1]] * (self.levels + 1 - len(values))

    def top(self):
        """The first level that runs one of our images."""
        return 1 if self.whose[0] == EMULATED_L0 else 0

    def variant(self, level):
        return f"{self.whose[level]}-{self.pages[level]}"

    def title(self):
        names = [EMULATED_L0 if n < self.top() else self.variant(n)
                 for n in range(self.levels + 1)]
        cpus = f", {max(self.cpus)} CPUs" if max(self.cpus) > 1 else ""
        return " > ".join(names) + cpus

    def workload_level(self):
        return None if self.interactive is not None or self.command or self.first else self.levels


class Level:
    """What is known of one level while and after it runs."""

    def __init__(self, number):
        self.number = number
        self.started = None
        self.up = None
        self.done = False
        self.exits = None
        self.facts = {}
        self.complaints = []
        self.counts = {}
        self.leaks = None

    def boot_seconds(self):
        return None if self.up is None or self.started is None else self.up - self.started


class Console:
    """Turns console lines into events of levels."""

    def __init__(self, spec, save, verbose):
        self.spec = spec
        self.save = save
        self.verbose = verbose
        self.begin = time.monotonic()
        self.levels = {n: Level(n) for n in range(spec.top(), spec.levels + 1)}
        self.levels[spec.top()].started = self.begin
        self.results = {}
        self.worked = {}                      # {level: seconds of the top level when it was up}
        self.command_status = None
        self.phase = "boot"
        self.phase_at = None                  # when the last phase began, until the command ends
        self.firmware_done = False

    def line(self, text):
        now = time.monotonic()
        text = text.replace("\r", "")
        self.save.write(f"{now - self.begin:8.2f} {text}\n")
        self.save.flush()
        if self.verbose:
            print(text, flush=True)
        self.firmware_done = self.firmware_done or bool(FIRMWARE_IS_DONE.search(text))
        self._complain(text)
        event = EVENT.search(text)
        if event and event.group(1).isdigit():
            self._event(int(event.group(1)), event.group(2), event.group(3), now)

    def _complain(self, text):
        if is_complaint(text):
            match = re.match(r"(\d)\| ", text)
            number = int(match.group(1)) if match else self.spec.top()
            self.levels.get(number, self.levels[self.spec.top()]).complaints.append(text.strip())

    def _event(self, number, name, rest, now):
        level = self.levels.get(number)
        if level is None:
            return
        pairs = dict(item.split("=", 1) for item in rest.split() if "=" in item)
        if name == "up":
            level.up, level.facts = now, pairs
            self.phase = f"L{number} up"
        elif name == "start" and number + 1 in self.levels:
            self.levels[number + 1].started = now
            self.phase = f"L{number + 1} boots"
        elif name == "worked":
            self.worked[int(pairs["of"])] = float(pairs["seconds"])
        elif name == "end" and number + 1 in self.levels:
            self.levels[number + 1].exits = pairs.get("exits") or None
        elif name == "phase":
            self.phase = f"L{number} works: {rest.strip()}"
            self.phase_at = now
        elif name == "result":
            self.results.update(pairs)
        elif name == "count":
            level.counts.update((key, int(value)) for key, value in pairs.items())
        elif name == "leak":
            level.leaks = (level.leaks or []) + [pairs]
        elif name == "leaks":
            level.leaks = level.leaks or []
        elif name == "command":
            self.command_status = pairs.get("status")
            self.phase_at = None
        elif name == "done":
            level.done = True


def expected_results(directory):
    """Run the workload here; what it prints is what the guest must print."""
    work = os.path.join(directory, "expected")
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    text = output(["sh", os.path.join(image.LAB, "workload"), work])
    shutil.rmtree(work)
    return dict(re.findall(r"@lab - result (\w+)=(\w+)", text))


class Chain:
    """One run of a ChainSpec in its own directory."""

    def __init__(self, spec, name, verbose=False):
        self.spec = spec
        self.name = name
        self.verbose = verbose
        self.directory = os.path.join(paths.BUILD, "run", name)
        self.console_path = os.path.join(paths.LOGS, name + ".console")
        self.strict_path = os.path.join(paths.LOGS, name + ".strict")
        self.console = None
        self.expected = {}
        self.reason = None
        self.silent = None                    # a reason that a kernel's complaint may hide
        self.seconds = 0
        self.status = 0

    # --- preparation ---

    def prepare(self):
        """Make the disks.  The kernels must have been built."""
        spec = self.spec
        shutil.rmtree(self.directory, ignore_errors=True)
        paths.make_directory(self.directory)
        paths.make_directory(paths.LOGS)
        paths.need_space(self.directory, 0.3, "running the chain")
        if spec.strict:
            strict.emulator()
        kernels = {}
        for level in range(max(1, spec.top()), spec.levels + 1):
            kernels["vmlinux-" + spec.variant(level)] = self.kernel(level)
        image.lab_image(self.directory, kernels, self.description(), spec.extra)
        with open(self.path("scratch"), "wb") as file:
            file.truncate(SCRATCH_BYTES)
        if spec.workload_level() is not None:
            self.expected = expected_results(self.directory)

    def _kernel(self, level):
        return Kernel(self.spec.variant(level), self.spec.debug)

    def kernel(self, level):
        path = self._kernel(level).stripped()
        if not os.path.exists(path):
            raise LabError(f"the kernel {self.spec.variant(level)} has not been built")
        return path

    def path(self, name):
        return os.path.join(self.directory, name)

    def description(self):
        """chain.conf: what tools/lab/init needs to know."""
        spec = self.spec
        values = {"levels": spec.levels, "workload": "" if spec.workload_level() is None else 1,
                  "work_share": WORK_SHARE[spec.pages[-1]],
                  "interactive": "" if spec.interactive is None else spec.interactive,
                  "command_level": "" if spec.command is None else spec.command_level}
        for level in range(spec.levels + 1):
            values[f"kernel_{level}"] = "vmlinux-" + spec.variant(level)
            values[f"cpus_{level}"] = spec.cpus[level]
            values[f"mem_{level}"] = spec.mem[level]
            values[f"append_{level}"] = spec.words()
            values[f"first_{level}"] = spec.first.get(level, "")
        values["command"] = spec.command or ""
        return "".join(f"{key}={shlex.quote(str(value))}\n" for key, value in values.items())

    # --- the command ---

    def command(self):
        spec = self.spec
        emulator = strict.emulator() if spec.strict else packages.emulator()
        machine = self._machine(emulator)
        if not spec.top() and spec.huge:
            machine = devicetree.replaced(machine, emulator.env, self.directory)
        serial = self._terminal() if spec.interactive is not None else \
            ["-serial", "stdio", "-monitor", self._monitor()]
        if spec.strict:
            emulator.env.update(strict.setting(spec.strict, self.strict_path))
        return machine + serial, emulator.env

    def _monitor(self):
        """Only a chain that may fall silent is asked what its CPUs do."""
        return f"unix:{monitor.socket_path(self.directory)},server=on,wait=off" \
            if self.spec.silence else "none"

    def _machine(self, emulator):
        """The command line without the console, which may decide nothing of the machine."""
        spec, level = self.spec, self.spec.top()
        accel = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"] if spec.count \
            else ["-accel", "tcg,thread=multi"]
        disks = self._pseries() if level else self._powernv()
        return [emulator.binary, *emulator.options, *accel, *disks, "-kernel", self.kernel(level),
                "-smp", str(spec.cpus[level]), "-m", str(spec.mem[level]), "-nographic",
                "-vga", "none", "-net", "none", "-no-reboot"]

    def _terminal(self):
        """The user's terminal as console and monitor, with a copy in the log."""
        return ["-chardev", f"stdio,id=tty,mux=on,signal=off,logfile={self.console_path}",
                "-serial", "chardev:tty", "-mon", "chardev=tty"]

    def _append(self, devices, level):
        names = ("root", "lab", "scratch")
        disks = " ".join(f"{name}={device}" for name, device in zip(names, devices))
        words = f"console=hvc0 panic=1 ro init=/init level={level} {disks} {self.spec.words()}"
        return ["-append", words]

    def _drives(self):
        files = ((image.root_image(), True), (self.path("lab.ext4"), True),
                 (self.path("scratch"), False))
        for number, (path, readonly) in enumerate(files):
            lock = ",readonly=on" if readonly else ""
            yield number, ["-drive", f"file={path},if=none,id=d{number},format=raw{lock}"]

    def _powernv(self):
        """One disk for each PCI host bridge: probed in that order, so named in that order."""
        arguments = ["-M", "powernv9", "-cpu", "power9_v2.2"]
        for number, drive in self._drives():
            arguments += drive + ["-device", f"virtio-blk-pci,drive=d{number},bus=pcie.{number}"]
        return arguments + self._append(["/dev/vda", "/dev/vdb", "/dev/vdc"], 0)

    def _pseries(self):
        arguments = ["-M", "pseries,x-vof=on,cap-nested-hv=on,cap-cfpc=broken,cap-sbbc=broken,"
                     "cap-ibs=broken", "-cpu", "power9_v2.2"]
        for number, drive in self._drives():
            arguments += drive + ["-device", f"virtio-blk-pci,drive=d{number}"]
        return arguments + self._append(["/dev/vda", "/dev/vdb", "/dev/vdc"], 1)

    # --- the run ---

    def limit(self):
        if self.spec.timeout:
            return self.spec.timeout
        return STAGE_TIMEOUT * self.spec.levels * (3 if self.spec.debug else 1)

    def run(self, step=None):
        """Boot, watch, judge.  Returns whether the chain passed."""
        command, env = self.command()
        with open(self.path("command"), "w") as file:
            file.write(" ".join(command) + "\n")
        begin = time.monotonic()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.strict_path)
        for boot in range(FIRMWARE_BOOTS):
            if boot:
                print("            the emulated firmware hung before any kernel: again",
                      flush=True)
            with open(self.console_path, "w") as save:
                self.console = Console(self.spec, save, self.verbose)
                self._boot(command, env, step)
            if not self._hung_in_firmware():
                break
        else:
            self.reason = f"the emulated firmware hung {FIRMWARE_BOOTS} times before any kernel"
        self.seconds = time.monotonic() - begin
        self.reason = self.judge(self.reason)
        if self.spec.strict and step:
            print(f"            {strict.summary(self.strict_path)}", flush=True)
        return self.reason is None

    def _boot(self, command, env, step):
        process = start(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        timer = threading.Timer(self.limit(), self._time_out, [process])
        timer.start()
        ended = threading.Event()
        if self.spec.silence:
            threading.Thread(target=self._listen, args=(process, ended), daemon=True).start()
        title = step.title if step else ""
        try:
            for raw in process.stdout:
                self.console.line(raw.decode(errors="replace").rstrip("\n"))
                if step:
                    step.title = f"{title} ({self.console.phase})"
            self.status = process.wait()
        finally:
            timer.cancel()
            ended.set()
            stop_group(process)
            process.stdout.close()
            if step:
                step.title = title

    def _hung_in_firmware(self):
        """Whether the emulated host ended by itself, in order, before it started a kernel."""
        return not (self.reason or self.status or self.spec.top() or self.console.firmware_done)

    def _time_out(self, process):
        self.reason = f"no end after {duration(self.limit())} (last seen: {self.console.phase})"
        stop_group(process)

    def _listen(self, process, ended):
        """End a run whose phases have ended: not even the one that reports them goes on."""
        while not ended.wait(LISTEN_SECONDS):
            begun = self.console.phase_at
            if begun and time.monotonic() - begun > self.spec.silence:
                where = monitor.where_cpus_are(self.directory, self._kernel(self.spec.top()))
                self.silent = (f"no phase for {duration(self.spec.silence)}; the CPUs are in "
                               f"{where} (last seen: {self.console.phase})")
                self.reason = self.silent
                stop_group(process)
                return

    def interact(self):
        """Give the terminal to the chain."""
        command, env = self.command()
        return subprocess.call(command, env=env)

    # --- the verdict ---

    def judge(self, reason):
        """The first reason why the chain failed, or None."""
        return self.stale() or self._judge_levels(reason)

    def stale(self):
        """What the strict emulator complained of, or None."""
        return strict.complaint(self.strict_path) if self.spec.strict else None

    def _judge_levels(self, reason):
        console = self.console
        for level in console.levels.values():
            if level.complaints:
                return f"L{level.number} kernel log: {level.complaints[0]}"
        if reason:
            return reason
        for level in console.levels.values():
            if level.up is None:
                return f"L{level.number} did not reach user space{self._emulator_ended()}"
            if level.facts.get("kernel", "").find(self.spec.variant(level.number)) < 0:
                return f"L{level.number} runs the kernel {level.facts.get('kernel')}"
            found = self._found_by_debug(level)
            if found:
                return found
        if self.expected and console.results != self.expected:
            return f"L{self.spec.levels} workload: {self._difference()}"
        for level in console.levels.values():
            if not level.done:
                return f"L{level.number} did not finish{self._emulator_ended()}"
        if self.spec.command and console.command_status != "0":
            return f"the command in L{self.spec.command_level} ended with {console.command_status}"
        return strict.silence(self.strict_path) if self.spec.strict else None

    def _emulator_ended(self):
        """How the emulator ended, if that is strange."""
        return f" (the emulator ended with status {self.status})" if self.status else ""

    def _found_by_debug(self, level):
        """What only a kernel built for it can see: a leak, a race; or None."""
        if self.spec.debug not in DEBUGS.values() or not self.spec.debug or not level.done:
            return None
        ours = debug.our_functions(self._kernel(level.number))
        if self.spec.debug == "kcsan":
            return debug.race_reason(self.console_path, ours)
        return debug.leak_reason(level, ours)

    def _difference(self):
        results = self.console.results
        wrong = [name for name in self.expected if results.get(name) != self.expected[name]]
        return "no or wrong result for " + ", ".join(wrong)

    def result_of(self, level):
        """One word for the table."""
        if level.complaints:
            return "kernel log"
        if level.up is None:
            return "no boot"
        if not level.done:
            return "not done"
        if level.number == self.spec.workload_level():
            return "verified" if self.console.results == self.expected else "wrong"
        return "ok"

    def table(self):
        rows = [("level", "kernel", "pages", "CPUs", "boot", "exits", "result")]
        if self.spec.top():
            rows.append(("L0", "QEMU's own", "-", "-", "-", "-", "-"))
        for level in self.console.levels.values():
            boot = level.boot_seconds()
            pages = level.facts.get("page")
            rows.append((f"L{level.number}", level.facts.get("kernel", "-"),
                         f"{pages}K" if pages else "-", level.facts.get("cpus", "-"),
                         f"{boot:.1f} s" if boot is not None else "-", level.exits or "-",
                         self.result_of(level)))
        return format_table(rows)

    def saved(self, name):
        """A file the top level saved on the scratch disk, as text; None if it is not there."""
        try:
            with tarfile.open(self.path("scratch")) as tar:
                return tar.extractfile("./" + name).read().decode(errors="replace")
        except (tarfile.TarError, KeyError, OSError):
            return None

    def clean(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def format_table(rows):
    widths = [max(len(str(row[n])) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in rows]
