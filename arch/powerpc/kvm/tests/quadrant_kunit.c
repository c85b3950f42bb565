// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies through quadrants 1 and 2, as another CPU that sends IPIs sees them.
 *
 * Needs a host on bare metal with two CPUs. The copies may all fail: what is
 * looked at are LPIDR and PIDR meanwhile.
 */
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/kvm_host.h>
#include <linux/smp.h>

#include <asm/kvm_ppc.h>

#include "nested/pst.h"
#include "nested/quadrant.h"
#include "nested/rpt.h"
#include "nested_test.h"

#define QUADRANT_COPIES		2000
#define QUADRANT_IPIS		2000
#define QUADRANT_SECONDS	60
#define QUADRANT_EA		0x10000ULL
#define QUADRANT_BYTES		256
/* The largest PID: processes have small ones while the tests run. */
#define QUADRANT_PID		(BIT(mmu_pid_bits) - 1)

struct quadrant_borrower {
	u64 lpid;
	u32 pid;
	unsigned long copies;
	void *root;
	struct task_struct *task;
};

struct quadrant_seen {
	unsigned long ipis;
	unsigned long lpid;
	unsigned long pid;
};

/* The LPID gets an empty tree: every access ends with an interrupt. */
static int quadrant_begin(struct quadrant_borrower *b)
{
	long lpid = kvmppc_alloc_lpid();

	if (lpid < 0)
		return lpid;
	b->lpid = lpid;
	b->root = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO,
					   get_order(8UL << RPT_ROOT_BITS));
	if (!b->root) {
		kvmppc_free_lpid(lpid);
		return -ENOMEM;
	}
	lpid_set_entry(make_hlpid(lpid), rpt_make_root(__pa(b->root)),
		       RPT_ROOT_HR);
	return 0;
}

static void quadrant_end(struct quadrant_borrower *b)
{
	lpid_set_entry(make_hlpid(b->lpid), 0, 0);
	kvmppc_free_lpid(b->lpid);
	free_pages((unsigned long)b->root, get_order(8UL << RPT_ROOT_BITS));
}

static int quadrant_copy_on(void *ctx)
{
	struct quadrant_borrower *b = ctx;
	struct quadrant_copy c = {
		.buf = kzalloc(QUADRANT_BYTES, GFP_KERNEL),
		.lpid = b->lpid, .pid = b->pid, .home_cpu = -1,
	};

	while (!kthread_should_stop()) {
		c.dir = b->copies & 1 ? QUADRANT_LOAD : QUADRANT_STORE;
		if (c.buf)
			quadrant_copy(c, QUADRANT_EA, QUADRANT_BYTES);
		WRITE_ONCE(b->copies, b->copies + 1);
		cond_resched();
	}
	kfree(c.buf);
	return 0;
}

static void quadrant_look(void *ctx)
{
	struct quadrant_seen *seen = ctx;

	seen->ipis++;
	seen->lpid += mfspr(SPRN_LPID) != 0;
	seen->pid += mfspr(SPRN_PID) == QUADRANT_PID;
}

/* Both counts have to grow, or the test has not looked. */
static void quadrant_interrupt(const struct quadrant_borrower *b,
			       unsigned int cpu, struct quadrant_seen *seen)
{
	unsigned long end = jiffies + QUADRANT_SECONDS * HZ;

	while (time_before(jiffies, end) &&
	       (seen->ipis < QUADRANT_IPIS ||
		READ_ONCE(b->copies) < QUADRANT_COPIES)) {
		smp_call_function_single(cpu, quadrant_look, seen, 1);
		cond_resched();
	}
	EXPECT(seen->ipis >= QUADRANT_IPIS);
	EXPECT(READ_ONCE(b->copies) >= QUADRANT_COPIES);
}

static void quadrant_run(struct kunit *test, u32 pid)
{
	struct quadrant_borrower b = { .pid = pid };
	struct quadrant_seen seen = {};
	unsigned int cpu;

	KUNIT_ASSERT_EQ(test, quadrant_begin(&b), 0);
	migrate_disable();
	cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	b.task = kthread_create(quadrant_copy_on, &b, "quadrant");
	if (!IS_ERR(b.task)) {
		kthread_bind(b.task, cpu);
		wake_up_process(b.task);
		quadrant_interrupt(&b, cpu, &seen);
		kthread_stop(b.task);
	}
	migrate_enable();
	quadrant_end(&b);
	EXPECT(!IS_ERR(b.task));
	test_row("of %lu IPIs during %lu copies", seen.ipis, b.copies);
	EXPECT_EQ(seen.lpid, 0);
	EXPECT_EQ(seen.pid, 0);
}

/* I12, quadrant 2: an IPI that flushes the host's TLB goes by LPIDR. */
TEST(quadrant_i12_interrupts_see_the_lpid_of_the_host)
{
	if (!kvmppc_hv_ops || kvmhv_on_pseries() || num_online_cpus() < 2)
		kunit_skip(test, "needs KVM-HV on bare metal and two CPUs");
	quadrant_run(test, 0);
}

/* I12, quadrant 1: and by PIDR, as does a look at the user's stack. */
TEST(quadrant_i12_interrupts_see_the_pid_of_the_host)
{
	if (!kvmppc_hv_ops || kvmhv_on_pseries() || num_online_cpus() < 2)
		kunit_skip(test, "needs KVM-HV on bare metal and two CPUs");
	quadrant_run(test, QUADRANT_PID);
}

TEST_SUITE(kvm_nested_quadrant,
	   KUNIT_CASE(quadrant_i12_interrupts_see_the_lpid_of_the_host),
	   KUNIT_CASE(quadrant_i12_interrupts_see_the_pid_of_the_host));
