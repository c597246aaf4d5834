// SPDX-License-Identifier: GPL-2.0-only
/* Pages whose memory fails, or is about to.  The guest has less memory afterwards. */
#include <signal.h>

#include "lib/failure.h"
#include "lib/held.h"
#include "lib/pagemap.h"
#include "lib/pending.h"
#include "lib/raised.h"

#define POISONED 2

static void expect_refused(const struct region *r, int uffd)
{
	char *at = r->u + POISONED * r->page;

	for (int i = 0; i < 3; i++)
		EXPECT_ERR(uffd_continue(uffd, at, r->page, 0), EIO,
			   "UFFDIO_CONTINUE of a poisoned page, try %d", i);
	EXPECT_ERR(uffd_continue(uffd, at, 2 * r->page, 0), EIO,
		   "UFFDIO_CONTINUE of a poisoned page and the next");
	EXPECT_OUTCOME(uffd_continue(uffd, at - r->page, 3 * r->page, 0), EAGAIN, (int64_t)r->page,
		       "UFFDIO_CONTINUE up to a poisoned page");
	EXPECT_EQ(pages_mapped(at, r->page, 1), 0, "poisoned pages that are mapped");
	EXPECT_EQ(pages_mapped(at + r->page, r->page, 1), 0, "pages mapped behind it");
}

/* Its neighbours are none the worse. */
static void expect_neighbours(const struct region *r, int uffd)
{
	struct toucher t;
	size_t next = POISONED + 1;

	EXPECT_READABLE(r, POISONED - 1, 1);
	touch_start_page(&t, r, next);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u + next * r->page);
	EXPECT_OK(uffd_continue(uffd, r->u + next * r->page, r->page, 0), (int64_t)r->page,
		  "UFFDIO_CONTINUE of the page behind");
	EXPECT_SEEN(&t, r, next, 1);
}

static struct region region_to_poison(void)
{
	struct region r = region_make(6);

	for (size_t i = 0; i < 5; i++)
		fill_a(&r, i, 1);
	keep_siginfo();
	return r;
}

/* A page that U itself has mapped fails, while U's process asks for it. */
static void expect_poison_while_mapped(const struct region *r, int uffd)
{
	char *at = r->u + 4 * r->page;
	struct toucher t;
	siginfo_t info;

	EXPECT_OK(uffd_continue(uffd, at, r->page, 0), (int64_t)r->page, "UFFDIO_CONTINUE");
	POISON(at, r->page);
	touch_start(&t, TOUCH_READ, at + 8);
	info = EXPECT_RAISED(&t, SIGBUS, "read of a page that failed while it was mapped");
	EXPECT_EQ(info.si_code, BUS_MCEERR_AR, "si_code of its SIGBUS");
	EXPECT_NO_MSG(uffd, "a touch of a page that failed while it was mapped");
}

CASE(poisoned_shmem,
     DESC("a poisoned shmem page: MINOR, CONTINUE EIO, after WAKE the same; neighbours work")
     ROWS("CON-32 INT-24 INT-26")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     DIRTY)
{
	struct region r = region_to_poison();
	char *at = r.u + POISONED * r.page;
	struct toucher t;
	struct nap nap;
	int uffd;

	uffd = uffd_on(&r, 0, MODE_MINOR);
	POISON(r.a + POISONED * r.page, r.page);
	expect_refused(&r, uffd);
	touch_start(&t, TOUCH_READ, at + 9);
	EXPECT_MSG(uffd, FLAG_MINOR, at);
	nap = EXPECT_ASLEEP(&t, "poisoned, not resolved");
	EXPECT_ERR(uffd_continue(uffd, at, r.page, 0), EIO, "UFFDIO_CONTINUE under a waiter");
	EXPECT_UNWOKEN(&t, nap, "CONTINUE was refused");
	for (int i = 0; i < 2; i++) {
		EXPECT_ERRNO(uffd_wake(uffd, at, r.page), 0, "UFFDIO_WAKE");
		EXPECT_MSG(uffd, FLAG_MINOR, at);
	}
	nap = EXPECT_ASLEEP(&t, "poisoned, woken twice");
	expect_neighbours(&r, uffd);
	EXPECT_UNWOKEN(&t, nap, "its neighbours were resolved");
	EXPECT_NO_MSG(uffd, "the neighbours were resolved");
	/* Without the uffd it is as everywhere else. */
	EXPECT_ERRNO(uffd_unregister(uffd, at, r.page), 0, "UFFDIO_UNREGISTER");
	EXPECT_ERRNO(uffd_wake(uffd, at, r.page), 0, "UFFDIO_WAKE");
	EXPECT_RAISED(&t, SIGBUS, "the page is poisoned, and no uffd in the way");
	EXPECT_EQ(t.si_code, BUS_MCEERR_AR, "si_code of its SIGBUS");
	expect_poison_while_mapped(&r, uffd);
}

