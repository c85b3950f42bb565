// SPDX-License-Identifier: GPL-2.0-only
/*
 * C13: the dispatch trace log that L1 has registered is in the time of L1, also
 * where it says that the vCPU was dispatched to run L2.
 */
#include <endian.h>

#include "lib/l1.h"

#define VPA_GPA			(L1_DATA + 0x100000)
#define LOG_GPA			(L1_DATA + 0x110000)
#define VPA_BYTES		640
#define REGISTER_VPA		(1ULL << (63 - 18))
#define REGISTER_LOG		(2ULL << (63 - 18))
#define ENTRIES			64
#define RUNS			8

/* Of L1 to L2's. Only bits from 24 on can be set. */
#define AHEAD			BIT(40)

struct dispatch {
	u64 what[2];
	u64 timebase;
	u64 more[3];
};

static struct world w;

/* The area says its size: a VPA in two bytes, a log in four, of big endian. */
static void begin(void)
{
	u8 *vpa, *log;

	world_create(&w, L1_LITTLE);
	vpa = l1_memory(&w.l1, VPA_GPA);
	log = l1_memory(&w.l1, LOG_GPA);
	vpa[4] = VPA_BYTES >> 8;
	vpa[5] = VPA_BYTES & 0xff;
	*(u32 *)(log + 4) = htobe32(ENTRIES * sizeof(struct dispatch));
	vm_enable(&w.l1.vm, KVM_CAP_PPC_ENABLE_HCALL, H_REGISTER_VPA, 1);
	CHECK_EQ(L1_HCALL(&w.v, H_REGISTER_VPA, REGISTER_VPA, 0, VPA_GPA),
		 H_SUCCESS);
	CHECK_EQ(L1_HCALL(&w.v, H_REGISTER_VPA, REGISTER_LOG, 0, LOG_GPA),
		 H_SUCCESS);
}

/* Return: entries that have been written; each has a time of L1. */
static unsigned int check_log(u64 before, u64 after)
{
	struct dispatch *log = l1_memory(&w.l1, LOG_GPA);
	unsigned int i, n = 0;

	for (i = 0; i < ENTRIES; i++) {
		u64 at = be64toh(log[i].timebase);

		if (!at)
			continue;
		n++;
		if (at < before || at > after)
			fail("entry %u is %lld ticks after the end", i,
			     (long long)(at - after));
	}
	return n;
}

/* An entry may end early for the host's sake: that dispatch is logged too. */
static void run_l2(u64 l1_offset)
{
	s64 r;

	do {
		l2_goto(&w.v, l2_hcall);
		SET_STATE(&w.v, hdec_expiry,
			  timebase() + l1_offset + w.v.slice);
		r = L1_HCALL(&w.v, H_ENTER_NESTED, w.v.state_gpa, w.v.regs_gpa);
	} while (!r || r == TRAP_EXTERNAL || r == TRAP_HDEC);
	CHECK_EQ(r, TRAP_HCALL);
}

static void is_in_time_of_l1(u64 l1_offset, u64 l2_offset)
{
	unsigned int i;
	u64 before;

	begin();
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_TB_OFFSET, l1_offset);
	before = timebase() + l1_offset;
	memset(l1_memory(&w.l1, LOG_GPA), 0, ENTRIES * sizeof(struct dispatch));
	SET_STATE(&w.v, tb_offset, l2_offset);
	for (i = 0; i < RUNS; i++)
		run_l2(l1_offset);
	/* L1 before, L2, and L1 after it. */
	CHECK(check_log(before, timebase() + l1_offset) >= 2 * RUNS);
	world_end(&w);
}

static void c13_log_while_l2_is_ahead(void)
{
	is_in_time_of_l1(0, AHEAD);
}

static void c13_log_while_l2_is_behind(void)
{
	is_in_time_of_l1(AHEAD, -AHEAD);
}

static void c13_log_while_l2_has_the_time_of_l1(void)
{
	is_in_time_of_l1(AHEAD, 0);
}

static const struct test_case cases[] = {
	{ "c13_log_while_l2_is_ahead", c13_log_while_l2_is_ahead },
	{ "c13_log_while_l2_is_behind", c13_log_while_l2_is_behind },
	{ "c13_log_while_l2_has_the_time_of_l1",
	  c13_log_while_l2_has_the_time_of_l1 },
};

TEST_MAIN(cases)
