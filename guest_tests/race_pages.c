// SPDX-License-Identifier: GPL-2.0-only
/* Many threads on many pages, and wake-ups that must not be lost. */
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#include "lib/crew.h"

static void nap(void)
{
	const struct timespec t = { 0, 50000 };

	nanosleep(&t, NULL);
}

/* ---- many threads, two managers ---------------------------------------------------- */

struct managed {
	struct region r;
	int uffd;
	atomic_uint mapped, existed;
};

static void continue_page(void *arg, const struct uffd_msg *msg)
{
	struct managed *m = arg;
	size_t page = page_of(&m->r, msg);
	struct outcome got = uffd_continue(m->uffd, m->r.u + page * m->r.page, m->r.page, 0);

	EXPECT_EQ(msg->arg.pagefault.flags, FLAG_MINOR, "flags of a message for page %zu", page);
	if (got.err) {
		/* Another message of this page was handled before; this one's thread goes on. */
		EXPECT_ERR(got, EEXIST, "UFFDIO_CONTINUE of page %zu", page);
		atomic_fetch_add(&m->existed, 1);
	} else {
		EXPECT_OK(got, (int64_t)m->r.page, "UFFDIO_CONTINUE of page %zu", page);
		atomic_fetch_add(&m->mapped, 1);
	}
}

CASE(two_managers_never_wake,
     DESC("8 threads, 2 managers that never WAKE: all end, each page mapped once, surplus "
	  "messages are EEXISTs")
     ROWS("CCY-03")
     MEMORY("hugetlb-shared shmem-shared")
     RACE)
{
	static struct managed m;
	static struct crew crew = { .r = &m.r, .n = 8, .abreast = 4, .walks = 1 };
	struct uffd_msg first[8];
	struct manager managers[2];
	unsigned int messages;

	m.r = region_make(memory_is_hugetlb() ? 12 : 96);
	fill_all(&m.r, 1);
	m.uffd = uffd_on(&m.r, 0, MODE_MINOR);
	crew_start(&crew);
	/* Each of them waits, four for the same page, and its message is read before any CONTINUE. */
	for (size_t i = 0; i < crew.n; i++)
		EXPECT(uffd_read(m.uffd, &first[i], patience_ms()), "%zu messages, though %zu "
		       "threads have been started", i, crew.n);
	for (size_t i = 0; i < crew.n; i++)
		continue_page(&m, &first[i]);
	EXPECT(m.existed >= 6, "%u EEXISTs, though 8 threads waited for 2 pages", m.existed);
	for (size_t i = 0; i < 2; i++)
		manager_start(&managers[i], m.uffd, continue_page, &m);
	EXPECT_CREW_ENDS(&crew, "8 threads, each over all pages");
	for (size_t i = 0; i < 2; i++)
		manager_stop(&managers[i]);
	messages = crew.n + managers[0].messages + managers[1].messages;
	diag("%u messages (8, %u and %u), %u pages mapped, %u times EEXIST", messages,
	     managers[0].messages, managers[1].messages, m.mapped, m.existed);
	EXPECT_EQ(m.mapped, m.r.pages, "UFFDIO_CONTINUEs that returned 0");
	EXPECT_EQ(messages, m.mapped + m.existed, "messages");
	EXPECT(messages <= crew.n * m.r.pages, "%u messages for %zu threads and %zu pages: more "
	       "than one for a thread and page", messages, crew.n, m.r.pages);
	EXPECT_EQ(fdinfo_number(m.uffd, "total"), 0, "total in fdinfo at the end");
}

/* ---- CONTINUE against MADV_DONTNEED ------------------------------------------------ */

#define PASSES 160

struct contest {
	struct region r;
	int uffd;
	atomic_bool stop;
	atomic_uint mapped, existed;
	pthread_t threads[2];
	void *args[2];
};

static void continue_each(struct contest *c)
{
	for (size_t page = 0; page < c->r.pages; page++) {
		struct outcome got = uffd_continue(c->uffd, c->r.u + page * c->r.page, c->r.page, 0);

		if (got.err)
			EXPECT_ERR(got, EEXIST, "UFFDIO_CONTINUE of page %zu", page);
		else
			EXPECT_OK(got, (int64_t)c->r.page, "UFFDIO_CONTINUE of page %zu", page);
		atomic_fetch_add(got.err ? &c->existed : &c->mapped, 1);
	}
}

