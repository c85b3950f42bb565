# SPDX-License-Identifier: GPL-2.0-only
"""make series: overlay and hooks as an ordered set of mailable patches.

The order: one patch that removes the two files this project replaces, the hooks one by
one as they are in patches/, then the overlay, one patch for each part of the kernel
tree.  Because a hook may refer to files of the overlay, the overlay comes before the
hooks, except for the Makefile and Kconfig lines that only hooks bring.

The removed files are treated as binary, and the half of a binary patch that would bring
them back is left out: their text appears in no patch, in no form.
"""

import glob
import os
import shutil

from labkit import paths, source
from labkit.ui import LabError, output

SERIES = os.path.join(paths.BUILD, "series")
AUTHOR = ("Seed 41d5415a maintainers", "maintainers@users.noreply.h-seed-41d5415a.example")
PARTS = (
    ("include/|arch/powerpc/include/", "KVM: PPC: Book3S HV: Add the headers of the nested code"),
    ("arch/powerpc/kvm/tests/", "KVM: PPC: Book3S HV: Test the nested code with KUnit"),
    ("arch/", "KVM: PPC: Book3S HV: Add the nested code"),
    ("Documentation/", "Documentation: KVM: PPC: Describe the nested code"),
    ("tools/testing/", "selftests: KVM: PPC: Test the nested code"),
    ("", "tools: KVM: PPC: Add tools to look at the tables of nested guests"),
)
REMOVAL = """KVM: PPC: Book3S HV: Remove the nested and radix MMU code

Both files are written anew by the patches that follow; the kernel does not
build between this patch and the last one of the arch/powerpc part."""


class Repository:
    """A scratch git repository with just the files the series touches."""

    def __init__(self, directory):
        self.directory = directory
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        self.git("init", "-q", "-b", "main")
        attributes = "".join(f"{name} binary\n" for name in source.REPLACED)
        self.write(".git/info/attributes", attributes.encode())

    def git(self, *arguments):
        name, mail = AUTHOR
        env = dict(os.environ, GIT_AUTHOR_NAME=name, GIT_AUTHOR_EMAIL=mail,
                   GIT_COMMITTER_NAME=name, GIT_COMMITTER_EMAIL=mail,
                   GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null")
        return output(["git", "-C", self.directory, *arguments], env=env)

    def write(self, name, data):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def commit(self, message):
        self.git("add", "-A")
        if self.git("status", "--porcelain"):
            self.git("commit", "-q", "-s", "-m", message)


def part_of(name):
    """Which of PARTS the overlay file @name belongs to."""
    for number, (prefixes, _) in enumerate(PARTS):
        if name.startswith(tuple(prefixes.split("|"))):
            return number
    raise AssertionError(name)


def import_original(repository, tree, names):
    for name in names:
        path = os.path.join(tree, name)
        if os.path.exists(path):
            repository.write(name, source.read(path))
    repository.commit("pristine")


def remove_replaced(repository):
    for name in source.REPLACED:
        path = os.path.join(repository.directory, name)
        if os.path.exists(path):
            os.unlink(path)
    repository.commit(REMOVAL)


def commit_overlay(repository, overlay):
    for number, (_, subject) in enumerate(PARTS):
        for name, path in overlay.items():
            if part_of(name) == number:
                repository.write(name, source.read(path))
        repository.commit(subject)


def commit_hooks(repository):
    for patch in source.series():
        source.apply_hook(patch, repository.directory)
        repository.commit(message_of(patch))


def message_of(patch):
    """Subject and text of a hook patch, from its own header."""
    with open(patch, errors="replace") as file:
        head = file.read().split("\n---", 1)[0].split("\ndiff --git", 1)[0]
    lines = head.split("\n--- ", 1)[0].splitlines()
    body, subject = [], None
    for line in lines:
        if line.lower().startswith("subject:"):
            subject = line.split(":", 1)[1].strip()
            subject = subject.split("] ", 1)[-1] if subject.startswith("[") else subject
        elif subject and not line.lower().startswith(("date:", "from:", "signed-off-by:")):
            body.append(line)
    if subject is None:
        name = os.path.basename(patch).removesuffix(".patch")
        return name.lstrip("0123456789-").replace("-", " ")
    return subject + "\n\n" + "\n".join(body).strip()


def make_series():
    """Write the patches to build/series; return their paths."""
    overlay = source.overlay_files()
    hooked = {name for patch in source.series() for name in source.patched_files(patch)}
    repository = Repository(os.path.join(paths.BUILD, "series.git"))
    import_original(repository, source.original("peer"),
                    sorted(hooked | set(overlay) | set(source.REPLACED)))
    first = repository.git("rev-parse", "HEAD").strip()
    remove_replaced(repository)
    commit_overlay(repository, overlay)
    commit_hooks(repository)
    shutil.rmtree(SERIES, ignore_errors=True)
    repository.git("format-patch", "-q", "--binary", "--zero-commit", "-o", SERIES, first)
    drop_reverse(sorted(glob.glob(os.path.join(SERIES, "*.patch")))[0])
    check_series(repository, first)
    shutil.rmtree(repository.directory)
    return sorted(glob.glob(os.path.join(SERIES, "*.patch")))


def drop_reverse(patch):
    """Leave out what undoing the removal would need: the text of the replaced files."""
    kept, binary, hunks = [], False, 0
    with open(patch) as file:
        lines = file.readlines()
    for line in lines:
        if line.startswith("GIT binary patch"):
            binary, hunks = True, 0
        elif line.startswith(("diff --git ", "-- \n")):
            binary = False
        elif binary and line.startswith(("literal ", "delta ")):
            hunks += 1
        if not (binary and hunks > 1):
            kept.append(line)
    with open(patch, "w") as file:
        file.writelines(kept)


def check_series(repository, first):
    """The patches, applied to the pristine files, must give the same tree."""
    wanted = repository.git("rev-parse", "HEAD^{tree}")
    repository.git("checkout", "-q", "-b", "check", first)
    repository.git("am", "-q", *sorted(glob.glob(os.path.join(SERIES, "*.patch"))))
    if repository.git("rev-parse", "HEAD^{tree}") != wanted:
        raise LabError("the series does not give the tree it was made from")
