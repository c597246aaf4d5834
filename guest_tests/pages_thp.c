// SPDX-License-Identifier: GPL-2.0-only
/* Transparent huge pages of shmem: the protocol goes by base pages, and a way around it. */
#include "lib/held.h"
#include "lib/memory.h"
#include "lib/pagemap.h"
#include "lib/pending.h"
#include "lib/thp.h"

static void expect_mapped(const struct region *r, size_t first, size_t pages, size_t behind)
{
	EXPECT_EQ(pages_mapped(r->u + first * r->page, r->page, r->pages - first), pages,
		  "pages mapped from page %zu on", first);
	if (behind)
		EXPECT_EQ(pages_mapped(r->u + (first + pages) * r->page, r->page, behind), 0,
			  "pages mapped behind page %zu", first + pages - 1);
}

static void expect_same_frames(const struct region *r, size_t first, size_t pages)
{
	for (size_t i = first; i < first + pages; i++)
		EXPECT_EQ(pagemap_frame(r->u + i * r->page), pagemap_frame(r->a + i * r->page),
			  "page frame of U's page %zu and of A's", i);
}

/* As much of U as one huge page, all of it present, perhaps as one; its uffd. */
static int thp_on(struct region *r, bool huge)
{
	*r = region_thp(1);
	fill_words(r, 0, r->pages);
	if (huge)
		make_huge(r);
	return uffd_on(r, 0, MODE_MINOR);
}

CASE(continue_inside_thp,
     DESC("CONTINUE maps single base pages of a huge page, each the right one, and the rest")
     ROWS("CON-34")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_thp(2);
	size_t each = r.pages / 2;
	struct toucher t;
	int uffd;

	fill_words(&r, 0, r.pages);
	make_huge(&r);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u + 5 * r.page, 3 * r.page, 0), 3 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of three pages inside a huge one");
	EXPECT_EQ(pages_mapped(r.u, r.page, 5), 0, "pages mapped before those");
	expect_mapped(&r, 5, 3, 1);
	expect_same_frames(&r, 5, 3);
	/* From one huge page into the next. */
	EXPECT_OK(uffd_continue(uffd, r.u + (each - 2) * r.page, 4 * r.page, 0),
		  4 * (int64_t)r.page, "UFFDIO_CONTINUE of the last pages and the first of the next");
	expect_same_frames(&r, each - 2, 4);
	EXPECT_ERR(uffd_continue(uffd, r.u + 7 * r.page, r.page, 0), EEXIST,
		   "UFFDIO_CONTINUE of a page that is mapped");
	EXPECT_OUTCOME(uffd_continue(uffd, r.u, each * r.page, 0), EAGAIN, 5 * (int64_t)r.page,
		       "UFFDIO_CONTINUE up to a page that is mapped");
	EXPECT_OK(uffd_continue(uffd, r.u + 8 * r.page, (each - 10) * r.page, 0),
		  (int64_t)((each - 10) * r.page), "UFFDIO_CONTINUE of the rest");
	expect_mapped(&r, 0, each + 2, 1);
	expect_same_frames(&r, 0, each + 2);
	EXPECT_WORDS(r.u, 0, each + 2, "U after CONTINUE");

	touch_start_write(&t, r.u + 9 * r.page, 0x42);
	EXPECT_FINISHED(&t, "write to a resolved page");
	EXPECT_EQ((unsigned char)r.a[9 * r.page], memory_is_private() ? 0 : 0x42,
		  "A's byte after the write to U");
	EXPECT_EQ(pmd_mapped(r.u), 0, "bytes of U mapped by huge entries");
	close(uffd);
	EXPECT_NOTHING_HELD(&r, pool_now(), "CONTINUE inside huge pages");
}

