// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vCPU takes back from the parent, while others change it meanwhile.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/kvm_host.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "nested_test.h"

#define PARENT_RINGS		20000
#define PARENT_PATIENCE		HZ

static struct kvm_vcpu *parent_vcpu;
static unsigned int parent_rung, parent_taken;

/* Another vCPU: rings as soon as the doorbell that it rang before was taken. */
static int parent_ring(void *unused)
{
	while (!kthread_should_stop()) {
		if (READ_ONCE(parent_rung) == READ_ONCE(parent_taken)) {
			WRITE_ONCE(parent_vcpu->arch.doorbell_request, 1);
			/* The doorbell is there before it is counted. */
			smp_store_release(&parent_rung, parent_rung + 1);
		}
		cond_resched();
	}
	return 0;
}

/* The entry of the vCPU takes it. */
static bool parent_take(void)
{
	if (!READ_ONCE(parent_vcpu->arch.doorbell_request))
		return false;
	WRITE_ONCE(parent_vcpu->arch.doorbell_request, 0);
	/* The byte is 0 before the next one is rung. */
	smp_store_release(&parent_taken, parent_taken + 1);
	return true;
}

TEST(parent_return_loses_no_doorbell_that_comes_meanwhile)
{
	struct hv_guest_state hr = {};
	unsigned long last = jiffies;
	struct task_struct *ringer;

	parent_vcpu = kunit_kzalloc(test, sizeof(*parent_vcpu), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, parent_vcpu);
	parent_vcpu->arch.vcore = kunit_kzalloc(test,
						sizeof(struct kvmppc_vcore),
						GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, parent_vcpu->arch.vcore);
	parent_rung = 0;
	parent_taken = 0;
	ringer = kthread_run(parent_ring, NULL, "parent_ring");
	KUNIT_ASSERT_FALSE(test, IS_ERR(ringer));

	while (parent_taken < PARENT_RINGS &&
	       time_before(jiffies, last + PARENT_PATIENCE)) {
		kvmhv_restore_hv_return_state(parent_vcpu, &hr);
		if (parent_take())
			last = jiffies;
		cond_resched();
	}
	kthread_stop(ringer);
	/* A ring that came last need not have been taken. */
	EXPECT_EQ(parent_taken, PARENT_RINGS);
}

TEST(parent_return_hands_back_the_doorbell_that_was_not_taken)
{
	struct hv_guest_state hr = { .dpdes = 1 };
	struct kvm_vcpu *vcpu = kunit_kzalloc(test, sizeof(*vcpu), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vcpu);
	vcpu->arch.vcore = kunit_kzalloc(test, sizeof(struct kvmppc_vcore),
					 GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, vcpu->arch.vcore);
	kvmhv_restore_hv_return_state(vcpu, &hr);
	EXPECT_EQ(vcpu->arch.doorbell_request, 1);
	EXPECT_EQ(vcpu->arch.nested_doorbell, 0);
	hr.dpdes = 0;
	kvmhv_restore_hv_return_state(vcpu, &hr);
	EXPECT_EQ(vcpu->arch.doorbell_request, 1);
}

TEST_SUITE(kvm_nested_parent,
	   KUNIT_CASE(parent_return_loses_no_doorbell_that_comes_meanwhile),
	   KUNIT_CASE(parent_return_hands_back_the_doorbell_that_was_not_taken));
