/* SPDX-License-Identifier: GPL-2.0-only */
/* Seed, number of steps and how to say them again: what random runs share. */
#ifndef _STRESS_H
#define _STRESS_H

#include <stdio.h>
#include <stdlib.h>

#include "shim/shim.h"

struct stress {
	const char *name;
	u64 seed, steps, step;
	/* State of the generator. */
	u64 rnd;
};

static inline u64 stress_env(const char *name, u64 or)
{
	const char *s = getenv(name);

	return s && *s ? strtoull(s, NULL, 0) : or;
}

static inline void stress_begin(struct stress *s, const char *name, u64 steps)
{
	s->name = name;
	s->seed = stress_env("SEED", 1);
	s->steps = stress_env("STEPS", steps);
	s->rnd = s->seed;
	printf("# %s: SEED=%llu STEPS=%llu\n", name, s->seed, s->steps);
	fflush(stdout);
}

static inline bool stress_next(struct stress *s)
{
	if (s->step == s->steps)
		return false;
	s->step++;
	snprintf(shim_context, sizeof(shim_context),
		 "SEED=%llu STEPS=%llu %s", s->seed, s->step, s->name);
	return true;
}

/* One of n, and with a chance of one in n. */
#define pick(s, n)	rnd_below(&(s)->rnd, n)
#define one_in(s, n)	(!pick(s, n))

#endif /* _STRESS_H */
