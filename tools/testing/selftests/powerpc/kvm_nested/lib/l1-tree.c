// SPDX-License-Identifier: GPL-2.0-only
/* The partition table and the trees of L1, and what the kernel made of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "l1.h"

#define ROOT_BYTES	(8ULL << ROOT_BITS)
#define DIR_BITS	9

static u64 get(const u64 *entry)
{
	return __builtin_bswap64(*(const volatile u64 *)entry);
}

static void put(u64 *entry, u64 value)
{
	*(volatile u64 *)entry = __builtin_bswap64(value);
}

/**
 * l1_alloc() - memory of L1 for a table, zeroed, aligned to its size
 * @l1: VM
 * @bytes: a power of two
 */
u64 l1_alloc(struct l1 *l1, size_t bytes)
{
	u64 gpa = (l1->pool + bytes - 1) & ~(u64)(bytes - 1);

	if (gpa + bytes > L1_LOW_BYTES)
		fail("L1 has no memory left for page tables");
	l1->pool = gpa + bytes;
	return gpa;
}

void l1_set_entry(struct l1 *l1, u32 lpid, u64 dw0, u64 dw1)
{
	u64 *entry = l1_memory(l1, L1_TABLE + 16 * lpid);

	put(entry + 1, dw1);
	__sync_synchronize();
	put(entry, dw0);
	__sync_synchronize();
}

u64 l1_root_word(const struct l1_tree *tree)
{
	return PATB_HR | PATB_RTS52 | tree->root | ROOT_BITS;
}

void l1_install(struct l1 *l1, u32 lpid, const struct l1_tree *tree)
{
	l1_set_entry(l1, lpid, l1_root_word(tree), PATB_HR);
}

void l1_new_tree(struct l1 *l1, struct l1_tree *tree)
{
	tree->l1 = l1;
	tree->root = l1_alloc(l1, ROOT_BYTES);
}

/* Index bits of the table below an entry of this size, for leaves of @leaf. */
static unsigned int bits_below(unsigned int shift, unsigned int leaf)
{
	return shift == SHIFT_2M ? SHIFT_2M - leaf : DIR_BITS;
}

static u64 *table_below(struct l1_tree *tree, u64 *entry, unsigned int bits)
{
	u64 table;

	if (!get(entry)) {
		table = l1_alloc(tree->l1, 8ULL << bits);
		put(entry, PTE_VALID | table | bits);
	}
	if (get(entry) & PTE_LEAF || (get(entry) & PDE_NLS) != bits)
		fail("the tree of L1 has another geometry there");
	return l1_memory(tree->l1, get(entry) & PDE_NLB);
}

/**
 * l1_map() - map one page for L2; tells nobody
 * @tree: tree
 * @ngpa: L2 real address
 * @gpa: L1 real address
 * @shift: size: SHIFT_4K, SHIFT_64K, SHIFT_2M or SHIFT_1G
 * @bits: rights, R and C
 */
void l1_map(struct l1_tree *tree, u64 ngpa, u64 gpa, unsigned int shift,
	    u64 bits)
{
	u64 *table = l1_memory(tree->l1, tree->root);
	unsigned int at = SHIFT_512G, width = ROOT_BITS;

	for (;;) {
		u64 *entry = table + ((ngpa >> at) & (BIT(width) - 1));

		if (at == shift) {
			put(entry, PTE_VALID | PTE_LEAF | gpa | bits);
			return;
		}
		width = bits_below(at, shift);
		table = table_below(tree, entry, width);
		at -= width;
	}
}

void l1_map_range(struct l1_tree *tree, u64 ngpa, u64 gpa, u64 bytes,
		  unsigned int shift, u64 bits)
{
	u64 offset;

	for (offset = 0; offset < bytes; offset += BIT(shift))
		l1_map(tree, ngpa + offset, gpa + offset, shift, bits);
}

/**
 * l1_entry() - the leaf entry for an address, valid or not
 * @tree: tree
 * @ngpa: L2 real address, below tables that exist
 * @shift: set to the size, may be NULL
 */
