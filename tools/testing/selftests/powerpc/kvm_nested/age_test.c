// SPDX-License-Identifier: GPL-2.0-only
/* C3: pages of L2 grow old, are swapped out, and come back as they were. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "lib/param.h"
#include "lib/spinner.h"

#define DISK		"/dev/ram1"
#define GROUPS		"/tmp/kvm_nested_group"
#define GROUP		GROUPS "/test"
#define PAGES		128ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define SWAP_BYTES	(48ULL << 20)

static struct world w;
static struct spinner s;

/* As mkswap does: a version, the last page, and a word at the page's end. */
static void make_swap(void)
{
	static char page[65536];
	size_t bytes = host_page();
	u32 *header = (u32 *)(page + 1024);
	int fd = open(DISK, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail(DISK ": %s", strerror(errno));
	header[0] = 1;
	header[1] = SWAP_BYTES / bytes - 1;
	memcpy(page + bytes - 10, "SWAPSPACE2", 10);
	CHECK_EQ(write(fd, page, bytes), bytes);
	CHECK(!fsync(fd));
	close(fd);
	if (swapon(DISK, 0) && errno != EBUSY)
		fail("swapon: %s", strerror(errno));
}

static void join_group(void)
{
	mkdir(GROUPS, 0755);
	if (access(GROUPS "/cgroup.procs", F_OK) &&
	    mount("cgroup2", GROUPS, "cgroup2", 0, NULL))
		fail("cgroup2: %s", strerror(errno));
	file_write(GROUPS "/cgroup.subtree_control", "+memory");
	mkdir(GROUP, 0755);
	file_write(GROUP "/cgroup.procs", "0");
}

static int reclaim_pages(const char *bytes)
{
	int fd = open(GROUP "/memory.reclaim", O_WRONLY | O_CLOEXEC);
	ssize_t done;

	if (fd < 0)
		fail("memory.reclaim: %s", strerror(errno));
	done = write(fd, bytes, strlen(bytes));
	close(fd);
	return done > 0;
}

static unsigned int pages_in_memory(void)
{
	static unsigned char present[PAGES * 16];
	unsigned int per = PAGE_BYTES / host_page(), n, found = 0;

	CHECK(!mincore(l1_memory(&w.l1, GPA), PAGES * PAGE_BYTES, present));
	for (n = 0; n < PAGES; n++)
		found += present[n * per] & 1;
	return found;
}

static void begin(void)
{
	swapoff(DISK);
	make_swap();
	join_group();
	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
}

static void c3_swapped_out_and_back(void)
{
	unsigned int round, least = PAGES;
	u64 n;

	begin();
	for (round = 0; round < 6; round++) {
		reclaim_pages("4M");
		least = pages_in_memory() < least ? pages_in_memory() : least;
		vm_check_audit(&w.l1.vm);
		for (n = 0; n < PAGES; n += 7)
			CHECK_EQ(l2_must_load(&w.v, L2_DATA + n * PAGE_BYTES),
				 L2_DATA + n * PAGE_BYTES);
	}
	note("at least, %u of %llu pages were in memory", least,
	     (unsigned long long)PAGES);
	CHECK(least < PAGES);
	world_end(&w);
	swapoff(DISK);
}

/* A peer stores to some of them all the time: no store is lost. */
static void i4_swapped_out_under_a_peer(void)
{
	unsigned int round;
	u64 n;

	begin();
	spinner_create(&s, &w, 1);
	spinner_store(&s, L2_DATA, 16, PAGE_BYTES);
	for (round = 0; round < 10; round++)
		reclaim_pages("3M");
	vm_check_audit(&w.l1.vm);
	for (n = 0; n < 16; n++) {
		*(volatile u64 *)l1_memory(&w.l1, GPA + n * PAGE_BYTES) = 0;
		wait_until_set(l1_memory(&w.l1, GPA + n * PAGE_BYTES));
	}
	for (n = 16; n < PAGES; n++)
		CHECK_EQ(l2_must_load(&w.v, L2_DATA + n * PAGE_BYTES),
			 L2_DATA + n * PAGE_BYTES);
	spinner_stop(&s);
	world_end(&w);
	swapoff(DISK);
}

static const struct test_case cases[] = {
	{ "c3_swapped_out_and_back", c3_swapped_out_and_back },
	{ "i4_swapped_out_under_a_peer", i4_swapped_out_under_a_peer },
};

TEST_MAIN(cases)
