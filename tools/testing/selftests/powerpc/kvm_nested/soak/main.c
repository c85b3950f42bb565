// SPDX-License-Identifier: GPL-2.0-only
/*
 * soak SEED SECONDS [WORKER.LIFE]
 *
 * Start workers and what is beside them, wait, and see that all is given back.
 * With WORKER.LIFE, that worker alone runs that life again and again.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <asm/ptrace.h>

#include "../lib/group.h"
#include "../lib/param.h"
#include "soak.h"

#define LIFE_SECONDS	180
#define REPORT_SECONDS	10
#define SETTLE_SECONDS	20
#define LOOK_MS		100
/* A thread that has made no step for so many looks makes none any more. */
#define STUCK_LOOKS	(45 * 1000 / LOOK_MS)
#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged"
#define SWAP_BYTES	(62ULL << 20)

static const struct {
	const char *name;
	void (*body)(u64 seed);
} beside[BESIDE] = {
	[BESIDE_CPUS] = { "cpus", beside_cpus },
	[BESIDE_READERS] = { "readers", beside_readers },
	[BESIDE_MEMORY] = { "memory", beside_memory },
	[BESIDE_BYSTANDER] = { "bystander", beside_bystander },
};

struct tally *tally;

static u64 seed;
static u64 end;			/* in seconds since some point */
static int only_worker = -1;
static u64 only_life;

u64 rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * 0x2545f4914f6cdd1dULL;
}

u64 rng_below(struct rng *rng, u64 n)
{
	return (rng_next(rng) >> 16) % n;
}

int rng_one_in(struct rng *rng, u64 n)
{
	return !rng_below(rng, n);
}

/* A thread of a life begins another operation. */
void note_op(struct life_note *n, unsigned int thread, const char *name)
{
	n->last[n->op++ % LAST_OPS] = name;
	COUNT(ops);
	note_step(n, thread, name);
}

/* Part of an operation: not said when a life fails, but it is a step. */
void note_step(struct life_note *n, unsigned int thread, const char *name)
{
	pulse_beat(&n->pulses[thread], name);
}

void note_end(struct life_note *n, unsigned int thread)
{
	pulse_end(&n->pulses[thread]);
}

/* The kernel's own reports name the life and the vCPU. */
void note_thread(struct life_note *n, unsigned int thread)
{
	pulse_name("%d.%llu/vcpu%u", (int)(n - tally->notes),
		   (unsigned long long)n->life, thread);
}

/* To find out what a failure needs: SOAK_WITHOUT='lives cpus ...' */
static int is_wanted(const char *name)
{
	const char *without = getenv("SOAK_WITHOUT");

	return !without || !strstr(without, name);
}

/*
 * The emulator lets a store pass without setting C, if the page was loaded from
 * when its entry had W already. Linux makes such an entry when it reads a page
 * back from swap, and takes the page for unchanged afterwards: the store is
 * lost, with or without KVM. So what the processes of the run themselves load
 * and store stays in memory, and only memory that they do not store to, as
 * L1's data, is swapped.
 */
static void stay_in_memory(void)
{
	if (mlockall(MCL_CURRENT))
		fail("mlockall: %s", strerror(errno));
}

/* The stack of a thread that was started since. */
void stack_stays_in_memory(void)
{
	pthread_attr_t attr;
	size_t bytes;
	void *stack;

	if (pthread_getattr_np(pthread_self(), &attr) ||
	    pthread_attr_getstack(&attr, &stack, &bytes) ||
	    mlock2(stack, bytes, MLOCK_ONFAULT))
		fail("the stack of a thread: %s", strerror(errno));
	pthread_attr_destroy(&attr);
}

static u64 seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static u64 seed_of(u64 worker, u64 life)
{
	struct rng rng = { seed * 0x9e3779b97f4a7c15ULL + worker * 1000003 +
			   life * 7919 + 1 };

	rng_next(&rng);
	return rng_next(&rng) | 1;
}

/* --- a worker ----------------------------------------------------------- */

