// SPDX-License-Identifier: GPL-2.0-only
/* The radix format. */
#include "nested/rpt.h"
#include "cases_rpt.h"
#include "nested_test.h"

TEST(rpt_entry_is_leaf_or_directory_only_if_valid)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rpt_kind_cases); i++) {
		struct rpte e = { rpt_kind_cases[i].val };

		test_row("%#llx", e.val);
		EXPECT_EQ(rpt_is_valid(e), rpt_kind_cases[i].valid);
		EXPECT_EQ(rpt_is_leaf(e), rpt_kind_cases[i].leaf);
		EXPECT_EQ(rpt_is_dir(e), rpt_kind_cases[i].dir);
	}
}

TEST(rpt_load_reads_big_endian)
{
	static const u8 bytes[8] __aligned(8) = {
		0xc0, 1, 2, 3, 4, 5, 6, 0x87
	};

	EXPECT_EQ(rpt_load((const __be64 *)bytes).val, 0xc001020304050687);
}

TEST(rpt_make_dir_keeps_base_and_size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rpt_dir_cases); i++) {
		struct rpte e = rpt_make_dir(rpt_dir_cases[i].pa,
					     rpt_dir_cases[i].bits);

		test_row("%#llx", rpt_dir_cases[i].pa);
		EXPECT_EQ(e.val, rpt_dir_cases[i].val);
		EXPECT(rpt_is_dir(e));
		EXPECT_EQ(rpt_dir_bits(e), rpt_dir_cases[i].bits);
		EXPECT_EQ(rpt_dir_base(e),
			  rpt_dir_cases[i].pa & 0x0fffffffffffff00);
	}
}

TEST(rpt_make_leaf_keeps_only_frame_and_attributes)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rpt_leaf_cases); i++) {
		test_row("%#llx", rpt_leaf_cases[i].pa);
		EXPECT_EQ(rpt_make_leaf(rpt_leaf_cases[i].pa,
					rpt_leaf_cases[i].attrs).val,
			  rpt_leaf_cases[i].val);
	}
}

TEST(rpt_levels_sizes_and_bits_agree)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rpt_level_cases); i++) {
		unsigned int level = rpt_level_cases[i].level;
		unsigned int bits = rpt_level_cases[i].bits;
		unsigned int shift = rpt_level_cases[i].shift;

		test_row("level %u bits %u", level, bits);
		EXPECT_EQ(rpt_level_to_shift(level, bits), shift);
		EXPECT_EQ(rpt_shift_is_leaf(shift), level < 3);
		if (level == 3)
			continue;
		EXPECT_EQ(rpt_shift_to_level(shift), level);
		EXPECT_EQ(rpt_level_to_bits(level, shift), bits);
		/* A table maps exactly what one entry above it maps. */
		EXPECT_EQ(shift + bits, rpt_level_to_shift(level + 1, 9));
	}
	EXPECT_EQ(rpt_level_to_bits(3, 12), 13);
}

TEST(rpt_only_four_sizes_are_leaves)
{
	unsigned int shift;

	for (shift = 0; shift < 64; shift++) {
		test_row("%u", shift);
		EXPECT_EQ(rpt_shift_is_leaf(shift),
			  shift == 12 || shift == 16 || shift == 21 ||
			  shift == 30);
	}
}

TEST(rpt_ap_codes)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rpt_ap_cases); i++) {
		test_row("%u", rpt_ap_cases[i].ap);
		EXPECT_EQ(rpt_ap_to_shift(rpt_ap_cases[i].ap),
			  rpt_ap_cases[i].shift);
	}
}

TEST(rpt_root_says_how_much_it_covers)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rpt_root_cases); i++) {
		test_row("%#llx", rpt_root_cases[i].dw0);
		EXPECT_EQ(rpt_root_shift(rpt_root_cases[i].dw0),
			  rpt_root_cases[i].shift);
	}
	EXPECT_EQ(rpt_make_root(0x12340000), 0xc0000000123400ad);
	EXPECT_EQ(rpt_root_shift(rpt_make_root(~0ULL)), 52);
}

TEST_SUITE(kvm_nested_rpt,
	   KUNIT_CASE(rpt_entry_is_leaf_or_directory_only_if_valid),
	   KUNIT_CASE(rpt_load_reads_big_endian),
	   KUNIT_CASE(rpt_make_dir_keeps_base_and_size),
	   KUNIT_CASE(rpt_make_leaf_keeps_only_frame_and_attributes),
	   KUNIT_CASE(rpt_levels_sizes_and_bits_agree),
	   KUNIT_CASE(rpt_only_four_sizes_are_leaves),
	   KUNIT_CASE(rpt_ap_codes),
	   KUNIT_CASE(rpt_root_says_how_much_it_covers));
