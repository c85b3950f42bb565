// SPDX-License-Identifier: GPL-2.0-only
/*
 * I11: one host page behind two memory slots is two pages of L1. A shadow leaf
 * that was made through one slot hangs there; what the other slot gives, it may
 * not gain, for it would not go with it.
 *
 * L1's entry leads to the first slot, and L2 loads. L1 makes it lead to the
 * second one, tells nobody, and L2 stores. Then the VMM takes the second one
 * away, and what L2 stores from now on may not reach the page. A mapping of the
 * test shows what does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/l1.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x0010
#endif

#define PAGE_BYTES	BIT(SHIFT_64K)
#define AT		(L2_DATA + 0x1238)
#define OFFSET		0x1238

/* What L2 stores by way of the second slot, and when that is gone. */
#define ALLOWED		0x1111
#define ESCAPED		0x2222

static struct world w;
static int file;
static volatile u64 *page;

/* A slot of one page of the file. */
struct side {
	u32 slot;
	u64 gpa;
	int rights;
	char *memory;
};

static struct side read_only = { 6, 0x80000000, PROT_READ };
static struct side writable = { 7, 0x90000000, PROT_READ | PROT_WRITE };
static struct side writable_too = { 8, 0xa0000000, PROT_READ | PROT_WRITE };