CASE(poisoned_hugetlb,
     DESC("a poisoned huge page: SIGBUS with its size and no message; CONTINUE EIO")
     ROWS("CON-32 INT-25 INT-26")
     MEMORY("hugetlb-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     DIRTY)
{
	struct region r = region_to_poison();
	char *at = r.u + POISONED * r.page;
	const size_t offsets[] = { 9, 0, r.page - 8 };
	struct toucher t;
	siginfo_t info;
	int uffd;

	uffd = uffd_on(&r, 0, MODE_MINOR);
	/* One base page of it, not the first, is enough. */
	POISON(r.a + POISONED * r.page + 5 * base_page(), base_page());
	expect_refused(&r, uffd);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		if (i == 2)
			touch_start_write(&t, at + offsets[i], 1);
		else
			touch_start(&t, TOUCH_READ, at + offsets[i]);
		info = EXPECT_RAISED(&t, SIGBUS, "a touch of a poisoned huge page");
		EXPECT_EQ(info.si_code, BUS_MCEERR_AR, "si_code of its SIGBUS");
		EXPECT_EQ(info.si_addr_lsb, __builtin_ctzl(r.page), "si_addr_lsb of its SIGBUS");
	}
	EXPECT_NO_MSG(uffd, "touches of a poisoned huge page");
	expect_neighbours(&r, uffd);
	expect_poison_while_mapped(&r, uffd);
}

CASE(soft_offlined,
     DESC("soft offline moves the page: MINOR, CONTINUE 0, content whole; the pool has one less")
     ROWS("INT-23")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     DIRTY)
{
	struct pool before = pool_now(), want;
	struct region r = region_make(4);
	uint64_t frames[4];
	struct toucher t;
	struct nap nap;
	int uffd;

	for (size_t i = 0; i < r.pages; i++) {
		fill_a(&r, i, 1);
		frames[i] = pagemap_frame(r.a + i * r.page);
	}
	uffd = uffd_on(&r, 0, MODE_MINOR);
	want = pool_now();
	soft_offline(r.a + r.page, base_page());
	want.nr -= memory_is_hugetlb();
	want.free -= memory_is_hugetlb();
	EXPECT_POOL(want, "soft offline of a page");
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	nap = EXPECT_ASLEEP(&t, "moved, not resolved");
	/* Once more, under the waiter: it holds nothing. */
	soft_offline(r.a + r.page, base_page());
	want.nr -= memory_is_hugetlb();
	want.free -= memory_is_hugetlb();
	EXPECT_POOL(want, "soft offline of a page under its waiter");
	EXPECT_UNWOKEN(&t, nap, "its page was moved");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 1, 1);
	EXPECT(pagemap_frame(r.u + r.page) != frames[1], "U has the page that was taken away");
	EXPECT_EQ(pagemap_frame(r.u + r.page), pagemap_frame(r.a + r.page),
		  "page frame of U's page and of A's");

	/* One that is mapped in U moves without a message. */
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	soft_offline(r.u + 2 * r.page, base_page());
	EXPECT_READABLE(&r, 2, 1);
	EXPECT(pagemap_frame(r.u + 2 * r.page) != frames[2], "U has the page that was taken away");
	EXPECT_EQ(pagemap_frame(r.u + 3 * r.page - base_page()),
		  pagemap_frame(r.a + 3 * r.page - base_page()),
		  "page frame of the last base page of U's page and of A's");
	EXPECT_EQ(find_mismatch(r.a + 2 * r.page, r.page, 2, 1), -1, "first wrong byte of A's page");
	EXPECT_NO_MSG(uffd, "a page that moved while it was mapped");
	EXPECT_EQ(pagemap_frame(r.a), frames[0], "page frame of A's page that was left alone");
	close(uffd);
	want = before;
	want.nr -= 3 * memory_is_hugetlb();
	want.free -= 3 * memory_is_hugetlb();
	EXPECT_NOTHING_HELD(&r, want, "soft offline of three pages");
}
