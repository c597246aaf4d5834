// SPDX-License-Identifier: GPL-2.0-only
/* mremap(2) of registered memory, with UFFD_FEATURE_EVENT_REMAP and without. */
#include "lib/caller.h"
#include "lib/event.h"
#include "lib/memory.h"

#define MOVE (MREMAP_MAYMOVE | MREMAP_FIXED)

/* Pages of @r seen at another address. */
static struct region moved(const struct region *r, char *at, size_t first, size_t pages)
{
	return (struct region){ .page = r->page, .pages = pages, .len = pages * r->page, .u = at,
				.a = r->a + first * r->page, .fd = r->fd };
}

/* Nothing else, such as a thread's stack, may come to where a mapping was. */
static void keep_free(char *at, size_t len)
{
	SETUP(mmap(at, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		   0) == at, "mmap of %zu bytes of address space", len);
}

CASE(move_alone,
     DESC("mremap to another address without EVENT_REMAP: what is moved is registered no more")
     ROWS("INT-03")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	uint64_t features = UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_FORK;
	struct region r = region_make(4), there;
	char *to = room_make(2 * r.page, r.page);
	int uffd;

	fill_a(&r, 1, 7);	/* as EXPECT_NO_FAULT() and page 0 of what is moved have it */
	uffd = uffd_on(&r, features, MODE_MINOR | MODE_MISSING);
	/* The middle: what is left on either side stays as it was. */
	EXPECT(mremap(r.u + r.page, 2 * r.page, 2 * r.page, MOVE, to) == to,
	       "mremap of two pages without EVENT_REMAP: %s", errno_name(errno));
	keep_free(r.u + r.page, 2 * r.page);
	there = moved(&r, to, 1, 2);
	EXPECT_NO_MSG(uffd, "mremap without EVENT_REMAP");
	EXPECT_FLAGS(to, "", "mremap without EVENT_REMAP, the new address");
	EXPECT_FLAGS(to + r.page, "", "mremap without EVENT_REMAP, the new address");
	EXPECT_FLAGS(r.u, "ui um", "mremap, the page before what was moved");
	EXPECT_FLAGS(r.u + 3 * r.page, "ui um", "mremap, the page behind what was moved");
	EXPECT_NO_FAULT(uffd, &there, 0);
	EXPECT_NO_FAULT(uffd, &there, 1);
	EXPECT_ERR(uffd_continue(uffd, to, r.page, 0), ENOENT,
		   "UFFDIO_CONTINUE at the new address");
	EXPECT_ERR(uffd_continue(uffd, r.u + r.page, r.page, 0), ENOENT,
		   "UFFDIO_CONTINUE at the old address");
	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_MINOR_WORKS(uffd, &r, 3);
	/* It can be registered again where it is now. */
	SETUP(!madvise(to, 2 * r.page, MADV_DONTNEED), "madvise(MADV_DONTNEED)");
	EXPECT_ERRNO(uffd_register(uffd, to, r.page, MODE_MINOR), 0,
		     "UFFDIO_REGISTER at the new address");
	EXPECT_MINOR_WORKS(uffd, &there, 0);
}

/* mremap must wait for its event, and end with what is expected. */
static void expect_remap(int uffd, char *from, size_t old_len, char *to, size_t new_len)
{
	struct caller c;
	struct nap nap;

	call_start(&c, SYS_mremap, (long)from, old_len, new_len, MOVE, (long)to);
	nap = EXPECT_WAITING(&c, "D", "mremap with EVENT_REMAP");
	EXPECT_UNREAD(uffd, "mremap with EVENT_REMAP");
	EXPECT_STILL_WAITING(&c, nap, "mremap, its event not read");
	EXPECT_REMAP(uffd, from, to, old_len);
	EXPECT_RETURNED(&c, (long)to, 0, "mremap, its event read");
	keep_free(from, old_len);
	EXPECT_NO_MSG(uffd, "mremap, its event read");
}

