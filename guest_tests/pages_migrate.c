// SPDX-License-Identifier: GPL-2.0-only
/* Pages that move to another node, whether U has them mapped or not. */
#include <sys/syscall.h>

#include "lib/held.h"
#include "lib/memory.h"
#include "lib/pagemap.h"
#include "lib/pending.h"

#define MOVE_ALL 4		/* MPOL_MF_MOVE_ALL: what others map, too (linux/mempolicy.h) */

/* The node of the page mapped at @at, or move it to @node (unless that is -1). */
static int page_node(void *at, int node)
{
	int status = -ENOENT;
	long ret;

	/* A page on its way to a list of the kernel's is busy for a moment: -EAGAIN, -EBUSY. */
	for (int waited = 0; waited < patience_ms(); waited += 5) {
		ret = syscall(SYS_move_pages, 0, 1UL, &at, node < 0 ? NULL : &node, &status,
			      node < 0 ? 0 : MOVE_ALL);
		SETUP(ret >= 0, "move_pages");
		if (status != -EAGAIN && status != -EBUSY && !ret)
			break;
		sleep_ms(5);
	}
	return status;
}

#define NUMA_BALANCING "/proc/sys/kernel/numa_balancing"

/* Three pages of version 1, which move only when they are told to. */
static struct region region_to_move(void)
{
	struct region r = region_make(3);

	if (!access(NUMA_BALANCING, F_OK))		/* CONFIG_NUMA_BALANCING */
		write_to("0", NUMA_BALANCING);
	fill_all(&r, 1);
	return r;
}

/* Move A's page to the other of the two nodes; a page that somebody holds cannot be moved. */
static void move(const struct region *r, size_t page)
{
	char *at = r->a + page * r->page;
	int from = page_node(at, -1);
	uint64_t frame = pagemap_frame(at);

	errno = 0;
	SETUP(from == 0 || from == 1, "A's page %zu is on node %d", page, from);
	EXPECT_EQ(page_node(at, !from), !from, "node of page %zu after move_pages(2)", page);
	EXPECT_EQ(page_node(at, -1), !from, "node of page %zu, asked again", page);
	EXPECT(pagemap_frame(at) != frame, "page %zu has not moved", page);
}

static void expect_same_page(const struct region *r, size_t page)
{
	EXPECT_EQ(pagemap_frame(r->u + page * r->page), pagemap_frame(r->a + page * r->page),
		  "page frame of U's page %zu and of A's", page);
}

CASE(moved_before_resolved,
     DESC("a page that U has not mapped is moved: MINOR, CONTINUE 0, its content whole")
     ROWS("INT-22")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     NUMA)
{
	struct pool before = pool_now();
	struct region r = region_to_move();
	struct toucher t;
	struct nap nap;
	int uffd;

	uffd = uffd_on(&r, 0, MODE_MINOR);
	move(&r, 0);
	move(&r, 1);
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	nap = EXPECT_ASLEEP(&t, "moved, not resolved");
	/* Moved again while the fault waits, which therefore holds nothing. */
	move(&r, 1);
	EXPECT_UNWOKEN(&t, nap, "its page was moved");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 1, 1);
	expect_same_page(&r, 1);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE in advance of a page that was moved");
	EXPECT_READABLE(&r, 0, 1);
	expect_same_page(&r, 0);
	close(uffd);
	EXPECT_NOTHING_HELD(&r, before, "pages that were moved");
}

CASE(moved_after_resolved,
     DESC("a page that U has mapped is moved, to and fro: no message, its content whole")
     ROWS("INT-22")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR")
     NUMA)
{
	struct pool before = pool_now();
	struct region r = region_to_move();
	struct toucher t;
	int uffd;

	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 1, 1);
	for (int round = 0; round < 4; round++) {
		move(&r, 1);
		EXPECT_READABLE(&r, 1, 1);
		expect_same_page(&r, 1);
		EXPECT_EQ(page_mapcount(r.a + r.page), 2, "kpagecount of a page that was moved");
		EXPECT_ERR(uffd_continue(uffd, r.u + r.page, r.page, 0), EEXIST,
			   "UFFDIO_CONTINUE of a page that is mapped and was moved");
	}
	/* Its neighbours keep their faults. */
	EXPECT_EQ(pages_mapped(r.u, r.page, 1) + pages_mapped(r.u + 2 * r.page, r.page, 1), 0,
		  "pages beside it that are mapped");
	EXPECT_NO_MSG(uffd, "touches of a page that was moved");
	touch_start_write(&t, r.u + r.page, 0x42);
	EXPECT_FINISHED(&t, "write to a page that was moved");
	if (!memory_is_private())
		EXPECT_EQ((unsigned char)r.a[r.page], 0x42, "A's byte after the write to U");
	close(uffd);
	EXPECT_NOTHING_HELD(&r, before, "a page that was moved");
}