u64 *l1_entry(struct l1_tree *tree, u64 ngpa, unsigned int *shift)
{
	u64 *table = l1_memory(tree->l1, tree->root);
	unsigned int at = SHIFT_512G, width = ROOT_BITS;

	for (;;) {
		u64 *entry = table + ((ngpa >> at) & (BIT(width) - 1));
		u64 value = get(entry);

		if (at < SHIFT_2M || !value || value & PTE_LEAF) {
			if (shift)
				*shift = at;
			return entry;
		}
		width = value & PDE_NLS;
		table = l1_memory(tree->l1, value & PDE_NLB);
		at -= width;
	}
}

/**
 * l1_drop() - clear what covers 2M: a leaf, or the way to a table
 * @tree: tree
 * @ngpa: L2 real address
 *
 * The memory of the table is not used again.
 */
void l1_drop(struct l1_tree *tree, u64 ngpa)
{
	u64 *table = l1_memory(tree->l1, tree->root);
	unsigned int at = SHIFT_512G, width = ROOT_BITS;

	for (;;) {
		u64 *entry = table + ((ngpa >> at) & (BIT(width) - 1));

		if (at == SHIFT_2M || !get(entry) || get(entry) & PTE_LEAF) {
			put(entry, 0);
			__sync_synchronize();
			return;
		}
		width = get(entry) & PDE_NLS;
		table = l1_memory(tree->l1, get(entry) & PDE_NLB);
		at -= width;
	}
}

u64 l1_pte(struct l1_tree *tree, u64 ngpa)
{
	return get(l1_entry(tree, ngpa, NULL));
}

void l1_set_pte(struct l1_tree *tree, u64 ngpa, u64 pte)
{
	put(l1_entry(tree, ngpa, NULL), pte);
	__sync_synchronize();
}

void l1_unmap(struct l1_tree *tree, u64 ngpa)
{
	l1_set_pte(tree, ngpa, 0);
}

/* --- debugfs "radix" ---------------------------------------------------- */

static char *find_guest(char *text, u32 lpid)
{
	char header[32];

	snprintf(header, sizeof(header), "Nested LPID %u: ", lpid);
	text = strstr(text, header);
	return text ? strchr(text, '\n') : NULL;
}

/*
 * Next leaf of the same tree: " ngpa: pte shift". Not by sscanf(), which looks for
 * the end of the whole text each time.
 */
static char *next_leaf(char *line, u64 *ngpa, u64 *pte, unsigned int *shift)
{
	char *at, *end;

	if (!line || line[1] != ' ')
		return NULL;
	*ngpa = strtoull(line + 1, &at, 16);
	if (*at != ':')
		return NULL;
	*pte = strtoull(at + 1, &end, 16);
	*shift = strtoul(end, &at, 10);
	return at == end ? NULL : strchr(at, '\n');
}

/**
 * l1_shadow_leaves() - how many leaves the kernel has for one L2
 * @l1: VM
 * @lpid: L1's LPID
 */
unsigned int l1_shadow_leaves(struct l1 *l1, u32 lpid)
{
	char *text = vm_read_debugfs(&l1->vm, "radix"), *line;
	unsigned int n = 0, shift;
	u64 ngpa, pte;

	if (!text)
		fail("the VM has no debugfs file 'radix'");
	line = find_guest(text, lpid);
	while ((line = next_leaf(line, &ngpa, &pte, &shift)))
		n++;
	free(text);
	return n;
}

/**
 * l1_shadow_leaf() - look one leaf up
 * @l1: VM
 * @lpid: L1's LPID
 * @ngpa: L2 real address
 * @pte: the leaf
 * @shift: its size
 *
 * Return: whether there is one that covers @ngpa.
 */
int l1_shadow_leaf(struct l1 *l1, u32 lpid, u64 ngpa, u64 *pte,
		   unsigned int *shift)
{
	char *text = vm_read_debugfs(&l1->vm, "radix"), *line;
	int found = 0;
	u64 start;

	if (!text)
		fail("the VM has no debugfs file 'radix'");
	line = find_guest(text, lpid);
	while (!found && (line = next_leaf(line, &start, pte, shift)))
		found = (ngpa >> *shift) == (start >> *shift);
	free(text);
	return found;
}
