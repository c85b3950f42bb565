# SPDX-License-Identifier: GPL-2.0-only
"""Disk images: the user space, once for all; the lab disk, anew for each chain.

The root image holds what comes from packages and lives in the cache.  The lab disk
holds what changes: kernels, scripts, the description of the chain.  Making it takes
about a second, so that an edited kernel boots without a new root image.
"""

import glob
import hashlib
import os
import shutil

from labkit import packages, paths
from labkit.ui import LabError, Step, output

LAB = os.path.join(paths.TOP, "tools", "lab")
LAB_FILES = ("init", "dump", "worked", "workload")
MKE2FS = shutil.which("mke2fs") or "/usr/sbin/mke2fs"
MOUNT_POINTS = ("proc", "sys", "dev", "tmp", "run", "mnt", "lab", "root")
MIB = 1 << 20
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info",
          "usr/lib/powerpc64le-linux-gnu/gconv", "usr/share/i18n", "usr/lib/locale",
          "usr/share/qemu/hppa-firmware*", "usr/share/qemu/*.dtb", "usr/share/qemu/u-boot*",
          "usr/share/qemu/npcm*", "usr/share/qemu/trace-events-all", "usr/bin/qemu-vmsr-helper",
          "usr/share/qemu/openbios-sparc*", "usr/share/qemu/s390*", "usr/share/qemu/palcode*")
APPLETS = """
 [ ash awk base64 basename blkid blockdev cat chmod chroot cksum clear cmp cp cut date dd df diff
 dirname dmesg du echo egrep env expr false fgrep find fold free fsync grep gunzip gzip halt
 head hexdump hostname id kill killall ln losetup ls lsof md5sum mkdir mke2fs mkfifo mknod
 mkswap mktemp modprobe more mount mountpoint mv nl nproc od pgrep pidof pkill poweroff printenv
 printf ps pwd readlink realpath reboot renice reset rev rm rmdir sed seq setsid sh sha256sum
 sleep sort split stat stty swapoff swapon sync sysctl tac tail tar taskset tee test time timeout
 top touch tr true truncate tty udhcpc umount uname uniq uptime usleep vi watch wc which
 xargs xxd xz xzcat yes zcat
""".split()


def directory_size(directory):
    """Bytes that @directory takes, each file counted once, in whole blocks."""
    seen = {}
    for base, _, files in os.walk(directory):
        for name in files:
            info = os.lstat(os.path.join(base, name))
            seen[info.st_ino] = (info.st_size + 4095) & ~4095
    return sum(seen.values())


def make_ext4(directory, image, label):
    """Write a file system with the content of @directory, a little larger than it."""
    size = directory_size(directory) * 108 // 100 // MIB + 12
    paths.need_space(os.path.dirname(image), size / 1024, f"making {os.path.basename(image)}")
    if os.path.exists(image + ".new"):
        os.unlink(image + ".new")
    output([MKE2FS, "-q", "-t", "ext4", "-b", "4096", "-m", "0",
            "-O", "^has_journal,^metadata_csum,^64bit", "-E", "root_owner=0:0,lazy_itable_init=1",
            "-L", label, "-d", directory, image + ".new", f"{size}M"])
    os.rename(image + ".new", image)


def merge_usr(directory):
    """Make /bin, /lib, ... links into /usr, as Debian 13's packages expect."""
    for name in ("bin", "sbin", "lib", "lib64"):
        outer, inner = os.path.join(directory, name), os.path.join(directory, "usr", name)
        os.makedirs(inner, exist_ok=True)
        if os.path.isdir(outer) and not os.path.islink(outer):
            output(["cp", "-a", outer + "/.", inner])
            shutil.rmtree(outer)
        if not os.path.lexists(outer):
            os.symlink("usr/" + name, outer)


def populate_root(directory, userland):
    output(["cp", "-a", userland + "/.", directory])
    merge_usr(directory)
    for pattern in UNUSED:
        for path in glob.glob(os.path.join(directory, pattern)):
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    for name in MOUNT_POINTS:
        os.makedirs(os.path.join(directory, name), exist_ok=True)
    for name in APPLETS:
        path = os.path.join(directory, "bin", name)
        if not os.path.lexists(path):
            os.symlink("busybox", path)
    shutil.copy(os.path.join(LAB, "stub"), os.path.join(directory, "init"))
    os.chmod(os.path.join(directory, "init"), 0o755)


def root_key(userland):
    """What the root image is made from, as a name."""
    digest = hashlib.sha256(" ".join(APPLETS).encode())
    for path in (os.path.join(LAB, "stub"), os.path.abspath(__file__)):
        with open(path, "rb") as file:
            digest.update(file.read())
    return os.path.basename(userland) + "-" + digest.hexdigest()[:12]


def root_image():
    """The path of the root image; made if there is none for these packages."""
    userland = packages.userland()
    final = os.path.join(paths.CACHE, "image", root_key(userland))
    if not os.path.exists(final):
        paths.need_space(paths.CACHE, 1, "making the root image")
        with Step("make the root image"), paths.whole(final) as partial:
            populate_root(os.path.join(partial, "root"), userland)
            make_ext4(os.path.join(partial, "root"), os.path.join(partial, "root.ext4"), "root")
            shutil.rmtree(os.path.join(partial, "root"))
    return os.path.join(final, "root.ext4")


def lab_image(directory, kernels, description, extra=()):
    """Make directory/lab.ext4 from @kernels {name: stripped vmlinux} and @description.

    @extra: files or directories that a level shall find in /lab.
    """
    content = os.path.join(directory, "lab")
    shutil.rmtree(content, ignore_errors=True)
    os.makedirs(content)
    for name in LAB_FILES:
        shutil.copy(os.path.join(LAB, name), content)
        os.chmod(os.path.join(content, name), 0o755)
    for name, path in kernels.items():
        link_or_copy(path, os.path.join(content, name))
    for path in extra:
        if not os.path.exists(path):
            raise LabError(f"no such file to take along: {path}")
        output(["cp", "-aL", path, content])
    with open(os.path.join(content, "chain.conf"), "w") as file:
        file.write(description)
    image = os.path.join(directory, "lab.ext4")
    make_ext4(content, image, "lab")
    shutil.rmtree(content)
    return image


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)
