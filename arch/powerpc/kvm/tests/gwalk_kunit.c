// SPDX-License-Identifier: GPL-2.0-only
/* The walk of a tree in guest memory. */
#include "cases_gwalk.h"
#include "nested_test.h"

struct reads {
	const struct gwalk_case *c;
	unsigned int nr;
};

static int read_case(void *ctx, u64 addr, __be64 *entry)
{
	struct reads *r = ctx;
	unsigned int i;

	r->nr++;
	EXPECT(IS_ALIGNED(addr, 8));
	if ((addr & GWALK_CASE_BAD) == GWALK_CASE_BAD)
		return -EFAULT;
	*entry = 0;
	for (i = 0; i < ARRAY_SIZE(r->c->mem); i++)
		if (r->c->mem[i].val && r->c->mem[i].addr == addr)
			*entry = cpu_to_be64(r->c->mem[i].val);
	return 0;
}

/* From a table on the way: the reads that are left, the same result. */
static void check_from_table(const struct gwalk_case *c,
			     const struct gwalk_result *full,
			     const struct gwalk_table *table,
			     unsigned int reads)
{
	struct reads r = { .c = c };
	struct gwalk_reader rd = { read_case, &r };
	struct gwalk_result res;

	memset(&res, 0xa5, sizeof(res));
	gwalk_walk_from(&rd, table, c->ea, &res);
	EXPECT_EQ(r.nr, reads);
	EXPECT_EQ(res.cause, GWALK_LEAF);
	EXPECT_EQ(res.entry, full->entry);
	EXPECT_EQ(res.addr, full->addr);
	EXPECT_EQ(res.shift, full->shift);
	EXPECT_EQ(res.pte.val, full->pte.val);
}

static void check_from(const struct gwalk_case *c,
		       const struct gwalk_result *full)
{
	EXPECT_EQ(rpt_level_to_shift(full->table.level, full->table.bits),
		  full->shift);
	check_from_table(c, full, &full->table, 1);
	EXPECT_EQ(full->above.level, full->table.level + 1);
	check_from_table(c, full, &full->above, 2);
}

static void check_case(const struct gwalk_case *c)
{
	struct reads r = { .c = c };
	struct gwalk_reader rd = { read_case, &r };
	struct gwalk_result res;

	memset(&res, 0xa5, sizeof(res));
	gwalk_walk(&rd, c->root, c->ea, &res);
	EXPECT_EQ(res.cause, c->cause);
	EXPECT_EQ(res.entry, c->entry);
	EXPECT(r.nr <= 4);
	if (c->cause != GWALK_LEAF)
		return;
	EXPECT_EQ(res.addr, c->addr);
	EXPECT_EQ(res.shift, c->shift);
	EXPECT_EQ(res.table.bits, c->bits);
	EXPECT(rpt_is_leaf(res.pte));
	check_from(c, &res);
}

TEST(gwalk_ends_as_hardware_would)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gwalk_cases); i++) {
		test_row("%s", gwalk_cases[i].name);
		check_case(&gwalk_cases[i]);
	}
}

TEST(gwalk_table_entry_is_inside_the_table)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gwalk_table_cases); i++) {
		u64 addr = 0;

		test_row("%#llx[%#llx]", gwalk_table_cases[i].table,
			 gwalk_table_cases[i].index);
		EXPECT_EQ(gwalk_table_entry(gwalk_table_cases[i].table,
					    gwalk_table_cases[i].index, &addr),
			  gwalk_table_cases[i].result);
		if (gwalk_table_cases[i].result == GWALK_TABLE_OK)
			EXPECT_EQ(addr, gwalk_table_cases[i].addr);
	}
}

/*
 * The reference: for an address of which the entries of every level are
 * chosen, what the books say, level by level, in the most literal way.
 */
struct plan {
	u64 val[4];
};

static int read_plan(void *ctx, u64 addr, __be64 *entry)
{
	struct plan *p = ctx;

	/* Tables of level n stand at (n + 1) << 40. */
	*entry = cpu_to_be64(p->val[(addr >> 40) - 1]);
	return 0;
}

static enum gwalk_cause literal(const struct plan *p, u64 ea, u64 *addr)
{
	static const unsigned int entry_bits[] = { 0, 21, 30, 39 };
	unsigned int below = 9, shift;
	int level;

	for (level = 3; level >= 0; level--) {
		u64 e = p->val[level];

		shift = level ? entry_bits[level] : 21 - below;
		if (!(e >> 63))
			return GWALK_ABSENT;
		if (e >> 62 & 1) {
			u64 frame = e & 0x01fffffffffff000;

			if (level == 3 || frame % (1ULL << shift))
				return GWALK_MALFORMED;
			*addr = frame + ea % (1ULL << shift);
			return GWALK_LEAF;
		}
		below = e & 31;
		if (level == 0)
			return GWALK_MALFORMED;
		if (level > 1 && below != 9)
			return GWALK_MALFORMED;
		if (level == 1 && below != 9 && below != 5)
			return GWALK_MALFORMED;
		if ((e & 0x0fffffffffffff00) % (8ULL << below))
			return GWALK_MALFORMED;
	}
	return GWALK_MALFORMED;
}

static u64 random_entry(u64 *s, int level)
{
	static const unsigned int nls[] = { 9, 9, 9, 9, 5, 5, 8, 0, 13, 31 };
	u64 frame = rnd(s) & 0x01fffffffffff000;

	switch (rnd_below(s, 8)) {
	case 0:
		return rnd(s) >> 1;
	case 1:
		return rnd(s);
	case 2:
	case 3:
		if (rnd_below(s, 8))
			frame &= ~0ULL << (12 + 9 * level);
		return RPT_VALID | RPT_LEAF | frame | (rnd(s) & 0x1ff);
	}
	return RPT_VALID | (u64)level << 40 |
	       (rnd_below(s, 8) ? 0 : rnd(s) & 0xff00) |
	       nls[rnd_below(s, ARRAY_SIZE(nls))];
}

TEST(gwalk_agrees_with_a_literal_walk)
{
	u64 s = 1, addr = 0, ea;
	struct gwalk_result res;
	struct plan p;
	struct gwalk_reader rd = { read_plan, &p };
	unsigned int i, seen[4] = {};
	int level;

	for (i = 0; i < TEST_ROUNDS; i++) {
		for (level = 0; level < 4; level++) {
			do
				p.val[level] = random_entry(&s, level);
			while (level && rpt_is_dir((struct rpte){ p.val[level] })
			       && ((p.val[level] >> 40) & 0xff) != level);
		}
		ea = rnd(&s) & RPT_EA_LAST;
		test_row("%u", i);
		gwalk_walk(&rd, (4ULL << 40) | 0x40000000000000ad, ea, &res);
		EXPECT_EQ(res.cause, literal(&p, ea, &addr));
		if (res.cause == GWALK_LEAF)
			EXPECT_EQ(res.addr, addr);
		seen[res.cause]++;
	}
	EXPECT(seen[GWALK_LEAF] > TEST_ROUNDS / 30);
	EXPECT(seen[GWALK_ABSENT] > TEST_ROUNDS / 30);
	EXPECT(seen[GWALK_MALFORMED] > TEST_ROUNDS / 30);
}

TEST_SUITE(kvm_nested_gwalk,
	   KUNIT_CASE(gwalk_ends_as_hardware_would),
	   KUNIT_CASE(gwalk_table_entry_is_inside_the_table),
	   KUNIT_CASE(gwalk_agrees_with_a_literal_walk));
