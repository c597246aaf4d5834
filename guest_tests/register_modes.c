// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER's modes: the ioctls that each offers, and registering again in another. */
#include "lib/memory.h"

/* 7.3 */
#define FEATURE_RWP (1ULL << 17)
#define MODE_RWP (1ULL << 3)

#define IOCTL_MOVE (1ULL << 5)
struct move {				/* struct uffdio_move of 6.8 */
	uint64_t dst, src, len, mode;
	int64_t moved;
};
#define MOVE _IOWR(UFFDIO, 0x05, struct move)

static void expect_move_refused(int uffd, void *dst, void *src, size_t len, const char *what)
{
	struct move arg = { (uintptr_t)dst, (uintptr_t)src, len, 0, 0 };
	int ret = ioctl(uffd, MOVE, &arg);

	EXPECT(ret == -1 && errno == EINVAL, "UFFDIO_MOVE %s: expected -1/EINVAL, got %d/%s", what,
	       ret, errno_name(ret ? errno : 0));
}

CASE(shmem_ioctls,
     DESC("MODE_MINOR on shmem returns 0 and offers CONTINUE; MISSING alone does not offer it")
     ROWS("REG-01 REG-14")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	uint64_t with_continue = expected_field("REG-14", "minor");
	struct region r = region_make(4);
	int uffd = uffd_open(0);

	EXPECT_OK(uffd_register(uffd, r.u, r.page, MODE_MINOR), with_continue, "MODE_MINOR");
	EXPECT_FLAGS(r.u, "ui", "MODE_MINOR");
	EXPECT_OK(uffd_register(uffd, r.u + r.page, r.page, MODE_MINOR | MODE_MISSING),
		  with_continue, "MODE_MINOR | MODE_MISSING");
	EXPECT_FLAGS(r.u + r.page, "ui um", "MODE_MINOR | MODE_MISSING");
	EXPECT_OK(uffd_register(uffd, r.u + 2 * r.page, r.page, MODE_MISSING),
		  expected_field("REG-14", "missing"), "MODE_MISSING");
	EXPECT_FLAGS(r.u + 2 * r.page, "um", "MODE_MISSING");
	EXPECT_FLAGS(r.u + 3 * r.page, "", "the registration of the pages before");
}

CASE(shmem_wp_ioctls,
     DESC("MODE_MINOR with MODE_WP on shmem: 0 with WRITEPROTECT where there is any, or EINVAL")
     ROWS("REG-13 REG-14")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int want = expected_errno("REG-13");
	uint64_t ioctls = want ? (uint64_t)UNTOUCHED : expected_field("REG-14", "minor-wp");
	struct region r = region_make(3);
	int uffd = uffd_open(0);

	EXPECT_OUTCOME(uffd_register(uffd, r.u, r.page, MODE_MINOR | MODE_WP), want, ioctls,
		       "MODE_MINOR | MODE_WP");
	EXPECT_FLAGS(r.u, want ? "" : "ui uw", "MODE_MINOR | MODE_WP");
	EXPECT_OUTCOME(uffd_register(uffd, r.u + r.page, r.page,
				     MODE_MINOR | MODE_WP | MODE_MISSING), want, ioctls,
		       "MODE_MINOR | MODE_WP | MODE_MISSING");
	EXPECT_FLAGS(r.u + r.page, want ? "" : "ui um uw", "all three modes");
	EXPECT_FLAGS(r.u + 2 * r.page, "", "the registration of the pages before");
}

CASE(move_offered_and_refused,
     DESC("MOVE is among the ioctls of shmem, yet MOVE into it or out of it gives EINVAL")
     ROWS("REG-16")
     MEMORY("shmem-shared shmem-private"))
{
	static const uint64_t modes[] = { MODE_MINOR, MODE_MISSING, MODE_MINOR | MODE_MISSING };
	struct region r = region_make(2), from = region_make_of("anon", 1);
	int uffd = uffd_open(0);

	fill_a(&r, 1, 1);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct outcome got = uffd_register(uffd, r.u, r.len, modes[i]);

		EXPECT_ERRNO(got, 0, "UFFDIO_REGISTER with mode %zu", i);
		EXPECT(got.out & IOCTL_MOVE, "mode %zu: ioctls 0x%llx lacks MOVE", i,
		       (long long)got.out);
		fill_page(from.u, from.page, 0, 2);
		expect_move_refused(uffd, r.u, from.u, r.page, "from anonymous memory to a hole");
		expect_move_refused(uffd, r.u, r.a + r.page, r.page, "from the second mapping");
		EXPECT_EQ(find_mismatch(from.u, from.page, 0, 2), -1,
			  "first word that changed in what was to be moved");
	}
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER");
	EXPECT_READABLE(&r, 1, 1);
	EXPECT_EQ(r.u[0], 0, "the hole after MOVEs into it");
}

