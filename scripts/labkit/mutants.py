# SPDX-License-Identifier: GPL-2.0-only
"""Deliberate faults in the glue: each in turn is built, booted, and must be caught.

	make mutants WHERE=kernel [NAMES='word word']
	make mutants WHERE=strict	see flushes.py

The faults of the pure files, which need no boot, are in
tools/testing/kvm-ppc-nested/mutants.  Nothing under arch/ is touched: the fault is
planted in the tree in build/, which is brought back at the end.
"""

import os
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

from labkit import flushes, harness, image, kunit, options, packages, paths, selftests, source
from labkit.kernel import Kernel
from labkit.ui import LabError, report

KVM = "arch/powerpc/kvm/"
TIMEOUT = 240
KUNIT = "kunit:"


@dataclass
class Mutant:
    """@old becomes @new, once, in the file KVM + @file; @test must fail.

    A test is a program of the selftests or, with KUNIT before it, a case.
    """

    name: str
    file: str
    old: str
    new: str
    test: str
    debug: str = ""

    def path(self):
        return KVM + self.file

    def case(self):
        """The KUnit case that must fail, or None."""
        return self.test[len(KUNIT):] if self.test.startswith(KUNIT) else None

    def fragment(self):
        """The debug fragment of the kernel that it is planted in."""
        return "debug" if self.case() else self.debug

    def planted(self):
        text = source.read(os.path.join(paths.TOP, self.path())).decode()
        if text.count(self.old) != 1:
            raise LabError(f"{self.name}: its text is {text.count(self.old)} times in "
                           + self.path())
        return text.replace(self.old, self.new).encode()


@dataclass
class LeftOut:
    """The hook of that @number is not applied; @test must fail."""

    number: str
    test: str
    debug: str = ""

    @property
    def name(self):
        return f"without hook {self.number}"

    def case(self):
        return None

    def fragment(self):
        return self.debug

    def planted(self):
        """Nothing; but there must be such a hook."""
        found = [patch for patch in source.series()
                 if os.path.basename(patch).startswith(self.number)]
        if len(found) != 1:
            raise LabError(f"{len(found)} hooks have the number {self.number}")


def put(mutant):
    """Let the next kernel have the fault, and no other."""
    source.PLANTED.clear()
    source.LEFT_OUT.clear()
    content = mutant.planted()
    if content is None:
        source.LEFT_OUT.add(mutant.number)
    else:
        source.PLANTED[mutant.path()] = content


