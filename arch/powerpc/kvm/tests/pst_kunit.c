// SPDX-License-Identifier: GPL-2.0-only
/* The tree, one behaviour at a time, at every level of both geometries. */
#include "nested_test.h"
#include "trees.h"

#define LPID	make_hlpid(77)
#define RWX	(RPT_PROT | RPT_RC)
#define RO	(RPT_R | RPT_REF)

/* Trees whose leaves alternate on one head. */
#define MAX_TURNS	3

static const unsigned int shifts[] = { 12, 16, 21, 30 };

/* Each side of a border of each level. */
static const u64 places[] = {
	0, 0x1000, 0x10000, 0x1ff000, 0x1f0000, 0x200000, 0x3fe00000,
	0x40000000, 0x7fc0000000, 0x8000000000, 0x8001230000,
	0xfffffffff0000, 0xfffffffe00000, 0xfffffc0000000,
};

static struct pst *pst;
static struct hlist_head heads[4];

static void begin(enum pst_kind kind)
{
	memset(heads, 0, sizeof(heads));
	tlb_start();
	pst = tree_create(kind, LPID);
}

static void end(void)
{
	unsigned int i;

	tree_audit(pst);
	tree_destroy(pst);
	tlb_stop();
	for (i = 0; i < ARRAY_SIZE(heads); i++)
		EXPECT(hlist_empty(&heads[i]));
	EXPECT_EQ(atomic_long_read(&tree_account.tables), 0);
	EXPECT_EQ(atomic_long_read(&tree_account.bytes), 0);
}

static struct pst_leaf leaf_of(u64 pa, u64 attrs, unsigned int shift)
{
	return (struct pst_leaf){ .pa = pa, .attrs = attrs, .shift = shift };
}

static unsigned long nr_tables(void)
{
	return atomic_long_read(&tree_account.tables);
}

static struct tree_try map(u64 addr, u64 pa, u64 attrs, unsigned int shift)
{
	struct pst_leaf leaf = leaf_of(pa, attrs, shift);
	struct hlist_head *head = pst->kind == PST_SHADOW ? &heads[0] : NULL;
	struct tree_try t = tree_map(pst, addr, &leaf, head);

	if (nr_tables() <= TEST_AUDITED_TABLES)
		tree_audit(pst);
	return t;
}

static void expect_leaf(u64 addr, u64 pa, u64 attrs, unsigned int shift)
{
	struct pst_pos pos;

	if (!tree_find(pst, addr, &pos)) {
		test_fail(__FILE__, __LINE__, "no leaf at %#llx", addr);
		return;
	}
	EXPECT_EQ(pos.table->shift, shift);
	EXPECT_EQ(pst_pos_addr(&pos), addr & ~(BIT_ULL(shift) - 1));
	EXPECT_EQ(pos.pte.val, RPT_VALID | RPT_LEAF | pa | attrs);
}

static void expect_none(u64 addr)
{
	struct pst_pos pos;

	if (tree_find(pst, addr, &pos))
		test_fail(__FILE__, __LINE__, "leaf at %#llx", addr);
}

TEST(pst_new_tree_is_empty)
{
	begin(PST_SHADOW);
	expect_none(0);
	expect_none(RPT_EA_LAST);
	expect_none(RPT_EA_LAST + 1);
	expect_none(~0ULL);
	EXPECT_EQ(nr_tables(), 1);
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	end();
}

static void map_and_zap(u64 addr, unsigned int shift)
{
	u64 size = BIT_ULL(shift);
	struct tree_try t;

	addr &= ~(size - 1);
	test_row("%#llx shift %u", addr, shift);
	t = map(addr, 0x1c0000000, RWX, shift);
	EXPECT_EQ(t.first, PST_NO_TABLE);
	EXPECT_EQ(t.r, PST_MAPPED);
	EXPECT_EQ(t.fills, 1);
	EXPECT_EQ(nr_tables(), 4 - rpt_shift_to_level(shift));
	expect_leaf(addr, 0x1c0000000, RWX, shift);
	expect_leaf(addr + size - 1, 0x1c0000000, RWX, shift);
	if (addr)
		expect_none(addr - 1);
	expect_none(addr + size);
	EXPECT_EQ(pst_nr_leaves(pst), 1);
	EXPECT_EQ(tree_zap(pst, 0, ~0ULL, 1 << 20), 0);
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	EXPECT_EQ(nr_tables(), 1);
	tree_audit(pst);
}

TEST(pst_map_at_every_level_and_border)
{
	enum pst_kind kind;
	unsigned int i, j;

	for (kind = PST_HOST; kind <= PST_SHADOW; kind++) {
		begin(kind);
		for (i = 0; i < ARRAY_SIZE(shifts); i++)
			for (j = 0; j < ARRAY_SIZE(places); j++)
				map_and_zap(places[j], shifts[i]);
		end();
	}
}

TEST(pst_map_twice_is_the_same)
{
	unsigned int i;

	begin(PST_SHADOW);
	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		test_row("shift %u", shifts[i]);
		EXPECT_EQ(map(0, 0x40000000, RO, shifts[i]).r, PST_MAPPED);
		EXPECT_EQ(map(0, 0x40000000, RO, shifts[i]).first, PST_SAME);
		EXPECT_EQ(map(0, 0x40000000, RWX, shifts[i]).first,
			  PST_WIDENED);
		expect_leaf(0, 0x40000000, RWX, shifts[i]);
		/* Rights are not taken by mapping with fewer. */
		EXPECT_EQ(map(0, 0x40000000, RO, shifts[i]).first, PST_SAME);
		expect_leaf(0, 0x40000000, RWX, shifts[i]);
		tree_zap(pst, 0, ~0ULL, 1 << 20);
	}
	end();
}

TEST(pst_map_never_changes_a_frame_in_place)
{
	unsigned int i;

	begin(PST_SHADOW);
	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		test_row("shift %u", shifts[i]);
		map(0, 0x40000000, RWX, shifts[i]);
		EXPECT_EQ(map(0, 0x80000000, RWX, shifts[i]).first,
			  PST_BLOCKED);
		expect_leaf(0, 0x80000000, RWX, shifts[i]);
		/* Another storage attribute is another translation. */
		EXPECT_EQ(map(0, 0x80000000, RWX | 0x20, shifts[i]).first,
			  PST_BLOCKED);
		expect_leaf(0, 0x80000000, RWX | 0x20, shifts[i]);
		EXPECT_EQ(pst_nr_leaves(pst), 1);
		tree_zap(pst, 0, ~0ULL, 1 << 20);
	}
	end();
}

TEST(pst_map_over_every_other_size)
{
	unsigned int i, j;

	begin(PST_SHADOW);
	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		for (j = 0; j < ARRAY_SIZE(shifts); j++) {
			if (i == j)
				continue;
			test_row("%u over %u", shifts[j], shifts[i]);
			map(0x40000000, 0x40000000, RWX, shifts[i]);
			EXPECT_EQ(map(0x40000000, 0x80000000, RWX,
				      shifts[j]).first, PST_BLOCKED);
			expect_leaf(0x40000000, 0x80000000, RWX, shifts[j]);
			EXPECT_EQ(pst_nr_leaves(pst), 1);
			tree_zap(pst, 0, ~0ULL, 1 << 20);
			EXPECT_EQ(nr_tables(), 1);
		}
	}
	end();
}

TEST(pst_larger_leaf_that_gives_as_much_is_good_enough)
{
	begin(PST_SHADOW);
	map(0x40000000, 0x80000000, RWX, 30);
	EXPECT_EQ(map(0x40201000, 0x80201000, RO, 12).first, PST_SAME);
	EXPECT_EQ(map(0x40200000, 0x80200000, RWX, 21).first, PST_SAME);
	expect_leaf(0x40201000, 0x80000000, RWX, 30);
	/* Another frame inside it is not. */
	EXPECT_EQ(map(0x40201000, 0x80202000, RO, 12).first, PST_BLOCKED);
	expect_leaf(0x40201000, 0x80202000, RO, 12);
	expect_none(0x40000000);
	end();
}

