// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER on ranges of several mappings, and mappings that change while registered. */
#include "lib/memory.h"

CASE(above_last_mapping,
     DESC("a range above the last mapping of the process: EINVAL, up to 6.1 ENOMEM")
     ROWS("REG-21"))
{
	int want = expected_errno("REG-21");
	static const uint64_t modes[] = { MODE_MINOR, MODE_MISSING };
	uint64_t last = last_mapping_end(), page = base_page();
	int uffd = uffd_open(0);

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		EXPECT_REFUSED(uffd_register64(uffd, last, page, modes[i]), want,
			       "UFFDIO_REGISTER of the page behind the last mapping");
		EXPECT_REFUSED(uffd_register64(uffd, last + page, page, modes[i]), want,
			       "UFFDIO_REGISTER of the page after that");
	}
}

CASE(gap_between_mappings,
     DESC("a range over two mappings with a gap between, before and behind: 0, both armed")
     ROWS("REG-22")
     MEMORY("hugetlb-shared shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int how = memory_is_private() ? MAP_PRIVATE : MAP_SHARED;
	struct region r = region_make(4);
	char *at = room_make(7 * r.page, r.page);
	struct region low = map_at(&r, at + r.page, 0, 2, PROT_READ | PROT_WRITE, how);
	struct region high = map_at(&r, at + 4 * r.page, 2, 2, PROT_READ | PROT_WRITE, how);
	int uffd = uffd_open(0);

	unmap_at(at, r.page);
	unmap_at(at + 3 * r.page, r.page);
	unmap_at(at + 6 * r.page, r.page);
	EXPECT_ERRNO(uffd_register(uffd, at, 7 * r.page, MODE_MINOR), 0,
		     "UFFDIO_REGISTER over gaps");
	EXPECT_FLAGS(low.u, "ui", "UFFDIO_REGISTER over gaps");
	EXPECT_FLAGS(high.u, "ui", "UFFDIO_REGISTER over gaps");
	EXPECT_MINOR_WORKS(uffd, &low, 1);
	EXPECT_MINOR_WORKS(uffd, &high, 0);
	EXPECT_MINOR_WORKS(uffd, &high, 1);
	EXPECT_MINOR_WORKS(uffd, &low, 0);
}

CASE(mixed_range_refused,
     DESC("MINOR on memory that has it and then on anonymous memory: EINVAL, nothing armed")
     ROWS("REG-23")
     MEMORY("hugetlb-shared shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int how = memory_is_private() ? MAP_PRIVATE : MAP_SHARED;
	struct region r = region_make(4);
	/* The room itself is the anonymous memory: pages 2 and 3 of it. */
	char *at = room_make(6 * r.page, r.page);
	struct region low = map_at(&r, at, 0, 2, PROT_READ | PROT_WRITE, how);
	struct region high = map_at(&r, at + 4 * r.page, 2, 2, PROT_READ | PROT_WRITE, how);
	const struct {
		const char *what;
		size_t first, pages;
	} bad[] = {
		{ "ends in anonymous memory", 0, 3 },
		{ "begins in anonymous memory", 3, 2 },
		{ "has anonymous memory in the middle", 0, 6 },
	};
	int uffd = uffd_open(0);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_REFUSED(uffd_register(uffd, at + bad[i].first * r.page,
					     bad[i].pages * r.page, MODE_MINOR), EINVAL,
			       "UFFDIO_REGISTER of a range that %s", bad[i].what);
		EXPECT_FLAGS(low.u, "", "a refusal: the range %s", bad[i].what);
		EXPECT_FLAGS(high.u, "", "a refusal: the range %s", bad[i].what);
		EXPECT_FLAGS(at + 2 * r.page, "", "a refusal: the range %s", bad[i].what);
	}
	EXPECT_NO_FAULT(uffd, &low, 0);
	EXPECT_NO_FAULT(uffd, &high, 1);
	/* The positive control: the range will do for MISSING. */
	EXPECT_ERRNO(uffd_register(uffd, at, 6 * r.page, MODE_MISSING), 0,
		     "UFFDIO_REGISTER of the same range with MODE_MISSING");
	EXPECT_FLAGS(high.u, "um", "MODE_MISSING");
}

CASE(owned_by_another,
     DESC("a range that in part belongs to another uffd: EBUSY; the rest of the mapping: 0")
     ROWS("REG-24")
     MEMORY("hugetlb-shared shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(6);
	const struct {
		size_t first, pages;
	} taken[] = { { 2, 2 }, { 2, 1 }, { 3, 1 }, { 1, 2 }, { 3, 2 }, { 0, 6 } };
	int owner = uffd_open(0), other = uffd_open(0);

	EXPECT_ERRNO(uffd_register(owner, r.u + 2 * r.page, 2 * r.page, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of pages 2 and 3");
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		EXPECT_REFUSED(uffd_register(other, r.u + taken[i].first * r.page,
					     taken[i].pages * r.page, MODE_MINOR), EBUSY,
			       "another uffd's UFFDIO_REGISTER of %zu pages from page %zu",
			       taken[i].pages, taken[i].first);
	EXPECT_REFUSED(uffd_register(other, r.u + 2 * r.page, r.page, MODE_MISSING), EBUSY,
		       "another uffd's UFFDIO_REGISTER of page 2 in another mode");
	EXPECT_FLAGS(r.u + r.page, "", "refusals");
	EXPECT_FLAGS(r.u + 2 * r.page, "ui", "refusals");
	EXPECT_FLAGS(r.u + 4 * r.page, "", "refusals");

	EXPECT_ERRNO(uffd_register(other, r.u, 2 * r.page, MODE_MINOR), 0, "pages 0 and 1");
	EXPECT_ERRNO(uffd_register(other, r.u + 4 * r.page, r.page, MODE_MINOR), 0, "page 4");
	for (size_t page = 0; page < 5; page++)
		EXPECT_MINOR_WORKS(page / 2 == 1 ? owner : other, &r, page);
	EXPECT_NO_FAULT(other, &r, 5);
	EXPECT_NO_MSG(owner, "faults on what the other uffd owns");
}

CASE(split_and_merged,
     DESC("registering the middle splits a shmem mapping in three; all of it makes it one again")
     ROWS("REG-33")
     MEMORY("shmem-shared shmem-private"))
{
	struct region r = region_make(3);
	char *middle = r.u + r.page;
	int uffd = uffd_open(0);

	EXPECT_EQ(vma_count(r.u, r.len), 1, "mappings before");
	EXPECT_ERRNO(uffd_register(uffd, middle, r.page, MODE_MINOR), 0, "the middle");
	EXPECT_EQ(vma_count(r.u, r.len), 3, "mappings with the middle registered");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MINOR), 0, "all of it");
	EXPECT_EQ(vma_count(r.u, r.len), 1, "mappings with all of it registered");
	EXPECT_ERRNO(uffd_unregister(uffd, middle, r.page), 0, "UFFDIO_UNREGISTER of the middle");
	EXPECT_EQ(vma_count(r.u, r.len), 3, "mappings with the middle unregistered");
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER of all");
	EXPECT_EQ(vma_count(r.u, r.len), 1, "mappings with all of it unregistered");

	EXPECT_ERRNO(uffd_register(uffd, middle, r.page, MODE_MINOR), 0, "the middle");
	EXPECT_ERRNO(uffd_unregister(uffd, middle, r.page), 0, "UFFDIO_UNREGISTER of the middle");
	EXPECT_EQ(vma_count(r.u, r.len), 1, "mappings with the middle unregistered again");
	EXPECT_ERRNO(uffd_register(uffd, middle, r.page, MODE_MINOR), 0, "the middle");
	EXPECT_EQ(vma_count(r.u, r.len), 3, "mappings with the middle registered again");
	close(uffd);
	EXPECT_EQ(vma_count(r.u, r.len), 1, "mappings after close of the uffd");
}

CASE(both_mappings,
     DESC("both mappings of one file register with one uffd, and each has its own faults")
     ROWS("REG-39")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2), both[2];
	char *at = room_make(2 * r.len, r.page);
	int uffd = uffd_open(0);

	/* A of these two is that of the first region, which stays unregistered. */
	for (size_t i = 0; i < 2; i++) {
		both[i] = map_at(&r, at + i * r.len, 0, 2, PROT_READ | PROT_WRITE, MAP_SHARED);
		EXPECT_ERRNO(uffd_register(uffd, both[i].u, r.len, MODE_MINOR), 0,
			     "UFFDIO_REGISTER of mapping %zu", i);
	}
	for (size_t i = 0; i < 2; i++)
		EXPECT_FLAGS(both[i].u, "ui", "UFFDIO_REGISTER of both mappings");
	EXPECT_MINOR_WORKS(uffd, &both[0], 1);
	EXPECT_MINOR_WORKS(uffd, &both[1], 1);
	EXPECT_MINOR_WORKS(uffd, &both[1], 0);
	EXPECT_MINOR_WORKS(uffd, &both[0], 0);
	EXPECT_NO_FAULT(uffd, &r, 0);
}

CASE(new_mapping_not_armed,
     DESC("a new mapping with MAP_FIXED over a registered one or beside it is not armed")
     ROWS("REG-40")
     MEMORY("hugetlb-shared shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int how = memory_is_private() ? MAP_PRIVATE : MAP_SHARED;
	int prot = PROT_READ | PROT_WRITE;
	struct region r = region_make(6);
	char *at = room_make(r.len, r.page);
	struct region old = map_at(&r, at + r.page, 1, 4, prot, how), before, over, behind;
	int uffd = uffd_on(&old, 0, MODE_MINOR);

	/* Each continues the file where its neighbour ends: nothing else keeps them apart. */
	before = map_at(&r, at, 0, 1, prot, how);
	behind = map_at(&r, at + 5 * r.page, 5, 1, prot, how);
	over = map_at(&r, at + 2 * r.page, 2, 1, prot, how);
	EXPECT_FLAGS(before.u, "", "mmap before a registered mapping");
	EXPECT_FLAGS(over.u, "", "mmap over a registered mapping");
	EXPECT_FLAGS(behind.u, "", "mmap behind a registered mapping");
	EXPECT_FLAGS(old.u, "ui", "mmap over the page behind it");
	EXPECT_FLAGS(old.u + 2 * r.page, "ui", "mmap over the page before it");
	EXPECT_NO_FAULT(uffd, &before, 0);
	EXPECT_NO_FAULT(uffd, &over, 0);
	EXPECT_NO_FAULT(uffd, &behind, 0);
	EXPECT_MINOR_WORKS(uffd, &old, 0);
	EXPECT_MINOR_WORKS(uffd, &old, 2);
	EXPECT_MINOR_WORKS(uffd, &old, 3);
}

CASE(grown_in_place,
     DESC("what mremap adds to a registered mapping is armed, too; shrinking works")
     ROWS("REG-41")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int how = memory_is_private() ? MAP_PRIVATE : MAP_SHARED;
	struct region r = region_make(5);
	char *at = room_make(5 * r.page, r.page);
	struct region u = map_at(&r, at, 0, 2, PROT_READ | PROT_WRITE, how);
	int uffd = uffd_on(&u, 0, MODE_MINOR);
	struct toucher t;

	unmap_at(at + u.len, 3 * r.page);
	SETUP(mremap(at, u.len, r.len, 0) == at, "mremap from 2 to 5 pages");
	u.pages = r.pages;
	u.len = r.len;
	EXPECT_FLAGS(at + 4 * r.page, "ui", "mremap of a registered mapping");
	EXPECT_EQ(vma_count(at, u.len), 1, "mappings after mremap");
	fill_all(&u, 1);
	touch_start_page(&t, &u, 3);
	EXPECT_MSG(uffd, FLAG_MINOR, at + 3 * r.page);
	EXPECT_OK(uffd_continue(uffd, at, u.len, 0), (int64_t)u.len,
		  "UFFDIO_CONTINUE over the old part and the new");
	EXPECT_SEEN(&t, &u, 3, 1);
	for (size_t page = 0; page < u.pages; page++)
		EXPECT_NO_FAULT(uffd, &u, page);

	EXPECT(mremap(at, u.len, r.page, 0) == at, "mremap from 5 pages to 1: got %s",
	       errno_name(errno));
	EXPECT_FLAGS(at, "ui", "mremap of a registered mapping to one page");
	SETUP(!madvise(at, r.page, MADV_DONTNEED), "MADV_DONTNEED");
	EXPECT_MINOR_WORKS(uffd, &u, 0);
}

CASE(close_disarms_each,
     DESC("close of a uffd disarms each mapping that it owns; their pages are read as ever")
     ROWS("REG-35 DLV-23")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(5), other = region_make(1);
	/* Every other page is a mapping of its own by that, as the other region is. */
	const struct {
		const struct region *r;
		size_t page;
	} owned[] = { { &r, 0 }, { &r, 2 }, { &r, 4 }, { &other, 0 } };
	int uffd = uffd_open(0);
	struct toucher t;

	fill_all(&r, 1);
	fill_all(&other, 1);
	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		EXPECT_ERRNO(uffd_register(uffd, owned[i].r->u + owned[i].page * r.page, r.page,
					   MODE_MINOR), 0, "UFFDIO_REGISTER of mapping %zu", i);
	SETUP(!close(uffd), "close");
	for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
		EXPECT_FLAGS(owned[i].r->u + owned[i].page * r.page, "", "close, mapping %zu", i);
		touch_start_page(&t, owned[i].r, owned[i].page);
		EXPECT_SEEN(&t, owned[i].r, owned[i].page, 1);
	}
}
