// SPDX-License-Identifier: GPL-2.0-only
/* Threads that walk over U's pages, and threads that read a uffd's messages. */
#include <poll.h>

#include "asleep.h"
#include "crew.h"

#define SAMPLES 16

void expect_version_seen(const struct member *member, size_t page, unsigned int version)
{
	const struct region *r = member->crew->r;
	volatile unsigned char *at = (unsigned char *)r->u + page * r->page;

	for (size_t sample = 0; sample < SAMPLES; sample++) {
		/* The first byte, the last one, and others between. */
		size_t offset = sample * (r->page - 1) / (SAMPLES - 1);
		unsigned char want = pattern_byte(offset, page, version), seen = at[offset];

		EXPECT(seen == want, "thread %zu at page %zu, offset 0x%zx: expected 0x%02x "
		       "(version %u), got 0x%02x", member->number, page, offset, want, version,
		       seen);
	}
}

/* All pages once, in an order that no other walk has. */
static void walk(struct member *m, size_t *order)
{
	struct crew *crew = m->crew;
	size_t pages = crew->r->pages;

	for (size_t i = 0; i < pages; i++) {
		size_t other = rand_r(&m->seed) % (i + 1);

		order[i] = order[other];
		order[other] = i;
	}
	for (size_t i = 0; i < pages && !atomic_load(&crew->stop); i++) {
		atomic_store(&m->at, (ssize_t)order[i]);
		if (crew->visit)
			crew->visit(m, order[i]);
		else
			expect_version_seen(m, order[i], 1);
		atomic_store(&m->at, -1);
		atomic_fetch_add(&m->visits, 1);
	}
}

static void *run_member(void *arg)
{
	struct member *m = arg;
	size_t *order = calloc(m->crew->r->pages, sizeof(*order));

	SETUP(order, "calloc for %zu pages", m->crew->r->pages);
	atomic_store(&m->tid, (pid_t)syscall(SYS_gettid));
	for (unsigned int i = 0; !m->crew->walks || i < m->crew->walks; i++) {
		walk(m, order);
		if (atomic_load(&m->crew->stop))
			break;
	}
	free(order);
	atomic_store(&m->done, true);
	return NULL;
}

void crew_start(struct crew *crew)
{
	errno = 0;
	SETUP(crew->n && crew->n <= MAX_CREW, "a crew of %zu threads", crew->n);
	for (size_t i = 0; i < crew->n; i++) {
		struct member *m = &crew->member[i];
		int err;

		*m = (struct member){
			.crew = crew, .number = i, .seed = 1 + i / (crew->abreast ?: 1), .at = -1,
		};
		err = pthread_create(&m->thread, NULL, run_member, m);
		if (err)
			bail_at(__FILE__, __LINE__, err, "pthread_create");
	}
}

void crew_stop(struct crew *crew)
{
	atomic_store(&crew->stop, true);
}

static const char *explain(const struct crew *crew, ssize_t page)
{
	if (page < 0)
		return "it touches no page";
	if (page_is_mapped(crew->r->u + page * crew->r->page))
		return "the page is mapped: its wake-up was lost";
	return "the page is not mapped: nobody resolved it";
}

/* Number of the first member that has not ended; crew->n when all have. */
static size_t first_at_work(const struct crew *crew)
{
	size_t first = 0;

	while (first < crew->n && atomic_load(&crew->member[first].done))
		first++;
	return first;
}

void expect_crew_ends_at(const char *file, int line, struct crew *crew, const char *fmt, ...)
{
	int64_t moved = now_ms();
	unsigned int before = 0;
	size_t first, ended = 0;
	char text[300];

	count_assertion();
	/* On a slow machine it may take its time, as long as something moves. */
	while (now_ms() < moved + patience_ms()) {
		unsigned int visits = 0;

		if (first_at_work(crew) == crew->n)
			break;
		for (size_t i = 0; i < crew->n; i++)
			visits += atomic_load(&crew->member[i].visits);
		if (visits != before)
			moved = now_ms();
		before = visits;
		sleep_ms(1);
	}
	first = first_at_work(crew);
	if (first == crew->n) {
		for (size_t i = 0; i < crew->n; i++)
			pthread_join(crew->member[i].thread, NULL);
		return;
	}
	for (size_t i = 0; i < crew->n; i++)
		ended += atomic_load(&crew->member[i].done);
	FORMAT(text);
	fail_at(file, line, "%s: thread %zu is still at page %zd, in state %c: %s "
		"(%zu of %zu threads have ended)", text, first,
		atomic_load(&crew->member[first].at),
		thread_state(atomic_load(&crew->member[first].tid)) ?: '?',
		explain(crew, atomic_load(&crew->member[first].at)), ended, crew->n);
}

/* ---- who reads the messages -------------------------------------------------------- */

size_t page_of(const struct region *r, const struct uffd_msg *msg)
{
	size_t page = (msg->arg.pagefault.address - (uintptr_t)r->u) / r->page;

	EXPECT_EQ(msg->event, UFFD_EVENT_PAGEFAULT, "event of a message");
	EXPECT(page < r->pages, "message for 0x%llx, outside U",
	       (unsigned long long)msg->arg.pagefault.address);
	return page;
}

static void *run_manager(void *arg)
{
	struct manager *m = arg;
	struct pollfd waiting[2] = {
		{ .fd = m->uffd, .events = POLLIN }, { .fd = m->stop[0], .events = POLLIN },
	};

	for (;;) {
		struct uffd_msg msg;

		SETUP(poll(waiting, 2, -1) >= 0 || errno == EINTR, "poll");
		if (uffd_read(m->uffd, &msg, 0)) {
			atomic_fetch_add(&m->messages, 1);
			m->handle(m->arg, &msg);
		} else if (waiting[1].revents) {
			return NULL;
		}
	}
}

void manager_start(struct manager *m, int uffd,
		   void (*handle)(void *arg, const struct uffd_msg *msg), void *arg)
{
	int err;

	*m = (struct manager){ .uffd = uffd, .handle = handle, .arg = arg };
	SETUP(!pipe2(m->stop, O_CLOEXEC), "pipe2");
	err = pthread_create(&m->thread, NULL, run_manager, m);
	if (err)
		bail_at(__FILE__, __LINE__, err, "pthread_create");
}

void manager_stop(struct manager *m)
{
	SETUP(write(m->stop[1], "", 1) == 1, "write to the pipe");
	JOIN_THREADS(&m->thread, 1, "manager");
	close(m->stop[0]);
	close(m->stop[1]);
}
