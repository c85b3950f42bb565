// SPDX-License-Identifier: GPL-2.0-only
/* Who makes no step any more is found, named, and nobody else is. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/vmm.h"
#include "lib/watch.h"

#define LOOK_MS		10
#define LOOKS		100
#define LOOKS_MOST	2000

enum { BUSY, STUCK, ENDED, NR };

static struct pulse pulses[NR];
static int ends[2];
static volatile int stop;

static void *run_busy(void *unused)
{
	pulse_name("7.42/busy");
	while (!stop) {
		pulse_beat(&pulses[BUSY], "turn");
		sleep_ms(1);
	}
	return unused;
}

/* As a vCPU would that never comes back from the kernel. */
static void *run_stuck(void *unused)
{
	char c;

	pulse_name("7.42/stuck");
	pulse_beat(&pulses[STUCK], "first");
	pulse_beat(&pulses[STUCK], "second");
	if (read(ends[0], &c, 1) != 1)
		fail("read");
	return unused;
}

static void *run_ended(void *unused)
{
	pulse_beat(&pulses[ENDED], "only");
	pulse_end(&pulses[ENDED]);
	return unused;
}

static pthread_t threads[NR];

static void begin(void)
{
	void *(*const bodies[NR])(void *) = { run_busy, run_stuck, run_ended };
	unsigned int i;

	CHECK(!pipe(ends));
	for (i = 0; i < NR; i++)
		CHECK(!pthread_create(&threads[i], NULL, bodies[i], NULL));
}

static void end(void)
{
	unsigned int i;

	stop = 1;
	CHECK(write(ends[1], "", 1) == 1);
	for (i = 0; i < NR; i++)
		pthread_join(threads[i], NULL);
}

/* Return: the number of looks until @which is stuck, or LOOKS_MOST. */
static unsigned int look_until_stuck(unsigned int which)
{
	unsigned int look, i;

	for (look = 0; look < LOOKS_MOST; look++) {
		for (i = 0; i < NR; i++) {
			if (!pulse_is_stuck(&pulses[i], LOOKS))
				continue;
			CHECK_EQ(i, which);
			return look;
		}
		sleep_ms(LOOK_MS);
	}
	return look;
}

static void a11_stuck_thread_is_found_and_no_other(void)
{
	unsigned int look;

	begin();
	look = look_until_stuck(STUCK);
	CHECK(look >= LOOKS && look < LOOKS_MOST);
	CHECK(!strcmp(pulses[STUCK].what, "second"));
	/* It is said once, and nobody else follows. */
	CHECK_EQ(pulse_is_stuck(&pulses[STUCK], LOOKS), 0);
	for (look = 0; look < 2 * LOOKS; look++) {
		CHECK(!pulse_is_stuck(&pulses[BUSY], LOOKS));
		CHECK(!pulse_is_stuck(&pulses[ENDED], LOOKS));
		sleep_ms(LOOK_MS);
	}
	end();
}

static void wait_for_read(void)
{
	while (pulses[STUCK].beats < 2)
		sleep_ms(1);
}

/* What watch_say_where() prints, in @text. */
static void catch_where(char *text, size_t bytes)
{
	int was = dup(STDOUT_FILENO), fd = memfd_create("where", 0);
	ssize_t got;

	CHECK(was >= 0 && fd >= 0);
	fflush(stdout);
	CHECK(dup2(fd, STDOUT_FILENO) >= 0);
	watch_say_where(getpid(), "lead: ");
	fflush(stdout);
	CHECK(dup2(was, STDOUT_FILENO) >= 0);
	got = pread(fd, text, bytes - 1, 0);
	CHECK(got > 0);
	text[got] = 0;
	close(fd);
	close(was);
}

static void a11_where_it_is_stuck_is_said(void)
{
	static char text[65536];
	char wanted[128];

	begin();
	wait_for_read();
	catch_where(text, sizeof(text));
	snprintf(wanted, sizeof(wanted), "lead: process %d thread %d comm: 7.42/stuck\n",
		 (int)getpid(), (int)pulses[STUCK].tid);
	if (!strstr(text, wanted))
		fail("'%.90s' is not in: %.300s", wanted, text);
	snprintf(wanted, sizeof(wanted), "thread %d wchan: ",
		 (int)pulses[STUCK].tid);
	CHECK(strstr(text, wanted));
	end();
}

static const struct test_case cases[] = {
	{ "a11_stuck_thread_is_found_and_no_other",
	  a11_stuck_thread_is_found_and_no_other },
	{ "a11_where_it_is_stuck_is_said", a11_where_it_is_stuck_is_said },
};

TEST_MAIN(cases)
