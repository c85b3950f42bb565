// SPDX-License-Identifier: GPL-2.0-only
/*
 * I14: who only looks faults nothing in, touches no mm that is on its way out,
 * and does not read L1's tables through the reader's own address space.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/spinner.h"

#define GPA		(L1_DATA + 0x200000)
#define AT		(16ULL << SHIFT_1G)
#define STRIDE		BIT(SHIFT_2M)
#define PAGES		64ULL

static struct world w;

struct audit {
	s64 leaves;
	s64 unannounced;
	s64 skipped;
	s64 incoherent;
};

static s64 number_after(const char *text, const char *name)
{
	const char *found = strstr(text, name);

	return found ? strtoll(found + strlen(name), NULL, 0) : -1;
}

/* Read the audit of a VM; 0 if there is no such VM. */
static int look(struct vm *vm, struct audit *a)
{
	char *text = vm_read_debugfs(vm, "nested_audit");

	if (!text)
		return 0;
	a->leaves = number_after(text, "leaves ");
	a->unannounced = number_after(text, "unannounced ");
	a->skipped = number_after(text, "skipped ");
	a->incoherent = number_after(text, "incoherent ");
	free(text);
	return 1;
}

/* An L1 whose tables are all over its memory, and a leaf from each. */
static void begin(void)
{
	u64 n;

	vm_share = 1;
	world_create(&w, L1_LITTLE);
	for (n = 0; n < PAGES; n++)
		l1_map(&w.tree, AT + n * STRIDE, GPA + n * BIT(SHIFT_64K),
		       SHIFT_64K, PTE_ALL);
	l2_touch_pages(&w.v, AT, PAGES, STRIDE);
}

/* The host takes L1's tables; what is in them stays in the file. */
static void take_tables(void)
{
	CHECK(!madvise(l1_memory(&w.l1, L1_POOL), L1_LOW_BYTES - L1_POOL,
		       MADV_DONTNEED));
}

/* Leaves of the VM's own tree: lines of the dump up to the first L2. */
static unsigned int own_leaves(void)
{
	char *text = vm_read_debugfs(&w.l1.vm, "radix"), *line;
	char *end = strstr(text, "\n\n");
	unsigned int n = 0;

	for (line = text; (line = strchr(line, '\n')) && line != end; line++)
		n++;
	free(text);
	return n;
}

static void i14_audit_faults_nothing_in(void)
{
	unsigned int before, after;
	struct audit a;

	begin();
	take_tables();
	before = own_leaves();
	CHECK(look(&w.l1.vm, &a));
	after = own_leaves();
	note("%u leaves of L1 before, %u after; skipped %lld", before, after,
	     (long long)a.skipped);
	CHECK_EQ(after, before);
	CHECK(a.leaves >= (s64)PAGES);
	CHECK(a.skipped >= (s64)PAGES);
	CHECK_EQ(a.unannounced, 0);
	CHECK_EQ(a.incoherent, 0);
	/* L2 needs them again: nothing is skipped then. */
	CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
	l2_touch_pages(&w.v, AT, PAGES, STRIDE);
	CHECK(look(&w.l1.vm, &a));
	CHECK(a.leaves >= (s64)PAGES);
	CHECK_EQ(a.skipped, 0);
	CHECK_EQ(a.unannounced, 0);
	world_end(&w);
}

