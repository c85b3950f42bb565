// SPDX-License-Identifier: GPL-2.0-only
/* Parameters of the module under test; see param.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "param.h"

#define PARAMETERS	"/sys/module/kvm_hv/parameters"

void file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	if (write(fd, text, strlen(text)) < 0)
		fail("%s: writing '%s': %s", path, text, strerror(errno));
	close(fd);
}

/**
 * param_set() - set a parameter of the module
 * @name: its name
 * @value: new value
 *
 * Return: what it was.
 */
u64 param_set(const char *name, u64 value)
{
	char path[128], text[64] = "", new[32];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), PARAMETERS "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		fail("%s: %s", path, strerror(errno));
	close(fd);
	snprintf(new, sizeof(new), "%llu", (unsigned long long)value);
	file_write(path, new);
	return strtoull(text, NULL, 0);
}
