/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the harness asks of the shim, beyond what the pure files use: failing
 * allocations, leaks, listeners, and the one way to fail.
 */
#ifndef _SHIM_H
#define _SHIM_H

#include "pure.h"

/**
 * struct shim_block - one live allocation of pure_zalloc()
 * @mem: first byte
 * @size: bytes
 * @tag: for the listener, NULL at first
 * @next: in its bucket
 */
struct shim_block {
	void *mem;
	size_t size;
	void *tag;
	struct shim_block *next;
};

/**
 * struct shim_listener - who hears of what the pure files do
 * @update: an entry was written; values are host endian
 * @release: a block is about to be freed
 * @unlock: a lock is about to be dropped
 */
struct shim_listener {
	void (*update)(__be64 *entry, u64 old, u64 new);
	void (*release)(struct shim_block *b);
	void (*unlock)(void);
};

extern const struct shim_listener *shim_listener;

/* Let the n-th allocation from now fail, once; 0 for none. */
void shim_fail_nth(unsigned long n);
/* Whether the failure asked for has happened. */
bool shim_has_failed(void);
/* Blocks not given back. */
unsigned long shim_nr_blocks(void);
/* The block that holds a page-table entry, or starts at an address; or NULL. */
struct shim_block *shim_block_of_entry(const void *entry);
struct shim_block *shim_block_at(u64 pa);

/* Tolerate broken invariants until the next call; returns how many there were. */
unsigned int shim_expect_broken(bool expect);

/* Something that must not happen has: say so and end. */
void shim_die(const char *file, int line, const char *fmt, ...)
	__printf(3, 4) __noreturn;

#define die(...)	shim_die(__FILE__, __LINE__, __VA_ARGS__)

/* Printed by shim_die(): how to come here again. */
extern char shim_context[256];

#include "rnd.h"

#endif /* _SHIM_H */