/* In a process of its own that has zeroes where L1's memory is in the VMM. */
static void stranger(int expect_unannounced, int expect_skipped)
{
	struct audit a;
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		if (mmap(w.l1.low, L1_LOW_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
		    w.l1.low)
			fail("no memory at the same address");
		CHECK(look(&w.l1.vm, &a));
		note("seen from outside: leaves %lld unannounced %lld skipped %lld",
		     (long long)a.leaves, (long long)a.unannounced,
		     (long long)a.skipped);
		CHECK_EQ(a.unannounced, expect_unannounced);
		CHECK_EQ(a.skipped > 0, expect_skipped);
		CHECK_EQ(a.incoherent, 0);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void i14_audit_by_a_stranger(void)
{
	begin();
	stranger(0, 0);
	/* True whoever asks: L1 has changed an entry without a word. */
	l1_set_pte(&w.tree, AT, 0);
	stranger(1, 0);
	CHECK_EQ(l1_inval_page(&w.v, 1, AT, AP_64K), H_SUCCESS);
	stranger(0, 0);
	/* As a host that swaps: what it has not got is not guessed at. */
	take_tables();
	stranger(0, 1);
	world_end(&w);
}

/* --- while the VMM dies ---------------------------------------------------- */

#define ROUNDS		8
#define MORE_BYTES	(256ULL << 20)
#define READ_ROUNDS	3

static void vmm(int out)
{
	char *more;
	u64 n;

	begin();
	/* The longer it takes to end, the more there is to see. */
	more = vm_map(MORE_BYTES);
	for (n = 0; n < MORE_BYTES; n += host_page())
		more[n] = 1;
	take_tables();
	CHECK_EQ(write(out, &w.l1.vm, sizeof(w.l1.vm)), sizeof(w.l1.vm));
	for (;;)
		take_tables();
}

static void i14_audit_while_the_vmm_is_killed(void)
{
	unsigned int round, reads = 0;
	struct audit a;
	struct vm vm;
	pid_t child;
	int ends[2];

	for (round = 0; round < ROUNDS; round++) {
		fflush(stdout);
		CHECK(!pipe(ends));
		child = fork();
		CHECK(child >= 0);
		if (!child)
			vmm(ends[1]);
		close(ends[1]);
		CHECK_EQ(read(ends[0], &vm, sizeof(vm)), sizeof(vm));
		close(ends[0]);
		CHECK(look(&vm, &a));
		kill(child, SIGKILL);
		while (look(&vm, &a)) {
			reads++;
			CHECK_EQ(a.incoherent, 0);
			CHECK_EQ(a.unannounced, 0);
		}
		CHECK_EQ(waitpid(child, NULL, 0), child);
	}
	note("%u audits of VMs that were going", reads);
	CHECK(reads > 0);
}

/* A reader that has the file open keeps the VM, and must not keep its memory. */
static void i14_audit_when_the_vmm_is_gone(void)
{
	static char text[4096];
	struct l1 l1;
	pid_t child;
	int ends[2], fd;
	ssize_t got;

	CHECK(!pipe(ends));
	fflush(stdout);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		begin();
		take_tables();
		CHECK_EQ(write(ends[1], &w.l1, sizeof(w.l1)), sizeof(w.l1));
		for (;;)
			pause();
	}
	close(ends[1]);
	CHECK_EQ(read(ends[0], &l1, sizeof(l1)), sizeof(l1));
	/* Other memory where that of L1 was. */
	CHECK(mmap(l1.low, L1_LOW_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	      l1.low);
	fd = vm_open_debugfs(&l1.vm, "nested_audit");
	CHECK(fd >= 0);
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	got = read(fd, text, sizeof(text) - 1);
	CHECK(got > 0);
	note("%.*s", (int)strcspn(text, "\n"), text);
	CHECK_EQ(number_after(text, "unannounced "), 0);
	CHECK_EQ(number_after(text, "skipped "), number_after(text, "leaves "));
	CHECK_EQ(number_after(text, "incoherent "), 0);
	close(fd);
}

static const struct test_case cases[] = {
	{ "i14_audit_faults_nothing_in", i14_audit_faults_nothing_in },
	{ "i14_audit_by_a_stranger", i14_audit_by_a_stranger },
	{ "i14_audit_while_the_vmm_is_killed",
	  i14_audit_while_the_vmm_is_killed, 120 },
	{ "i14_audit_when_the_vmm_is_gone", i14_audit_when_the_vmm_is_gone },
};

TEST_MAIN(cases)
