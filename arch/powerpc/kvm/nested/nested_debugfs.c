// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: the files of a VM. "nested" prints one counter a line, and two files
 * hold the limits; what is in "radix" and "nested_audit" is found there.
 */
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/seq_file.h>

#include <asm/kvm_book3s.h>
#include <asm/kvm_ppc.h>

#include "nested_audit.h"
#include "nested_limit.h"
#include "nested_vm.h"
#include "radix_debugfs.h"

static const char * const nstats_name[NVM_NR] = {
	[NVM_ENTERS] = "enters",
	[NVM_FAULTS] = "faults",
	[NVM_REFLECTS] = "reflects",
	[NVM_INSTALLS] = "installs",
	[NVM_STALE] = "stale",
	[NVM_RANGE_INVALS] = "range_invals",
	[NVM_GUEST_INVALS] = "guest_invals",
	[NVM_RELOADS] = "reloads",
	[NVM_KILLS] = "kills",
	[NVM_EVICTED_GUESTS] = "evicted_guests",
	[NVM_EVICTED_TABLES] = "evicted_tables",
	[NVM_SPARED_TABLES] = "spared_tables",
	[NVM_AROUND] = "around",
	[NVM_REPLAYS] = "replays",
	[NVM_REFUSALS] = "refusals",
};

/* RCU keeps the container; what is on its list is under mmu_lock. */
static int nstats_show(struct seq_file *m, void *unused)
{
	struct kvm *kvm = m->private;
	struct kvm_nested_vm *nvm;
	unsigned int i;

	seq_printf(m, "guests %u\n", nlimit_count_guests(kvm));
	seq_printf(m, "max_guests %u\n", nlimit_max_guests(kvm));
	seq_printf(m, "quota %llu\n", nlimit_quota(kvm));
	rcu_read_lock();
	nvm = nvm_rcu(kvm);
	seq_printf(m, "tables %ld\n",
		   nvm ? atomic_long_read(&nvm->account.tables) : 0);
	seq_printf(m, "bytes %ld\n",
		   nvm ? atomic_long_read(&nvm->account.bytes) : 0);
	seq_printf(m, "samples_used %ld\n",
		   nvm ? atomic_long_read(&nvm->account.samples_used) : 0);
	seq_printf(m, "samples_unused %ld\n",
		   nvm ? atomic_long_read(&nvm->account.samples_unused) : 0);
	spin_lock(&kvm->mmu_lock);
	seq_printf(m, "draining %zu\n",
		   nvm ? list_count_nodes(&nvm->drain) : 0);
	spin_unlock(&kvm->mmu_lock);
	for (i = 0; i < NVM_NR; i++)
		seq_printf(m, "%s %lu\n", nstats_name[i],
			   nvm ? nvm_stat_sum(nvm, i) : 0);
	rcu_read_unlock();
	return 0;
}

static int nstats_open(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	int err;

	if (!kvm_get_kvm_safe(kvm))
		return -ENOENT;
	err = single_open(file, nstats_show, kvm);
	if (err)
		kvm_put_kvm(kvm);
	return err;
}

static int nstats_release(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	int err = single_release(inode, file);

	kvm_put_kvm(kvm);
	return err;
}

static const struct file_operations nstats_fops = {
	.owner = THIS_MODULE,
	.open = nstats_open,
	.read = seq_read,
	.release = nstats_release,
};

static int nlimit_guests_get(void *kvm, u64 *val)
{
	*val = nlimit_max_guests(kvm);
	return 0;
}

static int nlimit_guests_set(void *kvm, u64 val)
{
	return nlimit_set(kvm, NLIMIT_GUESTS, val);
}

DEFINE_DEBUGFS_ATTRIBUTE(nlimit_guests_fops, nlimit_guests_get,
			 nlimit_guests_set, "%llu\n");

static int nlimit_quota_get(void *kvm, u64 *val)
{
	*val = nlimit_quota(kvm);
	return 0;
}

static int nlimit_quota_set(void *kvm, u64 val)
{
	return nlimit_set(kvm, NLIMIT_QUOTA, val);
}

DEFINE_DEBUGFS_ATTRIBUTE(nlimit_quota_fops, nlimit_quota_get, nlimit_quota_set,
			 "%llu\n");

/**
 * kvmhv_radix_debugfs_init() - create the files of a VM
 * @kvm: VM with a debugfs directory, or an error pointer in its place
 */
void kvmhv_radix_debugfs_init(struct kvm *kvm)
{
	radix_debugfs_init(kvm);
	naudit_debugfs_init(kvm);
	debugfs_create_file("nested", 0400, kvm->debugfs_dentry, kvm,
			    &nstats_fops);
	debugfs_create_file("nested_max_guests", 0600, kvm->debugfs_dentry, kvm,
			    &nlimit_guests_fops);
	debugfs_create_file("nested_quota", 0600, kvm->debugfs_dentry, kvm,
			    &nlimit_quota_fops);
}
