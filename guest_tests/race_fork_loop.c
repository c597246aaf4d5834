// SPDX-License-Identifier: GPL-2.0-only
/*
 * CONTINUE against fork(2), while other pages are taken away and come back.
 *
 * fork waits for its FORK message to be read, and glibc's holds the allocator's lock meanwhile:
 * hence the bare system call.
 */
#include <sched.h>
#include <sys/wait.h>

#include "lib/crew.h"

#define FORKS 30

struct forking {
	struct region r;
	int uffd;
	atomic_bool stop;
	atomic_uint messages, mapped, existed, again;
};

static void *continue_for_ever(void *arg)
{
	struct forking *f = arg;

	while (!atomic_load(&f->stop)) {
		for (size_t page = 0; page < f->r.pages; page++) {
			struct outcome got = uffd_continue(f->uffd, f->r.u + page * f->r.page,
							   f->r.page, 0);

			EXPECT(!got.err || got.err == EAGAIN || got.err == EEXIST,
			       "UFFDIO_CONTINUE of page %zu while the process forks gave %s", page,
			       errno_name(got.err));
			atomic_fetch_add(got.err == EAGAIN ? &f->again :
					 got.err ? &f->existed : &f->mapped, 1);
		}
		SETUP(!madvise(f->r.u, f->r.len, MADV_DONTNEED), "MADV_DONTNEED");
	}
	return NULL;
}

static void read_event(void *arg, const struct uffd_msg *msg)
{
	struct forking *f = arg;

	EXPECT_EQ(msg->event, UFFD_EVENT_FORK, "event of a message, while nothing but fork is there");
	atomic_fetch_add(&f->messages, 1);
	close((int)msg->arg.fork.ufd);
}

static void fork_once(unsigned int i)
{
	int status, pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	SETUP(pid >= 0, "clone %u", i);
	if (!pid)
		syscall(SYS_exit_group, 7);
	SETUP(waitpid(pid, &status, 0) == pid, "waitpid");
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7, "child %u ended with status 0x%x", i,
	       status);
}

CASE(fork_meets_continue,
     DESC("30 forks with EVENT_FORK against a loop of CONTINUE: a message each, and CONTINUE "
	  "gives 0, EAGAIN or EEXIST only")
     ROWS("CCY-06")
     MEMORY("shmem-shared hugetlb-shared")
     RACE)
{
	static struct forking f;
	struct manager reader;
	void *args[1] = { &f };
	pthread_t looping;

	f.r = region_make(4);
	for (size_t page = 0; page < f.r.pages; page++)
		fill_a(&f.r, page, 1);
	f.uffd = uffd_on(&f.r, UFFD_FEATURE_EVENT_FORK, MODE_MINOR);
	manager_start(&reader, f.uffd, read_event, &f);
	run_threads(&looping, 1, continue_for_ever, args);
	for (unsigned int i = 0; i < FORKS; i++)
		fork_once(i);
	atomic_store(&f.stop, true);
	JOIN_THREADS(&looping, 1, "loop of CONTINUE");
	manager_stop(&reader);
	EXPECT_EQ(f.messages, FORKS, "FORK messages of as many forks");
	EXPECT(f.mapped, "no UFFDIO_CONTINUE returned 0");
	diag("CONTINUE: %u times 0, %u EEXIST, %u EAGAIN", f.mapped, f.existed, f.again);
	/* The parent's memory is served as before. */
	for (size_t page = 0; page < f.r.pages; page++) {
		struct toucher t;

		touch_start_page(&t, &f.r, page);
		EXPECT_MSG(f.uffd, FLAG_MINOR, f.r.u + page * f.r.page);
		EXPECT_OK(uffd_continue(f.uffd, f.r.u + page * f.r.page, f.r.page, 0),
			  (int64_t)f.r.page, "UFFDIO_CONTINUE after the forks");
		EXPECT_SEEN(&t, &f.r, page, 1);
	}
	EXPECT_EQ(fdinfo_number(f.uffd, "total"), 0, "total in fdinfo at the end");
}