CASE(move_event,
     DESC("mremap with EVENT_REMAP waits for its message; the new address is armed, not the old")
     ROWS("INT-04 OBS-11")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4), there;
	char *to = room_make(3 * r.page, r.page);
	int uffd = uffd_on(&r, UFFD_FEATURE_EVENT_REMAP, MODE_MINOR);
	struct toucher t;

	fill_a(&r, 2, 1);
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of a page before it is moved");
	expect_remap(uffd, r.u + r.page, 2 * r.page, to + r.page, 2 * r.page);
	there = moved(&r, to + r.page, 1, 2);
	EXPECT_FLAGS(there.u, "ui", "mremap with EVENT_REMAP, the new address");
	EXPECT_FLAGS(there.u + r.page, "ui", "mremap with EVENT_REMAP, the new address");
	EXPECT_FLAGS(r.u, "ui", "mremap, the page before what was moved");
	EXPECT_MINOR_WORKS(uffd, &there, 0);
	/* Mapped before, mapped now: its content moved along. */
	touch_start_write(&t, there.u + r.page, 0x42);
	EXPECT_FINISHED(&t, "write to a page that was resolved before it moved");
	EXPECT_EQ(r.a[2 * r.page], 0x42, "A after the write at the new address");
	EXPECT_NO_MSG(uffd, "write to a page that was resolved before it moved");
	EXPECT_ERR(uffd_continue(uffd, r.u + r.page, r.page, 0), ENOENT,
		   "UFFDIO_CONTINUE at the old address");
	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_MINOR_WORKS(uffd, &r, 3);

	/* On, and back again: each move has its own message. */
	expect_remap(uffd, there.u, r.page, to, r.page);
	expect_remap(uffd, to, r.page, r.u + r.page, r.page);
	EXPECT_FLAGS(r.u + r.page, "ui", "mremap to the old address and back");
	SETUP(!madvise(r.u + r.page, r.page, MADV_DONTNEED), "madvise(MADV_DONTNEED)");
	EXPECT_MINOR_WORKS(uffd, &r, 1);
}

CASE(move_and_grow_event,
     DESC("mremap that moves and grows: the REMAP message has the old length, all is armed")
     ROWS("INT-04")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4), there;
	char *to = room_make(r.len, r.page);
	int uffd = uffd_open(UFFD_FEATURE_EVENT_REMAP);
	struct caller c;

	EXPECT_ERRNO(uffd_register(uffd, r.u, 2 * r.page, MODE_MINOR), 0, "UFFDIO_REGISTER");
	unmap_at(r.u + 2 * r.page, 2 * r.page);
	expect_remap(uffd, r.u, 2 * r.page, to, 3 * r.page);
	there = moved(&r, to, 0, 3);
	EXPECT_FLAGS(to, "ui", "mremap that moves and grows");
	EXPECT_FLAGS(to + 2 * r.page, "ui", "mremap that moves and grows, what is new");
	EXPECT_MINOR_WORKS(uffd, &there, 2);
	EXPECT_MINOR_WORKS(uffd, &there, 0);

	/* What does not move says nothing, and waits for nobody. */
	call_start(&c, SYS_mremap, (long)to, 3 * r.page, 2 * r.page, 0);
	EXPECT_AT_ONCE(&c, uffd, (long)to, 0, "mremap that shrinks");
	unmap_at(to + 2 * r.page, 2 * r.page);
	call_start(&c, SYS_mremap, (long)to, 2 * r.page, 4 * r.page, 0);
	EXPECT_AT_ONCE(&c, uffd, (long)to, 0, "mremap that grows in place");
	EXPECT_FLAGS(to + 3 * r.page, "ui", "mremap that grows in place");
	there = moved(&r, to, 0, 4);
	EXPECT_MINOR_WORKS(uffd, &there, 3);
}

CASE(move_and_unmap_events,
     DESC("with EVENT_UNMAP, too, mremap gives REMAP and then UNMAP for the old address")
     ROWS("INT-04 INT-06")
     MEMORY("shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	uint64_t features = UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_UNMAP;
	struct region r = region_make(2), there;
	char *to = room_make(r.len, r.page);
	int uffd = uffd_on(&r, features, MODE_MINOR);
	struct caller c;
	struct nap nap;

	call_start(&c, SYS_mremap, (long)r.u, r.len, r.len, MOVE, (long)to);
	EXPECT_WAITING(&c, "D", "mremap with both features");
	EXPECT_REMAP(uffd, r.u, to, r.len);
	EXPECT_UNREAD(uffd, "mremap, its second event");
	nap = EXPECT_WAITING(&c, "D", "mremap, its REMAP event read");
	EXPECT_STILL_WAITING(&c, nap, "mremap, its UNMAP event not read");
	EXPECT_UNMAP(uffd, r.u, r.len);
	EXPECT_RETURNED(&c, (long)to, 0, "mremap, both events read");
	EXPECT_NO_MSG(uffd, "mremap, both events read");
	there = moved(&r, to, 0, 2);
	EXPECT_FLAGS(to, "ui", "mremap with both features");
	EXPECT_MINOR_WORKS(uffd, &there, 1);
}
