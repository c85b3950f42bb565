// SPDX-License-Identifier: GPL-2.0-only
/* Memory groups and swap; see group.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <unistd.h>

#include "group.h"
#include "param.h"
#include "vmm.h"

#define DISK		"/dev/ram1"

/* As mkswap does: a version, the last page, and a word at the page's end. */
void swap_on(u64 swap_bytes)
{
	static char page[65536];
	size_t bytes = host_page();
	u32 *header = (u32 *)(page + 1024);
	int fd = open(DISK, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail(DISK ": %s", strerror(errno));
	header[0] = 1;
	header[1] = swap_bytes / bytes - 1;
	memcpy(page + bytes - 10, "SWAPSPACE2", 10);
	CHECK_EQ(write(fd, page, bytes), bytes);
	CHECK(!fsync(fd));
	close(fd);
	if (swapon(DISK, 0) && errno != EBUSY)
		fail("swapon: %s", strerror(errno));
}

void swap_off(void)
{
	swapoff(DISK);
}

void group_join(void)
{
	mkdir(GROUPS, 0755);
	if (access(GROUPS "/cgroup.procs", F_OK) &&
	    mount("cgroup2", GROUPS, "cgroup2", 0, NULL))
		fail("cgroup2: %s", strerror(errno));
	file_write(GROUPS "/cgroup.subtree_control", "+memory");
	mkdir(GROUP, 0755);
	file_write(GROUP "/cgroup.procs", "0");
}

/* Swap that is empty: a case before this one may have ended with some. */
void group_join_with_swap(u64 swap_bytes)
{
	swap_off();
	swap_on(swap_bytes);
	group_join();
}

/* Reclaim may refuse: what it takes is what it thinks is old. */
void group_reclaim(const char *bytes)
{
	int fd = open(GROUP "/memory.reclaim", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		fail("memory.reclaim: %s", strerror(errno));
	if (write(fd, bytes, strlen(bytes)) < 0 && errno != EAGAIN &&
	    errno != EINTR)
		fail("memory.reclaim: %s", strerror(errno));
	close(fd);
}

/* The number behind @name in a file with one of them in each line. */
static s64 value_in(const char *path, const char *name)
{
	char line[128], word[64];
	long long value, found = -1;
	FILE *file = fopen(path, "r");

	while (file && found < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %lld", word, &value) == 2 &&
		    !strcmp(word, name))
			found = value;
	if (found < 0)
		fail("no %s in %s", name, path);
	fclose(file);
	return found;
}

/* Bytes, as memory.stat of the group has them; it may be seconds behind. */
s64 group_stat(const char *name)
{
	return value_in(GROUP "/memory.stat", name);
}

/* Bytes. */
s64 host_sec_page_tables(void)
{
	/* Each CPU keeps what it has counted for a while. */
	file_write("/proc/sys/vm/stat_refresh", "1");
	return value_in("/proc/meminfo", "SecPageTables:") * 1024;
}

/* Bytes. */
s64 host_vmalloc(void)
{
	return value_in("/proc/meminfo", "VmallocUsed:") * 1024;
}
