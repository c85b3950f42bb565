// SPDX-License-Identifier: GPL-2.0-only
/* The reverse map: its links, and walks over it in small steps. */
#include "nested/nrmap.h"
#include "nested_test.h"
#include "trees.h"

/* The links are only told apart by the address of their table. */
#define TABLE(n) ((struct pst_table *)(uintptr_t)(0x1000 * ((n) + 1)))

static unsigned int count(const struct hlist_head *head)
{
	struct pst_link *link = nrmap_first(head);
	unsigned int n = 0;

	for (; link; link = nrmap_next(link))
		n++;
	return n;
}

TEST(nrmap_zero_word_is_an_empty_head)
{
	unsigned long word = 0;

	EXPECT(!nrmap_first(nrmap_head(&word)));
	EXPECT_EQ(sizeof(word), sizeof(struct hlist_head));
}

TEST(nrmap_link_is_found_and_word_is_empty_after_unlink)
{
	struct pst_link link = {};
	unsigned long word = 0;

	EXPECT(!nrmap_is_linked(&link));
	nrmap_link(nrmap_head(&word), &link, TABLE(0));
	EXPECT(nrmap_is_linked(&link));
	EXPECT(nrmap_first(nrmap_head(&word)) == &link);
	EXPECT(link.table == TABLE(0));
	EXPECT(!nrmap_next(&link));
	nrmap_unlink(&link);
	EXPECT(!nrmap_is_linked(&link));
	EXPECT(!link.table);
	EXPECT_EQ(word, 0);
}

TEST(nrmap_any_of_many_can_be_unlinked)
{
	struct pst_link link[5];
	unsigned int i, j;
	unsigned long word;

	for (i = 0; i < ARRAY_SIZE(link); i++) {
		memset(link, 0, sizeof(link));
		word = 0;
		for (j = 0; j < ARRAY_SIZE(link); j++)
			nrmap_link(nrmap_head(&word), &link[j], TABLE(j));
		nrmap_unlink(&link[i]);
		test_row("%u", i);
		EXPECT_EQ(count(nrmap_head(&word)), ARRAY_SIZE(link) - 1);
		for (j = 0; j < ARRAY_SIZE(link); j++)
			EXPECT_EQ(nrmap_is_linked(&link[j]), j != i);
	}
}

TEST(nrmap_current_link_may_go_while_iterating)
{
	struct pst_link link[5] = {}, *l, *next;
	unsigned long word = 0;
	unsigned int j, n = 0;

	for (j = 0; j < ARRAY_SIZE(link); j++)
		nrmap_link(nrmap_head(&word), &link[j], TABLE(j));
	for (l = nrmap_first(nrmap_head(&word)); l; l = next, n++) {
		next = nrmap_next(l);
		nrmap_unlink(l);
	}
	EXPECT_EQ(n, ARRAY_SIZE(link));
	EXPECT_EQ(word, 0);
}

TEST(nrmap_key_holds_guest_and_frame)
{
	u32 wide = 0x1001;

	EXPECT_EQ(nrmap_key(make_glpid(1), 0), 0x0010000000000000);
	EXPECT_EQ(nrmap_key(make_glpid(4095), 0xfffffffffffff),
		  0xfffffffffffff000);
	EXPECT_EQ(nrmap_key(make_glpid(0x123), 0x456789abcdef0),
		  0x123456789abcd000);
	/* Bits that have no place are dropped, not mixed in. */
	OPTIMIZER_HIDE_VAR(wide);
	EXPECT_EQ(nrmap_key(make_glpid(wide), 0xfff0000000001fff),
		  0x0010000000001000);
}

/* --- walks --------------------------------------------------------------- */

/*
 * One memslot of 4K frames that begins at 1G, two guests whose trees are all
 * aliases of it, and a host tree below them.
 */
#define WALK_BASE	0x40000000ULL
#define WALK_FRAMES	1536UL
#define WALK_TREES	2
#define WALK_RW		(RPT_R | RPT_W | RPT_RC)

