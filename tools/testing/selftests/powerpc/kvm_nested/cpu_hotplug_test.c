// SPDX-License-Identifier: GPL-2.0-only
/* CPUs of L0 come and go while L2s run on them. */
#include <unistd.h>

#include "lib/param.h"
#include "lib/spinner.h"

#define PAGES		16ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#define LAST_CPU	"/sys/devices/system/cpu/cpu1/online"

static void off_and_on(void)
{
	static struct world w;
	static struct spinner s;
	unsigned int round;

	CHECK(!access(LAST_CPU, W_OK));
	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	spinner_create(&s, &w, 1);
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	for (round = 0; round < 3; round++) {
		file_write(LAST_CPU, "0");
		l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
		CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
		file_write(LAST_CPU, "1");
		l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
		CHECK_EQ(l1_inval_page(&w.v, 1, L2_DATA, AP_64K), H_SUCCESS);
	}
	spinner_stop(&s);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "off_and_on", off_and_on, 120 },
};

TEST_MAIN(cases)
