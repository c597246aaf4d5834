// SPDX-License-Identifier: GPL-2.0-only
/* MADV_DONTNEED and MADV_REMOVE, holes punched in the file, and UFFD_FEATURE_EVENT_REMOVE. */
#include "lib/caller.h"
#include "lib/event.h"
#include "lib/memory.h"

/* A read of the page is a minor fault, and after CONTINUE it is that version. */
static void expect_minor(int uffd, const struct region *r, size_t page, unsigned int version)
{
	struct toucher t;

	touch_start_page(&t, r, page);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u + page * r->page);
	EXPECT_OK(uffd_continue(uffd, r->u + page * r->page, r->page, 0), (int64_t)r->page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, r, page, version);
}

CASE(dontneed,
     DESC("MADV_DONTNEED of U: 0, and the next touch is a minor fault with the same content")
     ROWS("INT-07")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	struct toucher t;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR | MODE_MISSING);
	EXPECT_OK(uffd_continue(uffd, r.u, 3 * r.page, 0), 3 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of three pages");
	EXPECT_EQ(madvise(r.u + r.page, r.page, MADV_DONTNEED), 0, "MADV_DONTNEED of page 1");
	EXPECT_FLAGS(r.u + r.page, "ui um", "MADV_DONTNEED");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_READABLE(&r, 2, 1);
	EXPECT_NO_MSG(uffd, "reads of the pages beside it");
	expect_minor(uffd, &r, 1, 1);
	EXPECT_READABLE(&r, 1, 1);

	/* Again, with what was changed meanwhile; pages never resolved are no obstacle. */
	fill_a(&r, 1, 2);
	EXPECT_EQ(madvise(r.u, r.len, MADV_DONTNEED), 0, "MADV_DONTNEED of all of it");
	touch_start_write(&t, r.u + r.page, 0x42);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + r.page);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE for a write");
	EXPECT_FINISHED(&t, "UFFDIO_CONTINUE");
	EXPECT_EQ((unsigned char)r.a[r.page], memory_is_private() ? pattern_byte(0, 1, 2) : 0x42,
		  "A after the write to U");
	EXPECT_EQ(madvise(r.u + r.page, r.page, MADV_DONTNEED), 0, "MADV_DONTNEED of page 1");
	fill_a(&r, 1, 3);
	expect_minor(uffd, &r, 1, 3);
	expect_minor(uffd, &r, 3, 1);
	EXPECT_NO_MSG(uffd, "all that was touched is resolved");
}

/* madvise(2) of that advice must wait for its event. */
static void expect_remove(int uffd, char *start, size_t len, int advice)
{
	struct caller c;
	struct nap nap;

	call_start(&c, SYS_madvise, (long)start, len, advice);
	nap = EXPECT_WAITING(&c, "D", "madvise with EVENT_REMOVE");
	EXPECT_UNREAD(uffd, "madvise with EVENT_REMOVE");
	EXPECT_STILL_WAITING(&c, nap, "madvise, its event not read");
	EXPECT_REMOVE(uffd, start, len);
	EXPECT_RETURNED(&c, 0, 0, "madvise, its event read");
	EXPECT_NO_MSG(uffd, "madvise, its event read");
}

CASE(dontneed_event,
     DESC("MADV_DONTNEED with EVENT_REMOVE waits for its message; CONTINUE gives EAGAIN meanwhile")
     ROWS("INT-08 OBS-11")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	struct caller c;
	struct nap nap;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, UFFD_FEATURE_EVENT_REMOVE, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of two pages");
	call_start(&c, SYS_madvise, (long)(r.u + r.page), 2 * r.page, MADV_DONTNEED);
	nap = EXPECT_WAITING(&c, "D", "MADV_DONTNEED with EVENT_REMOVE");
	EXPECT_UNREAD(uffd, "MADV_DONTNEED with EVENT_REMOVE");
	EXPECT_ERRNO(uffd_continue(uffd, r.u + 3 * r.page, r.page, 0), EAGAIN,
		     "UFFDIO_CONTINUE of a page beside, the event not read");
	/* It is told before it is done. */
	EXPECT_EQ(pages_mapped(r.u, r.page, 3), 2, "pages that are mapped, the event not read");
	EXPECT_STILL_WAITING(&c, nap, "MADV_DONTNEED, its event not read");
	EXPECT_REMOVE(uffd, r.u + r.page, 2 * r.page);
	EXPECT_RETURNED(&c, 0, 0, "MADV_DONTNEED, its event read");
	EXPECT_EQ(pages_mapped(r.u, r.page, 3), 1, "pages that are mapped, the event read");
	EXPECT_FLAGS(r.u + r.page, "ui", "MADV_DONTNEED with EVENT_REMOVE");
	EXPECT_OK(uffd_continue(uffd, r.u + 3 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE, the event read");
	expect_minor(uffd, &r, 1, 1);
	expect_remove(uffd, r.u, r.page, MADV_DONTNEED);
	expect_minor(uffd, &r, 0, 1);
	/* Of A it is nobody's business. */
	call_start(&c, SYS_madvise, (long)r.a, r.len, MADV_DONTNEED);
	EXPECT_AT_ONCE(&c, uffd, 0, 0, "MADV_DONTNEED of A");
	EXPECT_READABLE(&r, 0, 1);
}

CASE(remove_event,
     DESC("MADV_REMOVE of U with EVENT_REMOVE waits for its message, and makes a hole")
     ROWS("INT-09")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(3);
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, UFFD_FEATURE_EVENT_REMOVE, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len, "UFFDIO_CONTINUE");
	expect_remove(uffd, r.u + r.page, r.page, MADV_REMOVE);
	EXPECT_EQ(pages_mapped(r.u, r.page, 3), 1, "pages mapped before the one removed");
	EXPECT_ERR(uffd_continue(uffd, r.u + r.page, r.page, 0), EFAULT,
		   "UFFDIO_CONTINUE of the hole");
	EXPECT_READABLE(&r, 2, 1);
	fill_a(&r, 1, 2);
	expect_minor(uffd, &r, 1, 2);
}

/* Make a hole of the page, from elsewhere than U. */
typedef void (*punch)(const struct region *r, size_t page);

static void punch_through_fd(const struct region *r, size_t page)
{
	SETUP(!fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * r->page,
			 r->page), "fallocate(PUNCH_HOLE)");
}

