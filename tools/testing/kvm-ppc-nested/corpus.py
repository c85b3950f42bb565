#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Inputs of the fuzz targets, one in a line as hex, so that they can be mailed.

usage: corpus.py unpack FILE DIRECTORY
       corpus.py pack DIRECTORY FILE     (the 40 largest, which do most)
"""
import pathlib
import sys

KEPT = 40


def unpack(file, directory):
    directory.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(file.read_text().split()):
        (directory / f"{number:03}").write_bytes(bytes.fromhex(line))


def pack(directory, file):
    inputs = sorted((f.read_bytes() for f in directory.iterdir()), key=len)
    file.write_text("".join(i.hex() + "\n" for i in inputs[-KEPT:]))


{"unpack": unpack, "pack": pack}[sys.argv[1]](*map(pathlib.Path, sys.argv[2:]))