CASE(fault_by_base_page,
     DESC("a huge page in A: each base page of U has a fault of its own, and maps just itself")
     ROWS("INT-27")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_thp(1);
	const size_t order[] = { 7, 8, 6, 0, r.pages - 1 };
	struct toucher t;
	int uffd;

	fill_words(&r, 0, r.pages);
	make_huge(&r);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		char *at = r.u + order[i] * r.page;
		bool write = i % 2;

		if (write)
			touch_start_write(&t, at + 0x700, 1);
		else
			touch_start(&t, TOUCH_READ, at + 0x700);
		EXPECT_MSG(uffd, write ? FLAG_MINOR | FLAG_WRITE : FLAG_MINOR, at);
		EXPECT(!page_is_mapped(at), "page %zu is mapped while its fault waits", order[i]);
		EXPECT_OK(uffd_continue(uffd, at, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
		EXPECT_FINISHED(&t, "page %zu resolved", order[i]);
		EXPECT_WORDS(r.u, order[i], 1, "U's page after its fault");
	}
	EXPECT_EQ(pages_mapped(r.u + 6 * r.page, r.page, 4), 3, "pages mapped from page 6 on");
	EXPECT_EQ(pages_mapped(r.u + r.page, r.page, 1), 0, "pages mapped from page 1 on");
	EXPECT_NO_MSG(uffd, "five pages touched");
	close(uffd);
	EXPECT_NOTHING_HELD(&r, pool_now(), "faults in a huge page");
}

/* ---- MADV_COLLAPSE ----------------------------------------------------------------- */

static void expect_collapsed(const struct region *r, const char *what)
{
	EXPECT_EQ(collapse(r->u, r->len), 0, "errno of MADV_COLLAPSE of U, %s", what);
	EXPECT_EQ(pmd_mapped(r->u), r->len, "bytes of U mapped by huge entries, %s", what);
}

CASE(continue_of_huge_entry,
     DESC("CONTINUE of memory mapped by a huge entry: EEXIST, at its start, inside, in whole")
     ROWS("CON-35")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r;
	int uffd = thp_on(&r, false);

	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len, "UFFDIO_CONTINUE");
	expect_collapsed(&r, "all of it resolved");
	for (size_t round = 0; round < 3; round++) {
		EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EEXIST, "UFFDIO_CONTINUE of page 0");
		EXPECT_ERR(uffd_continue(uffd, r.u + 9 * r.page, 3 * r.page, 0), EEXIST,
			   "UFFDIO_CONTINUE of pages 9 to 11");
		EXPECT_ERR(uffd_continue(uffd, r.u, r.len, 0), EEXIST, "UFFDIO_CONTINUE of all");
	}
	EXPECT_EQ(pmd_mapped(r.u), r.len, "bytes of U mapped by huge entries afterwards");
	EXPECT_WORDS(r.u, 0, r.pages, "U");
	close(uffd);
	EXPECT_NOTHING_HELD(&r, pool_now(), "CONTINUE of a huge entry");
}

/* What must be there after each of the two: all of A's content, without a message. */
static void expect_no_protocol(const struct region *r, int uffd)
{
	struct toucher t;

	touch_start(&t, TOUCH_READ, r->u + 3 * r->page + 12);
	EXPECT_FINISHED(&t, "read of collapsed memory");
	touch_start_write(&t, r->u + 4 * r->page, 0x42);
	EXPECT_FINISHED(&t, "write to collapsed memory");
	EXPECT_EQ((unsigned char)r->a[4 * r->page], 0x42, "A's byte after the write to U");
	EXPECT_WORDS(r->u, 0, r->pages, "U");
	EXPECT_NO_MSG(uffd, "touches of collapsed memory");
	/* It is registered still: unmapped, each page has its fault again. */
	SETUP(!madvise(r->u, r->len, MADV_DONTNEED), "MADV_DONTNEED");
	touch_start(&t, TOUCH_READ, r->u + 7 * r->page);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u + 7 * r->page);
	EXPECT_OK(uffd_continue(uffd, r->u + 7 * r->page, r->page, 0), (int64_t)r->page,
		  "UFFDIO_CONTINUE");
	EXPECT_FINISHED(&t, "page 7 resolved");
}