static struct pst *host, *tree[WALK_TREES];
static unsigned long *words;
static u64 next_alias[WALK_TREES];
static u64 dirty_bytes;

static void walk_begin(void)
{
	unsigned int i;

	tlb_start();
	words = test_alloc(WALK_FRAMES * sizeof(*words));
	host = tree_create(PST_HOST, make_hlpid(1));
	for (i = 0; i < WALK_TREES; i++) {
		tree[i] = tree_create(PST_SHADOW, make_hlpid(2 + i));
		next_alias[i] = 0;
	}
	dirty_bytes = 0;
}

static void walk_end(void)
{
	unsigned int i;

	for (i = 0; i < WALK_TREES; i++) {
		tree_audit(tree[i]);
		tree_destroy(tree[i]);
	}
	tree_audit(host);
	tree_destroy(host);
	for (i = 0; i < WALK_FRAMES; i++)
		EXPECT_EQ(words[i], 0);
	test_free(words);
	tlb_stop();
}

static struct hlist_head *walk_head(u64 gpa)
{
	return nrmap_head(&words[(gpa - WALK_BASE) >> 12]);
}

static void walk_host(u64 gpa, unsigned int shift)
{
	struct pst_leaf leaf = { .pa = gpa + 0x100000000,
				 .attrs = WALK_RW | RPT_X, .shift = shift };

	EXPECT_EQ(tree_map(host, gpa, &leaf, NULL).r, PST_MAPPED);
}

/* As L1 does: the same frame again at the next address of one of its guests. */
static void walk_alias(unsigned int nr, u64 gpa, unsigned int shift)
{
	struct pst_leaf leaf = { .pa = gpa + 0x100000000,
				 .attrs = WALK_RW, .shift = shift };
	u64 mask = BIT_ULL(shift) - 1;
	u64 at = (next_alias[nr] + mask) & ~mask;

	EXPECT_EQ(tree_map(tree[nr], at, &leaf, walk_head(gpa)).r, PST_MAPPED);
	next_alias[nr] = at + mask + 1;
}

static void walk_aliases(u64 gpa, unsigned int n)
{
	while (n--)
		walk_alias(n % WALK_TREES, gpa, 12);
}

static void walk_dirty(struct nrmap_walk *w, u64 addr, unsigned int shift)
{
	dirty_bytes += BIT_ULL(shift);
}

static struct nrmap_walk walk_of(enum nrmap_op op, u64 addr, u64 last)
{
	return (struct nrmap_walk){
		.slot = { .heads = words, .start = WALK_BASE, .shift = 12,
			  .last = WALK_BASE + (WALK_FRAMES << 12) - 1 },
		.op = op, .addr = addr, .last = last, .dirty = walk_dirty,
	};
}

static bool walk_one_step(struct nrmap_walk *w, long budget)
{
	struct pst_gather g;
	bool more;

	pst_gather_init(&g);
	w->g = &g;
	pure_lock(&tree_lock);
	more = nrmap_step(host, w, budget);
	EXPECT(g.nr_trees <= WALK_TREES + 1);
	pst_batch_end(&g, &tree_lock);
	return more;
}

/* Return: critical sections; more than @most is a failure, and the end. */
static unsigned long walk_run(struct nrmap_walk *w, long budget,
			      unsigned long most)
{
	unsigned long steps = 1;

	for (; walk_one_step(w, budget); steps++) {
		if (steps > most) {
			test_fail(__FILE__, __LINE__, "no end at %#llx",
				  w->addr);
			break;
		}
	}
	return steps;
}

static unsigned int walk_count(u64 gpa)
{
	return count(walk_head(gpa));
}

/* An L2 uses the newest shadow leaf of one size over a frame. */
static void walk_use(u64 gpa, unsigned int shift)
{
	struct pst_link *link = nrmap_first(walk_head(gpa));
	struct pst_pos pos;

	while (link && link->table->shift != shift)
		link = nrmap_next(link);
	EXPECT(link);
	if (!link)
		return;
	pure_lock(&tree_lock);
	pst_pos_of_link(link, &pos);
	pst_strengthen_leaf(&pos, RPT_REF);
	pure_unlock(&tree_lock);
}

