// SPDX-License-Identifier: GPL-2.0-only
/* Register state of L2 from any bytes, in both orders. */
#include <stdlib.h>

#include "nested/nstate.h"
#include "fuzz.h"

static void check_limits(const struct hv_guest_state *hv,
			 const struct pt_regs *regs,
			 const struct nstate_limits *lim)
{
	u64 may = LPCR_DPFD | LPCR_ILE | LPCR_TC | LPCR_AIL | LPCR_LD | LPCR_MER;

	if (!hv->lpid || hv->lpid > 4095 || hv->vcpu_token >= lim->nr_tokens)
		die("lpid %u token %u", hv->lpid, hv->vcpu_token);
	if ((hv->lpcr ^ lim->lpcr) & ~may)
		die("lpcr %#llx", hv->lpcr);
	if (hv->hfscr & ~(HFSCR_INTR_CAUSE | lim->hfscr_permitted))
		die("hfscr %#llx", hv->hfscr);
	if (lim->pcr & ~hv->pcr)
		die("pcr %#llx", hv->pcr);
	if ((hv->dawrx0 | hv->dawrx1) & DAWRX_HYP ||
	    (hv->ciabr & CIABR_PRIV) == CIABR_PRIV_HYPER)
		die("match in hypervisor state");
	if (hv->tb_offset & 0xffffff)
		die("tb_offset %lld", hv->tb_offset);
	if (regs->msr & (MSR_HV | MSR_S) || !(regs->msr & MSR_ME) ||
	    (regs->msr & MSR_TS_MASK) == MSR_TS_MASK)
		die("msr %#lx", regs->msr);
}

static void check_round_trip(const struct hv_guest_state *wire, int size,
			     enum nstate_order order)
{
	struct hv_guest_state hv, *out = malloc(size);

	memcpy(out, wire, size);
	nstate_import(wire, size, order, &hv);
	nstate_export(&hv, size, order, out);
	if (memcmp(out, wire, size))
		die("state is not what it was");
	free(out);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct nstate_limits lim = { .lpcr = 0x5555555555555555,
					   .hfscr_permitted = 0x1ff,
					   .pcr = 0x2000000000000004,
					   .nr_tokens = 64 };
	enum nstate_order order;
	struct hv_guest_state hv, *wire;
	struct pt_regs regs = { 0 };
	u64 version;
	int n;

	if (size < 9)
		return 0;
	order = data[0] & 1 ? NSTATE_SWAPPED : NSTATE_NATIVE;
	memcpy(&version, data + 1, 8);
	n = nstate_version(version, order);
	if (n < 0)
		return 0;
	if (n != 0xe8 && n != 0xf8)
		die("size %d", n);
	wire = calloc(1, n);
	memcpy(wire, data + 1, min(size - 1, (size_t)n));
	check_round_trip(wire, n, order);
	nstate_import(wire, n, order, &hv);
	if (size > 1 + n)
		memcpy(&regs, data + 1 + n,
		       min(size - 1 - n, sizeof(regs)));
	nstate_swap_regs(&regs, order);
	if (!nstate_sanitise(&hv, &regs, &lim))
		check_limits(&hv, &regs, &lim);
	nstate_export(&hv, n, order, wire);
	free(wire);
	return 0;
}