TEST(pst_larger_leaf_that_gives_less_is_in_the_way)
{
	begin(PST_SHADOW);
	map(0x40000000, 0x80000000, RO, 21);
	EXPECT_EQ(map(0x40001000, 0x80001000, RWX, 12).first, PST_BLOCKED);
	expect_leaf(0x40001000, 0x80001000, RWX, 12);
	end();
}

TEST(pst_leaf_table_of_the_other_geometry_is_replaced)
{
	unsigned int i;

	begin(PST_SHADOW);
	for (i = 0; i < 512; i++)
		map(i << 12, (i + 512) << 12, RWX, 12);
	EXPECT_EQ(map(0x10000, 0x40010000, RWX, 16).first, PST_BLOCKED);
	expect_leaf(0x10000, 0x40010000, RWX, 16);
	expect_none(0);
	EXPECT_EQ(pst_nr_leaves(pst), 1);
	for (i = 0; i < 32; i++)
		map(i << 16, 0x40000000 + (i << 16), RWX, 16);
	EXPECT_EQ(pst_nr_leaves(pst), 32);
	EXPECT_EQ(map(0x1ff000, 0x1000, RWX, 12).first, PST_BLOCKED);
	EXPECT_EQ(pst_nr_leaves(pst), 1);
	end();
}

static bool evict_oldest(void)
{
	struct pst_gather g;
	bool done;

	pst_batch_begin(&g, &tree_lock);
	done = pst_evict_oldest(pst, &g);
	pst_batch_end(&g, &tree_lock);
	tree_audit(pst);
	return done;
}

TEST(pst_evicts_the_lowest_table_that_came_first)
{
	begin(PST_SHADOW);
	EXPECT(!evict_oldest());
	map(0x200000, 0x1000, RWX, 12);
	map(0, 0x10000, RWX, 16);
	map(0x201000, 0x1000, RWX, 12);
	map(0x40000000, 0x40000000, RWX, 21);
	EXPECT_EQ(nr_tables(), 6);
	EXPECT(evict_oldest());
	expect_none(0x200000);
	expect_none(0x201000);
	expect_leaf(0, 0x10000, RWX, 16);
	EXPECT_EQ(nr_tables(), 5);
	/* The directory above is empty now and goes too. */
	EXPECT(evict_oldest());
	expect_leaf(0x40000000, 0x40000000, RWX, 21);
	EXPECT_EQ(nr_tables(), 3);
	EXPECT(evict_oldest());
	EXPECT_EQ(nr_tables(), 1);
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	EXPECT(!evict_oldest());
	map(0, 0x40000000, RWX, 30);
	EXPECT(evict_oldest());
	EXPECT_EQ(nr_tables(), 1);
	end();
}

TEST(pst_does_not_evict_a_table_with_tables_below_it)
{
	begin(PST_SHADOW);
	map(0, 0x200000, RWX, 21);
	map(0x200000, 0x1000, RWX, 12);
	EXPECT(evict_oldest());
	expect_none(0x200000);
	expect_leaf(0, 0x200000, RWX, 21);
	EXPECT(evict_oldest());
	EXPECT_EQ(nr_tables(), 1);
	end();
}

TEST(pst_evicts_tables_of_large_leaves_and_what_is_empty_above)
{
	begin(PST_SHADOW);
	map(0x40000000, 0x40000000, RWX, 21);
	map(1ULL << 40, 0x40000000, RWX, 30);
	EXPECT_EQ(pst->nr_tables, 3);
	EXPECT(evict_oldest());
	EXPECT(evict_oldest());
	EXPECT(!evict_oldest());
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	EXPECT_EQ(pst->nr_tables, 0);
	end();
}

static bool spare_oldest_with(struct pst_gather *g)
{
	bool done;

	pure_lock(&tree_lock);
	done = pst_spare_oldest(pst, g);
	if (g)
		pst_gather_flush(g);
	pure_unlock(&tree_lock);
	tree_audit(pst);
	return done;
}

static bool spare_oldest(void)
{
	return spare_oldest_with(NULL);
}

/* A parent keeps what it is not told to flush, and would never set R again. */
TEST(pst_table_that_is_spared_below_a_parent_is_flushed)
{
	struct pst_gather g;

	begin(PST_SHADOW);
	map(0, 0x1000, RPT_R | RPT_REF, 12);
	map(0x3000, 0x2000, RPT_R, 12);
	pst_gather_init(&g);
	EXPECT(spare_oldest_with(&g));
	/* What had R, and no more. */
	EXPECT_EQ(tlb_counts().pages, 1);
	EXPECT(!spare_oldest_with(&g));
	EXPECT_EQ(tlb_counts().pages, 1);
	pst_gather_free(&g);
	end();
}

TEST(pst_table_that_was_used_is_spared_once)
{
	begin(PST_SHADOW);
	EXPECT(!spare_oldest());
	map(0, 0x1000, RPT_R | RPT_REF, 12);
	map(0x3000, 0x2000, RWX, 12);
	map(0x200000, 0x3000, RPT_R, 12);
	map(0x400000, 0x4000, RPT_R | RPT_REF, 12);
	/* Used: it loses R, all else stays, and another one is next. */
	EXPECT(spare_oldest());
	expect_leaf(0, 0x1000, RPT_R, 12);
	expect_leaf(0x3000, 0x2000, RWX & ~RPT_REF, 12);
	/* Not used. */
	EXPECT(!spare_oldest());
	EXPECT(evict_oldest());
	expect_none(0x200000);
	EXPECT(spare_oldest());
	expect_leaf(0x400000, 0x4000, RPT_R, 12);
	/* Not used since the last look. */
	EXPECT(!spare_oldest());
	EXPECT(evict_oldest());
	expect_none(0);
	expect_none(0x3000);
	/* Used again. */
	map(0x400000, 0x4000, RPT_R | RPT_REF, 12);
	EXPECT(spare_oldest());
	EXPECT(!spare_oldest());
	EXPECT(evict_oldest());
	EXPECT_EQ(nr_tables(), 1);
	end();
}

static void map_in_many_regions(unsigned int n, unsigned int shift)
{
	struct pst_leaf leaf = leaf_of(0x10000, RWX, shift);
	unsigned int i;

	for (i = 0; i < n; i++)
		tree_map(pst, (u64)i << 30, &leaf, &heads[0]);
	tree_audit(pst);
}

TEST(pst_evicts_all_of_a_large_tree_with_a_bounded_look_each_time)
{
	unsigned int n = 0, vain = 0;

	begin(PST_SHADOW);
	map_in_many_regions(600, 12);
	/* New leaf tables: now all directories are in front of them. */
	map_in_many_regions(600, 16);
	EXPECT_EQ(nr_tables(), 1 + 2 + 600 + 600);
	while (pst_nr_leaves(pst) && n + vain < 2000) {
		if (evict_oldest())
			n++;
		else
			vain++;
	}
	EXPECT_EQ(nr_tables(), 1);
	EXPECT_EQ(n, 600);
	EXPECT(vain > 0 && vain < 10);
	end();
}

TEST(pst_both_geometries_live_side_by_side)
{
	begin(PST_SHADOW);
	map(0x000000, 0x1000, RWX, 12);
	map(0x200000, 0x10000, RWX, 16);
	map(0x400000, 0x200000, RWX, 21);
	expect_leaf(0x000000, 0x1000, RWX, 12);
	expect_leaf(0x200000, 0x10000, RWX, 16);
	expect_leaf(0x400000, 0x200000, RWX, 21);
	end();
}

