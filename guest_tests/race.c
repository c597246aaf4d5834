// SPDX-License-Identifier: GPL-2.0-only
/* Things that happen at the same time: these need two CPUs to mean anything. */
#include "lib/uffd_test.h"

#define ROUNDS 50
#define WAITERS 16

CASE(many_waiters_one_continue,
     DESC("16 threads on one page: 16 messages, one CONTINUE releases all, a second: EEXIST")
     ROWS("CCY-01")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED SIZE_1G)
     RACE)
{
	struct region r = region_make(1);
	static struct toucher t[WAITERS];
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (size_t i = 0; i < WAITERS; i++)
		touch_start(&t[i], TOUCH_READ, r.u + i * (r.page / WAITERS) + i);
	for (size_t i = 0; i < WAITERS; i++)
		EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_QUIET(uffd, "more messages than threads");
	for (size_t i = 0; i < WAITERS; i++)
		EXPECT(!atomic_load(&t[i].done), "thread %zu finished before UFFDIO_CONTINUE", i);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	for (size_t i = 0; i < WAITERS; i++)
		EXPECT_SEEN(&t[i], &r, 0, 1);
	EXPECT_QUIET(uffd, "message after UFFDIO_CONTINUE");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EEXIST, "second UFFDIO_CONTINUE");
}

struct contender {
	const struct region *r;
	int uffd;
	pthread_barrier_t *start, *end;
	struct outcome outcome;
};

static void *contend(void *arg)
{
	struct contender *c = arg;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(c->start);
		c->outcome = uffd_continue(c->uffd, c->r->u, c->r->page, 0);
		pthread_barrier_wait(c->end);
	}
	return NULL;
}

CASE(two_continues,
     DESC("two CONTINUEs of one page at once: exactly one 0 and one EEXIST, every time")
     ROWS("CCY-02")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED)
     RACE TIMEOUT(20))
{
	struct region r = region_make(1);
	pthread_barrier_t start, end;
	struct contender c[2];
	void *args[2] = { &c[0], &c[1] };
	pthread_t threads[2];
	unsigned int first = 0;
	int uffd;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	pthread_barrier_init(&start, NULL, 3);
	pthread_barrier_init(&end, NULL, 3);
	for (int i = 0; i < 2; i++)
		c[i] = (struct contender){ &r, uffd, &start, &end, { } };
	run_threads(threads, 2, contend, args);
	for (int i = 0; i < ROUNDS; i++) {
		struct toucher t;
		int winner;

		touch_start(&t, TOUCH_READ, r.u);
		EXPECT_MSG(uffd, FLAG_MINOR, r.u);
		pthread_barrier_wait(&start);
		pthread_barrier_wait(&end);
		winner = c[0].outcome.err ? 1 : 0;
		first += !winner;
		EXPECT_OK(c[winner].outcome, (int64_t)r.page, "winner of round %d", i);
		EXPECT_ERR(c[!winner].outcome, EEXIST, "loser of round %d", i);
		EXPECT_SEEN(&t, &r, 0, 1);
		SETUP(!madvise(r.u, r.page, MADV_DONTNEED), "MADV_DONTNEED");
	}
	JOIN_THREADS(threads, 2, "contender");
	EXPECT_QUIET(uffd, "message left over");
	diag("the first thread won %u of %d rounds", first, ROUNDS);
}
