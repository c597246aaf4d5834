// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels without minor faults: 32-bit ones, where no VM_ flag is left for the mode, and
 * those from before 5.13.  The refusal alone proves little, so each case also shows that
 * MISSING works on the same memory.
 */
#include <poll.h>

#include <sys/shm.h>

#include "lib/memory.h"

/* Each mode with MINOR in it is refused, for all of U and for a part, and leaves no trace. */
static void expect_minor_refused(int uffd, const struct region *r)
{
	char *last = r->u + r->len - r->page;
	static const uint64_t modes[] = {
		MODE_MINOR, MODE_MINOR | MODE_MISSING, MODE_MINOR | MODE_WP,
		MODE_MINOR | MODE_MISSING | MODE_WP,
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		unsigned long long mode = modes[i];

		EXPECT_REFUSED(uffd_register(uffd, r->u, r->len, mode), EINVAL,
			       "UFFDIO_REGISTER with mode 0x%llx", mode);
		EXPECT_REFUSED(uffd_register(uffd, last, r->page, mode), EINVAL,
			       "UFFDIO_REGISTER of the last page with mode 0x%llx", mode);
		EXPECT_FLAGS(r->u, "", "mode 0x%llx refused", mode);
		EXPECT_FLAGS(last, "", "mode 0x%llx refused, last page", mode);
	}
	EXPECT_EQ(vma_count(r->u, r->len), 1, "mappings that U is in after the refusals");
	if (r->a)
		EXPECT_NO_FAULT(uffd, r, r->pages - 1);
}

/* The ioctls in fdinfo's line "API:	aa:FEATURES:IOCTLS", hexadecimal. */
static uint64_t fdinfo_ioctls(int uffd)
{
	unsigned long long ioctls = 0;
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", uffd);
	f = fopen(path, "re");
	SETUP(f, "open %s", path);
	while (fgets(line, sizeof(line), f))
		found |= sscanf(line, "API: %*x:%*x:%llx", &ioctls) == 1;
	fclose(f);
	errno = 0;
	SETUP(found, "%s has no line 'API'", path);
	return ioctls;
}

/* A missing fault on the first page, from the registration to the data read. */
static void expect_missing_works(int uffd, const struct region *r)
{
	char *source = aligned_alloc(r->page, r->page);
	struct toucher t;

	SETUP(source, "aligned_alloc of %zu bytes", r->page);
	fill_page(source, r->page, 0, 3);
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, MODE_MISSING), 0,
		     "UFFDIO_REGISTER with MODE_MISSING after the refusals");
	EXPECT(vma_has_flag(r->u, "um"), "VmFlags lacks um");
	touch_start_page(&t, r, 0);
	EXPECT_MSG(uffd, 0, r->u);
	EXPECT_BLOCKED(&t, "missing fault");
	EXPECT_OK(uffd_copy(uffd, r->u, source, r->page), (int64_t)r->page, "UFFDIO_COPY");
	EXPECT_SEEN(&t, r, 0, 3);
}

CASE(minor_refused_32bit,
     DESC("32-bit kernel: MODE_MINOR, alone and combined: EINVAL, nothing registered")
     ROWS("B32-01")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private anon")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2);
	int uffd = uffd_open(0);

	expect_minor_refused(uffd, &r);
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0,
		     "UFFDIO_REGISTER of the same memory with MODE_MISSING");
}

CASE(minor_refused_elsewhere_32bit,
     DESC("32-bit kernel: MODE_MINOR is EINVAL on a tmpfs, /dev/zero, anonymous shared, SysV memory")
     ROWS("B32-01")
     NEEDS("CONFIG_PROC_PAGE_MONITOR CONFIG_SHMEM CONFIG_SYSVIPC"))
{
	const struct region regions[] = {
		region_tmpfs(MAP_SHARED, 2), region_tmpfs(MAP_PRIVATE, 2),
		region_dev_zero(MAP_SHARED, 2), region_dev_zero(MAP_PRIVATE, 2),
		region_anon_shared(2), region_sysv(0, 2),
	};

	for (size_t i = 0; i < ARRAY_SIZE(regions); i++)
		expect_minor_refused(uffd_open(0), &regions[i]);
}

