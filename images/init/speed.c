// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel's work costs, in units of a program's own: a kernel that checks itself takes
 * several times as long for the same, and the host gives it the time (harness/guest/speed.py).
 *
 * Both are measured in turns, so that a host that is slow or busy slows both; the shortest of
 * each counts, which met the fewest interruptions.
 */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init.h"

/* Each is shorter than the turn of a host's scheduler: some of them are not interrupted. */
#define ROUNDS	80
#define LOOPS	400000
#define PAGES	32

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void compute(void)
{
	uint32_t x = 2463534242u;

	/* Marsaglia's xorshift: each step needs the one before. */
	for (int i = 0; i < LOOPS; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
	}
	/* Needed, for all the compiler knows. */
	asm volatile("" : : "r"(x));
}

/* What cases are made of: a mapping, faults, a process, system calls that wake another. */
static bool ask_kernel(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool good;
	int ends[2];
	pid_t pid;
	char byte;

	if (pages == MAP_FAILED)
		return false;
	for (int n = 0; n < PAGES; n++)
		pages[n * page] = 1;
	if (pipe(ends))
		return false;
	pid = fork();
	if (pid == 0)
		_exit(write(ends[1], "", 1) != 1);
	/* The child's end alone is left: without its byte this read ends, too. */
	close(ends[1]);
	good = pid > 0 && read(ends[0], &byte, 1) == 1 && waitpid(pid, NULL, 0) == pid;
	close(ends[0]);
	munmap(pages, PAGES * page);
	return good;
}

/* In nanoseconds; false when the kernel did not do what it was asked. */
bool measure_speed(unsigned long long *kernel, unsigned long long *program)
{
	*kernel = *program = UINT64_MAX;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = now(), middle, end;

		compute();
		middle = now();
		if (!ask_kernel())
			return false;
		end = now();
		if (middle - start < *program)
			*program = middle - start;
		if (end - middle < *kernel)
			*kernel = end - middle;
	}
	return true;
}
