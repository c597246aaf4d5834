// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_WAKE: whom it wakes, how it refuses, and what the woken thread finds. */
#include "lib/asleep.h"

CASE(retry_tells_what_is_there_now,
     DESC("MISSING and MINOR: after WAKE a fault comes again as what it is by then")
     ROWS("DLV-10")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2);
	char *at = r.u + r.page;
	struct toucher t, writer;
	int uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);

	touch_start_page(&t, &r, 1);
	for (unsigned int version = 1; version <= 2; version++) {
		EXPECT_MSG(uffd, 0, at);
		EXPECT_ASLEEP(&t, "a missing fault");
		fill_a(&r, 1, version);
		EXPECT_NO_MSG(uffd, "the page was made: nobody is told");
		EXPECT_ERRNO(uffd_wake(uffd, at, r.page), 0, "UFFDIO_WAKE");
		EXPECT_MSG(uffd, FLAG_MINOR, at);
		EXPECT_ASLEEP(&t, "a minor fault");
		SETUP(!fallocate(r.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, r.page, r.page),
		      "fallocate(FALLOC_FL_PUNCH_HOLE)");
		EXPECT_NO_MSG(uffd, "the page was punched out: nobody is told");
		EXPECT_ERRNO(uffd_wake(uffd, at, r.page), 0, "UFFDIO_WAKE");
	}
	EXPECT_MSG(uffd, 0, at);
	fill_a(&r, 1, 3);
	EXPECT_ERRNO(uffd_wake(uffd, at, r.page), 0, "UFFDIO_WAKE");
	EXPECT_MSG(uffd, FLAG_MINOR, at);
	EXPECT_OK(uffd_continue(uffd, at, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 1, 3);

	/* A write stays a write. */
	touch_start_write(&writer, r.u, 0x42);
	EXPECT_MSG(uffd, FLAG_WRITE, r.u);
	fill_a(&r, 0, 1);
	EXPECT_ERRNO(uffd_wake(uffd, r.u, r.page), 0, "UFFDIO_WAKE");
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_FINISHED(&writer, "page resolved");
	EXPECT_EQ((unsigned char)r.a[0], 0x42, "A after the write to U");
	EXPECT_NO_MSG(uffd, "all is resolved");
}

/* Two waiters for each of four pages, the second one of them a writer. */
struct eight {
	struct toucher t[8];
	struct nap nap[8];
};

static void start_eight(struct eight *e, const struct region *r, int uffd)
{
	for (size_t i = 0; i < 8; i++) {
		char *at = r->u + i / 2 * r->page;

		if (i % 2)
			touch_start_write(&e->t[i], at + 0x123, 0x42);
		else
			touch_start(&e->t[i], TOUCH_READ, at + 0x321);
		EXPECT_MSG(uffd, FLAG_MINOR | (i % 2 ? FLAG_WRITE : 0), at);
		e->nap[i] = EXPECT_ASLEEP(&e->t[i], "thread %zu", i);
	}
}

static void expect_unwoken(struct eight *e, size_t from, size_t to, const char *after)
{
	for (size_t i = from; i < to; i++)
		EXPECT_UNWOKEN(&e->t[i], e->nap[i], "thread %zu of page %zu, %s", i, i / 2, after);
}

CASE(wakes_its_range_only,
     DESC("WAKE of some pages: each waiter there sends its message again, the others sleep on")
     ROWS("DLV-20")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(4);
	struct uffd_msg msg;
	unsigned int flags[4][2] = { };
	struct eight e;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	start_eight(&e, &r, uffd);

	EXPECT_ERRNO(uffd_wake(uffd, r.u + r.page, 2 * r.page), 0, "UFFDIO_WAKE of two pages");
	for (int i = 0; i < 4; i++) {
		size_t page;

		EXPECT(uffd_read(uffd, &msg, patience_ms()), "message %d of 4 after WAKE", i + 1);
		page = (msg.arg.pagefault.address - (uintptr_t)r.u) / r.page;
		EXPECT(page == 1 || page == 2, "message after WAKE is for page %zu", page);
		flags[page][msg.arg.pagefault.flags != FLAG_MINOR]++;
		EXPECT_EQ(msg.arg.pagefault.flags & ~(uint64_t)FLAG_WRITE, FLAG_MINOR,
			  "flags after WAKE");
	}
	for (size_t page = 1; page <= 2; page++)
		for (int how = 0; how < 2; how++)
			EXPECT_EQ(flags[page][how], 1, "messages for the %s of page %zu",
				  how ? "write" : "read", page);
	EXPECT_NO_MSG(uffd, "WAKE of two pages");
	expect_unwoken(&e, 0, 2, "in front of the range");
	expect_unwoken(&e, 6, 8, "behind the range");
	for (size_t i = 2; i < 6; i++)
		e.nap[i] = EXPECT_ASLEEP(&e.t[i], "thread %zu, after WAKE", i);

	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of page 1");
	EXPECT_SEEN(&e.t[2], &r, 1, 1);
	EXPECT_FINISHED(&e.t[3], "page 1 resolved");
	expect_unwoken(&e, 0, 2, "page 1 resolved");
	expect_unwoken(&e, 4, 8, "page 1 resolved");
	close(uffd);
	for (size_t i = 0; i < 8; i++)
		if (i / 2 != 1)
			EXPECT_FINISHED(&e.t[i], "uffd closed");
}

