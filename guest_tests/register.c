// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER with MODE_MINOR on 64-bit kernels: what it takes and what it refuses. */
#include "lib/memory.h"

static void expect_no_flags(const void *addr, const char *after)
{
	EXPECT(!vma_has_flag(addr, "ui"), "VmFlags has ui after %s", after);
	EXPECT(!vma_has_flag(addr, "um"), "VmFlags has um after %s", after);
	EXPECT(!vma_has_flag(addr, "uw"), "VmFlags has uw after %s", after);
}

CASE(minor_registers,
     DESC("MODE_MINOR on hugetlb returns 0 with CONTINUE among the ioctls, exactly as listed")
     ROWS("REG-01 REG-15")
     MEMORY("hugetlb-shared hugetlb-private"))
{
	uint64_t with_continue = expected_field("REG-15", "minor");
	struct region r = region_make(2);

	EXPECT_OK(uffd_register(uffd_open(0), r.u, r.len, MODE_MINOR), with_continue,
		  "UFFDIO_REGISTER with MODE_MINOR");
}

CASE(minor_and_missing_register,
     DESC("MODE_MINOR with MODE_MISSING returns 0 with the ioctls of both")
     ROWS("REG-01 REG-15")
     MEMORY("hugetlb-shared hugetlb-private"))
{
	uint64_t with_continue = expected_field("REG-15", "minor");
	struct region r = region_make(2);

	EXPECT_OK(uffd_register(uffd_open(0), r.u, r.len, MODE_MINOR | MODE_MISSING),
		  with_continue, "UFFDIO_REGISTER with MODE_MINOR | MODE_MISSING");
	EXPECT(vma_has_flag(r.u, "ui"), "VmFlags lacks ui");
	EXPECT(vma_has_flag(r.u, "um"), "VmFlags lacks um");
}

CASE(missing_offers_no_continue,
     DESC("MODE_MISSING alone does not offer CONTINUE")
     ROWS("REG-15")
     MEMORY("hugetlb-shared hugetlb-private"))
{
	uint64_t without_continue = expected_field("REG-15", "missing");
	struct region r = region_make(2);

	EXPECT_OK(uffd_register(uffd_open(0), r.u, r.len, MODE_MISSING), without_continue,
		  "UFFDIO_REGISTER with MODE_MISSING");
}

CASE(smaps_shows_minor,
     DESC("VmFlags has ui while MINOR is registered, not after unregister, nor after close")
     ROWS("REG-35 OBS-01")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(1);
	int uffd;

	expect_no_flags(r.u, "mmap");
	uffd = uffd_on(&r, 0, MODE_MINOR);
	EXPECT(vma_has_flag(r.u, "ui"), "VmFlags lacks ui after UFFDIO_REGISTER");
	EXPECT(!vma_has_flag(r.u, "um"), "VmFlags has um though only MINOR was registered");
	EXPECT(!vma_has_flag(r.a, "ui"), "VmFlags of the second mapping has ui");

	EXPECT_ERRNO(uffd_unregister(uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER");
	expect_no_flags(r.u, "UFFDIO_UNREGISTER");

	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MINOR), 0, "UFFDIO_REGISTER again");
	EXPECT(vma_has_flag(r.u, "ui"), "VmFlags lacks ui after the second UFFDIO_REGISTER");
	close(uffd);
	expect_no_flags(r.u, "close of the uffd");
}

CASE(anon_refused,
     DESC("MODE_MINOR on anonymous memory, alone and combined: EINVAL, nothing registered")
     ROWS("REG-02")
     MEMORY("anon")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	static const uint64_t modes[] = {
		MODE_MINOR, MODE_MINOR | MODE_MISSING, MODE_MINOR | MODE_WP,
		MODE_MINOR | MODE_MISSING | MODE_WP,
	};
	struct region r = region_make(4);
	int uffd = uffd_open(0);

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, modes[i]), EINVAL,
			       "UFFDIO_REGISTER of anonymous memory with mode 0x%llx",
			       (unsigned long long)modes[i]);
		expect_no_flags(r.u, "a refused UFFDIO_REGISTER");
	}
	/* The positive control: it is the mode that was refused, not the memory. */
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0,
		     "UFFDIO_REGISTER of the same memory with MODE_MISSING");
}

CASE(unaligned_refused,
     DESC("start or length not page aligned, length 0, wrapping, beyond the task: EINVAL")
     ROWS("REG-18")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(2);
	int uffd = uffd_open(0);
	const uint64_t u = (uintptr_t)r.u;
	const struct {
		const char *what;
		uint64_t start, len;
	} bad[] = {
		{ "start + 1", u + 1, r.page },
		{ "length - 1", u, r.page - 1 },
		{ "length 0", u, 0 },
		{ "a length that wraps", u, -(uint64_t)r.page },
		{ "a start beyond the task", -(uint64_t)(2 * r.page), r.page },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_REFUSED(uffd_register64(uffd, bad[i].start, bad[i].len, MODE_MINOR), EINVAL,
			       "UFFDIO_REGISTER with %s", bad[i].what);
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.page, MODE_MINOR), 0, "an aligned one");
}

