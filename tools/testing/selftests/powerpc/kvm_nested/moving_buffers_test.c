// SPDX-License-Identifier: GPL-2.0-only
/*
 * C5: L0 remembers where hv_guest_state and pt_regs are. When the host gives
 * their page other memory, takes it, or the slot goes, what is in L1's memory
 * now is read, and nothing is written to what was there before.
 *
 * Both buffers are in one page of a slot of their own. Each round, L2 adds a
 * number to a register.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/group.h"
#include "lib/spinner.h"

#define SLOT		6
#define GPA		0x80000000ULL
#define BYTES		BIT(SHIFT_64K)
#define SAID		(L2_FLAGS + 0x200)
#define NOBODY		0xee
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

static struct world w;
static struct l1_vcpu runner;		/* where L2 stays for a while */
static char *memory, *away;
static unsigned int number;

static void use_slot(struct l1_vcpu *v)
{
	v->state_gpa = GPA;
	v->regs_gpa = GPA + 0x400;
	v->state = (struct hv_state *)memory;
	v->regs = (struct l2_regs *)(memory + 0x400);
}

static void round_trip(struct l1_vcpu *v)
{
	number++;
	l2_goto(v, l2_touch);
	SET_REG(v, 4, L2_DATA);
	SET_REG(v, 5, 1);
	SET_REG(v, 6, number);
	SET_REG(v, 31, ~(u64)number);
	CHECK_EQ(l1_run(v), TRAP_HCALL);
	/* r4 has moved on by r6, and the rest came through. */
	CHECK_EQ(REG(v, 4), L2_DATA + number);
	CHECK_EQ(REG(v, 31), ~(u64)number);
	CHECK_EQ(STATE(v, version), 2);
}

/* Often enough for L0 to remember the page. */
static void remember(struct l1_vcpu *v)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		round_trip(v);
}

static void begin(void)
{
	world_create(&w, L1_LITTLE);
	memory = vm_map(BYTES);
	away = vm_map(BYTES);
	vm_set_slot(&w.l1.vm, SLOT, GPA, memory, BYTES, 0);
	l1_map(&w.tree, L2_DATA, L1_DATA + 0x200000, SHIFT_64K, PTE_ALL);
	l1_map(&w.tree, L2_FLAGS, L1_DATA, SHIFT_64K, PTE_ALL);
	l1_add_vcpu(&w.l1, &runner, 1);
	use_slot(&runner);
	l2_prepare(&runner, 1);
	remember(&runner);
}

static void end(void)
{
	world_end(&w);
}

/* --- between two entries -------------------------------------------------- */

/* The old page stays visible, at @away, with nothing of interest in it. */
static void swap_pages(void)
{
	char *spare = vm_map(BYTES);

	memcpy(spare, memory, BYTES);
	CHECK(mremap(memory, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
		     away) == away);
	CHECK(mremap(spare, BYTES, BYTES, MREMAP_MAYMOVE | MREMAP_FIXED,
		     memory) == memory);
	memset(away, NOBODY, BYTES);
}

static void nobody_wrote_away(void)
{
	size_t i;

	for (i = 0; i < BYTES; i++)
		CHECK_EQ((u8)away[i], NOBODY);
}

static void c5_other_page_between_entries(void)
{
	unsigned int round;

	begin();
	for (round = 0; round < 10; round++) {
		swap_pages();
		round_trip(&runner);
		nobody_wrote_away();
		remember(&runner);
		nobody_wrote_away();
	}
	end();
}

static void c5_taken_between_entries(void)
{
	unsigned int round;

	begin();
	for (round = 0; round < 10; round++) {
		memcpy(away, memory, BYTES);
		CHECK(!madvise(memory, BYTES, MADV_DONTNEED));
		CHECK_EQ(runner.state->version, 0);
		CHECK_EQ(l1_enter(&runner), H_PARAMETER);
		memcpy(memory, away, BYTES);
		remember(&runner);
	}
	end();
}