/* What is mapped to be read can never be made writable. */
static void *map_file(int rights)
{
	char name[32];
	void *memory;
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	fd = open(name, (rights & PROT_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	memory = mmap(NULL, PAGE_BYTES, rights, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		fail("mmap of the file: %s", strerror(errno));
	close(fd);
	return memory;
}

static void set_slot(struct side *side, u32 flags)
{
	vm_set_slot(&w.l1.vm, side->slot, side->gpa, side->memory, PAGE_BYTES,
		    flags);
}

static void delete_slot(struct side *side)
{
	vm_set_slot(&w.l1.vm, side->slot, side->gpa, side->memory, 0, 0);
}

static void make_side(struct side *side, u32 flags)
{
	side->memory = map_file(side->rights);
	set_slot(side, flags);
}

static void create(u32 flags)
{
	world_create(&w, L1_LITTLE);
	file = memfd_create("page", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	CHECK(file >= 0 && !ftruncate(file, PAGE_BYTES));
	page = map_file(PROT_READ | PROT_WRITE);
	memset((void *)page, 0, PAGE_BYTES);
	page += OFFSET / sizeof(*page);
	make_side(&read_only, 0);
	make_side(&writable, flags);
	make_side(&writable_too, 0);
}

/* L1 changes its entry, and tells nobody. */
static void lead_to(const struct side *side, unsigned int shift)
{
	u64 small = BIT(SHIFT_64K) - BIT(shift);

	l1_map(&w.tree, AT & ~(BIT(shift) - 1), side->gpa + (OFFSET & small),
	       shift, PTE_ALL);
	__sync_synchronize();
}

static void load_then_store(struct side *first, struct side *second,
			    unsigned int shift)
{
	lead_to(first, shift);
	CHECK_EQ(l2_must_load(&w.v, AT), 0);
	lead_to(second, shift);
	l2_must_store(&w.v, AT, ALLOWED);
	CHECK_EQ(*page, ALLOWED);
}

/* Without the slot it is MMIO. */
static void store_after_the_slot(struct l1_vcpu *v)
{
	v->mmio.count = 0;
	l2_must_store(v, AT, ESCAPED);
	CHECK_EQ(*page, ALLOWED);
	CHECK_EQ(v->mmio.count, 1);
	vm_check_audit(&w.l1.vm);
}

static void deleted_after(struct side *first, struct side *second,
			  unsigned int shift)
{
	create(0);
	load_then_store(first, second, shift);
	delete_slot(second);
	store_after_the_slot(&w.v);
	world_end(&w);
}

static void i11_slot_deleted(void)
{
	deleted_after(&read_only, &writable, SHIFT_64K);
}

static void i11_slot_deleted_small_leaf(void)
{
	deleted_after(&read_only, &writable, SHIFT_4K);
}

/* Both slots may be written; the order decides. */
static void i11_other_order(void)
{
	deleted_after(&writable, &writable_too, SHIFT_64K);
}

/* The audit alone: before L2 stores again, and nothing else has happened. */
static void i11_audit_after_the_slot(void)
{
	create(0);
	load_then_store(&read_only, &writable, SHIFT_64K);
	vm_check_audit(&w.l1.vm);
	delete_slot(&writable);
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static void i11_slot_moved(void)
{
	create(0);
	load_then_store(&read_only, &writable, SHIFT_64K);
	vm_set_slot(&w.l1.vm, writable.slot, 0xb0000000, writable.memory,
		    PAGE_BYTES, 0);
	store_after_the_slot(&w.v);
	world_end(&w);
}

/* Other memory where the second slot looks: L2 stores there. */
static void take_mapping(struct side *side)
{
	CHECK(mmap(side->memory, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_FIXED |
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == side->memory);
}

static void check_new_mapping(struct side *side)
{
	l2_must_store(&w.v, AT, ESCAPED);
	CHECK_EQ(*page, ALLOWED);
	CHECK_EQ(*(volatile u64 *)(side->memory + OFFSET), ESCAPED);
	vm_check_audit(&w.l1.vm);
}

static void i11_mapping_replaced(void)
{
	create(0);
	load_then_store(&read_only, &writable, SHIFT_64K);
	take_mapping(&writable);
	check_new_mapping(&writable);
	world_end(&w);
}

static void i11_mapping_replaced_small_leaf(void)
{
	create(0);
	load_then_store(&read_only, &writable, SHIFT_4K);
	take_mapping(&writable);
	check_new_mapping(&writable);
	world_end(&w);
}

/* No mapping may be written any more, and the file says that none will be. */
static void i11_file_sealed_against_writing(void)
{
	volatile u64 *look;

	create(0);
	load_then_store(&read_only, &writable, SHIFT_64K);
	delete_slot(&writable_too);
	CHECK(!munmap(writable_too.memory, PAGE_BYTES));
	take_mapping(&writable);
	look = map_file(PROT_READ);
	look += OFFSET / sizeof(*look);
	CHECK(!munmap((void *)(page - OFFSET / sizeof(*page)), PAGE_BYTES));
	if (fcntl(file, F_ADD_SEALS, F_SEAL_WRITE))
		fail("F_SEAL_WRITE: %s", strerror(errno));
	page = look;
	check_new_mapping(&writable);
	world_end(&w);
}

/* The last mapping that may be written goes; there will be no other. */
static void i11_file_sealed_for_the_future(void)
{
	create(0);
	if (fcntl(file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE))
		fail("F_SEAL_FUTURE_WRITE: %s", strerror(errno));
	load_then_store(&read_only, &writable, SHIFT_64K);
	take_mapping(&writable);
	check_new_mapping(&writable);
	world_end(&w);
}

/* --- the dirty log of the second slot -------------------------------------- */

static int fetch_log(const struct side *side)
{
	u64 bitmap[4] = {};

	vm_dirty_log(&w.l1.vm, side->slot, bitmap);
	return !!bitmap[0];
}

static void i11_dirty_log_sees_each_store(void)
{
	unsigned int round;

	create(KVM_MEM_LOG_DIRTY_PAGES);
	load_then_store(&read_only, &writable, SHIFT_64K);
	CHECK(fetch_log(&writable));
	CHECK(!fetch_log(&writable));
	for (round = 0; round < 3; round++) {
		l2_must_store(&w.v, AT, ALLOWED + round);
		CHECK(fetch_log(&writable));
		CHECK(!fetch_log(&writable));
		vm_check_audit(&w.l1.vm);
	}
	world_end(&w);
}

/* --- two guests ----------------------------------------------------------- */

static void i11_two_guests(void)
{
	struct l1_vcpu second;

	create(0);
	l1_install(&w.l1, 2, &w.tree);
	l1_add_vcpu(&w.l1, &second, 1);
	l2_prepare(&second, 2);
	lead_to(&read_only, SHIFT_64K);
	CHECK_EQ(l2_must_load(&w.v, AT), 0);
	CHECK_EQ(l2_must_load(&second, AT), 0);
	lead_to(&writable, SHIFT_64K);
	l2_must_store(&second, AT, 1);
	l2_must_store(&w.v, AT, ALLOWED);
	CHECK_EQ(*page, ALLOWED);
	delete_slot(&writable);
	store_after_the_slot(&w.v);
	store_after_the_slot(&second);
	world_end(&w);
}

/* One guest by way of each slot: only one of them loses its leaf. */
static void i11_only_the_leaf_of_the_slot_goes(void)
{
	struct l1_vcpu second;
	struct l1_tree other;
	unsigned int shift;
	u64 pte;

	create(0);
	l1_new_tree(&w.l1, &other);
	l1_map(&other, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	l1_map(&other, L2_DATA, writable_too.gpa, SHIFT_64K, PTE_ALL);
	l1_install(&w.l1, 2, &other);
	l1_add_vcpu(&w.l1, &second, 1);
	l2_prepare(&second, 2);
	load_then_store(&read_only, &writable, SHIFT_64K);
	l2_must_store(&second, AT, ALLOWED);
	delete_slot(&writable);
	CHECK(l1_shadow_leaf(&w.l1, 2, AT, &pte, &shift));
	store_after_the_slot(&w.v);
	l2_must_store(&second, AT, 77);
	CHECK_EQ(*page, 77);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "i11_slot_deleted", i11_slot_deleted },
	{ "i11_slot_deleted_small_leaf", i11_slot_deleted_small_leaf },
	{ "i11_other_order", i11_other_order },
	{ "i11_audit_after_the_slot", i11_audit_after_the_slot },
	{ "i11_slot_moved", i11_slot_moved },
	{ "i11_mapping_replaced", i11_mapping_replaced },
	{ "i11_mapping_replaced_small_leaf", i11_mapping_replaced_small_leaf },
	{ "i11_file_sealed_against_writing", i11_file_sealed_against_writing },
	{ "i11_file_sealed_for_the_future", i11_file_sealed_for_the_future },
	{ "i11_dirty_log_sees_each_store", i11_dirty_log_sees_each_store },
	{ "i11_two_guests", i11_two_guests },
	{ "i11_only_the_leaf_of_the_slot_goes",
	  i11_only_the_leaf_of_the_slot_goes },
};

TEST_MAIN(cases)