CASE(bit_3,
     DESC("mode bit 3 gives EINVAL; since 7.3 it is RWP, for those who asked for the feature")
     ROWS("REG-11")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int want = expected_errno("REG-11");
	struct region r = region_make(2);
	int uffd = uffd_open(0);

	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, MODE_RWP), EINVAL, "mode bit 3");
	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, MODE_RWP | MODE_MISSING), EINVAL,
		       "mode bit 3 with MODE_MISSING");
	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, MODE_RWP | MODE_MINOR), EINVAL,
		       "mode bit 3 with MODE_MINOR");
	EXPECT_FLAGS(r.u, "", "refusals");
	if (want)
		return;
	EXPECT_ERRNO(uffd_register(uffd_open(FEATURE_RWP), r.u, r.len, MODE_RWP), 0,
		     "MODE_RWP after asking for it");
	EXPECT_FLAGS(r.u, "ur", "MODE_RWP");
}

CASE(minor_with_rwp,
     DESC("MODE_MINOR with MODE_RWP: 0, minor faults as without; MODE_WP with MODE_RWP: EINVAL")
     ROWS("REG-12")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(3);
	int uffd = uffd_open(FEATURE_RWP);

	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, MODE_WP | MODE_RWP), EINVAL,
		       "MODE_WP | MODE_RWP");
	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, MODE_MINOR | MODE_WP | MODE_RWP), EINVAL,
		       "MODE_MINOR | MODE_WP | MODE_RWP");
	EXPECT_FLAGS(r.u, "", "refusals");
	EXPECT_OK(uffd_register(uffd, r.u, r.len, MODE_MINOR | MODE_RWP),
		  expected_number("REG-12"), "MODE_MINOR | MODE_RWP");
	EXPECT_FLAGS(r.u, "ui ur", "MODE_MINOR | MODE_RWP");
	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_MINOR_WORKS(uffd, &r, 2);
}

CASE(same_again,
     DESC("the same range, or part of it, in the same mode again: 0, and nothing changes")
     ROWS("REG-25")
     MEMORY("hugetlb-shared shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(3);
	int uffd = uffd_open(0);
	struct outcome first = uffd_register(uffd, r.u, r.len, MODE_MINOR);

	EXPECT_ERRNO(first, 0, "UFFDIO_REGISTER with MODE_MINOR");
	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_OK(uffd_register(uffd, r.u, r.len, MODE_MINOR), first.out, "the whole again");
	EXPECT_OK(uffd_register(uffd, r.u + r.page, r.page, MODE_MINOR), first.out,
		  "the page in the middle again");
	EXPECT_FLAGS(r.u, "ui", "UFFDIO_REGISTER again");
	EXPECT_FLAGS(r.u + r.page, "ui", "UFFDIO_REGISTER again");
	EXPECT_EQ(vma_count(r.u, r.len), 1, "mappings after UFFDIO_REGISTER again");
	EXPECT_NO_FAULT(uffd, &r, 0);	/* mapped before, mapped still */
	EXPECT_MINOR_WORKS(uffd, &r, 1);
	EXPECT_MINOR_WORKS(uffd, &r, 2);
}

CASE(mode_replaced,
     DESC("MINOR registered as MISSING is MISSING alone; with more modes it has them all")
     ROWS("REG-26")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(5);
	int uffd = uffd_on(&r, 0, MODE_MINOR);

	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0, "MISSING after MINOR");
	EXPECT_FLAGS(r.u, "um", "MISSING after MINOR");
	EXPECT_NO_FAULT(uffd, &r, 1);
	EXPECT_MISSING_WORKS(uffd, &r, 2);

	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING | MODE_MINOR), 0,
		     "MISSING and MINOR after MISSING");
	EXPECT_FLAGS(r.u, "ui um", "MISSING and MINOR after MISSING");
	EXPECT_MINOR_WORKS(uffd, &r, 3);
	EXPECT_MISSING_WORKS(uffd, &r, 4);
}

CASE(subset_removes_nothing,
     DESC("MISSING and MINOR registered as one of the two: 0, and both stay")
     ROWS("REG-27")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(4);
	int uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);

	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MINOR), 0, "MINOR after both");
	EXPECT_FLAGS(r.u, "ui um", "MINOR after both");
	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_MISSING_WORKS(uffd, &r, 1);
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0, "MISSING after both");
	EXPECT_FLAGS(r.u, "ui um", "MISSING after both");
	EXPECT_MINOR_WORKS(uffd, &r, 2);
	EXPECT_MISSING_WORKS(uffd, &r, 3);
}

CASE(wp_dropped,
     DESC("MINOR and WP registered without WP: 0, WP is gone; since 7.3 EBUSY, nothing changes")
     ROWS("REG-28")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int want = expected_errno("REG-28");
	struct region r = region_make(2);
	int uffd = uffd_on(&r, 0, MODE_MINOR | MODE_WP);

	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING | MODE_MINOR), want,
		     "MISSING and MINOR after MINOR and WP");
	EXPECT_FLAGS(r.u, want ? "ui uw" : "ui um", "MISSING and MINOR after MINOR and WP");
	EXPECT_MINOR_WORKS(uffd, &r, 0);

	/* A page of its own, since what it was before depends on the above. */
	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MINOR | MODE_WP), 0, "MINOR and WP");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), want,
		     "MISSING after MINOR and WP");
	EXPECT_FLAGS(r.u, want ? "ui uw" : "um", "MISSING after MINOR and WP");
}