/* What L0 wrote is in the page that is swapped, and comes back with it. */
static void c5_swapped_between_entries(void)
{
	unsigned int round, out = 0;
	unsigned char present;

	group_join_with_swap(48 << 20);
	begin();
	for (round = 0; round < 20; round++) {
		remember(&runner);
		CHECK(!madvise(memory, BYTES, MADV_PAGEOUT));
		CHECK(!mincore(memory, 1, &present));
		out += !(present & 1);
		CHECK_EQ(REG(&runner, 31), ~(u64)number);
		CHECK_EQ(REG(&runner, 4), L2_DATA + number);
		round_trip(&runner);
	}
	note("the page was out %u times", out);
	CHECK(out);
	end();
	swap_off();
}

/* A process that shares the page until one of the two writes. */
static pid_t fork_watcher(int go)
{
	u64 seen = runner.regs->gpr[31];
	pid_t child = fork();
	char byte;

	CHECK(child >= 0);
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK_EQ(read(go, &byte, 1), 1);
	CHECK_EQ(runner.regs->gpr[31], seen);
	_exit(0);
}

static void c5_copied_by_fork(void)
{
	unsigned int round;
	int go[2], status;
	pid_t child;

	begin();
	CHECK(!pipe(go));
	for (round = 0; round < 5; round++) {
		child = fork_watcher(go[0]);
		remember(&runner);
		CHECK_EQ(write(go[1], "", 1), 1);
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
	}
	end();
}

/* --- while L2 runs -------------------------------------------------------- */

static volatile u64 *said(void)
{
	return l1_memory(&w.l1, L1_DATA + (SAID - L2_FLAGS));
}

static volatile u64 *stop_word(void)
{
	return l1_memory(&w.l1, L1_DATA + SPIN_STOP);
}

static void stay(struct l1_vcpu *v)
{
	v->result = l1_run(v);
}

/* L2 has said that it runs; it does so until end_stay(). */
static void begin_stay(void)
{
	*said() = 0;
	*stop_word() = 0;
	number++;
	l2_goto(&runner, l2_signal_spin);
	SET_REG(&runner, 4, SAID);
	SET_REG(&runner, 7, L2_FLAGS + SPIN_STOP);
	SET_REG(&runner, 31, ~(u64)number);
	runner.slice = 60 * 1000 * TICKS_PER_MS;
	l1_go(&runner, stay);
	wait_until_set(said());
}

static s64 end_stay(void)
{
	__atomic_store_n(stop_word(), ~0ULL, __ATOMIC_SEQ_CST);
	l1_join(&runner);
	return runner.result;
}

/* What L2 left is in L1's memory as it is now. */
static void state_is_here(void)
{
	CHECK_EQ(REG(&runner, 8), 1);
	CHECK_EQ(REG(&runner, 10), ~0ULL);
	CHECK_EQ(REG(&runner, 31), ~(u64)number);
}

static void c5_other_page_while_l2_runs(void)
{
	unsigned int round;

	begin();
	for (round = 0; round < 10; round++) {
		begin_stay();
		swap_pages();
		CHECK_EQ(end_stay(), TRAP_HCALL);
		nobody_wrote_away();
		state_is_here();
		remember(&runner);
	}
	end();
}

/* L1 finds its registers in a page that was zeroes meanwhile. */
static void c5_taken_while_l2_runs(void)
{
	unsigned int round;

	begin();
	for (round = 0; round < 10; round++) {
		begin_stay();
		CHECK(!madvise(memory, BYTES, MADV_DONTNEED));
		CHECK_EQ(end_stay(), TRAP_HCALL);
		state_is_here();
		l2_prepare(&runner, 1);
		remember(&runner);
	}
	end();
}

