/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of invalidation share: pages of two colours. */
#ifndef KVM_NESTED_INVAL_TEST_H
#define KVM_NESTED_INVAL_TEST_H

#include "lib/spinner.h"

#define PAGES		8ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define OLD_GPA		(L1_DATA + 0x200000)
#define NEW_GPA		(L1_DATA + 0x400000)
#define OLD_VALUE	0x0101ULL
#define NEW_VALUE	0x0202ULL
#define NGPA(n)		(L2_DATA + (n) * PAGE_BYTES)

/* Tells L0 that page 3 of LPID 1 has changed; whatever else it covers. */
typedef s64 (*inval_fn)(struct l1_vcpu *v);

static inline void inval_world(struct world *w)
{
	u64 n;

	world_create(w, L1_LITTLE);
	l1_map_range(&w->tree, L2_DATA, OLD_GPA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	for (n = 0; n < PAGES; n++) {
		*(u64 *)l1_memory(&w->l1, OLD_GPA + n * PAGE_BYTES) = OLD_VALUE;
		*(u64 *)l1_memory(&w->l1, NEW_GPA + n * PAGE_BYTES) = NEW_VALUE;
		CHECK_EQ(l2_must_load(&w->v, NGPA(n)), OLD_VALUE);
	}
}

/* An unmapped page faults after the invalidation. */
static inline void inval_unmapped(inval_fn inval)
{
	static struct world w;

	inval_world(&w);
	l1_unmap(&w.tree, NGPA(3));
	CHECK_EQ(inval(&w.v), H_SUCCESS);
	CHECK_EQ(l2_do_load(&w.v, NGPA(3), NULL), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, hdsisr) & DSISR_NOHPTE, DSISR_NOHPTE);
	CHECK_EQ(l2_must_load(&w.v, NGPA(2)), OLD_VALUE);
	world_end(&w);
}

/* A page that was moved is seen where it is now. */
static inline void inval_moved(inval_fn inval)
{
	static struct world w;

	inval_world(&w);
	l1_map(&w.tree, NGPA(3), NEW_GPA, SHIFT_64K, PTE_ALL);
	CHECK_EQ(inval(&w.v), H_SUCCESS);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), NEW_VALUE);
	CHECK_EQ(l2_must_load(&w.v, NGPA(4)), OLD_VALUE);
	world_end(&w);
}

/* What became read-only cannot be stored to. */
static inline void inval_read_only(inval_fn inval)
{
	static struct world w;

	inval_world(&w);
	l2_must_store(&w.v, NGPA(3), 1);
	l1_map(&w.tree, NGPA(3), OLD_GPA + 3 * PAGE_BYTES, SHIFT_64K,
	       PTE_REF | PTE_CHG | PTE_READ);
	CHECK_EQ(inval(&w.v), H_SUCCESS);
	CHECK_EQ(l2_do_store(&w.v, NGPA(3), 2), TRAP_HDSI);
	CHECK_EQ(STATE(&w.v, hdsisr) & DSISR_PROTFAULT, DSISR_PROTFAULT);
	CHECK_EQ(l2_must_load(&w.v, NGPA(3)), 1);
	world_end(&w);
}

/* Another vCPU that never leaves L2 sees the change. */
static inline void inval_under_a_spinning_peer(inval_fn inval)
{
	static struct world w;
	static struct spinner s;

	inval_world(&w);
	spinner_create(&s, &w, 1);
	spinner_load_until(&s, NGPA(3), NEW_VALUE);
	sleep_ms(50);
	CHECK(!s.v.ended);
	l1_map(&w.tree, NGPA(3), NEW_GPA, SHIFT_64K, PTE_ALL);
	CHECK_EQ(inval(&w.v), H_SUCCESS);
	spinner_wait_for(&s, 10);
	world_end(&w);
}

/* Over and over, with a peer that stores: no store is lost or misplaced. */
static inline void inval_again_and_again(inval_fn inval)
{
	static struct world w;
	static struct spinner s;
	unsigned int round;

	inval_world(&w);
	spinner_create(&s, &w, 1);
	spinner_store(&s, NGPA(0), PAGES, PAGE_BYTES);
	for (round = 0; round < 100; round++) {
		l1_map(&w.tree, NGPA(3), round & 1 ? OLD_GPA : NEW_GPA,
		       SHIFT_64K, PTE_ALL);
		CHECK_EQ(inval(&w.v), H_SUCCESS);
	}
	vm_check_audit(&w.l1.vm);
	spinner_stop(&s);
	world_end(&w);
}

#define INVAL_TESTS(inval)						\
static void unmapped_page_faults(void) { inval_unmapped(inval); }	\
static void moved_page_is_seen(void) { inval_moved(inval); }		\
static void read_only_page_refuses_a_store(void)			\
{ inval_read_only(inval); }						\
static void spinning_peer_sees_the_change(void)				\
{ inval_under_a_spinning_peer(inval); }					\
static void again_and_again(void) { inval_again_and_again(inval); }

#define INVAL_CASES							\
	{ "unmapped_page_faults", unmapped_page_faults },		\
	{ "moved_page_is_seen", moved_page_is_seen },			\
	{ "read_only_page_refuses_a_store", read_only_page_refuses_a_store }, \
	{ "spinning_peer_sees_the_change", spinning_peer_sees_the_change }, \
	{ "again_and_again", again_and_again }

#endif /* KVM_NESTED_INVAL_TEST_H */