CASE(wake_refusals,
     DESC("WAKE: EINVAL for no bytes, unaligned, wrapping; 0 where nothing is registered, mapped")
     ROWS("DLV-21")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(2), other = region_make(1);
	size_t base = base_page();
	const struct {
		const char *what;
		char *start;
		size_t len;
	} bad[] = {
		{ "of no bytes", r.u, 0 },
		{ "from inside a page", r.u + 8, base },
		{ "from the last byte of a page", r.u + base - 1, base },
		{ "up to inside a page", r.u, base + 8 },
		{ "of one byte", r.u, 1 },
		{ "of a length that wraps", r.u, -base },
		{ "up to the end of all addresses", (char *)-base, base },
	};
	struct toucher t;
	struct nap nap;
	int uffd, ret;

	fill_a(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 0);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	nap = EXPECT_ASLEEP(&t, "message read");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_ERRNO(uffd_wake(uffd, bad[i].start, bad[i].len), EINVAL, "UFFDIO_WAKE %s",
			     bad[i].what);
	ret = ioctl(uffd, UFFDIO_WAKE, (void *)base);
	EXPECT(ret == -1 && errno == EFAULT, "UFFDIO_WAKE with an unmapped structure: "
	       "expected -1/EFAULT, got %d/%s", ret, errno_name(ret ? errno : 0));

	EXPECT_ERRNO(uffd_wake(uffd, other.u, other.len), 0, "where nothing is registered");
	EXPECT_ERRNO(uffd_wake(uffd, r.a, r.len), 0, "of A, which is not registered");
	EXPECT_ERRNO(uffd_wake(uffd, r.u - base, base), 0, "where nothing is mapped");
	EXPECT_ERRNO(uffd_wake(uffd, r.u + r.page, r.page), 0, "where nobody waits");
	EXPECT_ERRNO(uffd_wake(uffd_open(0), r.u, r.len), 0, "of what another uffd owns");
	EXPECT_UNWOKEN(&t, nap, "no WAKE was for this thread");
	EXPECT_NO_MSG(uffd, "no WAKE was for this thread");

	/* One that is for more than U is for this thread, too. */
	EXPECT_ERRNO(uffd_wake(uffd, r.u - base, 2 * base), 0, "from in front of U");
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 0, 1);
}

/* A touch of @at; WAKE of a base page: not of @not, but of @yes wakes it. */
static void wake_matches(const struct region *r, uint64_t features, size_t at, size_t not,
			 size_t yes, const char *what)
{
	size_t base = base_page();
	int uffd = uffd_on(r, features, MODE_MINOR);
	char *told = features ? r->u + at : r->u + r->page;
	struct toucher t;
	struct nap nap;

	touch_start(&t, TOUCH_READ, r->u + at);
	EXPECT_MSG(uffd, FLAG_MINOR, told);
	nap = EXPECT_ASLEEP(&t, "message read");
	EXPECT_ERRNO(uffd_wake(uffd, r->u + not, base), 0, "UFFDIO_WAKE");
	EXPECT_UNWOKEN(&t, nap, "%s: WAKE of the base page at U+0x%zx", what, not);
	EXPECT_ERRNO(uffd_wake(uffd, r->u, yes), 0, "UFFDIO_WAKE");
	EXPECT_UNWOKEN(&t, nap, "%s: WAKE of all in front of the base page at U+0x%zx", what, yes);
	EXPECT_ERRNO(uffd_wake(uffd, r->u + yes + base, r->len - yes - base), 0, "UFFDIO_WAKE");
	EXPECT_UNWOKEN(&t, nap, "%s: WAKE of all behind the base page at U+0x%zx", what, yes);
	EXPECT_NO_MSG(uffd, "%s: nobody was woken", what);
	EXPECT_ERRNO(uffd_wake(uffd, r->u + yes, base), 0, "UFFDIO_WAKE");
	EXPECT_MSG(uffd, FLAG_MINOR, told);
	EXPECT_OK(uffd_continue(uffd, r->u + r->page, r->page, 0), (int64_t)r->page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, r, 1, 1);
	close(uffd);
}

CASE(wake_goes_by_message,
     DESC("WAKE inside a huge page: its first base page wakes, with EXACT_ADDRESS the touched one")
     ROWS("DLV-22")
     MEMORY("hugetlb-shared hugetlb-private"))
{
	/* Pages of 64 KiB have no more room. */
	size_t base = base_page(), at = run.page_size + 3 * base + 0x123;
	struct region r = region_make(2), exact = region_make(2);

	fill_a(&r, 1, 1);
	fill_a(&exact, 1, 1);
	wake_matches(&r, 0, at, r.page + 3 * base, r.page, "rounded");
	wake_matches(&exact, UFFD_FEATURE_EXACT_ADDRESS, at, r.page, r.page + 3 * base, "exact");
}
