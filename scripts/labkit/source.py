# SPDX-License-Identifier: GPL-2.0-only
"""Kernel trees: pristine ones in the cache, ours in build/ with overlay and hooks.

Vocabulary: *base* is the package's tree without the two replaced files; *peer* is the
package's tree as it is; *ours* is base + overlay + hooks.  Both are built in directories
right below a tree of this clone: then every path the compiler sees is relative, and the
compiler cache serves ours, peer and all clones alike.

Invariants
  U1  The two replaced files never exist in base or ours unless the overlay has them.
  U2  A file of ours is replaced by rename, never written in place: it may share its
      inode with the cache.
  U3  A file of ours changes (also its time stamp) only if its content changes, so that
      make rebuilds what was edited and nothing else.
  U4  Either all hooks apply or the tree is left as it was.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile

from labkit import packages, paths
from labkit.ui import LabError, Step, output

REPLACED = ("arch/powerpc/kvm/book3s_hv_nested.c", "arch/powerpc/kvm/book3s_64_mmu_radix.c")
OVERLAY_ROOTS = ("arch", "Documentation", "include", "tools", "Kconfig")
NOT_OVERLAY = ("tools/lab/",)
KCONFIG_HOOKED = ("Kconfig", "arch/powerpc/kvm/Kconfig")
PATCHES = os.path.join(paths.TOP, "patches")
SOURCE_GIB = 2.5
OURS = os.path.join(paths.BUILD, "linux-ours")
PEER = os.path.join(paths.BUILD, "linux-peer")
STATE = ".overlay-state.json"


# --- pristine trees ---------------------------------------------------------------------

def kernel_release(tree):
    """'6.12.y' of the tree, or an error that says it is no kernel tree."""
    try:
        with open(os.path.join(tree, "Makefile")) as file:
            head = file.read(400)
    except OSError:
        head = ""
    found = [re.search(rf"^{name} = (\d+)$", head, re.M)
             for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
    if not all(found) or not os.path.isdir(os.path.join(tree, "arch/powerpc/kvm")):
        raise LabError(f"KERNEL_SRC={tree} is not a kernel source tree")
    return ".".join(match.group(1) for match in found)


def given_tree():
    """The tree of KERNEL_SRC, checked; None if the package is to be used."""
    tree = os.environ.get("KERNEL_SRC")
    if not tree:
        return None
    tree = os.path.abspath(tree)
    release = kernel_release(tree)
    if not release.startswith("6.12."):
        raise LabError(f"KERNEL_SRC={tree} is Linux {release}, "
                       "but the hooks in patches/ are for 6.12")
    if os.path.exists(os.path.join(tree, ".config")):
        raise LabError(f"KERNEL_SRC={tree} has been built in: run 'make mrproper' there first")
    return tree


def unpack_base(deb, directory):
    """Unpack the package @deb into directory/base and directory/peer."""
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        output(["dpkg", "-x", deb, scratch])
        archive = os.path.join(scratch, "usr/src/linux-source-6.12.tar.xz")
        base, peer = os.path.join(directory, "base"), os.path.join(directory, "peer")
        os.makedirs(base)
        top = "linux-source-6.12/"
        tar = ["tar", "-x", "--strip-components=1", "--no-same-owner", "-I", "xz -T0",
               "-f", archive]
        output(tar + ["-C", base] + ["--exclude=" + top + name for name in REPLACED])
        output(["cp", "-al", base, peer])
        output(tar + ["-C", peer] + [top + name for name in REPLACED])


def pristine():
    """The directory with base/ and peer/ of the package; unpacked when needed."""
    deb = packages.source_deb()
    final = os.path.join(paths.CACHE, "src", os.path.basename(deb).split("_")[1])
    if not os.path.exists(final):
        paths.need_space(paths.CACHE, SOURCE_GIB, "unpacking the kernel source")
        with Step("unpack the kernel source"), paths.whole(final) as partial:
            unpack_base(deb, partial)
    return final


def original(whose):
    """The tree that the tree of @whose is made from."""
    return given_tree() or os.path.join(pristine(), "base" if whose == "ours" else "peer")


# --- overlay ----------------------------------------------------------------------------

def overlay_files():
    """{path in the kernel tree: path in this repository}, from what git would commit."""
    listing = output(["git", "-C", paths.TOP, "ls-files", "-z", "--cached", "--others",
                      "--exclude-standard", "--", *OVERLAY_ROOTS])
    names = [name for name in listing.split("\0") if name and not name.startswith(NOT_OVERLAY)]
    files = {name: os.path.join(paths.TOP, name) for name in names if "/" in name}
    files["arch/powerpc/kvm/Kconfig.nested"] = os.path.join(paths.TOP, "Kconfig")
    return {name: path for name, path in files.items() if os.path.exists(path)}


def read(path):
    with open(path, "rb") as file:
        return file.read()


# --- hooks ------------------------------------------------------------------------------

# Numbers of hooks that are not applied: deliberate faults, see mutants.py.
LEFT_OUT = set()


def series():
    """The hook patches in order, as paths."""
    path = os.path.join(PATCHES, "series")
    if not os.path.exists(path):
        return []
    with open(path) as file:
        names = [line.split("#")[0].strip() for line in file]
    found = [os.path.join(PATCHES, name) for name in names
             if name and name[:4] not in LEFT_OUT]
    for patch in found:
        if not os.path.exists(patch):
            raise LabError(f"patches/series names {os.path.basename(patch)}, which does not exist")
    return found


def patched_files(patch):
    """The kernel files that @patch changes."""
    with open(patch, errors="replace") as file:
        return [match.group(1) for match in
                (re.match(r"\+\+\+ b/(\S+)", line) for line in file) if match]


def absent_files(patch, scratch):
    return [name for name in patched_files(patch)
            if not os.path.exists(os.path.join(scratch, name))]


def apply_hook(patch, scratch):
    """Apply @patch to the copies in @scratch; on failure name the patch and the file."""
    result = subprocess.run(["patch", "-p1", "--batch", "--forward", "--no-backup-if-mismatch",
                             "--fuzz=0", "-r", "-", "-i", patch],
                            cwd=scratch, capture_output=True, text=True)
    if result.returncode == 0:
        return
    current = (absent_files(patch, scratch) or ["?"])[0]
    for line in result.stdout.splitlines():
        match = re.match(r"(?:checking|patching) file '?([^' ]+)", line)
        current = match.group(1) if match else current
        if "FAILED" in line or "ignored" in line or "can't find" in line:
            break
    raise LabError(f"patches/{os.path.basename(patch)} does not apply to {current}")


def hooked_files(tree):
    """{path: content} of the kernel's own files after all hooks (U4)."""
    patches = series()
    names = sorted({name for patch in patches for name in patched_files(patch)})
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            if os.path.exists(os.path.join(tree, name)):
                os.makedirs(os.path.dirname(os.path.join(scratch, name)), exist_ok=True)
                shutil.copy(os.path.join(tree, name), os.path.join(scratch, name))
        for patch in patches:
            apply_hook(patch, scratch)
        return {name: read(os.path.join(scratch, name)) for name in names}


