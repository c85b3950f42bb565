// SPDX-License-Identifier: GPL-2.0-only
/* C4: what L2 does where L1 has no memory, the VMM of L0 completes. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/l1.h"

#define NOWHERE		0x7000000000ULL
#define VALUE		0x0102030405060708ULL

static struct world w;

static void begin(enum l1_order order)
{
	world_create(&w, order);
	world_translate(&w);
	l1_map(&w.tree, L2_DATA, NOWHERE, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, L2_DATA + 0x10000, L1_DATA, SHIFT_64K, PTE_ALL);
}

/*
 * L0 has to read L2's instruction. An emulator may not translate for that; then
 * L2 gets a data storage interrupt, for which it has no code.
 */
static int completed(s64 r)
{
	if (r == 0)
		return 1;
	CHECK_EQ(r, TRAP_HISI);
	CHECK_EQ(REGS(&w.v, nip), 0x300);
	CHECK_EQ(w.v.mmio.count, 0);
	l2_has_no_quadrants();
	return 0;
}

static s64 enter_at(const char *snippet, u64 ngpa, u64 value)
{
	w.v.slice = 1000 * TICKS_PER_MS;
	l2_goto(&w.v, snippet);
	SET_REG(&w.v, 4, ngpa);
	SET_REG(&w.v, 5, value);
	return l1_enter(&w.v);
}

static void check_load(void)
{
	CHECK_EQ(w.v.mmio.count, 1);
	CHECK_EQ(w.v.mmio.gpa, NOWHERE + 0x128);
	CHECK_EQ(w.v.mmio.bytes, 8);
	CHECK(!w.v.mmio.is_write);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
	CHECK_EQ(REG(&w.v, 5), VALUE);
}

static void check_store(void)
{
	CHECK_EQ(w.v.mmio.count, 1);
	CHECK_EQ(w.v.mmio.gpa, NOWHERE + 0x130);
	CHECK_EQ(l1_swap64(&w.l1, w.v.mmio.value), VALUE + 1);
	CHECK(w.v.mmio.is_write);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
}

static void load_and_store(enum l1_order order)
{
	begin(order);
	w.v.mmio.answer = l1_swap64(&w.l1, VALUE);
	if (completed(enter_at(l2_load, L2_DATA + 0x128, 0)))
		check_load();
	w.v.mmio.count = 0;
	if (completed(enter_at(l2_store, L2_DATA + 0x130, VALUE + 1)))
		check_store();
	l2_must_store(&w.v, L2_DATA + 0x10000, 5);
	CHECK_EQ(l2_must_load(&w.v, L2_DATA + 0x10000), 5);
	world_end(&w);
}

/* In real mode L0 reads L2's instruction through L1's tree, on any CPU. */
static void in_real_mode(enum l1_order order)
{
	begin(order);
	w.v.l2_msr = 0;
	w.v.mmio.answer = l1_swap64(&w.l1, VALUE);
	CHECK_EQ(enter_at(l2_load, L2_DATA + 0x128, 0), 0);
	check_load();
	w.v.mmio.count = 0;
	CHECK_EQ(enter_at(l2_store, L2_DATA + 0x130, VALUE + 1), 0);
	check_store();
	world_end(&w);
}

/* A store to an ioeventfd is completed without a look at the instruction. */
static void store_to_an_eventfd(void)
{
	struct kvm_ioeventfd event = { .addr = NOWHERE + 0x200 };
	u64 count = 0;

	begin(L1_LITTLE);
	event.fd = eventfd(0, EFD_NONBLOCK);
	control(w.l1.vm.fd, KVM_IOEVENTFD, &event, "KVM_IOEVENTFD");
	l2_must_store(&w.v, L2_DATA + 0x200, 1);
	l2_must_store(&w.v, L2_DATA + 0x200, 2);
	CHECK_EQ(read(event.fd, &count, sizeof(count)), sizeof(count));
	CHECK_EQ(count, 2);
	CHECK_EQ(w.v.mmio.count, 0);
	world_end(&w);
}

static void little_endian(void)
{
	load_and_store(L1_LITTLE);
}

static void c4_big_endian(void)
{
	load_and_store(L1_BIG);
}

