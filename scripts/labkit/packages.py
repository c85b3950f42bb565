# SPDX-License-Identifier: GPL-2.0-only
"""The three things that come from packages: kernel source, emulator, POWER user space."""

import glob
import os
import re
import shutil
import subprocess

from labkit import apt, paths
from labkit.ui import LabError, Step

SOURCE = "linux-source-6.12"
SYSTEM_STATUS = "/var/lib/dpkg/status"
QEMU_PACKAGES = ["qemu-system-ppc", "qemu-system-data", "qemu-slof"]
OLDEST_QEMU = (10, 0)
EMULATOR = os.path.join(paths.CACHE, "emulator")
USERLAND = os.path.join(paths.CACHE, "userland")


def source_deb():
    """The newest source package in the cache; fetched if there is none."""
    directory = os.path.join(paths.CACHE, "deb")
    found = glob.glob(os.path.join(directory, SOURCE + "_*.deb"))
    if found:
        return max(found, key=os.path.getmtime)
    with paths.lock("fetch"):
        return fetch_source(directory)


def fetch_source(directory):
    paths.need_space(paths.CACHE, 1, "fetching the kernel source")
    paths.make_directory(directory)
    root = apt.AptRoot("amd64", SYSTEM_STATUS)
    root.update()
    with Step(f"fetch {SOURCE}"):
        deb = root.download(SOURCE)
    final = os.path.join(directory, os.path.basename(deb))
    os.rename(deb, final)
    return final


def qemu_version(binary, env=None):
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, env=env).stdout
    match = re.search(r"version (\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else (0, 0)


def unpacked(directory):
    """The one complete unpacking below @directory, or None."""
    found = [path for path in glob.glob(os.path.join(directory, "*"))
             if not path.endswith(".partial")]
    return max(found, key=os.path.getmtime) if found else None


def fetch_unpacked(root, packages, directory, what, key):
    """Fetch @packages, unpack them below @directory under the version of @key."""
    with paths.lock("fetch"):
        return unpacked(directory) or fetch_locked(root, packages, directory, what, key)


def fetch_locked(root, packages, directory, what, key):
    paths.need_space(paths.CACHE, 1, f"fetching {what}")
    root.update()
    with Step(f"fetch {what}"):
        root.clean()
        debs = root.fetch(packages)
    named = [deb for deb in debs if os.path.basename(deb).startswith(key + "_")]
    final = os.path.join(directory, apt.version_of(named[0]))
    with paths.whole(final) as partial:
        apt.unpack(debs, partial, what)
    root.clean()
    return final


class Emulator:
    """qemu-system-ppc64 for this machine, with what it needs to run from the cache."""

    def __init__(self, root):
        self.root = root
        self.binary = os.path.join(root, "usr/bin/qemu-system-ppc64") if root \
            else "qemu-system-ppc64"
        self.env = dict(os.environ)
        self.options = []
        if root:
            libraries = glob.glob(os.path.join(root, "usr/lib/x86_64-linux-gnu"))
            libraries += glob.glob(os.path.join(root, "lib/x86_64-linux-gnu"))
            libraries += glob.glob(os.path.join(root, "usr/lib/x86_64-linux-gnu/*/"))
            self.env["LD_LIBRARY_PATH"] = ":".join(libraries)
            self.env["QEMU_MODULE_DIR"] = os.path.join(root, "usr/lib/x86_64-linux-gnu/qemu")
            self.options = ["-L", os.path.join(root, "usr/share/qemu")]

    def version(self):
        return qemu_version(self.binary, self.env)


def emulator():
    """An emulator that is new enough: the system's, the cache's, or a fetched one."""
    if shutil.which("qemu-system-ppc64") and qemu_version("qemu-system-ppc64") >= OLDEST_QEMU:
        return Emulator(None)
    root = unpacked(EMULATOR) or fetch_unpacked(
        apt.AptRoot("amd64", SYSTEM_STATUS), QEMU_PACKAGES, EMULATOR, "the emulator",
        "qemu-system-ppc")
    found = Emulator(root)
    if found.version() < OLDEST_QEMU:
        raise LabError(f"{found.binary} does not run or is older than 10.0; "
                       f"remove {root} and try again")
    return found


def userland():
    """The unpacked ppc64el user space for L0 and below."""
    return unpacked(USERLAND) or fetch_unpacked(
        apt.AptRoot("ppc64el", "/dev/null"), ["busybox-static", *QEMU_PACKAGES], USERLAND,
        "the ppc64el user space", "qemu-system-ppc")
