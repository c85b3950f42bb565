// SPDX-License-Identifier: GPL-2.0-only
/*
 * L15: what a VM needs for each frame that its VMM says it has is charged, and
 * refused by an error: nobody is killed for it.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/group.h"
#include "lib/l1.h"
#include "lib/param.h"

#define LIMIT		"67108864"
#define HUGE		(2ULL << 40)
#define LARGE		(128ULL << 30)
#define SLOT_GPA	(4ULL << 40)
#define MS_TO_COUNT	8000

static struct vm vm;

/* Room that nothing is behind. */
static void *room(u64 bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	return memory;
}

static void begin(int late)
{
	group_join();
	file_write(GROUP "/memory.max", LIMIT);
	vm_nest_late = late;
	vm_create(&vm);
}

static void end(void)
{
	vm_destroy(&vm);
	vm_nest_late = 0;
	file_write(GROUP "/memory.max", "max");
}

static void must_be_refused(u32 slot, u64 gpa, void *memory, u64 bytes)
{
	CHECK(vm_try_slot(&vm, slot, gpa, memory, bytes, 0) < 0);
	CHECK_EQ(errno, ENOMEM);
}

/* A word for each frame: a multiple of what the group may have. */
static u64 too_much(void)
{
	return HUGE / 65536 * host_page();
}

static void l15_slot_after_nesting_is_refused(void)
{
	u64 bytes = too_much();
	u32 n;

	begin(0);
	for (n = 0; n < 4; n++)
		must_be_refused(n, SLOT_GPA * n, room(bytes), bytes);
	/* It was not killed, and goes on. */
	vm_set_slot(&vm, 9, 0, vm_map(BIT(SHIFT_2M)), BIT(SHIFT_2M), 0);
	end();
}

static void l15_nesting_after_slot_is_refused(void)
{
	u64 bytes = too_much();
	void *memory = room(bytes);

	begin(1);
	vm_set_slot(&vm, 0, 0, memory, bytes, 0);
	CHECK(vm_enable(&vm, KVM_CAP_PPC_NESTED_HV, 1, 0) < 0);
	CHECK_EQ(errno, ENOMEM);
	/* Without that slot it may nest. */
	vm_set_slot(&vm, 0, 0, NULL, 0, 0);
	vm_nest(&vm);
	vm_set_slot(&vm, 1, 0, vm_map(BIT(SHIFT_2M)), BIT(SHIFT_2M), 0);
	end();
}

static void l15_hpt_after_slot_is_refused(void)
{
	u64 bytes = too_much();

	begin(1);
	vm_set_slot(&vm, 0, 0, room(bytes), bytes, 0);
	CHECK(vm_to_hpt(&vm) < 0);
	CHECK_EQ(errno, ENOMEM);
	end();
}

static void wait_for_charge(s64 least)
{
	unsigned int ms;

	for (ms = 0; group_stat("vmalloc") < least && ms < MS_TO_COUNT;
	     ms += 100)
		sleep_ms(100);
	CHECK(group_stat("vmalloc") >= least);
}

/* A large part of what the group may have, seen in its statistics. */
static void charged(int late)
{
	u64 bytes = LARGE / 65536 * host_page();
	s64 heads = bytes / host_page() * 8;
	void *memory;

	begin(late);
	memory = room(bytes);
	vm_set_slot(&vm, 0, 0, memory, bytes, 0);
	if (late)
		vm_nest(&vm);
	wait_for_charge(heads);
	vm_set_slot(&vm, 0, 0, NULL, 0, 0);
	end();
}

static void l15_slot_after_nesting_is_charged(void)
{
	charged(0);
}

static void l15_nesting_after_slot_is_charged(void)
{
	charged(1);
}

static const struct test_case cases[] = {
	{ "l15_slot_after_nesting_is_refused",
	  l15_slot_after_nesting_is_refused, 90 },
	{ "l15_nesting_after_slot_is_refused",
	  l15_nesting_after_slot_is_refused, 90 },
	{ "l15_hpt_after_slot_is_refused", l15_hpt_after_slot_is_refused, 90 },
	{ "l15_slot_after_nesting_is_charged",
	  l15_slot_after_nesting_is_charged },
	{ "l15_nesting_after_slot_is_charged",
	  l15_nesting_after_slot_is_charged },
};

TEST_MAIN(cases)