TEST(pst_unblock_goes_through_a_whole_tree_in_steps_of_one_table)
{
	struct tree_try t;
	unsigned int i;

	begin(PST_SHADOW);
	for (i = 0; i < 512; i++) {
		map((u64)i << 21, 0x1000, RWX, 12);
		map((u64)i << 21 | 0x5000, 0x2000, RWX, 12);
	}
	EXPECT_EQ(pst_nr_leaves(pst), 1024);
	t = map(0, 0x40000000, RWX, 30);
	EXPECT_EQ(t.r, PST_MAPPED);
	EXPECT_EQ(t.unblocked, 513);
	EXPECT_EQ(pst_nr_leaves(pst), 1);
	end();
}

TEST(pst_unblock_does_nothing_where_nothing_is_in_the_way)
{
	struct pst_gather g;

	begin(PST_SHADOW);
	map(0x1000, 0x1000, RWX, 12);
	pst_batch_begin(&g, &tree_lock);
	pst_unblock(pst, 0x2000, 12, &g);
	pst_unblock(pst, 0x200000, 21, &g);
	pst_unblock(pst, 0x40000000, 30, &g);
	EXPECT(list_empty(&g.trees) && !g.nr_trees);
	pure_unlock(&tree_lock);
	EXPECT_EQ(pst_nr_leaves(pst), 1);
	EXPECT_EQ(nr_tables(), 4);
	end();
}

TEST(pst_find_does_not_see_the_neighbours)
{
	begin(PST_SHADOW);
	map(0x201000, 0x5000, RWX, 12);
	expect_none(0x200fff);
	expect_none(0x202000);
	expect_leaf(0x201fff, 0x5000, RWX, 12);
	expect_none((1ULL << 52) | 0x201000);
	end();
}

static unsigned int count_range(u64 start, u64 last, unsigned int budget,
				u64 *next)
{
	struct pst_iter it = { .addr = start, .last = last, .budget = budget };
	unsigned int n = 0;
	u64 before = 0;

	pure_lock(&tree_lock);
	while (pst_next_leaf(pst, &it)) {
		u64 addr = pst_pos_addr(&it.pos);

		EXPECT(rpt_is_leaf(it.pos.pte));
		EXPECT(!n || addr > before);
		before = addr;
		n++;
	}
	pure_unlock(&tree_lock);
	*next = it.addr;
	return n;
}

static void map_one_of_each(void)
{
	map(0, 0x1000, RWX, 12);
	map(0x1ff000, 0x2000, RWX, 12);
	map(0x200000, 0x10000, RWX, 16);
	map(0x600000, 0x200000, RWX, 21);
	map(0x40000000, 0x40000000, RWX, 30);
	map(0xffffffffff000, 0x3000, RWX, 12);
}

TEST(pst_iteration_is_ascending_and_within_the_range)
{
	static const struct {
		u64 start, last;
		unsigned int n;
	} cases[] = {
		{ 0, ~0ULL, 6 }, { 0, RPT_EA_LAST, 6 }, { 0, 0, 1 },
		{ 1, 0x1fefff, 1 }, { 0x1000, 0x1fefff, 0 },
		{ 0x1000, 0x1ff000, 1 }, { 0x1ff000, 0x200000, 2 },
		{ 0x7fffff, 0x7fffff, 1 }, { 0x800000, 0x3fffffff, 0 },
		{ 0x7fffffff, 0x7fffffff, 1 }, { 0x80000000, ~0ULL, 1 },
		{ RPT_EA_LAST, RPT_EA_LAST, 1 }, { RPT_EA_LAST + 1, ~0ULL, 0 },
		{ ~0ULL, ~0ULL, 0 }, { 5, 4, 0 },
	};
	unsigned int i;
	u64 next;

	begin(PST_SHADOW);
	map_one_of_each();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		test_row("%#llx..%#llx", cases[i].start, cases[i].last);
		EXPECT_EQ(count_range(cases[i].start, cases[i].last, 100000,
				      &next), cases[i].n);
		EXPECT(next > min(cases[i].last, RPT_EA_LAST));
	}
	end();
}

TEST(pst_iteration_skips_a_hole_by_its_size)
{
	u64 next;

	begin(PST_SHADOW);
	EXPECT_EQ(count_range(0, ~0ULL, 8192, &next), 0);
	EXPECT(next > RPT_EA_LAST);
	map(0, 0x1000, RWX, 12);
	EXPECT_EQ(count_range(0, ~0ULL, 512 + 511 + 511 + 8191, &next), 1);
	EXPECT(next > RPT_EA_LAST);
	end();
}

/* What a walk has emptied it need not look at again, leaf by leaf. */
TEST(pst_iteration_skips_a_table_without_entries)
{
	struct pst_gather g;
	struct pst_pos pos;
	u64 addr, next;

	begin(PST_SHADOW);
	pst_gather_init(&g);
	for (addr = 0; addr < 16 << 21; addr += 1 << 21) {
		map(addr, 0x1000, RWX, 12);
		EXPECT(tree_find(pst, addr, &pos));
		pure_lock(&tree_lock);
		pst_zap_leaf(&pos, &g);
		pst_gather_flush(&g);
		pure_unlock(&tree_lock);
	}
	map(addr, 0x1000, RWX, 12);
	EXPECT_EQ(count_range(0, addr, 16 + 1, &next), 1);
	EXPECT(next > addr);
	end();
}

TEST(pst_iteration_goes_on_where_the_budget_ended)
{
	unsigned int budget, n;
	u64 next;

	begin(PST_SHADOW);
	map_one_of_each();
	for (budget = 1; budget < 200; budget += 13) {
		test_row("budget %u", budget);
		for (n = 0, next = 0; next <= RPT_EA_LAST; )
			n += count_range(next, RPT_EA_LAST, budget, &next);
		EXPECT_EQ(n, 6);
	}
	end();
}

TEST(pst_zap_range_removes_what_overlaps)
{
	begin(PST_SHADOW);
	map_one_of_each();
	EXPECT_EQ(tree_zap(pst, 0x1ff800, 0x600000, 100000), 0);
	expect_leaf(0, 0x1000, RWX, 12);
	expect_none(0x1ff000);
	expect_none(0x200000);
	expect_none(0x600000);
	expect_leaf(0x40000000, 0x40000000, RWX, 30);
	EXPECT_EQ(tree_zap(pst, 0x7ffff000, 0x7ffff000, 100000), 0);
	expect_none(0x40000000);
	EXPECT_EQ(pst_nr_leaves(pst), 2);
	end();
}

TEST(pst_zap_range_returns_where_to_go_on)
{
	u64 next = 0;
	unsigned int i, n = 0;

	begin(PST_SHADOW);
	for (i = 0; i < 100; i++)
		map(i << 12, 0x1000, RWX, 12);
	do {
		next = tree_zap(pst, next, ~0ULL, 10);
		n++;
		tree_audit(pst);
	} while (next);
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	EXPECT(n >= 10);
	end();
}

TEST(pst_zap_range_frees_the_tables_it_emptied)
{
	begin(PST_SHADOW);
	map_one_of_each();
	tree_zap(pst, 0, RPT_EA_LAST, 1 << 20);
	EXPECT_EQ(nr_tables(), 1);
	map(0, 0x1000, RWX, 12);
	/* A table that reaches beyond the range stays. */
	tree_zap(pst, 0, 0x1ffffe, 1 << 20);
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	EXPECT_EQ(nr_tables(), 4);
	map(0x1000, 0x1000, RWX, 12);
	tree_zap(pst, 1, 0x3fffffff, 1 << 20);
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	EXPECT_EQ(nr_tables(), 4);
	end();
}

static bool zap_small(void)
{
	struct pst_gather g;
	bool done;

	pst_batch_begin(&g, &tree_lock);
	done = pst_zap_small(pst, &g);
	pst_batch_end(&g, &tree_lock);
	tree_audit(pst);
	return done;
}

