// SPDX-License-Identifier: GPL-2.0-only
/* Invalidations with any operands. */
#include "nested/ninv.h"
#include "nested/rpt.h"
#include "fuzz.h"

static void check(const struct ninv *inv)
{
	bool all = inv->kind >= NINV_ALL_PWC;

	if (inv->kind > NINV_ALL_ALL || inv->glpid.val > 4095)
		die("kind %d, LPID %u", inv->kind, inv->glpid.val);
	if (!all && inv->kind != NINV_NOTHING && !inv->glpid.val)
		die("LPID 0");
	if (inv->kind != NINV_RANGE)
		return;
	if (inv->start > inv->last || inv->last > RPT_EA_LAST ||
	    inv->start & 0xfff || (inv->last & 0xfff) != 0xfff)
		die("range %#llx..%#llx", inv->start, inv->last);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz f = { data, data + size };
	u64 a = fuzz_get(&f, 8), b = fuzz_get(&f, 8), c = fuzz_get(&f, 8);
	u64 start = fuzz_get(&f, 8), end = fuzz_get(&f, 8);
	struct ninv inv;

	if (!ninv_decode_tlbie(a, b, c, &inv))
		check(&inv);
	if (end < start)
		return 0;
	if (ninv_decode_rpt(a, b, c, start, end, &inv))
		return 0;
	check(&inv);
	if (inv.kind == NINV_RANGE &&
	    (inv.start > start || inv.last < min(end - 1, RPT_EA_LAST)))
		die("%#llx..%#llx became %#llx..%#llx", start, end, inv.start,
		    inv.last);
	return 0;
}