static void say_how_it_ended(unsigned int worker, u64 life, int status)
{
	struct life_note *n = &tally->notes[worker];
	unsigned int i, at = n->op > LAST_OPS ? n->op - LAST_OPS : 0;

	printf("soak: life %u.%llu of seed %llu failed", worker,
	       (unsigned long long)life, (unsigned long long)seed);
	if (WIFSIGNALED(status))
		printf(" by signal %d%s", WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM ? " (time limit)" : "");
	printf(", operation %u after", n->op);
	for (i = at; i < n->op; i++)
		printf(" %s", n->last[i % LAST_OPS]);
	printf("\n");
	fflush(stdout);
}

/* Wait for it, or end it in the middle of what it does. */
static int wait_for_life(pid_t child, unsigned int kill_after_ms)
{
	int status = 0;

	if (kill_after_ms) {
		sleep_ms(kill_after_ms);
		kill(child, SIGKILL);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (kill_after_ms && WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGKILL) {
		COUNT(killed);
		return 0;
	}
	return status;
}

/* Where in the program a life met its end; the signal then ends it. */
static void say_where(int nr, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	char text[128];
	int n = snprintf(text, sizeof(text),
			 "soak: signal %d, code %d, at %p, nip %lx, lr %lx\n",
			 nr, info->si_code, info->si_addr,
			 uc->uc_mcontext.gp_regs[PT_NIP],
			 uc->uc_mcontext.gp_regs[PT_LNK]);

	n = write(STDOUT_FILENO, text, n);
	(void)n;
}

static void say_where_it_ends(void)
{
	struct sigaction action = {
		.sa_sigaction = say_where,
		.sa_flags = SA_SIGINFO | SA_RESETHAND,
	};

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
}

/* Return: how it ended, as waitpid() says. */
static int run_life(unsigned int worker, u64 life)
{
	struct life_note *n = &tally->notes[worker];
	struct rng rng = { seed_of(worker, life) };
	int is_wild = rng_one_in(&rng, 4);
	unsigned int kill_after_ms = rng_one_in(&rng, 5) ?
				     50 + rng_below(&rng, 3000) : 0;
	u64 life_seed = rng_next(&rng) | 1;
	pid_t child;

	memset(n, 0, sizeof(*n));
	n->life = life;
	fflush(stdout);
	child = fork();
	if (child) {
		int status = child < 0 ? -1 :
			     wait_for_life(child, kill_after_ms);

		n->pid = 0;
		return status;
	}
	n->pid = getpid();
	note_thread(n, 0);
	say_where_it_ends();
	stay_in_memory();
	alarm(LIFE_SECONDS);
	if (is_wild) {
		COUNT(wild);
		wild_life(life_seed, n);
	} else {
		model_life(life_seed, n);
	}
	_exit(0);
}

static void work(unsigned int worker)
{
	u64 life = only_worker < 0 ? 0 : only_life;

	while (!tally->stop && seconds() < end) {
		int status = is_wanted("lives") ? run_life(worker, life) : 0;

		if (!is_wanted("lives"))
			sleep_ms(1000);
		if (status) {
			say_how_it_ended(worker, life, status);
			_exit(1);
		}
		COUNT(lives);
		life += only_worker < 0;
	}
	_exit(0);
}

/* --- the end ------------------------------------------------------------ */

static unsigned int vms_left(void)
{
	DIR *dir = opendir("/sys/kernel/debug/kvm");
	struct dirent *entry;
	unsigned int n = 0;

	if (!dir)
		fail("debugfs has no directory kvm");
	while ((entry = readdir(dir)))
		n += strchr(entry->d_name, '-') != NULL;
	closedir(dir);
	return n;
}

/* Objects of a slab cache that are in use; kernels that debug slabs know. */
static unsigned long in_use(const char *cache)
{
	char path[128], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	if (!access(path, W_OK))
		file_write(path, "1");
	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/objects", cache);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		text[0] = 0;
	fclose(file);
	return strtoul(text, NULL, 0);
}

/* Each VM is gone, and so is all it had. */
static void see_all_given_back(void)
{
	static const char *const caches[] = {
		"kvm-pst-table", "kvm-pst-pte", "kvm-pst-slot",
		"kvm-pst-pte64k", "kvm-pst-slot64k",
	};
	unsigned int i, waited = 0;
	unsigned long left;

	do {
		left = vms_left();
		for (i = 0; i < ARRAY_SIZE(caches); i++)
			left += in_use(caches[i]);
		if (!left)
			return;
		sleep_ms(1000);
	} while (++waited < SETTLE_SECONDS);
	note("%u VMs left", vms_left());
	for (i = 0; i < ARRAY_SIZE(caches); i++)
		note("%s: %lu objects left", caches[i], in_use(caches[i]));
	fail("not everything was given back");
}

/* --- the run ------------------------------------------------------------ */

static void set_host_up(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	stay_in_memory();
	swap_on(SWAP_BYTES);
	group_join();
	file_write("/sys/kernel/mm/ksm/sleep_millisecs", "20");
	file_write("/sys/kernel/mm/ksm/pages_to_scan", "500");
	file_write("/sys/kernel/mm/ksm/use_zero_pages", "0");
	file_write("/sys/kernel/mm/ksm/run", "1");
	file_write(KHUGEPAGED "/scan_sleep_millisecs", "50");
	file_write(KHUGEPAGED "/alloc_sleep_millisecs", "50");
}

static pid_t start(void (*body)(u64 seed), u64 number)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		fail("fork: %s", strerror(errno));
	if (child)
		return child;
	pulse_name("beside/%s", beside[number].name);
	stay_in_memory();
	body(seed_of(100 + number, 0));
	pulse_end(&tally->beside[number]);
	_exit(0);
}