/* How many shadow leaves over a frame have R. */
static unsigned int walk_used(u64 gpa)
{
	struct pst_link *link;
	struct pst_pos pos;
	unsigned int n = 0;

	for (link = nrmap_first(walk_head(gpa)); link; link = nrmap_next(link)) {
		pst_pos_of_link(link, &pos);
		n += !!(pos.pte.val & RPT_REF);
	}
	return n;
}

static unsigned long walk_leaves(void)
{
	return pst_nr_leaves(tree[0]) + pst_nr_leaves(tree[1]);
}

static const long budgets[] = { 1, 2, 3, 100, NRMAP_BUDGET };

/*
 * A1: very many aliases of one frame at the start of 2M and of 1G, and the host
 * takes the page beside it.
 */
TEST(nrmap_neighbour_of_an_aliased_frame_is_unmapped_alone)
{
	struct nrmap_walk w;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		test_row("budget %ld", budgets[i]);
		walk_begin();
		walk_host(WALK_BASE, 12);
		walk_host(WALK_BASE + 0x1000, 12);
		walk_aliases(WALK_BASE, 1200);
		walk_aliases(WALK_BASE + 0x1000, 3);
		w = walk_of(NRMAP_ZAP, WALK_BASE + 0x1000, WALK_BASE + 0x1fff);
		walk_run(&w, budgets[i], 3 + 2);
		EXPECT_EQ(walk_count(WALK_BASE), 1200);
		EXPECT_EQ(walk_count(WALK_BASE + 0x1000), 0);
		EXPECT_EQ(pst_nr_leaves(host), 1);
		EXPECT_EQ(dirty_bytes, 0x1000);
		tlb_check_frame_gone(WALK_BASE + 0x100001000, 0x1000);
		walk_end();
	}
}

/* Each size on the heads where all sizes begin, under a host leaf of 2M. */
static void walk_mixed(void)
{
	unsigned int n;

	walk_begin();
	walk_host(WALK_BASE, 21);
	walk_host(WALK_BASE + 0x200000, 21);
	walk_aliases(WALK_BASE, 40);
	for (n = 0; n < 10; n++)
		walk_alias(n % WALK_TREES, WALK_BASE, 21);
	walk_aliases(WALK_BASE + 0x5000, 30);
	walk_aliases(WALK_BASE + 0x1ff000, 3);
	walk_aliases(WALK_BASE + 0x200000, 7);
}

TEST(nrmap_zap_takes_every_size_and_no_neighbour)
{
	struct nrmap_walk w;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		test_row("budget %ld", budgets[i]);
		walk_mixed();
		/* From the middle of the leaf: it goes whole. */
		w = walk_of(NRMAP_ZAP, WALK_BASE + 0x7000, WALK_BASE + 0x7fff);
		/* No unit of work is done twice. */
		walk_run(&w, budgets[i], 83 + 512 + 1);
		EXPECT_EQ(walk_leaves(), 7);
		EXPECT_EQ(walk_count(WALK_BASE + 0x200000), 7);
		EXPECT_EQ(pst_nr_leaves(host), 1);
		EXPECT_EQ(dirty_bytes, 0x200000);
		tlb_check_frame_gone(WALK_BASE + 0x100000000, 0x200000);
		walk_end();
	}
}

static u64 walk_writable(void)
{
	struct pst_iter it;
	unsigned int i;
	u64 n = 0;

	pure_lock(&tree_lock);
	for (i = 0; i < WALK_TREES; i++) {
		it = (struct pst_iter){ .last = RPT_EA_LAST, .budget = ~0U };
		while (pst_next_leaf(tree[i], &it))
			n += !!(it.pos.pte.val & (RPT_W | RPT_CHG));
	}
	pure_unlock(&tree_lock);
	return n;
}

