// SPDX-License-Identifier: GPL-2.0-only
/* Memory that waits for user space; see held.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "held.h"
#include "vmm.h"

#define FAULT_MS	10000

/**
 * held_watch() - from now on, who touches a page that is absent waits
 * @memory: mapping, aligned to pages of the host
 * @bytes: size of it
 *
 * Return: descriptor for the functions below.
 */
int held_watch(void *memory, size_t bytes)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = {
		.range = { .start = (uintptr_t)memory, .len = bytes },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		fail("userfaultfd: %s", strerror(errno));
	control(fd, UFFDIO_API, &api, "UFFDIO_API");
	control(fd, UFFDIO_REGISTER, &area, "UFFDIO_REGISTER");
	return fd;
}

/* Wait until somebody waits; return the address. */
u64 held_fault(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct uffd_msg message;
	ssize_t got;

	do {
		if (poll(&wait, 1, FAULT_MS) != 1)
			fail("no fault reached user space");
		/* Who waited may have left by a signal. */
		got = read(fd, &message, sizeof(message));
	} while (got < 0 && errno == EAGAIN);
	CHECK_EQ(got, sizeof(message));
	CHECK_EQ(message.event, UFFD_EVENT_PAGEFAULT);
	return message.arg.pagefault.address;
}

/**
 * held_give() - give one page of the host, and let go who waits for it
 * @fd: of held_watch()
 * @address: in the page
 * @page: content, a page of the host
 */
void held_give(int fd, u64 address, const void *page)
{
	struct uffdio_copy copy = {
		.dst = address & ~(u64)(host_page() - 1),
		.src = (uintptr_t)page,
		.len = host_page(),
	};

	control(fd, UFFDIO_COPY, &copy, "UFFDIO_COPY");
}

/**
 * held_take() - take memory away: from now on, who touches it waits
 * @memory: mapping, aligned to pages of the host
 * @saved: gets what was in it
 * @bytes: size of both
 *
 * Return: as held_watch().
 */
int held_take(void *memory, void *saved, size_t bytes)
{
	memcpy(saved, memory, bytes);
	CHECK(!madvise(memory, bytes, MADV_DONTNEED));
	return held_watch(memory, bytes);
}

/* Give back what held_take() took, and let go who waits for it. */
void held_give_back(int fd, void *memory, const void *saved, size_t bytes)
{
	size_t at;

	for (at = 0; at < bytes; at += host_page())
		held_give(fd, (uintptr_t)memory + at, (const char *)saved + at);
}