static pid_t start_worker(unsigned int worker)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		fail("fork: %s", strerror(errno));
	if (!child) {
		stay_in_memory();
		work(worker);
	}
	return child;
}

static void report(const char *lead)
{
	printf("%s%llu lives (%llu wild, %llu killed), %llu operations: ", lead,
	       (unsigned long long)tally->lives,
	       (unsigned long long)tally->wild,
	       (unsigned long long)tally->killed,
	       (unsigned long long)tally->ops);
	printf("%llu stores %llu loads %llu faults %llu entries by peers; ",
	       (unsigned long long)tally->stores,
	       (unsigned long long)tally->loads,
	       (unsigned long long)tally->faults,
	       (unsigned long long)tally->entries);
	printf("%llu hotplugs %llu squeezes %llu audits %llu looks\n",
	       (unsigned long long)tally->hotplugs,
	       (unsigned long long)tally->squeezes,
	       (unsigned long long)tally->audits,
	       (unsigned long long)tally->looks);
}

/* Those beside come first. */
static pid_t pids[BESIDE + WORKERS];

/* Return: bit 0: a worker runs, bit 1: another; sets @bad if one failed. */
static int look_at_all(int *bad)
{
	int status, running = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		if (!pids[i])
			continue;
		if (waitpid(pids[i], &status, WNOHANG) != pids[i]) {
			running |= i < BESIDE ? 2 : 1;
			continue;
		}
		pids[i] = 0;
		*bad |= status != 0;
	}
	return running;
}

/* What is counted only grows, or this page has lost what it held. */
static void check_tally(void)
{
	static u64 before;
	u64 now = tally->looks + tally->ops;

	if (now < before)
		fail("the counts went back from %llu to %llu",
		     (unsigned long long)before, (unsigned long long)now);
	before = now;
}

/* --- who is stuck ------------------------------------------------------- */

static int look_at_life(unsigned int worker)
{
	struct life_note *n = &tally->notes[worker];
	unsigned int i;

	if (!n->pid)
		return 0;
	for (i = 0; i < LIFE_THREADS; i++) {
		struct pulse *p = &n->pulses[i];

		if (!pulse_is_stuck(p, STUCK_LOOKS))
			continue;
		printf("soak: life %u.%llu of seed %llu is stuck: thread %u (%d of process %d) in %s\n",
		       worker, (unsigned long long)n->life,
		       (unsigned long long)seed, i, (int)p->tid, (int)n->pid,
		       p->what);
		watch_say_where(n->pid, "soak: ");
		return 1;
	}
	return 0;
}

