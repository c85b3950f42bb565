/* SPDX-License-Identifier: GPL-2.0-only */
/* State of one life with a model; see model.c. */
#ifndef KVM_NESTED_SOAK_MODEL_H
#define KVM_NESTED_SOAK_MODEL_H

#include "soak.h"

#define GUESTS		3
#define REGIONS		4		/* of 2M, in each guest */
#define PAGES		24		/* in a region of small pages */
#define OLDS		3
#define PEERS		2

#define PEER_AREA	BIT(SHIFT_2M)
#define PEER_AT		0x30000000ULL	/* ngpa */
#define MODEL_AT	(L1_DATA + PEER_AREA)
#define MODEL_AREA	(MODEL_BYTES - PEER_AREA)
#define FRAMES		(MODEL_BYTES >> SHIFT_4K)
#define PIECES		(MODEL_BYTES >> SHIFT_64K)

enum access { LOAD, STORE };

struct version {
	u64 gpa;
	u64 bits;
};

struct page {
	u64 ngpa;
	struct version now;
	struct version old[OLDS];
	unsigned int n_old;
};

struct region {
	u64 base;
	unsigned int shift;
	unsigned int n;
	struct page pages[PAGES];
};

struct guest {
	u32 lpid;
	struct l1_tree tree;
	struct region regions[REGIONS];
};

struct life {
	struct rng rng;
	struct life_note *note;
	struct l1 l1;
	struct l1_vcpu v;
	struct l1_vcpu peers[PEERS];
	int peer_runs[PEERS];
	struct guest guests[GUESTS];
	u64 counter;
	u64 value[FRAMES];
	int log_is_on;
	unsigned char stored[PIECES];	/* since the log was read last */
};

static inline struct guest *any_guest(struct life *life)
{
	return &life->guests[rng_below(&life->rng, GUESTS)];
}

static inline struct region *any_region(struct life *life, struct guest *guest)
{
	return &guest->regions[rng_below(&life->rng, REGIONS)];
}

static inline struct page *any_page(struct life *life, struct region *region)
{
	return &region->pages[rng_below(&life->rng, region->n)];
}

/* What the host does to the memory of L1. */
void op_host(struct life *life);
void op_log(struct life *life);

#endif /* KVM_NESTED_SOAK_MODEL_H */
