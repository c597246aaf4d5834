// SPDX-License-Identifier: GPL-2.0-only
/* fdinfo lists only the ioctls of UFFDIO_API itself. */
#include <stdio.h>

#include "sabotage.h"

typedef char *text;

text __real_fgets(char *line, int size, FILE *f);
text __wrap_fgets(char *line, int size, FILE *f);

text __wrap_fgets(char *line, int size, FILE *f)
{
	text got = __real_fgets(line, size, f);

	if (got && !strncmp(line, "API:", 4))
		strcpy(line, "API:\taa:0:8000000000000003\n");
	return got;
}

/* The same for those who read it without stdio. */
ssize_t __wrap_read(int fd, void *buf, size_t size)
{
	ssize_t n = __real_read(fd, buf, size);
	char *at = n > 0 ? memmem(buf, n, "\nAPI:\t", 6) : NULL;
	char *end = at ? memchr(at + 1, '\n', (char *)buf + n - at - 1) : NULL;

	/* The last of its values has 16 digits. */
	if (end)
		memcpy(end - 16, "8000000000000003", 16);
	return n;
}