static int look_at_beside(unsigned int i)
{
	struct pulse *p = &tally->beside[i];

	if (!pulse_is_stuck(p, STUCK_LOOKS))
		return 0;
	printf("soak: beside the lives %s is stuck: process %d in %s\n",
	       beside[i].name, (int)p->tid, p->what);
	watch_say_where(p->tid, "soak: ");
	return 1;
}

/* Lives first: others may only wait for what one of them holds. */
static int is_stuck(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < WORKERS; i++)
		n += look_at_life(i);
	for (i = 0; i < BESIDE; i++)
		n += look_at_beside(i);
	return n;
}

/* Nobody is waited for: who is stuck may not even die. */
static void give_up(void)
{
	unsigned int i;

	watch_ask_kernel();
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		if (pids[i])
			kill(pids[i], SIGKILL);
	for (i = 0; i < WORKERS; i++)
		if (tally->notes[i].pid)
			kill(tally->notes[i].pid, SIGKILL);
	report("soak: ");
	printf("soak: seed %llu FAILED\n", (unsigned long long)seed);
	fflush(stdout);
	_exit(1);
}

/* When the workers are done, or one of all fails, the others stop. */
static int wait_for_all(void)
{
	u64 next = seconds() + REPORT_SECONDS;
	int running, bad = 0;

	while ((running = look_at_all(&bad))) {
		if (is_stuck())
			give_up();
		if (bad || !(running & 1))
			tally->stop = 1;
		if (seconds() >= next) {
			report("@lab 0 phase ");
			next = seconds() + REPORT_SECONDS;
		}
		check_tally();
		sleep_ms(LOOK_MS);
	}
	return bad;
}

static void print_of(const char *directory, const char *const *names, size_t n)
{
	char path[128], text[64];
	size_t i;

	for (i = 0; i < n; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		file = fopen(path, "r");
		if (!file || !fgets(text, sizeof(text), file))
			snprintf(text, sizeof(text), "-\n");
		if (file)
			fclose(file);
		printf("soak: %s %s", names[i], text);
	}
}

/* How much of it happened. */
static void print_memory_counts(void)
{
	static const char *const ksm[] = { "pages_shared", "pages_sharing",
					   "full_scans" };
	static const char *const thp[] = { "pages_collapsed", "full_scans" };

	print_of("/sys/kernel/mm/ksm", ksm, ARRAY_SIZE(ksm));
	print_of(KHUGEPAGED, thp, ARRAY_SIZE(thp));
	if (system("grep -E '^(pswpin|pswpout|thp_collapse_alloc|thp_split_pmd|ksm_swpin_copy|pgmigrate_success) ' /proc/vmstat | sed 's/^/soak: /'"))
		note("/proc/vmstat is not readable");
}

static void parse(int argc, char **argv)
{
	unsigned long long life = 0;
	int worker = -1;

	if (argc < 3 || argc > 4 ||
	    (argc == 4 && (sscanf(argv[3], "%d.%llu", &worker, &life) != 2 ||
			   worker < 0 || worker >= WORKERS))) {
		fprintf(stderr, "usage: soak SEED SECONDS [WORKER.LIFE]\n");
		exit(2);
	}
	seed = strtoull(argv[1], NULL, 0);
	end = seconds() + strtoull(argv[2], NULL, 0);
	only_worker = worker;
	only_life = life;
}

int main(int argc, char **argv)
{
	unsigned int i;
	int bad;

	parse(argc, argv);
	set_host_up();
	printf("soak: seed %llu\n", (unsigned long long)seed);
	for (i = 0; i < BESIDE; i++)
		if (is_wanted(beside[i].name))
			pids[i] = start(beside[i].body, i);
	for (i = 0; i < WORKERS; i++)
		if (only_worker < 0 || only_worker == (int)i)
			pids[BESIDE + i] = start_worker(i);
	bad = wait_for_all();
	report("soak: ");
	print_memory_counts();
	if (!bad)
		see_all_given_back();
	printf("soak: seed %llu %s\n", (unsigned long long)seed,
	       bad ? "FAILED" : "passed");
	return bad;
}
