// SPDX-License-Identifier: GPL-2.0-only
/*
 * L4, L13: many shadow leaves over one frame of L1 are no obstacle for what
 * happens to the frames beside it. The head of a frame that is aligned to 2M or
 * 1G is where large leaves over its neighbours hang, too; whoever looks for
 * those meets all the small ones, and has to come to an end.
 *
 * A kernel that does not come to an end keeps the thread: the harness goes on
 * without it.
 */
#include <string.h>
#include <sys/mman.h>

#include "lib/spinner.h"

#define SLOT		6
#define START		0x80000000ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define BYTES		(64ULL << 20)

/* Frames that are aligned to 1G, and to 2M alone. */
#define AT_1G		START
#define AT_2M		(START + BIT(SHIFT_2M))

/* Where L2 has the slot, and where it has the aliases of each size. */
#define VIEW		L2_DATA
#define ALIAS		(16ULL << SHIFT_1G)
#define ALIAS_4K	(32ULL << SHIFT_1G)
#define ALIAS_2M	(48ULL << SHIFT_1G)

#define MANY		5000ULL
#define NEIGHBOURS	8ULL

/* All that comes after the frame at 2M. */
#define CROWD_BYTES	(BYTES - BIT(SHIFT_2M) - PAGE_BYTES)

/* Coarse: an emulator on a busy machine has no time. */
#define TOO_LONG	(5000 * TICKS_PER_MS)
#define SECONDS		25

static struct world w;
static struct spinner s;
static char *memory;
static u64 bitmap[BYTES / 4096 / 64];
static u64 begun;

static void *at(u64 gpa)
{
	return memory + (gpa - START);
}

static u64 view(u64 gpa)
{
	return VIEW + (gpa - START);
}

static unsigned int leaves(void)
{
	return l1_shadow_leaves(&w.l1, 1);
}

static int has_leaf(u64 ngpa)
{
	unsigned int shift;
	u64 pte;

	return l1_shadow_leaf(&w.l1, 1, ngpa, &pte, &shift);
}

static void clock_starts(void)
{
	begun = timebase();
}

static void clock_stops(const char *what)
{
	u64 ticks = timebase() - begun;

	note("%s: %llu us", what, (unsigned long long)(ticks / 512));
	CHECK(ticks < TOO_LONG);
}

static void create(u32 flags)
{
	world_create(&w, L1_LITTLE);
	memory = vm_map(BYTES);
	vm_set_slot(&w.l1.vm, SLOT, START, memory, BYTES, flags);
	l1_map_range(&w.tree, VIEW, START, BYTES, SHIFT_64K, PTE_ALL);
}

static void map_aliases(u64 ngpa, u64 frame, u64 n, unsigned int shift)
{
	u64 i;

	for (i = 0; i < n; i++)
		l1_map(&w.tree, ngpa + (i << shift), frame, shift, PTE_ALL);
}

static void touch_aliases(u64 n)
{
	l2_touch_pages(&w.v, ALIAS, n, PAGE_BYTES);
	CHECK(leaves() >= n);
}

/* L2 has stored to the frame by each of its @n names, and to those after it. */
static void fill(u64 frame, u64 n)
{
	map_aliases(ALIAS, frame, n, SHIFT_64K);
	l2_touch_pages(&w.v, view(frame + PAGE_BYTES), NEIGHBOURS, PAGE_BYTES);
	touch_aliases(n);
}

static void begin(u64 frame, u64 n)
{
	create(0);
	fill(frame, n);
}

/*
 * Four neighbours are a mapping of their own: to split one, the host takes the
 * 2M around its new end, and with them the frame.
 */
static char *begin_apart(u64 frame)
{
	char *apart;

	create(0);
	apart = at(frame + 2 * PAGE_BYTES);
	CHECK(mmap(apart, 4 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_FIXED |
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0) == apart);
	fill(frame, MANY);
	return apart;
}

static void check_gone(u64 gpa)
{
	CHECK(!has_leaf(view(gpa)));
	CHECK_EQ(l2_must_load(&w.v, view(gpa)), 0);
}

