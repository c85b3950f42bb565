# SPDX-License-Identifier: GPL-2.0-only
"""The make variables of the lab: what is allowed, and turning them into a ChainSpec."""

import os

from labkit import chain, strict as strict_emulator
from labkit.kernel import DEBUGS
from labkit.ui import LabError

WHOSE_0 = ("ours", "peer", chain.EMULATED_L0)
WHOSE = ("ours", "peer")
EMULATORS = ("packaged", "strict")
PAGES = ("64k", "4k")
MAX_LEVELS = 3
MAX_CPUS = 8
MEM_STEP = 256


def value(name, default=""):
    return os.environ.get(name, "").strip() or default


def wrong(name, given, allowed):
    return LabError(f"{name}={given}: allowed is {allowed}")


def choice(name, allowed, default):
    given = value(name, default)
    if given not in allowed:
        raise wrong(name, given, ", ".join(allowed))
    return given


def number(name, low, high, default, step=1):
    given = value(name, str(default))
    if not given.isdigit() or not low <= int(given) <= high or int(given) % step:
        multiple = f" in steps of {step}" if step > 1 else ""
        raise wrong(name, given, f"a number from {low} to {high}{multiple}")
    return int(given)


def listed(name, count, one, default):
    """A value for each of @count levels, checked by @one; one alone holds for all."""
    given = value(name)
    if not given:
        return list(default)
    items = given.split(",")
    if len(items) > count:
        raise wrong(name, given, f"one value, or up to {count} separated by commas (L0 first)")
    return [one(name, given, item) for item in items]


def one_page_size(name, given, item):
    if item not in PAGES:
        raise wrong(name, given, ", ".join(PAGES) + ", or one of them per level: L0,L1,...")
    return item


def one_cpu_count(name, given, item):
    if not item.isdigit() or not 1 <= int(item) <= MAX_CPUS:
        raise wrong(name, given, f"a number from 1 to {MAX_CPUS}, or one per level: L0,L1,...")
    return int(item)


def one_mem(name, given, item):
    if not item.isdigit() or not 512 <= int(item) <= 65536 or int(item) % MEM_STEP:
        raise wrong(name, given, "MiB from 512 to 65536 in steps of "
                    f"{MEM_STEP}, one per level: L0,L1,...")
    return int(item)


def check_mem(mem):
    """A guest has to fit into the level above."""
    for level, (outer, inner) in enumerate(zip(mem, mem[1:])):
        if inner + MEM_STEP > outer:
            raise LabError(f"MEM: L{level + 1} ({inner} MiB) needs an L{level} of at least "
                           f"{inner + MEM_STEP} MiB, not {outer}")


def whose(levels):
    """Whose kernel at each level: L0=, L1=, L2=, L3=; what is not said follows above."""
    if value("L1") == chain.EMULATED_L0:
        # Read as: an L1 of ours below the emulator's own nested L0.
        if value("L0") not in ("", chain.EMULATED_L0):
            raise LabError("L1=emulator means that the emulator is L0: do not give L0= as well")
        names = [chain.EMULATED_L0, "ours"]
    else:
        first = choice("L0", WHOSE_0, "ours")
        names = [first, choice("L1", WHOSE, "ours" if first == chain.EMULATED_L0 else first)]
    for level in range(2, levels + 1):
        names.append(choice(f"L{level}", WHOSE, names[-1]))
    return names[:levels + 1]


def interactive(levels, top):
    """INTERACTIVE=1: a shell in the deepest level; INTERACTIVE=L0..L3: in that one."""
    given = value("INTERACTIVE", "0")
    if given in ("0", "no"):
        return None
    names = {f"L{level}": level for level in range(top, levels + 1)}
    if given == "1":
        return levels
    if given not in names:
        raise wrong("INTERACTIVE", given, "1 (the deepest level) or " + ", ".join(names))
    return names[given]


def command(levels, top):
    """COMMAND='...' AT=n: run this at that level instead of the workload."""
    text = value("COMMAND")
    return (number("AT", top, levels, levels), text) if text else None


def debug(default="0"):
    """The debug fragment that DEBUG= names; none is empty."""
    return DEBUGS[choice("DEBUG", tuple(DEBUGS), default)]


def strict(top=0):
    """The words for the strict emulator if EMULATOR= asks for it; none is empty."""
    words = strict_emulator.checked_words(value("STRICT", "report"))
    if choice("EMULATOR", EMULATORS, "packaged") != "strict":
        return ""
    if top:
        raise LabError("EMULATOR=strict is of an L0 that is Linux: do not give L0=emulator")
    return words


def chain_spec():
    """The chain that the variables ask for."""
    levels = number("LEVELS", 1, MAX_LEVELS, 2)
    names = whose(levels)
    top = 1 if names[0] == chain.EMULATED_L0 else 0
    mem = listed("MEM", levels + 1, one_mem, ())
    spec = chain.ChainSpec(
        levels=levels, whose=names, mem=mem,
        pages=listed("PAGES", levels + 1, one_page_size, ["64k"]),
        cpus=listed("CPUS", levels + 1, one_cpu_count, [1]),
        interactive=interactive(levels, top), command=command(levels, top),
        timeout=number("TIMEOUT", 10, 86400, 0) if value("TIMEOUT") else None,
        debug=debug(),
        huge=choice("HUGE", ("0", "1"), "1") == "1",
        extra=value("EXTRA").split(), append=value("APPEND"), strict=strict(top))
    check_mem(spec.mem)
    return spec


def keep():
    return choice("KEEP", ("0", "1"), "0") == "1"
