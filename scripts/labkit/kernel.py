# SPDX-License-Identifier: GPL-2.0-only
"""Kernels: configure, build, strip.  One kernel build at a time on the machine."""

import os
import re

from labkit import paths, source
from labkit.ui import LabError, Step, logged, output

CROSS = "powerpc64le-linux-gnu-"
CONFIG = os.path.join(paths.TOP, "scripts", "config")
VARIANTS = ("ours-64k", "ours-4k", "peer-64k", "peer-4k")
# Values of DEBUG= and the fragments in scripts/config/ that they lay over the others.
DEBUGS = {"0": "", "1": "debug", "kcsan": "kcsan"}
KERNEL_GIB = 2


def variants_text():
    return ", ".join(VARIANTS)


def check_variant(name):
    if name not in VARIANTS:
        raise LabError(f"VARIANT={name}: allowed are {variants_text()}")


def environment():
    """ccache shared by all clones; nothing of clock, user or path in the result."""
    env = dict(os.environ)
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "KBUILD_OUTPUT", "ARCH",
                 "CROSS_COMPILE", "KERNEL_SRC", "CPUS", "MEM", "LEVELS", "PAGES", "O", "V", "C",
                 "W"):
        env.pop(name, None)
    env.update(CCACHE_DIR=os.path.join(paths.CACHE, "ccache"), CCACHE_NOHASHDIR="1",
               CCACHE_BASEDIR=paths.TOP, CCACHE_MAXSIZE="4G", KBUILD_BUILD_USER="lab",
               CCACHE_SLOPPINESS="time_macros,include_file_mtime,include_file_ctime",
               KBUILD_BUILD_HOST="lab", KBUILD_BUILD_VERSION="1", LC_ALL="C",
               KBUILD_BUILD_TIMESTAMP="Thu Jan  1 00:00:00 UTC 2026")
    return env


class Kernel:
    """One variant: whose code, which page size, which debug fragment."""

    def __init__(self, variant, debug=""):
        check_variant(variant)
        self.whose, self.pages = variant.split("-")
        self.debug = debug
        suffix = "-" + debug if debug else ""
        self.name = variant + suffix
        self.below = "out-" + self.pages + suffix
        self.output = os.path.join(source.OURS if self.whose == "ours" else source.PEER,
                                   self.below)
        self.log = paths.log("kernel-" + self.name)

    def vmlinux(self):
        return os.path.join(self.output, "vmlinux")

    def stripped(self):
        return os.path.join(self.output, "vmlinux.stripped")

    def tree(self):
        return source.ours() if self.whose == "ours" else source.peer()

    def make(self, tree, *targets, log=None, what=None):
        command = ["make", "-C", tree, f"O={self.below}", "ARCH=powerpc",
                   f"CROSS_COMPILE=ccache {CROSS}", f"LOCALVERSION=-{self.name}",
                   f"-j{os.cpu_count()}", *targets]
        logged(command, log or self.log, what or f"building the kernel {self.name}",
               env=environment())

    def fragments(self):
        names = ["common", self.pages] + ([self.debug] if self.debug else [])
        return [os.path.join(CONFIG, name + ".config") for name in names]

    def configure(self, tree):
        """Make .config from the fragments, only if they or the tree's options changed."""
        text = "".join(open(path).read() for path in self.fragments())
        fragment = os.path.join(self.output, "fragment.config")
        stamp = os.path.join(self.output, "fragment.tree")
        config = os.path.join(self.output, ".config")
        changed = paths.write_if_changed(fragment, text.encode())
        changed |= paths.write_if_changed(stamp, source.kconfig_key(tree).encode())
        if changed or not os.path.exists(config):
            try:
                self._allnoconfig(tree, fragment)
                self._check_config(config, text)
            except BaseException:
                os.unlink(stamp)
                raise

    def _allnoconfig(self, tree, fragment):
        self.make(tree, "allnoconfig", f"KCONFIG_ALLCONFIG={fragment}", log=self.log + ".config",
                  what=f"configuring the kernel {self.name}")

    def _check_config(self, config, text):
        """Every option asked for must be in the result."""
        got = set(open(config).read().splitlines())
        wanted = [line for line in text.splitlines() if re.match(r"CONFIG_\w+=", line)]
        missing = [line for line in wanted if line not in got and not self._only_ours(line)]
        if missing:
            raise LabError(f"the kernel {self.name} does not take these options: "
                           + " ".join(missing))

    def _only_ours(self, line):
        return self.whose == "peer" and line.startswith("CONFIG_KVM_BOOK3S_HV_NESTED_")

    def build(self):
        """Bring the kernel up to date; return the path of its stripped image."""
        paths.need_space(paths.BUILD, KERNEL_GIB if not os.path.exists(self.vmlinux()) else 0.1,
                         f"building the kernel {self.name}")
        with paths.lock("build"):
            tree = self.tree()
            with Step(f"build the kernel {self.name}"):
                self.configure(tree)
                self.make(tree, "vmlinux")
                self.strip()
        return self.stripped()

    def strip(self):
        fresh = os.path.exists(self.stripped()) and \
            os.path.getmtime(self.stripped()) >= os.path.getmtime(self.vmlinux())
        if not fresh:
            output([CROSS + "strip", "-o", self.stripped() + ".new", self.vmlinux()])
            os.rename(self.stripped() + ".new", self.stripped())
