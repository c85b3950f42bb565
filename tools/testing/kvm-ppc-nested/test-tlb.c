// SPDX-License-Identifier: GPL-2.0-only
/*
 * The modelled TLB sees what it is there to see: each mistake that a tree
 * could make is made here by hand.
 */
#include "test.h"
#include "trees.h"

#define LPID	make_hlpid(5)
#define OTHER	make_hlpid(6)
#define RWX	(RPT_PROT | RPT_RC)

static struct pst *pst;
static struct hlist_head head;

static struct pst_pos start(unsigned int shift)
{
	struct pst_leaf leaf = { .pa = 0x40000000, .attrs = RWX,
				 .shift = shift };
	struct pst_pos pos;

	tlb_start();
	tlb_lpid_begin(OTHER);
	pst = tree_create(PST_SHADOW, LPID);
	if (tree_map(pst, 0, &leaf, &head).r != PST_MAPPED)
		die("not mapped");
	pure_lock(&tree_lock);
	pst_find_leaf(pst, 0, &pos);
	return pos;
}

static void flush_page(hlpid_t lpid, u64 addr, unsigned int shift)
{
	lpid_flush_range(lpid, addr, addr + BIT_ULL(shift) - 1, shift);
}

static void zap_entry(const struct pst_pos *pos)
{
	pure_update64(&pos->table->pte[pos->index], ~0ULL, 0);
}

static void forget_the_flush(void)
{
	struct pst_pos pos = start(12);

	zap_entry(&pos);
	pure_unlock(&tree_lock);
}

static void flush_another_lpid(void)
{
	struct pst_pos pos = start(12);

	zap_entry(&pos);
	flush_page(OTHER, 0, 12);
	pure_unlock(&tree_lock);
}

static void flush_another_size(void)
{
	struct pst_pos pos = start(21);

	zap_entry(&pos);
	flush_page(LPID, 0, 16);
	pure_unlock(&tree_lock);
}

static void flush_another_page(void)
{
	struct pst_pos pos = start(12);

	zap_entry(&pos);
	flush_page(LPID, 0x1000, 12);
	pure_unlock(&tree_lock);
}

static void flush_only_walks(void)
{
	struct pst_pos pos = start(12);

	zap_entry(&pos);
	lpid_flush_pwc(LPID);
	pure_unlock(&tree_lock);
}

static void flush_before_the_change(void)
{
	struct pst_pos pos = start(12);

	lpid_flush_all(LPID);
	zap_entry(&pos);
	pure_unlock(&tree_lock);
}

static void take_a_right_without_flush(void)
{
	struct pst_pos pos = start(12);

	pure_update64(&pos.table->pte[pos.index], RPT_X, 0);
	pure_unlock(&tree_lock);
}

static void clean_without_flush(void)
{
	struct pst_pos pos = start(12);

	pure_update64(&pos.table->pte[pos.index], RPT_CHG, 0);
	pure_unlock(&tree_lock);
}

TEST(tlb_finds_a_translation_that_outlives_the_lock)
{
	EXPECT_DIES(forget_the_flush, "may still use");
	EXPECT_DIES(flush_another_lpid, "may still use");
	EXPECT_DIES(flush_another_size, "may still use");
	EXPECT_DIES(flush_another_page, "may still use");
	EXPECT_DIES(flush_only_walks, "may still use");
	EXPECT_DIES(flush_before_the_change, "may still use");
	EXPECT_DIES(take_a_right_without_flush, "may still use");
	EXPECT_DIES(clean_without_flush, "may still use");
}

static void flush_unknown_lpid(void)
{
	start(12);
	flush_page(make_hlpid(7), 0, 12);
}

static void flush_no_size(void)
{
	start(12);
	flush_page(LPID, 0, 13);
}

static void flush_host_address(void)
{
	start(12);
	flush_page(LPID, 1ULL << 52, 12);
}

TEST(tlb_finds_a_flush_of_nothing)
{
	EXPECT_DIES(flush_unknown_lpid, "not in use");
	EXPECT_DIES(flush_no_size, "13 bits");
	EXPECT_DIES(flush_host_address, "flush of");
}

