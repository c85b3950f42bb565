/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of nested/lpid.c: how it reaches the hardware or the parent. The
 * unit tests put their own there.
 */
#ifndef _KVM_NESTED_LPID_BACKEND_H
#define _KVM_NESTED_LPID_BACKEND_H

#include "lpid.h"

#define LPID_HCALL_ARGS	6

/**
 * enum lpid_backend - who invalidates
 * @LPID_TLBIE: this kernel
 * @LPID_H_TLB: the parent, by H_TLB_INVALIDATE
 * @LPID_H_RPT: the parent, by H_RPT_INVALIDATE
 */
enum lpid_backend {
	LPID_TLBIE,
	LPID_H_TLB,
	LPID_H_RPT,
};

enum lpid_backend lpid_backend(void);
long lpid_hcall(unsigned long nr, const unsigned long args[LPID_HCALL_ARGS]);
void lpid_tlbie(hlpid_t lpid, unsigned int ric);
void lpid_tlbie_pages(hlpid_t lpid, u64 start, u64 last, int psize);

#if IS_ENABLED(CONFIG_KUNIT)
extern unsigned int nested_lpid_reserve;
extern atomic_t lpid_nested;
#endif

#endif /* _KVM_NESTED_LPID_BACKEND_H */
