// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_CONTINUE while an event of the uffd waits to be read. */
#include "lib/child.h"
#include "lib/event.h"

/* What mapped holds after EAGAIN. */
static int64_t mapped_after_eagain(void)
{
	const char *want = expected("CON-26");

	return strcmp(want, "untouched") ? -(int64_t)expected_errno("CON-26") : UNTOUCHED;
}

/* U, two pages of it present and not mapped, and more that the event is about. */
static int make(struct region *r, uint64_t features)
{
	*r = region_make(5);
	fill_all(r, 1);
	return uffd_on(r, features, MODE_MINOR);
}

/* The event is there and not read: CONTINUE does nothing. */
static void expect_again(int uffd, const struct region *r, struct caller *c, const char *what)
{
	int64_t want = mapped_after_eagain();
	struct nap nap = EXPECT_WAITING(c, "D", "%s", what);

	EXPECT_UNREAD(uffd, "%s", what);
	for (int i = 0; i < 3; i++)
		EXPECT_OUTCOME(uffd_continue(uffd, r->u, r->page, 0), EAGAIN, want,
			       "UFFDIO_CONTINUE, the event of %s not read", what);
	/* Where it would be refused, too: this is looked at before the range's mappings. */
	EXPECT_OUTCOME(uffd_continue(uffd, r->a, r->page, 0), EAGAIN, want,
		       "UFFDIO_CONTINUE of A, the event of %s not read", what);
	EXPECT_ERRNO(uffd_copy(uffd, r->u, r->a, r->page), EAGAIN,
		     "UFFDIO_COPY, the event of %s not read", what);
	EXPECT_EQ(pages_mapped(r->u, r->page, 2), 0, "pages that are mapped");
	EXPECT_STILL_WAITING(c, nap, "%s, its event not read", what);
}

/* It was read, and its caller has gone on: so does CONTINUE. */
static void expect_again_no_more(int uffd, const struct region *r, const char *what)
{
	EXPECT_OK(uffd_continue(uffd, r->u, 2 * r->page, 0), 2 * (int64_t)r->page,
		  "UFFDIO_CONTINUE, the event of %s read", what);
	EXPECT_READABLE(r, 1, 1);
	EXPECT_NO_MSG(uffd, "%s, all over", what);
}

CASE(fork_unread,
     DESC("CONTINUE gives EAGAIN while a FORK event is unread, and 0 after")
     ROWS("CON-26")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r;
	int uffd = make(&r, UFFD_FEATURE_EVENT_FORK), other;
	struct child child;

	child_start(&child, 0);
	expect_again(uffd, &r, &child.birth, "fork");
	other = EXPECT_FORK(uffd);
	child_born(&child);
	/* The child's memory is another matter, with another uffd. */
	EXPECT_OK(uffd_continue(other, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of the child's memory");
	expect_again_no_more(uffd, &r, "fork");
}

CASE(unmap_unread,
     DESC("CONTINUE gives EAGAIN while an UNMAP event is unread, and 0 after")
     ROWS("CON-26")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r;
	int uffd = make(&r, UFFD_FEATURE_EVENT_UNMAP);
	struct caller c;

	call_start(&c, SYS_munmap, (long)(r.u + 2 * r.page), r.page);
	expect_again(uffd, &r, &c, "munmap");
	EXPECT_UNMAP(uffd, r.u + 2 * r.page, r.page);
	EXPECT_RETURNED(&c, 0, 0, "munmap");
	expect_again_no_more(uffd, &r, "munmap");
}

CASE(remap_unread,
     DESC("CONTINUE gives EAGAIN while a REMAP event is unread, and 0 after")
     ROWS("CON-26 INT-04")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r, there = region_make(1);
	int uffd = make(&r, UFFD_FEATURE_EVENT_REMAP);
	struct caller c;

	call_start(&c, SYS_mremap, (long)(r.u + 2 * r.page), r.page, r.page,
		   MREMAP_MAYMOVE | MREMAP_FIXED, (long)there.u);
	expect_again(uffd, &r, &c, "mremap");
	EXPECT_REMAP(uffd, r.u + 2 * r.page, there.u, r.page);
	EXPECT_RETURNED(&c, (long)there.u, 0, "mremap");
	expect_again_no_more(uffd, &r, "mremap");
}

CASE(remove_unread,
     DESC("CONTINUE gives EAGAIN until the last of two REMOVE events is read, and 0 after")
     ROWS("CON-26 INT-08")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r, elsewhere = region_make(1);
	int uffd = make(&r, UFFD_FEATURE_EVENT_REMOVE);
	int other = uffd_on(&elsewhere, UFFD_FEATURE_EVENT_REMOVE, MODE_MINOR);
	struct caller first, second;

	fill_a(&elsewhere, 0, 1);
	call_start(&first, SYS_madvise, (long)(r.u + 2 * r.page), r.page, MADV_DONTNEED);
	expect_again(uffd, &r, &first, "MADV_DONTNEED");
	call_start(&second, SYS_madvise, (long)(r.u + 3 * r.page), 2 * r.page, MADV_DONTNEED);
	expect_again(uffd, &r, &second, "another MADV_DONTNEED");
	/* Of this uffd alone. */
	EXPECT_OK(uffd_continue(other, elsewhere.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of another uffd");
	/* In the order in which they came. */
	EXPECT_REMOVE(uffd, r.u + 2 * r.page, r.page);
	EXPECT_RETURNED(&first, 0, 0, "the first MADV_DONTNEED");
	expect_again(uffd, &r, &second, "the second MADV_DONTNEED");
	EXPECT_REMOVE(uffd, r.u + 3 * r.page, 2 * r.page);
	EXPECT_RETURNED(&second, 0, 0, "the second MADV_DONTNEED");
	expect_again_no_more(uffd, &r, "MADV_DONTNEED");
}
