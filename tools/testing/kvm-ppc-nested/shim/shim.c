// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory, locks and entries for the pure files, with what userspace can check
 * and the kernel cannot. Safe for several threads.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "shim.h"

const struct shim_listener *shim_listener;
char shim_context[256];

void shim_die(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "# %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	if (shim_context[0])
		fprintf(stderr, "# again with: %s\n", shim_context);
	abort();
}

/* --- broken invariants -------------------------------------------------- */

static bool broken_expected;
static unsigned int broken_seen;

bool shim_broken(bool cond, const char *what, const char *file, int line)
{
	if (!cond)
		return false;
	if (!broken_expected)
		shim_die(file, line, "broken: %s", what);
	broken_seen++;
	return true;
}

void shim_prove(bool cond, const char *what, const char *file, int line)
{
	if (!cond)
		shim_die(file, line, "not proved: %s", what);
}

unsigned int shim_expect_broken(bool expect)
{
	unsigned int seen = broken_seen;

	broken_expected = expect;
	broken_seen = 0;
	return seen;
}

/* --- locks -------------------------------------------------------------- */

static _Thread_local unsigned int locks_held;

void pure_lock(pure_lock_t *lock)
{
	pthread_mutex_lock(&lock->mutex);
	lock->owner = pthread_self();
	lock->held = true;
	locks_held++;
}

void pure_unlock(pure_lock_t *lock)
{
	pure_assert_locked(lock);
	if (shim_listener)
		shim_listener->unlock();
	lock->held = false;
	locks_held--;
	pthread_mutex_unlock(&lock->mutex);
}

/* Racy only if the answer is no. */
__attribute__((no_sanitize("thread")))
void shim_assert_locked(const pure_lock_t *lock, const char *file, int line)
{
	if (!lock->held || !pthread_equal(lock->owner, pthread_self()))
		shim_die(file, line, "lock is not held by this thread");
}

/* --- memory ------------------------------------------------------------- */

#define NR_BUCKETS	4096

static pthread_mutex_t blocks_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct shim_block *buckets[NR_BUCKETS];
static unsigned long nr_blocks;
static unsigned long fail_in;
static bool has_failed;

static struct shim_block **bucket_of(const void *mem)
{
	u64 h = (uintptr_t)mem * 0x9e3779b97f4a7c15ULL;

	return &buckets[h >> 52];
}

static struct shim_block *block_find(const void *mem)
{
	struct shim_block *b = *bucket_of(mem);

	while (b && b->mem != mem)
		b = b->next;
	return b;
}

void shim_fail_nth(unsigned long n)
{
	fail_in = n;
	has_failed = false;
}

bool shim_has_failed(void)
{
	return has_failed;
}

unsigned long shim_nr_blocks(void)
{
	return nr_blocks;
}

struct shim_block *shim_block_at(u64 pa)
{
	return block_find((void *)(uintptr_t)pa);
}

struct shim_block *shim_block_of_entry(const void *entry)
{
	static const uintptr_t bytes[] = { 8 << 5, 8 << 9, 8 << 13 };
	struct shim_block *b;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bytes); i++) {
		b = shim_block_at((uintptr_t)entry & ~(bytes[i] - 1));
		if (b && (char *)entry < (char *)b->mem + b->size)
			return b;
	}
	return NULL;
}

static bool must_fail(void)
{
	if (!fail_in || --fail_in)
		return false;
	has_failed = true;
	return true;
}

static void *zalloc_aligned(size_t size)
{
	void *mem;

	if (size < sizeof(void *) || size & (size - 1))
		return calloc(1, size);
	if (posix_memalign(&mem, size, size))
		return NULL;
	return memset(mem, 0, size);
}

static void block_add(void *mem, size_t size)
{
	struct shim_block *b = malloc(sizeof(*b));

	*b = (struct shim_block){ mem, size, NULL, *bucket_of(mem) };
	*bucket_of(mem) = b;
	nr_blocks++;
}

void *pure_zalloc(size_t size)
{
	void *mem = NULL;

	if (locks_held)
		die("allocation of %zu bytes under a lock", size);
	pthread_mutex_lock(&blocks_mutex);
	if (!must_fail()) {
		mem = zalloc_aligned(size);
		block_add(mem, size);
	}
	pthread_mutex_unlock(&blocks_mutex);
	return mem;
}

void *pure_zalloc_soft(size_t size)
{
	return pure_zalloc(size);
}

static void block_remove(struct shim_block *b)
{
	struct shim_block **p = bucket_of(b->mem);

	while (*p != b)
		p = &(*p)->next;
	*p = b->next;
	nr_blocks--;
	free(b);
}

void pure_free(void *ptr, size_t size)
{
	struct shim_block *b;

	if (!ptr)
		return;
	pthread_mutex_lock(&blocks_mutex);
	b = block_find(ptr);
	if (!b)
		die("free of %p, which is not allocated", ptr);
	if (b->size != size)
		die("free of %zu bytes allocated as %zu", size, b->size);
	if (shim_listener)
		shim_listener->release(b);
	block_remove(b);
	pthread_mutex_unlock(&blocks_mutex);
	free(ptr);
}

/* --- entries ------------------------------------------------------------ */

u64 pure_update64(__be64 *entry, u64 clr, u64 set)
{
	__be64 old = READ_ONCE(*entry);
	__be64 new;

	do {
		new = cpu_to_be64((be64_to_cpu(old) & ~clr) | set);
	} while (!__atomic_compare_exchange_n(entry, &old, new, false,
					      __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	if (shim_listener)
		shim_listener->update(entry, be64_to_cpu(old),
				      be64_to_cpu(new));
	return be64_to_cpu(old);
}
