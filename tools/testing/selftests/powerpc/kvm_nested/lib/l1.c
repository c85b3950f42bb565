// SPDX-License-Identifier: GPL-2.0-only
/* L1's memory, its hypercalls, and how its vCPUs run; see l1.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "l1.h"

#define LPCR_ILE	BIT(25)
#define KICK_MS		5
#define MS_TO_SETTLE	5000

/* L2 runs this long before L1 gets control. */
#define L2_SLICE	(200 * TICKS_PER_MS)

extern const char stub_begin[], stub_entry[], stub_end[];
extern const char vector_begin[], vector_end[];

u64 l1_swap64(const struct l1 *l1, u64 value)
{
	return l1->order == L1_BIG ? __builtin_bswap64(value) : value;
}

u32 l1_swap32(const struct l1 *l1, u32 value)
{
	return l1->order == L1_BIG ? __builtin_bswap32(value) : value;
}

u64 l1_msr(const struct l1 *l1)
{
	return MSR_SF | MSR_ME | (l1->order == L1_BIG ? 0 : MSR_LE);
}

/* --- memory ------------------------------------------------------------- */

void *l1_memory(struct l1 *l1, u64 gpa)
{
	if (gpa < L1_LOW_BYTES)
		return l1->low + gpa;
	if (gpa >= L1_DATA && gpa - L1_DATA < l1->data_bytes)
		return l1->data + (gpa - L1_DATA);
	fail("no memory of L1 at 0x%llx", (unsigned long long)gpa);
}

static void load_code(struct l1 *l1, u64 gpa, const char *begin, const char *end)
{
	u32 *to = l1_memory(l1, gpa);
	const u32 *from;

	for (from = (const u32 *)begin; from < (const u32 *)end; from++)
		*to++ = l1_swap32(l1, *from);
}

static void on_kick(int signal)
{
	(void)signal;
}

/**
 * l1_create() - make an L1 with memory and code, without vCPUs
 * @l1: filled
 * @order: its endianness
 * @data_bytes: bytes of its data slot, 0 for none yet
 */
void l1_create(struct l1 *l1, enum l1_order order, size_t data_bytes)
{
	struct sigaction kick = { .sa_handler = on_kick };
	u64 vector;

	memset(l1, 0, sizeof(*l1));
	sigaction(SIGUSR1, &kick, NULL);
	vm_create(&l1->vm);
	vm_enable(&l1->vm, KVM_CAP_PPC_ENABLE_HCALL, H_RPT_INVALIDATE, 1);
	l1->order = order;
	l1->pool = L1_POOL;
	l1->low = vm_map(L1_LOW_BYTES);
	vm_set_slot(&l1->vm, L1_SLOT_LOW, 0, l1->low, L1_LOW_BYTES, 0);
	l1->data_bytes = data_bytes;
	if (data_bytes) {
		l1->data = vm_map(data_bytes);
		vm_set_slot(&l1->vm, L1_SLOT_DATA, L1_DATA, l1->data,
			    data_bytes, 0);
	}
	for (vector = 0x100; vector < 0x2000; vector += 0x20)
		load_code(l1, vector, vector_begin, vector_end);
	load_code(l1, L1_STUB, stub_begin, stub_end);
	load_code(l1, L1_SNIPPETS, snippets_begin, snippets_end);
	__builtin___clear_cache(l1->low, l1->low + L1_BUFFERS);
}

void l1_start(struct l1 *l1, enum l1_order order)
{
	l1_create(l1, order, L1_DATA_BYTES);
}

/* --- run a vCPU --------------------------------------------------------- */

static void answer_mmio(struct l1_vcpu *v)
{
	struct kvm_run *run = v->vcpu.run;

	v->mmio.count++;
	v->mmio.gpa = run->mmio.phys_addr;
	v->mmio.bytes = run->mmio.len;
	v->mmio.is_write = run->mmio.is_write;
	if (run->mmio.is_write)
		memcpy(&v->mmio.value, run->mmio.data, sizeof(v->mmio.value));
	else
		memcpy(run->mmio.data, &v->mmio.answer, sizeof(v->mmio.answer));
	v->mmio.answer += v->mmio.step;
}

static void oops(struct l1_vcpu *v)
{
	struct kvm_regs regs;

	control(v->vcpu.fd, KVM_GET_REGS, &regs, "KVM_GET_REGS");
	fail("L1 took an interrupt: pc 0x%llx srr0 0x%llx srr1 0x%llx",
	     (unsigned long long)regs.pc, (unsigned long long)regs.srr0,
	     (unsigned long long)regs.srr1);
}

