// SPDX-License-Identifier: GPL-2.0-only
/* The reverse map. */
#include "book3s_hv_nrmap.h"
#include "nested_test.h"

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

TEST_SUITE(kvm_nested_nrmap,
	   KUNIT_CASE(nrmap_zero_word_is_an_empty_head),
	   KUNIT_CASE(nrmap_link_is_found_and_word_is_empty_after_unlink),
	   KUNIT_CASE(nrmap_any_of_many_can_be_unlinked),
	   KUNIT_CASE(nrmap_current_link_may_go_while_iterating),
	   KUNIT_CASE(nrmap_key_holds_guest_and_frame));
