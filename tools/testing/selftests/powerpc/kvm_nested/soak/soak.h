/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Long random runs. Several workers each run one life of a VM after the other;
 * beside them the host takes memory, CPUs and tables away.
 *
 * A life is a process. What it decides comes from its seed, which comes from
 * the seed of the run, the worker and the number of the life; when things
 * happen does not.
 */
#ifndef KVM_NESTED_SOAK_H
#define KVM_NESTED_SOAK_H

#include "../lib/l1.h"
#include "../lib/watch.h"

#define WORKERS		3
#define BESIDE		4
#define LAST_OPS	12
#define LIFE_THREADS	3		/* of one life, that make steps */
#define MODEL_BYTES	(16ULL << 20)	/* data slot of a life */

struct rng {
	u64 state;
};

u64 rng_next(struct rng *rng);
u64 rng_below(struct rng *rng, u64 n);
int rng_one_in(struct rng *rng, u64 n);

/* What one life does at the moment, for who reads how it ended, or does not. */
struct life_note {
	unsigned int op;
	const char *last[LAST_OPS];
	volatile pid_t pid;		/* 0: there is none */
	u64 life;
	struct pulse pulses[LIFE_THREADS];
};

/* Shared by all processes. */
struct tally {
	u64 lives, wild, killed, ops;
	u64 stores, loads, faults, entries, frames;
	u64 audits, reads, hotplugs, squeezes, looks;
	volatile int stop;
	struct life_note notes[WORKERS];
	struct pulse beside[BESIDE];
};

extern struct tally *tally;

#define COUNT(what)	__atomic_fetch_add(&tally->what, 1, __ATOMIC_RELAXED)

void note_op(struct life_note *n, unsigned int thread, const char *name);
void note_step(struct life_note *n, unsigned int thread, const char *name);
void note_end(struct life_note *n, unsigned int thread);
void stack_stays_in_memory(void);
void note_thread(struct life_note *n, unsigned int thread);

/* One life; returns if it went well. */
void model_life(u64 seed, struct life_note *n);
void wild_life(u64 seed, struct life_note *n);

/* What happens beside; each returns when tally->stop is set. */
enum { BESIDE_CPUS, BESIDE_READERS, BESIDE_MEMORY, BESIDE_BYSTANDER };

#define BESIDE_STEP(who, what)	pulse_beat(&tally->beside[who], what)

void beside_cpus(u64 seed);
void beside_readers(u64 seed);
void beside_memory(u64 seed);
void beside_bystander(u64 seed);

#endif /* KVM_NESTED_SOAK_H */
