# SPDX-License-Identifier: GPL-2.0-only
"""The device tree of the emulated host, with the page sizes of its MMU.

The emulated powernv machine's MMU has 2M and 1G pages, but its device tree does not say
so, and Linux then assumes 4K and 64K only: no huge page anywhere in the chain. So the
tree is taken from the machine, halted before its first instruction, and given back to
it with the property that real firmware provides.
"""

import os
import struct
import subprocess

from labkit.ui import LabError

TREE_ADDRESS = 0x1000000
TREE_BYTES = 0x200000
MAGIC = 0xd00dfeed
BEGIN_NODE, END_NODE, PROPERTY, NOP, END = 1, 2, 3, 4, 9
PROPERTY_NAME = b"ibm,processor-radix-AP-encodings"
# shift | AP << 29, as in the ISA's table of actual page sizes: 4K, 64K, 2M, 1G
ENCODINGS = struct.pack(">4I", 12 | 0 << 29, 16 | 5 << 29, 21 | 1 << 29, 30 | 2 << 29)
CPU_NODE = b"PowerPC,"


def halted_machine_tree(command, env, path):
    """Save the memory in which the machine of @command put its tree; return it."""
    script = f'pmemsave {TREE_ADDRESS:#x} {TREE_BYTES:#x} "{path}"\nquit\n'
    result = subprocess.run(command + ["-S", "-serial", "null", "-monitor", "stdio"], env=env,
                            input=script, capture_output=True, text=True, timeout=60)
    try:
        with open(path, "rb") as file:
            blob = file.read()
    except OSError:
        blob = b""
    if len(blob) < 40 or struct.unpack(">I", blob[:4])[0] != MAGIC:
        raise LabError("the emulated machine has no device tree where it was expected: "
                       + (result.stderr.strip().splitlines() or ["?"])[-1])
    return blob


def padded(data):
    return data + b"\0" * (-len(data) % 4)


def node_end(blob, at):
    """The offset behind the name of the node whose name starts at @at."""
    return (blob.index(b"\0", at) + 4) & ~3


def with_property(structure, name_offset):
    """@structure with the property added to each CPU node."""
    result, at, copied = [], 0, 0
    item = struct.pack(">3I", PROPERTY, len(ENCODINGS), name_offset) + padded(ENCODINGS)
    while True:
        token, = struct.unpack_from(">I", structure, at)
        at += 4
        if token == BEGIN_NODE:
            is_cpu = structure.startswith(CPU_NODE, at)
            at = node_end(structure, at)
            if is_cpu:
                result += [structure[copied:at], item]
                copied = at
        elif token == PROPERTY:
            length, = struct.unpack_from(">I", structure, at)
            at += 8 + ((length + 3) & ~3)
        elif token == END:
            return b"".join(result) + structure[copied:at]
        elif token not in (END_NODE, NOP):
            raise LabError(f"the device tree of the emulated machine has an unknown token {token}")


def with_page_sizes(blob):
    """@blob (a flattened device tree) with the page sizes in each CPU node."""
    (_, _, at_struct, at_strings, at_reserved, version, compatible, boot_cpu, strings_bytes,
     struct_bytes) = struct.unpack(">10I", blob[:40])
    reserved = blob[at_reserved:at_struct]
    strings = blob[at_strings:at_strings + strings_bytes] + PROPERTY_NAME + b"\0"
    structure = with_property(blob[at_struct:at_struct + struct_bytes], strings_bytes)
    first = 40
    second = first + len(reserved)
    third = second + len(structure)
    head = struct.pack(">10I", MAGIC, third + len(strings), second, third, first, version,
                       compatible, boot_cpu, len(strings), len(structure))
    return head + reserved + structure + strings


def replaced(command, env, directory):
    """@command with a device tree that has the page sizes.

    The kernel's command line is in the tree already, and the emulator refuses it twice.
    """
    raw, path = os.path.join(directory, "machine.raw"), os.path.join(directory, "machine.dtb")
    blob = with_page_sizes(halted_machine_tree(command, env, raw))
    with open(path, "wb") as file:
        file.write(blob)
    os.unlink(raw)
    at = command.index("-append")
    return command[:at] + command[at + 2:] + ["-dtb", path]
