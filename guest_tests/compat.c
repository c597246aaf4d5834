// SPDX-License-Identifier: GPL-2.0-only
/*
 * 32-bit tasks on 64-bit kernels.  Where they differ from others is what they hand over: 32-bit
 * pointers, to the ioctls and inside their structures, of which half have the sign bit set.
 * Most of what is tried in one are cases of other files (rows with "compat = true").
 */
#include "lib/memory.h"
#include "lib/pending.h"

/* U is above 2 GiB: as a signed number its address is negative. */
static struct region high_region(size_t pages)
{
	struct region r = region_make(pages);

	SETUP(sizeof(void *) == 4, "this is no 32-bit program");
	errno = 0;
	SETUP((uintptr_t)r.u >> 31, "U is at %p, below 2 GiB", (void *)r.u);
	return r;
}

CASE(minor_registers_32bit_task,
     DESC("32-bit task: both MINOR features; MINOR and MISSING with MINOR register, smaps has ui")
     ROWS("B32-10")
     MEMORY("hugetlb-shared shmem-shared")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	const uint64_t bits = UFFD_FEATURE_MINOR_HUGETLBFS | UFFD_FEATURE_MINOR_SHMEM;
	struct uffdio_api api = { .api = UFFD_API, .features = bits };
	struct region r = high_region(3);
	int uffd = uffd_new();

	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API asking for both MINOR features");
	EXPECT_EQ(api.features & bits, bits, "MINOR bits among the features");

	EXPECT_ERRNO(uffd_register(uffd, r.u, r.page, MODE_MINOR), 0, "MODE_MINOR");
	EXPECT_FLAGS(r.u, "ui", "page 0, MINOR");
	EXPECT_ERRNO(uffd_register(uffd, r.u + r.page, r.page, MODE_MISSING | MODE_MINOR), 0,
		     "MODE_MISSING and MODE_MINOR");
	EXPECT_FLAGS(r.u + r.page, "ui um", "page 1, MISSING and MINOR");
	EXPECT_FLAGS(r.u + 2 * r.page, "", "page 2, not registered");
	EXPECT_MINOR_WORKS(uffd, &r, 0);
	EXPECT_MINOR_WORKS(uffd, &r, 1);

	EXPECT_ERRNO(uffd_unregister(uffd, r.u, 2 * r.page), 0, "UFFDIO_UNREGISTER");
	EXPECT_FLAGS(r.u, "", "page 0, unregistered");
	EXPECT_FLAGS(r.u + r.page, "", "page 1, unregistered");
}

CASE(addresses_32bit_task,
     DESC("32-bit task, U above 2 GiB: messages, CONTINUE, WAKE and the resolvers as elsewhere")
     ROWS("B32-11")
     MEMORY("hugetlb-shared shmem-private"))
{
	struct region r = high_region(3);
	char *page = new_page(&r);
	struct pending p;
	struct toucher t;

	/* Addresses come back as they are, and WAKE finds whom it is for. */
	pending_fault(&p, &r, MODE_MISSING | MODE_MINOR);
	EXPECT_ERRNO(uffd_wake(p.uffd, r.u + r.page, 2 * r.page), 0, "UFFDIO_WAKE of others");
	EXPECT_UNWOKEN(&p.t, p.nap, "after UFFDIO_WAKE of others");
	EXPECT_ERRNO(uffd_wake(p.uffd, r.u, r.page), 0, "UFFDIO_WAKE");
	EXPECT_MSG(p.uffd, FLAG_MINOR, r.u);
	EXPECT_ERR(uffd_continue(p.uffd, r.u + r.page, r.page, 0), EFAULT,
		   "UFFDIO_CONTINUE of a hole");
	EXPECT_OK(uffd_continue(p.uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&p.t, &r, 0, 1);
	EXPECT_ERR(uffd_continue(p.uffd, r.u, r.page, 0), EEXIST, "UFFDIO_CONTINUE again");

	/* COPY reads at one such address and writes at another. */
	touch_start_write(&t, r.u + r.page + 0x123, 0x77);
	EXPECT_MSG(p.uffd, FLAG_WRITE, r.u + r.page);
	EXPECT_OK(uffd_copy(p.uffd, r.u + r.page, page, r.page), (int64_t)r.page, "UFFDIO_COPY");
	EXPECT_FINISHED(&t, "UFFDIO_COPY");
	page[0x123] = 0x77;
	EXPECT_EQ(memcmp(r.u + r.page, page, r.page), 0, "U after UFFDIO_COPY and the write");

	touch_start(&t, TOUCH_READ, r.u + 2 * r.page);
	EXPECT_MSG(p.uffd, 0, r.u + 2 * r.page);
	if (memory_is_hugetlb()) {
		EXPECT_ERR(uffd_zeropage(p.uffd, r.u + 2 * r.page, r.page), EINVAL,
			   "UFFDIO_ZEROPAGE");
		EXPECT_ERRNO(uffd_unregister(p.uffd, r.u, r.len), 0, "UFFDIO_UNREGISTER");
	} else {
		EXPECT_OK(uffd_zeropage(p.uffd, r.u + 2 * r.page, r.page), (int64_t)r.page,
			  "UFFDIO_ZEROPAGE");
	}
	EXPECT_FINISHED(&t, "hole resolved, or no longer watched");
	EXPECT_EQ(t.seen, 0, "byte of a page of zeros");
	EXPECT_NO_MSG(p.uffd, "everything is resolved");
}