TEST(nrmap_write_protect_leaves_nothing_writable)
{
	struct nrmap_walk w;
	struct pst_pos pos;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		test_row("budget %ld", budgets[i]);
		walk_mixed();
		w = walk_of(NRMAP_WRITE_PROTECT, WALK_BASE,
			    WALK_BASE + 0x3fffff);
		walk_run(&w, budgets[i], 2 * (90 + 1024 + 2));
		EXPECT_EQ(walk_writable(), 0);
		EXPECT_EQ(dirty_bytes, 0x400000);
		if (budgets[i] == NRMAP_BUDGET) {
			/* Enough for all: nothing had to go. */
			EXPECT_EQ(walk_leaves(), 90);
			EXPECT_EQ(pst_nr_leaves(host), 2);
		}
		if (tree_find(host, WALK_BASE, &pos))
			EXPECT(!(pos.pte.val & RPT_CHG));
		/* Whoever comes again finds nothing more. */
		w = walk_of(NRMAP_WRITE_PROTECT, WALK_BASE,
			    WALK_BASE + 0x3fffff);
		walk_run(&w, budgets[i], 16);
		EXPECT_EQ(dirty_bytes, 0x400000);
		walk_end();
	}
}

static bool walk_young(enum nrmap_op op, u64 addr, u64 last, long budget)
{
	struct nrmap_walk w = walk_of(op, addr, last);

	walk_run(&w, budget, 4096);
	return w.young;
}

/* L17: used once is old at the second asking, whatever its size and aliases. */
TEST(nrmap_used_once_is_old_at_the_second_asking)
{
	const u64 last = WALK_BASE + 0x3fffff;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		test_row("budget %ld", budgets[i]);
		walk_mixed();
		EXPECT(walk_young(NRMAP_TEST_AGE, WALK_BASE, last, budgets[i]));
		EXPECT(walk_young(NRMAP_AGE, WALK_BASE, last, budgets[i]));
		EXPECT(!walk_young(NRMAP_AGE, WALK_BASE, last, budgets[i]));
		EXPECT(!walk_young(NRMAP_TEST_AGE, WALK_BASE, last,
				   budgets[i]));
		EXPECT_EQ(walk_leaves(), 90);
		EXPECT_EQ(tlb_counts().ranges, 0);
		/* One use by L2 alone is seen. */
		walk_use(WALK_BASE + 0x5000, 12);
		EXPECT(walk_young(NRMAP_AGE, WALK_BASE, last, budgets[i]));
		EXPECT(!walk_young(NRMAP_AGE, WALK_BASE, last, budgets[i]));
		walk_end();
	}
}

TEST(nrmap_ageing_asks_the_newest_of_very_many)
{
	struct nrmap_walk w;

	walk_begin();
	walk_host(WALK_BASE, 12);
	walk_aliases(WALK_BASE, 5000);
	w = walk_of(NRMAP_AGE, WALK_BASE, WALK_BASE + 0xfff);
	EXPECT_EQ(walk_run(&w, NRMAP_BUDGET, 1), 1);
	EXPECT(w.young);
	EXPECT_EQ(walk_used(WALK_BASE), 5000 - NRMAP_ASK_MAX);
	EXPECT(!walk_young(NRMAP_AGE, WALK_BASE, WALK_BASE + 0xfff,
			   NRMAP_BUDGET));
	EXPECT_EQ(walk_count(WALK_BASE), 5000);
	walk_end();
}

/* Its link is on the head of its first frame, where small ones are too. */
TEST(nrmap_large_shadow_leaf_is_asked_from_its_middle)
{
	const u64 middle = WALK_BASE + 0x5000;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		test_row("budget %ld", budgets[i]);
		walk_begin();
		walk_host(WALK_BASE, 21);
		walk_alias(0, WALK_BASE, 21);
		walk_alias(1, WALK_BASE, 12);
		EXPECT(walk_young(NRMAP_AGE, WALK_BASE, WALK_BASE + 0xfff,
				  budgets[i]));
		EXPECT_EQ(walk_used(WALK_BASE), 0);
		walk_use(WALK_BASE, 21);
		EXPECT(walk_young(NRMAP_TEST_AGE, middle, middle + 0xfff,
				  budgets[i]));
		EXPECT(walk_young(NRMAP_AGE, middle, middle + 0xfff,
				  budgets[i]));
		walk_use(WALK_BASE, 12);
		EXPECT(!walk_young(NRMAP_AGE, middle, middle + 0xfff,
				   budgets[i]));
		walk_end();
	}
}

