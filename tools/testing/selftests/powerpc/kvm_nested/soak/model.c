// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an L1 that is in order but never rests, beside a model of what
 * its L2s must see.
 *
 * The first doubleword of each 4K frame of L1's data has a value in the model.
 * A page of an L2 has one version, and those before it since L1 invalidated
 * last: an access may follow any of them that allows it, and may be refused
 * only if the newest does. Peers store to the first 2M of the data, which the
 * model does not look at. What is not where the model has it at the end was
 * written by somebody who must not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model.h"

#define OPS_LEAST	60
#define OPS_MORE	200

/* What L1 gives; that of a page that is not mapped is 0. */
static const u64 rights[] = {
	PTE_ALL, PTE_ALL, PTE_ALL, PTE_ALL, 0,
	PTE_REF | PTE_CHG | PTE_READ | PTE_EXEC,
	PTE_REF | PTE_READ | PTE_WRITE,
	PTE_READ | PTE_WRITE,
};

static const unsigned int shifts[] = { SHIFT_4K, SHIFT_64K, SHIFT_2M };

/* --- pages and their versions ------------------------------------------- */

static int allows(const struct version *version, enum access access)
{
	u64 needs = access == STORE ? PTE_WRITE | PTE_REF | PTE_CHG :
				      PTE_READ | PTE_REF;

	return (version->bits & needs) == needs;
}

static u64 frame_of(const struct version *version, u64 offset)
{
	return (version->gpa + offset - L1_DATA) >> SHIFT_4K;
}

static void forget_page(struct page *page)
{
	page->n_old = 0;
}

static void forget_guest(struct guest *guest)
{
	unsigned int r, p;

	for (r = 0; r < REGIONS; r++)
		for (p = 0; p < guest->regions[r].n; p++)
			forget_page(&guest->regions[r].pages[p]);
}

static void forget_all(struct life *life)
{
	unsigned int g;

	for (g = 0; g < GUESTS; g++)
		forget_guest(&life->guests[g]);
}

static unsigned int ap_of(unsigned int shift)
{
	return shift == SHIFT_4K ? AP_4K : shift == SHIFT_64K ? AP_64K : AP_2M;
}

static void invalidate_range(struct life *life, struct guest *guest,
			     struct region *region)
{
	unsigned int p;

	CHECK_EQ(l1_rpt(&life->v, guest->lpid, RPTI_TYPE_TLB | RPTI_TYPE_PWC,
			RPTI_PAGE_4K | RPTI_PAGE_64K | RPTI_PAGE_2M,
			region->base, region->base + BIT(SHIFT_2M)), H_SUCCESS);
	for (p = 0; p < region->n; p++)
		forget_page(&region->pages[p]);
}

/* Tell L0 about a page, in one of the ways there are. */
static void invalidate(struct life *life, struct guest *guest,
		       struct region *region, struct page *page)
{
	struct l1_vcpu *v = &life->v;

	switch (rng_below(&life->rng, 8)) {
	case 0:
		CHECK_EQ(l1_inval_lpid(v, guest->lpid), H_SUCCESS);
		forget_guest(guest);
		return;
	case 1:
		CHECK_EQ(l1_inval_entry(v, guest->lpid), H_SUCCESS);
		forget_guest(guest);
		return;
	case 2:
		CHECK_EQ(l1_inval_all(v), H_SUCCESS);
		forget_all(life);
		return;
	case 3:
	case 4:
		invalidate_range(life, guest, region);
		return;
	default:
		CHECK_EQ(l1_inval_page(v, guest->lpid, page->ngpa,
				       ap_of(region->shift)), H_SUCCESS);
		forget_page(page);
	}
}

/* A new version of a page; what was before is in the way no more. */
static void give(struct life *life, struct l1_tree *tree,
		 const struct region *region, struct page *page)
{
	u64 n = MODEL_AREA >> region->shift;

	page->now.gpa = MODEL_AT + (rng_below(&life->rng, n) << region->shift);
	page->now.bits = rights[rng_below(&life->rng, ARRAY_SIZE(rights))];
	if (page->now.bits)
		l1_map(tree, page->ngpa, page->now.gpa, region->shift,
		       page->now.bits);
}

