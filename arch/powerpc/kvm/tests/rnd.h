/* SPDX-License-Identifier: GPL-2.0-only */
/* A small generator of numbers; the whole state is the seed. */
#ifndef _RND_H
#define _RND_H

static inline u64 rnd(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline u64 rnd_below(u64 *state, u64 n)
{
	return rnd(state) % n;
}

#endif /* _RND_H */
