// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an L1 that does anything: garbage in its tables, its partition
 * table, its state and its hypercalls, from several vCPUs at once. Nothing it
 * is told matters, but that the host stays well and gets all back. What it maps
 * stays out of its own code, which it needs to go on.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "soak.h"

#define VCPUS		3
#define STEPS		150
#define FEW_LPIDS	8
#define WILD_BYTES	(4ULL << 20)
#define POOL_BYTES	(2ULL << 20)

static struct l1 l1;
static struct l1_vcpu vcpus[VCPUS];
static struct rng rngs[VCPUS];
static struct life_note *life_note;

static u64 garbage(struct rng *rng)
{
	return rng_next(rng) ^ rng_next(rng) << 32;
}

static u64 any_data(struct rng *rng)
{
	return L1_DATA + (rng_below(rng, WILD_BYTES) & ~0xfffULL);
}

static u64 any_table(struct rng *rng)
{
	return L1_POOL + (rng_below(rng, POOL_BYTES) & ~0xffULL);
}

/* An address that L2 may be given: of data, of nothing, of a hole. */
static u64 any_ngpa(struct rng *rng)
{
	switch (rng_below(rng, 4)) {
	case 0:
		return garbage(rng);
	case 1:
		return BIT(rng_below(rng, 53)) - (rng_below(rng, 4) << SHIFT_4K);
	default:
		return L2_DATA + (rng_below(rng, 64) << SHIFT_64K);
	}
}

static u64 any_lpid(struct rng *rng)
{
	return rng_one_in(rng, 8) ? garbage(rng) >> rng_below(rng, 64) :
				    rng_below(rng, FEW_LPIDS);
}

/* An entry of a tree: well formed, half so, or not. */
static u64 any_entry(struct rng *rng)
{
	u64 low = garbage(rng);

	switch (rng_below(rng, 6)) {
	case 0:
		return 0;
	case 1:
		return PTE_VALID | any_table(rng) | (low & PDE_NLS);
	case 2:
		return PTE_VALID | any_table(rng) | (low & 1 ? 9 : 5);
	case 3:
		return (low | BIT(45)) & ~(0xfULL << 56);
	default:
		return PTE_VALID | PTE_LEAF | any_data(rng) | (low & 0x1bf);
	}
}

static void scribble(struct l1_vcpu *v, struct rng *rng)
{
	u64 *table = l1_memory(v->l1, any_table(rng));
	unsigned int n = 1 + rng_below(rng, 32);

	while (n--)
		*(volatile u64 *)table++ = __builtin_bswap64(any_entry(rng));
}

static void change_entry(struct l1_vcpu *v, struct rng *rng)
{
	u64 dw0 = PATB_HR | PATB_RTS52 | (any_table(rng) & ~0xffffULL) |
		  ROOT_BITS;

	if (rng_one_in(rng, 4))
		dw0 ^= BIT(rng_below(rng, 64));
	if (rng_one_in(rng, 8))
		dw0 = 0;
	l1_set_entry(v->l1, rng_below(rng, FEW_LPIDS), dw0,
		     rng_one_in(rng, 4) ? garbage(rng) : PATB_HR);
}

/* A tree that works, so that there is something to break. */
static void mend(struct l1_vcpu *v, struct rng *rng)
{
	u64 root = L1_POOL + (rng_below(rng, 8) << SHIFT_64K);
	u64 *pud = l1_memory(v->l1, root + 0x10000 * 8);
	u64 *pmd = pud + 512, *pte = pmd + 512;
	u64 gpa = root + 0x10000 * 8;
	unsigned int i;

	memset(pud, 0, 0x3000);
	*(u64 *)l1_memory(v->l1, root) =
		__builtin_bswap64(PTE_VALID | gpa | 9);
	pud[0] = __builtin_bswap64(PTE_VALID | (gpa + 0x1000) | 9);
	pud[1] = pud[0];
	pmd[0] = __builtin_bswap64(PTE_VALID | (gpa + 0x2000) | 5);
	for (i = 0; i < 32; i++)
		pte[i] = __builtin_bswap64(PTE_VALID | PTE_LEAF | PTE_ALL |
					   (L1_DATA + (i << SHIFT_64K)));
	pte[2] = __builtin_bswap64(PTE_VALID | PTE_LEAF | PTE_REF | PTE_READ |
				   PTE_EXEC | L1_SNIPPETS);
	l1_set_entry(v->l1, 1 + rng_below(rng, FEW_LPIDS - 1),
		     PATB_HR | PATB_RTS52 | root | ROOT_BITS, PATB_HR);
}

static void any_state(struct l1_vcpu *v, struct rng *rng)
{
	u64 *words = (u64 *)v->state;

	l2_prepare(v, any_lpid(rng));
	SET_STATE32(v, vcpu_token, rng_below(rng, 4));
	v->l2_msr = rng_one_in(rng, 4) ? garbage(rng) & ~MSR_LE : 0;
	if (rng_one_in(rng, 2))
		words[rng_below(rng, sizeof(*v->state) / 8)] = garbage(rng);
}

