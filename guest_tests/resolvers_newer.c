// SPDX-License-Identifier: GPL-2.0-only
/* Ioctls that are younger than minor faults and have no business with them. */
#include "lib/newer.h"
#include "lib/pending.h"

CASE(move_refused,
     DESC("MOVE into a MINOR range: EINVAL, nothing moved, nobody woken")
     ROWS("RES-13")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	bool known = strcmp(expected("RES-13"), "untouched") != 0;
	int64_t out = known ? -EINVAL : UNTOUCHED;
	struct region r = region_make(2);
	struct pending p;
	char *from = mmap(NULL, r.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	SETUP(from != MAP_FAILED, "mmap of %zu bytes of anonymous memory", r.len);
	fill_page(from, r.page, 0, 9);
	fill_page(from + r.page, r.page, 1, 9);
	pending_fault(&p, &r, MODE_MINOR);
	EXPECT_OUTCOME(uffd_move(p.uffd, r.u, from, r.page, 0), EINVAL, out,
		       "UFFDIO_MOVE to a page with a minor fault");
	EXPECT_OUTCOME(uffd_move(p.uffd, r.u + r.page, from, r.page, 0), EINVAL, out,
		       "UFFDIO_MOVE to a hole");
	EXPECT_OUTCOME(uffd_move(p.uffd, r.u, from, r.len, UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES),
		       EINVAL, out, "UFFDIO_MOVE of two pages");
	EXPECT_EQ(find_mismatch(from, r.page, 0, 9), -1, "first byte of the source that changed");
	EXPECT_EQ(find_mismatch(from + r.page, r.page, 1, 9), -1, "the same in its second page");
	EXPECT_EQ(pages_mapped(r.u, r.page, 2), 0, "pages that are mapped");
	expect_still_pending(&p, "UFFDIO_MOVE");
}

CASE(rwprotect_refused,
     DESC("RWPROTECT on a MINOR range: ENOENT, or EINVAL where it is unknown; nobody woken")
     ROWS("RES-16")
     MEMORY("shmem-shared"))
{
	int want = expected_errno("RES-16");
	struct region r = region_make(2);
	struct pending p;

	pending_fault(&p, &r, MODE_MINOR);
	EXPECT_ERRNO(uffd_rwprotect(p.uffd, r.u, r.page, 0), want, "UFFDIO_RWPROTECT, mode 0");
	EXPECT_ERRNO(uffd_rwprotect(p.uffd, r.u, r.len, 0), want,
		     "UFFDIO_RWPROTECT of two pages, mode 0");
	EXPECT_ERRNO(uffd_rwprotect(p.uffd, r.u, r.page, UFFDIO_RWPROTECT_MODE_RWP), want,
		     "UFFDIO_RWPROTECT with MODE_RWP");
	EXPECT_EQ(pages_mapped(r.u, r.page, 2), 0, "pages that are mapped");
	expect_still_pending(&p, "UFFDIO_RWPROTECT");
}

CASE(set_mode_refused,
     DESC("SET_MODE: EINVAL for what it cannot switch; nothing at all is 0 since 7.3")
     ROWS("RES-17"))
{
	static const struct {
		const char *what;
		uint64_t enable, disable;
	} wrong[] = {
		{ "RWP_ASYNC without RWP", UFFD_FEATURE_RWP_ASYNC, 0 },
		{ "RWP_ASYNC both ways", UFFD_FEATURE_RWP_ASYNC, UFFD_FEATURE_RWP_ASYNC },
		{ "MINOR_SHMEM", UFFD_FEATURE_MINOR_SHMEM, 0 },
		{ "MINOR_SHMEM off", 0, UFFD_FEATURE_MINOR_SHMEM },
		{ "MINOR_HUGETLBFS both ways", UFFD_FEATURE_MINOR_HUGETLBFS,
		  UFFD_FEATURE_MINOR_HUGETLBFS },
		{ "a bit that no kernel knows", 1ULL << 63, 0 },
		{ "all but one", ~(uint64_t)UFFD_FEATURE_RWP_ASYNC, 0 },
	};
	int nothing = expected_errno("RES-17");
	int uffd = uffd_open(0);

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_ERRNO(uffd_set_mode(uffd, wrong[i].enable, wrong[i].disable), EINVAL,
			     "UFFDIO_SET_MODE, %s", wrong[i].what);
	EXPECT_ERRNO(uffd_set_mode(uffd, 0, 0), nothing, "UFFDIO_SET_MODE of nothing");
}
