// SPDX-License-Identifier: GPL-2.0-only
/* A walk over memory that is whatever the input says. */
#include "nested/gwalk.h"
#include "fuzz.h"

struct memory {
	const u8 *data;
	size_t size;
	unsigned int reads;
};

/* Memory repeats the input; now and then it cannot be read. */
static int read_input(void *ctx, u64 addr, __be64 *entry)
{
	struct memory *m = ctx;
	u8 bytes[8];
	unsigned int i;

	if (addr % 8 || addr >> 60)
		die("read of %#llx", addr);
	if (m->reads++ >= 4)
		die("fifth read");
	if ((addr >> 12 & 0xff) == 0xee)
		return -EFAULT;
	for (i = 0; i < 8; i++)
		bytes[i] = m->data[(addr + i) % m->size];
	memcpy(entry, bytes, 8);
	return 0;
}

static void check_leaf(const struct gwalk_result *r, u64 ea)
{
	u64 mask = BIT_ULL(r->shift) - 1;

	if (!rpt_is_leaf(r->pte) || !rpt_shift_is_leaf(r->shift))
		die("leaf %#llx (2^%u)", r->pte.val, r->shift);
	if ((r->addr ^ ea) & mask || r->addr - (ea & mask) !=
	    (r->pte.val & RPT_RPN))
		die("leaf %#llx leads %#llx to %#llx", r->pte.val, ea, r->addr);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz f = { data, data + size };
	struct memory m = { data, size };
	struct gwalk_reader rd = { read_input, &m };
	struct gwalk_result r;
	u64 root, ea, addr = 0;
	u8 how;

	if (!size)
		return 0;
	how = fuzz_get(&f, 1);
	root = fuzz_get(&f, 8);
	ea = fuzz_get(&f, 8);
	if (how & 1)
		root = (root & RPT_ROOT_RPDB & ~0xffffULL) | 0x40000000000000ad;
	if (how & 2)
		ea &= RPT_EA_LAST;
	gwalk_walk(&rd, root, ea, &r);
	if (r.cause > GWALK_UNREADABLE)
		die("cause %d", r.cause);
	if (r.cause == GWALK_LEAF)
		check_leaf(&r, ea);
	if (ea > RPT_EA_LAST && r.cause == GWALK_LEAF)
		die("leaf above 52 bits");
	if (gwalk_table_entry(root, ea, &addr) == GWALK_TABLE_OK &&
	    addr >= (root & RPT_TABLE_BASE) + (1ULL << (12 + (root & 31))))
		die("entry %#llx outside of table %#llx", ea, root);
	return 0;
}
