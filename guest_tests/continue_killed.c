// SPDX-License-Identifier: GPL-2.0-only
/* A caller of CONTINUE that is killed in the middle of a long range. */
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "lib/asleep.h"

#define TRIES 40

/* What the caller shares with us: all its memory, for it is no thread but another process. */
static struct call {
	struct uffdio_continue arg;
	int uffd, ret;
} call;

static int caller(void *unused)
{
	(void)unused;
	call.ret = ioctl(call.uffd, UFFDIO_CONTINUE, &call.arg);
	return 0;
}

/*
 * A process of its own that has our memory: what it leaves can be looked at once it is dead.
 * Not a thread, for SIGKILL ends all of these.
 */
static pid_t start_caller(void)
{
	static char stack[64 * 1024] __attribute__((aligned(64)));
	pid_t pid = clone(caller, stack + sizeof(stack), CLONE_VM | CLONE_FILES | SIGCHLD, NULL);

	SETUP(pid > 0, "clone");
	return pid;
}

/* Kill it as soon as CONTINUE has mapped page @at; false when it had ended before. */
static bool kill_at(pid_t pid, const struct region *r, size_t at)
{
	int status;

	for (;;) {
		bool there = page_is_mapped(r->u + at * r->page);

		if (there)
			kill(pid, SIGKILL);
		if (there || waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

static size_t count_mapped(const struct region *r)
{
	return pages_mapped(r->u, r->page, r->pages);
}

CASE(killed_in_the_middle,
     DESC("SIGKILL in the middle of CONTINUE: it ends there, and mapped says how far it came")
     ROWS("CON-37")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     RACE)
{
	struct region r = region_make(8192);
	int uffd, tries;
	size_t mapped = 0;

	/* One byte makes a page. */
	for (size_t i = 0; i < r.pages; i++)
		r.a[i * r.page] = 1;
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (tries = 0; tries < TRIES; tries++) {
		call = (struct call){ .uffd = uffd, .ret = 1 };
		call.arg = (struct uffdio_continue){
			.range = { (uintptr_t)r.u, r.len }, .mapped = UNTOUCHED,
		};
		if (kill_at(start_caller(), &r, 64)) {
			mapped = count_mapped(&r);
			/* Or the signal came behind the call's end. */
			if (mapped < r.pages)
				break;
		}
		SETUP(!madvise(r.u, r.len, MADV_DONTNEED), "MADV_DONTNEED");
	}
	EXPECT(tries < TRIES, "SIGKILL early in CONTINUE of %zu pages, %d times: each time it went "
	       "on to the end", r.pages, TRIES);
	EXPECT(mapped > 64, "%zu pages are mapped, the kill came with more than 64", mapped);
	EXPECT_EQ(call.arg.mapped, (int64_t)(mapped * r.page), "mapped, of a caller that was killed");
	EXPECT_EQ(pages_mapped(r.u + mapped * r.page, r.page, 1), 0, "pages mapped behind those");
	/* It goes on where the other was stopped. */
	EXPECT_OK(uffd_continue(uffd, r.u + mapped * r.page, r.len - mapped * r.page, 0),
		  (int64_t)(r.len - mapped * r.page), "UFFDIO_CONTINUE of the rest");
	EXPECT_EQ(count_mapped(&r), r.pages, "pages that are mapped");
}