TEST(pst_zap_small_removes_all_leaves_and_keeps_the_tables)
{
	unsigned long tables;

	begin(PST_SHADOW);
	map_one_of_each();
	tables = nr_tables();
	EXPECT(zap_small());
	/* The tables stay, and so may the walk cache. */
	EXPECT_EQ(tlb_counts().translations, 1);
	EXPECT_EQ(tlb_counts().walks, 0);
	EXPECT_EQ(tlb_counts().all, 1);
	EXPECT_EQ(tlb_counts().ranges, 0);
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	EXPECT_EQ(nr_tables(), tables);
	expect_none(0x200000);
	EXPECT(hlist_empty(&heads[0]));
	/* What comes back needs no memory. */
	EXPECT_EQ(map(0x1000, 0x1000, RWX, 12).first, PST_MAPPED);
	EXPECT_EQ(map(0x600000, 0x200000, RWX, 21).first, PST_MAPPED);
	end();
}

static void map_many(unsigned int n, u64 step)
{
	struct pst_leaf leaf = leaf_of(0x10000, RWX, 12);
	unsigned int i;

	for (i = 0; i < n; i++)
		tree_map(pst, i * step, &leaf, &heads[0]);
}

TEST(pst_zap_small_counts_tables_and_not_their_entries_if_they_are_few)
{
	struct pst_leaf leaf = leaf_of(0x10000, RWX, 16);
	unsigned int i;

	begin(PST_SHADOW);
	/* Two tables above them all. */
	for (i = 0; i < 30; i++)
		tree_map(pst, (u64)i << 21, &leaf, &heads[0]);
	EXPECT(zap_small());
	for (i = 0; i < 31; i++)
		tree_map(pst, (u64)i << 21, &leaf, &heads[0]);
	EXPECT(!zap_small());
	EXPECT_EQ(pst_nr_leaves(pst), 31);
	end();
}

TEST(pst_zap_small_leaves_a_large_tree_alone)
{
	static const struct {
		unsigned int n;
		u64 step;
		bool small;
	} cases[] = {
		{ 512, 1 << 12, true }, { 513, 1 << 12, false },
		/* Tables of 512 entries each. */
		{ 8, 1 << 21, true }, { 9, 1 << 21, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		test_row("%u leaves, each %#llx", cases[i].n, cases[i].step);
		begin(PST_SHADOW);
		map_many(cases[i].n, cases[i].step);
		EXPECT_EQ(zap_small(), cases[i].small);
		EXPECT_EQ(!pst_nr_leaves(pst), cases[i].small);
		EXPECT_EQ(tlb_counts().translations, cases[i].small);
		end();
	}
}

static struct pst_pos find(u64 addr)
{
	struct pst_pos pos = { 0 };

	if (!pst_find_leaf(pst, addr, &pos))
		die("no leaf at %#llx", addr);
	return pos;
}

TEST(pst_zap_leaf_returns_what_was_there)
{
	struct pst_gather g;
	struct pst_pos pos;

	begin(PST_SHADOW);
	map(0x3000, 0x7000, RO, 12);
	pst_batch_begin(&g, &tree_lock);
	pos = find(0x3000);
	/* Hardware sets R and C behind our back. */
	pure_update64(&pos.table->pte[pos.index], 0, RPT_CHG);
	EXPECT_EQ(pst_zap_leaf(&pos, &g).val,
		  RPT_VALID | RPT_LEAF | 0x7000 | RO | RPT_CHG);
	pst_batch_end(&g, &tree_lock);
	EXPECT(hlist_empty(&heads[0]));
	EXPECT_EQ(tlb_counts().pages, 1);
	end();
}

TEST(pst_weaken_flushes_only_if_something_is_lost)
{
	struct pst_gather g;
	struct pst_pos pos;

	begin(PST_SHADOW);
	map(0x3000, 0x7000, RWX, 12);
	pst_batch_begin(&g, &tree_lock);
	pos = find(0x3000);
	EXPECT_EQ(pst_weaken_leaf(&pos, RPT_W | RPT_CHG, &g).val & RPT_ATTRS,
		  RWX);
	pst_gather_flush(&g);
	EXPECT_EQ(tlb_counts().pages, 1);
	pos = find(0x3000);
	EXPECT_EQ(pos.pte.val & RPT_ATTRS, RWX & ~(RPT_W | RPT_CHG));
	EXPECT_EQ(pst_weaken_leaf(&pos, RPT_W | RPT_CHG, &g).val, pos.pte.val);
	pst_gather_flush(&g);
	EXPECT_EQ(tlb_counts().pages, 1);
	/* R may go without a flush, and nothing but rights, R and C goes. */
	pst_weaken_leaf(&pos, RPT_REF, NULL);
	pst_weaken_leaf(&pos, RPT_VALID | RPT_RPN | RPT_X, &g);
	pst_batch_end(&g, &tree_lock);
	expect_leaf(0x3000, 0x7000, RPT_R, 12);
	end();
}

TEST(pst_strengthen_needs_no_flush)
{
	struct pst_pos pos;

	begin(PST_SHADOW);
	map(0x3000, 0x7000, RPT_R, 12);
	pure_lock(&tree_lock);
	pos = find(0x3000);
	pst_strengthen_leaf(&pos, RWX | RPT_RPN);
	pure_unlock(&tree_lock);
	expect_leaf(0x3000, 0x7000, RWX, 12);
	EXPECT_EQ(tlb_counts().pages, 0);
	end();
}

TEST(pst_link_leads_to_its_entry)
{
	struct pst_link *link;
	struct pst_pos pos;
	unsigned int i;

	begin(PST_SHADOW);
	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		u64 addr = 0x8000000000 + 5 * BIT_ULL(30) * (i + 1);

		map(addr, 0x40000000, RO, shifts[i]);
		pure_lock(&tree_lock);
		link = nrmap_first(&heads[0]);
		pst_pos_of_link(link, &pos);
		EXPECT_EQ(pst_pos_addr(&pos), addr);
		EXPECT_EQ(pos.table->shift, shifts[i]);
		EXPECT(pst_link_at(pos.table, pos.index) == link);
		pure_unlock(&tree_lock);
	}
	end();
}

TEST(pst_host_tree_has_no_links)
{
	struct pst_pos pos;
	unsigned int i;

	begin(PST_HOST);
	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		map((u64)i << 30, 0x40000000, RO, shifts[i]);
		tree_find(pst, (u64)i << 30, &pos);
		EXPECT(!pst_link_at(pos.table, pos.index));
		EXPECT_EQ(pos.table->slot_size, i < 2 ? 0 : 8);
	}
	end();
}

static void zap_all_under_one_lock(void);

static bool find_near(struct pst_pos *pos, u64 addr)
{
	bool found;

	pure_lock(&tree_lock);
	found = pst_find_leaf_near(pos, addr);
	pure_unlock(&tree_lock);
	return found;
}

TEST(pst_find_near_finds_what_a_find_from_the_root_does)
{
	static const u64 mapped[] = { 0, 0x1000, 0x5000, 0x200000, 0x40000000,
				      0x80000000000 };
	struct pst_pos pos, far;
	unsigned int i, j;

	begin(PST_SHADOW);
	for (i = 0; i < ARRAY_SIZE(mapped); i++)
		map(mapped[i], 0x1c0000000 + 0x1000 * i, RWX, 12);
	for (i = 0; i < ARRAY_SIZE(mapped); i++) {
		for (j = 0; j < ARRAY_SIZE(mapped); j++) {
			test_row("%u to %u", i, j);
			EXPECT(tree_find(pst, mapped[i], &pos));
			EXPECT(tree_find(pst, mapped[j], &far));
			EXPECT(find_near(&pos, mapped[j]));
			EXPECT(pos.table == far.table);
			EXPECT_EQ(pos.index, far.index);
			EXPECT_EQ(pos.pte.val, far.pte.val);
			EXPECT(!find_near(&pos, mapped[j] + 0x2000));
			EXPECT(!find_near(&pos, 1ULL << 52));
			EXPECT(find_near(&pos, mapped[j]));
		}
	}
	end();
}