/* A parent hypervisor forgets nothing that it is not told to flush. */
TEST(nrmap_ageing_is_flushed_below_a_parent)
{
	struct nrmap_walk w;

	walk_begin();
	walk_host(WALK_BASE, 12);
	walk_aliases(WALK_BASE, 2);
	w = walk_of(NRMAP_AGE, WALK_BASE, WALK_BASE + 0xfff);
	w.flush_aged = true;
	walk_run(&w, NRMAP_BUDGET, 1);
	/* The host leaf and one leaf of each tree. */
	EXPECT_EQ(tlb_counts().ranges, 3);
	w = walk_of(NRMAP_AGE, WALK_BASE, WALK_BASE + 0xfff);
	w.flush_aged = true;
	walk_run(&w, NRMAP_BUDGET, 1);
	EXPECT_EQ(tlb_counts().ranges, 3);
	walk_end();
}

/*
 * L13: while a walk is between two critical sections L1 faults on. It finds a
 * blocked leaf, of which nothing is made, so the walk ends.
 */
TEST(nrmap_blocked_leaf_loses_its_links_to_two_walks)
{
	struct nrmap_walk a, b;
	struct pst_pos pos;
	unsigned int n, before;

	walk_begin();
	walk_host(WALK_BASE, 21);
	for (n = 0; n < 64; n++)
		walk_aliases(WALK_BASE + ((u64)n << 12), 10);
	a = walk_of(NRMAP_ZAP, WALK_BASE, WALK_BASE + 0xfff);
	b = walk_of(NRMAP_WRITE_PROTECT, WALK_BASE, WALK_BASE + 0x1fffff);
	for (n = 0; walk_one_step(n % 2 ? &a : &b, 3); n++) {
		EXPECT(tree_find(host, WALK_BASE, &pos));
		EXPECT(pst_is_blocked(pos.pte));
		if (n && walk_leaves() >= before &&
		    pst_blocked_done(&pos) < 64)
			test_fail(__FILE__, __LINE__, "step %u did nothing", n);
		before = walk_leaves();
		if (n > 640 + 512)
			break;
	}
	EXPECT_EQ(walk_leaves(), 0);
	EXPECT_EQ(pst_nr_leaves(host), 0);
	EXPECT_EQ(dirty_bytes, 0x200000);
	/* The one that was not the last finds that out in a step. */
	EXPECT(!walk_one_step(n % 2 ? &b : &a, 3));
	walk_end();
}

/* What is mapped where the blocked leaf was has come after the walk. */
TEST(nrmap_walk_passes_what_came_after_its_blocked_leaf)
{
	struct nrmap_walk w, other;

	walk_begin();
	walk_host(WALK_BASE, 12);
	walk_aliases(WALK_BASE, 600);
	w = walk_of(NRMAP_WRITE_PROTECT, WALK_BASE, WALK_BASE + 0xfff);
	EXPECT(walk_one_step(&w, 3));
	other = walk_of(NRMAP_ZAP, WALK_BASE, WALK_BASE + 0xfff);
	walk_run(&other, NRMAP_BUDGET, 3);
	EXPECT_EQ(dirty_bytes, 0x1000);
	walk_host(WALK_BASE, 12);
	walk_aliases(WALK_BASE, 600);
	EXPECT(!walk_one_step(&w, 3));
	EXPECT_EQ(walk_count(WALK_BASE), 600);
	walk_end();
}