CASE(part_of_huge_page_refused,
     DESC("start or end inside a huge page: EINVAL; a range of whole huge pages: 0")
     ROWS("REG-19")
     MEMORY("hugetlb-shared hugetlb-private" SIZES_SHARED))
{
	struct region r = region_make(3);
	size_t base = base_page();
	int uffd = uffd_open(0);

	/* The kernel checks the two ends apart. */
	EXPECT_REFUSED(uffd_register(uffd, r.u + base, 2 * r.page - base, MODE_MINOR), EINVAL,
		       "UFFDIO_REGISTER from inside a huge page");
	EXPECT_REFUSED(uffd_register(uffd, r.u, r.page + base, MODE_MINOR), EINVAL,
		       "UFFDIO_REGISTER up to inside a huge page");
	EXPECT_REFUSED(uffd_register(uffd, r.u + base, r.page, MODE_MINOR), EINVAL,
		       "UFFDIO_REGISTER from inside a huge page to inside another");
	EXPECT(!vma_has_flag(r.u, "ui"), "VmFlags has ui after refused UFFDIO_REGISTERs");
	EXPECT_ERRNO(uffd_register(uffd, r.u + r.page, r.page, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of the huge page in the middle");
	EXPECT(vma_has_flag(r.u + r.page, "ui"), "VmFlags of the middle page lacks ui");
	EXPECT(!vma_has_flag(r.u, "ui"), "VmFlags of the page before it has ui");
	EXPECT(!vma_has_flag(r.u + 2 * r.page, "ui"), "VmFlags of the page behind it has ui");
}

CASE(middle_page_splits,
     DESC("registering one huge page in the middle of a mapping splits it in three")
     ROWS("REG-34")
     MEMORY("hugetlb-shared" SIZES_SHARED))
{
	struct region r = region_make(3);
	int uffd = uffd_open(0);

	EXPECT_EQ(vma_count(r.u, r.len), 1, "mappings before");
	EXPECT_ERRNO(uffd_register(uffd, r.u + r.page, r.page, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of the huge page in the middle");
	EXPECT_EQ(vma_count(r.u, r.len), 3, "mappings after UFFDIO_REGISTER of the middle page");
}

CASE(unknown_mode_refused,
     DESC("mode 0, or a mode bit no kernel knows: EINVAL")
     ROWS("REG-10 REG-17")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	const uint64_t unknown = 1ULL << 4;
	struct region r = region_make(1);
	int uffd = uffd_open(0);

	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, 0), EINVAL, "UFFDIO_REGISTER, mode 0");
	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, unknown), EINVAL,
		       "UFFDIO_REGISTER, mode bit 4");
	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, unknown | MODE_MINOR), EINVAL,
		       "UFFDIO_REGISTER, mode bit 4 with MODE_MINOR");
	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, unknown | MODE_MISSING), EINVAL,
		       "UFFDIO_REGISTER, mode bit 4 with MODE_MISSING");
}

CASE(minor_with_wp,
     DESC("MODE_MINOR with MODE_WP: 0 where hugetlb has write protection, EINVAL elsewhere")
     ROWS("REG-13")
     MEMORY("hugetlb-shared hugetlb-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int want = expected_errno("REG-13");
	struct region r = region_make(1);

	EXPECT_ERRNO(uffd_register(uffd_open(0), r.u, r.len, MODE_MINOR | MODE_WP), want,
		     "UFFDIO_REGISTER with MODE_MINOR | MODE_WP");
	EXPECT_EQ(vma_has_flag(r.u, "ui"), !want, "ui in VmFlags");
	EXPECT_EQ(vma_has_flag(r.u, "uw"), !want, "uw in VmFlags");
}

CASE(unmapped_refused,
     DESC("a range with no mapping in it: EINVAL")
     ROWS("REG-20")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(1);
	int uffd = uffd_open(0);

	/* Nothing is mapped right before U, but something behind it: not the last mapping. */
	EXPECT_REFUSED(uffd_register(uffd, r.u - r.page, r.page, MODE_MINOR), EINVAL,
		       "UFFDIO_REGISTER of unmapped addresses");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MINOR), 0, "the mapping behind it");
}

CASE(mapped_page_stays_mapped,
     DESC("a page mapped before registration gives no event, and CONTINUE gives EEXIST")
     ROWS("REG-38")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private" SIZES_SHARED))
{
	struct region r = region_make(2);
	struct toucher t;
	int uffd;

	fill_a(&r, 0, 1);
	EXPECT_READABLE(&r, 0, 1);
	uffd = uffd_on(&r, 0, MODE_MINOR);
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_SEEN(&t, &r, 0, 1);
	EXPECT_NO_MSG(uffd, "read of a page mapped before UFFDIO_REGISTER");
	EXPECT_ERR(uffd_continue(uffd, r.u, r.page, 0), EEXIST, "UFFDIO_CONTINUE of that page");
}

CASE(bad_pointer_refused,
     DESC("UFFDIO_REGISTER with a structure that is not mapped: EFAULT")
     ROWS("REG-32"))
{
	int uffd = uffd_open(0);
	int ret = ioctl(uffd, UFFDIO_REGISTER, (void *)base_page());

	EXPECT(ret == -1 && errno == EFAULT,
	       "UFFDIO_REGISTER with an unmapped structure: expected -1/EFAULT, got %d/%s", ret,
	       errno_name(ret ? errno : 0));
}