static void enter(struct l1_vcpu *v, struct rng *rng)
{
	const char *const what[] = {
		l2_hcall, l2_load, l2_store, l2_touch, l2_look, l2_spin_store,
		l2_spin, l2_jump,
	};
	u64 state = v->state_gpa, regs = v->regs_gpa;
	unsigned int times = 1 + rng_below(rng, 4);

	any_state(v, rng);
	l2_goto(v, what[rng_below(rng, ARRAY_SIZE(what))]);
	SET_REG(v, 4, any_ngpa(rng));
	SET_REG(v, 5, 1 + rng_below(rng, 32));
	SET_REG(v, 6, BIT(SHIFT_64K));
	SET_REG(v, 7, any_ngpa(rng));
	v->slice = 1 + rng_below(rng, 3 * TICKS_PER_MS);
	if (rng_one_in(rng, 16))
		v->state_gpa = rng_one_in(rng, 2) ? garbage(rng) | BIT(40) :
						    any_data(rng);
	if (rng_one_in(rng, 16))
		v->regs_gpa = any_data(rng) + rng_below(rng, 0x1000);
	while (times-- && !tally->stop) {
		note_step(life_note, v->vcpu.id, "enter");
		l1_enter(v);
		COUNT(entries);
	}
	v->state_gpa = state;
	v->regs_gpa = regs;
}

static void invalidate(struct l1_vcpu *v, struct rng *rng)
{
	switch (rng_below(rng, 4)) {
	case 0:
		L1_HCALL(v, H_TLB_INVALIDATE, garbage(rng), any_lpid(rng),
			 garbage(rng));
		return;
	case 1:
		l1_tlbie(v, rng_below(rng, 4), any_lpid(rng),
			 (rng_below(rng, 4) << 10) | (any_ngpa(rng) & ~0xfffULL) |
			 (rng_below(rng, 8) << 5));
		return;
	case 2:
		L1_HCALL(v, H_RPT_INVALIDATE, any_lpid(rng), garbage(rng) & 3,
			 garbage(rng), garbage(rng), any_ngpa(rng),
			 any_ngpa(rng));
		return;
	default:
		l1_rpt(v, any_lpid(rng), rng_below(rng, 16), rng_below(rng, 16),
		       any_ngpa(rng), any_ngpa(rng));
	}
}

static void set_table(struct l1_vcpu *v, struct rng *rng)
{
	switch (rng_below(rng, 4)) {
	case 0:
		l1_set_table(v, garbage(rng));
		break;
	case 1:
		l1_set_table(v, 0);
		break;
	}
	l1_set_table(v, L1_PTCR);
}

static void copy(struct l1_vcpu *v, struct rng *rng)
{
	u64 bytes = rng_one_in(rng, 4) ? garbage(rng) : rng_below(rng, 0x4000);
	u64 to = rng_one_in(rng, 2) ? any_data(rng) : 0;
	u64 from = to ? 0 : any_data(rng);

	L1_HCALL(v, H_COPY_TOFROM_GUEST, any_lpid(rng), rng_below(rng, 4),
		 any_ngpa(rng), to, from, bytes);
}

static const struct {
	const char *name;
	unsigned int weight;
	void (*run)(struct l1_vcpu *v, struct rng *rng);
} deeds[] = {
	{ "scribble", 6, scribble },
	{ "change_entry", 4, change_entry },
	{ "mend", 6, mend },
	{ "enter", 20, enter },
	{ "invalidate", 8, invalidate },
	{ "set_table", 1, set_table },
	{ "copy", 3, copy },
};

static void live(struct l1_vcpu *v)
{
	struct rng *rng = &rngs[v->vcpu.id];
	unsigned int i, step, all = 0, thread = v->vcpu.id;

	stack_stays_in_memory();
	note_thread(life_note, thread);
	for (i = 0; i < ARRAY_SIZE(deeds); i++)
		all += deeds[i].weight;
	for (step = 0; step < STEPS && !tally->stop; step++) {
		u64 n = rng_below(rng, all);

		for (i = 0; n >= deeds[i].weight; i++)
			n -= deeds[i].weight;
		note_op(life_note, thread, deeds[i].name);
		deeds[i].run(v, rng);
	}
	note_end(life_note, thread);
}

void wild_life(u64 seed, struct life_note *n)
{
	struct rng rng = { seed };
	unsigned int i;

	life_note = n;
	l1_create(&l1, rng_one_in(&rng, 2) ? L1_BIG : L1_LITTLE, WILD_BYTES);
	if (mlock2(l1.low, L1_LOW_BYTES, MLOCK_ONFAULT))
		fail("mlock2: %s", strerror(errno));
	for (i = 0; i < VCPUS; i++) {
		l1_add_vcpu(&l1, &vcpus[i], i);
		rngs[i].state = rng_next(&rng) | 1;
	}
	l1_set_table(&vcpus[0], L1_PTCR);
	for (i = 0; i < VCPUS; i++)
		l1_go(&vcpus[i], live);
	for (i = 0; i < VCPUS; i++)
		l1_join(&vcpus[i]);
	note_op(n, 0, "end");
	if (rng_one_in(&rng, 4))
		_exit(0);
	l1_finish(&l1);
}