# --- trees to build in ------------------------------------------------------------------

def clone_tree(tree, target, without=()):
    """Copy @tree by hard links if possible, leaving out the files @without."""
    shutil.rmtree(target + ".partial", ignore_errors=True)
    paths.make_directory(os.path.dirname(target))
    result = subprocess.run(["cp", "-al", tree, target + ".partial"], capture_output=True)
    if result.returncode:
        shutil.rmtree(target + ".partial", ignore_errors=True)
        paths.need_space(paths.BUILD, SOURCE_GIB, "copying the kernel source")
        output(["cp", "-a", "--reflink=auto", tree, target + ".partial"])
    for name in without:
        path = os.path.join(target + ".partial", name)
        if os.path.lexists(path):
            os.unlink(path)
    shutil.rmtree(target, ignore_errors=True)
    os.rename(target + ".partial", target)


def load_state():
    try:
        with open(os.path.join(OURS, STATE)) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def save_state(state):
    paths.write_if_changed(os.path.join(OURS, STATE), json.dumps(state, indent=1).encode())


def restore(tree, name):
    """Give ours/@name back the content it has in @tree; remove it if it has none."""
    target, original = os.path.join(OURS, name), os.path.join(tree, name)
    if name not in REPLACED and os.path.exists(original):
        paths.write_if_changed(target, read(original))
    elif os.path.exists(target):
        os.unlink(target)


def lay(content, tree, before):
    """Make ours = base + @content; what an earlier run laid and is gone is restored."""
    changed = []
    for name in sorted(set(before) - set(content)):
        restore(tree, name)
        changed.append(name)
    for name, data in sorted(content.items()):
        if paths.write_if_changed(os.path.join(OURS, name), data):
            changed.append(name)
    return changed


# {path: content}: deliberate faults, see mutants.py.
PLANTED = {}


def our_content(tree):
    """{path: content} of everything in which ours differs from @tree."""
    content = hooked_files(tree)
    for name, path in overlay_files().items():
        if name in content:
            raise LabError(f"{name} is both in the overlay and changed by a hook")
        content[name] = read(path)
    content.update(PLANTED)
    return content


def peer():
    """The path of the peer's tree: the original, to build in."""
    tree = original("peer")
    stamp = os.path.join(PEER, STATE)
    if not os.path.exists(stamp) or read(stamp) != tree.encode():
        with Step("lay out the peer's kernel tree"):
            clone_tree(tree, PEER)
        paths.write_if_changed(stamp, tree.encode())
    return PEER


def ours():
    """The path of our tree, brought up to date."""
    tree = original("ours")
    content = our_content(tree)
    state = load_state()
    if state.get("base") != tree:
        with Step("lay out our kernel tree"):
            clone_tree(tree, OURS, without=REPLACED)
        state = {"base": tree, "files": []}
    save_state({"base": tree, "files": sorted(set(content) | set(state["files"]))})
    lay(content, tree, state["files"])
    save_state({"base": tree, "files": sorted(content)})
    return OURS


def kconfig_key(tree):
    """Changes when the options that @tree offers change because of us."""
    digest = hashlib.sha256(tree.encode())
    for name in ("arch/powerpc/kvm/Kconfig", "arch/powerpc/kvm/Kconfig.nested"):
        path = os.path.join(tree, name)
        if os.path.exists(path):
            digest.update(read(path))
    return digest.hexdigest() + "\n"
