// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the tests linked with it: all, or those whose name has the argument in
 * it.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static struct test_case *tests, **tests_end = &tests;
static unsigned int failures;
static char row[160];

void test_register(struct test_case *t)
{
	*tests_end = t;
	tests_end = &t->next;
}

void test_row(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row, sizeof(row), fmt, ap);
	va_end(ap);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	/* A broken table would say it thousands of times. */
	if (failures++ >= 10)
		return;
	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("%s%s\n", row[0] ? " in row " : "", row);
}

static void child(void (*fn)(void), int out)
{
	signal(SIGABRT, SIG_DFL);
	dup2(out, STDERR_FILENO);
	fn();
	_exit(0);
}

bool test_dies(void (*fn)(void), const char *says)
{
	char text[1024] = "";
	ssize_t n, len = 0;
	int status, fd[2];
	pid_t pid;

	fflush(stdout);
	if (pipe(fd))
		abort();
	pid = fork();
	if (!pid)
		child(fn, fd[1]);
	close(fd[1]);
	while ((n = read(fd[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	close(fd[0]);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
	       strstr(text, says);
}

static bool run_one(const struct test_case *t, unsigned int nr)
{
	unsigned long before = shim_nr_blocks();

	failures = 0;
	row[0] = 0;
	snprintf(shim_context, sizeof(shim_context), "test %s", t->name);
	t->run();
	row[0] = 0;
	EXPECT_EQ(shim_nr_blocks(), before);
	printf("%sok %u %s\n", failures ? "not " : "", nr, t->name);
	return !failures;
}

int main(int argc, char **argv)
{
	const char *filter = argc > 1 ? argv[1] : "";
	unsigned int nr = 0, bad = 0;
	struct test_case *t;

	for (t = tests; t; t = t->next)
		nr += !!strstr(t->name, filter);
	printf("KTAP version 1\n1..%u\n", nr);
	nr = 0;
	for (t = tests; t; t = t->next)
		if (strstr(t->name, filter))
			bad += !run_one(t, ++nr);
	return bad || !nr;
}