static void *continue_for_ever(void *arg)
{
	struct contest *c = arg;

	while (!atomic_load(&c->stop))
		continue_each(c);
	return NULL;
}

CASE(dontneed_meets_continue,
     DESC("2 loops of CONTINUE against DONTNEED and 2 readers: 0 and EEXIST only, right "
	  "bytes, all end")
     ROWS("CCY-04")
     MEMORY("hugetlb-shared shmem-shared")
     RACE)
{
	static struct contest c;
	static struct crew readers = { .r = &c.r, .n = 2 };

	c.r = region_make(memory_is_hugetlb() ? 4 : 16);
	fill_all(&c.r, 1);
	c.uffd = uffd_on(&c.r, 0, MODE_MINOR);
	c.args[0] = c.args[1] = &c;
	crew_start(&readers);
	run_threads(c.threads, 2, continue_for_ever, c.args);
	for (int i = 0; i < PASSES; i++) {
		unsigned int before = atomic_load(&c.mapped);
		int64_t began = now_ms();

		SETUP(!madvise(c.r.u, c.r.len, MADV_DONTNEED), "MADV_DONTNEED");
		/* What was taken away is mapped again before it is taken the next time. */
		while (atomic_load(&c.mapped) == before) {
			EXPECT(now_ms() < began + patience_ms(),
			       "no page was mapped again after pass %d", i);
			nap();
		}
	}
	atomic_store(&c.stop, true);
	JOIN_THREADS(c.threads, 2, "loop of CONTINUE");
	crew_stop(&readers);
	continue_each(&c);
	EXPECT_OK(uffd_wake(c.uffd, c.r.u, c.r.len), 0, "UFFDIO_WAKE at the end");
	EXPECT_CREW_ENDS(&readers, "readers, after the last CONTINUE and WAKE");
	EXPECT_EQ(fdinfo_number(c.uffd, "total"), 0, "total in fdinfo at the end");
	diag("%u pages mapped, %u times EEXIST", c.mapped, c.existed);
}

/* ---- the moment between queueing and sleeping -------------------------------------- */

#define STEPS 16		/* of the delay, up to SPAN_US */
#define TOUCHERS_CPU 1
#define SPAN_US 160		/* longer than a fault takes until its thread sleeps, emulated */

struct meeting {
	struct region r;
	int uffd;
	atomic_size_t touched;		/* pages that the toucher is through with, in all */
	atomic_size_t next;		/* the one that it is about to touch */
	atomic_size_t allowed;		/* those it may touch */
	_Atomic(pid_t) tid;
	pthread_t thread, interrupter;
	atomic_bool over;
	size_t total;
	void *args[1];
};

