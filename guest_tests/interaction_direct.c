// SPDX-License-Identifier: GPL-2.0-only
/* Direct I/O from memory under test: the kernel pins its pages, and so has to fault them in. */
#include "lib/caller.h"
#include "lib/disk.h"
#include "lib/user_mode.h"

/* What a disk is written in one go: a huge page may be larger than the disk. */
static size_t some_of(const struct region *r)
{
	return r->page < DISK_BYTES / 2 ? r->page : DISK_BYTES / 2;
}

/* What the file holds must be the first @len bytes of A's @page. */
static void expect_written(int fd, const struct region *r, size_t page, size_t len, off_t at)
{
	char *got = aligned_alloc(4096, len);

	SETUP(got, "aligned_alloc of %zu bytes", len);
	memset(got, 0xa5, len);
	SETUP(pread(fd, got, len, at) == (ssize_t)len, "read of what was written");
	EXPECT_EQ(memcmp(got, r->a + page * r->page, len), 0,
		  "difference between the file and page %zu of A", page);
	free(got);
}

CASE(direct_write,
     DESC("an O_DIRECT write from U waits for each page with MINOR, then writes all of it")
     ROWS("INT-17")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS(NEEDS_DISK))
{
	struct region r = region_make(4);
	int fd = disk_file(O_DIRECT), uffd;
	size_t len = some_of(&r);
	struct caller c;
	struct nap nap;

	fill_all(&r, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	call_start(&c, SYS_write, fd, (long)r.u, len);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	nap = EXPECT_WAITING(&c, "SD", "O_DIRECT write from U");
	/* What it writes is what the page holds then. */
	fill_a(&r, 0, 2);
	EXPECT_STILL_WAITING(&c, nap, "A was written, nothing resolved");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_RETURNED(&c, len, 0, "O_DIRECT write, its page resolved");
	EXPECT_NO_MSG(uffd, "O_DIRECT write");
	expect_written(fd, &r, 0, len, 0);

	/* Over the end of one page, both unresolved. */
	call_start(&c, SYS_write, fd, (long)(r.u + 2 * r.page - len / 2), len);
	EXPECT_WAITS_FOR_EACH(&c, uffd, { .r = &r, .first = 1, .n = 2, .other = 3,
					  .flags = FLAG_MINOR, .name = "O_DIRECT write" });
	EXPECT_RETURNED(&c, len, 0, "O_DIRECT write, both pages resolved");
	expect_written(fd, &r, 2, len / 2, len + len / 2);
	EXPECT_NO_MSG(uffd, "O_DIRECT write of two pages");
}

CASE(direct_read,
     DESC("an O_DIRECT read into U waits with MINOR and WRITE; its data reaches A")
     ROWS("INT-17")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS(NEEDS_DISK))
{
	struct region r = region_make(2);
	int fd = disk_file(O_DIRECT), uffd;
	size_t len = some_of(&r);
	struct caller c;
	struct nap nap;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	SETUP(pwrite(fd, r.a, len, 0) == (ssize_t)len, "write of the file");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	call_start(&c, SYS_read, fd, (long)(r.u + r.page), len);
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + r.page);
	nap = EXPECT_WAITING(&c, "SD", "O_DIRECT read into U");
	EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1, "first byte of A that changed");
	EXPECT_STILL_WAITING(&c, nap, "nothing resolved");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_RETURNED(&c, len, 0, "O_DIRECT read, its page resolved");
	EXPECT_NO_MSG(uffd, "O_DIRECT read");
	EXPECT_EQ(memcmp(r.a + r.page, r.a, len), 0, "difference between A and the file");
}

CASE(direct_write_user_mode_only,
     DESC("USER_MODE_ONLY: O_DIRECT from and into an unresolved page gives EFAULT, no message")
     ROWS("INT-17")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS(NEEDS_DISK))
{
	struct region r = region_make(2);
	int fd = disk_file(O_DIRECT), uffd;
	size_t len = some_of(&r);
	struct caller c;

	fill_a(&r, 0, 1);
	fill_a(&r, 1, 1);
	SETUP(write(fd, r.a, len) == (ssize_t)len, "write of the file");
	uffd = uffd_user_mode_only(&r, MODE_MINOR);
	call_start(&c, SYS_write, fd, (long)r.u, len);
	EXPECT_AT_ONCE(&c, uffd, -1, EFAULT, "O_DIRECT write from U");
	EXPECT_EQ(lseek(fd, 0, SEEK_END), len, "size of the file after the refusal");
	SETUP(!lseek(fd, 0, SEEK_SET), "lseek");
	call_start(&c, SYS_read, fd, (long)(r.u + r.page), len);
	EXPECT_AT_ONCE(&c, uffd, -1, EFAULT, "O_DIRECT read into U");
	EXPECT_EQ(find_mismatch(r.a + r.page, r.page, 1, 1), -1, "first byte of A that changed");
	expect_user_mode_works(uffd, &r, 1);
	call_start(&c, SYS_write, fd, (long)(r.u + r.page), len);
	EXPECT_RETURNED(&c, len, 0, "O_DIRECT write from a resolved page");
	expect_written(fd, &r, 1, len, 0);
}
