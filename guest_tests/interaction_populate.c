// SPDX-License-Identifier: GPL-2.0-only
/* mlock(2), MADV_POPULATE_*, MADV_WILLNEED and mincore(2) of unresolved pages. */
#include "lib/caller.h"
#include "lib/user_mode.h"

#ifndef MADV_POPULATE_READ		/* 5.14 */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

struct faulter {
	const char *name;
	long number;
	long advice;		/* of madvise(2) */
	uint64_t flags;		/* of its messages, beside MINOR */
	int refusal;		/* its errno with USER_MODE_ONLY */
};

static const struct faulter faulters[] = {
	{ "mlock", SYS_mlock, 0, 0, ENOMEM },
	{ "MADV_POPULATE_READ", SYS_madvise, MADV_POPULATE_READ, 0, EFAULT },
	{ "MADV_POPULATE_WRITE", SYS_madvise, MADV_POPULATE_WRITE, FLAG_WRITE, EFAULT },
};

/* Pages 1 and 2 of U. */
static void call_on_two_pages(struct caller *c, const struct faulter *f, const struct region *r)
{
	call_start(c, f->number, (long)(r->u + r->page), 2 * r->page, f->advice);
}

static void expect_waits(const struct faulter *f)
{
	struct region r = region_make(4);
	struct caller c;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	call_on_two_pages(&c, f, &r);
	EXPECT_WAITS_FOR_EACH(&c, uffd, { .r = &r, .first = 1, .n = 2, .other = 0,
					  .flags = FLAG_MINOR | f->flags, .name = f->name });
	EXPECT_RETURNED(&c, 0, 0, "%s, all resolved", f->name);
	EXPECT_EQ(pages_mapped(r.u, r.page, 4), 3, "pages that are mapped after %s", f->name);
	EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1, "first byte of A that changed");
	call_on_two_pages(&c, f, &r);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "%s of resolved pages", f->name);
	EXPECT_READABLE(&r, 2, 1);
}

CASE(lock_waits,
     DESC("mlock of unresolved pages waits for each with MINOR, and returns 0")
     ROWS("INT-13")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&faulters[0]);
}

CASE(populate_read_waits,
     DESC("MADV_POPULATE_READ of unresolved pages waits for each with MINOR, and returns 0")
     ROWS("INT-13")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&faulters[1]);
}

CASE(populate_write_waits,
     DESC("MADV_POPULATE_WRITE of unresolved pages waits for each with MINOR and WRITE")
     ROWS("INT-13")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	expect_waits(&faulters[2]);
}

static void expect_refused(const struct faulter *f)
{
	struct region r = region_make(4);
	struct caller c;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_user_mode_only(&r, MODE_MINOR);
	call_on_two_pages(&c, f, &r);
	EXPECT_AT_ONCE(&c, uffd, -1, f->refusal, "%s with USER_MODE_ONLY", f->name);
	/* The second page, after the first was resolved. */
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the first page");
	call_on_two_pages(&c, f, &r);
	EXPECT_AT_ONCE(&c, uffd, -1, f->refusal, "%s with its second page unresolved", f->name);
	EXPECT_EQ(pages_mapped(r.u + r.page, r.page, 3), 1, "pages that are mapped");
	expect_user_mode_works(uffd, &r, 2);
	call_on_two_pages(&c, f, &r);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "%s of resolved pages", f->name);
}

CASE(lock_user_mode_only,
     DESC("USER_MODE_ONLY: mlock of an unresolved page gives ENOMEM at once, without a message")
     ROWS("INT-14")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_refused(&faulters[0]);
}

CASE(populate_user_mode_only,
     DESC("USER_MODE_ONLY: MADV_POPULATE_READ and _WRITE give EFAULT at once, without a message")
     ROWS("INT-14")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_refused(&faulters[1]);
	expect_refused(&faulters[2]);
}

/* Which pages of U mincore(2) shows, in base pages: one byte for each. */
static size_t resident(const struct region *r, size_t page)
{
	size_t base = base_page(), n = r->page / base, found = 0;
	unsigned char *shown = malloc(n);
	struct caller c;

	SETUP(shown, "malloc of %zu bytes", n);
	memset(shown, 0xa4, n);
	call_start(&c, SYS_mincore, (long)(r->u + page * r->page), r->page, (long)shown);
	EXPECT_RETURNED(&c, 0, 0, "mincore of page %zu of U", page);
	for (size_t i = 0; i < n; i++)
		found += shown[i] & 1;
	free(shown);
	return found;
}

CASE(willneed_and_mincore,
     DESC("MADV_WILLNEED and mincore neither wait nor fault; cached shmem counts as resident")
     ROWS("INT-15")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(4);
	size_t all = r.page / base_page();
	struct caller c;
	int uffd;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR | MODE_MISSING);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	call_start(&c, SYS_madvise, (long)r.u, r.len, MADV_WILLNEED);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "MADV_WILLNEED");
	EXPECT_EQ(pages_mapped(r.u, r.page, 2), 1, "pages that are mapped after MADV_WILLNEED");
	EXPECT_EQ(resident(&r, 0), all, "base pages of a mapped page that mincore shows");
	EXPECT_EQ(resident(&r, 1), memory_is_hugetlb() ? 0 : all,
		  "base pages of a cached page, not mapped, that mincore shows");
	EXPECT_EQ(resident(&r, 2), 0, "base pages of a hole that mincore shows");
	EXPECT_NO_MSG(uffd, "mincore");
	EXPECT_EQ(pages_mapped(r.u, r.page, 2), 1, "pages that are mapped after mincore");
}
