// SPDX-License-Identifier: GPL-2.0-only
/*
 * L3: shadow tables are charged to the memory group of the VMM, shown as page
 * tables of the host, and gone from both with the VM.
 */
#include <unistd.h>

#include "lib/group.h"
#include "lib/spinner.h"

#define GPA		(L1_DATA + 0x200000)
#define AT		(16ULL << SHIFT_1G)
#define REGIONS		1200ULL
#define QUOTA		BIT(26)

/* Counters of a group are seconds behind; a descriptor is closed later still. */
#define MS_TO_COUNT	8000

/* What else the kernel has for the process meanwhile. */
#define SLACK		(3LL << 20)

static struct world w;

/* A directory and a leaf table in each gigabyte. */
static void begin(void)
{
	u64 n;

	group_join();
	world_create(&w, L1_LITTLE);
	CHECK_EQ(vm_set_limit(&w.l1.vm, "nested_quota", QUOTA), 0);
	for (n = 0; n < REGIONS; n++)
		l1_map(&w.tree, AT + (n << SHIFT_1G), GPA, SHIFT_64K, PTE_ALL);
}

static s64 wait_for_charge(s64 least, s64 most)
{
	unsigned int ms;
	s64 charge = 0;

	for (ms = 0; ms < MS_TO_COUNT; ms += 100) {
		charge = group_stat("kernel");
		if (charge >= least && charge <= most)
			break;
		sleep_ms(100);
	}
	return charge;
}

/* A kernel that checks its objects has room for that in each of them. */
static s64 most(s64 charge, s64 bytes)
{
	return charge + 2 * bytes + SLACK;
}

static void l3_charged_to_the_group(void)
{
	s64 charge, bytes, grown;

	begin();
	l2_must_store(&w.v, AT, 0);
	sleep_ms(3000);
	charge = group_stat("kernel");
	bytes = vm_counter(&w.l1.vm, "bytes");
	l2_touch_pages(&w.v, AT, REGIONS, BIT(SHIFT_1G));
	bytes = vm_counter(&w.l1.vm, "bytes") - bytes;
	CHECK(bytes > 4 * SLACK);
	grown = wait_for_charge(charge + bytes, most(charge, bytes)) - charge;
	note("%lld bytes of tables, %lld charged", (long long)bytes,
	     (long long)grown);
	CHECK(grown >= bytes);
	CHECK(charge + grown <= most(charge, bytes));
	world_end(&w);
	grown = wait_for_charge(0, charge + SLACK) - charge;
	CHECK(grown <= SLACK);
}

/* Given back while the VM lives, by a whole-guest invalidation alone. */
static void l3_given_back_by_an_invalidation(void)
{
	s64 charge, before;

	begin();
	before = host_sec_page_tables();
	l2_touch_pages(&w.v, AT, REGIONS, BIT(SHIFT_1G));
	charge = wait_for_charge(vm_counter(&w.l1.vm, "bytes"), QUOTA);
	CHECK(charge >= vm_counter(&w.l1.vm, "bytes"));
	CHECK(host_sec_page_tables() - before > 4 * SLACK);
	CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
	l1_wait_for_zero(&w.l1, "draining");
	charge -= 4 * SLACK;
	CHECK(wait_for_charge(0, charge) <= charge);
	CHECK(host_sec_page_tables() - before <= SLACK);
	world_end(&w);
}

/* The page tables of all VMs, those of L1 itself included. */
static void l3_shown_by_the_host(void)
{
	s64 before = host_sec_page_tables(), bytes, shown;

	begin();
	l2_touch_pages(&w.v, AT, REGIONS, BIT(SHIFT_1G));
	bytes = vm_counter(&w.l1.vm, "bytes");
	shown = host_sec_page_tables() - before;
	note("%lld bytes of tables, %lld shown", (long long)bytes,
	     (long long)shown);
	CHECK(shown >= bytes - SLACK / 8);
	CHECK(shown <= bytes + SLACK);
	world_end(&w);
	CHECK(host_sec_page_tables() - before <= SLACK / 8);
}

static const struct test_case cases[] = {
	{ "l3_charged_to_the_group", l3_charged_to_the_group, 90 },
	{ "l3_given_back_by_an_invalidation",
	  l3_given_back_by_an_invalidation, 90 },
	{ "l3_shown_by_the_host", l3_shown_by_the_host },
};

TEST_MAIN(cases)
