// SPDX-License-Identifier: GPL-2.0-only
/* What happens to the host beside the lives: CPUs, memory, readers, limits. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/group.h"
#include "soak.h"

#define PARAMETERS	"/sys/module/kvm_hv/parameters/"
#define THP		"/sys/kernel/mm/transparent_hugepage/"
#define RECLAIM		GROUP "/memory.reclaim"
#define DEBUGFS		"/sys/kernel/debug/kvm"
#define READ_BYTES	65536
#define HOG_BYTES	(24ULL << 20)
#define HOG_STEP	(1ULL << 20)

/* A file may refuse: a CPU is busy, there is nothing to reclaim. */
static void try_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	if (write(fd, text, strlen(text)) < 0 && errno != EBUSY &&
	    errno != EAGAIN && errno != EINTR && errno != ENOMEM)
		fail("%s: writing '%s': %s", path, text, strerror(errno));
	close(fd);
}

/* --- CPUs --------------------------------------------------------------- */

/* Every CPU but the first goes and comes. */
void beside_cpus(u64 seed)
{
	struct rng rng = { seed };
	long n = sysconf(_SC_NPROCESSORS_CONF);
	char path[64];

	if (n < 2)
		fail("there is no CPU to take away");
	while (!tally->stop) {
		BESIDE_STEP(BESIDE_CPUS, "offline");
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/online",
			 (int)(1 + rng_below(&rng, n - 1)));
		try_write(path, "0");
		sleep_ms(rng_below(&rng, 300));
		BESIDE_STEP(BESIDE_CPUS, "online");
		try_write(path, "1");
		COUNT(hotplugs);
		sleep_ms(rng_below(&rng, 3000));
	}
}

/* --- readers ------------------------------------------------------------ */

/* Return: the end of what the file says, or NULL if it is gone. */
static const char *read_to_end(const char *directory, const char *name)
{
	static char text[2 * READ_BYTES + 1];
	size_t kept = 0;
	char path[512];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	while ((got = read(fd, text + kept, READ_BYTES)) > 0) {
		kept += got;
		if (kept > READ_BYTES) {
			memmove(text, text + kept - READ_BYTES, READ_BYTES);
			kept = READ_BYTES;
		}
	}
	close(fd);
	text[kept] = 0;
	return text;
}

static void read_audit(const char *directory)
{
	const char *text = read_to_end(directory, "nested_audit"), *last;

	last = text ? strstr(text, "incoherent ") : NULL;
	if (!last)
		return;
	COUNT(audits);
	if (strtoull(last + strlen("incoherent "), NULL, 0))
		fail("audit of %s: %.300s", directory, text);
}

/* All files of all VMs, while VMs come and go. */
void beside_readers(u64 seed)
{
	struct rng rng = { seed };
	struct dirent *entry;
	DIR *dir;

	while (!tally->stop) {
		dir = opendir(DEBUGFS);
		if (!dir)
			fail(DEBUGFS ": %s", strerror(errno));
		while ((entry = readdir(dir)) && !tally->stop) {
			if (!strchr(entry->d_name, '-'))
				continue;
			BESIDE_STEP(BESIDE_READERS, "nested_audit");
			read_audit(entry->d_name);
			BESIDE_STEP(BESIDE_READERS, "radix");
			if (rng_one_in(&rng, 2))
				read_to_end(entry->d_name, "radix");
			read_to_end(entry->d_name, "nested");
			COUNT(reads);
		}
		closedir(dir);
		BESIDE_STEP(BESIDE_READERS, "sleep");
		sleep_ms(rng_below(&rng, 400));
	}
}

/* --- memory and limits -------------------------------------------------- */

static void hog(void)
{
	size_t bytes = HOG_BYTES, at;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	for (at = 0; at < bytes; at += HOG_STEP) {
		BESIDE_STEP(BESIDE_MEMORY, "hog");
		memset(memory + at, 1, HOG_STEP);
	}
	sleep_ms(100);
	munmap(memory, bytes);
}

static const struct {
	const char *path;
	const char *texts[4];
} knobs[] = {
	{ "/proc/sys/vm/drop_caches", { "1", "2", "2", "3" } },
	{ "/proc/sys/vm/compact_memory", { "1", "1", "1", "1" } },
	{ RECLAIM, { "1", "4", "16", "64" } },
	{ GROUP "/memory.high", { "max", "max", "64M", "32M" } },
	{ "/sys/kernel/mm/ksm/run", { "1", "1", "1", "2" } },
	{ THP "enabled", { "always", "madvise", "always", "never" } },
	{ THP "khugepaged/defrag", { "1", "0", "1", "1" } },
	{ PARAMETERS "nested_quota", { "0", "0", "524288", "1048576" } },
	{ PARAMETERS "nested_max_guests", { "256", "256", "4", "6" } },
	{ PARAMETERS "nested_fault_around", { "Y", "Y", "Y", "N" } },
	{ PARAMETERS "nested_replay", { "Y", "Y", "Y", "N" } },
};

/* Each MiB is a step: very many shadow leaves may be over it. */
static void reclaim(unsigned int mib)
{
	while (mib-- && !tally->stop) {
		BESIDE_STEP(BESIDE_MEMORY, RECLAIM);
		try_write(RECLAIM, "1M");
	}
}

static void turn(const char *path, const char *text)
{
	if (!strcmp(path, RECLAIM)) {
		reclaim(atoi(text));
		return;
	}
	BESIDE_STEP(BESIDE_MEMORY, path);
	try_write(path, text);
}

/* One knob after the other; some leave it where it may hurt for a while. */
void beside_memory(u64 seed)
{
	struct rng rng = { seed };

	while (!tally->stop) {
		u64 n = rng_below(&rng, ARRAY_SIZE(knobs) + 1);

		if (n < ARRAY_SIZE(knobs))
			turn(knobs[n].path, knobs[n].texts[rng_below(&rng, 4)]);
		else
			hog();
		COUNT(squeezes);
		sleep_ms(rng_below(&rng, 200));
	}
	try_write(GROUP "/memory.high", "max");
}
