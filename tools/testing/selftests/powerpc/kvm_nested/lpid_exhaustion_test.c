// SPDX-License-Identifier: GPL-2.0-only
/* L1 uses more LPIDs than it may have: others go, and the host has its own. */
#include "lib/param.h"
#include "lib/spinner.h"

#define MAX_GUESTS	256
#define POOL		4096

static void enter(struct world *w, u32 lpid)
{
	l2_prepare(&w->v, lpid);
	l2_goto(&w->v, l2_hcall);
	CHECK_EQ(l1_run(&w->v), TRAP_HCALL);
}

static void l1_more_guests_than_allowed(void)
{
	static struct world w;
	u32 lpid;

	world_create(&w, L1_LITTLE);
	for (lpid = 1; lpid < 2 * MAX_GUESTS; lpid++) {
		l1_install(&w.l1, lpid, &w.tree);
		enter(&w, lpid);
	}
	CHECK(vm_counter(&w.l1.vm, "guests") <= MAX_GUESTS);
	CHECK(vm_counter(&w.l1.vm, "evicted_guests") >= MAX_GUESTS - 1);
	enter(&w, 1);
	world_end(&w);
}

static void l1_limit_of_one_vm(void)
{
	static struct world w;
	u32 lpid;

	world_create(&w, L1_LITTLE);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_max_guests", 3), 0);
	for (lpid = 1; lpid < 20; lpid++) {
		l1_install(&w.l1, lpid, &w.tree);
		enter(&w, lpid);
		CHECK(vm_counter(&w.l1.vm, "guests") <= 3);
	}
	CHECK_EQ(vm_counter(&w.l1.vm, "max_guests"), 3);
	world_end(&w);
}

/* The one that runs is not evicted. */
static void l1_running_guest_stays(void)
{
	static struct world w;
	static struct spinner s;
	u64 before;
	u32 lpid;

	before = param_set("nested_max_guests", 4);
	world_create(&w, L1_LITTLE);
	l1_map(&w.tree, L2_DATA, L1_DATA + 0x200000, SHIFT_64K, PTE_ALL);
	spinner_create(&s, &w, 1);
	spinner_store(&s, L2_DATA, 1, 0);
	for (lpid = 2; lpid < 40; lpid++) {
		l1_install(&w.l1, lpid, &w.tree);
		enter(&w, lpid);
	}
	CHECK(!s.v.ended);
	CHECK(vm_counter(&w.l1.vm, "guests") <= 4);
	spinner_stop(&s);
	param_set("nested_max_guests", before);
	world_end(&w);
}

/* L2: a reserve of host LPIDs stays, for VMs, which start all the time. */
static void l2_reserve_for_other_vms(void)
{
	static struct world w;
	static struct l1 other;
	static struct l1_vcpu v;
	u64 before;
	u32 lpid;

	before = param_set("nested_lpid_reserve", POOL - 16);
	world_create(&w, L1_LITTLE);
	for (lpid = 1; lpid < 64; lpid++) {
		l1_install(&w.l1, lpid, &w.tree);
		enter(&w, lpid);
		CHECK(vm_counter(&w.l1.vm, "guests") <= 16);
	}
	l1_start(&other, L1_LITTLE);
	l1_add_vcpu(&other, &v, 0);
	l1_finish(&other);
	param_set("nested_lpid_reserve", before);
	world_end(&w);
}

/* Without any left, L1 is told; with one again, it works. */
static void l2_none_left(void)
{
	static struct world w;
	u64 before;

	before = param_set("nested_lpid_reserve", POOL);
	world_create(&w, L1_LITTLE);
	l2_goto(&w.v, l2_hcall);
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	param_set("nested_lpid_reserve", before);
	enter(&w, 1);
	world_end(&w);
}

/* L9: an empty entry costs nothing. */
static void l9_empty_entries_cost_nothing(void)
{
	static struct world w;
	u32 lpid;

	world_create(&w, L1_LITTLE);
	for (lpid = 2; lpid < 4096; lpid += 13) {
		SET_STATE32(&w.v, lpid, lpid);
		CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	}
	CHECK_EQ(vm_counter(&w.l1.vm, "guests"), 0);
	CHECK_EQ(vm_counter(&w.l1.vm, "bytes"), 0);
	world_end(&w);
}

/* LPIDs come back: the same one is dropped and used again, over and over. */
static void lpids_come_back(void)
{
	static struct world w;
	unsigned int round;
	u64 before;

	before = param_set("nested_lpid_reserve", POOL - 4);
	world_create(&w, L1_LITTLE);
	for (round = 0; round < 100; round++) {
		l1_install(&w.l1, 1 + round % 50, &w.tree);
		enter(&w, 1 + round % 50);
		l1_set_entry(&w.l1, 1 + round % 50, 0, 0);
		CHECK_EQ(l1_inval_entry(&w.v, 1 + round % 50), H_SUCCESS);
	}
	CHECK_EQ(vm_counter(&w.l1.vm, "guests"), 0);
	param_set("nested_lpid_reserve", before);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l1_more_guests_than_allowed", l1_more_guests_than_allowed },
	{ "l1_limit_of_one_vm", l1_limit_of_one_vm },
	{ "l1_running_guest_stays", l1_running_guest_stays },
	{ "l2_reserve_for_other_vms", l2_reserve_for_other_vms },
	{ "l2_none_left", l2_none_left },
	{ "l9_empty_entries_cost_nothing", l9_empty_entries_cost_nothing },
	{ "lpids_come_back", lpids_come_back },
};

TEST_MAIN(cases)