/* --- another page of the same 2M, or of the same 1G ---------------------- */

static void dontneed_of_a_neighbour(u64 frame, u64 n)
{
	u64 other = frame + 3 * PAGE_BYTES;
	unsigned int before;

	begin(frame, n);
	before = leaves();
	CHECK(has_leaf(view(other)));
	clock_starts();
	CHECK(!madvise(at(other), PAGE_BYTES, MADV_DONTNEED));
	clock_stops("madvise of a neighbour");
	CHECK_EQ(leaves(), before - 1);
	check_gone(other);
	CHECK_EQ(l2_must_load(&w.v, ALIAS), ALIAS + (n - 1) * PAGE_BYTES);
	world_end(&w);
}

static void l4_400_aliases_at_2m(void)
{
	dontneed_of_a_neighbour(AT_2M, 400);
}

static void l4_600_aliases_at_2m(void)
{
	dontneed_of_a_neighbour(AT_2M, 600);
}

static void l4_5000_aliases_at_2m(void)
{
	dontneed_of_a_neighbour(AT_2M, MANY);
}

static void l4_400_aliases_at_1g(void)
{
	dontneed_of_a_neighbour(AT_1G, 400);
}

static void l4_600_aliases_at_1g(void)
{
	dontneed_of_a_neighbour(AT_1G, 600);
}

static void l4_5000_aliases_at_1g(void)
{
	dontneed_of_a_neighbour(AT_1G, MANY);
}

/* The neighbour is in another 2M: only a leaf of 1G would reach over it. */
static void l4_neighbour_in_another_2m(void)
{
	u64 other = AT_1G + 7 * BIT(SHIFT_2M) + 5 * PAGE_BYTES;
	unsigned int before;

	begin(AT_1G, MANY);
	l2_must_store(&w.v, view(other), 1);
	before = leaves();
	clock_starts();
	CHECK(!madvise(at(other), PAGE_BYTES, MADV_DONTNEED));
	clock_stops("madvise in another 2M");
	CHECK_EQ(leaves(), before - 1);
	check_gone(other);
	world_end(&w);
}

/* --- ranges, and the frame itself ----------------------------------------- */