/* Another version of a page; L0 hears of it now, or later. */
static void op_change(struct life *life)
{
	struct guest *guest = any_guest(life);
	struct region *region = any_region(life, guest);
	struct page *page = any_page(life, region);

	if (page->now.bits)
		page->old[page->n_old++] = page->now;
	give(life, &guest->tree, region, page);
	if (!page->now.bits && page->n_old)
		l1_unmap(&guest->tree, page->ngpa);
	__sync_synchronize();
	if (page->n_old == OLDS || !rng_one_in(&life->rng, 3))
		invalidate(life, guest, region, page);
}

/* --- accesses ----------------------------------------------------------- */

static void check_refused(struct life *life, struct page *page,
			  enum access access)
{
	COUNT(faults);
	if (allows(&page->now, access))
		fail("%s at 0x%llx refused, L1 has 0x%llx there: hdsisr 0x%llx",
		     access == STORE ? "store" : "load",
		     (unsigned long long)page->ngpa,
		     (unsigned long long)page->now.bits,
		     (unsigned long long)STATE(&life->v, hdsisr));
}

/* Version 0 is the newest. */
static const struct version *version_of(const struct page *page, unsigned int i)
{
	return i ? &page->old[i - 1] : &page->now;
}

static u64 *frame_memory(struct life *life, u64 frame)
{
	return l1_memory(&life->l1, L1_DATA + (frame << SHIFT_4K));
}

static void check_stored(struct life *life, struct page *page, u64 offset,
			 u64 value)
{
	unsigned int i;

	for (i = 0; i <= page->n_old; i++) {
		const struct version *version = version_of(page, i);
		u64 frame = frame_of(version, offset);

		if (!allows(version, STORE))
			continue;
		if (*(volatile u64 *)frame_memory(life, frame) !=
		    l1_swap64(&life->l1, value))
			continue;
		life->value[frame] = value;
		life->stored[frame >> (SHIFT_64K - SHIFT_4K)] = 1;
		return;
	}
	fail("a store at 0x%llx went where it must not",
	     (unsigned long long)(page->ngpa + offset));
}

static void check_loaded(struct life *life, struct page *page, u64 offset,
			 u64 value)
{
	unsigned int i;

	for (i = 0; i <= page->n_old; i++) {
		const struct version *version = version_of(page, i);

		if (allows(version, LOAD) &&
		    life->value[frame_of(version, offset)] == value)
			return;
	}
	fail("a load at 0x%llx gave 0x%llx; gpa 0x%llx bits 0x%llx, %u before",
	     (unsigned long long)(page->ngpa + offset),
	     (unsigned long long)value, (unsigned long long)page->now.gpa,
	     (unsigned long long)page->now.bits, page->n_old);
}

static void access_page(struct life *life, struct guest *guest,
			struct region *region, enum access access)
{
	struct page *page = any_page(life, region);
	u64 offset = rng_below(&life->rng, BIT(region->shift - SHIFT_4K))
		     << SHIFT_4K;
	u64 value = ++life->counter << 8;
	s64 trap;

	SET_STATE32(&life->v, lpid, guest->lpid);
	if (access == STORE)
		trap = l2_do_store(&life->v, page->ngpa + offset, value);
	else
		trap = l2_do_load(&life->v, page->ngpa + offset, &value);
	if (trap == TRAP_HDSI) {
		check_refused(life, page, access);
		return;
	}
	if (trap != TRAP_HCALL)
		fail("L2 at 0x%llx: 0x%llx",
		     (unsigned long long)(page->ngpa + offset),
		     (unsigned long long)trap);
	if (access == STORE) {
		COUNT(stores);
		check_stored(life, page, offset, value);
	} else {
		COUNT(loads);
		check_loaded(life, page, offset, value);
	}
}

static void op_access(struct life *life)
{
	struct guest *guest = any_guest(life);
	struct region *region = any_region(life, guest);
	unsigned int n = 1 + rng_below(&life->rng, 12);

	while (n--) {
		note_step(life->note, 0, "access");
		access_page(life, guest, region,
			    rng_one_in(&life->rng, 2) ? STORE : LOAD);
	}
}

/* --- regions, LPIDs and the table --------------------------------------- */

static void lay_region(struct life *life, struct l1_tree *tree,
		       struct region *region)
{
	unsigned int p, step = rng_one_in(&life->rng, 2) ? 1 : 20;