static void punch_through_a(const struct region *r, size_t page)
{
	SETUP(!madvise(r->a + page * r->page, r->page, MADV_REMOVE), "madvise(MADV_REMOVE) of A");
}

static void expect_silent_hole(punch punch, const char *what)
{
	struct region r = region_make(5);
	struct toucher t;
	struct nap nap;
	int uffd;

	fill_all(&r, 1);
	uffd = uffd_on(&r, UFFD_FEATURE_EVENT_REMOVE, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, 3 * r.page, 0), 3 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of three pages");
	punch(&r, 1);
	EXPECT_NO_MSG(uffd, "%s", what);
	EXPECT_EQ(pages_mapped(r.u, r.page, 4), 1, "pages mapped before the hole, after %s", what);
	EXPECT_EQ(pages_mapped(r.u + 2 * r.page, r.page, 2), 1, "pages mapped behind the hole");
	EXPECT_ERR(uffd_continue(uffd, r.u + r.page, r.page, 0), EFAULT,
		   "UFFDIO_CONTINUE after %s", what);
	EXPECT_FLAGS(r.u + r.page, "ui", "%s", what);
	fill_a(&r, 1, 2);
	expect_minor(uffd, &r, 1, 2);
	/* Under MINOR alone a hole is filled without a word, mapped before or not. */
	punch(&r, 1);
	punch(&r, 3);
	for (size_t page = 1; page <= 3; page += 2) {
		touch_start(&t, TOUCH_READ, r.u + page * r.page + 8);
		EXPECT_FINISHED(&t, "read after %s", what);
		EXPECT_EQ(t.seen, 0, "byte read after %s", what);
		touch_start_write(&t, r.u + page * r.page + 8, 0x42);
		EXPECT_FINISHED(&t, "write after %s", what);
		EXPECT_EQ(r.a[page * r.page + 8], 0x42, "A after a write to U after %s", what);
	}
	EXPECT_NO_MSG(uffd, "touches after %s", what);

	/* Under a waiter: it sleeps on, and once woken finds a hole. */
	touch_start(&t, TOUCH_READ, r.u + 4 * r.page + 8);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + 4 * r.page);
	nap = EXPECT_ASLEEP(&t, "not resolved yet");
	punch(&r, 4);
	EXPECT_UNWOKEN(&t, nap, "%s under a waiter", what);
	EXPECT_ERRNO(uffd_wake(uffd, r.u + 4 * r.page, r.page), 0, "UFFDIO_WAKE");
	EXPECT_FINISHED(&t, "woken after %s", what);
	EXPECT_EQ(t.seen, 0, "byte read by a waiter after %s", what);
	EXPECT_NO_MSG(uffd, "%s under a waiter", what);
}

CASE(hole_punched_through_fd,
     DESC("a hole punched through the fd unmaps U without a REMOVE message; then U reads zeros")
     ROWS("INT-09")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	expect_silent_hole(punch_through_fd, "a hole punched through the fd");
}

CASE(hole_punched_through_a,
     DESC("MADV_REMOVE of A unmaps U without a REMOVE message; then U reads zeros")
     ROWS("INT-09")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	expect_silent_hole(punch_through_a, "MADV_REMOVE of A");
}
