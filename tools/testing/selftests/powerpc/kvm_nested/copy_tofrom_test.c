// SPDX-License-Identifier: GPL-2.0-only
/* H_COPY_TOFROM_GUEST moves bytes between L1 and an effective address of L2. */
#include <string.h>

#include "lib/l1.h"

#define GPA	(L1_DATA + 0x200000)
#define BUFFER	(L1_DATA + 0x800000)
#define MIB	BIT(20)

static struct world w;

static s64 copy(u64 lpid, u64 eaddr, u64 to, u64 from, u64 n)
{
	return L1_HCALL(&w.v, H_COPY_TOFROM_GUEST, lpid, 0, eaddr, to, from, n);
}

/* L2 has used its pages: the copy goes through what hardware translates. */
static void begin(void)
{
	u64 n;

	world_create(&w, L1_LITTLE);
	world_translate(&w);
	l1_map_range(&w.tree, L2_DATA, GPA, BIT(SHIFT_2M), SHIFT_64K, PTE_ALL);
	for (n = 0; n < BIT(SHIFT_2M); n += 0x10000)
		l2_must_store(&w.v, L2_DATA + n, n);
	for (n = 0; n < BIT(SHIFT_2M); n++)
		*(u8 *)l1_memory(&w.l1, GPA + n) = n * 7 + (n >> 12);
}

/*
 * An emulator may not translate for quadrants; L1 is then told H_NOT_FOUND, as
 * for an address that is not mapped, and walks the tables itself.
 */
static int copied(s64 r)
{
	static int told;

	if (r == H_SUCCESS)
		return 1;
	CHECK_EQ(r, H_NOT_FOUND);
	if (!told++)
		l2_has_no_quadrants();
	return 0;
}

static void from_l2(void)
{
	static const u64 sizes[] = { 1, 4, 8, 16, 4096, 5000, 70000, MIB };
	size_t i;

	begin();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memset(l1_memory(&w.l1, BUFFER), 0xee, 2 * MIB);
		if (copied(copy(1, L2_DATA + 123, BUFFER + 45, 0, sizes[i])))
			CHECK(!memcmp(l1_memory(&w.l1, BUFFER + 45),
				      l1_memory(&w.l1, GPA + 123), sizes[i]));
		CHECK_EQ(*(u8 *)l1_memory(&w.l1, BUFFER + 45 + sizes[i]), 0xee);
		CHECK_EQ(*(u8 *)l1_memory(&w.l1, BUFFER + 44), 0xee);
	}
	world_end(&w);
}

static void to_l2(void)
{
	begin();
	memset(l1_memory(&w.l1, BUFFER), 0x5a, MIB);
	if (copied(copy(1, L2_DATA + 0xfff3, 0, BUFFER, 9000)))
		CHECK(!memcmp(l1_memory(&w.l1, BUFFER),
			      l1_memory(&w.l1, GPA + 0xfff3), 9000));
	CHECK(*(u8 *)l1_memory(&w.l1, GPA + 0xfff3 + 9000) ==
	      (u8)((0xfff3 + 9000) * 7 + ((0xfff3 + 9000) >> 12)));
	world_end(&w);
}

static void l7_bad_arguments(void)
{
	begin();
	CHECK_EQ(copy(0, L2_DATA, BUFFER, 0, 8), H_PARAMETER);
	CHECK_EQ(copy(99, L2_DATA, BUFFER, 0, 8), H_PARAMETER);
	CHECK_EQ(copy(4096, L2_DATA, BUFFER, 0, 8), H_PARAMETER);
	CHECK_EQ(copy(1, L2_DATA, BUFFER, BUFFER, 8), H_PARAMETER);
	CHECK_EQ(copy(1, L2_DATA, BUFFER, 0, MIB + 1), H_PARAMETER);
	CHECK_EQ(copy(1, L2_DATA, BUFFER, 0, ~0ULL), H_PARAMETER);
	CHECK_EQ(copy(1, L2_DATA, BUFFER, 0, BIT(63)), H_PARAMETER);
	CHECK_EQ(copy(1, BIT(52), BUFFER, 0, 8), H_PARAMETER);
	CHECK_EQ(copy(1, BIT(63) | L2_DATA, BUFFER, 0, 8), H_PARAMETER);
	CHECK_EQ(copy(1, BIT(52) - 4, BUFFER, 0, 8), H_PARAMETER);
	CHECK_EQ(copy(1, ~0ULL - 3, BUFFER, 0, 8), H_PARAMETER);
	CHECK_EQ(copy(1, L2_DATA, BUFFER, 0, 0), H_SUCCESS);
	world_end(&w);
}

static void not_mapped(void)
{
	begin();
	CHECK_EQ(copy(1, L2_DATA + BIT(SHIFT_1G), BUFFER, 0, 8), H_NOT_FOUND);
	CHECK_EQ(copy(1, L2_DATA, 0x7000000000ULL, 0, 8), H_NOT_FOUND);
	CHECK_EQ(copy(1, L2_DATA, 0, 0x7000000000ULL, 8), H_NOT_FOUND);
	CHECK_EQ(copy(1, L2_DATA, ~0ULL - 3, 0, 8), H_NOT_FOUND);
	CHECK_EQ(copy(1, L2_DATA + BIT(SHIFT_2M) - 16, BUFFER, 0, 64),
		 H_NOT_FOUND);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "from_l2", from_l2 },
	{ "to_l2", to_l2 },
	{ "l7_bad_arguments", l7_bad_arguments },
	{ "not_mapped", not_mapped },
};

TEST_MAIN(cases)
