// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sequence protocol with real threads, for ThreadSanitizer.
 *
 *  vCPU    snapshot, walk L1's table, lock, recheck, map
 *  L1      change an entry, then invalidate a range: lock, bump, zap, flush
 *  host    unmap a frame through its head, then our leaf; give another frame
 *  reset   invalidate the whole guest: swap trees, quiesce, drain in steps
 *  entry   L1 gives the guest another root: forget the old one and bump, zap,
 *	    tell the new one
 *
 * L1 writes each entry from one thread only. So when its invalidation has
 * returned, the shadow has for that address what the entry says now, or
 * nothing, as long as that thread does not write again.
 *
 * BUG=1 leaves out the recheck, BUG=2 snapshots after the walk, BUG=3 bumps in
 * a critical section after that of the zap, BUG=4 bumps before the old root is
 * forgotten: each must be found.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "nested/nfault.h"
#include "nested/nrmap.h"
#include "race.h"

/* Pages that both trees of L1 map alike, and pages that they do not. */
#define NR_PAGES	8
#define NR_OTHER	4
#define NR_FRAMES	8
#define NR_VCPUS	2
#define BASE		12

/* A planted fault stays open for so many microseconds, on a busy machine too. */
#define WINDOW		50

pure_lock_t race_lock = PURE_LOCK_INIT;

static struct pst_account account;
static struct pst *live, *host;
static u64 inval_seq;
static struct hlist_head heads[NR_FRAMES];
static unsigned int bug;
static bool stop;
static unsigned long maps, retries;

/* Two trees: root, two directories and a leaf table, each as the one above says. */
#define L1_TREE		0x20000
static __be64 l1_mem[2 * L1_TREE / 8] __aligned(65536);
#define L1_AT(tree, at)	(((tree) * L1_TREE + (at)) / 8)
#define L1_ROOT(tree)	(0x40000000000000adULL + (tree) * L1_TREE)

static u64 l1_root = L1_ROOT(0);

