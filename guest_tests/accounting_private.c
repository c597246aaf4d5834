// SPDX-License-Identifier: GPL-2.0-only
/* A private mapping pays for its copies, and for nothing that CONTINUE does. */
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/held.h"
#include "lib/memory.h"
#include "lib/raised.h"

/* Map U anew, without huge pages set aside for its copies. */
static void without_reserve(const struct region *r)
{
	int how = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;

	SETUP(mmap(r->u, r->len, PROT_READ | PROT_WRITE, how, r->fd, 0) == r->u, "mmap of U");
}

static void write_resolved(const struct region *r, size_t page, const char *what)
{
	struct toucher t;

	touch_start_write(&t, r->u + page * r->page + 8, 0x42);
	EXPECT_FINISHED(&t, "%s", what);
	EXPECT_EQ((unsigned char)r->u[page * r->page + 8], 0x42, "the byte written, %s", what);
	EXPECT_EQ(find_mismatch(r->a + page * r->page, r->page, page, 1), -1,
		  "first byte of A's page that changed with %s", what);
}

/* @reserved: huge pages that U has set aside for its copies. */
static void copies_take_one_page_each(bool reserved)
{
	struct pool first = pool_now(), want;
	struct region r = region_make(3);
	struct toucher t;
	int uffd;

	fill_all(&r, 1);
	if (!reserved)
		without_reserve(&r);
	want = pool_now();
	EXPECT_EQ(want.reserved - first.reserved, reserved ? r.pages : 0,
		  "huge pages set aside for U's copies");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_POOL(want, "CONTINUE of two pages, and a read");

	write_resolved(&r, 0, "the first write");
	want.free--;
	want.reserved -= reserved;
	EXPECT_POOL(want, "the first write to a resolved page");
	write_resolved(&r, 0, "the second write");
	EXPECT_POOL(want, "the second write to it");

	touch_start_write(&t, r.u + 2 * r.page, 0x42);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + 2 * r.page);
	EXPECT_POOL(want, "a write that waits");
	EXPECT_ERRNO(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), 0, "UFFDIO_CONTINUE");
	EXPECT_FINISHED(&t, "its page resolved");
	want.free--;
	want.reserved -= reserved;
	EXPECT_POOL(want, "a write that has waited");
	EXPECT_EQ(page_mapcount(r.a), 1, "kpagecount of A's page that U has copied");
	EXPECT_EQ(page_mapcount(r.a + r.page), 2, "kpagecount of A's page that U has mapped");
	close(uffd);
	EXPECT_NOTHING_HELD(&r, first, "everything is unmapped");
}

CASE(first_write_takes_one_page,
     DESC("private: CONTINUE takes no huge page, each first write one, which was set aside")
     ROWS("ACC-06")
     MEMORY("hugetlb-private" SIZES_PRIVATE)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	copies_take_one_page_each(true);
}

CASE(first_write_takes_one_page_noreserve,
     DESC("MAP_NORESERVE: CONTINUE takes no huge page, each first write one from the pool")
     ROWS("ACC-06")
     MEMORY("hugetlb-private" SIZES_PRIVATE)
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	copies_take_one_page_each(false);
}

static void expect_no_copy(const struct region *r, size_t page, const char *what)
{
	struct toucher t;
	siginfo_t info;

	touch_start_write(&t, r->u + page * r->page + 8, 0x42);
	info = EXPECT_RAISED(&t, SIGBUS, "%s", what);
	EXPECT_EQ(info.si_code, BUS_ADRERR, "si_code of the SIGBUS, %s", what);
	EXPECT_READABLE(r, page, 1);
}

