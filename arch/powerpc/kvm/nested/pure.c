// SPDX-License-Identifier: GPL-2.0-only
/*
 * What pure.h promises, on the kernel's side: memory for tables, and the end of a
 * VM whose tables are broken.
 *
 * Small and odd sizes come from caches that the owner of the sizes asks for; the
 * others are whole pages.
 */
#include <kunit/static_stub.h>
#include <linux/kmemleak.h>
#include <linux/kvm_host.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pure.h"

static struct pure_cache {
	size_t size;
	struct kmem_cache *cache;
} pure_caches[PURE_MAX_CACHES];

/**
 * pure_add_cache() - have a cache for memory of one size
 * @name: of the cache
 * @size: bytes; if a power of two, objects are aligned to it, as the ISA asks of
 *	tables
 *
 * Context: Process context, may sleep; while the module is initialised.
 * Return: 0 or -ENOMEM.
 */
int pure_add_cache(const char *name, size_t size)
{
	struct pure_cache *c = pure_caches;

	while (c < pure_caches + PURE_MAX_CACHES && c->cache)
		c++;
	if (pure_broken(c == pure_caches + PURE_MAX_CACHES))
		return -ENOMEM;
	c->cache = kmem_cache_create(name, size,
				     is_power_of_2(size) ? size : 0,
				     SLAB_ACCOUNT, NULL);
	if (!c->cache)
		return -ENOMEM;
	c->size = size;
	return 0;
}

/**
 * pure_drop_caches() - undo all pure_add_cache(), also if one failed
 *
 * Context: Process context, may sleep; nothing of the caches is in use.
 */
void pure_drop_caches(void)
{
	unsigned int i;

	for (i = 0; i < PURE_MAX_CACHES; i++) {
		kmem_cache_destroy(pure_caches[i].cache);
		pure_caches[i] = (struct pure_cache){};
	}
}

static struct kmem_cache *pure_cache_for(size_t size)
{
	unsigned int i;

	for (i = 0; i < PURE_MAX_CACHES; i++) {
		if (pure_caches[i].size == size)
			return pure_caches[i].cache;
	}
	return NULL;
}

void *pure_zalloc(size_t size)
{
	struct kmem_cache *cache = pure_cache_for(size);
	void *mem;

	KUNIT_STATIC_STUB_REDIRECT(pure_zalloc, size);
	if (cache)
		return kmem_cache_zalloc(cache, GFP_KERNEL_ACCOUNT);
	if (size < PAGE_SIZE)
		return kzalloc(size, GFP_KERNEL_ACCOUNT);
	mem = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO,
				       get_order(size));
	/* Nobody tells kmemleak of whole pages, which it may miss and scans. */
	if (mem)
		kmemleak_alloc(mem, size, 1, GFP_KERNEL);
	return mem;
}

void *pure_zalloc_soft(size_t size)
{
	if (size <= PAGE_SIZE || pure_cache_for(size))
		return pure_zalloc(size);
	KUNIT_STATIC_STUB_REDIRECT(pure_zalloc, size);
	return __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
}

void pure_free(void *ptr, size_t size)
{
	struct kmem_cache *cache = pure_cache_for(size);

	if (!ptr)
		return;
	if (cache) {
		kmem_cache_free(cache, ptr);
	} else if (is_vmalloc_addr(ptr)) {
		vfree(ptr);
	} else if (size < PAGE_SIZE) {
		kfree(ptr);
	} else {
		kmemleak_free(ptr);
		free_pages((unsigned long)ptr, get_order(size));
	}
}

/*
 * SecPageTables counts pages, and a table may be less than one: count the whole
 * pages of each account. They are spread over nodes; the sum is what is right.
 */
void pure_account(long before, long after)
{
	long pages = (after >> PAGE_SHIFT) - (before >> PAGE_SHIFT);

	if (pages)
		mod_node_page_state(NODE_DATA(first_memory_node),
				    NR_SECONDARY_PAGETABLE, pages);
}

/*
 * The lock of each tree is mmu_lock of its VM. No vCPU is kicked: that waits for
 * other CPUs, and interrupts may be off. Each fails in its next KVM_RUN.
 */
void pure_end_vm(pure_lock_t *lock)
{
	struct kvm *kvm = container_of(lock, struct kvm, mmu_lock);

	WRITE_ONCE(kvm->vm_bugged, true);
	WRITE_ONCE(kvm->vm_dead, true);
}
