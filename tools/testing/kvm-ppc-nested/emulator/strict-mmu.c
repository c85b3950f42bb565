// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A radix MMU that forgets nothing, beside the emulator's own walker.
 *
 * The emulator caches no walks and drops all translations at each change of LPID,
 * so a flush that is missing in a hypervisor does no harm there. This file keeps
 * for each emulated CPU what its hardware may have cached: translations,
 * directory entries, process-table and partition-table entries of every LPID but
 * 0, each until a tlbie or tlbiel covers it. At each walk that the emulated CPU
 * makes, what is kept is compared with what memory says.
 *
 * An entry that permits the access and says something else than memory is stale:
 * hardware might have used it. Between a change of memory and its flush that is
 * no fault, so it is in doubt, and reported only if it is still there when the
 * flush must be over:
 *
 *  - A hypervisor flushes before it drops the lock under which it changed a
 *    partition-scoped entry. So each CPU that has been in a guest or in user space
 *    since, or is halted, is done; so is one that has run for WINDOW_PARTITION. A
 *    partition-table entry is flushed without such a lock: there only the time,
 *    or that it is halted, says that a CPU is done.
 *  - Nothing is known of a guest with its process-scoped entries, as it may be
 *    taken off its CPU at any moment: each CPU is halted or has run for
 *    WINDOW_PROCESS.
 *
 * Time that a CPU could not run, because the machine is busy, does not count.
 *
 * Not an error: an entry that does not permit the access (hardware walks again);
 * R cleared without a flush; a directory entry that comes where there was none.
 *
 * The environment variable KVM_STRICT_MMU turns it on, with words separated by
 * commas:
 *
 *	report		report stale entries
 *	use		use them, as hardware may: no report, wrong data instead
 *	rc		"hardware" sets R and C in partition-scoped leaves
 *	spec=SEED	walks of addresses nobody asked for
 *	drop=SEED	drop entries at random
 *	log=FILE	reports and counts go there instead of stderr
 *
 * Locking: the lock of a CPU is held for a whole walk of that CPU. A tlbie takes
 * the locks of all, one after the other; so a walk that is in flight ends first,
 * as hardware waits for it in tlbsync.
 */

#include "qemu/osdep.h"
#include <time.h>
#include "qemu/queue.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "cpu.h"
#include "exec/exec-all.h"
#include "exec/page-protection.h"
#include "internal.h"
#include "mmu-book3s-v3.h"
#include "strict-mmu.h"

#define SM_CPUS		16
#define SM_LPIDS	4096
#define SM_BUCKETS	16384
#define SM_REPORTS	50

#define WINDOW_PARTITION	(100 * SCALE_MS)
#define WINDOW_PROCESS		(500 * SCALE_MS)
#define LOOK_PERIOD		(2 * SCALE_MS)

/* Radix entries (Power ISA, Book III, "Radix Tree Translation"). */
#define SM_VALID	0x8000000000000000ull
#define SM_LEAF		0x4000000000000000ull
#define SM_RPN		0x01fffffffffff000ull
#define SM_REF		0x0000000000000100ull
#define SM_CHG		0x0000000000000080ull
#define SM_ATT		0x0000000000000030ull
#define SM_ATT_IO	0x0000000000000020ull
#define SM_PRIV		0x0000000000000008ull
#define SM_READ		0x0000000000000004ull
#define SM_WRITE	0x0000000000000002ull
#define SM_EXEC		0x0000000000000001ull
#define SM_NLB		0x0fffffffffffff00ull
#define SM_NLS		0x000000000000001full
#define SM_PRTB		0x0ffffffffffff000ull

/* Operands of tlbie: RIC and IS fields, page number and size in RB. */
#define SM_RIC_TLB	0
#define SM_RIC_PWC	1
#define SM_RIC_ALL	2
#define SM_IS_PAGE	0
#define SM_IS_PID	1
#define SM_IS_LPID	2
#define SM_IS_ALL	3
#define SM_EPN		0x3ffffffffffff000ull

#define SM_LEAF_BITS	(SM_VALID | SM_LEAF | SM_RPN | SM_REF | SM_CHG | SM_ATT | \
			 SM_PRIV | SM_READ | SM_WRITE | SM_EXEC)
#define SM_DIR_BITS	(SM_VALID | SM_LEAF | SM_NLB | SM_NLS)