	region->shift = shifts[rng_below(&life->rng, ARRAY_SIZE(shifts))];
	if (region->shift != SHIFT_4K)
		step = 1;
	region->n = region->shift == SHIFT_2M ? 1 : PAGES;
	for (p = 0; p < region->n; p++) {
		struct page *page = &region->pages[p];

		*page = (struct page){
			.ngpa = region->base + ((u64)p * step << region->shift),
		};
		if (!rng_one_in(&life->rng, 3))
			give(life, tree, region, page);
	}
}

/* Another geometry for 2M of an L2. */
static void op_rebuild(struct life *life)
{
	struct guest *guest = any_guest(life);
	struct region *region = any_region(life, guest);

	l1_drop(&guest->tree, region->base);
	invalidate_range(life, guest, region);
	lay_region(life, &guest->tree, region);
}

static int is_used(struct life *life, u32 lpid)
{
	unsigned int g;

	for (g = 0; g < GUESTS; g++)
		if (life->guests[g].lpid == lpid)
			return 1;
	return 0;
}

/* The same L2 under another number; L0 may hear later that the old is free. */
static void op_move(struct life *life)
{
	struct guest *guest = any_guest(life);
	u32 old = guest->lpid, lpid;

	do {
		lpid = 1 + rng_below(&life->rng,
				     rng_one_in(&life->rng, 2) ? 6 : 4095);
	} while (is_used(life, lpid));
	l1_install(&life->l1, lpid, &guest->tree);
	CHECK_EQ(l1_inval_entry(&life->v, lpid), H_SUCCESS);
	guest->lpid = lpid;
	forget_guest(guest);
	l1_set_entry(&life->l1, old, 0, 0);
	if (rng_one_in(&life->rng, 2))
		CHECK_EQ(l1_inval_entry(&life->v, old), H_SUCCESS);
}

static void op_swap(struct life *life)
{
	struct guest *a = any_guest(life), *b = any_guest(life);
	u32 lpid = a->lpid;

	a->lpid = b->lpid;
	b->lpid = lpid;
	l1_install(&life->l1, a->lpid, &a->tree);
	l1_install(&life->l1, b->lpid, &b->tree);
	CHECK_EQ(l1_inval_entry(&life->v, a->lpid), H_SUCCESS);
	CHECK_EQ(l1_inval_entry(&life->v, b->lpid), H_SUCCESS);
	forget_guest(a);
	forget_guest(b);
}

static void op_table(struct life *life)
{
	if (rng_one_in(&life->rng, 2))
		CHECK_EQ(l1_set_table(&life->v, 0), H_SUCCESS);
	CHECK_EQ(l1_set_table(&life->v, L1_PTCR), H_SUCCESS);
	forget_all(life);
}

/* --- peers that never leave L2 ------------------------------------------ */

static struct life_note *peers_note;

/* Whatever its L2 is told: the main vCPU takes things away from it. */
static void peer(struct l1_vcpu *v)
{
	struct life_note *n = peers_note;
	unsigned int thread = v->vcpu.id;

	stack_stays_in_memory();
	note_thread(n, thread);
	while (!v->stop) {
		s64 r;

		note_step(n, thread, "enter");
		r = l1_enter(v);
		COUNT(entries);
		if (r != TRAP_HDEC && r != TRAP_EXTERNAL)
			sleep_ms(1);
	}
	note_end(n, thread);
}

static void op_peer(struct life *life)
{
	unsigned int n = rng_below(&life->rng, PEERS);
	struct guest *guest = any_guest(life);
	u64 pages = 1 + rng_below(&life->rng, 30);
	u64 slice = 1 + rng_below(&life->rng, 40);
	struct l1_vcpu *v = &life->peers[n];

	if (life->peer_runs[n]) {
		l1_stop(v);
		life->peer_runs[n] = 0;
		return;
	}
	l2_prepare(v, guest->lpid);
	l2_goto(v, l2_spin_store);
	SET_REG(v, 4, PEER_AT + BIT(SHIFT_64K));
	SET_REG(v, 5, pages);
	SET_REG(v, 6, BIT(SHIFT_64K));
	SET_REG(v, 7, PEER_AT);
	v->slice = slice * TICKS_PER_MS;
	l1_go(v, peer);
	life->peer_runs[n] = 1;
}

