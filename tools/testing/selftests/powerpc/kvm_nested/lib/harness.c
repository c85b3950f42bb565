// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the cases of one test program in children, and reads the kernel log
 * after each. Output is KTAP; lines with '#' explain.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define DEFAULT_SECONDS	40

/* How long a case has to die of its time limit. */
#define SECONDS_TO_DIE	10
#define RECORD_BYTES	8192

/* More lines than this in one case: something prints without a limit. */
#define MAX_LOG_LINES	25

/* What a kernel prints when something is broken. */
static const char *const complaints[] = {
	"WARNING:", "BUG:", "Oops", "Call Trace", "soft lockup", "hard LOCKUP",
	"blocked for more than", "Unable to handle", "rcu_sched detected",
	"self-detected stall", "KVM: ", "possible recursive locking",
	"inconsistent lock state", "circular locking", "suspicious RCU",
	"sleeping function", "list_add corruption", "list_del corruption",
};

void note(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	printf("# %s\n", text);
	fflush(stdout);
}

void fail_at(const char *file, int line, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	printf("# %s:%d: %s\n", file, line, text);
	fflush(stdout);
	_exit(1);
}

static int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

static int is_complaint(const char *record)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(complaints); i++)
		if (strstr(record, complaints[i]))
			return 1;
	return 0;
}

/*
 * Whether @record is of a report of KCSAN, which looks at the whole kernel. Who
 * started the kernel judges those.
 */
static int is_of_race(const char *record)
{
	static int inside;

	if (strstr(record, "BUG: KCSAN: "))
		inside = 1;
	else if (inside && !strncmp(record, "=====", 5))
		inside = 0;
	else
		return inside;
	return 1;
}

/* Read what the kernel said since the last time; 0 if there is nothing to say. */
static int check_log(int fd)
{
	char record[RECORD_BYTES], *text;
	int lines = 0, bad = 0;
	ssize_t got;

	while ((got = read(fd, record, sizeof(record) - 1)) > 0 ||
	       (got < 0 && errno == EPIPE)) {
		if (got < 0)
			continue;
		record[got] = 0;
		text = strchr(record, ';');
		text = text ? text + 1 : record;
		text[strcspn(text, "\n")] = 0;
		if (is_of_race(text))
			continue;
		lines++;
		if (!bad && is_complaint(text)) {
			note("kernel log: %s", text);
			bad = 1;
		}
	}
	if (lines > MAX_LOG_LINES) {
		note("kernel log: %d lines in one case", lines);
		bad = 1;
	}
	return bad;
}

static void on_alarm(int signal)
{
	(void)signal;
}

/*
 * The kernel does not let go of a thread of the case, so no signal ends it. As
 * likely as not it sits in an MMU notifier: then no VM of the host can end any
 * more, and no case after this one would tell anything.
 */
static int host_is_stuck;

static int give_up(void)
{
	note("does not die of signals: the kernel holds it");
	host_is_stuck = 1;
	return 1;
}

static int wait_for(pid_t child, unsigned int seconds)
{
	struct sigaction late = { .sa_handler = on_alarm };
	int status;
	pid_t got;

	sigaction(SIGALRM, &late, NULL);
	alarm(seconds + SECONDS_TO_DIE);
	got = waitpid(child, &status, 0);
	if (got < 0)
		return errno == EINTR ? give_up() : 1;
	alarm(0);
	if (WIFSIGNALED(status))
		note("ended by signal %d%s", WTERMSIG(status),
		     WTERMSIG(status) == SIGALRM ? " (time limit)" : "");
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

/* What a case may change for the whole host, and may not get to put back. */
static const char *const host_state[] = {
	"/sys/module/kvm_hv/parameters/nested_max_guests",
	"/sys/module/kvm_hv/parameters/nested_lpid_reserve",
	"/sys/module/kvm_hv/parameters/nested_quota",
	"/sys/module/kvm_hv/parameters/nested_idle_ms",
	"/sys/devices/system/cpu/cpu1/online",
};

struct saved {
	char text[64];
	ssize_t bytes;
};

static void save_host(struct saved *saved)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(host_state); i++) {
		int fd = open(host_state[i], O_RDONLY | O_CLOEXEC);

		saved[i].bytes = 0;
		if (fd < 0)
			continue;
		saved[i].bytes = read(fd, saved[i].text, sizeof(saved->text));
		close(fd);
	}
}

static void restore_host(const struct saved *saved)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(host_state); i++) {
		int fd;

		if (saved[i].bytes <= 0)
			continue;
		fd = open(host_state[i], O_WRONLY | O_CLOEXEC);
		if (write(fd, saved[i].text, saved[i].bytes) < 0)
			note("%s is not put back", host_state[i]);
		close(fd);
	}
}

static int run_case(const struct test_case *test, int log)
{
	unsigned int seconds = test->seconds ? test->seconds : DEFAULT_SECONDS;
	struct saved saved[ARRAY_SIZE(host_state)];
	pid_t child;
	int bad;

	save_host(saved);
	fflush(stdout);
	child = fork();
	if (child < 0)
		return 1;
	if (!child) {
		signal(SIGALRM, SIG_DFL);
		alarm(seconds);
		test->run();
		fflush(stdout);
		_exit(0);
	}
	bad = wait_for(child, seconds);
	restore_host(saved);
	return check_log(log) || bad;
}

/* With names as arguments in KVM_NESTED_ONLY, separated by commas: only those. */
static int is_wanted(const char *name)
{
	const char *only = getenv("KVM_NESTED_ONLY"), *found;
	size_t length = strlen(name);

	if (!only || !*only)
		return 1;
	for (found = only; (found = strstr(found, name)); found += length)
		if ((found == only || found[-1] == ',') &&
		    (!found[length] || found[length] == ','))
			return 1;
	return 0;
}

/**
 * run_cases() - run all cases and report them
 * @cases: cases
 * @n: number of them
 *
 * Return: exit status: 0 if all passed.
 */
int run_cases(const struct test_case *cases, size_t n)
{
	size_t i, wanted = 0, failed = 0, number = 0;
	int log = open_log();

	for (i = 0; i < n; i++)
		wanted += is_wanted(cases[i].name);
	printf("TAP version 13\n1..%zu\n", wanted);
	for (i = 0; i < n; i++) {
		int bad;

		if (!is_wanted(cases[i].name))
			continue;
		if (host_is_stuck)
			note("not run");
		bad = log < 0 || host_is_stuck || run_case(&cases[i], log);
		failed += bad;
		printf("%sok %zu %s\n", bad ? "not " : "", ++number,
		       cases[i].name);
	}
	printf("# Totals: pass:%zu fail:%zu xfail:0 xpass:0 skip:0 error:0\n",
	       wanted - failed, failed);
	if (host_is_stuck)
		printf("Bail out! The kernel holds a process\n");
	fflush(stdout);
	return failed || !wanted;
}
