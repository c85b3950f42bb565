/* SPDX-License-Identifier: GPL-2.0-only */
/* A stream of values from the bytes that libFuzzer gives. */
#ifndef _FUZZ_H
#define _FUZZ_H

#include "shim/shim.h"

struct fuzz {
	const u8 *p, *end;
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static inline bool fuzz_left(const struct fuzz *f)
{
	return f->p < f->end;
}

/* Zeroes when there are no more. */
static inline u64 fuzz_get(struct fuzz *f, unsigned int bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | (f->p < f->end ? *f->p++ : 0);
	return v;
}

#endif /* _FUZZ_H */
