// SPDX-License-Identifier: GPL-2.0-only
/* mremap(2) of a range over several mappings, which 6.17 made possible for some. */
#include "lib/asleep.h"
#include "lib/memory.h"

/* mremap(2) of the whole of @r to @to: 0 or an errno. */
static int move_all(const struct region *r, char *to)
{
	int how = MREMAP_MAYMOVE | MREMAP_FIXED;

	return mremap(r->u, r->len, r->len, how, to) == MAP_FAILED ? errno : 0;
}

/* U's pages 0, 1 and 2, 3 are two mappings: another protection keeps them apart. */
static struct region two_mappings(void)
{
	struct region r = region_make(4);

	fill_all(&r, 1);
	SETUP(!mprotect(r.u + 2 * r.page, 2 * r.page, PROT_READ), "mprotect");
	errno = 0;
	SETUP(vma_count(r.u, r.len) == 2, "U is not two mappings");
	return r;
}

CASE(several_mappings_stay,
     DESC("mremap of a range over two mappings, the first armed or both: EFAULT, nothing moves")
     ROWS("INT-33")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	for (int both = 0; both < 2; both++) {
		struct region r = two_mappings();
		char *to = room_make(r.len, r.page);
		int uffd = uffd_open(0);

		EXPECT_ERRNO(uffd_register(uffd, r.u, (both ? 4 : 2) * r.page, MODE_MINOR), 0,
			     "UFFDIO_REGISTER");
		EXPECT_ERRNO(uffd_continue(uffd, r.u, r.page, 0), 0, "UFFDIO_CONTINUE");
		EXPECT_EQ(move_all(&r, to), EFAULT, "errno of mremap of two mappings, %s armed",
			  both ? "both" : "the first");
		EXPECT_FLAGS(r.u, "ui", "mremap that was refused");
		EXPECT_FLAGS(r.u + 2 * r.page, both ? "ui" : "", "mremap that was refused");
		EXPECT_READABLE(&r, 0, 1);
		EXPECT_MINOR_WORKS(uffd, &r, 1);
		if (both)
			EXPECT_MINOR_WORKS(uffd, &r, 3);
		else
			EXPECT_NO_FAULT(uffd, &r, 3);
		EXPECT_NO_MSG(uffd, "mremap that was refused");
	}
}
