# SPDX-License-Identifier: GPL-2.0-only
"""The emulator with an MMU that forgets nothing: build it, read what it says.

	EMULATOR=strict [STRICT=report|use,rc,spec=SEED,drop=SEED]

It is the packaged emulator's own source with tools/testing/kvm-ppc-nested/emulator/,
and uses the packaged emulator's data. Kept in the cache by version and patch.
"""

import glob
import hashlib
import os
import re
import shutil

from labkit import apt, kernel, packages, paths
from labkit.ui import LabError, Step, logged, output

DIRECTORY = os.path.join(paths.TOP, "tools", "testing", "kvm-ppc-nested", "emulator")
PATCH = os.path.join(DIRECTORY, "strict-mmu.patch")
# Our files, and where they go.
OWN_FILES = {"strict-mmu.c": "target/ppc", "strict-mmu.h": "target/ppc",
             "strict-mmu.mak": "configs/devices/ppc64-softmmu"}
CACHE = os.path.join(paths.CACHE, "strict")
TARGET = "qemu-system-ppc64"
VARIABLE = "KVM_STRICT_MMU"
# pip and setuptools: asked for by the emulator's own configure, which installs nothing.
NEEDS = ["meson", "python3-pycotap", "python3-pip", "python3-setuptools", "ninja-build",
         "pkg-config", "libglib2.0-dev", "libfdt-dev", "zlib1g-dev"]
CONFIGURE = ["--python=/usr/bin/python3", "--cc=ccache gcc", "--target-list=ppc64-softmmu",
             "--without-default-features", "--without-default-devices",
             "--with-devices-ppc64=strict-mmu", "--enable-tcg", "--enable-system",
             "--disable-debug-info", "--enable-fdt=system", "--disable-docs", "--disable-tools", "--disable-werror",
             "--disable-install-blobs", "--disable-download"]
BUILD_GIB = 3
WORD = re.compile(r"report|use|rc|(spec|drop)=\d+")
STALE = re.compile(r"strict-mmu: (stale .*)")
END = re.compile(r"strict-mmu: end: walks (\d+) .* stale \d+")


def checked_words(text):
    """The value of STRICT=, checked; what it does if nothing is said is to report."""
    for word in text.split(","):
        if not WORD.fullmatch(word):
            raise LabError(f"STRICT={text}: allowed are report, use, rc, spec=SEED and "
                           "drop=SEED, separated by commas")
    return text


# --- build ------------------------------------------------------------------------------

def packaged_version(base):
    """The Debian version of the packaged emulator, without epoch."""
    if base.root:
        return os.path.basename(base.root)
    text = output(["dpkg-query", "-W", "-f", "${Version}", "qemu-system-ppc"], check=False)
    if not text:
        raise LabError("EMULATOR=strict: the installed emulator is not Debian's, so there is "
                       "no source package for it")
    return text.split(":")[-1]


def patch_hash():
    """What the binary depends on beside the version of the emulator."""
    digest = hashlib.sha256(" ".join(CONFIGURE).encode())
    for path in (PATCH, *(os.path.join(DIRECTORY, name) for name in OWN_FILES)):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:12]


def source_archive(root, version):
    """The upstream archive of that version, fetched once."""
    directory = os.path.join(CACHE, "source-" + version)
    found = glob.glob(os.path.join(directory, "*.orig.tar.xz"))
    if found:
        return found[0]
    with Step("fetch the source of the emulator"):
        result = root.run("source", "--download-only", "--tar-only", f"qemu=1:{version}")
    found = glob.glob(os.path.join(root.archives, "qemu_*.orig.tar.xz"))
    if result.returncode or not found:
        raise LabError(f"EMULATOR=strict: cannot get the source of the emulator {version}: "
                       + apt.first_error(result.stdout))
    with paths.whole(directory) as partial:
        shutil.move(found[0], partial)
    return os.path.join(directory, os.path.basename(found[0]))


def needs(root, version):
    """What the build uses, unpacked; its .pc files say where it lies."""
    final = os.path.join(CACHE, "needs-" + version)
    if os.path.exists(final):
        return final
    with Step("fetch what the emulator's build needs"):
        root.clean()
        debs = root.fetch(NEEDS)
    with paths.whole(final) as partial:
        apt.unpack(debs, partial, "what the emulator's build needs")
        for path in glob.glob(os.path.join(partial, "usr", "*", "**", "*.pc"), recursive=True):
            with open(path) as file:
                text = file.read()
            with open(path, "w") as file:
                file.write(re.sub(r"^prefix=/usr$", f"prefix={final}/usr", text, flags=re.M))
    root.clean()
    return final


