// SPDX-License-Identifier: GPL-2.0-only
/* L8: a vCPU that waits for user space holds nothing that another needs. */
#include <string.h>
#include <unistd.h>

#include "lib/held.h"
#include "lib/spinner.h"

#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#define HELD_GPA	(L1_DATA + 0x400000)
#define HELD		(L2_DATA + 0x200000)

/* 2 s: far above what any of these hypercalls takes when nothing blocks. */
#define SOON		(2000 * TICKS_PER_MS)

/* A hypercall of the peer that succeeds, and waits for nobody. */
#define CHECK_SOON(call)						\
	do {								\
		CHECK_EQ(call, H_SUCCESS);				\
		CHECK(w.v.ticks < SOON);				\
	} while (0)

static struct world w;
static struct spinner s;

static void give_page(int fd, u64 address, u64 value)
{
	static u64 page[65536 / 8];

	page[0] = value;
	held_give(fd, address, page);
}

static int begin(void)
{
	int fd;

	world_create(&w, L1_LITTLE);
	spinner_create(&s, &w, 1);
	l1_map_range(&w.tree, L2_DATA, GPA, 8 * PAGE_BYTES, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, HELD, HELD_GPA, SHIFT_64K, PTE_ALL);
	fd = held_watch(l1_memory(&w.l1, HELD_GPA), 16 * PAGE_BYTES);
	spinner_load_until(&s, HELD, 0x6161);
	return fd;
}

static void end(int fd, u64 address)
{
	give_page(fd, address, 0x6161);
	spinner_wait_for(&s, 10);
	world_end(&w);
}

static void peer_stores(void)
{
	u64 n;

	for (n = 0; n < 8; n++)
		l2_must_store(&w.v, L2_DATA + n * PAGE_BYTES, n);
}

static void l8_peer_faults(void)
{
	int fd = begin();
	u64 address = held_fault(fd);

	peer_stores();
	CHECK(!s.v.ended);
	end(fd, address);
}

static void l8_peer_invalidates(void)
{
	int fd = begin();
	u64 address = held_fault(fd);

	l2_must_store(&w.v, L2_DATA, 1);
	CHECK_SOON(l1_inval_page(&w.v, 1, L2_DATA, AP_64K));
	CHECK_SOON(l1_inval_page(&w.v, 1, HELD, AP_64K));
	CHECK_SOON(l1_inval_lpid(&w.v, 1));
	CHECK_SOON(l1_inval_entry(&w.v, 1));
	CHECK_SOON(l1_inval_all(&w.v));
	l2_must_store(&w.v, L2_DATA, 2);
	end(fd, address);
}

/* The page that was waited for has moved meanwhile: the new one is used. */
static void moved_meanwhile(void)
{
	int fd = begin();
	u64 address = held_fault(fd);

	*(u64 *)l1_memory(&w.l1, GPA + PAGE_BYTES) = 0x6161;
	l1_map(&w.tree, HELD, GPA + PAGE_BYTES, SHIFT_64K, PTE_ALL);
	CHECK_EQ(l1_inval_page(&w.v, 1, HELD, AP_64K), H_SUCCESS);
	give_page(fd, address, 0x1111);
	spinner_wait_for(&s, 10);
	world_end(&w);
}

/* The guest goes away while one of its vCPUs waits. */
static void l8_killed_meanwhile(void)
{
	int fd = begin();
	u64 address = held_fault(fd);

	l1_set_entry(&w.l1, 1, 0, 0);
	CHECK_SOON(l1_inval_entry(&w.v, 1));
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	give_page(fd, address, 0x6161);
	l1_join(&s.v);
	CHECK_EQ(s.v.result, H_PARAMETER);
	world_end(&w);
}

/* Nobody gives pages any more: the vCPU goes on, and can be stopped. */
static void wait_ends_with_the_watch(void)
{
	int fd = begin();

	held_fault(fd);
	CHECK_EQ(close(fd), 0);
	l1_stop(&s.v);
	world_end(&w);
}

/* --- L1's own tables ------------------------------------------------------ */

#define TABLES		(L1_LOW_BYTES - 0x10000)

static char saved[0x10000];

/* From now on, who reads what L1 has at @gpa waits. */
static int take_away(u64 gpa)
{
	return held_take(l1_memory(&w.l1, gpa), saved, sizeof(saved));
}

static void give_back(int fd, u64 gpa)
{
	held_give_back(fd, l1_memory(&w.l1, gpa), saved, sizeof(saved));
}

/* L1's leaf table for HELD is not there; the page it leads to is. */
static int begin_table(void)
{
	int fd;

	world_create(&w, L1_LITTLE);
	spinner_create(&s, &w, 1);
	l1_map_range(&w.tree, L2_DATA, GPA, 8 * PAGE_BYTES, SHIFT_64K, PTE_ALL);
	w.l1.pool = TABLES;
	l1_map(&w.tree, HELD, HELD_GPA, SHIFT_64K, PTE_ALL);
	*(u64 *)l1_memory(&w.l1, HELD_GPA) = 0x6161;
	l2_must_store(&w.v, L2_DATA, 1);
	fd = take_away(TABLES);
	spinner_load_until(&s, HELD, 0x6161);
	held_fault(fd);
	return fd;
}