CASE(collapse_of_resolved,
     DESC("MADV_COLLAPSE of U, all of it resolved: 0, no message, and touches need none")
     ROWS("INT-28")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r;
	int uffd = thp_on(&r, false);

	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len, "UFFDIO_CONTINUE");
	expect_collapsed(&r, "all of it resolved");
	expect_no_protocol(&r, uffd);
}

CASE(collapse_of_unresolved,
     DESC("MADV_COLLAPSE of U, nothing of it mapped: 0, mapped as a whole, and never a fault")
     ROWS("INT-28")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r;
	int uffd = thp_on(&r, false);

	/* Resolved once and unmapped: 6.1 gives EINVAL where there is no page table at all. */
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	SETUP(!madvise(r.u, r.len, MADV_DONTNEED), "MADV_DONTNEED");
	EXPECT_EQ(pages_mapped(r.u, r.page, r.pages), 0, "pages of U that are mapped");
	expect_collapsed(&r, "none of it mapped");
	expect_no_protocol(&r, uffd);
}

CASE(collapse_of_huge_in_cache,
     DESC("MADV_COLLAPSE of U, never touched, huge in the page cache: 0, and never a fault")
     ROWS("INT-28")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r;
	int uffd = thp_on(&r, true);

	expect_collapsed(&r, "huge in the page cache");
	expect_no_protocol(&r, uffd);
}

/* @at is U or A: the kernel looks at all mappings of the file. */
static int collapse_with_holes(const struct region *r, void *at, int uffd, uint64_t mode)
{
	/* The holes are the odd pages. */
	for (size_t i = 0; i < r->pages; i += 2)
		fill_words(r, i, 1);
	/* Without a page table it is EINVAL on 6.1, whatever the mode. */
	EXPECT_WORDS(r->u, 0, 1, "U, not registered yet");
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, mode), 0, "UFFDIO_REGISTER");
	return collapse(at, r->len);
}

CASE(collapse_with_holes_missing,
     DESC("MADV_COLLAPSE of a range with holes that is MISSING: refused, the holes are kept")
     ROWS("INT-29")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int want = expected_errno("INT-29");

	for (int i = 0; i < 2; i++) {
		struct region r = region_thp(1);
		int uffd = uffd_open(0);
		struct toucher t;

		EXPECT_EQ(collapse_with_holes(&r, i ? r.a : r.u, uffd, MODE_MISSING), want,
			  "errno of MADV_COLLAPSE of %c", i ? 'A' : 'U');
		if (!want)
			continue;
		touch_start(&t, TOUCH_READ, r.u + 5 * r.page);
		EXPECT_MSG(uffd, 0, r.u + 5 * r.page);
		EXPECT_ERRNO(uffd_zeropage(uffd, r.u + 5 * r.page, r.page), 0, "UFFDIO_ZEROPAGE");
		EXPECT_FINISHED(&t, "the hole filled");
	}
}

CASE(collapse_with_holes_minor,
     DESC("MADV_COLLAPSE of a range with holes that is MINOR: 0, the holes read as zeros")
     ROWS("INT-29")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_thp(1);
	int uffd = uffd_open(0);

	EXPECT_EQ(collapse_with_holes(&r, r.u, uffd, MODE_MINOR), 0, "errno of MADV_COLLAPSE");
	EXPECT_EQ(pmd_mapped(r.u), r.len, "bytes of U mapped by huge entries");
	for (size_t i = 0; i < r.pages; i += 2)
		EXPECT_WORDS(r.u, i, 1, "U");
	for (size_t i = 1; i < r.pages; i += 2)
		for (size_t at = 0; at < r.page; at += 64)
			EXPECT_EQ((unsigned char)r.u[i * r.page + at], 0,
				  "a byte of page %zu, a hole before", i);
	EXPECT_NO_MSG(uffd, "reads of collapsed memory");
}