/* Run until L1 says H_DONE. */
static void run_to_done(struct l1_vcpu *v)
{
	struct kvm_run *run = v->vcpu.run;

	for (;;) {
		int err = vcpu_run(&v->vcpu);

		if (err == -EINTR || err == -EAGAIN)
			continue;
		/* The VMM is told what it lacks (C11), and has it again soon. */
		if (err == -EFAULT && v->cured &&
		    run->exit_reason == KVM_EXIT_MEMORY_FAULT)
			continue;
		if (err)
			fail("KVM_RUN: %s", strerror(-err));
		if (run->exit_reason == KVM_EXIT_MMIO) {
			answer_mmio(v);
			continue;
		}
		if (run->exit_reason != KVM_EXIT_PAPR_HCALL)
			fail("exit %u, pc 0x%llx", run->exit_reason,
			     (unsigned long long)vcpu_reg(&v->vcpu, KVM_REG_PPC_LPCR_64));
		if (run->papr_hcall.nr == H_DONE)
			return;
		if (run->papr_hcall.nr == H_OOPS)
			oops(v);
		if (run->papr_hcall.nr != H_PING)
			fail("hypercall 0x%llx reached the VMM",
			     (unsigned long long)run->papr_hcall.nr);
		run->papr_hcall.ret = 0;
	}
}

/**
 * l1_add_vcpu() - make a vCPU that waits for its first hypercall
 * @l1: VM
 * @v: filled
 * @id: below L1_VCPUS
 */
void l1_add_vcpu(struct l1 *l1, struct l1_vcpu *v, u32 id)
{
	u64 lpcr;

	memset(v, 0, sizeof(*v));
	v->l1 = l1;
	v->slice = L2_SLICE;
	l1->vcpus[id] = v;
	v->state_gpa = L1_BUFFERS + id * 0x1000;
	v->regs_gpa = v->state_gpa + 0x400;
	v->state = l1_memory(l1, v->state_gpa);
	v->regs = l1_memory(l1, v->regs_gpa);
	vcpu_create(&l1->vm, id, &v->vcpu);
	lpcr = vcpu_reg(&v->vcpu, KVM_REG_PPC_LPCR_64);
	if (l1->order == L1_LITTLE)
		lpcr |= LPCR_ILE;
	else
		lpcr &= ~LPCR_ILE;
	vcpu_set_reg(&v->vcpu, KVM_REG_PPC_LPCR_64, lpcr);
	vcpu_start_at(&v->vcpu, L1_STUB + (stub_entry - stub_begin),
		      l1_msr(l1));
	run_to_done(v);
}

/**
 * l1_hcall() - let L1 issue one hypercall
 * @v: vCPU
 * @nr: hypercall
 * @args: r4 and up
 * @n: number of @args, at most 6
 *
 * The next KVM_RUN loads r3 to r12 from the hypercall that ended the last one.
 *
 * Return: r3 as L1 sees it; v->ticks says how long it took.
 */
s64 l1_hcall(struct l1_vcpu *v, u64 nr, const u64 *args, unsigned int n)
{
	l1_begin(v, nr, args, n);
	return l1_resume(v);
}

/**
 * l1_begin() - have the next KVM_RUN make L1 issue one hypercall
 * @v: vCPU; whoever calls KVM_RUN itself goes on with l1_resume()
 * @nr: hypercall
 * @args: r4 and up
 * @n: number of @args, at most 6
 */
void l1_begin(struct l1_vcpu *v, u64 nr, const u64 *args, unsigned int n)
{
	struct kvm_run *run = v->vcpu.run;
	unsigned int i;

	run->papr_hcall.ret = nr;
	for (i = 0; i < 9; i++)
		run->papr_hcall.args[i] = i < n ? args[i] : 0;
}

/* Run until that hypercall is over. Return: as l1_hcall(). */
s64 l1_resume(struct l1_vcpu *v)
{
	run_to_done(v);
	v->ticks = v->vcpu.run->papr_hcall.args[1];
	return v->vcpu.run->papr_hcall.args[0];
}

/**
 * l1_do() - let L1 itself run a snippet, as a plain guest would
 * @v: vCPU
 * @snippet: code; what it does for L1 at its end, it does for the VMM
 * @r4: for the snippet
 * @r5: for the snippet
 * @r6: for the snippet
 *
 * papr_hcall.args has r4 and up as the snippet left them.
 */
void l1_do(struct l1_vcpu *v, const char *snippet, u64 r4, u64 r5, u64 r6)
{
	vcpu_start_at(&v->vcpu, L1_SNIPPETS + (snippet - snippets_begin),
		      l1_msr(v->l1));
	L1_HCALL(v, H_DONE, r4, r5, r6);
	vcpu_start_at(&v->vcpu, L1_STUB, l1_msr(v->l1));
}

