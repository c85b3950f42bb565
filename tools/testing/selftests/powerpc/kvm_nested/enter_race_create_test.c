// SPDX-License-Identifier: GPL-2.0-only
/* C1: vCPUs that enter a new nested guest at once all succeed. */
#include "lib/l1.h"

#define RACERS	4
#define ROUNDS	40

static struct world w;
static struct l1_vcpu racers[RACERS];
static pthread_barrier_t gate;

static void race(struct l1_vcpu *v)
{
	unsigned int round;

	for (round = 0; round < ROUNDS; round++) {
		l2_prepare(v, 10 + round);
		l2_goto(v, l2_hcall);
		pthread_barrier_wait(&gate);
		v->result = l1_run(v);
		if (v->result != TRAP_HCALL)
			fail("round %u: 0x%llx", round,
			     (unsigned long long)v->result);
	}
}

static void race_with_drop(struct l1_vcpu *v)
{
	unsigned int round;
	s64 r;

	for (round = 0; round < ROUNDS; round++) {
		l2_prepare(v, 10);
		l2_goto(v, l2_hcall);
		pthread_barrier_wait(&gate);
		if (v->vcpu.id == 1) {
			l1_set_entry(v->l1, 10, 0, 0);
			CHECK_EQ(l1_inval_entry(v, 10), H_SUCCESS);
			l1_install(v->l1, 10, &w.tree);
			continue;
		}
		r = l1_run(v);
		if (r != TRAP_HCALL && r != H_PARAMETER)
			fail("round %u: 0x%llx", round, (unsigned long long)r);
	}
}

static void run_race(void (*body)(struct l1_vcpu *v))
{
	unsigned int i;

	world_create(&w, L1_LITTLE);
	pthread_barrier_init(&gate, NULL, RACERS);
	for (i = 0; i < ROUNDS; i++)
		l1_install(&w.l1, 10 + i, &w.tree);
	for (i = 0; i < RACERS; i++)
		l1_add_vcpu(&w.l1, &racers[i], 1 + i);
	for (i = 0; i < RACERS; i++)
		l1_go(&racers[i], body);
	for (i = 0; i < RACERS; i++)
		l1_join(&racers[i]);
	world_end(&w);
}

static void c1_all_succeed(void)
{
	run_race(race);
}

static void c1_while_one_drops_it(void)
{
	run_race(race_with_drop);
}

static const struct test_case cases[] = {
	{ "c1_all_succeed", c1_all_succeed },
	{ "c1_while_one_drops_it", c1_while_one_drops_it },
};

TEST_MAIN(cases)
