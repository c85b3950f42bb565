// SPDX-License-Identifier: GPL-2.0-only
/* The sorted array of leaves. */
#include <stdlib.h>

#include "model.h"
#include "shim/shim.h"

unsigned int model_at(const struct model *m, u64 addr)
{
	unsigned int lo = 0, hi = m->nr;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (model_last(&m->leaf[mid]) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct model_leaf *model_find(const struct model *m, u64 addr)
{
	unsigned int i = model_at(m, addr);

	return i < m->nr && m->leaf[i].addr <= addr ? &m->leaf[i] : NULL;
}

bool model_overlaps(const struct model *m, u64 start, u64 last)
{
	unsigned int i = model_at(m, start);

	return i < m->nr && m->leaf[i].addr <= last;
}

void model_insert(struct model *m, const struct model_leaf *l)
{
	unsigned int i = model_at(m, l->addr);

	if (m->nr == m->room) {
		m->room = m->room * 2 + 64;
		m->leaf = realloc(m->leaf, m->room * sizeof(*m->leaf));
	}
	memmove(&m->leaf[i + 1], &m->leaf[i], (m->nr - i) * sizeof(*m->leaf));
	m->leaf[i] = *l;
	m->nr++;
}

void model_remove(struct model *m, unsigned int index)
{
	m->nr--;
	memmove(&m->leaf[index], &m->leaf[index + 1],
		(m->nr - index) * sizeof(*m->leaf));
}

unsigned int model_zap(struct model *m, u64 start, u64 last)
{
	unsigned int i = model_at(m, start), n = 0;

	while (i + n < m->nr && m->leaf[i + n].addr <= last)
		n++;
	if (!n)
		return 0;
	m->nr -= n;
	memmove(&m->leaf[i], &m->leaf[i + n], (m->nr - i) * sizeof(*m->leaf));
	return n;
}

void model_clear(struct model *m)
{
	free(m->leaf);
	*m = (struct model){ NULL };
}

static bool same_frame(const struct model_leaf *l, u64 addr,
		       const struct pst_leaf *leaf)
{
	return l->pa + (addr - l->addr) == leaf->pa &&
	       !((l->attrs ^ leaf->attrs) & RPT_ATT);
}

enum pst_result model_map_result(const struct model *m, u64 addr,
				 const struct pst_leaf *leaf,
				 const struct hlist_head *head)
{
	const struct model_leaf *l = model_find(m, addr);
	u64 gain;

	if (!l)
		return model_overlaps(m, addr, addr + BIT_ULL(leaf->shift) - 1) ?
		       PST_BLOCKED : PST_MAPPED;
	if (l->shift < leaf->shift || !same_frame(l, addr, leaf))
		return PST_BLOCKED;
	/* A leaf table has one geometry: 4K inside 64K is not good enough. */
	if (l->shift != leaf->shift && l->shift < RPT_SHIFT_2M)
		return PST_BLOCKED;
	gain = leaf->attrs & ~l->attrs & (RPT_PROT | RPT_RC);
	if (!head && l->shift == leaf->shift && !(l->attrs & RPT_PROT))
		return PST_BLOCKED;
	if (!gain)
		return PST_SAME;
	if (head && (l->attrs & ~leaf->attrs & (RPT_PROT | RPT_CHG)))
		return PST_BLOCKED;
	return l->shift == leaf->shift ? PST_WIDENED : PST_BLOCKED;
}

void model_map(struct model *m, u64 addr, const struct pst_leaf *leaf,
	       struct hlist_head *head)
{
	struct model_leaf *l = model_find(m, addr);
	struct model_leaf new = { .addr = addr, .shift = leaf->shift,
				  .pa = leaf->pa, .attrs = leaf->attrs,
				  .head = head };

	switch (model_map_result(m, addr, leaf, head)) {
	case PST_WIDENED:
		l->attrs |= leaf->attrs;
		l->head = head;
		break;
	case PST_MAPPED:
		model_insert(m, &new);
		break;
	case PST_SAME:
		break;
	default:
		die("leaf at %#llx is in the way", addr);
	}
}

static void compare_link(const struct model_leaf *l, const struct pst_pos *pos)
{
	const struct pst_link *link = pst_link_at(pos->table, pos->index);
	const struct pst_link *l2;

	if (!link)
		return;
	if (!nrmap_is_linked(link))
		die("leaf at %#llx has no link", l->addr);
	for (l2 = nrmap_first(l->head); l2 != link; l2 = nrmap_next(l2))
		if (!l2)
			die("leaf at %#llx hangs on another head", l->addr);
}

static void compare_leaf(const struct model_leaf *l, const struct pst_pos *pos)
{
	u64 want = RPT_VALID | RPT_LEAF | l->pa | l->attrs;

	if (pst_pos_addr(pos) != l->addr || pos->table->shift != l->shift)
		die("leaf at %#llx (2^%u), not at %#llx (2^%u)",
		    pst_pos_addr(pos), pos->table->shift, l->addr, l->shift);
	if ((pos->pte.val ^ want) & ~RPT_REF)
		die("leaf at %#llx is %#llx, not %#llx", l->addr, pos->pte.val,
		    want);
	compare_link(l, pos);
}

void model_compare_quick(const struct model *m, struct pst *pst)
{
	struct pst_pos pos;
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		if (!pst_find_leaf(pst, m->leaf[i].addr, &pos))
			die("leaf at %#llx is missing", m->leaf[i].addr);
		compare_leaf(&m->leaf[i], &pos);
	}
	if (pst_nr_leaves(pst) != m->nr)
		die("%lu leaves, not %u", pst_nr_leaves(pst), m->nr);
}

void model_compare(const struct model *m, struct pst *pst)
{
	struct pst_iter it = { .last = ~0ULL, .budget = ~0U };
	unsigned int n = 0;

	while (pst_next_leaf(pst, &it)) {
		if (n == m->nr)
			die("leaf at %#llx is one too many",
			    pst_pos_addr(&it.pos));
		compare_leaf(&m->leaf[n++], &it.pos);
	}
	if (n != m->nr)
		die("leaf at %#llx is missing", m->leaf[n].addr);
	if (n != pst_nr_leaves(pst))
		die("%lu leaves counted, %u there", pst_nr_leaves(pst), n);
}
