# SPDX-License-Identifier: GPL-2.0-only
"""Static checks of our own files: compiler at W=1, sparse, checkpatch.

Only what is said about a file of the overlay counts: the kernel's own files have
warnings of their own.
"""

import os
import re
import subprocess

from labkit import paths, source
from labkit.kernel import Kernel, environment, CROSS
from labkit.ui import LabError

OBJECTS = "arch/powerpc/kvm/"
CHECKED = re.compile(r"\.(c|h|S)$")
MESSAGE = re.compile(r"^(?:\.\./)*(?:/\S*linux-ours/)?(\S+?):\d+(?::\d+)?: "
                     r"(?:warning|error|fatal error)")
SPARSE = "-D__CHECK_ENDIAN__"
CHECKPATCH_IGNORED = (
    "FILE_PATH_CHANGES", # MAINTAINERS of this repository is not the kernel's
    "COMMIT_MESSAGE", # a hook's text may be its subject
    "MISSING_SIGN_OFF", # 'make series' signs
    "NEW_TYPEDEFS", # wrapped integers like pte_t: wrong units must not compile
    "EMBEDDED_FILENAME", # taken for a file name: the path in a Kconfig 'source' line
)

# Programs for user space under tools/: what the kernel has instead does not exist there.
USER_IGNORED = CHECKPATCH_IGNORED + (
    "VOLATILE", # no READ_ONCE() in user space
    "PREFER_DEFINED_ATTRIBUTE_MACRO", # no compiler_attributes.h
    "AVOID_EXTERNS", # symbols of an assembler file, which has no header
    "MACRO_WITH_FLOW_CONTROL", # TEST_MAIN() is a whole function
    "COMPLEX_MACRO", # a list of cases for an initialiser
)


def our_messages(text, names):
    """The diagnostics in @text that are about one of the files @names."""
    return [line for line in text.splitlines()
            if (match := MESSAGE.match(line)) and os.path.normpath(match.group(1)) in names]


class CheckKernel(Kernel):
    """A kernel configured like any other, of which only our directory is compiled."""

    def __init__(self, pages, debug):
        super().__init__("ours-" + pages, debug)
        self.name = "-".join(filter(None, ("check", pages, debug)))
        self.below = "out-" + self.name
        self.output = os.path.join(source.OURS, self.below)
        self.log = paths.log(self.name)

    def compile(self):
        """Compile and sparse-check the directory; return the complaints about our files."""
        with paths.lock("build"):
            tree = self.tree()
            self.configure(tree)
            self.make(tree, "prepare", log=self.log + ".prepare", what="preparing " + self.name)
            text, status = self._compile(tree)
        found = our_messages(text, set(source.overlay_files()))
        if status and not found:
            raise LabError(f"compiling {OBJECTS} with W=1 failed; log: {self.log}",
                           text.splitlines()[-15:])
        return found

    def _compile(self, tree):
        """Compile the directory anew; return what was said, and the exit status."""
        command = ["make", "-C", tree, f"O={self.below}", "ARCH=powerpc", "W=1", "C=2",
                   "CHECK=sparse", "CF=" + SPARSE, f"CROSS_COMPILE=ccache {CROSS}", "-k",
                   f"LOCALVERSION=-{self.name}", f"-j{os.cpu_count()}", OBJECTS]
        self._forget_objects()
        result = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with open(self.log, "w") as file:
            file.write(result.stdout)
        return result.stdout, result.returncode

    def _forget_objects(self):
        """An object that is up to date would not repeat its warnings."""
        for base, _, files in os.walk(os.path.join(self.output, OBJECTS)):
            for name in files:
                if name.endswith((".o", ".cmd")):
                    os.unlink(os.path.join(base, name))


def checkpatch():
    """Complaints of checkpatch about our files and hooks."""
    files = {name: path for name, path in source.overlay_files().items()
             if CHECKED.search(name) or name.endswith(("Kconfig", ".rst"))}
    user = [path for name, path in files.items() if name.startswith("tools/")]
    kernel = [path for name, path in files.items() if not name.startswith("tools/")]
    return (run_checkpatch(CHECKPATCH_IGNORED, kernel, "-f")
            + run_checkpatch(USER_IGNORED, user, "-f")
            + run_checkpatch(CHECKPATCH_IGNORED, source.series()))


def run_checkpatch(ignored, files, *options):
    if not files:
        return []
    script = os.path.join(source.original("ours"), "scripts", "checkpatch.pl")
    command = ["perl", script, "--no-tree", "--no-summary", "--terse", "--show-types",
               "--ignore=" + ",".join(ignored), *options, *files]
    result = subprocess.run(command, capture_output=True, text=True, cwd=paths.TOP)
    if result.returncode and not result.stdout.strip():
        raise LabError("checkpatch.pl does not run: " + result.stderr.strip().splitlines()[0])
    return [line for line in result.stdout.splitlines() if line.strip()]