MUTANTS = (
    LeftOut("0030", "rpt_invalidate"),
    LeftOut("0031", "l2_exits"),
    LeftOut("0032", "slot_delete_move"),
    LeftOut("0033", "l2_exits"),
    LeftOut("0035", "mmio_l2"),
    LeftOut("0036", "no_emulation"),
    LeftOut("0037", "no_emulation"),
    LeftOut("0038", "hcalls"),
    LeftOut("0039", "hcalls", "debug"),
    LeftOut("0041", "hcalls"),
    LeftOut("0042", "hcalls"),
    LeftOut("0043", "hcalls"),
    LeftOut("0068", "dispatch_log"),
    Mutant("an interrupt of L0 for L2 comes as L1's own", "nested/nested_run.c",
           "\tvcpu->arch.nested_lpcr = lpcr;\n",
           "\tvcpu->arch.nested_lpcr = vcpu->arch.vcore->lpcr;\n", "l2_exits"),
    Mutant("a fetch by L2 without memory is emulated", "nested/nested_fault.c",
           "f->access == NFAULT_FETCH ? NF_INJECT :\n", "0 ? NF_INJECT :\n",
           "no_emulation"),
    Mutant("a fault of a fetch is a data interrupt for L2", "nested/nested_fault.c",
           "\tif (f->side == NFAULT_INSN)\n\t\tkvmppc_core_queue",
           "\tif (0)\n\t\tkvmppc_core_queue", "no_emulation"),
    Mutant("code of L2 for execution only cannot be read", "nested/nested_fault.c",
           "(nfault_rights(f.l1.pte.val) & (RPT_R | RPT_X))",
           "(nfault_rights(f.l1.pte.val) & RPT_R)", "no_emulation"),
    Mutant("a fetch by a guest without memory is emulated", "book3s_64_mmu_radix.c",
           "\t\treturn radix_inject(vcpu, ea, DSISR_NOEXEC_OR_G);\n",
           "\t\t;\n", "no_emulation"),
    Mutant("the host unmaps, and L2 keeps the page", "nested/nrmap.c",
           "\tif (!w->slot.heads)\n\t\treturn end;", "\tif (w->op == NRMAP_ZAP)\n\t\treturn end;",
           "host_unmap_while_running"),
    Mutant("the host asks for part of a large leaf, and L2 is not asked", "nested/nrmap.c",
           "\tnrmap_ask_before(w, pos, addr);\n", "",
           KUNIT + "nguest_ageing_sees_a_large_leaf_from_each_of_its_frames"),
    Mutant("the dirty log is cleaned, and L2 keeps W and C", "nested/nrmap.c",
           "pst_weaken_leaf(&pos, RPT_W | RPT_CHG, w->g);", "pst_weaken_leaf(&pos, 0, w->g);",
           "dirty_log_l2"),
    Mutant("a range ends where it starts", "nested/nested_inval.c",
           "pst_zap_range(ng->live, start, last, NMMU_CHUNK, &g);",
           "pst_zap_range(ng->live, start, start, NMMU_CHUNK, &g);", "inval_range"),
    Mutant("a whole LPID is nothing", "nested/nested_inval.c",
           "\tcase NINV_LPID_TLB:\n\tcase NINV_ALL_TLB:\n\t\tnguest_invalidate(ng);\n",
           "\tcase NINV_LPID_TLB:\n\tcase NINV_ALL_TLB:\n", "inval_lpid"),
    Mutant("all LPIDs are the first one", "nested/nested_inval.c",
           "\t\tnmmu_invalidate_guest(ng, inv);\n\t\tnguest_put(ng);\n\t\tcond_resched();\n",
           "\t\tnmmu_invalidate_guest(ng, inv);\n\t\tnguest_put(ng);\n\t\tbreak;\n",
           "inval_all"),
    Mutant("an entry that is gone does not kill", "nested/nested_guest.c",
           "\tif (!nguest_read_entry(ng->kvm, ng->glpid, &entry) && !entry.root)\n"
           "\t\tnguest_kill(ng);\n}", "}", "pate_drop_inside"),
    Mutant("a new table leaves the old guests alone", "book3s_hv_nested.c",
           "\tnguest_kill_all(vcpu->kvm);\n\treturn H_SUCCESS;", "\treturn H_SUCCESS;",
           "pate_drop_inside"),
    Mutant("a register set by user space leaves the guests alone", "book3s_hv_nested.c",
           "l1_ptcr, ptcr);\n\tnguest_kill_all(kvm);\n", "l1_ptcr, ptcr);\n", "ptcr_onereg"),
    Mutant("whatever user space puts is meant", "book3s_hv_nested.c",
           "bool meant = ptcr != vcpu->arch.ptcr_known;", "bool meant = true;", "ptcr_onereg"),
    Mutant("a reset without a look is not meant", "book3s_hv_nested.c",
           "\tif (!vcpu->arch.ptcr_asked)\n\t\tvcpu->arch.ptcr_known = ptcr;\n", "",
           "ptcr_onereg"),
    Mutant("a host LPID is not given back", "nested/nested_guest.c",
           "\t\tlpid_free(ng->shadow_lpid);\n", "", "lpid_exhaustion"),
    Mutant("a guest is not freed", "nested/nested_guest.c",
           "\tkfree_rcu(ng, rcu);\n", "", "enter_basic", "debug"),
    Mutant("no quota of tables", "nested/nested_limit.c",
           "\treturn atomic_long_read(&nvm->account.bytes) > quota;", "\treturn false;",
           "reclaim_thrash"),
    Mutant("a guest too many", "nested/nested_limit.c",
           "while (nlimit_count_guests(kvm) >= nlimit_max_guests(kvm)) {", "while (0) {", "lpid_exhaustion"),
    Mutant("what L1 has no memory for is a fault of L1", "nested/nested_fault.c",
           "f->access == NFAULT_FETCH ? NF_INJECT :\n", "1 ? NF_INJECT :\n", "mmio_l2"),
    Mutant("L1 is always little-endian", "nested/nested_run.c",
           "\trun->order = kvmppc_need_byteswap(vcpu) ?", "\trun->order = 0 ?", "cross_endian"),
    Mutant("the time of L1 is taken for the host's", "nested/nested_run.c",
           "kvmppc_get_tb_offset(vcpu), mftb());", "0, mftb());", "time_limit"),
    Mutant("who waits for user space ignores signals", "nested/nmem.c",
           "(signal_pending(current) && ++*tries >= NMEM_LAST_TRIES)", "0", "wait_signal"),
    Mutant("what is owed is forgotten", "nested/nested_run.c",
           "\tif (err && err != -EINTR)\n\t\trun->owed = 0;\n", "\trun->owed = 0;\n",
           "wait_signal"),
    Mutant("a reset L1 gets what the old one was owed", "book3s_hv_nested.c",
           "if (!kvmhv_is_owed(vcpu, run)) {", "if (0) {", "wait_signal"),
    Mutant("another call of the same function gets what is owed", "book3s_hv_nested.c",
           "return kvmhv_same_regs(&vcpu->arch.regs, &run->owed_at) &&\n\t       (pc",
           "return (pc", "entry_edges"),
    Mutant("who answers a hypercall waits whatever the signal", "nested/nmem.c",
           "if (nmem_for_hcall(vcpu, req) != -EINTR)", "if (1)", "wait_signal"),
    Mutant("a copy that was interrupted is over", "nested/nested_copy.c",
           "\tkvmppc_set_pc(vcpu, kvmppc_get_pc(vcpu) - sizeof(u32));\n", "", "wait_signal"),
    Mutant("what L2 has loaded is not owed", "nested/nested_run.c",
           "\trun->owed |= NRUN_OWES_LOAD;\n", "", "wait_signal"),
    Mutant("the VMM is not told which page it lacks", "nested/nested_fault.c",
           "\t\tnflt_tell_user(vcpu, f);\n", "", "host_unmap_while_running"),
    Mutant("L1 is told what only the VMM can cure", "book3s_hv_nested.c",
           "\tif (r < 0) {\n\t\tvcpu->arch.ret = r;\n", "\tif (r == -EINTR) {\n\t\tvcpu->arch.ret = r;\n",
           "host_unmap_while_running"),
    Mutant("the VMM is not told of L1's own page", "book3s_64_mmu_radix.c",
           "\tif (err == -EFAULT)\n\t\tkvm_prepare", "\tif (0)\n\t\tkvm_prepare",
           "host_unmap_while_running"),
    Mutant("tokens share a slot", "nested/nested_guest.c",
           "&part[token % NGUEST_PART]", "&part[0]", "token"),
    Mutant("tokens end where the CPUs of L0 do", "nested/nested_run.c",
           ".nr_tokens = KVM_NESTED_TOKENS,", ".nr_tokens = NR_CPUS,", "token"),
    Mutant("the doorbell of L2 is lost", "nested/nested_run.c",
           "\trun->hv.dpdes = vcpu->arch.nested_doorbell;", "\trun->hv.dpdes = 0;", "doorbell"),
    Mutant("L1 does not refuse", "nested/nested_fault.c",
           "\twhy = nfault_l1_refusal(f);\n", "\twhy = 0;\n", "pte_faults"),
    Mutant("a slot goes, and L2 keeps its pages", "nested/radix_walk.c",
           "\twalk->w.slot.heads = kvm->arch.nested_vm ? walk->slot->arch.rmap : NULL;",
           "\twalk->w.slot.heads = walk->map ? walk->slot->arch.rmap : NULL;",
           "slot_delete_move"),
    Mutant("a page that goes comes back beside another", "nested/radix_fault.c",
           "	       !radix_is_going(f->kvm, first, first + RPT_LINE) &&\n",
           "", "around_race"),
    Mutant("tables are charged to nobody", "nested/pure.c",
           '#include "pure.h"\n',
           '#include "pure.h"\n#undef GFP_KERNEL_ACCOUNT\n'
           "#define GFP_KERNEL_ACCOUNT GFP_KERNEL\n#undef SLAB_ACCOUNT\n"
           "#define SLAB_ACCOUNT 0\n", "memcg_charge"),
    Mutant("the host does not show tables", "nested/pure.c",
           "\tif (pages)\n\t\tmod_node_page_state(", "\tif (0)\n\t\tmod_node_page_state(",
           "memcg_charge"),
    Mutant("a range does not notice a signal", "nested/nested_inval.c",
           "\t\tif (signal_pending(current))\n\t\t\tbreak;\n", "", "signal"),
    Mutant("a neighbour may be beyond its slot", "nested/nested_fault.c",
           "\tif (offset >= job->slot->npages)\n", "\tif (offset >= 2 * job->slot->npages)\n",
           "fault_around_slots"),
    Mutant("a buffer stays where it was", "nested/nested_run.c",
           "mapped = gpc->gpa == a->gpa && kvm_gpc_check(gpc, a->len);",
           "mapped = gpc->gpa == a->gpa && gpc->khva;", "moving_buffers"),
    Mutant("tables of L1 are read under a lock", "nested/nested_fault.c",
           "\tnmmu_walk_l1(reader, f->l1_root, f->ngpa, &f->l1);\n",
           "\tguard(mutex)(&ng->pate_mutex);\n"
           "\tnmmu_walk_l1(reader, f->l1_root, f->ngpa, &f->l1);\n", "fault_blocked_peer"),
    Mutant("the entry of L1 is read under a lock", "nested/nested_guest.c",
           "\tKUNIT_STATIC_STUB_REDIRECT(nguest_read_entry, kvm, glpid, entry);\n",
           "\tguard(mutex)(&kvm->arch.nested_vm->runs_lock);\n", "fault_blocked_peer"),
    Mutant("the MSR of L2 is read again", "nested/nested_run.c",
           "\terr = nstate_sanitise(&run->hv, &run->regs, &lim);\n",
           "\terr = nstate_sanitise(&run->hv, &run->regs, &lim);\n"
           "\tkvm_vcpu_srcu_read_lock(vcpu);\n"
           "\tkvm_vcpu_read_guest(vcpu, run->regs_gpa + offsetof(struct pt_regs, msr),\n"
           "\t\t\t    &run->regs.msr, sizeof(run->regs.msr));\n"
           "\tkvm_vcpu_srcu_read_unlock(vcpu);\n", "read_once"),
    # One for each suite whose cases the harness has too, to see that KUnit sees it.
    Mutant("a page of 64K is one of 4K", "nested/rpt.h", "\t\treturn RPT_SHIFT_64K;\n",
           "\t\treturn RPT_SHIFT_4K;\n", KUNIT + "rpt_ap_codes"),
    Mutant("an address above 52 bits wraps", "nested/gwalk.c", "if (ea > RPT_EA_LAST)", "if (0)",
           KUNIT + "gwalk_ends_as_hardware_would"),
    Mutant("all translations are all there is", "nested/lpid.c",
           "\t\tlpid_tlbie(lpid, RIC_FLUSH_TLB);\n", "\t\tlpid_tlbie(lpid, RIC_FLUSH_ALL);\n",
           KUNIT + "lpid_c7_translations_leave_walks_and_entry_alone"),
    Mutant("a doorbell that comes while the parent returns is written over", "nested/parent.c",
           "\tif (hr->dpdes)\n\t\tWRITE_ONCE(*kvmhv_loaded_doorbell(vcpu), 1);",
           "\t*kvmhv_loaded_doorbell(vcpu) |= hr->dpdes;",
           KUNIT + "parent_return_loses_no_doorbell_that_comes_meanwhile"),
    Mutant("the walk cache of a parent is flushed with the entry", "nested/lpid.c",
           ".type = H_RPTI_TYPE_PWC,", ".type = H_RPTI_TYPE_NESTED_ALL,",
           KUNIT + "lpid_c7_walks_leave_translations_and_entry_alone"),
    Mutant("walks bring back what was flushed", "nested/lpid.c",
           "\t\tlpid_request_flush(lpid, &lpid_walk_caches);\n"
           "\t\tlpid_request_flush(lpid, &lpid_translations);\n",
           "\t\tlpid_request_flush(lpid, &lpid_translations);\n"
           "\t\tlpid_request_flush(lpid, &lpid_walk_caches);\n",
           KUNIT + "lpid_c7_translations_and_walks_leave_the_entry_alone"),
    Mutant("an entry that has changed stays cached", "nested/lpid.c",
           "\t\tlpid_request_flush(lpid, &lpid_everything);\n",
           "\t\tlpid_request_flush(lpid, &lpid_translations);\n",
           KUNIT + "lpid_c7_all_reads_the_entry_again"),
    Mutant("each page is a sequence of its own", "nested/lpid.c",
           "\telse\n\t\tlpid_tlbie_pages(lpid, start, last, psize);\n",
           "\telse\n\t\tfor (; start < last; start += BIT(shift))\n"
           "\t\t\tlpid_tlbie_pages(lpid, start, start + BIT(shift) - 1, psize);\n",
           KUNIT + "lpid_range_of_some_pages_is_one_sequence"),
    Mutant("seventeen pages are few", "nested/lpid.c", ">> shift < LPID_MAX_PAGES",
           ">> shift <= LPID_MAX_PAGES", KUNIT + "lpid_range_of_many_pages_is_all_translations"),
    Mutant("a flush that is refused is dropped", "nested/lpid.c",
           "if (status && req != &lpid_everything) {", "if (0) {",
           KUNIT + "lpid_flush_that_is_refused_is_widened"),
    Mutant("a busy parent is not waited for", "nested/lpid.c", "while (status == H_BUSY) {",
           "while (0) {", KUNIT + "lpid_flush_waits_for_a_busy_parent"),
    Mutant("interrupts come while LPIDR is a guest's", "nested/quadrant.c",
           "\tlocal_irq_save(host->flags);\n\thard_irq_disable();\n",
           "\tlocal_save_flags(host->flags);\n",
           KUNIT + "quadrant_i12_interrupts_see_the_lpid_of_the_host"),
    Mutant("interrupts are masked in software while PIDR is a guest's", "nested/quadrant.c",
           "\thard_irq_disable();\n", "",
           KUNIT + "quadrant_i12_interrupts_see_the_pid_of_the_host"),
    Mutant("LPID 0 is accepted", "nested/ninv.c", "if (!lpid || lpid >=", "if (lpid >=",
           KUNIT + "ninv_tlbie_decodes_or_refuses"),
    Mutant("writable without C of L1", "nested/nfault.h",
           "u64 both = l0->attrs & f->l1.pte.val;", "u64 both = l0->attrs;",
           KUNIT + "nfault_compose_never_gives_more_than_both"),
    Mutant("the second of two links is lost", "nested/pst.h",
           "return hlist_entry_safe(link->node.next, struct pst_link, node);", "return NULL;",
           KUNIT + "nrmap_any_of_many_can_be_unlinked"),
    Mutant("L2 runs with HV", "nested/nstate.c", "~(MSR_HV | MSR_S)", "~(MSR_S)",
           KUNIT + "nstate_msr_has_machine_checks_and_no_hypervisor_or_secure_state"),
    Mutant("no page is flushed", "nested/pst.c", "for (i = 0; !f->all && i < f->nr; i++)",
           "for (i = 1; !f->all && i < f->nr; i++)", KUNIT + "pst_zap_leaf_returns_what_was_there"),
    # What only the kernel has.
    Mutant("a guest on its way out is found", "nested/nested_guest.c",
           "\tif (ng && !refcount_inc_not_zero(&ng->refs))\n\t\tng = NULL;\n",
           "\tif (ng)\n\t\tatomic_inc(&ng->refs.refs);\n",
           KUNIT + "nguest_without_references_is_not_found"),
    Mutant("an invalidation that finds nothing does not wait", "nested/nested_guest.c",
           "\t\tnguest_discard_tree(fresh);\n\t}\n\tnguest_settle(ng);\n",
           "\t\tnguest_discard_tree(fresh);\n\t\tnguest_settle(ng);\n\t}\n",
           KUNIT + "nguest_races_leave_no_stale_tree_and_no_lpid"),
    Mutant("a tree is not quiet after the flush", "nested/nested_guest.c",
           "\t\t    pst->state == PST_DETACHED)\n\t\t\tpst_quiesce(pst);\n",
           "\t\t    pst->state == PST_DETACHED)\n\t\t\treturn;\n",
           KUNIT + "nguest_invalidation_replaces_the_tree_and_the_worker_frees_it"),
    Mutant("a guest is ready before it is published", "nested/nested_guest.c",
           "\tif (current_entry)\n\t\tng->process_table = table;\n",
           "\tif (current_entry) {\n\t\tng->process_table = table;\n"
           "\t\tng->l1_root = entry->root;\n\t}\n",
           KUNIT + "nguest_is_ready_only_when_its_entry_is_published"),
    Mutant("a guest is ready although L1 has invalidated", "nested/nested_guest.c",
           "\tcurrent_entry = nguest_is_current(ng, seq);\n\tif (current_entry) {", "\tcurrent_entry = true;\n\tif (current_entry) {",
           KUNIT + "nguest_is_not_ready_if_L1_invalidates_while_it_is_published"),
    Mutant("vCPUs outside keep the dead", "nested/nested_guest.c",
           "\tnguest_forget(nvm, ng);\n", "\tif (0)\n\t\tnguest_forget(nvm, ng);\n",
           KUNIT + "nguest_that_only_vcpus_outside_remember_is_freed_when_killed"),
    Mutant("no reserve of LPIDs", "nested/lpid.c",
           "pool - 1 - (long)READ_ONCE(nested_lpid_reserve)", "pool - 1",
           KUNIT + "nguest_lpids_leave_a_reserve_for_vms"),
    Mutant("the youngest idle guest goes", "nested/nested_limit.c",
           "\t\tidle = ng;\n\t\toldest = last_run;\n", "\t\tidle = ng;\n",
           KUNIT + "nguest_idle_longest_makes_room_for_one_more"),
    Mutant("the shrinker has nothing", "nested/nested_limit.c",
           "\t\tn += nlimit_count_vm(nvm);\n", "\t\tn += 0;\n",
           KUNIT + "nguest_shrinker_takes_the_oldest_tables"),
    Mutant("the shrinker always takes from the same guest", "nested/nested_limit.c",
           "\tnvm->shrink_from = live->glpid.val + 1;\n", "",
           KUNIT + "nguest_shrinker_goes_from_one_guest_to_the_next"),
    Mutant("a secure VM may nest", "book3s_hv_nested.c",
           "\tif (kvm->arch.secure_guest)\n\t\terr = -EBUSY;\n\telse\n", "",
           KUNIT + "nguest_vm_nests_or_is_secure_but_not_both"),
    Mutant("the default quota does not grow with memory", "nested/nested_limit.c",
           "#define NLIMIT_QUOTA_TIMES\t2", "#define NLIMIT_QUOTA_TIMES\t0", "default_quota"),
    Mutant("no second chance", "nested/nested_limit.c",
           "while (spare-- && nlimit_spare_table(ng)) {", "while (0) {", "default_quota"),
    Mutant("who has just left is idle", "nested/nested_limit.c",
           "nlimit_evict_guest(ng->kvm, age)", "nlimit_evict_guest(ng->kvm, 0)",
           "default_quota"),
    Mutant("an audit looks at an mm that has ended", "nested/nested_audit.c",
           "\t\tif (used)\n\t\t\tnaudit_leaf", "\t\tif (1)\n\t\t\tnaudit_leaf", "observer"),
    Mutant("an audit takes what it cannot read for nothing", "nested/nested_audit.c",
           "else if (kvm_is_visible_gfn(a->kvm, gpa_to_gfn(l1.entry)))", "else if (0)",
           "observer"),
    Mutant("heads are not charged", "nested/heads.c",
           "GFP_KERNEL_ACCOUNT | __GFP_ZERO |", "GFP_KERNEL | __GFP_ZERO |", "heads_charge"),
    Mutant("somebody is killed for heads", "nested/heads.c",
           "__GFP_RETRY_MAYFAIL | __GFP_NOWARN", "__GFP_NOWARN", "heads_charge"),
    Mutant("exit leaves a pointer behind", "nested/nested_limit.c",
           "\t\tshrinker_free(nlimit_shrinker);\n\tnlimit_shrinker = NULL;\n",
           "\t\tshrinker_free(nlimit_shrinker);\n",
           KUNIT + "nguest_init_and_exit_are_symmetric_after_a_failure"),
)


