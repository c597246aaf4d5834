// SPDX-License-Identifier: GPL-2.0-only
/* The processes that a case has made: what they do when it does not finish, and their end. */
#include <dirent.h>
#include <signal.h>

#include "uffd_test.h"

#define MAX_THREADS_SHOWN 32

static bool read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = 0;
	return n > 0;
}

static void show_thread(int pid, const char *tid)
{
	char path[96], stat[512], wchan[64], call[160], *state, *line, *rest;
	char stack[600];

	snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", pid, tid);
	if (!read_text(path, stat, sizeof(stat)))
		return;
	state = strrchr(stat, ')');
	snprintf(path, sizeof(path), "/proc/%d/task/%s/wchan", pid, tid);
	read_text(path, wchan, sizeof(wchan));
	snprintf(path, sizeof(path), "/proc/%d/task/%s/syscall", pid, tid);
	read_text(path, call, sizeof(call));
	call[strcspn(call, "\n")] = 0;
	diag("pid %d thread %s: state %c, wchan %s, syscall %s", pid, tid,
	     state && state[1] ? state[2] : '?', *wchan ? wchan : "?", *call ? call : "?");

	snprintf(path, sizeof(path), "/proc/%d/task/%s/stack", pid, tid);
	read_text(path, stack, sizeof(stack));
	for (line = strtok_r(stack, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		diag("    %s", line);
}

static void show_process(int pid, int *budget)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir)) && *budget > 0)
		if (entry->d_name[0] != '.') {
			show_thread(pid, entry->d_name);
			(*budget)--;
		}
	closedir(dir);
}

bool all_stopped(int pid)
{
	char path[300], stat[512], *after;
	struct dirent *entry;
	bool all = true;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (all && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", pid, entry->d_name);
		read_text(path, stat, sizeof(stat));
		after = strrchr(stat, ')');
		all = after && !strncmp(after, ") T", 3);
	}
	closedir(dir);
	return all;
}

/* Call @fn for every child of this process, orphans that it inherited included. */
static void for_children(void (*fn)(int pid, void *arg), void *arg)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		int pid = atoi(entry->d_name), parent;
		char path[64], stat[512], state, *after;

		if (pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		if (!read_text(path, stat, sizeof(stat)))
			continue;
		after = strrchr(stat, ')');
		if (after && sscanf(after, ") %c %d", &state, &parent) == 2 && parent == getpid())
			fn(pid, arg);
	}
	closedir(dir);
}

static void show_child(int pid, void *budget)
{
	show_process(pid, budget);
}

void show_children(void)
{
	int budget = MAX_THREADS_SHOWN;

	for_children(show_child, &budget);
}

static void kill_child(int pid, void *arg)
{
	(void)arg;
	kill(pid, SIGKILL);
}

void kill_children(void)
{
	for_children(kill_child, NULL);
}

static void left_behind(int pid, void *arg)
{
	char path[64], stat[512], *after;

	(void)arg;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	read_text(path, stat, sizeof(stat));
	after = strrchr(stat, ')');
	diag("pid %d survives SIGKILL, state %c", pid, after && after[1] ? after[2] : '?');
}

void show_left_behind(void)
{
	for_children(left_behind, NULL);
}
