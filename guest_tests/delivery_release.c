// SPDX-License-Identifier: GPL-2.0-only
/* How waiters are released without being resolved: by close(2), and by UNREGISTER or not. */
#include "lib/caller.h"

#define BYTES 64

/* Waiters: for page 0, message read; for page 1 a writer, and one whose message is not read. */
struct waiters {
	struct toucher was_read, writer, was_not;
	struct nap nap[3];
};

static void start(struct waiters *w, const struct region *r, int uffd)
{
	touch_start(&w->was_read, TOUCH_READ, r->u);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u);
	touch_start_write(&w->writer, r->u + r->page, 0x42);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r->u + r->page);
	touch_start(&w->was_not, TOUCH_READ, r->u + r->len - 1);
	w->nap[0] = EXPECT_ASLEEP(&w->was_read, "message read");
	w->nap[1] = EXPECT_ASLEEP(&w->writer, "message read");
	w->nap[2] = EXPECT_ASLEEP(&w->was_not, "message not read");
}

static void expect_unwoken(struct waiters *w, const char *after)
{
	EXPECT_UNWOKEN(&w->was_read, w->nap[0], "%s: page 0, message read", after);
	EXPECT_UNWOKEN(&w->writer, w->nap[1], "%s: page 1, a write", after);
	EXPECT_UNWOKEN(&w->was_not, w->nap[2], "%s: page 1, message not read", after);
}

static void expect_released(struct waiters *w, const struct region *r)
{
	EXPECT_SEEN(&w->was_read, r, 0, 1);
	EXPECT_FINISHED(&w->writer, "page 1, a write");
	EXPECT_SEEN(&w->was_not, r, 1, 1);
	EXPECT_EQ(r->u[r->page], 0x42, "what the write left in U");
}

static struct region filled(void)
{
	struct region r = region_make(2);

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	return r;
}

CASE(close_releases,
     DESC("closing the last uffd releases every waiter; it reads what the page holds")
     ROWS("DLV-23")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"
	    SIZES_SHARED SIZE_1G))
{
	struct region r = filled();
	int uffd = uffd_on(&r, 0, MODE_MINOR), copy = dup(uffd), ends[2];
	struct caller call;
	struct nap nap;
	struct waiters w;
	char got[BYTES];

	SETUP(copy >= 0 && !pipe2(ends, O_CLOEXEC), "dup and pipe2");
	start(&w, &r, uffd);
	call_start(&call, SYS_write, ends[1], (long)r.u + 8, BYTES);
	nap = EXPECT_WAITING(&call, "S", "in write(2)");
	SETUP(!close(uffd), "close");
	expect_unwoken(&w, "closed, and open elsewhere");
	EXPECT_STILL_WAITING(&call, nap, "closed, and open elsewhere");
	EXPECT_EQ(fdinfo_number(copy, "total"), 4, "total: of the copy");
	SETUP(!close(copy), "close");
	expect_released(&w, &r);
	EXPECT_RETURNED(&call, BYTES, 0, "uffd closed");
	SETUP(read(ends[0], got, BYTES) == BYTES, "read");
	EXPECT(!memcmp(got, r.a + 8, BYTES), "write(2) did not get what A has");
}

CASE(unregister_both_wakes,
     DESC("UNREGISTER of a range registered MISSING and MINOR releases its waiters")
     ROWS("DLV-24")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"
	    SIZES_SHARED SIZE_1G))
{
	struct region r = filled();
	int uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);
	struct waiters w;

	start(&w, &r, uffd);
	EXPECT_ERRNO(uffd_unregister(uffd, r.u + r.page, r.page), 0, "UFFDIO_UNREGISTER of page 1");
	EXPECT_FINISHED(&w.writer, "page 1 unregistered");
	EXPECT_SEEN(&w.was_not, &r, 1, 1);
	EXPECT_UNWOKEN(&w.was_read, w.nap[0], "page 0, which is registered still");
	EXPECT_NO_MSG(uffd, "UFFDIO_UNREGISTER of page 1");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 1, "total: page 0 is left");
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER of all");
	EXPECT_SEEN(&w.was_read, &r, 0, 1);
	EXPECT_EQ(r.u[r.page], 0x42, "what the write left in U");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "total: all unregistered");
}

CASE(unregister_minor_keeps_waiters,
     DESC("UNREGISTER of a range registered MINOR only leaves its waiters asleep until WAKE")
     ROWS("DLV-25")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"
	    SIZES_SHARED SIZE_1G))
{
	struct region r = filled();
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct waiters w;

	start(&w, &r, uffd);
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER");
	expect_unwoken(&w, "UFFDIO_UNREGISTER of a MINOR range");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 3, "total: they wait still");
	EXPECT_ERRNO(uffd_wake(uffd, r.u, r.len), 0, "UFFDIO_WAKE");
	expect_released(&w, &r);
	EXPECT_NO_MSG(uffd, "no longer registered");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "total: all are released");
}
