# SPDX-License-Identifier: GPL-2.0-only
"""The picture of make bench: a bar for each ratio, and three curves, drawn by gnuplot."""

import contextlib
import os

from labkit import paths
from labkit.ui import logged

WIDTH = 1100
ROW_PIXELS = 19
HEAD_PIXELS = 90
CURVE_PIXELS = 330
CURVES = (("alias_store_", "store to a page with n aliases", "aliases"),
          ("alias_unmap_", "unmap by L0 of a page with n aliases", "aliases"),
          ("hold_", "longest mmu\\\\_lock hold, whole-guest flush", "leaves"))
BETTER, WORSE, MARK = "#2a7f9e", "#c8642b", "#222222"
BLOCK = "${name} << EOD\n{text}\nEOD\n"


def quoted(text):
    return '"' + text.replace("_", "\\\\_").replace('"', "'") + '"'


def ratio_lines(lines):
    """What has a ratio that a logarithmic axis can show."""
    return [line for line in lines if line["ratio"]]


def bars(lines, targets, height):
    """Commands for the upper panel: ratio to 1 as a bar, target as a mark."""
    bottom, top = CURVE_PIXELS / height, 1 - HEAD_PIXELS * 0.6 / height
    shown = ratio_lines(lines)
    data, marks, names = [], [], []
    for y, line in enumerate(shown):
        ratio = line["ratio"]
        color = BETTER if ratio <= 1 else WORSE
        data.append(f"{ratio:.4f} {y} {min(1, ratio):.4f} {max(1, ratio):.4f} {y - .36} {y + .36} "
                    f"{int(color[1:], 16)} {ratio:.3f}")
        names.append(f"{quoted(line['title'])} {y}")
        if line["name"] in targets:
            marks.append(f"{targets[line['name']]} {y - .48} 0 .96")
    low = min([line["ratio"] for line in shown] + [0.1]) / 2.2
    high = max([line["ratio"] for line in shown] + [1.2]) * 1.8
    text = BLOCK.format(name="bars", text="\n".join(data))
    text += BLOCK.format(name="marks", text="\n".join(marks) or "NaN NaN 0 0")
    return text + f"""
set lmargin at screen 0.40
set rmargin at screen 0.93
set bmargin at screen {bottom + 40 / height:.4f}
set tmargin at screen {top:.4f}
set logscale x
set xrange [{low:.5f}:{high:.4f}]
set yrange [{len(shown) - .3}:-0.7]
set ytics ({", ".join(names)}) scale 0
set grid xtics lc rgb "#dddddd"
set key outside top right horizontal samplen 1
set xlabel "ours / peer (less is better)" offset 0,0.3
plot $bars using 1:2:3:4:5:6:7 with boxxyerror fs solid noborder lc rgb variable notitle, \\
     $bars using ({high:.4f}):2:8 with labels left offset 0.5,0 notitle, \\
     $marks using 1:2:3:4 with vectors nohead lw 3 lc rgb "{MARK}" title "target"
reset
"""


def curve(lines, number, height):
    """Commands for a lower panel, the @number-th of CURVES; '' if nothing of it was measured."""
    prefix, title, label = CURVES[number]
    points = [(int(line["name"][len(prefix):]), line["ours"], line["peer"]) for line in lines
              if line["name"].startswith(prefix) and (line["ours"] or line["peer"])]
    if not points:
        return ""
    left = 0.07 + number * 0.325
    rows = "\n".join(f"{n} {ours or 'NaN'} {peer or 'NaN'}" for n, ours, peer in points)
    name = prefix.rstrip("_")
    return BLOCK.format(name=name, text=rows) + f"""
set lmargin at screen {left}
set rmargin at screen {left + 0.25}
set bmargin at screen {60 / height:.4f}
set tmargin at screen {(CURVE_PIXELS - 55) / height:.4f}
set logscale xy
set format y "10^{{%T}}"
set xrange [{points[0][0] / 1.6}:{points[-1][0] * 1.6}]
set grid
set key inside top left vertical
set title "{title}" font ",11" offset 0,-0.6
set xlabel "{label}"
set ylabel "{'ticks' if number == 0 else ''}" offset 1,0
plot ${name} using 1:2 with linespoints pt 7 ps 0.6 lw 2 lc rgb "{BETTER}" title "ours", \\
     ${name} using 1:3 with linespoints pt 5 ps 0.6 lw 2 lc rgb "{WORSE}" title "peer"
reset
"""


def commands(lines, targets, title, picture):
    """The whole program for gnuplot."""
    height = HEAD_PIXELS + ROW_PIXELS * len(ratio_lines(lines)) + CURVE_PIXELS
    text = f"""set terminal svg size {WIDTH},{height} font "sans-serif,11" background "white"
set output "{picture}"
set multiplot
set label {quoted(title)} at screen 0.02, screen {1 - 18 / height:.4f} font ",13"
"""
    if ratio_lines(lines):
        text += bars(lines, targets, height)
    return text + "".join(curve(lines, number, height) for number in range(len(CURVES))) \
        + "unset multiplot\n"


def draw(lines, targets, title, directory):
    """Write bench.svg to @directory, or remove an older one if there is nothing to draw.

    @lines: as in the CSV file; @targets: {name: ratio to reach}
    """
    picture = os.path.join(directory, "bench.svg")
    script = os.path.join(directory, "bench.gnuplot")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(picture)
    if not any(line["ours"] or line["peer"] for line in lines):
        return
    with open(script, "w") as file:
        file.write(commands(lines, targets, title, picture))
    logged(["gnuplot", script], paths.log("bench.plot"), "gnuplot")
