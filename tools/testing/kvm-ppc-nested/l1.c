// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1's memory. The code here does not use the files under test, but for the
 * constants of the format: it is what they are compared with.
 */
#include "l1.h"
#include "shim/shim.h"

#define L1_MEMORY_END	0xd0000000ULL
#define ROOT_AT(guest)	(0x10000ULL * ((guest) + 1))
#define FIRST_TABLE	0x40000ULL

static __be64 mem[L1_TABLES / 8] __aligned(4096);
static u64 next_table = FIRST_TABLE;

void l1_reset(void)
{
	memset(mem, 0, sizeof(mem));
	next_table = FIRST_TABLE;
}

u64 l1_root(unsigned int guest)
{
	return 0x40000000000000adULL | ROOT_AT(guest);
}

u64 l1_other_root(unsigned int guest)
{
	memcpy(&mem[ROOT_AT(L1_GUESTS) / 8], &mem[ROOT_AT(guest) / 8], 0x10000);
	return l1_root(L1_GUESTS);
}

static u64 get(u64 addr)
{
	return be64_to_cpu(mem[addr / 8]);
}

static void put(u64 addr, u64 val)
{
	mem[addr / 8] = cpu_to_be64(val);
}

/* When all are used the oldest are used again, whoever needs them. */
static u64 new_table(void)
{
	u64 addr = next_table;

	next_table += 0x1000;
	if (next_table == L1_TABLES)
		next_table = FIRST_TABLE;
	memset(&mem[addr / 8], 0, 0x1000);
	return addr;
}

static bool is_dir(u64 e)
{
	return e >> 62 == 2;
}

static bool inside(u64 addr)
{
	return addr < L1_TABLES;
}

void l1_map(unsigned int guest, u64 ngpa, const struct l1_leaf *leaf)
{
	static const unsigned int shift_at[] = { 0, 21, 30, 39 };
	u64 table = ROOT_AT(guest), at;
	unsigned int level = 3, shift;
	u64 nls;

	for (;; level--) {
		shift = level ? shift_at[level] : leaf->shift;
		at = table + 8 * (ngpa >> shift &
				  (level == 3 ? 0x1fff : !level ?
				   (1 << (21 - shift)) - 1 : 0x1ff));
		if (shift == leaf->shift || !inside(at))
			break;
		nls = level > 1 ? 9 : leaf->shift == 16 ? 5 :
		      leaf->shift == 12 ? 9 : 0;
		if (!is_dir(get(at)) || (get(at) & 31) != nls ||
		    !inside(get(at) & RPT_NLB))
			put(at, 1ULL << 63 | new_table() | nls);
		table = get(at) & RPT_NLB;
	}
	if (inside(at))
		put(at, 3ULL << 62 | leaf->gpa | leaf->attrs);
}

/* Where the entry stands that ends a walk; 0 for nowhere that can be read. */
static u64 walk_to(u64 root, u64 ngpa, unsigned int *level, unsigned int *shift)
{
	unsigned int bits = root & 31;
	u64 table = root & RPT_NLB, at;

	*level = 3;
	for (;;) {
		*shift = *level == 3 ? 39 : *level == 2 ? 30 :
			 *level == 1 ? 21 : 21 - bits;
		if (table % (8ULL << bits))
			return 0;
		at = table + 8 * (ngpa >> *shift & ((1ULL << bits) - 1));
		if (!inside(at) || !is_dir(get(at)) || !*level)
			return inside(at) ? at : 0;
		bits = get(at) & 31;
		table = get(at) & RPT_NLB;
		--*level;
		if (*level ? bits != 9 : bits != 5 && bits != 9)
			return 0;
	}
}

struct l1_leaf l1_walk(u64 root, u64 ngpa)
{
	struct l1_leaf l = { 0 };
	unsigned int level, shift;
	u64 at = walk_to(root, ngpa, &level, &shift), e;

	if (!at || level == 3)
		return l;
	e = get(at);
	if (e >> 62 != 3 || (e & RPT_RPN) % (1ULL << shift))
		return l;
	l.gpa = (e & RPT_RPN) + ngpa % (1ULL << shift);
	l.attrs = e & RPT_ATTRS;
	l.shift = shift;
	return l;
}

bool l1_change(unsigned int guest, u64 ngpa, u64 clr, u64 set)
{
	unsigned int level, shift;
	u64 at = walk_to(l1_root(guest), ngpa, &level, &shift);

	if (!at || !(get(at) >> 63))
		return false;
	put(at, (get(at) & ~clr) | set);
	return true;
}

void l1_scribble(u64 where, u64 val)
{
	put(where % L1_TABLES & ~7ULL, val);
}

int l1_read(void *ctx, u64 addr, __be64 *entry)
{
	if (addr >= L1_MEMORY_END)
		return -EFAULT;
	*entry = inside(addr) ? mem[addr / 8] : 0;
	return 0;
}
