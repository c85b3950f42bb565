# SPDX-License-Identifier: GPL-2.0-only
"""Ask the emulator, by its monitor, which functions of the kernel its CPUs are in.

For a machine that says nothing any more: whatever its kernel does, this works.
"""

import bisect
import os
import re
import socket
import time

from labkit.kernel import CROSS
from labkit.ui import output

SAMPLES = 3
SECONDS = 5
NIP = re.compile(r"\bNIP ([0-9a-f]{16})\s+LR ([0-9a-f]{16})")


def socket_path(directory):
    """Where the monitor listens.  Relative, since such a path may have 107 bytes only."""
    return os.path.relpath(os.path.join(directory, "monitor"))


def symbols(kernel):
    """([addresses], [names]) of the functions of @kernel, sorted."""
    text = output([CROSS + "nm", "-n", os.path.join(kernel.output, "vmlinux")])
    rows = [line.split() for line in text.splitlines()]
    rows = [row for row in rows if len(row) == 3 and row[1] in "tTwW"]
    return [int(row[0], 16) for row in rows], [row[2] for row in rows]


def name_of(address, table):
    """FUNCTION+OFFSET of an address, or the address."""
    addresses, names = table
    at = bisect.bisect_right(addresses, address) - 1
    return f"{names[at]}+{address - addresses[at]:#x}" if at >= 0 else f"{address:#x}"


def ask(directory, command):
    """What the monitor answers within a moment; nothing if it does not answer."""
    text = b""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(SECONDS)
            link.connect(socket_path(directory))
            link.sendall(command.encode() + b"\n")
            time.sleep(1)
            link.settimeout(1)
            while chunk := link.recv(65536):
                text += chunk
    except OSError:
        pass
    return text.decode(errors="replace")


def places(text, table):
    """[function < caller] of each CPU in the answer to 'info registers -a'."""
    return [f"{name_of(int(nip, 16), table)} < {name_of(int(lr, 16), table)}"
            for nip, lr in NIP.findall(text)]


def where_cpus_are(directory, kernel):
    """One line: the functions in which each of some samples has found the CPUs."""
    table = symbols(kernel)
    found = []
    for _ in range(SAMPLES):
        found.append(", ".join(places(ask(directory, "info registers -a"), table)))
    return "; then ".join(dict.fromkeys(filter(None, found))) or "places that are not known"
