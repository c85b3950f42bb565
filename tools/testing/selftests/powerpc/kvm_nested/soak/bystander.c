// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that has nothing to do with any VM. Its pages are swapped, moved
 * and collapsed like those of the VMs. Nobody but itself may change them.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "soak.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

#define BYTES		(4ULL << 20)
#define STRIDE		512		/* bytes between words that are looked at */

static u64 word(u64 offset, u64 round)
{
	return (offset << 24 | round) * 0x9e3779b97f4a7c15ULL;
}

static void fill(char *memory, u64 from, u64 round)
{
	u64 offset;

	for (offset = from; offset < from + BIT(SHIFT_64K); offset += STRIDE)
		*(volatile u64 *)(memory + offset) = word(offset, round);
}

/*
 * The first access to a page that may have been swapped out is a store, to a
 * word that is not looked at, or the emulator may lose those that follow; see
 * stay_in_memory().
 */
static void touch(char *memory, u64 from)
{
	u64 offset, page = host_page();

	for (offset = from; offset < from + BIT(SHIFT_64K); offset += page)
		*(volatile u64 *)(memory + offset + sizeof(u64)) = 0;
}

static void check(char *memory, u64 from, u64 round)
{
	u64 offset;

	touch(memory, from);
	for (offset = from; offset < from + BIT(SHIFT_64K); offset += STRIDE) {
		u64 found = *(volatile u64 *)(memory + offset);

		if (found == word(offset, round))
			continue;
		fail("memory of a bystander at 0x%llx is 0x%llx, not 0x%llx",
		     (unsigned long long)offset, (unsigned long long)found,
		     (unsigned long long)word(offset, round));
	}
}

/* One 64K at a time: look, and write something else. */
void beside_bystander(u64 seed)
{
	static u64 rounds[BYTES >> SHIFT_64K];
	char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rng rng = { seed };
	u64 from, n;

	if (memory == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	for (from = 0; from < BYTES; from += BIT(SHIFT_64K))
		fill(memory, from, 0);
	while (!tally->stop) {
		BESIDE_STEP(BESIDE_BYSTANDER, "look");
		n = rng_below(&rng, BYTES >> SHIFT_64K);
		from = n << SHIFT_64K;
		check(memory, from, rounds[n]);
		if (rng_one_in(&rng, 2))
			fill(memory, from, ++rounds[n]);
		if (rng_one_in(&rng, 8))
			madvise(memory, BYTES, MADV_PAGEOUT);
		COUNT(looks);
		sleep_ms(rng_below(&rng, 20));
	}
}
