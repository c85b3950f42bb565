// SPDX-License-Identifier: GPL-2.0-only
/* C13: hdec_expiry is a time of L1, whatever the time-base offset of L1 is. */
#include "lib/l1.h"

/* Only bits from here on can be set; the kernel rounds up. */
#define OFFSET_STEP	BIT(24)
#define SLICE		(20 * TICKS_PER_MS)

static struct world w;

/* L1's time is then that of the host plus @offset, modulo 2^64. */
static void begin(u64 offset)
{
	world_create(&w, L1_LITTLE);
	vcpu_set_reg(&w.v.vcpu, KVM_REG_PPC_TB_OFFSET, offset);
	CHECK_EQ(vcpu_reg(&w.v.vcpu, KVM_REG_PPC_TB_OFFSET), offset);
}

/* As QEMU does for an L1 that was just switched on: its time begins at 0. */
static u64 from_zero(void)
{
	return -(timebase() & ~(OFFSET_STEP - 1));
}

static s64 enter_until(u64 expiry, const char *snippet)
{
	l2_goto(&w.v, snippet);
	SET_STATE(&w.v, hdec_expiry, expiry);
	return L1_HCALL(&w.v, H_ENTER_NESTED, w.v.state_gpa, w.v.regs_gpa);
}

/* An entry may end early for the host's sake, but not each of them. */
static void runs_until(u64 expiry)
{
	unsigned int tries;
	s64 r = 0;

	for (tries = 0; tries < 10; tries++) {
		r = enter_until(expiry, l2_hcall);
		if (r == TRAP_HCALL)
			return;
		CHECK(!r || r == TRAP_EXTERNAL);
	}
	fail("L2 never ran: 0x%llx", (unsigned long long)r);
}

static void never_at(u64 offset)
{
	begin(offset);
	runs_until(~0ULL);
	runs_until(BIT(63));
	runs_until(BIT(63) - 1);
	world_end(&w);
}

static void c13_never_at_no_offset(void)
{
	never_at(0);
}

static void c13_never_at_a_negative_offset(void)
{
	never_at(from_zero());
}

static void c13_never_at_the_smallest_negative_offset(void)
{
	begin(-OFFSET_STEP);
	runs_until(~0ULL);
	world_end(&w);
}

static void c13_never_at_a_positive_offset(void)
{
	never_at(BIT(40));
}

/* L1's clock stands above 2^63: what is below that is over. */
static void c13_never_at_half_of_all_time(void)
{
	begin(BIT(63));
	runs_until(~0ULL);
	CHECK_EQ(enter_until(BIT(62), l2_hcall), TRAP_HDEC);
	world_end(&w);
}

/* What is over is over, and what is soon comes soon, at either sign. */
static void is_kept_at(u64 offset)
{
	u64 now, end;

	begin(offset);
	now = timebase() + offset;
	CHECK_EQ(enter_until(now - 1, l2_hcall), TRAP_HDEC);
	CHECK_EQ(enter_until(0, l2_hcall), TRAP_HDEC);
	end = timebase() + offset + SLICE;
	while (timebase() + offset < end) {
		s64 r = enter_until(end, l2_spin);

		CHECK(!r || r == TRAP_EXTERNAL || r == TRAP_HDEC);
		if (r == TRAP_HDEC)
			break;
	}
	CHECK(timebase() + offset >= end);
	CHECK(timebase() + offset - end < 1000 * TICKS_PER_MS);
	world_end(&w);
}

static void c13_expiry_is_kept_at_a_negative_offset(void)
{
	is_kept_at(from_zero());
}

static void c13_expiry_is_kept_at_a_positive_offset(void)
{
	is_kept_at(BIT(40));
}

static const struct test_case cases[] = {
	{ "c13_never_at_no_offset", c13_never_at_no_offset },
	{ "c13_never_at_a_negative_offset", c13_never_at_a_negative_offset },
	{ "c13_never_at_the_smallest_negative_offset",
	  c13_never_at_the_smallest_negative_offset },
	{ "c13_never_at_a_positive_offset", c13_never_at_a_positive_offset },
	{ "c13_never_at_half_of_all_time", c13_never_at_half_of_all_time },
	{ "c13_expiry_is_kept_at_a_negative_offset",
	  c13_expiry_is_kept_at_a_negative_offset },
	{ "c13_expiry_is_kept_at_a_positive_offset",
	  c13_expiry_is_kept_at_a_positive_offset },
};

TEST_MAIN(cases)
