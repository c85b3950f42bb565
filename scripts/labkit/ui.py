# SPDX-License-Identifier: GPL-2.0-only
"""What the user sees: errors as one line, long steps as a line with elapsed time.

Owns the error type of the lab, the progress line, and the only two ways to run a
program: quietly into a log file, or for its output.  Does not know what is run.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

EXIT_USAGE = 2
TICK = 0.5
FULL = 32 << 20


class LabError(Exception):
    """One line for the user; detail lines may follow it."""

    def __init__(self, line, detail=()):
        super().__init__(line)
        self.line = line
        self.detail = list(detail)


def report(error):
    """Print @error the one way errors are printed."""
    print(f"error: {error.line}", file=sys.stderr)
    for line in error.detail:
        print(f"  | {line}", file=sys.stderr)


def duration(seconds):
    """Say @seconds as '42 s' or '3 min 07 s'."""
    seconds = int(seconds + 0.5)
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min {seconds % 60:02d} s"


class Step:
    """A long step: a line that counts on a terminal, two lines in a log."""

    def __init__(self, title):
        self.title = title
        self.tty = sys.stdout.isatty()
        self.done = threading.Event()
        self.ticker = None

    def __enter__(self):
        self.start = time.monotonic()
        if self.tty:
            self.ticker = threading.Thread(target=self._tick, daemon=True)
            self.ticker.start()
        else:
            print(f"        ... {self.title}", flush=True)
        return self

    def _tick(self):
        while not self.done.wait(TICK):
            print(f"\r{self._elapsed():>11} {self.title} \x1b[K", end="", flush=True)

    def _elapsed(self):
        return duration(time.monotonic() - self.start)

    def __exit__(self, kind, _value, _trace):
        self.done.set()
        if self.ticker:
            self.ticker.join()
        mark = "" if kind is None else "  FAILED"
        lead = "\r" if self.tty else ""
        tail = "\x1b[K" if self.tty else ""
        print(f"{lead}{self._elapsed():>11} {self.title}{mark}{tail}", flush=True)
        return False


RUNNING = set()


def start(command, **options):
    """Start @command in a process group of its own, known to stop_all()."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True,
                               **options)
    RUNNING.add(process)
    return process


def stop_all():
    """End every program that was started and still runs."""
    for process in list(RUNNING):
        stop_group(process)


def stop_group(process):
    """End @process and what it started: politely, then for good."""
    RUNNING.discard(process)
    for sig, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, sig)
            process.wait(patience)
            return
        except ProcessLookupError:
            process.wait()
            return
        except subprocess.TimeoutExpired:
            continue


def tail(path, count=15):
    """Return the last @count lines of the file at @path."""
    with open(path, errors="replace") as file:
        return [line.rstrip("\n") for line in file.readlines()[-count:]]


def disk_hint(path):
    """A word about the disk that holds @path if that is the likely cause of a failure."""
    return ", the disk is full" if shutil.disk_usage(os.path.dirname(path)).free < FULL else ""


def logged(command, log, what, env=None, cwd=None):
    """Run @command with its output in the file @log; an error names @what."""
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "w") as file:
        print("+ " + " ".join(command), file=file, flush=True)
        process = start(command, stdout=file, stderr=file, env=env, cwd=cwd)
        try:
            status = process.wait()
        finally:
            stop_group(process)
    if status:
        raise LabError(f"{what} failed (exit status {status}{disk_hint(log)}); full log: {log}",
                       tail(log))


def output(command, env=None, cwd=None, check=True):
    """Return what @command prints on stdout."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            stdin=subprocess.DEVNULL, env=env, cwd=cwd)
    if check and result.returncode:
        said = result.stderr.strip().splitlines() or [f"exit status {result.returncode}"]
        raise LabError(f"{os.path.basename(command[0])} failed: {said[-1]}")
    return result.stdout