/* Rights are L1's to check first: no MMIO through a read-only page. */
static void store_needs_the_right(void)
{
	begin(L1_LITTLE);
	l1_map(&w.tree, L2_DATA, NOWHERE, SHIFT_64K, PTE_REF | PTE_READ);
	CHECK_EQ(l2_do_store(&w.v, L2_DATA, 1), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, hdsisr) & DSISR_PROTFAULT, DSISR_PROTFAULT);
	CHECK_EQ(w.v.mmio.count, 0);
	world_end(&w);
}

static void little_endian_in_real_mode(void)
{
	in_real_mode(L1_LITTLE);
}

static void c4_big_endian_in_real_mode(void)
{
	in_real_mode(L1_BIG);
}

/* --- vectors of an L2 whose byte order is not L1's --- */

#define FOREIGN		(L2_DATA + 0x10000)

static u64 l2_order(u64 value)
{
	return w.l1.order == L1_BIG ? value : __builtin_bswap64(value);
}

static void begin_foreign(enum l1_order order)
{
	const u32 *from = (const u32 *)snippets_begin;
	u32 *to;

	begin(order);
	to = l1_memory(&w.l1, L1_DATA);
	for (; from < (const u32 *)snippets_end; from++)
		*to++ = order == L1_BIG ? *from : __builtin_bswap32(*from);
	__builtin___clear_cache(l1_memory(&w.l1, L1_DATA), (char *)to);
	SET_STATE(&w.v, hfscr, 3);
	w.v.mmio.answer = VALUE;
	w.v.mmio.step = 1;
}

static void enter_foreign(const char *snippet, u64 r5, u64 r6)
{
	SET_REGS(&w.v, nip, FOREIGN + (snippet - snippets_begin));
	SET_REGS(&w.v, msr, (l1_msr(&w.l1) ^ MSR_LE) | MSR_FP | MSR_VEC |
		 MSR_VSX);
	SET_REG(&w.v, 4, L2_DATA + 0x140);
	SET_REG(&w.v, 5, r5);
	SET_REG(&w.v, 6, r6);
	CHECK_EQ(l1_enter(&w.v), 0);
	CHECK_EQ(w.v.mmio.count, 2);
	CHECK_EQ(w.v.mmio.gpa, NOWHERE + 0x148);
	CHECK_EQ(w.v.mmio.bytes, 8);
	w.v.mmio.count = 0;
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
}

static void vectors(enum l1_order order)
{
	begin_foreign(order);
	enter_foreign(l2_load_vector, 0, 0);
	CHECK_EQ(REG(&w.v, 5), l2_order(VALUE));
	CHECK_EQ(REG(&w.v, 6), l2_order(VALUE + 1));

	w.v.mmio.answer = VALUE;
	enter_foreign(l2_load_quadword, 0, 0);
	CHECK_EQ(REG(&w.v, order == L1_BIG ? 6 : 5), l2_order(VALUE));
	CHECK_EQ(REG(&w.v, order == L1_BIG ? 5 : 6), l2_order(VALUE + 1));

	enter_foreign(l2_store_vector, VALUE + 2, VALUE + 3);
	CHECK_EQ(l2_order(w.v.mmio.value), VALUE + 3);
	world_end(&w);
}

static void c9_vectors_of_little_endian_below_big(void)
{
	vectors(L1_BIG);
}

static void c9_vectors_of_big_endian_below_little(void)
{
	vectors(L1_LITTLE);
}

static const struct test_case cases[] = {
	{ "little_endian", little_endian },
	{ "c4_big_endian", c4_big_endian },
	{ "store_to_an_eventfd", store_to_an_eventfd },
	{ "store_needs_the_right", store_needs_the_right },
	{ "little_endian_in_real_mode", little_endian_in_real_mode },
	{ "c4_big_endian_in_real_mode", c4_big_endian_in_real_mode },
	{ "c9_vectors_of_little_endian_below_big",
	  c9_vectors_of_little_endian_below_big },
	{ "c9_vectors_of_big_endian_below_little",
	  c9_vectors_of_big_endian_below_little },
};

TEST_MAIN(cases)