static void unlink_table(const struct pst_pos *pos)
{
	struct pst_table *t = pos->table;

	zap_entry(pos);
	pure_update64(&t->parent->pte[t->index], ~0ULL, 0);
}

static void forget_the_walks(void)
{
	struct pst_pos pos = start(12);

	unlink_table(&pos);
	flush_page(LPID, 0, 12);
	pure_unlock(&tree_lock);
}

static void flush_only_translations(void)
{
	struct pst_pos pos = start(12);

	unlink_table(&pos);
	lpid_flush_translations(LPID);
	pure_unlock(&tree_lock);
}

/* The leaf stays in the table that is unlinked. */
static void unlink_full_table(const struct pst_pos *pos)
{
	struct pst_table *t = pos->table;

	pure_update64(&t->parent->pte[t->index], ~0ULL, 0);
}

static void flush_translations_before_walks(void)
{
	struct pst_pos pos = start(12);

	unlink_full_table(&pos);
	lpid_flush_translations(LPID);
	lpid_flush_pwc(LPID);
	pure_unlock(&tree_lock);
}

static void free_before_flush(void)
{
	struct pst_pos pos = start(12);

	unlink_table(&pos);
	pure_free(pos.table->pte, 4096);
}

static void free_root_before_flush(void)
{
	start(12);
	pure_free(pst->root->pte, 65536);
}

static void write_into_table_that_is_cached(void)
{
	struct pst_pos pos = start(12);

	unlink_table(&pos);
	flush_page(LPID, 0, 12);
	/* Hardware may walk it still: it could see this. */
	pure_update64(&pos.table->pte[0], 0,
		      rpt_make_leaf(0x1000, RWX).val);
	tlb_check_frame_gone(0x1000, 0x1000);
}

static void reuse_table_that_is_cached(void)
{
	struct pst_pos pos = start(12);
	struct pst_table *dir = pos.table->parent;

	unlink_table(&pos);
	pure_update64(&dir->pte[1], 0,
		      rpt_make_dir(pure_virt_to_pa(pos.table->pte), 9).val);
}

TEST(tlb_finds_a_table_that_is_cached)
{
	EXPECT_DIES(forget_the_walks, "walk cache not flushed");
	EXPECT_DIES(flush_only_translations, "walk cache not flushed");
	EXPECT_DIES(flush_translations_before_walks, "may still use");
	EXPECT_DIES(free_before_flush, "can still be walked");
	EXPECT_DIES(free_root_before_flush, "can still be walked");
	EXPECT_DIES(write_into_table_that_is_cached, "is free and");
	EXPECT_DIES(reuse_table_that_is_cached, "is still cached");
}

static void change_frame_in_place(void)
{
	struct pst_pos pos = start(12);

	pure_update64(&pos.table->pte[0], RPT_RPN, 0x1000);
}

static void leaf_to_directory(void)
{
	struct pst_pos pos = start(21);

	pure_update64(&pos.table->pte[0], RPT_LEAF, 0);
}

static void directory_to_no_table(void)
{
	struct pst_pos pos = start(21);

	pure_update64(&pos.table->pte[1], 0, rpt_make_dir(0x1000, 9).val);
}

static void directory_of_other_size(void)
{
	struct pst_pos pos = start(12);
	struct pst_table *dir = pos.table->parent;

	zap_entry(&pos);
	pure_update64(&dir->pte[1], 0,
		      rpt_make_dir(pure_virt_to_pa(pos.table->pte), 5).val);
}

TEST(tlb_finds_an_entry_that_must_not_be)
{
	EXPECT_DIES(change_frame_in_place, "in place");
	EXPECT_DIES(leaf_to_directory, "in place");
	EXPECT_DIES(directory_to_no_table, "leads to no table");
	EXPECT_DIES(directory_of_other_size, "leads to no table");
}

