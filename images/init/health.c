// SPDX-License-Identifier: GPL-2.0-only
/* How the kernel is: counters that a command should leave as it found them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

#define MAX_COUNTERS	40

static struct counter {
	char name[48];
	int fd;
	/* In /proc/meminfo: the line's beginning; NULL for a file with one number in it. */
	const char *line;
	unsigned long before, now;
} counters[MAX_COUNTERS];
static int counter_count;

static void add_counter(const char *name, const char *path, const char *line)
{
	struct counter *c = &counters[counter_count];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (counter_count == MAX_COUNTERS) {
		close(fd);
		return;
	}
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->line = line;
	c->fd = fd;
	counter_count++;
}

/* Open files are read again from the start: half of what opening them each time would take. */
static void open_counters(void)
{
	static const char *const files[] = { "nr", "free", "resv", "surplus" };
	static const char sizes[] = "/sys/kernel/mm/hugepages";
	DIR *dir = opendir(sizes);
	struct dirent *entry;

	add_counter("tainted", "/proc/sys/kernel/tainted", NULL);
	while (dir && (entry = readdir(dir))) {
		for (size_t i = 0; i < 4 && entry->d_name[0] != '.'; i++) {
			char path[200], name[48];

			snprintf(path, sizeof(path), "%s/%.32s/%s_hugepages", sizes,
				 entry->d_name, files[i]);
			snprintf(name, sizeof(name), "%.32s.%s", entry->d_name, files[i]);
			add_counter(name, path, NULL);
		}
	}
	if (dir)
		closedir(dir);
	add_counter("AnonPages", "/proc/meminfo", "\nAnonPages:");
	add_counter("Shmem", "/proc/meminfo", "\nShmem:");
}

/* Read all counters; false when one that is not of meminfo is not as it was. */
static bool read_counters(void)
{
	static char meminfo[8192];
	bool same = true;

	meminfo[0] = '\0';
	for (int i = 0; i < counter_count; i++) {
		struct counter *c = &counters[i];
		char number[32], *text = c->line ? meminfo : number;
		size_t room = c->line ? sizeof(meminfo) : sizeof(number);

		/* One read of /proc/meminfo for all of its lines. */
		if (!c->line || !meminfo[0]) {
			ssize_t n = pread(c->fd, text, room - 1, 0);

			text[n > 0 ? n : 0] = '\0';
		}
		if (c->line) {
			text = strstr(meminfo, c->line);
			text = text ? text + strlen(c->line) : "0";
		}
		c->now = strtoul(text, NULL, 10);
		same = same && (c->line || c->now == c->before);
	}
	return same;
}

void start_health(void)
{
	open_counters();
	read_counters();
	for (int i = 0; i < counter_count; i++)
		counters[i].before = counters[i].now;
}

/*
 * Pages are given back when the last reference goes, which may be some work queue's: what is
 * not as it was gets a moment to become so.
 */
int report_health(char *text, int size)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int n = 0;

	for (int tries = 0; !read_counters() && tries < 50; tries++)
		nanosleep(&pause, NULL);
	for (int i = 0; i < counter_count; i++) {
		struct counter *c = &counters[i];

		n += snprintf(text + n, size - n, "%s %lu %lu\n", c->name, c->before,
			      c->now);
		c->before = c->now;
	}
	return n;
}
