# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages into the cache, without touching the system's own apt set-up.

Each architecture gets a private apt root: own sources, lists and archives.  The mirror
is the one the machine itself uses; what is fetched is unpacked with dpkg -x, never
installed.
"""

import glob
import os
import re
import subprocess
import time

from labkit import paths
from labkit.ui import LabError, Step, output

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
RELEASES = {"12": "bookworm", "13": "trixie"}
UPDATE_TRIES = 3
KEPT_SETTINGS = re.compile(r"Acquire::(http|https|Retries|ForceIPv|Check-Valid)", re.I)


def os_release():
    with open("/etc/os-release") as file:
        pairs = (line.rstrip().split("=", 1) for line in file if "=" in line)
        return {key: value.strip('"') for key, value in pairs}


def codename():
    release = os_release()
    if release.get("ID") != "debian" or release.get("VERSION_ID") not in RELEASES:
        raise LabError("this lab needs Debian 12 or 13, but this machine is "
                       + release.get("PRETTY_NAME", "something else"))
    return RELEASES[release["VERSION_ID"]]


def wanted_suite(name):
    """The suite to prefer: only Debian 12 needs backports for its emulator."""
    return name + "-backports" if name == "bookworm" else name


def mirrors(name):
    """Return (uri, suite) pairs of Debian proper in the machine's apt configuration."""
    suites = {name, name + "-updates", name + "-security", name + "/updates", name + "-backports"}
    listing = output(["apt-get", "indextargets", "-o", "APT::Get::IndexTargets::OnlyPresent=false",
                      "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"])
    found = [line.split()[:2] for line in listing.splitlines() if line.endswith(" main")]
    found = [(uri, suite) for uri, suite in found if suite in suites]
    base = [uri for uri, suite in found if suite == name]
    if not base:
        raise LabError(f"no mirror for Debian {name} main in this machine's apt configuration")
    return sorted(set(found) | {(base[0], wanted_suite(name))})


class AptRoot:
    """A private apt root for one architecture, with or without source packages."""

    def __init__(self, arch, status, sources=False):
        self.arch = arch
        self.status = status
        self.kinds = ("deb", "deb-src") if sources else ("deb",)
        self.root = os.path.join(paths.CACHE, "apt", arch + ("-source" if sources else ""))
        self.config = os.path.join(self.root, "apt.conf")
        self.archives = os.path.join(self.root, "archives")
        self.suite = None

    def prepare(self):
        for name in ("lists/partial", "archives/partial", "etc"):
            paths.make_directory(os.path.join(self.root, name))
        name = codename()
        self.suite = wanted_suite(name)
        trust = f" [signed-by={KEYRING}]" if os.path.exists(KEYRING) else ""
        sources = "".join(f"{kind}{trust} {uri} {suite} main\n" for kind in self.kinds
                          for uri, suite in mirrors(name))
        self._write("sources.list", sources)
        self._write("apt.conf", self._settings())

    def _write(self, name, text):
        paths.write_if_changed(os.path.join(self.root, name), text.encode())

    def _settings(self):
        """The machine's own ways to reach a mirror, and none of its hooks."""
        kept = [line for line in output(["apt-config", "dump"]).splitlines()
                if KEPT_SETTINGS.match(line)]
        return "\n".join(kept + [
            'Dir::Etc::main "/dev/null";',
            'Dir::Etc::parts "/dev/null";',
            'Dir::Etc::preferences "/dev/null";',
            'Dir::Etc::preferencesparts "/dev/null";',
            f'Dir::Etc::sourcelist "{self.root}/sources.list";',
            'Dir::Etc::sourceparts "/dev/null";',
            f'Dir::State::lists "{self.root}/lists";',
            f'Dir::State::status "{self.status}";',
            f'Dir::State::extended_states "{self.root}/extended_states";',
            f'Dir::Cache "{self.root}";',
            f'Dir::Cache::archives "{self.archives}";',
            f'APT::Architecture "{self.arch}";',
            f'APT::Architectures "{self.arch}";',
            'APT::Install-Recommends "false";',
            'APT::Update::Error-Mode "any";',
            'APT::Sandbox::User "";',
            'Acquire::Languages "none";',
            'Acquire::Retries "3";',
            'Debug::NoLocking "true";',
        ]) + "\n"

    def run(self, *arguments):
        env = dict(os.environ, APT_CONFIG=self.config, LC_ALL="C")
        return subprocess.run(["apt-get", "-q", "-y", *arguments], env=env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd=self.archives)

    def update(self):
        """Fetch the indexes.

        A mirror that is being updated gets time to finish.  One index that stays bad
        is tolerated: whether a package is missing for it shows when it is fetched.
        """
        self.prepare()
        with Step(f"fetch the package indexes for {self.arch}"):
            for pause in [3] * (UPDATE_TRIES - 1) + [0]:
                result = self.run("update")
                if result.returncode == 0:
                    return
                time.sleep(pause)
        if not glob.glob(os.path.join(self.root, "lists", "*_Packages*")):
            raise LabError("cannot fetch the package indexes from the Debian mirror: "
                           + first_error(result.stdout))
        print(f"note: going on without one index: {first_error(result.stdout)}", flush=True)

    def fetch(self, packages):
        """Download @packages and what they need; return the paths of the files."""
        result = self.run("install", "--download-only", "--reinstall", "-t", self.suite, *packages)
        if result.returncode:
            raise LabError(f"cannot get {' '.join(packages)} ({self.arch}): "
                           + first_error(result.stdout))
        return sorted(glob.glob(os.path.join(self.archives, "*.deb")))

    def download(self, package):
        """Download exactly @package into the archives; return the path of the file."""
        result = self.run("download", package)
        if result.returncode:
            raise LabError(f"cannot get {package} ({self.arch}): " + first_error(result.stdout))
        return max(glob.glob(os.path.join(self.archives, package + "_*.deb")),
                   key=os.path.getmtime)

    def clean(self):
        for path in glob.glob(os.path.join(self.archives, "*.deb")):
            os.unlink(path)


def first_error(text):
    lines = [line.strip() for line in text.splitlines()]
    for mark in ("E: ", "W: Failed", "Err:"):
        for line in lines:
            if mark in line:
                return line[line.index(mark):]
    return (text.strip().splitlines() or ["no reason given"])[-1]


def version_of(deb):
    """The version in a package file's name, without the epoch (a colon splits search paths)."""
    return os.path.basename(deb).split("_")[1].split("%3a")[-1]


def unpack(debs, directory, what):
    with Step(f"unpack {what}"):
        for deb in debs:
            output(["dpkg", "-x", deb, directory])