static void end_table(int fd, u64 gpa)
{
	CHECK(!s.v.ended);
	give_back(fd, gpa);
	spinner_wait_for(&s, 10);
	CHECK_EQ(close(fd), 0);
	world_end(&w);
}

static void l8_table_held_peer_faults(void)
{
	int fd = begin_table();

	peer_stores();
	end_table(fd, TABLES);
}

static void l8_table_held_peer_invalidates(void)
{
	int fd = begin_table();

	CHECK_SOON(l1_inval_page(&w.v, 1, L2_DATA, AP_64K));
	CHECK_SOON(l1_inval_page(&w.v, 1, HELD, AP_64K));
	CHECK_SOON(l1_rpt(&w.v, 1, RPTI_TYPE_TLB | RPTI_TYPE_PWC, RPTI_PAGE_64K,
			  L2_DATA, HELD + PAGE_BYTES));
	CHECK_SOON(l1_inval_lpid(&w.v, 1));
	CHECK_SOON(l1_inval_entry(&w.v, 1));
	CHECK_SOON(l1_inval_all(&w.v));
	peer_stores();
	end_table(fd, TABLES);
}

/* Two wait for one table, and a third does not. */
static void l8_table_held_twice(void)
{
	static struct spinner other;
	int fd = begin_table();

	spinner_create(&other, &w, 2);
	spinner_load_until(&other, HELD, 0x6161);
	held_fault(fd);
	peer_stores();
	CHECK_SOON(l1_inval_page(&w.v, 1, L2_DATA, AP_64K));
	peer_stores();
	CHECK(!s.v.ended && !other.v.ended);
	give_back(fd, TABLES);
	spinner_wait_for(&s, 10);
	spinner_wait_for(&other, 10);
	CHECK_EQ(close(fd), 0);
	world_end(&w);
}

/* The guest is dropped, and a new one of that name runs, meanwhile. */
static void l8_table_held_guest_killed(void)
{
	int fd = begin_table();

	l1_set_entry(&w.l1, 1, 0, 0);
	CHECK_SOON(l1_inval_entry(&w.v, 1));
	l1_install(&w.l1, 1, &w.tree);
	peer_stores();
	CHECK_SOON(l1_set_table(&w.v, L1_PTCR));
	peer_stores();
	end_table(fd, TABLES);
}

/* The spinner's guest is made anew, for which its entry has to be read. */
static int begin_entry(void)
{
	int fd;

	world_create(&w, L1_LITTLE);
	spinner_create(&s, &w, 1);
	l1_map_range(&w.tree, L2_DATA, GPA, 8 * PAGE_BYTES, SHIFT_64K, PTE_ALL);
	l1_install(&w.l1, 2, &w.tree);
	l2_must_store(&w.v, L2_DATA, 0x6161);
	SET_STATE32(&s.v, lpid, 2);
	fd = take_away(L1_TABLE);
	spinner_load_until(&s, L2_DATA, 0x6161);
	held_fault(fd);
	return fd;
}

static void partition_table_held_others_go_on(void)
{
	static struct l1_vcpu third;

	l1_add_vcpu(&w.l1, &third, 2);
	l2_prepare(&third, 1);
	l2_must_store(&third, L2_DATA + PAGE_BYTES, 1);
	CHECK_SOON(l1_inval_page(&w.v, 1, L2_DATA + PAGE_BYTES, AP_64K));
	CHECK_SOON(l1_inval_lpid(&w.v, 1));
	CHECK_SOON(l1_inval_lpid(&w.v, 2));
	CHECK_SOON(l1_inval_all(&w.v));
	l2_must_store(&w.v, L2_DATA + PAGE_BYTES, 2);
	l2_must_store(&third, L2_DATA + 2 * PAGE_BYTES, 3);
}

/* Whose entry is known goes on; and all guests can be dropped. */
static void l8_partition_table_held(void)
{
	int fd = begin_entry();

	partition_table_held_others_go_on();
	CHECK_SOON(l1_set_table(&w.v, L1_PTCR));
	end_table(fd, L1_TABLE);
}

static const struct test_case cases[] = {
	{ "l8_peer_faults", l8_peer_faults },
	{ "l8_peer_invalidates", l8_peer_invalidates },
	{ "moved_meanwhile", moved_meanwhile },
	{ "l8_killed_meanwhile", l8_killed_meanwhile },
	{ "wait_ends_with_the_watch", wait_ends_with_the_watch },
	{ "l8_table_held_peer_faults", l8_table_held_peer_faults },
	{ "l8_table_held_peer_invalidates", l8_table_held_peer_invalidates },
	{ "l8_table_held_twice", l8_table_held_twice },
	{ "l8_table_held_guest_killed", l8_table_held_guest_killed },
	{ "l8_partition_table_held", l8_partition_table_held },
};

TEST_MAIN(cases)