s64 l1_set_table(struct l1_vcpu *v, u64 ptcr)
{
	return L1_HCALL(v, H_SET_PARTITION_TABLE, ptcr);
}

s64 l1_enter(struct l1_vcpu *v)
{
	SET_STATE(v, hdec_expiry, timebase() + v->slice);
	return L1_HCALL(v, H_ENTER_NESTED, v->state_gpa, v->regs_gpa);
}

/**
 * l1_run() - enter L2 until there is something to see
 * @v: vCPU
 *
 * Return: trap or error; L1_STOPPED if l1_stop() was called.
 */
s64 l1_run(struct l1_vcpu *v)
{
	s64 r;

	do {
		if (v->stop)
			return L1_STOPPED;
		r = l1_enter(v);
	} while (!r || r == TRAP_EXTERNAL || r == TRAP_HDEC);
	return r;
}

/* --- invalidation ------------------------------------------------------- */

#define TLBIE_RIC(ric)	((u64)(ric) << 18)
#define TLBIE_R		(1ULL << 16)
#define RB_IS_LPID	0x800ULL
#define RB_IS_ALL	0xc00ULL

s64 l1_tlbie(struct l1_vcpu *v, unsigned int ric, u64 lpid, u64 rb)
{
	return L1_HCALL(v, H_TLB_INVALIDATE, TLBIE_RIC(ric) | TLBIE_R, lpid, rb);
}

s64 l1_inval_page(struct l1_vcpu *v, u64 lpid, u64 ngpa, unsigned int ap)
{
	return l1_tlbie(v, 0, lpid, (ngpa & ~0xfffULL) | (ap << 5));
}

s64 l1_inval_lpid(struct l1_vcpu *v, u64 lpid)
{
	return l1_tlbie(v, 0, lpid, RB_IS_LPID);
}

s64 l1_inval_entry(struct l1_vcpu *v, u64 lpid)
{
	return l1_tlbie(v, 2, lpid, RB_IS_LPID);
}

s64 l1_inval_all(struct l1_vcpu *v)
{
	return l1_tlbie(v, 0, 0, RB_IS_ALL);
}

s64 l1_rpt(struct l1_vcpu *v, u64 lpid, u64 type, u64 sizes, u64 start, u64 end)
{
	return L1_HCALL(v, H_RPT_INVALIDATE, lpid, RPTI_TARGET_CMMU,
			type | RPTI_TYPE_NESTED, sizes, start, end);
}

/* --- threads ------------------------------------------------------------ */

static void *thread_body(void *argument)
{
	struct l1_vcpu *v = argument;

	v->body(v);
	v->ended = 1;
	return NULL;
}

void l1_go(struct l1_vcpu *v, void (*body)(struct l1_vcpu *v))
{
	v->stop = 0;
	v->ended = 0;
	v->body = body;
	if (pthread_create(&v->thread, NULL, thread_body, v))
		fail("pthread_create");
}

/* Kick it out of KVM_RUN until it has seen the flag. */
void l1_stop(struct l1_vcpu *v)
{
	v->stop = 1;
	while (!v->ended) {
		pthread_kill(v->thread, SIGUSR1);
		sleep_ms(KICK_MS);
	}
	pthread_join(v->thread, NULL);
}

void l1_join(struct l1_vcpu *v)
{
	pthread_join(v->thread, NULL);
}

/* --- the end ------------------------------------------------------------ */

/* For what the kernel gives back in its own time. */
void l1_wait_for_zero(struct l1 *l1, const char *counter)
{
	unsigned int ms;
	s64 value = 0;

	for (ms = 0; ms < MS_TO_SETTLE; ms += KICK_MS) {
		value = vm_counter(&l1->vm, counter);
		if (!value)
			return;
		sleep_ms(KICK_MS);
	}
	fail("%s is still %lld", counter, (long long)value);
}

/**
 * l1_finish() - audit, give everything back, and see that nothing is left
 * @l1: its vCPU 0 is not running
 */
void l1_finish(struct l1 *l1)
{
	unsigned int i;

	vm_check_audit(&l1->vm);
	CHECK_EQ(l1_set_table(l1->vcpus[0], 0), H_SUCCESS);
	if (vm_has_audit(&l1->vm)) {
		l1_wait_for_zero(l1, "guests");
		l1_wait_for_zero(l1, "draining");
		l1_wait_for_zero(l1, "tables");
		l1_wait_for_zero(l1, "bytes");
	}
	vm_check_audit(&l1->vm);
	for (i = 0; i < L1_VCPUS; i++)
		if (l1->vcpus[i])
			vcpu_destroy(&l1->vcpus[i]->vcpu);
	vm_destroy(&l1->vm);
}
