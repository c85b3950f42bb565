// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: what the trees of a VM hold.
 *
 * The file "radix" prints every valid leaf: of the VM's own tree, then of each
 * nested guest in ascending order of L1's LPID. Trees change while they are
 * read. The reader keeps an address and L1's LPID, never a guest or a table;
 * each step looks up the next leaf at or after the address under mmu_lock. So
 * it races with anything, only ever shows what was true at the moment of the
 * step, and keeps nothing alive while it is not reading.
 *
 * The root is printed as a host real address: no kernel pointer leaves here.
 */
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/seq_file.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "nested_guest.h"
#include "nested_vm.h"
#include "pst.h"
#include "radix_debugfs.h"

/* Entries looked at in one hold of mmu_lock. */
#define RADIX_DUMP_CHUNK	512

enum radix_dump_item {
	RADIX_DUMP_HEADER,
	RADIX_DUMP_LEAF,
	RADIX_DUMP_END,
};

/**
 * struct radix_dump - where one reader is
 * @kvm: the VM, with a reference
 * @nested: whether a nested guest is being printed; else the VM's own tree
 * @glpid: L1's LPID of the guest
 * @item: what is to be shown now
 * @next: address to go on from
 * @root: host real address of the root, for a header
 * @addr: guest real address of the leaf
 * @pte: the leaf
 * @shift: log2 bytes of it
 */
struct radix_dump {
	struct kvm *kvm;
	bool nested;
	glpid_t glpid;
	enum radix_dump_item item;
	u64 next;
	u64 root;
	u64 addr;
	struct rpte pte;
	unsigned int shift;
};

/* Of a nested guest with a reference; NULL means the VM. */
static struct pst *radix_dump_tree(const struct radix_dump *d,
				   const struct kvm_nested_guest *ng)
{
	return ng ? ng->live : d->kvm->arch.pst;
}

static void radix_dump_header(struct radix_dump *d,
			      const struct kvm_nested_guest *ng)
{
	struct pst *pst;

	spin_lock(&d->kvm->mmu_lock);
	pst = radix_dump_tree(d, ng);
	d->root = pst ? pure_virt_to_pa(pst->root->pte) : 0;
	spin_unlock(&d->kvm->mmu_lock);
	d->item = RADIX_DUMP_HEADER;
	d->next = 0;
}

/* One hold of mmu_lock: a leaf, or further on, or the end of the tree. */
static bool radix_dump_chunk(struct radix_dump *d,
			     const struct kvm_nested_guest *ng)
{
	struct pst_iter it = { .addr = d->next, .last = RPT_EA_LAST,
			       .budget = RADIX_DUMP_CHUNK };
	struct pst *pst;
	bool found;

	spin_lock(&d->kvm->mmu_lock);
	pst = radix_dump_tree(d, ng);
	found = pst && pst_next_leaf(pst, &it);
	if (found) {
		d->addr = pst_pos_addr(&it.pos);
		d->pte = it.pos.pte;
		d->shift = it.pos.table->shift;
	}
	spin_unlock(&d->kvm->mmu_lock);
	d->next = pst ? it.addr : RPT_EA_LAST + 1;
	return found;
}

static bool radix_dump_leaf(struct radix_dump *d,
			    const struct kvm_nested_guest *ng)
{
	while (d->next <= RPT_EA_LAST) {
		if (radix_dump_chunk(d, ng)) {
			d->item = RADIX_DUMP_LEAF;
			return true;
		}
		cond_resched();
	}
	return false;
}

/* The next leaf of what is being printed; a guest may be gone. */
static bool radix_dump_next_leaf(struct radix_dump *d)
{
	struct kvm_nested_guest *ng;
	bool found;

	if (!d->nested)
		return radix_dump_leaf(d, NULL);
	ng = nguest_get(d->kvm, d->glpid);
	if (!ng)
		return false;
	found = radix_dump_leaf(d, ng);
	nguest_put(ng);
	return found;
}

static void radix_dump_next_guest(struct radix_dump *d)
{
	struct kvm_nested_guest *ng;

	d->item = RADIX_DUMP_END;
	if (d->nested)
		d->glpid.val++;
	d->nested = true;
	ng = nguest_get_next(d->kvm, &d->glpid);
	if (!ng)
		return;
	radix_dump_header(d, ng);
	nguest_put(ng);
}

static void *radix_dump_here(struct radix_dump *d)
{
	return d->item == RADIX_DUMP_END ? NULL : d;
}

/* Goes on where the last read ended; the position only counts items. */
static void *radix_dump_start(struct seq_file *m, loff_t *pos)
{
	return radix_dump_here(m->private);
}

static void *radix_dump_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct radix_dump *d = v;

	(*pos)++;
	if (!radix_dump_next_leaf(d))
		radix_dump_next_guest(d);
	return radix_dump_here(d);
}

static void radix_dump_stop(struct seq_file *m, void *v)
{
}

static int radix_dump_show(struct seq_file *m, void *v)
{
	const struct radix_dump *d = v;

	if (d->item == RADIX_DUMP_LEAF) {
		seq_printf(m, " %llx: %llx %d\n", d->addr, d->pte.val,
			   d->shift);
		return 0;
	}
	if (d->nested)
		seq_printf(m, "\nNested LPID %d: ", d->glpid.val);
	seq_printf(m, "pgdir: %llx\n", d->root);
	return 0;
}

static const struct seq_operations radix_dump_ops = {
	.start = radix_dump_start,
	.next = radix_dump_next,
	.stop = radix_dump_stop,
	.show = radix_dump_show,
};

static int radix_dump_open(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	struct radix_dump *d;

	/* The file can be opened while the last reference goes away. */
	if (!kvm_get_kvm_safe(kvm))
		return -ENOENT;
	d = __seq_open_private(file, &radix_dump_ops, sizeof(*d));
	if (!d) {
		kvm_put_kvm(kvm);
		return -ENOMEM;
	}
	d->kvm = kvm;
	if (kvm_is_radix(kvm))
		radix_dump_header(d, NULL);
	else
		d->item = RADIX_DUMP_END;
	return nonseekable_open(inode, file);
}

static int radix_dump_release(struct inode *inode, struct file *file)
{
	struct radix_dump *d = ((struct seq_file *)file->private_data)->private;
	struct kvm *kvm = d->kvm;

	seq_release_private(inode, file);
	kvm_put_kvm(kvm);
	return 0;
}

static ssize_t radix_dump_write(struct file *file, const char __user *buf,
				size_t len, loff_t *ppos)
{
	return -EACCES;
}

static const struct file_operations radix_dump_fops = {
	.owner = THIS_MODULE,
	.open = radix_dump_open,
	.read = seq_read,
	.write = radix_dump_write,
	.release = radix_dump_release,
};

/**
 * radix_debugfs_init() - create "radix"
 * @kvm: VM with a debugfs directory, or an error pointer in its place
 */
void radix_debugfs_init(struct kvm *kvm)
{
	debugfs_create_file("radix", 0400, kvm->debugfs_dentry, kvm,
			    &radix_dump_fops);
}