static void munmap_of_neighbours(u64 frame)
{
	char *apart = begin_apart(frame);
	unsigned int before = leaves();

	clock_starts();
	CHECK(!munmap(apart, 4 * PAGE_BYTES));
	clock_stops("munmap of neighbours");
	CHECK_EQ(leaves(), before - 4);
	CHECK(!has_leaf(view(frame + 2 * PAGE_BYTES)));
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static void l4_munmap_of_neighbours_at_2m(void)
{
	munmap_of_neighbours(AT_2M);
}

static void l4_munmap_of_neighbours_at_1g(void)
{
	munmap_of_neighbours(AT_1G);
}

static void l4_mprotect_of_neighbours(void)
{
	u64 other = view(AT_1G + 2 * PAGE_BYTES);
	char *apart = begin_apart(AT_1G);
	unsigned int before = leaves();

	clock_starts();
	CHECK(!mprotect(apart, 4 * PAGE_BYTES, PROT_READ));
	clock_stops("mprotect of neighbours");
	CHECK_EQ(leaves(), before - 4);
	CHECK_EQ(l2_must_load(&w.v, other), other);
	world_end(&w);
}

/* What a split of a mapping takes: 2M that begin with the frame. */
static void l4_split_of_a_mapping(void)
{
	begin(AT_2M, MANY);
	clock_starts();
	CHECK(!mprotect(at(AT_2M + 2 * PAGE_BYTES), 4 * PAGE_BYTES, PROT_READ));
	clock_stops("mprotect that splits");
	CHECK(!has_leaf(view(AT_2M + 2 * PAGE_BYTES)));
	vm_check_audit(&w.l1.vm);
	CHECK_EQ(l2_must_load(&w.v, ALIAS), ALIAS + (MANY - 1) * PAGE_BYTES);
	world_end(&w);
}

static void dontneed_of_the_frame(u64 frame)
{
	unsigned int before;

	begin(frame, MANY);
	before = leaves();
	clock_starts();
	CHECK(!madvise(at(frame), PAGE_BYTES, MADV_DONTNEED));
	clock_stops("madvise of the frame");
	CHECK_EQ(leaves(), before - MANY);
	CHECK(!has_leaf(ALIAS) && !has_leaf(ALIAS + (MANY - 1) * PAGE_BYTES));
	CHECK_EQ(l2_must_load(&w.v, ALIAS + 77 * PAGE_BYTES), 0);
	CHECK(has_leaf(view(frame + 3 * PAGE_BYTES)));
	world_end(&w);
}

static void l4_frame_itself_at_2m(void)
{
	dontneed_of_the_frame(AT_2M);
}

static void l4_frame_itself_at_1g(void)
{
	dontneed_of_the_frame(AT_1G);
}

/* What comes before it, the frame, and what comes after it. */
static void l4_range_with_the_frame(void)
{
	u64 first = AT_2M - 4 * PAGE_BYTES;
	unsigned int before;

	create(0);
	map_aliases(ALIAS, AT_2M, MANY, SHIFT_64K);
	l2_touch_pages(&w.v, view(first), 12, PAGE_BYTES);
	touch_aliases(MANY);
	before = leaves();
	clock_starts();
	CHECK(!madvise(at(first), 12 * PAGE_BYTES, MADV_DONTNEED));
	clock_stops("madvise of a range with the frame");
	CHECK_EQ(leaves(), before - MANY - 12);
	check_gone(first);
	check_gone(AT_2M + 7 * PAGE_BYTES);
	CHECK_EQ(l2_must_load(&w.v, ALIAS + 77 * PAGE_BYTES), 0);
	world_end(&w);
}

/* --- leaves of three sizes on one head ------------------------------------ */

static void begin_sizes(u64 n)
{
	create(0);
	CHECK(!madvise(memory, BIT(SHIFT_2M), MADV_HUGEPAGE));
	memset(memory, 1, BIT(SHIFT_2M));
	map_aliases(ALIAS, AT_1G, n, SHIFT_64K);
	map_aliases(ALIAS_4K, AT_1G, n, SHIFT_4K);
	map_aliases(ALIAS_2M, AT_1G, n, SHIFT_2M);
	touch_aliases(n);
	l2_touch_pages(&w.v, ALIAS_4K, n, BIT(SHIFT_4K));
	l2_touch_pages(&w.v, ALIAS_2M, n, BIT(SHIFT_2M));
}

static void check_large_leaf(void)
{
	unsigned int shift = 0;
	u64 pte;

	CHECK(l1_shadow_leaf(&w.l1, 1, ALIAS_2M, &pte, &shift));
	CHECK_EQ(shift, SHIFT_2M);
}

/* Only the leaves of 2M reach over their neighbour in the same 2M. */
static void l4_three_sizes_on_one_head(void)
{
	u64 other = AT_1G + 2 * BIT(SHIFT_2M);
	unsigned int before;

	begin_sizes(600);
	check_large_leaf();
	l2_must_store(&w.v, view(other), 1);
	before = leaves();
	CHECK(before >= 3 * 600);
	clock_starts();
	CHECK(!madvise(at(other), PAGE_BYTES, MADV_DONTNEED));
	clock_stops("madvise in another 2M");
	CHECK_EQ(leaves(), before - 1);
	clock_starts();
	CHECK(!madvise(at(AT_1G + 5 * PAGE_BYTES), PAGE_BYTES, MADV_DONTNEED));
	clock_stops("madvise in the same 2M");
	CHECK(!has_leaf(ALIAS_2M) && !has_leaf(ALIAS_2M + BIT(SHIFT_2M) * 599));
	vm_check_audit(&w.l1.vm);
	CHECK_EQ(l2_must_load(&w.v, ALIAS_2M + 5 * PAGE_BYTES), 0);
	CHECK_EQ(l2_must_load(&w.v, ALIAS), ALIAS_2M + BIT(SHIFT_2M) * 599);
	world_end(&w);
}

/* --- the dirty log, and slots that change --------------------------------- */

static int is_dirty(u64 gpa)
{
	u64 first = (gpa - START) / host_page();
	u64 end = first + PAGE_BYTES / host_page(), i;

	for (i = first; i < end; i++)
		if (bitmap[i / 64] >> (i % 64) & 1)
			return 1;
	return 0;
}

static void fetch_log(void)
{
	memset(bitmap, 0, sizeof(bitmap));
	clock_starts();
	vm_dirty_log(&w.l1.vm, SLOT, bitmap);
	clock_stops("dirty log");
}

static void set_log(u32 flags)
{
	clock_starts();
	vm_set_slot(&w.l1.vm, SLOT, START, memory, BYTES, flags);
	clock_stops(flags ? "log on" : "log off");
}

/* L2 loads by each name: leaves without W and C, as many. */
static void look_at_aliases(struct l1_vcpu *v)
{
	l2_goto(v, l2_look);
	SET_REG(v, 4, ALIAS);
	SET_REG(v, 5, MANY);
	SET_REG(v, 6, PAGE_BYTES);
	l1_run(v);
}

/* A neighbour alone is dirty: nothing is to be done for the frame. */
static void dirty_neighbour(u64 frame, u64 other)
{
	look_at_aliases(&w.v);
	l2_must_store(&w.v, view(other), 2);
	CHECK(leaves() >= MANY);
	fetch_log();
	CHECK(is_dirty(other) && !is_dirty(frame));
	CHECK(leaves() >= MANY);
}

static void dirty_log(u64 frame)
{
	u64 other = frame + 3 * PAGE_BYTES;

	create(KVM_MEM_LOG_DIRTY_PAGES);
	map_aliases(ALIAS, frame, MANY, SHIFT_64K);
	l2_touch_pages(&w.v, view(frame + PAGE_BYTES), NEIGHBOURS, PAGE_BYTES);
	touch_aliases(MANY);
	fetch_log();
	CHECK(is_dirty(frame) && is_dirty(other));
	dirty_neighbour(frame, other);
	l2_must_store(&w.v, ALIAS + 4000 * PAGE_BYTES, 3);
	fetch_log();
	CHECK(is_dirty(frame) && !is_dirty(other));
	vm_check_audit(&w.l1.vm);
	world_end(&w);
}

static void l13_dirty_log_at_2m(void)
{
	dirty_log(AT_2M);
}

static void l13_dirty_log_at_1g(void)
{
	dirty_log(AT_1G);
}

/* As many pages of the host, whatever their size. */
static void dirty_crowd(void)
{
	l2_touch_pages(&w.v, view(AT_2M + PAGE_BYTES),
		       CROWD_BYTES / PAGE_BYTES, PAGE_BYTES);
}

static void begin_with_a_crowd(u32 flags)
{
	create(flags);
	map_aliases(ALIAS, AT_2M, MANY, SHIFT_64K);
	spinner_create(&s, &w, 1);
	dirty_crowd();
	touch_aliases(MANY);
}

/* A vCPU of L2 that stores through all aliases, round and round. */
static void begin_with_a_peer(u32 flags)
{
	begin_with_a_crowd(flags);
	spinner_store(&s, ALIAS, MANY, PAGE_BYTES);
}

static void look_for_ever(struct l1_vcpu *v)
{
	while (!v->stop)
		look_at_aliases(v);
}

/* It only loads: the frame is clean, and what hangs on it comes back. */
static void l13_dirty_log_while_a_peer_loads(void)
{
	unsigned int round;

	begin_with_a_crowd(KVM_MEM_LOG_DIRTY_PAGES);
	s.v.slice = w.v.slice;
	l1_go(&s.v, look_for_ever);
	for (round = 0; round < 6; round++) {
		fetch_log();
		dirty_crowd();
	}
	l1_stop(&s.v);
	world_end(&w);
}

static void l13_dirty_log_while_a_peer_stores(void)
{
	unsigned int round;

	begin_with_a_peer(KVM_MEM_LOG_DIRTY_PAGES);
	for (round = 0; round < 6; round++) {
		fetch_log();
		dirty_crowd();
	}
	spinner_stop(&s);
	world_end(&w);
}

static void l13_log_toggle_while_a_peer_stores(void)
{
	unsigned int round;

	begin_with_a_peer(0);
	for (round = 0; round < 8; round++) {
		set_log(round & 1 ? 0 : KVM_MEM_LOG_DIRTY_PAGES);
		dirty_crowd();
	}
	spinner_stop(&s);
	world_end(&w);
}

/* What the peer stores meanwhile is MMIO. */
static void l13_slot_delete_while_a_peer_stores(void)
{
	unsigned int round;

	begin_with_a_peer(0);
	for (round = 0; round < 3; round++) {
		clock_starts();
		vm_set_slot(&w.l1.vm, SLOT, START, memory, 0, 0);
		clock_stops("slot deleted");
		CHECK(leaves() < 4);
		vm_set_slot(&w.l1.vm, SLOT, START, memory, BYTES, 0);
		dirty_crowd();
	}
	spinner_stop(&s);
	world_end(&w);
}

static void l13_madvise_while_a_peer_stores(void)
{
	unsigned int round;

	begin_with_a_peer(0);
	for (round = 0; round < 6; round++) {
		clock_starts();
		CHECK(!madvise(at(AT_2M + PAGE_BYTES), CROWD_BYTES,
			       MADV_DONTNEED));
		clock_stops("madvise of a crowd");
		dirty_crowd();
	}
	spinner_stop(&s);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l4_400_aliases_at_2m", l4_400_aliases_at_2m, SECONDS },
	{ "l4_600_aliases_at_2m", l4_600_aliases_at_2m, SECONDS },
	{ "l4_5000_aliases_at_2m", l4_5000_aliases_at_2m, SECONDS },
	{ "l4_400_aliases_at_1g", l4_400_aliases_at_1g, SECONDS },
	{ "l4_600_aliases_at_1g", l4_600_aliases_at_1g, SECONDS },
	{ "l4_5000_aliases_at_1g", l4_5000_aliases_at_1g, SECONDS },
	{ "l4_neighbour_in_another_2m", l4_neighbour_in_another_2m, SECONDS },
	{ "l4_munmap_of_neighbours_at_2m", l4_munmap_of_neighbours_at_2m,
	  SECONDS },
	{ "l4_munmap_of_neighbours_at_1g", l4_munmap_of_neighbours_at_1g,
	  SECONDS },
	{ "l4_mprotect_of_neighbours", l4_mprotect_of_neighbours, SECONDS },
	{ "l4_split_of_a_mapping", l4_split_of_a_mapping, SECONDS },
	{ "l4_frame_itself_at_2m", l4_frame_itself_at_2m, SECONDS },
	{ "l4_frame_itself_at_1g", l4_frame_itself_at_1g, SECONDS },
	{ "l4_range_with_the_frame", l4_range_with_the_frame, SECONDS },
	{ "l4_three_sizes_on_one_head", l4_three_sizes_on_one_head, SECONDS },
	{ "l13_dirty_log_at_2m", l13_dirty_log_at_2m, SECONDS },
	{ "l13_dirty_log_at_1g", l13_dirty_log_at_1g, SECONDS },
	{ "l13_dirty_log_while_a_peer_loads",
	  l13_dirty_log_while_a_peer_loads, 2 * SECONDS },
	{ "l13_dirty_log_while_a_peer_stores",
	  l13_dirty_log_while_a_peer_stores, 2 * SECONDS },
	{ "l13_log_toggle_while_a_peer_stores",
	  l13_log_toggle_while_a_peer_stores, 2 * SECONDS },
	{ "l13_slot_delete_while_a_peer_stores",
	  l13_slot_delete_while_a_peer_stores, 2 * SECONDS },
	{ "l13_madvise_while_a_peer_stores",
	  l13_madvise_while_a_peer_stores, 2 * SECONDS },
};

TEST_MAIN(cases)