CASE(empty_pool_refuses_the_copy,
     DESC("private, empty pool: CONTINUE 0, reads work; a write SIGBUS, until a page is free")
     ROWS("ACC-07")
     MEMORY("hugetlb-private"))
{
	struct region r = region_make(3);
	int rest = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE | MAP_POPULATE;
	struct pool empty;
	struct toucher t;
	size_t taken;
	char *all;
	int uffd;

	fill_all(&r, 1);
	without_reserve(&r);
	keep_siginfo();
	taken = hugepages("free", r.page) * r.page;
	rest |= __builtin_ctzl(r.page) << 26;		/* MAP_HUGE_SHIFT */
	all = mmap(NULL, taken, PROT_READ | PROT_WRITE, rest, -1, 0);
	SETUP(all != MAP_FAILED, "mmap of the whole pool");
	empty = pool_now();
	errno = 0;
	SETUP(empty.free == 0, "the pool is not empty");

	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_READABLE(&r, 0, 1);
	expect_no_copy(&r, 0, "a write with an empty pool");
	expect_no_copy(&r, 1, "a write to the next page with an empty pool");
	touch_start_write(&t, r.u + 2 * r.page, 0x42);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + 2 * r.page);
	EXPECT_ERRNO(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), 0, "UFFDIO_CONTINUE");
	EXPECT_RAISED(&t, SIGBUS, "a write that waited, with an empty pool");
	EXPECT_READABLE(&r, 2, 1);
	EXPECT_POOL(empty, "writes that could not be");

	unmap_at(all + taken - r.page, r.page);
	write_resolved(&r, 1, "a write with one page in the pool");
	EXPECT_POOL(empty, "the write that took it");
	expect_no_copy(&r, 0, "a write with an empty pool again");
}

/* ---- a limit of a cgroup ----------------------------------------------------------- */

/* "2MB", as the controller spells it (mm/hugetlb_cgroup.c, mem_fmt). */
static void size_name(size_t page, char *name, size_t size)
{
	bool gib = page >= 1UL << 30, mib = page >= 1UL << 20;

	snprintf(name, size, "%zu%s", page >> (gib ? 30 : mib ? 20 : 10), gib ? "GB" : mib ? "MB" :
		 "KB");
}

CASE(cgroup_limit_refuses_the_copy,
     DESC("hugetlb cgroup at its limit: CONTINUE 0 and charged nothing; the copy SIGBUS")
     ROWS("INT-32")
     MEMORY("hugetlb-private"))
{
	static const char root[] = "/tmp/uffd-cgroup", group[] = "/tmp/uffd-cgroup/limited";
	struct region r = region_make(3);
	char size[32], limit[64], usage[64], self[16], full[32];
	uint64_t used;
	int uffd;

	size_name(r.page, size, sizeof(size));
	snprintf(limit, sizeof(limit), "hugetlb.%s.max", size);
	snprintf(usage, sizeof(usage), "hugetlb.%s.current", size);
	SETUP(!mkdir(root, 0700) || errno == EEXIST, "mkdir %s", root);
	SETUP(!mount("none", root, "cgroup2", 0, NULL) || errno == EBUSY, "mount of cgroup2");
	write_to("+hugetlb", "%s/cgroup.subtree_control", root);
	SETUP(!mkdir(group, 0700) || errno == EEXIST, "mkdir %s", group);
	write_to("max", "%s/%s", group, limit);
	snprintf(self, sizeof(self), "%d", getpid());
	write_to(self, "%s/cgroup.procs", group);

	fill_all(&r, 1);
	without_reserve(&r);
	keep_siginfo();
	used = number_in("%s/%s", group, usage);
	EXPECT_EQ(used, r.len, "bytes charged for A's pages");
	snprintf(full, sizeof(full), "%zu", r.len);
	write_to(full, "%s/%s", group, limit);

	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE at the limit");
	EXPECT_READABLE(&r, 1, 1);
	EXPECT_EQ(number_in("%s/%s", group, usage), used, "bytes charged after CONTINUE");
	expect_no_copy(&r, 0, "a write at the limit");
	EXPECT_EQ(number_in("%s/%s", group, usage), used, "bytes charged after a write at the limit");

	/* The positive control: it was the limit. */
	write_to("max", "%s/%s", group, limit);
	write_resolved(&r, 0, "a write without a limit");
	EXPECT_EQ(number_in("%s/%s", group, usage), used + r.page, "bytes charged after the copy");
	unmap_at(r.u, r.len);
	EXPECT_EQ(number_in("%s/%s", group, usage), used, "bytes charged after munmap of U");
	write_to(self, "%s/cgroup.procs", root);
}