static void spin_us(unsigned int us)
{
	struct timespec t;
	uint64_t end;

	clock_gettime(CLOCK_MONOTONIC, &t);
	end = t.tv_sec * 1000000000ULL + t.tv_nsec + us * 1000ULL;
	do {
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while (t.tv_sec * 1000000000ULL + t.tv_nsec < end);
}

static void run_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	SETUP(!sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
}

/*
 * The moment is a few instructions long, and whoever comes with CONTINUE takes longer: a timer's
 * interrupt on the CPU that is in it gives the time.
 */
static void *interrupt(void *arg)
{
	const struct timespec t = { 0, 60000 };
	struct meeting *m = arg;

	run_on(TOUCHERS_CPU);
	prctl(PR_SET_TIMERSLACK, 1);
	while (!atomic_load(&m->over))
		nanosleep(&t, NULL);
	return NULL;
}

static void *touch_each(void *arg)
{
	struct meeting *m = arg;

	run_on(TOUCHERS_CPU);
	atomic_store(&m->tid, (pid_t)syscall(SYS_gettid));
	for (size_t i = 0; i < m->total; i++) {
		size_t page = i % m->r.pages, offset = i * 61 % m->r.page;
		unsigned char seen;

		/* Asleep, for no CPU has to be interrupted then when a page is unmapped. */
		while (atomic_load(&m->allowed) <= i)
			nap();
		atomic_store(&m->next, i + 1);
		seen = ((volatile unsigned char *)m->r.u)[page * m->r.page + offset];
		EXPECT(seen == pattern_byte(offset, page, 1), "touch %zu, page %zu: got 0x%02x", i,
		       page, seen);
		atomic_store(&m->touched, i + 1);
	}
	return NULL;
}

/* The touch is over, or the page and what its thread does are the failure's message. */
static void expect_touched(struct meeting *m, size_t i, const char *how)
{
	int64_t began = now_ms();

	while (atomic_load(&m->touched) <= i) {
		if (now_ms() > began + patience_ms())
			FAIL("touch %zu, of page %zu: UFFDIO_CONTINUE%s mapped the page, but the "
			     "thread has not gone on after %d ms: state %c, total %ld in fdinfo: "
			     "its wake-up was lost", i, i % m->r.pages, how, patience_ms(),
			     thread_state(atomic_load(&m->tid)) ?: '?',
			     fdinfo_number(m->uffd, "total"));
		nap();
	}
}

static void meet(struct meeting *m, unsigned int rounds)
{
	m->r = region_make(STEPS);
	m->total = rounds * m->r.pages;
	for (size_t page = 0; page < m->r.pages; page++)
		for (unsigned int i = 0; i < rounds; i++) {
			size_t offset = (page + i * m->r.pages) * 61 % m->r.page;

			m->r.a[page * m->r.page + offset] = pattern_byte(offset, page, 1);
		}
	m->uffd = uffd_on(&m->r, 0, MODE_MINOR);
	m->args[0] = m;
}

/* The thread is on its way into the fault; we come a little later each time. */
static void resolve_each(struct meeting *m)
{
	run_on(!TOUCHERS_CPU);
	run_threads(&m->interrupter, 1, interrupt, m->args);
	run_threads(&m->thread, 1, touch_each, m->args);
	for (size_t i = 0; i < m->total; i++) {
		size_t page = i % m->r.pages;
		char *at = m->r.u + page * m->r.page;
		bool apart = i / m->r.pages % 2;	/* every other round: two calls */

		if (!page && i)
			SETUP(!madvise(m->r.u, m->r.len, MADV_DONTNEED), "MADV_DONTNEED");
		atomic_store(&m->allowed, i + 1);
		while (atomic_load(&m->next) <= i)
			sched_yield();
		spin_us((page * SPAN_US + i) / STEPS);
		EXPECT_OK(uffd_continue(m->uffd, at, m->r.page,
					apart ? UFFDIO_CONTINUE_MODE_DONTWAKE : 0),
			  (int64_t)m->r.page, "UFFDIO_CONTINUE of page %zu, touch %zu", page, i);
		if (apart)
			EXPECT_OK(uffd_wake(m->uffd, at, m->r.page), 0, "UFFDIO_WAKE");
		expect_touched(m, i, apart ? " with DONTWAKE, and WAKE," : "");
	}
	JOIN_THREADS(&m->thread, 1, "toucher");
	atomic_store(&m->over, true);
	JOIN_THREADS(&m->interrupter, 1, "interrupter");
	EXPECT_EQ(fdinfo_number(m->uffd, "total"), 0, "total in fdinfo at the end");
}

CASE(continue_meets_fault,
     DESC("CONTINUE, or DONTWAKE and WAKE, at every moment of the page's fault: no thread is "
	  "left asleep")
     ROWS("CCY-09")
     MEMORY("hugetlb-shared shmem-shared")
     RACE)
{
	static struct meeting m;
	struct uffd_msg msg;

	meet(&m, 16);
	resolve_each(&m);
	EXPECT(!uffd_read(m.uffd, &msg, 0), "a message is left of a fault that was resolved");
}

static void just_read(void *arg, const struct uffd_msg *msg)
{
	page_of(arg, msg);
}

CASE(read_meets_continue,
     DESC("the same while the message is being read, which moves the waiter to another queue")
     ROWS("CCY-09")
     MEMORY("hugetlb-shared shmem-shared")
     RACE)
{
	static struct meeting m;
	struct manager reader;

	meet(&m, 16);
	manager_start(&reader, m.uffd, just_read, &m.r);
	resolve_each(&m);
	manager_stop(&reader);
	diag("%u of %zu messages were read before UFFDIO_CONTINUE", reader.messages, m.total);
}