CASE(minor_refused_on_huge_sysv_32bit,
     DESC("32-bit kernel: MODE_MINOR is EINVAL on SysV memory of huge pages")
     ROWS("B32-01")
     NEEDS("CONFIG_PROC_PAGE_MONITOR CONFIG_HUGETLBFS CONFIG_SYSVIPC"))
{
	struct region r = region_sysv(SHM_HUGETLB, 2);

	expect_minor_refused(uffd_open(0), &r);
}

CASE(features_absent_32bit,
     DESC("32-bit kernel: neither MINOR bit is reported; asking for one gives EINVAL")
     ROWS("B32-02"))
{
	const uint64_t bits[] = { UFFD_FEATURE_MINOR_HUGETLBFS, UFFD_FEATURE_MINOR_SHMEM };
	struct uffdio_api api = { .api = UFFD_API };

	EXPECT_ERRNO(uffd_api(uffd_new(), &api), 0, "UFFDIO_API with no features");
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
		struct uffdio_api ask = { .api = UFFD_API, .features = bits[i] };

		EXPECT_EQ(api.features & bits[i], 0, "MINOR bit among the features");
		EXPECT_OUTCOME(uffd_api(uffd_new(), &ask), EINVAL, 0,
			       "UFFDIO_API with features 0x%llx", (unsigned long long)bits[i]);
	}
}

CASE(shmem_missing_works_32bit,
     DESC("32-bit kernel: MISSING on shmem works wholly after the refusal of MINOR")
     ROWS("B32-04")
     MEMORY("shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2);
	int uffd = uffd_open(0);

	expect_minor_refused(uffd, &r);
	expect_missing_works(uffd, &r);
}

CASE(hugetlb_missing_works_32bit,
     DESC("32-bit kernel: MISSING on hugetlb works wholly after the refusal of MINOR")
     ROWS("B32-06")
     MEMORY("hugetlb-shared hugetlb-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2);
	int uffd = uffd_open(0);

	expect_minor_refused(uffd, &r);
	expect_missing_works(uffd, &r);
}

CASE(continue_works_32bit,
     DESC("32-bit kernel: CONTINUE is not refused on a MISSING range whose page is present")
     ROWS("B32-05")
     MEMORY("shmem-shared"))
{
	struct region r = region_make(1);
	int uffd = uffd_on(&r, 0, MODE_MISSING);

	fill_a(&r, 0, 1);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_READABLE(&r, 0, 1);
}

CASE(minor_refused_before_5_13,
     DESC("before 5.13: MODE_MINOR and CONTINUE give EINVAL, MISSING works")
     ROWS("B32-12")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2);
	int uffd = uffd_open(0);

	expect_minor_refused(uffd, &r);
	expect_missing_works(uffd, &r);
	EXPECT_REFUSED(uffd_continue(uffd, r.u + r.page, r.page, 0), EINVAL, "UFFDIO_CONTINUE");
}

CASE(wp_refused_32bit,
     DESC("32-bit kernel: MODE_WP is EINVAL, too: only with MISSING at 0 does MINOR's mean much")
     ROWS("B32-07")
     MEMORY("hugetlb-shared shmem-shared shmem-private anon")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	static const uint64_t modes[] = { MODE_WP, MODE_WP | MODE_MISSING };
	struct region r = region_make(2);
	int uffd = uffd_open(0);

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, modes[i]), EINVAL,
			       "UFFDIO_REGISTER with mode 0x%llx", (unsigned long long)modes[i]);
		EXPECT(!vma_has_flag(r.u, "uw"), "VmFlags has uw after a refusal");
		EXPECT(!vma_has_flag(r.u, "um"), "VmFlags has um after a refusal");
	}
	expect_missing_works(uffd, &r);
}

CASE(fdinfo_lists_continue_32bit,
     DESC("32-bit kernel: fdinfo lists CONTINUE among the ioctls all the same")
     ROWS("B32-03"))
{
	int uffd = uffd_new();
	struct uffdio_api api = { .api = UFFD_API };
	const uint64_t bit = 1ULL << _UFFDIO_CONTINUE;

	EXPECT(fdinfo_ioctls(uffd) & bit, "fdinfo lacks CONTINUE before UFFDIO_API");
	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API");
	EXPECT(fdinfo_ioctls(uffd) & bit, "fdinfo lacks CONTINUE after UFFDIO_API");
	EXPECT_EQ(fdinfo_ioctls(uffd) & api.ioctls, api.ioctls,
		  "what UFFDIO_API lists, in fdinfo");
}