def pure_module():
    """The script that plants faults in the pure files."""
    loader = SourceFileLoader("pure_mutants", os.path.join(harness.DIRECTORY, "mutants"))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def case_says(name):
    """What the KUnit case @name has against the kernel in build/; None if it passed."""
    _, wrong, said, _ = kunit.boot("64k", "mutant")
    return next((": ".join([line] + said[1:2]) for line in wrong
                 if line == f"{name}: FAIL"), None)


def caught_by(mutant):
    """What the named test said against the fault; None if it passed."""
    put(mutant)
    Kernel("ours-64k", mutant.fragment()).build()
    if mutant.case():
        return case_says(mutant.case())
    name = "mutant"
    run = selftests.boot("ours", "64k", name, mutant.debug, cpus=(2,), timeout=TIMEOUT,
                         command=(0, selftests.command(mutant.test, "ours")))
    good = run.run()
    passed, failed, about = selftests.verdict(run)
    run.clean()
    if good and passed and not failed:
        return None
    return (about or [run.reason])[0]


def plant(mutant):
    """Say what became of one; whether it was caught."""
    try:
        by = caught_by(mutant)
    except LabError as error:
        report(error)
        print(f"STALE   {mutant.name}", flush=True)
        return False
    print(f"{'caught' if by else 'MISSED':7} {mutant.name}: {by or mutant.test}", flush=True)
    return bool(by)


def kernel():
    names = options.value("NAMES").split()
    chosen = [mutant for mutant in MUTANTS
              if not names or any(name in mutant.name + mutant.test for name in names)]
    packages.emulator()
    image.root_image()
    selftests.build()
    try:
        caught = sum(plant(mutant) for mutant in chosen)
    finally:
        source.PLANTED.clear()
        source.LEFT_OUT.clear()
        for debug in {mutant.fragment() for mutant in chosen}:
            Kernel("ours-64k", debug).build()
    print(f"{caught} of {len(chosen)} caught")
    return 0 if chosen and caught == len(chosen) else 1


def run():
    where = options.choice("WHERE", ("pure", "kernel", "strict"), "pure")
    if where == "strict":
        return flushes.run()
    return kernel() if where == "kernel" else harness.mutants()
