// SPDX-License-Identifier: GPL-2.0-only
/* C6: readers of debugfs race with everything, and with the end of the VM. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/spinner.h"

#define PAGES		64ULL
#define PAGE_BYTES	BIT(SHIFT_64K)
#define GPA		(L1_DATA + 0x200000)
#define READERS		3

static struct world w;
static struct spinner s;
static volatile int reading;
static const char *const files[READERS] = { "radix", "nested", "nested_audit" };

static void *read_on(void *name)
{
	unsigned int *rounds = calloc(1, sizeof(*rounds));
	char *text;

	while (reading) {
		text = vm_read_debugfs(&w.l1.vm, name);
		if (text && strstr(text, "pgdir: c0"))
			fail("a kernel pointer is shown");
		free(text);
		(*rounds)++;
	}
	return rounds;
}

static void start_readers(pthread_t *threads)
{
	unsigned int i;

	reading = 1;
	for (i = 0; i < READERS; i++)
		CHECK(!pthread_create(&threads[i], NULL, read_on,
				      (void *)files[i]));
}

static void stop_readers(pthread_t *threads)
{
	unsigned int i, *rounds;

	reading = 0;
	for (i = 0; i < READERS; i++) {
		CHECK(!pthread_join(threads[i], (void **)&rounds));
		CHECK(*rounds > 0);
	}
}

static void c6_under_churn(void)
{
	pthread_t threads[READERS];
	unsigned int round;

	world_create(&w, L1_LITTLE);
	l1_map_range(&w.tree, L2_DATA, GPA, PAGES * PAGE_BYTES, SHIFT_64K,
		     PTE_ALL);
	spinner_create(&s, &w, 1);
	spinner_store(&s, L2_DATA, PAGES, PAGE_BYTES);
	start_readers(threads);
	for (round = 0; round < 60; round++) {
		l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
		CHECK_EQ(l1_inval_lpid(&w.v, 1), H_SUCCESS);
		l1_install(&w.l1, 2, &w.tree);
		SET_STATE32(&w.v, lpid, 2);
		l2_touch_pages(&w.v, L2_DATA, 4, PAGE_BYTES);
		l1_set_entry(&w.l1, 2, 0, 0);
		CHECK_EQ(l1_inval_entry(&w.v, 2), H_SUCCESS);
		SET_STATE32(&w.v, lpid, 1);
	}
	stop_readers(threads);
	spinner_stop(&s);
	world_end(&w);
}

/* A file that is open while the VM ends, and is read afterwards. */
static void c6_while_the_vm_ends(void)
{
	char buffer[64];
	unsigned int round, i;
	int fds[READERS];

	for (round = 0; round < 5; round++) {
		world_create(&w, L1_LITTLE);
		l1_map_range(&w.tree, L2_DATA, GPA, PAGES * PAGE_BYTES,
			     SHIFT_64K, PTE_ALL);
		l2_touch_pages(&w.v, L2_DATA, PAGES, PAGE_BYTES);
		for (i = 0; i < READERS; i++) {
			fds[i] = vm_open_debugfs(&w.l1.vm, files[i]);
			CHECK(fds[i] >= 0);
			CHECK(read(fds[i], buffer, sizeof(buffer)) > 0);
		}
		vcpu_destroy(&w.v.vcpu);
		vm_destroy(&w.l1.vm);
		for (i = 0; i < READERS; i++) {
			while (read(fds[i], buffer, sizeof(buffer)) > 0)
				;
			close(fds[i]);
		}
	}
}

/* VMs come and go while others look for their files. */
static void c6_while_vms_come_and_go(void)
{
	pthread_t threads[READERS];
	unsigned int round;

	start_readers(threads);
	for (round = 0; round < 8; round++) {
		/* Other descriptors, so another directory: the last may be read. */
		while (open("/dev/null", O_RDONLY) < 20 * (int)(round + 1))
			;
		world_create(&w, L1_LITTLE);
		l1_map(&w.tree, L2_DATA, GPA, SHIFT_64K, PTE_ALL);
		l2_must_store(&w.v, L2_DATA, 1);
		world_end(&w);
	}
	stop_readers(threads);
}

static const struct test_case cases[] = {
	{ "c6_under_churn", c6_under_churn },
	{ "c6_while_the_vm_ends", c6_while_the_vm_ends },
	{ "c6_while_vms_come_and_go", c6_while_vms_come_and_go },
};

TEST_MAIN(cases)
