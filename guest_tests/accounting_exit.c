// SPDX-License-Identifier: GPL-2.0-only
/* A process that ends in the middle of faults gives everything back. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/held.h"

#define THREADS 4

/* What a child and its parent know of each other: the child's own copy of U is registered. */
struct child {
	pid_t pid;
	int ready;		/* a byte comes when its threads wait */
};

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* A thread that waits in the kernel itself, in the middle of a system call. */
static void *read_into(void *addr)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	SETUP(fd >= 0, "open /dev/zero");
	if (read(fd, addr, 64) < 0)
		errno = 0;
	return NULL;
}

static void start_in_kernel(void *addr)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, read_into, addr);

	errno = err;
	SETUP(!err, "pthread_create");
}

/*
 * Two threads wait for page 0, one for page 1, one for page 2 in a system call; page 3 is
 * resolved, and written.
 */
static void wait_for_pages(const struct region *r, int ready)
{
	static struct toucher waiting[THREADS - 1], done;
	int uffd = uffd_on(r, 0, MODE_MINOR);

	touch_start(&waiting[0], TOUCH_READ, r->u);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u);
	touch_start_write(&waiting[1], r->u + 8, 1);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r->u);
	touch_start(&waiting[2], TOUCH_READ, r->u + r->page);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u + r->page);
	start_in_kernel(r->u + 2 * r->page);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r->u + 2 * r->page);
	EXPECT_ERRNO(uffd_continue(uffd, r->u + 3 * r->page, r->page, 0), 0, "UFFDIO_CONTINUE");
	touch_start_write(&done, r->u + 3 * r->page, 1);
	EXPECT_FINISHED(&done, "resolved");
	SETUP(write(ready, "", 1) == 1, "write to the parent");
}

/* @status: what the child exits with when its threads wait; -1: it waits, too. */
static struct child start_child(const struct region *r, int status)
{
	struct child child;
	int ends[2];
	char byte;

	SETUP(!pipe(ends), "pipe");
	child.pid = fork();
	SETUP(child.pid >= 0, "fork");
	if (!child.pid) {
		wait_for_pages(r, ends[1]);
		if (status >= 0)
			_exit(status);		/* exit_group(2): glibc since 2.2.5 */
		for (;;)
			pause();
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1) {
		int ended;

		SETUP(waitpid(child.pid, &ended, 0) == child.pid, "waitpid");
		_exit(EXIT_FAILURE);		/* it has said why */
	}
	child.ready = ends[0];
	return child;
}

/* It must end within a second on real hardware; its status. */
static int reap(const struct child *child, const char *after)
{
	double limit = 1.0 * run.timeout / run.declared, began = seconds_now();
	int status = 0;
	pid_t ended;

	while (!(ended = waitpid(child->pid, &status, WNOHANG)) && seconds_now() < began + limit)
		sleep_ms(1);
	EXPECT(ended == child->pid, "a child with waiting threads has not ended %.0f s after %s",
	       limit, after);
	close(child->ready);
	return status;
}

static struct region present(void)
{
	struct region r = region_make(4);

	for (size_t i = 0; i < r.pages; i++)
		*(volatile uint32_t *)(r.a + i * r.page) = 0x5eed;
	return r;
}

CASE(killed_in_mid_fault,
     DESC("SIGKILL with four threads waiting: reaped within a second, every page given back")
     ROWS("ACC-09")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	struct pool first = pool_now(), before;
	struct region r = present();

	before = pool_now();
	for (int round = 0; round < 3; round++) {
		struct child child = start_child(&r, -1);
		int status;

		SETUP(!kill(child.pid, SIGKILL), "kill");
		status = reap(&child, "SIGKILL");
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		       "the child's status after SIGKILL is 0x%x", status);
		EXPECT_POOL(before, "a child that was killed");
		for (size_t i = 0; i < r.pages; i++)
			EXPECT_EQ(page_mapcount(r.a + i * r.page), 1,
				  "kpagecount of page %zu after the child was killed", i);
	}
	EXPECT_NOTHING_HELD(&r, first, "three children that were killed");
}

CASE(exit_in_mid_fault,
     DESC("exit_group with threads waiting: its own status, every page given back")
     ROWS("ACC-10")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	struct pool first = pool_now();
	struct region r = present();

	for (int round = 0; round < 3; round++) {
		struct child child = start_child(&r, 40 + round);
		int status = reap(&child, "exit_group");

		EXPECT(WIFEXITED(status), "the child's status after exit_group is 0x%x", status);
		EXPECT_EQ(WEXITSTATUS(status), 40 + round, "the child's exit status");
	}
	EXPECT_NOTHING_HELD(&r, first, "three children that left");
}