static void map_at(u64 addr, u64 pa, unsigned int shift)
{
	struct pst_leaf leaf = leaf_of(pa, RWX, shift);
	struct pst_pos pos;

	tree_find(pst, addr, &pos);
	pure_lock(&tree_lock);
	pst_map_at(&pos, &leaf, &heads[0]);
	pure_unlock(&tree_lock);
}

TEST(pst_map_at_maps_an_empty_entry)
{
	begin(PST_SHADOW);
	map(0, 0x1c0000000, RWX, 12);
	map_at(0x3000, 0x1c0003000, 12);
	expect_leaf(0x3000, 0x1c0003000, RWX, 12);
	EXPECT_EQ(pst_nr_leaves(pst), 2);
	end();
}

static void block(u64 addr, unsigned long done)
{
	struct pst_gather g;
	struct pst_pos pos;

	EXPECT(tree_find(pst, addr, &pos));
	pst_batch_begin(&g, &tree_lock);
	pst_block_leaf(&pos, done, &g);
	pst_batch_end(&g, &tree_lock);
}

static unsigned long blocked_done(u64 addr)
{
	struct pst_pos pos;

	EXPECT(tree_find(pst, addr, &pos));
	return pst_blocked_done(&pos);
}

/* B1: blocked is for good, and how far the work has come stays with the leaf. */
TEST(pst_blocked_leaf_gets_no_permission_back)
{
	unsigned int i;

	begin(PST_HOST);
	for (i = 0; i < ARRAY_SIZE(shifts); i++) {
		test_row("shift %u", shifts[i]);
		map(0, 0x1c0000000, RWX, shifts[i]);
		EXPECT_EQ(blocked_done(0), 0);
		block(0, 3);
		expect_leaf(0, 0x1c0000000, RPT_RC, shifts[i]);
		EXPECT_EQ(blocked_done(0), shifts[i] < 21 ? 0 : 3);
		block(0, 5);
		EXPECT_EQ(blocked_done(0), shifts[i] < 21 ? 0 : 5);
		EXPECT_EQ(tlb_counts().ranges, 3 * i + 1);
		/* A new one takes its place, and knows nothing of it. */
		EXPECT_EQ(map(0, 0x1c0000000, RWX, shifts[i]).first,
			  PST_BLOCKED);
		expect_leaf(0, 0x1c0000000, RWX, shifts[i]);
		EXPECT_EQ(blocked_done(0), 0);
		zap_all_under_one_lock();
	}
	end();
}

/* The same host page behind two memslots is two pages (I11). */
TEST(pst_leaf_that_gains_hangs_on_the_head_that_gives)
{
	struct pst_leaf ro = leaf_of(0x1c0000000, RO, 12);
	struct pst_leaf rw = leaf_of(0x1c0000000, RPT_R | RPT_W | RPT_RC, 12);
	struct pst_leaf rx = leaf_of(0x1c0000000, RO | RPT_X, 12);

	begin(PST_SHADOW);
	EXPECT_EQ(tree_map(pst, 0, &ro, &heads[0]).r, PST_MAPPED);
	/* Without a gain it stays with the frame that it was made from. */
	EXPECT_EQ(tree_map(pst, 0, &ro, &heads[1]).r, PST_SAME);
	EXPECT(!hlist_empty(&heads[0]) && hlist_empty(&heads[1]));
	EXPECT_EQ(tree_map(pst, 0, &rw, &heads[1]).first, PST_WIDENED);
	EXPECT(hlist_empty(&heads[0]) && !hlist_empty(&heads[1]));
	expect_leaf(0, 0x1c0000000, RPT_R | RPT_W | RPT_RC, 12);
	/* W is not that frame's to give: a new leaf, without it. */
	EXPECT_EQ(tree_map(pst, 0, &rx, &heads[2]).first, PST_BLOCKED);
	EXPECT(hlist_empty(&heads[1]) && !hlist_empty(&heads[2]));
	expect_leaf(0, 0x1c0000000, RO | RPT_X, 12);
	zap_all_under_one_lock();
	end();
}

static void map_sample(u64 addr)
{
	tree_map(pst, addr, &(struct pst_leaf){
		.pa = 0x1c0000000, .shift = 12,
		.attrs = RPT_R | RPT_SAMPLE }, &heads[0]);
}

static void use_sample(u64 addr)
{
	/* As a fault does: the same leaf, with R. */
	EXPECT_EQ(map(addr, 0x1c0000000, RPT_R | RPT_REF, 12).r, PST_WIDENED);
}

static void expect_samples(long used, long unused)
{
	EXPECT_EQ(atomic_long_read(&tree_account.samples_used), used);
	EXPECT_EQ(atomic_long_read(&tree_account.samples_unused), unused);
}

TEST(pst_sample_says_once_whether_it_was_used)
{
	struct pst_pos pos;

	begin(PST_SHADOW);
	memset(&tree_account.samples_used, 0,
	       sizeof(tree_account.samples_used));
	memset(&tree_account.samples_unused, 0,
	       sizeof(tree_account.samples_unused));
	map_sample(0);
	map_sample(0x1000);
	map_sample(0x2000);
	use_sample(0);
	use_sample(0x2000);
	EXPECT_EQ(map(0x3000, 0x1c0000000, RWX, 12).r, PST_MAPPED);
	expect_samples(0, 0);
	/* Ageing sees the use, and the leaf is no sample any more. */
	EXPECT(tree_find(pst, 0x2000, &pos));
	pure_lock(&tree_lock);
	pst_weaken_leaf(&pos, RPT_REF, NULL);
	pure_unlock(&tree_lock);
	expect_samples(1, 0);
	zap_all_under_one_lock();
	expect_samples(2, 1);
	end();
}

static void zap_all_under_one_lock(void)
{
	struct pst_gather g;

	pst_batch_begin(&g, &tree_lock);
	EXPECT_EQ(pst_zap_range(pst, 0, ~0ULL, 1 << 20, &g), 0);
	pst_batch_end(&g, &tree_lock);
}

/* Every other page: no two adjoin. */
TEST(pst_gather_flushes_ranges_or_when_there_are_many_everything)
{
	unsigned int n, i;

	for (n = 1; n <= PST_FLUSH_RANGES + 2; n++) {
		test_row("%u ranges", n);
		begin(PST_SHADOW);
		for (i = 0; i < n; i++)
			map(i << 13, 0x1000, RWX, 12);
		/* One when the LPID was published. */
		EXPECT_EQ(tlb_counts().all, 1);
		zap_all_under_one_lock();
		if (n <= PST_FLUSH_RANGES) {
			EXPECT_EQ(tlb_counts().ranges, n);
			EXPECT_EQ(tlb_counts().walks, 1);
			EXPECT_EQ(tlb_counts().all, 1);
		} else {
			EXPECT_EQ(tlb_counts().ranges, 0);
			EXPECT_EQ(tlb_counts().translations, 1);
			EXPECT_EQ(tlb_counts().walks, 1);
			EXPECT_EQ(tlb_counts().all, 1);
		}
		end();
	}
}

TEST(pst_gather_makes_one_range_of_leaves_that_adjoin)
{
	unsigned int i;

	begin(PST_SHADOW);
	for (i = 0; i < 100; i++)
		map(0x19c000 + (i << 12), 0x1000 * (100 - i), RWX, 12);
	map(0x200000, 0x200000, RWX, 21);
	map(0x400000, 0x400000, RWX, 21);
	zap_all_under_one_lock();
	/* Pages of 4K and of 2M: a range has one size. */
	EXPECT_EQ(tlb_counts().ranges, 2);
	EXPECT_EQ(tlb_counts().pages, 102);
	EXPECT_EQ(tlb_counts().all, 1);
	end();
}