static bool running(void)
{
	return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static int l1_read(void *ctx, u64 addr, __be64 *entry)
{
	if (addr >= sizeof(l1_mem))
		return -EFAULT;
	*entry = __atomic_load_n(&l1_mem[addr / 8], __ATOMIC_ACQUIRE);
	return 0;
}

static void l1_write_tree(unsigned int tree, unsigned int page, u64 frame)
{
	__atomic_store_n(&l1_mem[L1_AT(tree, 0x13000) + page],
			 cpu_to_be64(rpt_make_leaf(frame << 12, RPT_PROT |
						   RPT_RC).val),
			 __ATOMIC_RELEASE);
}

static void l1_write(unsigned int page, u64 frame)
{
	l1_write_tree(0, page, frame);
	l1_write_tree(1, page, frame);
}

/* What a tree has for the pages that the other one maps elsewhere. */
static u64 l1_other_frame(unsigned int tree, unsigned int page)
{
	return (page + tree) % NR_FRAMES;
}

static void l1_build(unsigned int tree)
{
	static const u64 table[] = { 0, 0x11000, 0x12000, 0x13000 };
	unsigned int i;

	for (i = 0; i < 3; i++)
		l1_mem[L1_AT(tree, table[i])] =
			cpu_to_be64(rpt_make_dir(tree * L1_TREE + table[i + 1],
						 9).val);
	for (i = 0; i < NR_PAGES; i++)
		l1_write_tree(tree, i, i % NR_FRAMES);
	for (; i < NR_PAGES + NR_OTHER; i++)
		l1_write_tree(tree, i, l1_other_frame(tree, i));
}

/* --- vCPU ---------------------------------------------------------------- */

static bool snapshot(struct nested_fault *f)
{
	f->inval_seq = __atomic_load_n(&inval_seq, __ATOMIC_ACQUIRE);
	f->l1_root = __atomic_load_n(&l1_root, __ATOMIC_RELAXED);
	return f->l1_root;
}

static bool is_stale(const struct nested_fault *f)
{
	return bug != 1 &&
	       __atomic_load_n(&inval_seq, __ATOMIC_RELAXED) != f->inval_seq;
}

static enum pst_result map_locked(struct nested_fault *f, struct pst_mem *mem,
				  struct pst_gather *g)
{
	struct pst_leaf l0;
	struct pst_pos pos;
	enum pst_result r;

	if (is_stale(f)) {
		__atomic_add_fetch(&retries, 1, __ATOMIC_RELAXED);
		return PST_SAME;
	}
	if (!pst_find_leaf(host, f->l1.addr, &pos) || pst_is_blocked(pos.pte))
		return PST_SAME;
	l0 = (struct pst_leaf){ .pa = pos.pte.val & RPT_RPN,
				.attrs = pos.pte.val & RPT_ATTRS,
				.shift = pos.table->shift };
	nfault_compose(f, &l0, BASE);
	r = pst_map(live, f->addr, &f->leaf, &heads[f->gpa >> 12], mem);
	if (r == PST_BLOCKED)
		pst_unblock(live, f->addr, f->leaf.shift, g);
	__atomic_add_fetch(&maps, r == PST_MAPPED, __ATOMIC_RELAXED);
	return r;
}

static void fault(u64 ngpa)
{
	const struct gwalk_reader rd = { .read = l1_read };
	struct pst_mem mem = { .kind = PST_SHADOW, .account = &account };
	struct nested_fault f = { .ngpa = ngpa };
	enum pst_result r;
	struct pst_gather g;

	if (!snapshot(&f))
		return;
	gwalk_walk(&rd, f.l1_root, ngpa, &f.l1);
	if (bug == 2) {
		usleep(WINDOW);
		snapshot(&f);
	}
	if (f.l1.cause != GWALK_LEAF)
		die("walk of %#llx: %d", ngpa, f.l1.cause);
	sched_yield();
	do {
		pst_batch_begin(&g, &race_lock);
		r = map_locked(&f, &mem, &g);
		pst_batch_end(&g, &race_lock);
		if (r == PST_NO_TABLE && pst_mem_fill(&mem, f.leaf.shift))
			die("no memory");
	} while (r == PST_BLOCKED || r == PST_NO_TABLE);
	pst_mem_release(&mem);
}

static void *vcpu(void *arg)
{
	u64 s = (uintptr_t)arg;

	while (running())
		fault(rnd_below(&s, NR_PAGES + NR_OTHER) << 12);
	return NULL;
}

/* --- L1 ------------------------------------------------------------------ */

static void bump(void)
{
	__atomic_store_n(&inval_seq, inval_seq + 1, __ATOMIC_RELEASE);
}

static void invalidate(u64 start, u64 last)
{
	struct pst_gather g;

	pst_batch_begin(&g, &race_lock);
	if (bug != 3)
		bump();
	pst_zap_range(live, start, last, ~0U, &g);
	pst_batch_end(&g, &race_lock);
	if (bug != 3)
		return;
	usleep(WINDOW);
	pure_lock(&race_lock);
	bump();
	pure_unlock(&race_lock);
}

static void check(u64 ngpa, u64 frame)
{
	struct pst_pos pos, h;

	pure_lock(&race_lock);
	if (pst_find_leaf(live, ngpa, &pos)) {
		if (!pst_find_leaf(host, frame << 12, &h))
			die("shadow leaf over nothing");
		if ((pos.pte.val ^ h.pte.val) & RPT_RPN)
			die("stale leaf at %#llx", ngpa);
	}
	pure_unlock(&race_lock);
}

static void *l1(void *arg)
{
	unsigned long i;
	u64 s = 99, frame;
	u64 page;

	for (i = 0; running(); i++) {
		page = rnd_below(&s, NR_PAGES);
		frame = rnd_below(&s, NR_FRAMES);
		l1_write(page, frame);
		invalidate(page << 12, (page << 12) | 0xfff);
		check(page << 12, frame);
		/* Let the vCPUs get something done. */
		usleep(i % 16 ? 20 : 1000);
		check(page << 12, frame);
	}
	return (void *)i;
}

/* G5: who sees the new number must not see the old root. */
static void forget_root(void)
{
	struct pst_gather g;

	pst_batch_begin(&g, &race_lock);
	if (bug == 4) {
		bump();
		usleep(WINDOW);
	}
	__atomic_store_n(&l1_root, 0, __ATOMIC_RELAXED);
	if (bug != 4)
		bump();
	pst_zap_range(live, 0, RPT_EA_LAST, ~0U, &g);
	pst_batch_end(&g, &race_lock);
}

static void *entry(void *arg)
{
	unsigned int tree = 0, i;
	u64 page;

	while (running()) {
		tree = !tree;
		forget_root();
		__atomic_store_n(&l1_root, L1_ROOT(tree), __ATOMIC_RELEASE);
		/* At once and often: the next fault there puts it right. */
		for (i = 0; i < 10 * NR_OTHER; i++) {
			page = NR_PAGES + i % NR_OTHER;
			check(page << 12, l1_other_frame(tree, page));
			if (!(i % NR_OTHER))
				usleep(20);
		}
		usleep(200);
	}
	return NULL;
}

/* --- host ---------------------------------------------------------------- */

static u64 next_pa = 1ULL << 40;

static void host_map(u64 frame)
{
	struct pst_mem mem = { .kind = PST_HOST, .account = &account };
	struct pst_leaf leaf = { .pa = next_pa += 0x1000,
				 .attrs = RPT_PROT | RPT_RC, .shift = BASE };
	enum pst_result r;

	do {
		pure_lock(&race_lock);
		r = pst_map(host, frame << 12, &leaf, NULL, &mem);
		pure_unlock(&race_lock);
		if (r == PST_NO_TABLE && pst_mem_fill(&mem, BASE))
			die("no memory");
	} while (r == PST_NO_TABLE);
	if (r != PST_MAPPED)
		die("host: %d", r);
	pst_mem_release(&mem);
}

/* In steps of the least budget, so that the others get in between. */
static void host_unmap(u64 frame)
{
	struct nrmap_walk w = {
		.slot = { .heads = (unsigned long *)heads, .shift = BASE,
			  .last = (NR_FRAMES << BASE) - 1 },
		.op = NRMAP_ZAP, .addr = frame << BASE,
		.last = (frame << BASE) | (BIT_ULL(BASE) - 1),
	};
	struct pst_gather g;
	bool more;

	do {
		pst_gather_init(&g);
		w.g = &g;
		pure_lock(&race_lock);
		more = nrmap_step(host, &w, 1);
		pst_batch_end(&g, &race_lock);
	} while (more);
}

static void *notifier(void *arg)
{
	u64 s = 5;

	while (running()) {
		u64 frame = rnd_below(&s, NR_FRAMES);

		host_unmap(frame);
		sched_yield();
		host_map(frame);
		usleep(50);
	}
	return NULL;
}

/* --- whole guest --------------------------------------------------------- */

static void drain(struct pst *pst)
{
	struct list_head doomed;
	bool more;

	do {
		INIT_LIST_HEAD(&doomed);
		pure_lock(&race_lock);
		more = pst_drain_step(pst, 2, &doomed);
		pure_unlock(&race_lock);
		pst_free_doomed(&doomed);
	} while (more);
	pst_destroy(pst);
}

static void replace(struct pst *new)
{
	struct pst *old;

	pure_lock(&race_lock);
	bump();
	old = live;
	live = new;
	pst_detach(old);
	pure_unlock(&race_lock);
	sched_yield();
	pure_lock(&race_lock);
	pst_quiesce(old);
	pure_unlock(&race_lock);
	drain(old);
}

static void *reset(void *arg)
{
	while (running()) {
		replace(pst_create(&race_lock, PST_SHADOW, &account));
		usleep(500);
	}
	return NULL;
}

/* --- the run ------------------------------------------------------------- */

static void finish(struct pst *pst)
{
	pure_lock(&race_lock);
	if (pst_audit(pst))
		die("audit");
	pst_detach(pst);
	pst_quiesce(pst);
	pure_unlock(&race_lock);
	drain(pst);
}

int main(void)
{
	static void *(*const body[])(void *) = { l1, notifier, reset, entry,
						 vcpu, vcpu };
	const char *s = getenv("SECONDS");
	pthread_t t[ARRAY_SIZE(body)];
	void *invalidations;
	unsigned int i;

	bug = getenv("BUG") ? atoi(getenv("BUG")) : 0;
	l1_build(0);
	l1_build(1);
	live = pst_create(&race_lock, PST_SHADOW, &account);
	host = pst_create(&race_lock, PST_HOST, &account);
	for (i = 0; i < NR_FRAMES; i++)
		host_map(i);
	for (i = 0; i < ARRAY_SIZE(body); i++)
		pthread_create(&t[i], NULL, body[i], (void *)(uintptr_t)i);
	sleep(s ? atoi(s) : 3);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(t[0], &invalidations);
	for (i = 1; i < ARRAY_SIZE(body); i++)
		pthread_join(t[i], NULL);
	finish(live);
	finish(host);
	if (shim_nr_blocks())
		die("%lu blocks left", shim_nr_blocks());
	printf("# %lu mapped, %lu stale, %lu invalidations\n", maps, retries,
	       (unsigned long)invalidations);
	printf("ok race-seq\n");
	return 0;
}
