// SPDX-License-Identifier: GPL-2.0-only
/* Shadow tables are taken away all the time, by quota and by the shrinker. */
#include "lib/param.h"
#include "lib/spinner.h"

#define PAGES		128ULL
#define STRIDE		BIT(SHIFT_2M)
#define GPA		(L1_DATA + 0x200000)
#define AT		(16ULL << SHIFT_1G)

/* What two vCPUs keep whatever the quota, and have in flight. */
#define KEPT		(2 * (32 + 8) * 16384)

static struct world w;
static struct spinner s;

static void begin(void)
{
	u64 n;

	world_create(&w, L1_LITTLE);
	for (n = 0; n < PAGES; n++)
		l1_map(&w.tree, AT + n * STRIDE, GPA + n * BIT(SHIFT_64K),
		       SHIFT_64K, PTE_ALL);
	spinner_create(&s, &w, 1);
}

static u64 sum(void)
{
	u64 n, all = 0;

	for (n = 0; n < PAGES; n++)
		all += *(volatile u64 *)l1_memory(&w.l1,
						  GPA + n * BIT(SHIFT_64K));
	return all;
}

static void peer_goes_on(void)
{
	u64 before = sum();
	unsigned int ms;

	for (ms = 0; sum() == before && ms < 5000; ms++)
		sleep_ms(1);
	CHECK(sum() != before);
}

/* The quota is below what the two of them use: they keep what they need. */
static void l3_below_the_working_set(void)
{
	u64 quota = param_set("nested_quota", 1);
	unsigned int round;

	begin();
	spinner_store(&s, AT, PAGES, STRIDE);
	for (round = 0; round < 5; round++) {
		l2_touch_pages(&w.v, AT, PAGES, STRIDE);
		peer_goes_on();
		vm_check_audit(&w.l1.vm);
	}
	if (vm_has_audit(&w.l1.vm)) {
		CHECK(vm_counter(&w.l1.vm, "bytes") <= KEPT);
		CHECK(vm_counter(&w.l1.vm, "evicted_tables") > 0);
	}
	spinner_stop(&s);
	param_set("nested_quota", quota);
	world_end(&w);
}

/* drop_caches calls every shrinker. */
static void shrinker(void)
{
	unsigned int round;

	begin();
	spinner_store(&s, AT, PAGES, STRIDE);
	for (round = 0; round < 20; round++) {
		l2_touch_pages(&w.v, AT, PAGES, STRIDE);
		file_write("/proc/sys/vm/drop_caches", "2");
		peer_goes_on();
	}
	vm_check_audit(&w.l1.vm);
	note("%lld tables evicted",
	     (long long)vm_counter(&w.l1.vm, "evicted_tables"));
	spinner_stop(&s);
	world_end(&w);
}

/* All at once: quota, whole-guest invalidations, a peer that stores. */
static void with_invalidations(void)
{
	u64 quota = param_set("nested_quota", 1);
	unsigned int round;

	begin();
	spinner_store(&s, AT, PAGES, STRIDE);
	for (round = 0; round < 30; round++) {
		l2_touch_pages(&w.v, AT, PAGES / 4, STRIDE);
		CHECK_EQ(round & 1 ? l1_inval_lpid(&w.v, 1) :
			 l1_inval_page(&w.v, 1, AT, AP_1G), H_SUCCESS);
	}
	peer_goes_on();
	spinner_stop(&s);
	param_set("nested_quota", quota);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l3_below_the_working_set", l3_below_the_working_set },
	{ "shrinker", shrinker },
	{ "with_invalidations", with_invalidations },
};

TEST_MAIN(cases)
