// SPDX-License-Identifier: GPL-2.0-only
/* That a waiter sleeps on, that no message came, that a page is mapped: without waiting. */
#include "asleep.h"

long context_switches(pid_t tid)
{
	char path[64], line[128];
	long sum = 0, n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	f = fopen(path, "re");
	if (!f)			/* it has ended */
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1 ||
		    sscanf(line, "nonvoluntary_ctxt_switches: %ld", &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

/*
 * Has the kernel switched away from a thread that is going to sleep?  To tell of its system call,
 * proc_pid_syscall() waits until it is off its CPU (wait_task_inactive()); of a thread that runs
 * it says just that.  Its state alone says "asleep" as soon as it is on the way there, and an
 * emulated CPU may stay there for milliseconds while the host runs another.
 */
static bool is_off_cpu(pid_t tid)
{
	char path[64], line[160];
	bool off = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	f = fopen(path, "re");
	if (!f)			/* it has ended */
		return false;
	if (fgets(line, sizeof(line), f))
		off = strcmp(line, "running\n");
	fclose(f);
	return off;
}

bool sleeps(pid_t tid, const char *states, struct nap *nap)
{
	long before = nap->switches;
	char state = tid ? thread_state(tid) : 0;

	nap->switches = state && strchr(states, state) && is_off_cpu(tid) ?
		context_switches(tid) : -1;
	return nap->switches >= 0 && nap->switches == before;
}

struct nap expect_asleep_at(const char *file, int line, struct toucher *t, const char *fmt, ...)
{
	struct nap nap = NOT_YET;
	char text[300];

	count_assertion();
	for (int waited = 0; waited < patience_ms() && !atomic_load(&t->done); waited++) {
		if (sleeps(atomic_load(&t->tid), "S", &nap))
			return nap;
		sleep_ms(1);
	}
	FORMAT(text);
	fail_at(file, line, "%s: expected the waiter to sleep, it %s", text,
		atomic_load(&t->done) ? "has ended" : "does not");
}

void expect_unwoken_at(const char *file, int line, struct toucher *t, struct nap nap,
		       const char *fmt, ...)
{
	pid_t tid = atomic_load(&t->tid);
	char state = thread_state(tid);
	char text[300];

	count_assertion();
	if (!atomic_load(&t->done) && state == 'S' && context_switches(tid) == nap.switches)
		return;
	FORMAT(text);
	fail_at(file, line, "%s: expected the waiter to sleep on, it was woken (state %c)", text,
		state ? state : '?');
}

size_t pages_mapped(const void *addr, size_t page, size_t max)
{
	size_t base = base_page(), step = page / base, n = 0, at;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entries[512];

	SETUP(fd >= 0, "open /proc/self/pagemap");
	while (n < max) {
		size_t want = step > 1 ? 1 : max - n;

		if (want > ARRAY_SIZE(entries))
			want = ARRAY_SIZE(entries);
		at = ((uintptr_t)addr / base + n * step) * sizeof(*entries);
		SETUP(pread(fd, entries, want * sizeof(*entries), at) ==
		      (ssize_t)(want * sizeof(*entries)), "read /proc/self/pagemap");
		for (size_t i = 0; i < want; i++, n++)
			if (!(entries[i] >> 63))
				goto out;
	}
out:
	close(fd);
	return n;
}

bool page_is_mapped(const void *addr)
{
	return pages_mapped(addr, base_page(), 1);
}
