// SPDX-License-Identifier: GPL-2.0-only
/* Pages of shmem that are in swap: present for the protocol, and brought back by CONTINUE. */
#include "lib/held.h"
#include "lib/memory.h"
#include "lib/pagemap.h"
#include "lib/pending.h"
#include "lib/swap.h"

static void expect_in_swap(const struct region *r, size_t page, const char *when)
{
	EXPECT(!in_memory(r->a + page * r->page), "page %zu is in memory %s", page, when);
}

static void expect_back(const struct region *r, size_t page, unsigned int version)
{
	EXPECT(in_memory(r->a + page * r->page), "page %zu is not in memory after CONTINUE", page);
	EXPECT_READABLE(r, page, version);
	EXPECT_EQ(find_mismatch(r->a + page * r->page, r->page, page, version), -1,
		  "first byte of A's page %zu that is not as it was", page);
	EXPECT_EQ(pagemap_frame(r->u + page * r->page), pagemap_frame(r->a + page * r->page),
		  "page frame of U's page %zu and of A's", page);
}

static void fill_first(const struct region *r, size_t pages, unsigned int version)
{
	for (size_t i = 0; i < pages; i++)
		fill_a(r, i, version);
}

static void finish(const struct region *r, int uffd, const char *after)
{
	close(uffd);
	EXPECT_NOTHING_HELD(r, pool_now(), "%s", after);
	EXPECT_SWAP_OFF("%s", after);
}

CASE(continue_brings_back,
     DESC("CONTINUE of pages in swap: 0, brought back, data whole; a hole is still refused")
     ROWS("CON-33")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(10);
	int uffd;

	swap_on();
	fill_first(&r, 8, 1);
	swap_out(r.a, 8);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of a page in swap");
	expect_back(&r, 2, 1);
	expect_in_swap(&r, 5, "after CONTINUE of another");
	/* One in memory, and mapped nowhere, between two in swap. */
	EXPECT_EQ((unsigned char)r.a[4 * r.page], pattern_byte(0, 4, 1), "A's byte from swap");
	EXPECT_OK(uffd_continue(uffd, r.u + 3 * r.page, 3 * r.page, 0), 3 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of pages in swap and in memory");
	for (size_t i = 3; i < 6; i++)
		expect_back(&r, i, 1);
	EXPECT_OUTCOME(uffd_continue(uffd, r.u, 4 * r.page, 0), EAGAIN, 2 * (int64_t)r.page,
		       "UFFDIO_CONTINUE of pages in swap up to a mapped one");
	EXPECT_OUTCOME(uffd_continue(uffd, r.u + 6 * r.page, 4 * r.page, 0), EAGAIN,
		       2 * (int64_t)r.page, "UFFDIO_CONTINUE of pages in swap up to a hole");
	EXPECT_ERR(uffd_continue(uffd, r.u + 8 * r.page, r.page, 0), EFAULT,
		   "UFFDIO_CONTINUE of a hole");
	for (size_t i = 0; i < 8; i++)
		expect_back(&r, i, 1);
	finish(&r, uffd, "CONTINUE of pages in swap");
}

CASE(never_resolved_and_swapped,
     DESC("a page in swap that U never had: MINOR, it stays in swap until CONTINUE")
     ROWS("INT-30")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	struct toucher t;
	struct nap nap;
	int uffd;

	swap_on();
	fill_first(&r, 4, 1);
	swap_out(r.a, 4);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (size_t i = 1; i < 3; i++) {
		char *at = r.u + i * r.page;

		if (i == 1)
			touch_start_page(&t, &r, i);
		else
			touch_start_write(&t, at, pattern_byte(0, i, 1));
		EXPECT_MSG(uffd, i == 1 ? FLAG_MINOR : FLAG_MINOR | FLAG_WRITE, at);
		nap = EXPECT_ASLEEP(&t, "not resolved yet");
		expect_in_swap(&r, i, "while its fault waits");
		EXPECT_UNWOKEN(&t, nap, "its page is in swap");
		EXPECT_OK(uffd_continue(uffd, at, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
		if (i == 1)
			EXPECT_SEEN(&t, &r, i, 1);
		else
			EXPECT_FINISHED(&t, "page 2 resolved");
		EXPECT_READABLE(&r, i, 1);
		EXPECT(in_memory(r.a + i * r.page), "page %zu is not in memory after CONTINUE", i);
	}
	expect_in_swap(&r, 0, "that nobody has touched");
	expect_in_swap(&r, 3, "that nobody has touched");
	EXPECT_NO_MSG(uffd, "two pages touched");
	finish(&r, uffd, "faults of pages in swap");
}

CASE(resolved_and_swapped,
     DESC("a page that U had and that went to swap: a second MINOR, U's write is not lost")
     ROWS("INT-30")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	struct toucher t;
	int uffd;

	swap_on();
	fill_first(&r, 4, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, 3 * r.page, 0), 3 * (int64_t)r.page, "UFFDIO_CONTINUE");
	for (unsigned int version = 2; version < 5; version++) {
		fill_page(r.u + r.page, r.page, 1, version);
		EXPECT_NO_MSG(uffd, "a write to a resolved page");
		/* Mapped by U alone: a page that others map as well is not reclaimed for one. */
		SETUP(!madvise(r.a, r.len, MADV_DONTNEED), "MADV_DONTNEED of A");
		swap_out(r.u, 3);
		EXPECT_EQ(pages_mapped(r.u, r.page, 1), 0, "pages of U that are mapped");
		touch_start_page(&t, &r, 1);
		EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
		expect_in_swap(&r, 1, "while its second fault waits");
		EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
			  "UFFDIO_CONTINUE of a page that was resolved before");
		EXPECT_SEEN(&t, &r, 1, version);
		EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
			  "UFFDIO_CONTINUE in advance of a page that was resolved before");
		EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
			  "UFFDIO_CONTINUE in advance of a page that was resolved before");
		expect_back(&r, 1, version);
		expect_back(&r, 0, 1);
	}
	finish(&r, uffd, "pages that went to swap and came back");
}