/* L16: a tree that is to be flushed is charged. */
TEST(nrmap_flushes_of_one_critical_section_are_bounded)
{
	struct nrmap_walk w;
	unsigned long before;

	walk_begin();
	walk_host(WALK_BASE, 12);
	walk_aliases(WALK_BASE, 512);
	before = tlb_counts().translations + tlb_counts().ranges;
	w = walk_of(NRMAP_ZAP, WALK_BASE, WALK_BASE + 0xfff);
	walk_one_step(&w, NRMAP_BUDGET);
	/* By turns from two trees: all of each, and the host leaf. */
	EXPECT_EQ(tlb_counts().translations + tlb_counts().ranges - before, 3);
	walk_run(&w, NRMAP_BUDGET, 3);
	EXPECT_EQ(walk_count(WALK_BASE), 0);
	walk_end();
}

/* Guests of one L1 that all have the same frame: more than one section flushes. */
#define CROWD	64U

static unsigned int walk_trees_of_step(struct nrmap_walk *w, bool *more)
{
	unsigned int trees;
	struct pst_gather g;

	pst_gather_init(&g);
	w->g = &g;
	pure_lock(&tree_lock);
	*more = nrmap_step(host, w, NRMAP_BUDGET);
	trees = g.nr_trees;
	pst_batch_end(&g, &tree_lock);
	return trees;
}

/* L16: as many trees as their cost allows, the last one begun, and the host's. */
TEST(nrmap_trees_of_one_critical_section_are_bounded)
{
	static const enum nrmap_op ops[] = { NRMAP_ZAP, NRMAP_WRITE_PROTECT };
	struct pst_leaf leaf = { .pa = WALK_BASE + 0x100000000,
				 .attrs = WALK_RW, .shift = 12 };
	static struct pst *crowd[CROWD];
	struct nrmap_walk w;
	unsigned int i, n;
	bool more;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		test_row("op %d", ops[i]);
		walk_begin();
		walk_host(WALK_BASE, 12);
		for (n = 0; n < CROWD; n++) {
			crowd[n] = tree_create(PST_SHADOW, make_hlpid(10 + n));
			EXPECT_EQ(tree_map(crowd[n], 0, &leaf,
					   walk_head(WALK_BASE)).r, PST_MAPPED);
		}
		w = walk_of(ops[i], WALK_BASE, WALK_BASE + 0xfff);
		for (more = true, n = 0; more && n < CROWD; n++)
			EXPECT(walk_trees_of_step(&w, &more) <=
			       NRMAP_BUDGET / NRMAP_TREE_COST + 1);
		EXPECT(!more);
		EXPECT_EQ(walk_count(WALK_BASE), 0);
		for (n = 0; n < CROWD; n++)
			tree_destroy(crowd[n]);
		walk_end();
	}
}

TEST_SUITE(kvm_nested_nrmap,
	   KUNIT_CASE(nrmap_zero_word_is_an_empty_head),
	   KUNIT_CASE(nrmap_link_is_found_and_word_is_empty_after_unlink),
	   KUNIT_CASE(nrmap_any_of_many_can_be_unlinked),
	   KUNIT_CASE(nrmap_current_link_may_go_while_iterating),
	   KUNIT_CASE(nrmap_key_holds_guest_and_frame),
	   KUNIT_CASE(nrmap_neighbour_of_an_aliased_frame_is_unmapped_alone),
	   KUNIT_CASE(nrmap_zap_takes_every_size_and_no_neighbour),
	   KUNIT_CASE(nrmap_write_protect_leaves_nothing_writable),
	   KUNIT_CASE(nrmap_used_once_is_old_at_the_second_asking),
	   KUNIT_CASE(nrmap_ageing_asks_the_newest_of_very_many),
	   KUNIT_CASE(nrmap_large_shadow_leaf_is_asked_from_its_middle),
	   KUNIT_CASE(nrmap_ageing_is_flushed_below_a_parent),
	   KUNIT_CASE(nrmap_blocked_leaf_loses_its_links_to_two_walks),
	   KUNIT_CASE(nrmap_walk_passes_what_came_after_its_blocked_leaf),
	   KUNIT_CASE(nrmap_flushes_of_one_critical_section_are_bounded),
	   KUNIT_CASE(nrmap_trees_of_one_critical_section_are_bounded));
