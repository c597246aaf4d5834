// SPDX-License-Identifier: GPL-2.0-only
/* How a debugger reads memory: /proc/PID/mem and ptrace(2).  Neither may wait for a page. */
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "lib/child.h"
#include "lib/user_mode.h"

#define BYTES 64

/* The number of an address in /proc/PID/mem, for the next read or write. */
static void seek(int mem, const char *at)
{
	SETUP(lseek64(mem, (uintptr_t)at, SEEK_SET) >= 0, "lseek to %p", (const void *)at);
}

static void expect_mem_refused(int uffd, const struct region *r)
{
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	char *across = r->u + r->page - BYTES / 2, buffer[BYTES];
	struct child child;
	struct caller c;

	SETUP(mem >= 0, "open /proc/self/mem");
	/* The child's descriptor is of this process's memory still. */
	child_make(&child);
	memset(buffer, 0x42, sizeof(buffer));
	for (size_t page = 0; page < 2; page++) {
		seek(mem, r->u + page * r->page + 8);
		call_start(&c, SYS_read, mem, (long)buffer, BYTES);
		EXPECT_AT_ONCE(&c, uffd, -1, EIO, "read of page %zu in /proc/self/mem", page);
	}
	call_start(&c, SYS_write, mem, (long)buffer, BYTES);
	EXPECT_AT_ONCE(&c, uffd, -1, EIO, "write to /proc/self/mem");
	child_call(&child, SYS_read, mem, (long)buffer, BYTES);
	EXPECT_CHILD_AT_ONCE(&child, uffd, -1, EIO, "read of /proc/PID/mem by another process");
	EXPECT_EQ(find_mismatch(r->a + r->page, r->page, 1, 1), -1,
		  "first byte of A that changed");
	EXPECT_EQ(pages_mapped(r->u, r->page, 1), 0, "pages that are mapped");

	/* Up to the page that is not resolved. */
	expect_user_mode_works(uffd, r, 0);
	seek(mem, across);
	call_start(&c, SYS_read, mem, (long)buffer, BYTES);
	EXPECT_AT_ONCE(&c, uffd, BYTES / 2, 0, "read over the end of a resolved page");
	EXPECT_EQ(memcmp(buffer, across - r->u + r->a, BYTES / 2), 0, "difference from A");
	expect_user_mode_works(uffd, r, 1);
	seek(mem, across);
	call_start(&c, SYS_read, mem, (long)buffer, BYTES);
	EXPECT_AT_ONCE(&c, uffd, BYTES, 0, "read of two resolved pages");
	EXPECT_EQ(memcmp(buffer, across - r->u + r->a, BYTES), 0, "difference from A");
}

static struct region make(void)
{
	struct region r = region_make(2);

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	return r;
}

CASE(proc_mem,
     DESC("/proc/PID/mem of an unresolved page: read and write give EIO at once, no message")
     ROWS("INT-18")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = make();

	expect_mem_refused(uffd_on(&r, 0, MODE_MINOR), &r);
}

CASE(proc_mem_user_mode_only,
     DESC("USER_MODE_ONLY: /proc/PID/mem of an unresolved page gives EIO just so")
     ROWS("INT-18")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = make();

	expect_mem_refused(uffd_user_mode_only(&r, MODE_MINOR), &r);
}

static _Atomic(pid_t) traced;

static void *be_traced(void *arg)
{
	atomic_store(&traced, (pid_t)syscall(SYS_gettid));
	for (;;)
		pause();
	return arg;
}

/* One thread of this process stops, and its debugger, a child, waits for its orders. */
static void attach(struct child *debugger)
{
	pthread_t thread;

	run_threads(&thread, 1, be_traced, (void *[]){ NULL });
	while (!atomic_load(&traced))
		sleep_ms(1);
	child_make(debugger);
	child_call(debugger, SYS_ptrace, PTRACE_SEIZE, traced, 0, 0);
	EXPECT_CHILD_DONE(debugger, "PTRACE_SEIZE");
	child_call(debugger, SYS_ptrace, PTRACE_INTERRUPT, traced, 0, 0);
	EXPECT_CHILD_DONE(debugger, "PTRACE_INTERRUPT");
	child_call(debugger, SYS_wait4, traced, 0, __WALL, 0);
	EXPECT_CHILD_DONE(debugger, "wait for the thread to stop");
}

CASE(ptrace_peek,
     DESC("PTRACE_PEEKDATA and POKEDATA of an unresolved page give EIO at once, no message")
     ROWS("INT-18")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = make();
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	char *at = r.u + r.page + 64;
	long *word = mmap(NULL, base_page(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	struct child debugger;

	SETUP(word != MAP_FAILED, "mmap of shared memory");
	attach(&debugger);
	child_call(&debugger, SYS_ptrace, PTRACE_PEEKDATA, traced, (long)at, (long)word);
	EXPECT_CHILD_AT_ONCE(&debugger, uffd, -1, EIO, "PTRACE_PEEKDATA");
	child_call(&debugger, SYS_ptrace, PTRACE_PEEKTEXT, traced, (long)r.u, (long)word);
	EXPECT_CHILD_AT_ONCE(&debugger, uffd, -1, EIO, "PTRACE_PEEKTEXT");
	child_call(&debugger, SYS_ptrace, PTRACE_POKEDATA, traced, (long)at, 0x42);
	EXPECT_CHILD_AT_ONCE(&debugger, uffd, -1, EIO, "PTRACE_POKEDATA");
	EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1, "first byte of A that changed");
	EXPECT_EQ(pages_mapped(r.u + r.page, r.page, 1), 0, "pages that are mapped");

	expect_user_mode_works(uffd, &r, 1);
	child_call(&debugger, SYS_ptrace, PTRACE_PEEKDATA, traced, (long)at, (long)word);
	EXPECT_CHILD_AT_ONCE(&debugger, uffd, 0, 0, "PTRACE_PEEKDATA of a resolved page");
	EXPECT_EQ(memcmp(word, at - r.u + r.a, sizeof(*word)), 0, "difference from A");
	child_call(&debugger, SYS_ptrace, PTRACE_POKEDATA, traced, (long)at, 0x42);
	EXPECT_CHILD_AT_ONCE(&debugger, uffd, 0, 0, "PTRACE_POKEDATA to a resolved page");
	EXPECT_EQ(*(long *)(at - r.u + r.a), 0x42, "A after PTRACE_POKEDATA");
	child_end(&debugger);
}
