// SPDX-License-Identifier: GPL-2.0-only
/* fork(2) with EVENT_FORK while another thread goes on with UFFDIO_CONTINUE. */
#include <signal.h>
#include <sys/wait.h>

#include "lib/event.h"

#define FORKS 60
#define AT_A_TIME 6			/* forks, before CONTINUE is given its turn */
#define STATUS 7			/* of the children */

static atomic_bool stop;
static atomic_uint again, done;		/* how often CONTINUE gave EAGAIN, and 0 */
static atomic_uint allowed;		/* forks */

struct resolver {
	const struct region *r;
	int uffd;
};

/* Map a page and throw it away again, over and over: no event comes of that. */
static void *resolve(void *arg)
{
	const struct resolver *s = arg;
	size_t page = s->r->page;

	for (unsigned int i = 0; !atomic_load(&stop); i++) {
		char *at = s->r->u + i % s->r->pages * page;
		struct outcome got = uffd_continue(s->uffd, at, page, 0);

		EXPECT(!got.err || got.err == EAGAIN || got.err == EEXIST,
		       "UFFDIO_CONTINUE against fork: expected 0, EAGAIN or EEXIST, got %s",
		       errno_name(got.err));
		if (!got.err) {
			EXPECT_EQ(got.out, page, "mapped of one page");
			atomic_fetch_add(&done, 1);
		}
		if (got.err == EAGAIN)
			atomic_fetch_add(&again, 1);
		else	/* the second time it gives EEXIST */
			SETUP(i % 3 == 0 || !madvise(at, page, MADV_DONTNEED), "MADV_DONTNEED");
	}
	return NULL;
}

static void *fork_often(void *arg)
{
	for (unsigned int i = 0; i < FORKS; i++) {
		pid_t child;
		int status;

		while (atomic_load(&allowed) <= i)
			sleep_ms(1);
		/* Not the C library's: it holds locks while the event waits to be read. */
		child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (!child)
			_exit(STATUS);
		EXPECT(child > 0, "fork %u: %s", i, errno_name(errno));
		SETUP(waitpid(child, &status, 0) == child, "waitpid");
		EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == STATUS,
		       "child %u ended with status 0x%x", i, status);
	}
	return arg;
}

static void await_more(atomic_uint *counter, unsigned int than, const char *what)
{
	for (int64_t end = now_ms() + patience_ms(); atomic_load(counter) == than && now_ms() < end;)
		sleep_ms(1);
	EXPECT(atomic_load(counter) != than, "no UFFDIO_CONTINUE gave %s in %d ms", what,
	       patience_ms());
}

CASE(continue_against_fork,
     DESC("60 forks against CONTINUE: 60 FORK messages; CONTINUE gives 0, EAGAIN or EEXIST only")
     ROWS("CCY-06")
     MEMORY("hugetlb-shared shmem-shared")
     RACE TIMEOUT(20))
{
	struct region r = region_make(memory_is_hugetlb() ? 4 : 8);
	struct resolver resolver = { .r = &r };
	pthread_t threads[2];

	fill_all(&r, 1);
	resolver.uffd = uffd_on(&r, UFFD_FEATURE_EVENT_FORK, MODE_MINOR);
	run_threads(threads, 1, resolve, (void *[]){ &resolver });
	await_more(&done, 0, "0 before the first fork");
	run_threads(threads + 1, 1, fork_often, (void *[]){ NULL });
	for (unsigned int i = 0; i < FORKS; i++) {
		if (i % AT_A_TIME == 0)
			atomic_store(&allowed, i + AT_A_TIME);
		EXPECT_UNREAD(resolver.uffd, "a fork");
		/* Some are read at once, some when it is known that CONTINUE has met them. */
		if (i % 4 == 0)
			await_more(&again, atomic_load(&again), "EAGAIN, a FORK event unread");
		close(EXPECT_FORK(resolver.uffd));
		/* Not while the next one may be on its way: then it is EAGAIN for good. */
		if (i % AT_A_TIME == AT_A_TIME - 1)
			await_more(&done, atomic_load(&done), "0, all FORK events read");
	}
	JOIN_THREADS(threads + 1, 1, "forker");
	atomic_store(&stop, true);
	JOIN_THREADS(threads, 1, "resolver");
	EXPECT_QUIET(resolver.uffd, "more messages than forks");
	/* Every page is as it was, and is served as before. */
	SETUP(!madvise(r.u, r.len, MADV_DONTNEED), "MADV_DONTNEED");
	for (size_t page = 0; page < r.pages; page++) {
		char *at = r.u + page * r.page;
		struct toucher t;

		touch_start_page(&t, &r, page);
		EXPECT_MSG(resolver.uffd, FLAG_MINOR, at);
		EXPECT_OK(uffd_continue(resolver.uffd, at, r.page, 0), (int64_t)r.page,
			  "UFFDIO_CONTINUE after the forks");
		EXPECT_SEEN(&t, &r, page, 1);
	}
	EXPECT_EQ(fdinfo_number(resolver.uffd, "total"), 0, "total in fdinfo at the end");
	diag("UFFDIO_CONTINUE: %u times 0, %u times EAGAIN", atomic_load(&done),
	     atomic_load(&again));
}
