# SPDX-License-Identifier: GPL-2.0-only
"""Where things are.  Expensive, reusable things in the cache; this clone's in build/.

A thing in the cache is made beside its final name and renamed when it is whole, so
what has its final name is complete: an interrupted run is resumed by running again.
"""

import contextlib
import errno
import fcntl
import os
import shutil

from labkit.ui import LabError, Step

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
LOGS = os.path.join(BUILD, "logs")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                     "kvm-hv-nested")
GIB = 1 << 30


def log(name):
    return os.path.join(LOGS, name + ".log")


def shown(path):
    """@path as the user would type it."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def existing_parent(path):
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def need_space(path, gib, what):
    """Refuse to start @what if the disk that holds @path has not @gib GiB left."""
    free = shutil.disk_usage(existing_parent(path)).free / GIB
    if free < gib:
        raise LabError(f"{what} needs {gib:.1f} GiB in {path}, but only {free:.1f} GiB are free")


def make_directory(path):
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make the directory {path}: {error.strerror}") from None


HELD = set()


@contextlib.contextmanager
def lock(name):
    """Hold the machine-wide lock @name; say so when it has to be waited for.

    Who holds it already may take it again.
    """
    if name in HELD:
        yield
        return
    make_directory(CACHE)
    with open(os.path.join(CACHE, name + ".lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            with Step(f"wait for another run that holds {name}.lock"):
                fcntl.flock(file, fcntl.LOCK_EX)
        HELD.add(name)
        try:
            yield
        finally:
            HELD.discard(name)


@contextlib.contextmanager
def whole(path):
    """Yield a temporary directory that becomes @path when the block succeeds."""
    partial = path + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    make_directory(partial)
    try:
        yield partial
        os.rename(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def write_if_changed(path, data):
    """Give @path the content @data (bytes) by rename, only if it differs."""
    with contextlib.suppress(FileNotFoundError):
        with open(path, "rb") as file:
            if file.read() == data:
                return False
    make_directory(os.path.dirname(path))
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)
    return True
