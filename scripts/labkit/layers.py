# SPDX-License-Identifier: GPL-2.0-only
"""The order of our kernel files: who includes or calls stands above what it uses."""

import os
import re

KVM = "arch/powerpc/kvm"

# From the bottom.  A word is a .c file and its header, in nested/ where nothing else is said.
LAYERS = (
    "pure",
    "rpt gwalk ninv nstate",
    "parent lpid_backend lpid quadrant nmem",
    "pst",
    "nrmap nfault",
    "radix_walk radix_fault radix_xlate heads ../book3s_64_mmu_radix",
    "nested_vm",
    "nested_guest",
    "nested_limit",
    "nested_walk nested_inval nested_enter",
    "nested_fault nested_run",
    "nested_audit radix_debugfs nested_debugfs nested_copy ../book3s_hv_nested",
)
LAYER = {os.path.normpath(f"nested/{word}"): number
         for number, words in enumerate(LAYERS) for word in words.split()}

# Beside each other, and yet the first may use the second.
BESIDE = {(user, f"nested/{used}") for user, used in (
    ("nested/gwalk", "rpt"), ("nested/ninv", "rpt"),
    ("nested/lpid_backend", "lpid"), ("nested/lpid", "lpid_backend"), ("nested/lpid", "parent"),
    ("nested/nfault", "nrmap"),
    ("nested/radix_fault", "radix_walk"), ("book3s_64_mmu_radix", "radix_walk"),
    ("book3s_64_mmu_radix", "radix_fault"),
    ("nested/nested_debugfs", "nested_audit"), ("nested/nested_debugfs", "radix_debugfs"))}

INCLUDE = re.compile(r'^#include "(.+)"', re.M)
DEFINED = re.compile(r"^(?!static)[a-z_][\w \t*]*?\b(\w+)\([^;{]*?\)\n(?:\t__\w+.*\n)*\{", re.M)
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def read(top):
    """The text of each of our files, without comments, by its name below KVM."""
    base = os.path.join(top, KVM)
    names = [os.path.join("nested", name) for name in sorted(os.listdir(base + "/nested"))]
    names += [unit + ".c" for unit in LAYER if not unit.startswith("nested/")]
    texts = {}
    for name in names:
        with open(os.path.join(base, name)) as file:
            texts[name] = COMMENT.sub("", file.read())
    return texts


def uses(texts):
    """Each (file, what it includes or calls, where that is)."""
    homes = {word: name for name, text in texts.items() if name.endswith(".c")
             for word in DEFINED.findall(text)}
    for name, text in texts.items():
        for path in INCLUDE.findall(text):
            yield name, path, os.path.normpath(os.path.join(os.path.dirname(name), path))
        for word in sorted(set(re.findall(r"\w+", text)) & homes.keys()):
            if name.endswith(".c"):
                yield name, word + "()", homes[word]


def complaints(texts):
    """A line for each file without a layer, and for each use that does not go down."""
    found = [f"{name}: in no layer of scripts/labkit/layers.py" for name in texts
             if os.path.splitext(name)[0] not in LAYER]
    for name, what, home in uses(texts):
        user, used = (os.path.splitext(path)[0] for path in (name, home))
        if user == used or (user, used) in BESIDE or user not in LAYER or used not in LAYER:
            continue
        if LAYER[used] >= LAYER[user]:
            found.append(f"{name} (layer {LAYER[user]}) uses {what} of {home} "
                         f"(layer {LAYER[used]})")
    return found