static void c5_swapped_while_l2_runs(void)
{
	unsigned int round;

	group_join_with_swap(48 << 20);
	begin();
	for (round = 0; round < 10; round++) {
		begin_stay();
		CHECK(!madvise(memory, BYTES, MADV_PAGEOUT));
		CHECK_EQ(end_stay(), TRAP_HCALL);
		CHECK(!madvise(memory, BYTES, MADV_PAGEOUT));
		state_is_here();
		remember(&runner);
	}
	end();
	swap_off();
}

/* --- the slot ------------------------------------------------------------- */

static void slot_is(void *where)
{
	vm_set_slot(&w.l1.vm, SLOT, GPA, where, where ? BYTES : 0, 0);
}

static void c5_slot_deleted_between_entries(void)
{
	begin();
	memcpy(away, memory, BYTES);
	slot_is(NULL);
	CHECK_EQ(l1_enter(&runner), H_PARAMETER);
	CHECK_EQ(l1_enter(&runner), H_PARAMETER);
	/* But for hdec_expiry, which the test itself has written. */
	CHECK(!memcmp(away + 0x400, memory + 0x400, BYTES - 0x400));
	slot_is(memory);
	remember(&runner);
	end();
}

static void c5_slot_deleted_while_l2_runs(void)
{
	begin();
	begin_stay();
	slot_is(NULL);
	memset(memory, NOBODY, BYTES);
	memset(away, NOBODY, BYTES);
	CHECK_EQ(end_stay(), H_AUTHORITY);
	CHECK(!memcmp(away, memory, BYTES));
	slot_is(memory);
	l2_prepare(&runner, 1);
	remember(&runner);
	end();
}

/* The same real address, other memory of the VMM; the old one is still there. */
static void c5_slot_replaced_while_l2_runs(void)
{
	char *old, *other;
	unsigned int round;

	begin();
	other = away;
	away = memory;
	for (round = 0; round < 5; round++) {
		begin_stay();
		old = memory;
		/* Only a slot that was deleted may have other memory. */
		slot_is(NULL);
		slot_is(other);
		memory = other;
		other = old;
		away = old;
		memset(away, NOBODY, BYTES);
		CHECK_EQ(end_stay(), TRAP_HCALL);
		nobody_wrote_away();
		use_slot(&runner);
		state_is_here();
		l2_prepare(&runner, 1);
		remember(&runner);
		nobody_wrote_away();
	}
	end();
}

/* --- rights of the VMM ---------------------------------------------------- */

static void c5_read_only_while_l2_runs(void)
{
	unsigned int round;

	begin();
	for (round = 0; round < 5; round++) {
		begin_stay();
		memset(memory, NOBODY, BYTES);
		memset(away, NOBODY, BYTES);
		CHECK(!mprotect(memory, BYTES, PROT_READ));
		CHECK_EQ(end_stay(), H_AUTHORITY);
		CHECK(!memcmp(away, memory, BYTES));
		CHECK(!mprotect(memory, BYTES, PROT_READ | PROT_WRITE));
		l2_prepare(&runner, 1);
		remember(&runner);
	}
	end();
}

static const struct test_case cases[] = {
	{ "c5_other_page_between_entries", c5_other_page_between_entries },
	{ "c5_taken_between_entries", c5_taken_between_entries },
	{ "c5_swapped_between_entries", c5_swapped_between_entries },
	{ "c5_copied_by_fork", c5_copied_by_fork },
	{ "c5_other_page_while_l2_runs", c5_other_page_while_l2_runs },
	{ "c5_taken_while_l2_runs", c5_taken_while_l2_runs },
	{ "c5_swapped_while_l2_runs", c5_swapped_while_l2_runs },
	{ "c5_slot_deleted_between_entries", c5_slot_deleted_between_entries },
	{ "c5_slot_deleted_while_l2_runs", c5_slot_deleted_while_l2_runs },
	{ "c5_slot_replaced_while_l2_runs", c5_slot_replaced_while_l2_runs },
	{ "c5_read_only_while_l2_runs", c5_read_only_while_l2_runs },
};

TEST_MAIN(cases)