enum sm_kind { SM_PAGE, SM_DIR, SM_TABLE };
enum sm_scope { SM_PARTITION, SM_PROCESS };

static const int sm_shifts[] = { 12, 16, 21, 30 };

/* Since when an entry is known to be stale, and how that showed. */
struct sm_doubt {
	int64_t wall;
	int64_t ran[SM_CPUS];
	vaddr ea;
	uint64_t memory;
	MMUAccessType access;
	int64_t window;
	bool by_lock;		/* flushed under the lock of the change */
};

/*
 * One thing that is cached. SM_PAGE and SM_DIR: it covers @addr to @addr + 2^@shift,
 * and val[0] is the entry; SM_TABLE: val[] is the entry of the partition table, or
 * val[0] is that of the process table.
 */
struct sm_entry {
	QLIST_ENTRY(sm_entry) in_bucket;
	QLIST_ENTRY(sm_entry) in_lpid;
	QLIST_ENTRY(sm_entry) in_doubts;
	uint64_t addr;
	uint64_t val[2];
	struct sm_doubt *doubt;
	uint32_t pid;
	uint16_t lpid;
	uint8_t kind;
	uint8_t scope;
	uint8_t shift;
};

QLIST_HEAD(sm_head, sm_entry);

struct sm_counts {
	uint64_t walks;
	uint64_t speculative;
	uint64_t kept;
	uint64_t dropped;
	uint64_t raced;
	uint64_t used;
	uint64_t set_rc;
	/* by local, PRS, RIC, IS */
	uint64_t flushes[2][2][4][4];
};

/* One emulated CPU; all under @lock. */
struct sm_cpu {
	QemuMutex lock;
	struct sm_head buckets[SM_BUCKETS];
	struct sm_head lpids[2][SM_LPIDS];
	struct sm_head doubts;
	int64_t looked;
	int64_t quiet;		/* last seen in a guest or in user space; atomic */
	uint64_t random;
	struct sm_counts counts;
};

struct sm_leaf {
	uint64_t pte;		/* 0: none */
	hwaddr at;
	int shift;
};

/* A walk that goes on. */
struct sm_walk {
	PowerPCCPU *cpu;
	struct sm_cpu *c;
	const struct strict_mmu_xlate *x;
	ppc_v3_pate_t pate;
	vaddr ea;
	MMUAccessType access;
	bool speculative;
	bool stale;		/* goes through a stale entry */
	bool other_tree;	/* the partition-table entry in memory is another */
	int shift;
	int prot;
};

bool strict_mmu_on;

static struct sm_cpu *sm_cpus[SM_CPUS];
static bool sm_report, sm_use, sm_rc;
static uint64_t sm_spec, sm_drop;
static FILE *sm_log;
static int sm_reported;

static uint64_t sm_random(struct sm_cpu *c)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random;
}

static uint64_t sm_mask(int shift)
{
	return (1ull << shift) - 1;
}

/* --- time --- */