/* L16: leaves of several trees over one frame, as an L1 that wants the worst. */
static void map_by_turns(struct pst **trees, unsigned int n, unsigned int links,
			 u64 stride)
{
	struct pst_leaf leaf = leaf_of(0x40000000, RO, 12);
	unsigned int i;

	for (i = 0; i < links; i++)
		EXPECT_EQ(tree_map(trees[i % n], (u64)(i / n) * stride, &leaf,
				   &heads[0]).r, PST_MAPPED);
}

static void zap_by_head_in_one_section(void)
{
	struct pst_link *link, *next;
	struct pst_gather g;
	struct pst_pos pos;

	pst_batch_begin(&g, &tree_lock);
	for (link = nrmap_first(&heads[0]); link; link = next) {
		next = nrmap_next(link);
		pst_pos_of_link(link, &pos);
		pst_zap_leaf(&pos, &g);
	}
	pst_batch_end(&g, &tree_lock);
}

static void flush_trees_by_turns(unsigned int n, unsigned int links, u64 stride)
{
	struct pst *trees[MAX_TURNS];
	struct tlb_counts before, after;
	unsigned int i;

	test_row("%u trees, %u links, %#llx apart", n, links, stride);
	begin(PST_SHADOW);
	trees[0] = pst;
	for (i = 1; i < n; i++)
		trees[i] = tree_create(PST_SHADOW, make_hlpid(77 + i));
	map_by_turns(trees, n, links, stride);
	before = tlb_counts();
	zap_by_head_in_one_section();
	after = tlb_counts();
	tlb_check_frame_gone(0x40000000, 0x1000);
	EXPECT(hlist_empty(&heads[0]));
	EXPECT(after.ranges - before.ranges <= n * PST_FLUSH_RANGES);
	EXPECT(after.translations - before.translations <= n);
	EXPECT(after.walks - before.walks <= n);
	EXPECT_EQ(after.all, before.all);
	EXPECT(after.translations + after.pages >
	       before.translations + before.pages);
	for (i = 1; i < n; i++)
		tree_destroy(trees[i]);
	end();
}

TEST(pst_gather_flushes_each_tree_once_though_their_leaves_alternate)
{
	unsigned int n;

	for (n = 2; n <= MAX_TURNS; n++) {
		flush_trees_by_turns(n, 512, 0x1000);
		flush_trees_by_turns(n, 512, 0x2000);
		flush_trees_by_turns(n, 512, 0x200000);
	}
}

TEST(pst_quiet_tree_is_not_flushed_again)
{
	struct pst_gather g;
	struct pst_pos pos;
	struct pst *old;

	begin(PST_SHADOW);
	map(0x1000, 0x40000000, RO, 12);
	old = pst;
	pst = pst_create(&tree_lock, PST_SHADOW, &tree_account);
	pst->hlpid = LPID;
	pure_lock(&tree_lock);
	pst_detach(old);
	pure_unlock(&tree_lock);
	lpid_set_entry(LPID, rpt_make_root(pure_virt_to_pa(pst->root->pte)), 0);
	pure_lock(&tree_lock);
	pst_quiesce(old);
	pst_gather_init(&g);
	/* The notifier still finds its leaf (R1). */
	pst_pos_of_link(nrmap_first(&heads[0]), &pos);
	pst_zap_leaf(&pos, &g);
	pst_batch_end(&g, &tree_lock);
	EXPECT_EQ(tlb_counts().pages, 0);
	tree_drain(old, 64);
	end();
}

TEST(pst_detached_tree_is_still_zapped_and_flushed)
{
	struct pst_gather g;
	struct pst_pos pos;

	begin(PST_SHADOW);
	map(0x1000, 0x40000000, RO, 12);
	pst_batch_begin(&g, &tree_lock);
	pst_detach(pst);
	pst_pos_of_link(nrmap_first(&heads[0]), &pos);
	pst_zap_leaf(&pos, &g);
	pst_batch_end(&g, &tree_lock);
	tlb_check_frame_gone(0x40000000, 0x1000);
	EXPECT_EQ(tlb_counts().pages, 1);
	lpid_set_entry(LPID, 0, 0);
	pure_lock(&tree_lock);
	pst_quiesce(pst);
	pure_unlock(&tree_lock);
	tlb_lpid_end(LPID);
	tree_drain(pst, 1);
	tlb_stop();
}

TEST(pst_drain_works_in_steps_and_links_stay_true)
{
	struct list_head doomed;
	struct pst_gather g;
	struct pst_pos pos;
	unsigned int i, steps = 0;
	bool more;

	begin(PST_SHADOW);
	for (i = 0; i < 64; i++)
		map((u64)i << 21, 0x40000000, RO, 12);
	lpid_set_entry(LPID, 0, 0);
	pure_lock(&tree_lock);
	pst_detach(pst);
	pst_quiesce(pst);
	pure_unlock(&tree_lock);
	do {
		INIT_LIST_HEAD(&doomed);
		pst_batch_begin(&g, &tree_lock);
		more = pst_drain_step(pst, 3, &doomed);
		/* A notifier comes between two steps. */
		if (steps++ % 7 == 0 && nrmap_first(&heads[0])) {
			pst_pos_of_link(nrmap_first(&heads[0]), &pos);
			EXPECT(rpt_is_leaf(pos.pte));
			pst_zap_leaf(&pos, &g);
		}
		pst_batch_end(&g, &tree_lock);
		pst_free_doomed(&doomed);
	} while (more);
	EXPECT(steps > 20);
	EXPECT(hlist_empty(&heads[0]));
	EXPECT_EQ(pst_nr_leaves(pst), 0);
	EXPECT_EQ(nr_tables(), 0);
	pst_destroy(pst);
	tlb_lpid_end(LPID);
	tlb_stop();
}

TEST(pst_account_counts_tables_and_bytes)
{
	size_t t = sizeof(struct pst_table);

	begin(PST_SHADOW);
	EXPECT_EQ(atomic_long_read(&tree_account.bytes), t + 16 * 8192);
	map(0, 0x1000, RO, 12);
	EXPECT_EQ(atomic_long_read(&tree_account.tables), 4);
	EXPECT_EQ(atomic_long_read(&tree_account.bytes),
		  4 * t + 16 * 8192 + 3 * 512 * 32);
	map(0x200000, 0x10000, RO, 16);
	EXPECT_EQ(atomic_long_read(&tree_account.bytes),
		  5 * t + 16 * 8192 + 3 * 512 * 32 + 32 * 32);
	end();
}

TEST(pst_mem_of_the_other_geometry_is_exchanged)
{
	struct pst_mem mem = { .kind = PST_SHADOW, .account = &tree_account };

	mem.missing = 7;
	EXPECT_EQ(pst_mem_fill(&mem, 12), 0);
	EXPECT_EQ(mem.table[0]->bits, 9);
	mem.missing = 1;
	EXPECT_EQ(pst_mem_fill(&mem, 16), 0);
	EXPECT_EQ(mem.table[0]->bits, 5);
	EXPECT_EQ(mem.missing, 0);
	EXPECT_EQ(atomic_long_read(&tree_account.tables), 3);
	pst_mem_release(&mem);
	EXPECT_EQ(atomic_long_read(&tree_account.tables), 0);
}

TEST(pst_mem_that_stays_unused_is_kept_for_the_next_leaf)
{
	struct pst_mem mem = { .kind = PST_SHADOW, .account = &tree_account };
	struct pst_leaf leaf = leaf_of(0x1000, RO, 12);
	unsigned long tables;

	begin(PST_SHADOW);
	mem.missing = 7;
	EXPECT_EQ(pst_mem_fill(&mem, 12), 0);
	tables = nr_tables();
	pure_lock(&tree_lock);
	EXPECT_EQ(pst_map(pst, 0, &leaf, &heads[0], &mem), PST_MAPPED);
	EXPECT(!mem.table[0] && !mem.table[1] && !mem.table[2]);
	EXPECT_EQ(pst_map(pst, 0x200000, &leaf, &heads[0], &mem),
		  PST_NO_TABLE);
	EXPECT_EQ(mem.missing, 1);
	pure_unlock(&tree_lock);
	EXPECT_EQ(nr_tables(), tables);
	pst_mem_release(&mem);
	end();
}

