// SPDX-License-Identifier: GPL-2.0-only
/*
 * C14: an L2 vCPU that moves between CPUs flushes on the CPU where it is. What its
 * process-scoped translations left on another CPU is for L0 to flush before the
 * vCPU runs there again, or a copy is made for L1 there. So is what a copy left on
 * a CPU where L2 was not.
 *
 * On an emulator that drops all at each change of LPID the test cannot fail; run it
 * with EMULATOR=strict. It lasts longer than such an emulator waits for a flush.
 */
#include <time.h>

#include "lib/l1.h"

#define EA		(L2_DATA + 0x1000000)
#define OLD		L2_DATA
#define NEW		(L2_DATA + 0x10000)
#define BUFFER		(L1_DATA + 0x800000)
#define FEWEST_PAGES	32U
#define MOST_PAGES	512U
#define SECONDS		4

static struct world w;

static u64 page(unsigned int n)
{
	return EA + ((u64)n << SHIFT_64K);
}

static void begin(void)
{
	unsigned int n;

	world_create(&w, L1_LITTLE);
	world_translate(&w);
	l1_map(&w.tree, OLD, L1_DATA, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, NEW, L1_DATA + 0x10000, SHIFT_64K, PTE_ALL);
	for (n = 0; n < MOST_PAGES; n++)
		l1_map(&w.ea, page(n), OLD, SHIFT_64K, PTE_ALL | PTE_PRIV);
	l2_must_store(&w.v, OLD, OLD);
	l2_must_store(&w.v, NEW, NEW);
}

static void tlbiel(u64 ea)
{
	l2_goto(&w.v, l2_tlbiel);
	SET_REG(&w.v, 4, ea | AP_64K << 5);
	SET_REG(&w.v, 5, 0);
	CHECK_EQ(l1_run(&w.v), TRAP_HCALL);
}

/* By the vCPU where it is. */
static void change(u64 ea)
{
	CHECK_EQ(l2_must_load(&w.v, ea), OLD);
	l1_set_pte(&w.ea, ea, PTE_VALID | PTE_LEAF | NEW | PTE_ALL | PTE_PRIV);
	tlbiel(ea);
	CHECK_EQ(l2_must_load(&w.v, ea), NEW);
}

/* Seen on one CPU, changed on another. */
static void leave_a_page_behind(u64 ea)
{
	stay_on_cpu(0);
	CHECK_EQ(l2_must_load(&w.v, ea), OLD);
	stay_on_cpu(1);
	change(ea);
	stay_on_cpu(0);
}

static void move_a_page(u64 ea)
{
	leave_a_page_behind(ea);
	CHECK_EQ(l2_must_load(&w.v, ea), NEW);
}

/* Return: whether it was made; not where the emulator has no quadrants. */
static int copy(u64 ea, u64 to, u64 from)
{
	s64 r = L1_HCALL(&w.v, H_COPY_TOFROM_GUEST, 1, 0, ea, to, from, 8);

	if (r == H_NOT_FOUND)
		l2_has_no_quadrants();
	return r != H_NOT_FOUND;
}

/* Copied for L1 on one CPU, changed on another, seen on the first. */
static void copy_a_page(u64 ea)
{
	u64 *to = l1_memory(&w.l1, BUFFER);

	stay_on_cpu(1);
	CHECK_EQ(l2_must_load(&w.v, ea), OLD);
	stay_on_cpu(0);
	if (copy(ea, BUFFER, 0))
		CHECK_EQ(l1_swap64(&w.l1, *to), OLD);
	stay_on_cpu(1);
	change(ea);
	stay_on_cpu(0);
	CHECK_EQ(l2_must_load(&w.v, ea), NEW);
}

/* Copied for L1 on the first CPU. */
static void copy_from_a_changed_page(u64 ea)
{
	u64 *to = l1_memory(&w.l1, BUFFER);

	leave_a_page_behind(ea);
	if (copy(ea, BUFFER, 0))
		CHECK_EQ(l1_swap64(&w.l1, *to), NEW);
}

/* What is written for L1 must not hit the page that was here before. */
static void copy_to_a_changed_page(u64 ea)
{
	u64 *from = l1_memory(&w.l1, BUFFER);

	leave_a_page_behind(ea);
	*from = l1_swap64(&w.l1, NEW);
	if (copy(ea, 0, BUFFER))
		CHECK_EQ(l2_must_load(&w.v, OLD), OLD);
}

static void for_pages(void (*do_page)(u64 ea))
{
	time_t end = time(NULL) + SECONDS;
	unsigned int n;

	begin();
	for (n = 0; n < FEWEST_PAGES || (n < MOST_PAGES && time(NULL) < end); n++)
		do_page(page(n));
	note("%u pages", n);
	world_end(&w);
}

static void c14_finds_nothing_it_left_behind(void)
{
	for_pages(move_a_page);
}

static void c14_finds_nothing_a_copy_left_behind(void)
{
	for_pages(copy_a_page);
}

static void c14_copies_nothing_it_left_behind(void)
{
	for_pages(copy_from_a_changed_page);
}

static void c14_copies_to_nothing_it_left_behind(void)
{
	for_pages(copy_to_a_changed_page);
}

static const struct test_case cases[] = {
	{ "c14_finds_nothing_it_left_behind", c14_finds_nothing_it_left_behind },
	{ "c14_finds_nothing_a_copy_left_behind",
	  c14_finds_nothing_a_copy_left_behind },
	{ "c14_copies_nothing_it_left_behind", c14_copies_nothing_it_left_behind },
	{ "c14_copies_to_nothing_it_left_behind",
	  c14_copies_to_nothing_it_left_behind },
};

TEST_MAIN(cases)
