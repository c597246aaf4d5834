// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel says of this process and of its memory, in /proc and /sys. */
#include <ctype.h>

#include "uffd_test.h"

/* Is @line the first of a mapping ("start-end perms ...")?  Then set its bounds. */
static bool mapping_line(const char *line, uint64_t *start, uint64_t *end)
{
	unsigned long long from, to;
	char perms[5];

	if (sscanf(line, "%llx-%llx %4s ", &from, &to, perms) != 3)
		return false;
	*start = from;
	*end = to;
	return true;
}

bool vma_has_flag(const void *addr, const char *flag)
{
	uint64_t want = (uintptr_t)addr, start, end;
	char line[512], padded[8];
	bool inside = false, found = false, seen = false;
	FILE *f = fopen("/proc/self/smaps", "re");

	SETUP(f, "open /proc/self/smaps");
	snprintf(padded, sizeof(padded), " %s", flag);
	while (!seen && fgets(line, sizeof(line), f)) {
		if (mapping_line(line, &start, &end)) {
			inside = want >= start && want < end;
		} else if (inside && !strncmp(line, "VmFlags:", 8)) {
			seen = true;
			found = strstr(line, padded) != NULL;
		}
	}
	fclose(f);
	errno = 0;
	SETUP(seen, "/proc/self/smaps has no VmFlags for %p", addr);
	return found;
}

unsigned int vma_count(const void *from, size_t len)
{
	uint64_t want = (uintptr_t)from, start, end;
	unsigned int n = 0;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	SETUP(f, "open /proc/self/maps");
	while (fgets(line, sizeof(line), f))
		if (mapping_line(line, &start, &end))
			n += start < want + len && end > want;
	fclose(f);
	return n;
}

uint64_t number_in(const char *fmt, ...)
{
	unsigned long long value;
	char path[256];
	FILE *f;

	FORMAT(path);
	f = fopen(path, "re");
	SETUP(f, "open %s", path);
	SETUP(fscanf(f, "%llu", &value) == 1, "read %s", path);
	fclose(f);
	return value;
}

void write_to(const char *text, const char *fmt, ...)
{
	size_t len = strlen(text);
	char path[256];
	int fd;

	FORMAT(path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	SETUP(fd >= 0, "open %s", path);
	SETUP(write(fd, text, len) == (ssize_t)len, "write '%s' to %s", text, path);
	close(fd);
}

long hugepages(const char *what, size_t page)
{
	return (long)number_in("/sys/kernel/mm/hugepages/hugepages-%zukB/%s_hugepages", page / 1024,
			       what);
}

char thread_state(pid_t tid)
{
	char path[64], line[512], *after;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	line[n] = 0;
	/* The name may hold anything, a ')' too: the state follows the last one. */
	after = strrchr(line, ')');
	return after && after[1] == ' ' ? after[2] : 0;
}

long fdinfo_number(int fd, const char *key)
{
	char path[64], line[256];
	size_t n = strlen(key);
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	SETUP(f, "open %s", path);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && line[n] == ':')
			value = strtol(line + n + 1, NULL, 10);
	fclose(f);
	errno = 0;
	SETUP(value >= 0, "%s has no line '%s'", path, key);
	return value;
}
