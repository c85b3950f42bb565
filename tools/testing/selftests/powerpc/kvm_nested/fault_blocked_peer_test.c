// SPDX-License-Identifier: GPL-2.0-only
/* L8: a vCPU that waits for user space holds nothing that another needs. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/spinner.h"

#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#define HELD_GPA	(L1_DATA + 0x400000)
#define HELD		(L2_DATA + 0x200000)

/* 2 s: far above what any of these hypercalls takes when nothing blocks. */
#define SOON		(2000 * TICKS_PER_MS)

static struct world w;
static struct spinner s;

static int watch(void *memory, size_t bytes)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = {
		.range = { .start = (uintptr_t)memory, .len = bytes },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		fail("userfaultfd: %s", strerror(errno));
	control(fd, UFFDIO_API, &api, "UFFDIO_API");
	control(fd, UFFDIO_REGISTER, &area, "UFFDIO_REGISTER");
	return fd;
}

/* Wait for the fault; return its address. */
static u64 fault_of(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct uffd_msg message;

	if (poll(&wait, 1, 10000) != 1)
		fail("no fault reached user space");
	CHECK_EQ(read(fd, &message, sizeof(message)), sizeof(message));
	CHECK_EQ(message.event, UFFD_EVENT_PAGEFAULT);
	return message.arg.pagefault.address;
}

static void give_page(int fd, u64 address, u64 value)
{
	static u64 page[65536 / 8];
	struct uffdio_copy copy = {
		.dst = address & ~(u64)(host_page() - 1),
		.src = (uintptr_t)page,
		.len = host_page(),
	};

	page[0] = value;
	control(fd, UFFDIO_COPY, &copy, "UFFDIO_COPY");
}

static int begin(void)
{
	int fd;

	world_create(&w, L1_LITTLE);
	spinner_create(&s, &w, 1);
	l1_map_range(&w.tree, L2_DATA, GPA, 8 * PAGE_BYTES, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, HELD, HELD_GPA, SHIFT_64K, PTE_ALL);
	fd = watch(l1_memory(&w.l1, HELD_GPA), 16 * PAGE_BYTES);
	spinner_load_until(&s, HELD, 0x6161);
	return fd;
}

static void end(int fd, u64 address)
{
	give_page(fd, address, 0x6161);
	spinner_wait_for(&s, 10);
	world_end(&w);
}

static void l8_peer_faults(void)
{
	int fd = begin();
	u64 address = fault_of(fd), n;

	for (n = 0; n < 8; n++)
		l2_must_store(&w.v, L2_DATA + n * PAGE_BYTES, n);
	CHECK(!s.v.ended);
	end(fd, address);
}

static void l8_peer_invalidates(void)
{
	int fd = begin();
	u64 address = fault_of(fd);

	l2_must_store(&w.v, L2_DATA, 1);
	CHECK_EQ(l1_inval_page(&w.v, 1, L2_DATA, AP_64K), H_SUCCESS);
	CHECK(w.v.ticks < SOON);
	CHECK_EQ(l1_inval_page(&w.v, 1, HELD, AP_64K), H_SUCCESS);
	CHECK(w.v.ticks < SOON);
	CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
	CHECK(w.v.ticks < SOON);
	CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
	CHECK(w.v.ticks < SOON);
	CHECK_EQ(l1_inval_all(&w.v), H_SUCCESS);
	CHECK(w.v.ticks < SOON);
	l2_must_store(&w.v, L2_DATA, 2);
	end(fd, address);
}

/* The page that was waited for has moved meanwhile: the new one is used. */
static void moved_meanwhile(void)
{
	int fd = begin();
	u64 address = fault_of(fd);

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
	u64 address = fault_of(fd);

	l1_set_entry(&w.l1, 1, 0, 0);
	CHECK_EQ(l1_inval_entry(&w.v, 1), H_SUCCESS);
	CHECK(w.v.ticks < SOON);
	CHECK_EQ(l1_enter(&w.v), H_PARAMETER);
	give_page(fd, address, 0x6161);
	l1_join(&s.v);
	CHECK_EQ(s.v.result, H_PARAMETER);
	world_end(&w);
}

/* A signal ends the wait: the vCPU can be stopped. */
static void signal_ends_the_wait(void)
{
	int fd = begin();

	fault_of(fd);
	CHECK_EQ(close(fd), 0);
	l1_stop(&s.v);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l8_peer_faults", l8_peer_faults },
	{ "l8_peer_invalidates", l8_peer_invalidates },
	{ "moved_meanwhile", moved_meanwhile },
	{ "l8_killed_meanwhile", l8_killed_meanwhile },
	{ "signal_ends_the_wait", signal_ends_the_wait },
};

TEST_MAIN(cases)