/* The kernel must touch none of what lies behind a structure. */
struct guarded {
	uint64_t words[4];
	uint64_t guard;
};

static void expect_guarded(const struct guarded *g, const char *what)
{
	EXPECT_EQ(g->guard, UNTOUCHED, "word behind the structure of %s", what);
}

CASE(sizes_32bit_task,
     DESC("32-bit task: register, continue and message have 32 bytes, as for a 64-bit one")
     ROWS("B32-09")
     MEMORY("hugetlb-shared shmem-shared"))
{
	/* The numbers of a 64-bit task: _IOWR(0xAA, nr, 32 bytes) and _IOR(0xAA, nr, 16). */
	const unsigned long reg_number = 0xc020aa00, continue_number = 0xc020aa07;
	const unsigned long unregister_number = 0x8010aa01;
	struct region r = region_make(2);
	int uffd = uffd_open(0);
	struct guarded reg = { .words = { (uintptr_t)r.u, r.len, MODE_MISSING, 0 },
			       .guard = UNTOUCHED };
	struct guarded cont = { .words = { 1, r.len, 0, 0 }, .guard = UNTOUCHED };
	struct guarded range = { .words = { (uintptr_t)r.u, r.len, 0, UNTOUCHED },
				 .guard = UNTOUCHED };
	struct guarded msg = { .guard = UNTOUCHED };
	struct pollfd waiting = { .fd = uffd, .events = POLLIN };
	struct toucher t;
	ssize_t n;
	int ret;

	EXPECT_EQ(sizeof(struct uffd_msg), 32, "size of struct uffd_msg");
	EXPECT_EQ(sizeof(struct uffdio_register), 32, "size of struct uffdio_register");
	EXPECT_EQ(sizeof(struct uffdio_continue), 32, "size of struct uffdio_continue");
	EXPECT_EQ(UFFDIO_REGISTER, reg_number, "UFFDIO_REGISTER");
	EXPECT_EQ(UFFDIO_CONTINUE, continue_number, "UFFDIO_CONTINUE");
	EXPECT_EQ(UFFDIO_UNREGISTER, unregister_number, "UFFDIO_UNREGISTER");

	ret = ioctl(uffd, reg_number, &reg);
	EXPECT(!ret, "UFFDIO_REGISTER by its number: expected 0, got %s", errno_name(errno));
	EXPECT(reg.words[3] & 1ULL << _UFFDIO_COPY, "ioctls of UFFDIO_REGISTER, last of its "
	       "words, is 0x%llx", (unsigned long long)reg.words[3]);
	expect_guarded(&reg, "UFFDIO_REGISTER");

	touch_start(&t, TOUCH_READ, r.u + r.page);
	EXPECT_EQ(poll(&waiting, 1, patience_ms()), 1, "poll for the message of a missing fault");
	n = read(uffd, &msg, sizeof(struct uffd_msg) - 1);
	EXPECT(n == -1 && errno == EINVAL, "read of 31 bytes: expected -1/EINVAL, got %zd", n);
	n = read(uffd, &msg, sizeof(msg));
	EXPECT_EQ(n, 32, "read of 40 bytes");
	EXPECT_EQ(msg.words[2], (uintptr_t)(r.u + r.page), "third word of the message, address");
	expect_guarded(&msg, "the message");

	/* Start 1 is not aligned: known, and refused. */
	ret = ioctl(uffd, continue_number, &cont);
	EXPECT(ret == -1 && errno == EINVAL, "UFFDIO_CONTINUE by its number: expected "
	       "-1/EINVAL, got %d/%s", ret, errno_name(ret ? errno : 0));
	expect_guarded(&cont, "UFFDIO_CONTINUE");
	ret = ioctl(uffd, unregister_number, &range);
	EXPECT(!ret, "UFFDIO_UNREGISTER by its number: expected 0, got %s", errno_name(errno));
	EXPECT_EQ(range.words[3], UNTOUCHED, "word behind the structure of UFFDIO_UNREGISTER");
}