TEST(pst_mem_of_the_other_geometry_is_not_used)
{
	struct pst_mem mem = { .kind = PST_SHADOW, .account = &tree_account };
	struct pst_leaf leaf = leaf_of(0x10000, RO, 16);

	begin(PST_SHADOW);
	mem.missing = 7;
	EXPECT_EQ(pst_mem_fill(&mem, 12), 0);
	pure_lock(&tree_lock);
	EXPECT_EQ(pst_map(pst, 0, &leaf, &heads[0], &mem), PST_NO_TABLE);
	EXPECT_EQ(mem.missing, 1);
	pure_unlock(&tree_lock);
	EXPECT_EQ(pst_mem_fill(&mem, 16), 0);
	pure_lock(&tree_lock);
	EXPECT_EQ(pst_map(pst, 0, &leaf, &heads[0], &mem), PST_MAPPED);
	pure_unlock(&tree_lock);
	expect_leaf(0, 0x10000, RO, 16);
	pst_mem_release(&mem);
	end();
}

/*
 * --- misuse: refused without touching the tree ---------------------------
 *
 * Where an invariant is broken the kernel warns, so these are for the harness
 * alone.
 */
#ifndef __KERNEL__

static void expect_refused(u64 addr, u64 pa, unsigned int shift)
{
	struct pst_mem mem = { .kind = PST_SHADOW, .account = &tree_account };
	struct pst_leaf leaf = leaf_of(pa, RO, shift);

	shim_expect_broken(true);
	pure_lock(&tree_lock);
	EXPECT_EQ(pst_map(pst, addr, &leaf, &heads[0], &mem), PST_BROKEN);
	pure_unlock(&tree_lock);
	EXPECT_EQ(shim_expect_broken(false), 1);
	EXPECT_EQ(pst_nr_leaves(pst), 0);
}

TEST(pst_misaligned_leaf_is_refused)
{
	begin(PST_SHADOW);
	expect_refused(0x1000, 0, 16);
	expect_refused(0, 0x1000, 16);
	expect_refused(0x100000, 0, 21);
	expect_refused(RPT_EA_LAST + 1, 0, 12);
	end();
}

TEST(pst_detached_tree_gains_no_leaf)
{
	begin(PST_SHADOW);
	pure_lock(&tree_lock);
	pst_detach(pst);
	pure_unlock(&tree_lock);
	expect_refused(0, 0, 12);
	shim_expect_broken(true);
	pure_lock(&tree_lock);
	pst_detach(pst);
	EXPECT_EQ(pst->state, PST_DETACHED);
	pure_unlock(&tree_lock);
	EXPECT_EQ(shim_expect_broken(false), 1);
	pst->state = PST_LIVE;
	end();
}

TEST(pst_state_never_skips_or_goes_back)
{
	struct list_head doomed = { &doomed, &doomed };

	begin(PST_SHADOW);
	shim_expect_broken(true);
	pure_lock(&tree_lock);
	pst_quiesce(pst);
	EXPECT_EQ(pst->state, PST_LIVE);
	EXPECT(!pst_drain_step(pst, 10, &doomed));
	EXPECT(list_empty(&doomed));
	pure_unlock(&tree_lock);
	pst_destroy(pst);
	EXPECT_EQ(shim_expect_broken(false), 3);
	end();
}

TEST(pst_tree_that_waits_to_be_drained_is_not_destroyed)
{
	struct list_head queue, doomed = { &doomed, &doomed };

	begin(PST_SHADOW);
	INIT_LIST_HEAD(&queue);
	pure_lock(&tree_lock);
	pst_detach(pst);
	pure_unlock(&tree_lock);
	lpid_set_entry(LPID, 0, 0);
	tlb_lpid_end(LPID);
	pure_lock(&tree_lock);
	pst_quiesce(pst);
	list_add(&pst->drain, &queue);
	EXPECT(!pst_drain_step(pst, 10, &doomed));
	pure_unlock(&tree_lock);
	pst_free_doomed(&doomed);
	shim_expect_broken(true);
	pst_destroy(pst);
	EXPECT_EQ(shim_expect_broken(false), 1);
	list_del_init(&pst->drain);
	pst_destroy(pst);
	tlb_stop();
}

TEST(pst_gather_that_was_not_flushed_frees_nothing)
{
	struct pst_gather g;
	long before;

	begin(PST_SHADOW);
	map(0, 0x1000, RO, 12);
	before = nr_tables();
	pst_batch_begin(&g, &tree_lock);
	pst_zap_range(pst, 0, ~0ULL, 1 << 20, &g);
	shim_expect_broken(true);
	pst_gather_free(&g);
	EXPECT_EQ(shim_expect_broken(false), 1);
	EXPECT_EQ(nr_tables(), before);
	pst_batch_end(&g, &tree_lock);
	EXPECT_EQ(nr_tables(), 1);
	end();
}

TEST(pst_map_at_maps_over_nothing)
{
	begin(PST_SHADOW);
	map(0, 0x1c0000000, RWX, 12);
	map_at(0x3000, 0x1c0003000, 12);
	shim_expect_broken(true);
	map_at(0x3000, 0x1c0004000, 12);
	map_at(0x4000, 0x1c0004800, 12);
	map_at(0x4000, 0x1c0000000, 16);
	EXPECT_EQ(shim_expect_broken(false), 3);
	expect_leaf(0x3000, 0x1c0003000, RWX, 12);
	expect_none(0x4000);
	EXPECT_EQ(pst_nr_leaves(pst), 2);
	end();
}

#endif /* !__KERNEL__ */

/* --- the audit finds what is wrong --------------------------------------- */

static enum pst_fault audit(void)
{
	enum pst_fault fault;

	pure_lock(&tree_lock);
	fault = pst_audit(pst);
	pure_unlock(&tree_lock);
	return fault;
}

/* The same, part by part. */
static enum pst_fault audit_in_parts(long budget, unsigned int *parts)
{
	enum pst_fault fault = PST_SOUND;
	u64 addr = 0;

	for (*parts = 0; addr <= RPT_EA_LAST && !fault; ++*parts) {
		pure_lock(&tree_lock);
		fault = pst_audit_part(pst, &addr, budget);
		pure_unlock(&tree_lock);
	}
	return fault;
}

TEST(pst_audit_in_parts_looks_at_each_table_once)
{
	unsigned int i, parts;
	struct pst_pos pos;

	begin(PST_SHADOW);
	EXPECT_EQ(audit_in_parts(1000, &parts), PST_SOUND);
	for (i = 0; i < 40; i++) {
		map(places[i % ARRAY_SIZE(places)], 0x40000000, RO, 12);
		map((u64)i << 31, 0x40000000, RO, 21);
		map((u64)i << 31 | 0x40000000, 0x10000, RO, 16);
	}
	EXPECT_EQ(audit_in_parts(1, &parts), PST_SOUND);
	/* At most a step for each entry of each table: it ends. */
	EXPECT(parts < 8192 + 512 * nr_tables());
	EXPECT_EQ(audit_in_parts(1L << 40, &parts), PST_SOUND);
	EXPECT_EQ(parts, 1);
	for (i = 0; i < 40; i++) {
		EXPECT(tree_find(pst, (u64)i << 31 | 0x40000000, &pos));
		pos.table->nr_present++;
		EXPECT_EQ(audit_in_parts(700, &parts), PST_BAD_COUNT);
		pos.table->nr_present--;
	}
	EXPECT_EQ(audit_in_parts(700, &parts), PST_SOUND);
	end();
}