static void stop_peers(struct life *life)
{
	unsigned int n;

	for (n = 0; n < PEERS; n++)
		if (life->peer_runs[n])
			l1_stop(&life->peers[n]);
}

/* --- a life ------------------------------------------------------------- */

static void op_audit(struct life *life)
{
	vm_check_audit(&life->l1.vm);
	COUNT(audits);
}

static const struct {
	const char *name;
	unsigned int weight;
	void (*run)(struct life *life);
} ops[] = {
	{ "access", 40, op_access },
	{ "change", 40, op_change },
	{ "rebuild", 4, op_rebuild },
	{ "move", 4, op_move },
	{ "swap", 2, op_swap },
	{ "table", 1, op_table },
	{ "peer", 4, op_peer },
	{ "audit", 2, op_audit },
	{ "host", 24, op_host },
	{ "log", 6, op_log },
};

static void one_op(struct life *life)
{
	unsigned int i, all = 0;
	u64 n;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		all += ops[i].weight;
	n = rng_below(&life->rng, all);
	for (i = 0; n >= ops[i].weight; i++)
		n -= ops[i].weight;
	note_op(life->note, 0, ops[i].name);
	ops[i].run(life);
}

static void create_guest(struct life *life, struct guest *guest, u32 lpid)
{
	u64 stride = BIT(rng_one_in(&life->rng, 2) ? SHIFT_2M :
			 rng_one_in(&life->rng, 2) ? SHIFT_1G : SHIFT_512G);
	unsigned int r;

	guest->lpid = lpid;
	l1_new_tree(&life->l1, &guest->tree);
	l1_map(&guest->tree, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K,
	       PTE_REF | PTE_READ | PTE_EXEC);
	l1_map_range(&guest->tree, PEER_AT, L1_DATA, PEER_AREA, SHIFT_64K,
		     PTE_ALL);
	for (r = 0; r < REGIONS; r++) {
		guest->regions[r].base = L2_DATA + r * stride;
		lay_region(life, &guest->tree, &guest->regions[r]);
	}
	l1_install(&life->l1, lpid, &guest->tree);
}

static void create(struct life *life)
{
	unsigned int g, n;

	l1_create(&life->l1, rng_one_in(&life->rng, 3) ? L1_BIG : L1_LITTLE,
		  MODEL_BYTES);
	if (mlock2(life->l1.low, L1_LOW_BYTES, MLOCK_ONFAULT))
		fail("mlock2: %s", strerror(errno));
	l1_add_vcpu(&life->l1, &life->v, 0);
	/* What the host forbids it allows again: see protect(). */
	life->v.cured = 1;
	for (n = 0; n < PEERS; n++) {
		l1_add_vcpu(&life->l1, &life->peers[n], 1 + n);
		life->peers[n].cured = 1;
	}
	for (g = 0; g < GUESTS; g++)
		create_guest(life, &life->guests[g], 1 + g);
	CHECK_EQ(l1_set_table(&life->v, L1_PTCR), H_SUCCESS);
	l2_prepare(&life->v, 1);
}

/* Nobody stored where the model does not know of it. */
static void check_all_frames(struct life *life)
{
	u64 frame;

	for (frame = PEER_AREA >> SHIFT_4K; frame < FRAMES; frame++) {
		u64 found;

		note_step(life->note, 0, "check_all_frames");
		found = l1_swap64(&life->l1, *frame_memory(life, frame));
		if (found != life->value[frame])
			fail("frame %llu has 0x%llx, should have 0x%llx",
			     (unsigned long long)frame,
			     (unsigned long long)found,
			     (unsigned long long)life->value[frame]);
		COUNT(frames);
	}
}

void model_life(u64 seed, struct life_note *n)
{
	static struct life life;
	u64 left;

	life.rng.state = seed;
	life.note = n;
	peers_note = n;
	note_op(n, 0, "create");
	create(&life);
	left = OPS_LEAST + rng_below(&life.rng, OPS_MORE);
	while (left--)
		one_op(&life);
	note_op(n, 0, "end");
	check_all_frames(&life);
	if (rng_one_in(&life.rng, 4))
		_exit(0);
	stop_peers(&life);
	check_all_frames(&life);
	l1_finish(&life.l1);
}
