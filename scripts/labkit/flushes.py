# SPDX-License-Identifier: GPL-2.0-only
"""Flushes that are missing or wrong, which only the strict emulator can see.

	make mutants WHERE=strict [NAMES='word word']

One kernel has all of them, and a word of its command line says which one is made. So
each is one boot, and the kernel is built once; like the others it is planted in the tree
in build/, which is brought back at the end.
"""

import os
import re
from dataclasses import dataclass

from labkit import image, options, paths, selftests, source, strict
from labkit.kernel import Kernel
from labkit.ui import LabError

KVM = "arch/powerpc/kvm/"
TIMEOUT = 300
WORD = "kvm_nested_planted"
DEFINITION = f"""
#include <linux/moduleparam.h>
int {WORD};
core_param({WORD}, {WORD}, int, 0400);
"""


@dataclass
class Fault:
    """Statement @new instead of @old, which is once in KVM + @file.

    What must see it is the emulator that is told @words while it runs @tests: by a
    report, or with "use" by a test that fails.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str
    words: str = "report"

    def path(self):
        return KVM + self.file


SIZE = "BIT_ULL(mmu_psize_defs[psize].shift)"
FLUSH_PAGES = f"""radix__flush_tlb_lpid_range(lpid.val, start, last + 1,
				    {SIZE});"""
FLUSH_LOCALLY = f"""{{
	unsigned long host = mfspr(SPRN_LPID), rb;
	u64 addr;

	mtspr(SPRN_LPID, lpid.val);
	isync();
	for (addr = start; addr < last; addr += {SIZE}) {{
		rb = addr | mmu_get_ap(psize) << 5;
		asm volatile("ptesync;" PPC_TLBIEL(%0, %1, 0, 0, 1) ";ptesync"
			     : : "r" (rb), "r" (0L) : "memory");
	}}
	mtspr(SPRN_LPID, host);
	isync();
}}"""
ENTER = "r = kvmhv_run_single_vcpu(vcpu, limit, lpcr);"
ENTER_UNMARKED = f"{{ *vcpu->arch.nested_prev_cpu = -1; {ENTER} }}"
# Not a flush; but only this emulator reaches a guest through quadrants.
FETCH = """if (kvmppc_get_msr(vcpu) & MSR_IR)
		left = kvmhv_copy_vcpu(vcpu, eaddr, c, n);
	else if (vcpu->arch.nested)
		left = nflt_read_real(vcpu, eaddr, to, n);
	else
		left = n;"""

FAULTS = (
    Fault("a leaf is not flushed", "nested/lpid.c", FLUSH_PAGES, "barrier();", "host_unmap_while_running"),
    Fault("the walk cache is not flushed", "nested/lpid.c", "radix__flush_pwc_lpid(lpid.val);",
          "barrier();", "thp_split_collapse"),
    Fault("a table entry is not flushed", "nested/lpid.c",
          "mmu_partition_table_set_entry(lpid.val, dw0, dw1, true);",
          "mmu_partition_table_set_entry(lpid.val, dw0, dw1, false);", "inval_lpid"),
    Fault("a flush names another LPID", "nested/lpid.c", FLUSH_PAGES,
          FLUSH_PAGES.replace("lpid.val", "lpid.val + 1"), "host_unmap_while_running"),
    Fault("a flush names another size", "nested/lpid.c", FLUSH_PAGES,
          FLUSH_PAGES.replace(SIZE, "SZ_4K"), "host_unmap_while_running"),
    Fault("a flush is local where it must be global", "nested/lpid.c", FLUSH_PAGES, FLUSH_LOCALLY,
          "host_unmap_while_running"),
    Fault("a vCPU moves and nothing is flushed", "nested/nested_run.c", ENTER, ENTER_UNMARKED,
          "moving_vcpu"),
    Fault("a vCPU moves and finds what was there", "nested/nested_run.c", ENTER,
          ENTER_UNMARKED + " ", "moving_vcpu", "use"),
    Fault("a copy leaves translations where L2 was not", "nested/quadrant.c",
          "/* What the copy leaves. */\n\tif (!home)\n\t\tquadrant_flush_pid(c->pid);",
          "barrier();", "moving_vcpu", "use"),
    Fault("a fetch in real mode is read where a process has it", "nested/nested_copy.c", FETCH,
          "left = kvmhv_copy_vcpu(vcpu, eaddr, c, n);", "no_emulation", "use"),
    Fault("a copy finds what a vCPU left behind", "nested/quadrant.c",
          "/* What a vCPU has left here. */\n\tif (!home)\n\t\tquadrant_flush_pid(c->pid);",
          "barrier();", "moving_vcpu", "use"),
)


def chain_of(old, faults):
    """Statements for @old: one of @faults, (number, fault), or itself."""
    tests = "".join(f"if ({WORD} == {number})\n{fault.new}\nelse " for number, fault in faults)
    return f"{{ {tests}{old} }}"


def planted():
    """{path in the kernel tree: its text with all the faults}."""
    texts = {}
    for fault in FAULTS:
        texts[fault.path()] = source.read(os.path.join(paths.TOP, fault.path())).decode()
    for path, old in dict.fromkeys((fault.path(), fault.old) for fault in FAULTS):
        if texts[path].count(old) != 1:
            raise LabError(f"'{old}' is {texts[path].count(old)} times in {path}")
        numbered = [(n, fault) for n, fault in enumerate(FAULTS, 1)
                    if (fault.path(), fault.old) == (path, old)]
        texts[path] = texts[path].replace(old, chain_of(old, numbered))
    for path, text in texts.items():
        texts[path] = re.sub(r"((?:.*\n)*#include .*\n)", rf"\1extern int {WORD};\n", text, count=1)
    texts[KVM + "nested/lpid.c"] += DEFINITION
    return {path: text.encode() for path, text in texts.items()}


def caught_by(number, fault):
    """What was said against the fault; None if nothing."""
    run = selftests.boot("ours", "64k", "flush", "", build=False, cpus=(2,), timeout=TIMEOUT,
                         strict=fault.words, more_words=f"{WORD}={number}",
                         command=(0, selftests.command(fault.tests, "ours", fault.words)))
    run.run()
    _, failed, about = selftests.verdict(run)
    run.clean()
    if fault.words == "use":
        return about[0] if failed and about else None
    return run.stale()


def run():
    names = options.value("NAMES").split()
    chosen = [(number, fault) for number, fault in enumerate(FAULTS, 1)
              if not names or any(name in fault.name + fault.tests for name in names)]
    strict.emulator()
    image.root_image()
    selftests.build()
    caught = 0
    try:
        source.PLANTED.update(planted())
        Kernel("ours-64k").build()
        for number, fault in chosen:
            by = caught_by(number, fault)
            print(f"{'caught' if by else 'MISSED':7} {fault.name}: {by or fault.tests}",
                  flush=True)
            caught += bool(by)
    finally:
        source.PLANTED.clear()
        Kernel("ours-64k").build()
    print(f"{caught} of {len(chosen)} caught")
    return 0 if chosen and caught == len(chosen) else 1
