// SPDX-License-Identifier: GPL-2.0-only
/* Which thread makes no step any more, and where it is. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "watch.h"

#define TEXT_BYTES	4096
#define COMM_BYTES	16

/**
 * pulse_name() - a name for the calling thread
 * @format: at most 15 characters are kept
 *
 * The kernel's own reports say it: of a soft lockup, of a task that is blocked.
 */
void pulse_name(const char *format, ...)
{
	char name[COMM_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name, sizeof(name), format, arguments);
	va_end(arguments);
	prctl(PR_SET_NAME, name);
}

/**
 * pulse_beat() - the calling thread begins a step
 * @p: its own
 * @what: the step; lives as long as @p is looked at
 */
void pulse_beat(struct pulse *p, const char *what)
{
	p->what = what;
	p->beats++;
	if (!p->tid)
		p->tid = gettid();
}

/* The calling thread makes no more steps, and need not. */
void pulse_end(struct pulse *p)
{
	p->tid = 0;
}

/**
 * pulse_is_stuck() - look at one thread
 * @p: its pulse
 * @looks: how many looks without a beat are too many
 *
 * Return: 1 at that look, once for each step; 0 for a thread that has ended.
 */
int pulse_is_stuck(struct pulse *p, unsigned int looks)
{
	pid_t tid = p->tid;
	unsigned int beats = p->beats;

	if (!tid || tid != p->seen_tid || beats != p->seen_beats) {
		p->seen_tid = tid;
		p->seen_beats = beats;
		p->quiet = 0;
		return 0;
	}
	return ++p->quiet == looks;
}

/* Print each line of a file with @lead; what cannot be read says so. */
static void print_file(const char *path, const char *lead, const char *name)
{
	char text[TEXT_BYTES], *line, *next;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (got <= 0) {
		printf("%s%s: %s\n", lead, name, got ? strerror(errno) : "-");
		return;
	}
	text[got] = 0;
	for (line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (*line)
			printf("%s%s: %s\n", lead, name, line);
	}
}

/**
 * watch_say_where() - print where each thread of a process is
 * @pid: process
 * @lead: at the beginning of each line
 */
void watch_say_where(pid_t pid, const char *lead)
{
	static const char *const names[] = { "comm", "wchan", "syscall",
					     "stack" };
	char path[320], line_lead[320];
	struct dirent *entry;
	size_t i;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir) {
		printf("%sprocess %d is gone\n", lead, (int)pid);
		return;
	}
	while ((entry = readdir(dir))) {
		if (!isdigit(entry->d_name[0]))
			continue;
		snprintf(line_lead, sizeof(line_lead), "%sprocess %d thread %.16s ",
			 lead, (int)pid, entry->d_name);
		for (i = 0; i < ARRAY_SIZE(names); i++) {
			snprintf(path, sizeof(path), "/proc/%d/task/%.16s/%s",
				 (int)pid, entry->d_name, names[i]);
			print_file(path, line_lead, names[i]);
		}
	}
	closedir(dir);
	fflush(stdout);
}

/* The kernel prints what each CPU runs, and who is blocked. */
void watch_ask_kernel(void)
{
	static const char keys[] = "lw";
	size_t i;

	for (i = 0; i < sizeof(keys) - 1; i++) {
		int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

		if (fd < 0 || write(fd, &keys[i], 1) != 1)
			note("sysrq %c: %s", keys[i], strerror(errno));
		if (fd >= 0)
			close(fd);
	}
}
