// SPDX-License-Identifier: GPL-2.0-only
/* L12: a vCPU token is a name of L1's choice, and no two names are one. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include "lib/spinner.h"

#define TOKENS		16384
#define ENTRIES		500
#define GPA		(L1_DATA + 0x200000)

/* IPIs of the rest of the system while both make all their entries. */
#define FEW		(ENTRIES / 2)

static struct world w;
static struct l1_vcpu other;

static void begin(void)
{
	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, 0x100000, SHIFT_64K, PTE_ALL);
	l1_add_vcpu(&w.l1, &other, 1);
	l2_prepare(&other, 1);
}

static s64 enter_as(struct l1_vcpu *v, u32 token)
{
	SET_STATE32(v, vcpu_token, token);
	l2_goto(v, l2_hcall);
	return l1_run(v);
}

static void l12_tokens_are_not_bound_by_cpus(void)
{
	static const u32 tokens[] = { 0, 31, 32, 63, 64, 127, 128, 129, 2047,
				      2048, 2500, TOKENS - 1, 0 };
	size_t i;

	begin();
	for (i = 0; i < ARRAY_SIZE(tokens); i++)
		if (enter_as(&w.v, tokens[i]) != TRAP_HCALL)
			fail("token %u is refused", tokens[i]);
	CHECK_EQ(enter_as(&w.v, TOKENS), H_PARAMETER);
	CHECK_EQ(enter_as(&w.v, ~0U), H_PARAMETER);
	CHECK_EQ(enter_as(&w.v, BIT(31)), H_PARAMETER);
	CHECK_EQ(enter_as(&w.v, 2047), TRAP_HCALL);
	world_end(&w);
}

/* Interrupts from CPU to CPU so far. */
static u64 ipis(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	char line[512], *at;
	u64 sum = 0;

	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		if (!strstr(line, "IPI") && !strstr(line, "DBL"))
			continue;
		for (at = strchr(line, ':') + 1; *at; ) {
			char *end;
			u64 n = strtoull(at, &end, 10);

			if (end == at)
				break;
			sum += n;
			at = end;
		}
	}
	fclose(file);
	return sum;
}

static volatile unsigned int ready;

static void enter_many(struct l1_vcpu *v)
{
	unsigned int i;

	stay_on_cpu(v->vcpu.id);
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	while (ready < 2)
		sched_yield();
	for (i = 0; i < ENTRIES && !v->stop; i++) {
		l2_goto(v, l2_hcall);
		v->result = l1_run(v);
		if (v->result != TRAP_HCALL)
			return;
	}
}

/* Both make their entries at once, each on its CPU. */
static u64 ipis_of(u32 one, u32 two)
{
	u64 before;

	ready = 0;
	SET_STATE32(&w.v, vcpu_token, one);
	SET_STATE32(&other, vcpu_token, two);
	before = ipis();
	l1_go(&w.v, enter_many);
	l1_go(&other, enter_many);
	l1_join(&w.v);
	l1_join(&other);
	CHECK_EQ(w.v.result, TRAP_HCALL);
	CHECK_EQ(other.result, TRAP_HCALL);
	return ipis() - before;
}

static void l12_two_tokens_share_no_slot(void)
{
	u64 apart, far, block;

	begin();
	apart = ipis_of(1, 2);
	far = ipis_of(1, 129);
	block = ipis_of(63, 64);
	note("%llu, %llu and %llu interrupts", (unsigned long long)apart,
	     (unsigned long long)far, (unsigned long long)block);
	CHECK(apart < FEW);
	CHECK(far < FEW);
	CHECK(block < FEW);
	world_end(&w);
}

/* One token on two vCPUs at once: both run, and so does everybody else. */
static void l12_one_token_twice(void)
{
	static struct l1_vcpu third;
	struct l1_tree tree;
	unsigned int i;

	begin();
	l1_new_tree(&w.l1, &tree);
	l1_map(&tree, L2_SNIPPETS, L1_SNIPPETS, SHIFT_64K, PTE_ALL);
	l1_install(&w.l1, 2, &tree);
	l1_add_vcpu(&w.l1, &third, 2);
	l2_prepare(&third, 2);
	ready = 0;
	SET_STATE32(&w.v, vcpu_token, 5);
	SET_STATE32(&other, vcpu_token, 5);
	l1_go(&w.v, enter_many);
	l1_go(&other, enter_many);
	for (i = 0; i < 100; i++)
		CHECK_EQ(enter_as(&third, 5), TRAP_HCALL);
	l1_join(&w.v);
	l1_join(&other);
	CHECK_EQ(w.v.result, TRAP_HCALL);
	CHECK_EQ(other.result, TRAP_HCALL);
	world_end(&w);
}

/* All that can be named, while the guest is killed and made anew. */
static volatile int naming;

static void name_all(struct l1_vcpu *v)
{
	u32 token = v->vcpu.id;

	do {
		v->result = enter_as(v, token);
		token = (token + 61) % TOKENS;
	} while (naming && (v->result == TRAP_HCALL ||
			    v->result == H_PARAMETER || v->result == TRAP_HISI));
}

static void l12_all_tokens_while_guests_die(void)
{
	static struct l1_vcpu third;
	unsigned int round;

	begin();
	l1_add_vcpu(&w.l1, &third, 2);
	l2_prepare(&third, 1);
	naming = 1;
	l1_go(&w.v, name_all);
	l1_go(&other, name_all);
	for (round = 0; round < 100; round++) {
		l1_set_entry(&w.l1, 1, 0, 0);
		CHECK_EQ(l1_inval_entry(&third, 1), H_SUCCESS);
		l1_install(&w.l1, 1, &w.tree);
		CHECK_EQ(enter_as(&third, round * 163), TRAP_HCALL);
	}
	naming = 0;
	l1_join(&w.v);
	l1_join(&other);
	CHECK_EQ(enter_as(&w.v, 7), TRAP_HCALL);
	world_end(&w);
}

static const struct test_case cases[] = {
	{ "l12_tokens_are_not_bound_by_cpus", l12_tokens_are_not_bound_by_cpus },
	{ "l12_two_tokens_share_no_slot", l12_two_tokens_share_no_slot },
	{ "l12_one_token_twice", l12_one_token_twice },
	{ "l12_all_tokens_while_guests_die", l12_all_tokens_while_guests_die },
};

TEST_MAIN(cases)
