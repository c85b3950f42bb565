// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host does to the memory of an L1 while its L2s use it. Ranges start
 * and end at 64K, and stay out of what peers store to where contents or rights
 * change, so that the model can follow.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model.h"

#ifndef MADV_COLD
#define MADV_COLD	20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define PIECE		BIT(SHIFT_64K)
#define FIRST_PIECE	(PEER_AREA / PIECE)
#define FRAMES_A_PIECE	(PIECE >> SHIFT_4K)

struct range {
	u64 piece;
	u64 n;
	char *memory;
	u64 bytes;
};

static struct range range_of(struct life *life, u64 piece, u64 n)
{
	return (struct range){
		.piece = piece, .n = n, .bytes = n * PIECE,
		.memory = (char *)l1_memory(&life->l1, L1_DATA) + piece * PIECE,
	};
}

static struct range any_range(struct life *life)
{
	u64 piece = FIRST_PIECE +
		    rng_below(&life->rng, PIECES - FIRST_PIECE);
	u64 n = 1 + rng_below(&life->rng, 40);

	return range_of(life, piece, n < PIECES - piece ? n : PIECES - piece);
}

static struct range any_huge(struct life *life)
{
	u64 per = BIT(SHIFT_2M) / PIECE;

	return range_of(life, rng_below(&life->rng, PIECES / per) * per, per);
}

/* All of it, that of peers included. */
static struct range everything(struct life *life)
{
	return range_of(life, 0, PIECES);
}

static void advise(const struct range *range, int advice)
{
	if (madvise(range->memory, range->bytes, advice) && errno != EAGAIN &&
	    errno != EBUSY && errno != EINVAL)
		fail("madvise %d: %s", advice, strerror(errno));
}

static void forget_values(struct life *life, u64 piece, u64 n)
{
	memset(&life->value[piece * FRAMES_A_PIECE], 0,
	       n * FRAMES_A_PIECE * sizeof(life->value[0]));
}

static void give_back(struct life *life)
{
	struct range range = any_range(life);

	advise(&range, MADV_DONTNEED);
	forget_values(life, range.piece, range.n);
}

static void give_back_of_peers(struct life *life)
{
	u64 piece = 1 + rng_below(&life->rng, FIRST_PIECE - 1);
	struct range range = range_of(life, piece, 1);

	advise(&range, MADV_DONTNEED);
}

static void swap_out(struct life *life)
{
	struct range range = rng_one_in(&life->rng, 3) ? everything(life) :
							 any_range(life);

	advise(&range, MADV_PAGEOUT);
}

/* KVM has to look anew for the code and the tables of L1, which stay. */
static void unmap_low(struct life *life)
{
	size_t bytes = life->l1.pool & ~(PIECE - 1);
	int rights = PROT_READ | PROT_WRITE;

	CHECK(!mprotect(life->l1.low, bytes, rights | PROT_EXEC));
	CHECK(!mprotect(life->l1.low, bytes, rights));
}

static void grow_old(struct life *life)
{
	struct range range = everything(life);

	advise(&range, MADV_COLD);
}

static void merge(struct life *life)
{
	struct range range = everything(life);

	advise(&range, rng_one_in(&life->rng, 4) ? MADV_UNMERGEABLE :
						   MADV_MERGEABLE);
}

static void collapse(struct life *life)
{
	struct range range = any_huge(life);

	advise(&range, MADV_HUGEPAGE);
	if (rng_one_in(&life->rng, 2))
		advise(&range, MADV_COLLAPSE);
}

static void split(struct life *life)
{
	struct range range = any_huge(life);

	advise(&range, MADV_NOHUGEPAGE);
	give_back(life);
}

static void protect(struct life *life)
{
	struct range range = any_range(life);

	CHECK(!mprotect(range.memory, range.bytes,
			rng_one_in(&life->rng, 2) ? PROT_NONE : PROT_READ));
	CHECK(!mprotect(range.memory, range.bytes, PROT_READ | PROT_WRITE));
}

/* All pages become copy-on-write, and stay so for a while, or not. */
static void fork_once(struct life *life)
{
	unsigned int ms = rng_below(&life->rng, 20);
	pid_t child = fork();

	if (child < 0)
		fail("fork: %s", strerror(errno));
	if (!child) {
		sleep_ms(ms);
		_exit(0);
	}
	if (rng_one_in(&life->rng, 2))
		CHECK(waitpid(child, NULL, 0) == child);
}

/* The page of one piece goes to another, which leaves a hole behind. */
static void move_piece(struct life *life)
{
	u64 n = PIECES - FIRST_PIECE;
	u64 a = FIRST_PIECE + rng_below(&life->rng, n);
	u64 b = FIRST_PIECE + rng_below(&life->rng, n);
	struct range from = range_of(life, a, 1), to = range_of(life, b, 1);

	if (a == b)
		return;
	CHECK(mremap(from.memory, PIECE, PIECE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     to.memory) == to.memory);
	CHECK(mmap(from.memory, PIECE, PROT_READ | PROT_WRITE, MAP_FIXED |
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
	      from.memory);
	memcpy(&life->value[b * FRAMES_A_PIECE],
	       &life->value[a * FRAMES_A_PIECE],
	       FRAMES_A_PIECE * sizeof(life->value[0]));
	forget_values(life, a, 1);
}

static const struct {
	const char *name;
	void (*run)(struct life *life);
} ways[] = {
	{ "give_back", give_back },
	{ "give_back_of_peers", give_back_of_peers },
	{ "swap_out", swap_out },
	{ "unmap_low", unmap_low },
	{ "grow_old", grow_old },
	{ "merge", merge },
	{ "collapse", collapse },
	{ "split", split },
	{ "protect", protect },
	{ "fork", fork_once },
	{ "move_piece", move_piece },
};

void op_host(struct life *life)
{
	u64 n = rng_below(&life->rng, ARRAY_SIZE(ways));

	note_op(life->note, 0, ways[n].name);
	ways[n].run(life);
}

/* --- dirty log ---------------------------------------------------------- */

static void set_log(struct life *life, int on)
{
	vm_set_slot(&life->l1.vm, L1_SLOT_DATA, L1_DATA, life->l1.data,
		    life->l1.data_bytes, on ? KVM_MEM_LOG_DIRTY_PAGES : 0);
	life->log_is_on = on;
	memset(life->stored, 0, sizeof(life->stored));
}

/* Every page that L2 stored to since the last time is in it. */
static void read_log(struct life *life)
{
	static u64 bitmap[FRAMES / 64];
	u64 per = PIECE / host_page(), piece, i;

	memset(bitmap, 0, sizeof(bitmap));
	vm_dirty_log(&life->l1.vm, L1_SLOT_DATA, bitmap);
	for (piece = 0; piece < PIECES; piece++) {
		int dirty = 0;

		for (i = piece * per; i < (piece + 1) * per; i++)
			dirty |= bitmap[i / 64] >> (i % 64) & 1;
		if (life->stored[piece] && !dirty)
			fail("the dirty log misses a store to piece %llu",
			     (unsigned long long)piece);
	}
	memset(life->stored, 0, sizeof(life->stored));
}

void op_log(struct life *life)
{
	u64 n = rng_below(&life->rng, 6);

	if (life->log_is_on && n)
		read_log(life);
	else
		set_log(life, !life->log_is_on);
}