/* Change one thing, look, and put it back. */
#define EXPECT_FAULT(what, bad, fault)					\
	do {								\
		__typeof__(what) good = (what);				\
									\
		(what) = (bad);						\
		test_row("%s", #what " = " #bad);			\
		EXPECT_EQ(audit(), fault);				\
		(what) = good;						\
		EXPECT_EQ(audit(), PST_SOUND);				\
	} while (0)

TEST(pst_audit_finds_each_kind_of_fault)
{
	struct pst_table *leaf, *dir;
	struct pst_link *link, *free_link;
	struct pst_pos pos;

	begin(PST_SHADOW);
	map(0x1000, 0x40000000, RO, 12);
	map(0x200000, 0x40000000, RO, 21);
	tree_find(pst, 0x1000, &pos);
	leaf = pos.table;
	dir = leaf->parent;
	link = pst_link_at(leaf, 1);
	free_link = pst_link_at(leaf, 2);
	EXPECT_EQ(audit(), PST_SOUND);

	EXPECT_FAULT(leaf->nr_present, 2, PST_BAD_COUNT);
	EXPECT_FAULT(leaf->nr_present, 0, PST_BAD_COUNT);
	EXPECT_FAULT(dir->nr_below, 0, PST_BAD_COUNT);
	EXPECT_FAULT(leaf->nr_below, 1, PST_BAD_COUNT);
	EXPECT_FAULT(pst->nr_tables, 2, PST_BAD_COUNT);
	EXPECT_FAULT(pst->nr_leaves[0], 0, PST_BAD_COUNT);
	EXPECT_FAULT(pst->nr_leaves[1], 2, PST_BAD_COUNT);
	EXPECT_FAULT(link->table, dir, PST_BAD_SLOT);
	EXPECT_FAULT(link->node.pprev, NULL, PST_BAD_SLOT);
	EXPECT_FAULT(free_link->node.pprev, &heads[1].first, PST_BAD_SLOT);
	EXPECT_FAULT(free_link->table, leaf, PST_BAD_SLOT);
	EXPECT_FAULT(free_link->node.next, &link->node, PST_BAD_SLOT);
	EXPECT_FAULT(((union pst_slot *)dir->slots)[0].child, NULL,
		     PST_BAD_SLOT);
	EXPECT_FAULT(((union pst_slot *)dir->slots)[0].child, dir,
		     PST_BAD_SLOT);
	EXPECT_FAULT(leaf->parent, dir->parent, PST_BAD_PARENT);
	EXPECT_FAULT(leaf->index, 1, PST_BAD_PARENT);
	EXPECT_FAULT(leaf->base, 0x200000, PST_BAD_PARENT);
	EXPECT_FAULT(leaf->level, 1, PST_BAD_PARENT);
	EXPECT_FAULT(dir->pte[0], dir->pte[0] ^ cpu_to_be64(12),
		     PST_BAD_ENTRY);
	EXPECT_FAULT(leaf->pte[1], leaf->pte[1] | cpu_to_be64(RPT_W),
		     PST_BAD_ENTRY);
	EXPECT_FAULT(dir->pte[1], dir->pte[1] | cpu_to_be64(0x1000),
		     PST_BAD_ENTRY);
	EXPECT_FAULT(pst->root->pte[7],
		     cpu_to_be64(RPT_VALID | RPT_LEAF), PST_BAD_ENTRY);
	EXPECT_FAULT(leaf->pte[1], 0, PST_BAD_SLOT);
	EXPECT_FAULT(leaf->pte[2], leaf->pte[1], PST_BAD_SLOT);
	end();
}

TEST_SUITE(kvm_nested_pst,
	   KUNIT_CASE(pst_new_tree_is_empty),
	   KUNIT_CASE(pst_map_at_every_level_and_border),
	   KUNIT_CASE(pst_map_twice_is_the_same),
	   KUNIT_CASE(pst_map_never_changes_a_frame_in_place),
	   KUNIT_CASE(pst_map_over_every_other_size),
	   KUNIT_CASE(pst_larger_leaf_that_gives_as_much_is_good_enough),
	   KUNIT_CASE(pst_larger_leaf_that_gives_less_is_in_the_way),
	   KUNIT_CASE(pst_leaf_table_of_the_other_geometry_is_replaced),
	   KUNIT_CASE(pst_evicts_the_lowest_table_that_came_first),
	   KUNIT_CASE(pst_does_not_evict_a_table_with_tables_below_it),
	   KUNIT_CASE(pst_evicts_tables_of_large_leaves_and_what_is_empty_above),
	   KUNIT_CASE(pst_table_that_is_spared_below_a_parent_is_flushed),
	   KUNIT_CASE(pst_table_that_was_used_is_spared_once),
	   KUNIT_CASE_SLOW(pst_evicts_all_of_a_large_tree_with_a_bounded_look_each_time),
	   KUNIT_CASE(pst_both_geometries_live_side_by_side),
	   KUNIT_CASE(pst_unblock_goes_through_a_whole_tree_in_steps_of_one_table),
	   KUNIT_CASE(pst_unblock_does_nothing_where_nothing_is_in_the_way),
	   KUNIT_CASE(pst_find_does_not_see_the_neighbours),
	   KUNIT_CASE(pst_iteration_is_ascending_and_within_the_range),
	   KUNIT_CASE(pst_iteration_skips_a_hole_by_its_size),
	   KUNIT_CASE(pst_iteration_skips_a_table_without_entries),
	   KUNIT_CASE(pst_iteration_goes_on_where_the_budget_ended),
	   KUNIT_CASE(pst_zap_range_removes_what_overlaps),
	   KUNIT_CASE(pst_zap_range_returns_where_to_go_on),
	   KUNIT_CASE(pst_zap_range_frees_the_tables_it_emptied),
	   KUNIT_CASE(pst_zap_small_removes_all_leaves_and_keeps_the_tables),
	   KUNIT_CASE(pst_zap_small_counts_tables_and_not_their_entries_if_they_are_few),
	   KUNIT_CASE(pst_zap_small_leaves_a_large_tree_alone),
	   KUNIT_CASE(pst_zap_leaf_returns_what_was_there),
	   KUNIT_CASE(pst_weaken_flushes_only_if_something_is_lost),
	   KUNIT_CASE(pst_strengthen_needs_no_flush),
	   KUNIT_CASE(pst_link_leads_to_its_entry),
	   KUNIT_CASE(pst_host_tree_has_no_links),
	   KUNIT_CASE(pst_find_near_finds_what_a_find_from_the_root_does),
	   KUNIT_CASE(pst_map_at_maps_an_empty_entry),
	   KUNIT_CASE(pst_blocked_leaf_gets_no_permission_back),
	   KUNIT_CASE(pst_leaf_that_gains_hangs_on_the_head_that_gives),
	   KUNIT_CASE(pst_sample_says_once_whether_it_was_used),
	   KUNIT_CASE(pst_gather_flushes_ranges_or_when_there_are_many_everything),
	   KUNIT_CASE(pst_gather_makes_one_range_of_leaves_that_adjoin),
	   KUNIT_CASE(pst_gather_flushes_each_tree_once_though_their_leaves_alternate),
	   KUNIT_CASE(pst_quiet_tree_is_not_flushed_again),
	   KUNIT_CASE(pst_detached_tree_is_still_zapped_and_flushed),
	   KUNIT_CASE(pst_drain_works_in_steps_and_links_stay_true),
	   KUNIT_CASE(pst_account_counts_tables_and_bytes),
	   KUNIT_CASE(pst_mem_of_the_other_geometry_is_exchanged),
	   KUNIT_CASE(pst_mem_that_stays_unused_is_kept_for_the_next_leaf),
	   KUNIT_CASE(pst_mem_of_the_other_geometry_is_not_used),
	   KUNIT_CASE(pst_audit_in_parts_looks_at_each_table_once),
	   KUNIT_CASE(pst_audit_finds_each_kind_of_fault));