def build_environment(root):
    """The kernel's ccache, and what is unpacked below @root."""
    libraries = os.path.join(root, "usr", "lib", "x86_64-linux-gnu")
    env = kernel.environment()
    env.update(PKG_CONFIG_PATH=os.path.join(libraries, "pkgconfig"), LIBRARY_PATH=libraries,
               LD_LIBRARY_PATH=libraries, CCACHE_BASEDIR=CACHE,
               C_INCLUDE_PATH=os.path.join(root, "usr", "include"),
               PYTHONPATH=os.path.join(root, "usr", "lib", "python3", "dist-packages"),
               PATH=env["PATH"] + ":" + os.path.join(root, "usr", "bin"))
    return env


def apply_patch(tree, version):
    """Our files and hooks into @tree."""
    log = paths.log("strict.patch")
    try:
        logged(["patch", "-p1", "-F0", "--no-backup-if-mismatch", "-d", tree, "-i", PATCH], log,
               "patch")
    except LabError as error:
        raise LabError(f"EMULATOR=strict: {paths.shown(PATCH)} does not apply to the emulator "
                       f"{version}; log: {paths.shown(log)}", error.detail) from None
    for name, place in OWN_FILES.items():
        shutil.copy(os.path.join(DIRECTORY, name), os.path.join(tree, place))


def compile_tree(tree, env, log):
    build = os.path.join(tree, "build")
    os.mkdir(build)
    logged(["../configure", *CONFIGURE], log + ".configure", "configuring the strict emulator",
           env=env, cwd=build)
    logged(["ninja", TARGET], log, "building the strict emulator", env=env, cwd=build)
    return os.path.join(build, TARGET)


def build(version, final):
    """Make the binary; what it is made from is removed again."""
    paths.need_space(paths.CACHE, BUILD_GIB, "building the strict emulator")
    root = apt.AptRoot("amd64", packages.SYSTEM_STATUS, sources=True)
    root.update()
    archive = source_archive(root, version)
    env = build_environment(needs(root, version))
    with paths.whole(final) as partial:
        tree = os.path.join(partial, "tree")
        os.mkdir(tree)
        with Step(f"unpack and patch the emulator {version}"):
            output(["tar", "-C", tree, "--strip-components=1", "-xf", archive])
            apply_patch(tree, version)
        with Step("build the strict emulator"):
            shutil.copy(compile_tree(tree, env, paths.log("strict")), partial)
        shutil.rmtree(tree)


def emulator():
    """The strict emulator, built if it is not in the cache."""
    base = packages.emulator()
    version = packaged_version(base)
    final = os.path.join(CACHE, f"{version}-{patch_hash()}")
    if not os.path.exists(final):
        with paths.lock("strict"):
            if not os.path.exists(final):
                build(version, final)
    base.binary = os.path.join(final, TARGET)
    base.env.pop("QEMU_MODULE_DIR", None)
    libraries = os.path.join(CACHE, "needs-" + version, "usr", "lib", "x86_64-linux-gnu")
    base.env["LD_LIBRARY_PATH"] = ":".join(filter(None, (base.env.get("LD_LIBRARY_PATH"),
                                                         libraries)))
    if base.version() < packages.OLDEST_QEMU:
        raise LabError(f"{base.binary} does not run; remove {final} and try again")
    return base


# --- what it says -----------------------------------------------------------------------

def setting(words, log):
    """The environment variable that turns it on."""
    return {VARIABLE: f"{words},log={log}"}


def said(log):
    """The lines of @log; none if it does not exist."""
    if not os.path.exists(log):
        return []
    with open(log) as file:
        return [line.rstrip("\n") for line in file]


def complaint(log):
    """Why a run failed, or None: the first stale entry."""
    found = [match for match in map(STALE.match, said(log)) if match]
    return f"strict emulator: {found[0].group(1)}" if found else None


def silence(log):
    """Why a run that ended in order proves nothing, or None."""
    if not any(END.match(line) for line in said(log)):
        return "the strict emulator did not say what it saw"
    return None


def summary(log):
    """One line for the user."""
    found = [match for match in map(END.match, said(log)) if match]
    if not found:
        return None
    return f"strict emulator: {found[0].group(0).split(': ', 2)[2]} (log: {paths.shown(log)})"