TEST(tlb_translations_and_walks_are_flushed_by_themselves)
{
	struct pst_pos pos = start(12);
	struct pst_table *t = pos.table;
	__be64 *dir = &t->parent->pte[t->index];
	u64 was = be64_to_cpu(*dir), leaf = pos.pte.val;
	unsigned int shift;
	struct rpte pte;

	/* What is still mapped comes back. */
	lpid_flush_translations(LPID);
	EXPECT(tlb_access(LPID, 0, 0, &pte, &shift));
	zap_entry(&pos);
	EXPECT(tlb_access(LPID, 0, 0, &pte, &shift));
	lpid_flush_translations(LPID);
	EXPECT(!tlb_access(LPID, 0, 0, &pte, &shift));
	pure_update64(&t->pte[pos.index], 0, leaf);
	/* A table that is unlinked with its leaf needs both, walks first. */
	unlink_full_table(&pos);
	lpid_flush_tlb_pwc(LPID);
	EXPECT(!tlb_access(LPID, 0, 0, &pte, &shift));
	tlb_check_all();
	pure_update64(dir, 0, was);
	EXPECT_EQ(tlb_counts().translations, 3);
	EXPECT_EQ(tlb_counts().walks, 1);
	EXPECT_EQ(tlb_counts().all, 1);
	pure_unlock(&tree_lock);
	tlb_lpid_end(OTHER);
	tree_destroy(pst);
	tlb_stop();
}

static void unpublish_and_give_back(void)
{
	start(12);
	tlb_lpid_end(LPID);
}

static void reuse_frame(void)
{
	start(12);
	tlb_check_frame_gone(0x40000000, 1);
}

TEST(tlb_finds_what_is_given_back_too_early)
{
	EXPECT_DIES(unpublish_and_give_back, "given back");
	EXPECT_DIES(reuse_frame, "is free and");
}

static void allocate_under_lock(void)
{
	pure_lock(&tree_lock);
	pure_zalloc(8);
}

static void change_without_lock(void)
{
	struct pst_pos pos = start(12);
	struct pst_gather g;

	pst_gather_init(&g);
	pure_unlock(&tree_lock);
	pst_zap_leaf(&pos, &g);
}

static void find_without_lock(void)
{
	struct pst_pos pos;

	start(12);
	pure_unlock(&tree_lock);
	pst_find_leaf(pst, 0, &pos);
}

static void free_twice(void)
{
	void *p = pure_zalloc(64);

	pure_free(p, 64);
	pure_free(p, 64);
}

static void free_other_size(void)
{
	pure_free(pure_zalloc(64), 32);
}

static void gather_freed_unflushed(void)
{
	struct pst_gather g;

	start(12);
	pst_gather_init(&g);
	if (pst_zap_range(pst, 0, ~0ULL, 1 << 20, &g))
		return;
	pst_free_doomed(&g.doomed);
}

TEST(shim_finds_misuse)
{
	EXPECT_DIES(allocate_under_lock, "under a lock");
	EXPECT_DIES(change_without_lock, "not held");
	EXPECT_DIES(find_without_lock, "not held");
	EXPECT_DIES(free_twice, "not allocated");
	EXPECT_DIES(free_other_size, "allocated as");
	EXPECT_DIES(gather_freed_unflushed, "can still be walked");
}

TEST(tlb_keeps_what_is_still_mapped_after_a_flush)
{
	struct pst_pos pos = start(12);
	unsigned int shift;
	struct rpte pte;

	EXPECT(tlb_access(LPID, 0xfff, 0, &pte, &shift));
	flush_page(LPID, 0, 12);
	EXPECT(tlb_access(LPID, 0xfff, 0, &pte, &shift));
	lpid_flush_all(LPID);
	EXPECT(tlb_access(LPID, 0xfff, 0, &pte, &shift));
	EXPECT_EQ(pte.val, RPT_VALID | RPT_LEAF | 0x40000000 | RWX);
	EXPECT_EQ(shift, 12);
	EXPECT(!tlb_access(LPID, 0x1000, 0, &pte, &shift));
	EXPECT_EQ(pos.pte.val, pte.val);
	tlb_check_all();
	pure_unlock(&tree_lock);
	tlb_lpid_end(OTHER);
	tree_destroy(pst);
	tlb_stop();
}
