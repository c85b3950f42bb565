// SPDX-License-Identifier: GPL-2.0-only
/* An L2 vCPU that never leaves L2 by itself; see spinner.h. */
#include "spinner.h"

/* No timer takes it out of L2 during a case. */
#define NEVER	(60 * 1000 * TICKS_PER_MS)

static u64 *flag(struct world *w, u64 offset)
{
	return (u64 *)((char *)l1_memory(&w->l1, L1_DATA) + offset);
}

/* What L1 does not map at the moment is tried again, as a guest would see. */
static void spin(struct l1_vcpu *v)
{
	do {
		v->result = l1_run(v);
	} while (v->result == TRAP_HDSI || v->result == TRAP_HISI);
}

/**
 * spinner_create() - a second vCPU in the same L2
 * @s: filled
 * @w: world whose LPID 1 it runs
 * @id: of the vCPU, above 0
 */
void spinner_create(struct spinner *s, struct world *w, u32 id)
{
	s->w = w;
	l1_add_vcpu(&w->l1, &s->v, id);
	l1_map(&w->tree, L2_FLAGS, L1_DATA, SHIFT_64K, PTE_ALL);
	l2_prepare(&s->v, 1);
	s->v.slice = NEVER;
	*(volatile u64 *)flag(w, SPIN_STOP) = 0;
}

void spinner_load_until(struct spinner *s, u64 ngpa, u64 value)
{
	l2_goto(&s->v, l2_spin_load);
	SET_REG(&s->v, 4, ngpa);
	SET_REG(&s->v, 5, value);
	SET_REG(&s->v, 7, L2_FLAGS + SPIN_STOP);
	l1_go(&s->v, spin);
}

void spinner_store(struct spinner *s, u64 ngpa, u64 n, u64 stride)
{
	l2_goto(&s->v, l2_spin_store);
	SET_REG(&s->v, 4, ngpa);
	SET_REG(&s->v, 5, n);
	SET_REG(&s->v, 6, stride);
	SET_REG(&s->v, 7, L2_FLAGS + SPIN_STOP);
	l1_go(&s->v, spin);
}

/* Wait until L2 has stored something there. */
void wait_until_set(const volatile u64 *memory)
{
	unsigned int ms;

	for (ms = 0; !*memory && ms < 10000; ms++)
		sleep_ms(1);
	if (!*memory)
		fail("L2 does not store to a page that it should reach");
}

/* Wait until it has seen what it looks for. */
void spinner_wait_for(struct spinner *s, unsigned int seconds)
{
	unsigned int ms;

	for (ms = 0; !s->v.ended && ms < seconds * 1000; ms += 5)
		sleep_ms(5);
	if (!s->v.ended)
		fail("L2 still sees what it must not see");
	l1_join(&s->v);
	if (s->v.result != TRAP_HCALL)
		fail("L2 ended with 0x%llx hdsisr 0x%llx asdr 0x%llx nip 0x%llx",
		     (unsigned long long)s->v.result,
		     (unsigned long long)STATE(&s->v, hdsisr),
		     (unsigned long long)STATE(&s->v, asdr),
		     (unsigned long long)REGS(&s->v, nip));
}

void spinner_stop(struct spinner *s)
{
	__atomic_store_n(flag(s->w, SPIN_STOP), ~0ULL, __ATOMIC_SEQ_CST);
	spinner_wait_for(s, 10);
	__atomic_store_n(flag(s->w, SPIN_STOP), 0, __ATOMIC_SEQ_CST);
}
