// SPDX-License-Identifier: GPL-2.0-only
/* No COPY or ZEROPAGE, refused or not, keeps a reference to a page, nor a page of its own. */
#include <sys/stat.h>

#include "lib/held.h"
#include "lib/paths.h"

static char *source_page(const struct region *r)
{
	char *page = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	SETUP(page != MAP_FAILED, "mmap of a page to copy from");
	return page;
}

/* Refused on shared memory, and put in front of the file's page on private. */
static void copy_over_it(const struct region *r, int uffd)
{
	int err = memory_is_private() ? 0 : EEXIST;
	char *from = source_page(r);

	for (int i = 0; i < 2; i++) {
		EXPECT_ERRNO(uffd_copy(uffd, r->u + r->page, from, r->page), i ? EEXIST : err,
			     "UFFDIO_COPY onto a present page, try %d", i);
		/* Not there yet: the copy is made with mmap_lock let go, and tried again. */
		SETUP(!madvise(from, r->page, MADV_DONTNEED), "MADV_DONTNEED");
	}
	SETUP(!munmap(from, r->page), "munmap");
}

static void copy_from_nowhere(const struct region *r, int uffd)
{
	char *from = source_page(r);

	SETUP(!mprotect(from, r->page, PROT_NONE), "mprotect");
	EXPECT_ERRNO(uffd_copy(uffd, r->u + 3 * r->page, from, r->page), EFAULT,
		     "UFFDIO_COPY from memory that cannot be read");
	SETUP(!munmap(from, r->page), "munmap");
}

static void make_hole(const struct region *r, size_t page)
{
	SETUP(!fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page * r->page, r->page),
	      "fallocate(PUNCH_HOLE)");
}

/* New pages of the file, or of a private mapping alone. */
static void copy_into_hole(const struct region *r, int uffd)
{
	char *from = source_page(r);

	EXPECT_ERRNO(uffd_copy(uffd, r->u + 3 * r->page, from, r->page), 0,
		     "UFFDIO_COPY into a hole");
	if (!memory_is_private())
		walk_continue(r, uffd, 3, 1, EEXIST, -EEXIST);
	make_hole(r, 3);
	SETUP(!munmap(from, r->page), "munmap");
}

static void zero_into_hole(const struct region *r, int uffd)
{
	EXPECT_ERRNO(uffd_zeropage(uffd, r->u + 3 * r->page, r->page),
		     memory_is_hugetlb() ? EINVAL : 0, "UFFDIO_ZEROPAGE into a hole");
	make_hole(r, 3);
}

static void zero_over_it(const struct region *r, int uffd)
{
	int err = memory_is_hugetlb() ? EINVAL : memory_is_private() ? 0 : EEXIST;

	EXPECT_ERRNO(uffd_zeropage(uffd, r->u + r->page, r->page), err,
		     "UFFDIO_ZEROPAGE onto a present page");
}

CASE(copy_keeps_no_page,
     DESC("COPY and ZEROPAGE, onto a present page or into a hole, refused or not: no page kept")
     ROWS("ACC-15")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZE_64K))
{
	static const struct path paths[] = {
		{ "COPY onto a present page", copy_over_it },
		{ "COPY into a hole", copy_into_hole },
		{ "ZEROPAGE into a hole", zero_into_hole },
		{ "COPY from memory that cannot be read", copy_from_nowhere },
		{ "ZEROPAGE onto a present page", zero_over_it },
	};

	walk_all(paths, ARRAY_SIZE(paths));
}

/*
 * Pages that were freed are not counted as free as long as they wait on a CPU's own list (8 to
 * 12 MiB in a guest of 1 GiB): so much, of one kind of refusal alone, has to be taken to be seen.
 */
#define REFUSED_BYTES (16 << 20)
#define TOO_MUCH (REFUSED_BYTES / 4)

static int64_t blocks_of(const struct region *r)
{
	struct stat facts;

	SETUP(!fstat(r->fd, &facts), "fstat");
	return facts.st_blocks;
}

/* Bytes that are less free after so many COPYs of each kind that is refused late. */
static int64_t taken_by_refusals(const struct region *r, int uffd, const char *from,
				 const char *nowhere)
{
	/* MemFree would hide what reclaim frees meanwhile. */
	int64_t before = (int64_t)meminfo_bytes("MemAvailable");

	/* The page to be mapped is made before anything can be in its way. */
	for (size_t i = 0; i < REFUSED_BYTES / r->page; i++) {
		EXPECT_ERRNO(uffd_copy(uffd, r->u, from, r->page), EEXIST,
			     "UFFDIO_COPY onto a mapped page");
		EXPECT_ERRNO(uffd_copy(uffd, r->u + r->page, nowhere, r->page), EFAULT,
			     "UFFDIO_COPY from memory that cannot be read");
	}
	return before - (int64_t)meminfo_bytes("MemAvailable");
}

CASE(refused_copy_takes_no_memory,
     DESC("thousands of refused COPYs: neither the file nor the free memory is the worse for it")
     ROWS("ACC-15")
     MEMORY("shmem-shared shmem-private"))
{
	struct region r = region_make(2);
	char *from = source_page(&r), *nowhere = source_page(&r);
	int64_t blocks, less = 0;
	int uffd;

	/* What has none left cannot lose any. */
	SETUP(meminfo_bytes("MemAvailable") > 8 * REFUSED_BYTES, "%llu KiB are available",
	      (unsigned long long)meminfo_bytes("MemAvailable") / 1024);
	r.a[0] = from[0] = 1;
	SETUP(!mprotect(nowhere, r.page, PROT_NONE), "mprotect");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	blocks = blocks_of(&r);
	/* What else goes on may take memory, too, but not each time. */
	for (int tries = 0; tries < 3; tries++) {
		less = taken_by_refusals(&r, uffd, from, nowhere);
		if (less < TOO_MUCH)
			break;
	}
	EXPECT(less < TOO_MUCH, "%lld KiB of memory are less free after %zu refused copies",
	       (long long)less / 1024, 2 * REFUSED_BYTES / r.page);
	EXPECT_EQ(blocks_of(&r), blocks, "st_blocks of the file");
}