static int64_t sm_ran(CPUState *cs)
{
	struct timespec now;
	clockid_t clock;

	if (!cs->thread || pthread_getcpuclockid(cs->thread->thread, &clock) ||
	    clock_gettime(clock, &now))
		return 0;
	return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

static void sm_note_time(struct sm_doubt *doubt)
{
	CPUState *cs;

	doubt->wall = get_clock();
	CPU_FOREACH(cs)
		if (cs->cpu_index < SM_CPUS)
			doubt->ran[cs->cpu_index] = sm_ran(cs);
}

/* Whether the CPU cannot be between the change and its flush any more. */
static bool sm_is_done(CPUState *cs, const struct sm_doubt *doubt)
{
	int i = cs->cpu_index;

	if (i >= SM_CPUS || qatomic_read(&cs->halted))
		return true;
	if (doubt->by_lock && qatomic_read(&sm_cpus[i]->quiet) > doubt->wall)
		return true;
	return sm_ran(cs) - doubt->ran[i] >= doubt->window;
}

static bool sm_is_over(const struct sm_doubt *doubt)
{
	CPUState *cs;

	CPU_FOREACH(cs)
		if (!sm_is_done(cs, doubt))
			return false;
	return true;
}

/* --- doubts and reports --- */

static const char *sm_name(const struct sm_entry *e)
{
	static const char * const names[3][2] = {
		[SM_PAGE] = { "partition-scoped page", "process-scoped page" },
		[SM_DIR] = { "partition-scoped directory", "process-scoped directory" },
		[SM_TABLE] = { "partition-table entry", "process-table entry" },
	};

	return names[e->kind][e->scope];
}

static const char *sm_access(MMUAccessType access)
{
	return access == MMU_INST_FETCH ? "fetch" : access == MMU_DATA_STORE ? "store" : "load";
}

static void sm_report_stale(int cpu, const struct sm_entry *e)
{
	const struct sm_doubt *d = e->doubt;

	if (!sm_report || qatomic_fetch_inc(&sm_reported) >= SM_REPORTS)
		return;
	fprintf(sm_log, "strict-mmu: stale %s: CPU %d LPID %u PID %u at %#" PRIx64
		" shift %u: cached %#" PRIx64 ", memory had %#" PRIx64 " when a %s of %#" PRIx64
		" met it %" PRId64 " ms ago\n", sm_name(e), cpu, e->lpid, e->pid, e->addr,
		e->shift, e->val[0], d->memory, sm_access(d->access), (uint64_t)d->ea,
		(get_clock() - d->wall) / SCALE_MS);
	fflush(sm_log);
}

static void sm_settle(struct sm_entry *e)
{
	if (!e->doubt)
		return;
	QLIST_REMOVE(e, in_doubts);
	g_free(e->doubt);
	e->doubt = NULL;
}

static void sm_doubt(struct sm_walk *w, struct sm_entry *e, uint64_t memory)
{
	if (w->speculative || e->doubt)
		return;
	e->doubt = g_new0(struct sm_doubt, 1);
	e->doubt->ea = w->ea;
	e->doubt->memory = memory;
	e->doubt->access = w->access;
	e->doubt->window = e->scope == SM_PROCESS ? WINDOW_PROCESS : WINDOW_PARTITION;
	e->doubt->by_lock = e->scope == SM_PARTITION && e->kind != SM_TABLE && !w->other_tree;
	sm_note_time(e->doubt);
	QLIST_INSERT_HEAD(&w->c->doubts, e, in_doubts);
	w->c->counts.raced++;
}

/* An entry is reported once; it stays, without a doubt, until it meets the next walk. */
static void sm_look(int cpu, struct sm_cpu *c)
{
	struct sm_entry *e, *next;

	c->looked = get_clock();
	QLIST_FOREACH_SAFE(e, &c->doubts, in_doubts, next)
		if (sm_is_over(e->doubt)) {
			sm_report_stale(cpu, e);
			sm_settle(e);
		}
}

/* --- what is kept --- */

static struct sm_head *sm_bucket(struct sm_cpu *c, const struct sm_entry *key)
{
	uint64_t hash = key->addr >> 12;

	hash = hash * 31 + key->lpid;
	hash = hash * 31 + key->pid;
	hash = hash * 64 + key->shift;
	hash = hash * 8 + key->kind * 2 + key->scope;
	hash *= 0x9e3779b97f4a7c15ull;
	return &c->buckets[hash >> (64 - 14)];
}

static bool sm_same_key(const struct sm_entry *a, const struct sm_entry *b)
{
	return a->addr == b->addr && a->pid == b->pid && a->lpid == b->lpid &&
	       a->kind == b->kind && a->scope == b->scope && a->shift == b->shift;
}

static struct sm_entry sm_key(const struct sm_walk *w, enum sm_kind kind, enum sm_scope scope,
			      uint64_t addr, int shift)
{
	return (struct sm_entry) {
		.addr = addr & ~sm_mask(shift), .kind = kind, .scope = scope, .shift = shift,
		.lpid = w->x->lpid, .pid = scope == SM_PROCESS ? w->x->pid : 0,
	};
}

static void sm_forget(struct sm_entry *e)
{
	sm_settle(e);
	QLIST_REMOVE(e, in_bucket);
	QLIST_REMOVE(e, in_lpid);
	g_free(e);
}

/* A flush covers it. If that of the change must be over, this one is too late. */
static void sm_flush(int cpu, struct sm_entry *e)
{
	if (e->doubt && sm_is_over(e->doubt))
		sm_report_stale(cpu, e);
	sm_forget(e);
}

/* The next entry of that key from @e on; some are dropped on the way, if asked for. */
static struct sm_entry *sm_match(struct sm_walk *w, const struct sm_entry *key,
				 struct sm_entry *e)
{
	struct sm_entry *next;

	for (; e; e = next) {
		next = QLIST_NEXT(e, in_bucket);
		if (!sm_same_key(e, key))
			continue;
		if (!sm_drop || e->doubt || sm_random(w->c) % 64)
			return e;
		w->c->counts.dropped++;
		sm_forget(e);
	}
	return NULL;
}

static struct sm_entry *sm_first(struct sm_walk *w, const struct sm_entry *key)
{
	return sm_match(w, key, QLIST_FIRST(sm_bucket(w->c, key)));
}

static struct sm_entry *sm_next(struct sm_walk *w, const struct sm_entry *key,
				struct sm_entry *e)
{
	return sm_match(w, key, QLIST_NEXT(e, in_bucket));
}

static void sm_keep(struct sm_walk *w, const struct sm_entry *key, uint64_t val0, uint64_t val1)
{
	struct sm_entry *e = g_new(struct sm_entry, 1);

	*e = *key;
	e->val[0] = val0;
	e->val[1] = val1;
	QLIST_INSERT_HEAD(sm_bucket(w->c, key), e, in_bucket);
	QLIST_INSERT_HEAD(&w->c->lpids[e->scope][e->lpid], e, in_lpid);
	w->c->counts.kept++;
}

/* --- a walk --- */

static uint64_t sm_load(struct sm_walk *w, hwaddr at)
{
	return ldq_phys(CPU(w->cpu)->as, at);
}

/*
 * Compare what is kept under @key with @val[], which memory says, and keep that if it
 * is @valid. With "use", @val[] becomes what is stale.
 */
static void sm_exact(struct sm_walk *w, const struct sm_entry *key, uint64_t *val, bool valid)
{
	uint64_t now[2] = { val[0], val[1] };
	struct sm_entry *e;
	bool known = false;

	for (e = sm_first(w, key); e; e = sm_next(w, key, e)) {
		if (e->val[0] == now[0] && e->val[1] == now[1]) {
			known = true;
			sm_settle(e);
			continue;
		}
		sm_doubt(w, e, now[0] == e->val[0] ? now[1] : now[0]);
		w->other_tree |= key->kind == SM_TABLE && key->scope == SM_PARTITION;
		if (sm_use) {
			val[0] = e->val[0];
			val[1] = e->val[1];
			w->stale = true;
		}
	}
	if (valid && !known)
		sm_keep(w, key, now[0], now[1]);
}

static uint64_t sm_directory(struct sm_walk *w, enum sm_scope scope, uint64_t addr, int shift,
			     uint64_t pde)
{
	struct sm_entry key = sm_key(w, SM_DIR, scope, addr, shift);
	bool is_dir = (pde & SM_VALID) && !(pde & SM_LEAF);
	uint64_t val[2] = { is_dir ? pde & SM_DIR_BITS : 0, 0 };
	bool stale = w->stale;

	w->stale = false;
	sm_exact(w, &key, val, is_dir);
	if (w->stale)
		pde = val[0];
	w->stale |= stale;
	return pde;
}

static int sm_eaa(uint64_t pte)
{
	return (pte & SM_READ ? PAGE_READ : 0) | (pte & SM_WRITE ? PAGE_READ | PAGE_WRITE : 0) |
	       (pte & SM_EXEC && (pte & SM_ATT) != SM_ATT_IO ? PAGE_EXEC : 0);
}

static bool sm_allows(const struct sm_walk *w, enum sm_scope scope, uint64_t pte)
{
	if (!pte || (scope == SM_PROCESS && (pte & SM_PRIV) && !w->x->privileged))
		return false;
	return check_prot_access_type(sm_eaa(pte), w->access);
}

/* Whether hardware may use @pte for the access without another look at memory. */
static bool sm_permits(const struct sm_walk *w, enum sm_scope scope, uint64_t pte)
{
	if (w->speculative)
		return pte & SM_REF;
	return sm_allows(w, scope, pte) && (pte & SM_REF) &&
	       (w->access != MMU_DATA_STORE || (pte & SM_CHG));
}

static uint64_t sm_frame(uint64_t pte, int shift, uint64_t addr)
{
	return (pte & SM_RPN & ~sm_mask(shift)) | (addr & sm_mask(shift));
}

/* Whether memory says the same of @addr as @e, or permits more. R is no matter. */
static bool sm_agrees(const struct sm_entry *e, const struct sm_leaf *leaf, uint64_t addr)
{
	uint64_t more = SM_PRIV | SM_READ | SM_WRITE | SM_EXEC | SM_CHG;
	uint64_t pte = leaf->pte;

	if (pte & SM_WRITE)
		pte |= SM_READ;
	return pte && ((pte ^ e->val[0]) & SM_ATT) == 0 &&
	       sm_frame(pte, leaf->shift, addr) == sm_frame(e->val[0], e->shift, addr) &&
	       (e->val[0] & more & ~pte & ~SM_PRIV) == 0 &&
	       (!(pte & SM_PRIV) || (e->val[0] & SM_PRIV));
}

static bool sm_is_stale(const struct sm_walk *w, enum sm_scope scope, const struct sm_entry *e,
			const struct sm_leaf *leaf, uint64_t addr)
{
	return sm_permits(w, scope, e->val[0]) &&
	       !(sm_permits(w, scope, leaf->pte ? leaf->pte | SM_REF : 0) &&
		 ((leaf->pte ^ e->val[0]) & SM_ATT) == 0 &&
		 sm_frame(leaf->pte, leaf->shift, addr) == sm_frame(e->val[0], e->shift, addr));
}

/* The translations of @addr that are kept beside @leaf, which memory says. */
static void sm_pages(struct sm_walk *w, enum sm_scope scope, uint64_t addr, struct sm_leaf *leaf)
{
	const struct sm_leaf now = *leaf;
	struct sm_entry key, *e;
	bool known = false;
	int i;

	for (i = 0; i < ARRAY_SIZE(sm_shifts); i++) {
		key = sm_key(w, SM_PAGE, scope, addr, sm_shifts[i]);
		for (e = sm_first(w, &key); e; e = sm_next(w, &key, e)) {
			if (now.shift == e->shift && (now.pte & SM_LEAF_BITS) == e->val[0])
				known = true;
			if (sm_agrees(e, &now, addr)) {
				sm_settle(e);
			} else if (sm_is_stale(w, scope, e, &now, addr)) {
				sm_doubt(w, e, now.pte);
				if (!sm_use || w->speculative)
					continue;
				leaf->pte = e->val[0];
				leaf->shift = e->shift;
				w->stale = true;
			}
		}
	}
	if (known || !now.pte || !sm_permits(w, scope, now.pte))
		return;
	key = sm_key(w, SM_PAGE, scope, addr, now.shift);
	sm_keep(w, &key, now.pte & SM_LEAF_BITS, 0);
}

static bool sm_partition(struct sm_walk *w, uint64_t gpa, MMUAccessType access, hwaddr *hra,
			 struct sm_leaf *leaf);

/* Walk the tree at @root, an entry of a table; the leaf, or one whose pte is 0. */
static struct sm_leaf sm_tree(struct sm_walk *w, enum sm_scope scope, uint64_t addr, uint64_t root)
{
	int shift = 31 + (extract64(root, 61, 2) << 3 | extract64(root, 5, 3));
	struct sm_leaf leaf = { 0 }, tables;
	uint64_t pde = root;
	int bits, level;
	hwaddr at;

	for (level = 0; level < 4; level++) {
		bits = pde & SM_NLS;
		if (bits < 5 || bits > 13 || shift - bits < 12)
			break;
		shift -= bits;
		at = (pde & SM_NLB & ~sm_mask(bits + 3)) + 8 * ((addr >> shift) & sm_mask(bits));
		if (scope == SM_PROCESS && !sm_partition(w, at, MMU_DATA_LOAD, &at, &tables))
			break;
		pde = sm_directory(w, scope, addr, shift, sm_load(w, at));
		if (!(pde & SM_VALID))
			break;
		if (pde & SM_LEAF) {
			leaf = (struct sm_leaf) { .pte = pde, .at = at, .shift = shift };
			break;
		}
	}
	return leaf;
}

/* Set R, and C for a store, in the leaf in memory, unless it has changed. */
static void sm_set_rc(struct sm_walk *w, struct sm_leaf *leaf)
{
	uint64_t want = leaf->pte | SM_REF | (w->access == MMU_DATA_STORE ? SM_CHG : 0);
	hwaddr len = 8;
	void *host;

	if (!leaf->pte || want == leaf->pte || (!w->speculative &&
						!sm_allows(w, SM_PARTITION, leaf->pte)))
		return;
	host = address_space_map(CPU(w->cpu)->as, leaf->at, &len, true, MEMTXATTRS_UNSPECIFIED);
	if (!host)
		return;
	if (len == 8 && qatomic_cmpxchg((uint64_t *)host, cpu_to_be64(leaf->pte),
					cpu_to_be64(want)) == cpu_to_be64(leaf->pte)) {
		leaf->pte = want;
		w->c->counts.set_rc++;
	}
	address_space_unmap(CPU(w->cpu)->as, host, len, true, len);
}

static bool sm_partition(struct sm_walk *w, uint64_t gpa, MMUAccessType access, hwaddr *hra,
			 struct sm_leaf *leaf)
{
	MMUAccessType outer = w->access;
	bool good;

	w->access = access;
	*leaf = sm_tree(w, SM_PARTITION, gpa, w->pate.dw0);
	if (sm_rc)
		sm_set_rc(w, leaf);
	sm_pages(w, SM_PARTITION, gpa, leaf);
	good = leaf->pte && sm_permits(w, SM_PARTITION, leaf->pte);
	w->access = outer;
	if (good)
		*hra = sm_frame(leaf->pte, leaf->shift, gpa);
	return good;
}

/* The process-scoped half: @gpa from the effective address. */
static bool sm_process(struct sm_walk *w, uint64_t *gpa)
{
	struct sm_entry key = sm_key(w, SM_TABLE, SM_PROCESS, 0, 0);
	uint64_t offset = w->x->pid * 16, val[2] = { 0 };
	uint64_t addr = w->ea & 0x3fffffffffffffffull;
	struct sm_leaf leaf;
	hwaddr at;

	if (offset >> (12 + (w->pate.dw1 & SM_NLS)))
		return false;
	if (!sm_partition(w, (w->pate.dw1 & SM_PRTB) + offset, MMU_DATA_LOAD, &at, &leaf))
		return false;
	val[0] = sm_load(w, at);
	sm_exact(w, &key, val, val[0]);
	if (!val[0])
		return false;
	leaf = sm_tree(w, SM_PROCESS, addr, val[0]);
	sm_pages(w, SM_PROCESS, addr, &leaf);
	if (!leaf.pte || !sm_permits(w, SM_PROCESS, leaf.pte))
		return false;
	w->shift = leaf.shift;
	w->prot = sm_eaa(leaf.pte) & (leaf.pte & SM_CHG ? ~0 : ~PAGE_WRITE);
	*gpa = sm_frame(leaf.pte, leaf.shift, addr);
	return true;
}

static bool sm_fetch_pate(struct sm_walk *w)
{
	struct sm_entry key = sm_key(w, SM_TABLE, SM_PARTITION, 0, 0);
	uint64_t val[2];

	if (!ppc64_v3_get_pate(w->cpu, w->x->lpid, &w->pate))
		return false;
	val[0] = w->pate.dw0;
	val[1] = w->pate.dw1;
	sm_exact(w, &key, val, val[0] & SM_VALID);
	w->pate.dw0 = val[0];
	w->pate.dw1 = val[1];
	return w->pate.dw0 & SM_VALID;
}

static bool sm_go(struct sm_walk *w, hwaddr *hra)
{
	uint64_t gpa = w->ea & 0x3fffffffffffffffull;
	struct sm_leaf leaf;

	w->shift = 63;
	w->prot = PAGE_READ | PAGE_WRITE | PAGE_EXEC;
	if (!sm_fetch_pate(w) || (w->x->relocation && !sm_process(w, &gpa)) ||
	    !sm_partition(w, gpa, w->access, hra, &leaf))
		return false;
	w->shift = MIN(w->shift, leaf.shift);
	w->prot &= sm_eaa(leaf.pte) & (leaf.pte & SM_CHG ? ~0 : ~PAGE_WRITE);
	return true;
}

/* Something near or far that nobody asked for. */
static void sm_speculate(const struct sm_walk *real)
{
	struct sm_walk w = *real;
	uint64_t random = sm_random(w.c);
	hwaddr hra;

	w.speculative = true;
	w.stale = false;
	w.access = MMU_DATA_LOAD;
	w.ea ^= (random >> 8) & sm_mask(16 + random % 24) & ~0xfffull;
	w.c->counts.speculative++;
	sm_go(&w, &hra);
}

bool strict_mmu_walk(PowerPCCPU *cpu, struct strict_mmu_xlate *x)
{
	int index = CPU(cpu)->cpu_index;
	struct sm_walk w = { .cpu = cpu, .x = x, .ea = x->ea, .access = x->access };
	bool good;

	if (cpu->vhyp || index >= SM_CPUS)
		return false;
	w.c = sm_cpus[index];
	if (!FIELD_EX64(cpu->env.msr, MSR, HV) || FIELD_EX64(cpu->env.msr, MSR, PR))
		qatomic_set(&w.c->quiet, get_clock());
	if (!x->lpid || x->lpid >= SM_LPIDS)
		return false;
	qemu_mutex_lock(&w.c->lock);
	w.c->counts.walks++;
	good = sm_go(&w, &x->raddr);
	if (sm_spec && sm_random(w.c) % 4 == 0)
		sm_speculate(&w);
	if (!QLIST_EMPTY(&w.c->doubts) && get_clock() - w.c->looked > LOOK_PERIOD)
		sm_look(index, w.c);
	good = good && w.stale;
	w.c->counts.used += good;
	qemu_mutex_unlock(&w.c->lock);
	x->shift = w.shift;
	x->prot = w.prot;
	return good;
}

/* --- tlbie --- */

struct sm_inval {
	uint64_t addr;
	uint64_t lpid;
	uint64_t pid;
	int shift;
	unsigned int ric;
	unsigned int is;
	enum sm_scope scope;
};

static bool sm_is_covered(const struct sm_inval *inv, const struct sm_entry *e)
{
	if (inv->is == SM_IS_PID && e->pid != inv->pid)
		return false;
	if (inv->ric == SM_RIC_ALL)
		return true;
	return e->kind == (inv->ric == SM_RIC_PWC ? SM_DIR : SM_PAGE);
}

static void sm_invalidate_lpid(int cpu, const struct sm_inval *inv, uint64_t lpid)
{
	struct sm_entry *e, *next;

	QLIST_FOREACH_SAFE(e, &sm_cpus[cpu]->lpids[inv->scope][lpid], in_lpid, next)
		if (sm_is_covered(inv, e))
			sm_flush(cpu, e);
}

/* One page, of the size that is said and of no other. */
static void sm_invalidate_page(int cpu, const struct sm_inval *inv)
{
	const struct sm_entry key = {
		.addr = inv->addr & ~sm_mask(inv->shift), .lpid = inv->lpid, .kind = SM_PAGE,
		.scope = inv->scope, .pid = inv->scope == SM_PROCESS ? inv->pid : 0,
		.shift = inv->shift,
	};
	struct sm_entry *e, *next;

	QLIST_FOREACH_SAFE(e, sm_bucket(sm_cpus[cpu], &key), in_bucket, next)
		if (sm_same_key(e, &key))
			sm_flush(cpu, e);
}

static void sm_invalidate(int cpu, const struct sm_inval *inv)
{
	uint64_t lpid;

	qemu_mutex_lock(&sm_cpus[cpu]->lock);
	if (inv->is == SM_IS_PAGE)
		sm_invalidate_page(cpu, inv);
	else if (inv->is != SM_IS_ALL)
		sm_invalidate_lpid(cpu, inv, inv->lpid);
	else
		for (lpid = 0; lpid < SM_LPIDS; lpid++)
			sm_invalidate_lpid(cpu, inv, lpid);
	qemu_mutex_unlock(&sm_cpus[cpu]->lock);
}

static int sm_ap_shift(uint64_t rb)
{
	static const int shifts[8] = { 12, 21, 30, 12, 12, 16, 12, 12 };

	return shifts[extract64(rb, PPC_BIT_NR(58), 3)];
}

void strict_mmu_tlbie(CPUPPCState *env, uint64_t rb, uint64_t rs, uint32_t flags)
{
	bool local = flags & TLBIE_F_LOCAL, own = local || !FIELD_EX64(env->msr, MSR, HV);
	int i, index = env_cpu(env)->cpu_index;
	struct sm_inval inv = {
		.addr = rb & SM_EPN,
		.lpid = own ? env->spr[SPR_LPIDR] : rs & 0xffffffffull,
		.pid = rs >> 32,
		.shift = sm_ap_shift(rb),
		.ric = (flags & TLBIE_F_RIC_MASK) >> TLBIE_F_RIC_SHIFT,
		.is = extract64(rb, PPC_BIT_NR(53), 2),
		.scope = flags & TLBIE_F_PRS ? SM_PROCESS : SM_PARTITION,
	};

	/* A guest that says "all" means all that is its own. */
	if (inv.is == SM_IS_ALL && !FIELD_EX64(env->msr, MSR, HV))
		inv.is = SM_IS_LPID;
	if (index >= SM_CPUS || inv.ric > SM_RIC_ALL ||
	    (inv.lpid >= SM_LPIDS && inv.is != SM_IS_ALL))
		return;
	sm_cpus[index]->counts.flushes[local][inv.scope][inv.ric][inv.is]++;
	/* By sets: that of set 0 stands for all. */
	if (local && inv.is != SM_IS_PAGE && extract64(rb, PPC_BIT_NR(51), 12))
		return;
	for (i = 0; i < SM_CPUS; i++)
		if (!local || i == index)
			sm_invalidate(i, &inv);
}

/* --- start and end --- */

static void sm_count_flushes(const struct sm_counts *sum)
{
	static const char * const ric[] = { "translations", "walk-cache", "everything" };
	static const char * const is[] = { "page", "PID", "LPID", "all" };
	int i, local, scope, r;

	for (i = 0; i < 2 * 2 * 3 * 4; i++) {
		local = i / 24;
		scope = i / 12 % 2;
		r = i / 4 % 3;
		if (sum->flushes[local][scope][r][i % 4])
			fprintf(sm_log, "strict-mmu: flushes %s %s-scoped %s by %s: %" PRIu64 "\n",
				local ? "local" : "global", scope ? "process" : "partition",
				ric[r], is[i % 4], sum->flushes[local][scope][r][i % 4]);
	}
}

static void sm_end(void)
{
	struct sm_counts sum = { 0 };
	uint64_t *to = (uint64_t *)&sum;
	int i, n;

	for (i = 0; i < SM_CPUS; i++) {
		qemu_mutex_lock(&sm_cpus[i]->lock);
		sm_look(i, sm_cpus[i]);
		for (n = 0; n < sizeof(sum) / sizeof(*to); n++)
			to[n] += ((uint64_t *)&sm_cpus[i]->counts)[n];
		qemu_mutex_unlock(&sm_cpus[i]->lock);
	}
	fprintf(sm_log, "strict-mmu: end: walks %" PRIu64 " speculative %" PRIu64 " kept %" PRIu64
		" dropped %" PRIu64 " doubts %" PRIu64 " used %" PRIu64 " rc %" PRIu64
		" stale %d\n", sum.walks, sum.speculative, sum.kept, sum.dropped, sum.raced,
		sum.used, sum.set_rc, sm_reported);
	sm_count_flushes(&sum);
	fflush(sm_log);
}

static void sm_word(const char *word)
{
	if (!strcmp(word, "report"))
		sm_report = true;
	else if (!strcmp(word, "use"))
		sm_use = true;
	else if (!strcmp(word, "rc"))
		sm_rc = true;
	else if (g_str_has_prefix(word, "spec="))
		sm_spec = g_ascii_strtoull(word + 5, NULL, 0) + 1;
	else if (g_str_has_prefix(word, "drop="))
		sm_drop = g_ascii_strtoull(word + 5, NULL, 0) + 1;
	else if (g_str_has_prefix(word, "log="))
		sm_log = fopen(word + 4, "w");
	else
		fprintf(stderr, "strict-mmu: unknown word '%s'\n", word);
}

static void __attribute__((constructor)) sm_begin(void)
{
	g_auto(GStrv) words = NULL;
	const char *given = getenv("KVM_STRICT_MMU");
	int i;

	if (!given || !*given)
		return;
	words = g_strsplit(given, ",", -1);
	for (i = 0; words[i]; i++)
		sm_word(words[i]);
	if (!sm_log)
		sm_log = stderr;
	for (i = 0; i < SM_CPUS; i++) {
		sm_cpus[i] = g_new0(struct sm_cpu, 1);
		sm_cpus[i]->random = (sm_spec + sm_drop) * 0x9e3779b97f4a7c15ull + i + 1;
		qemu_mutex_init(&sm_cpus[i]->lock);
	}
	atexit(sm_end);
	strict_mmu_on = true;
}
