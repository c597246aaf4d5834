// SPDX-License-Identifier: GPL-2.0-only
/* The handshake: which feature bits are there, and how a wrong request is refused. */
#include <poll.h>

#include "lib/uffd_test.h"

#define MINOR_BITS ((uint64_t)(UFFD_FEATURE_MINOR_HUGETLBFS | UFFD_FEATURE_MINOR_SHMEM))

/* A refused handshake returns EINVAL and zeroes the whole structure. */
static void expect_api_refused(int uffd, uint64_t number, uint64_t features, const char *what)
{
	struct uffdio_api api = { .api = number, .features = features, .ioctls = UNTOUCHED };

	EXPECT_OUTCOME(uffd_api(uffd, &api), EINVAL, 0, "UFFDIO_API with %s", what);
	EXPECT_EQ(api.api, 0, "api after UFFDIO_API with %s", what);
	EXPECT_EQ(api.ioctls, 0, "ioctls after UFFDIO_API with %s", what);
}

static struct uffdio_api handshake(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	EXPECT_ERRNO(uffd_api(uffd_new(), &api), 0, "UFFDIO_API with features 0x%llx",
		     (unsigned long long)features);
	return api;
}

CASE(handshake,
     DESC("UFFDIO_API with no features returns 0 and lists the ioctls of the fd")
     ROWS("API-01"))
{
	EXPECT_EQ(handshake(0).ioctls, expected_number("API-01"), "ioctls of UFFDIO_API");
}

CASE(feature_mask,
     DESC("UFFDIO_API reports every feature bit this kernel has, and no other")
     ROWS("API-02"))
{
	EXPECT_EQ(handshake(0).features, expected_number("API-02"), "features of UFFDIO_API");
}

CASE(minor_hugetlbfs_reported,
     DESC("bit 9, MINOR_HUGETLBFS, is reported where the kernel has minor faults")
     ROWS("API-03"))
{
	EXPECT_EQ(handshake(0).features & UFFD_FEATURE_MINOR_HUGETLBFS, expected_number("API-03"),
		  "UFFD_FEATURE_MINOR_HUGETLBFS in the features of UFFDIO_API");
}

CASE(minor_shmem_reported,
     DESC("bit 10, MINOR_SHMEM, is reported where the kernel has minor faults on shmem")
     ROWS("API-04"))
{
	uint64_t want = expected_number("API-04");

	EXPECT_EQ(handshake(0).features & UFFD_FEATURE_MINOR_SHMEM, want,
		  "UFFD_FEATURE_MINOR_SHMEM in the features of UFFDIO_API");
	/* What is reported can be asked for, and is reported still. */
	EXPECT_EQ(handshake(want).features & UFFD_FEATURE_MINOR_SHMEM, want,
		  "UFFD_FEATURE_MINOR_SHMEM in the features when asked for");
}

CASE(exact_address_reported,
     DESC("bit 11, EXACT_ADDRESS, is reported on every architecture, and can be asked for")
     ROWS("API-05"))
{
	uint64_t want = expected_number("API-05");

	EXPECT_EQ(handshake(0).features & UFFD_FEATURE_EXACT_ADDRESS, want,
		  "UFFD_FEATURE_EXACT_ADDRESS in the features of UFFDIO_API");
	EXPECT_EQ(handshake(want).features & UFFD_FEATURE_EXACT_ADDRESS, want,
		  "UFFD_FEATURE_EXACT_ADDRESS in the features when asked for");
}

CASE(minor_request_works,
     DESC("asking for the MINOR bits returns 0, and the reply still lists all bits")
     ROWS("API-06"))
{
	uint64_t ask = expected_number("API-06");

	EXPECT_EQ(handshake(ask).features, handshake(0).features,
		  "features when 0x%llx was asked for, against those when nothing was",
		  (unsigned long long)ask);
}

CASE(minor_request_refused,
     DESC("asking for a MINOR bit the kernel lacks: EINVAL, the structure zeroed")
     ROWS("API-08"))
{
	int uffd = uffd_new();

	expect_api_refused(uffd, UFFD_API, UFFD_FEATURE_MINOR_HUGETLBFS, "MINOR_HUGETLBFS");
	expect_api_refused(uffd, UFFD_API, UFFD_FEATURE_MINOR_SHMEM, "MINOR_SHMEM");
	expect_api_refused(uffd, UFFD_API, MINOR_BITS, "both MINOR bits");
}

CASE(wrong_number_refused,
     DESC("an api number other than 0xAA: EINVAL, the structure zeroed")
     ROWS("API-09"))
{
	expect_api_refused(uffd_new(), 0xAB, 0, "api 0xAB");
	expect_api_refused(uffd_new(), 0, 0, "api 0");
}

CASE(unknown_feature_refused,
     DESC("an unknown feature bit, or the internal bit 31: EINVAL, the structure zeroed")
     ROWS("API-10"))
{
	int uffd = uffd_new();

	expect_api_refused(uffd, UFFD_API, 1ULL << 40, "feature bit 40");
	expect_api_refused(uffd, UFFD_API, 1ULL << 31, "feature bit 31");
}

CASE(refusal_leaves_fd_usable,
     DESC("after a refused UFFDIO_API a valid one on the same fd returns 0")
     ROWS("API-11"))
{
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = uffd_new();

	expect_api_refused(uffd, UFFD_API, 1ULL << 40, "feature bit 40");
	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API after a refused one");
}

CASE(second_handshake_refused,
     DESC("a second UFFDIO_API: EINVAL, zeroed; the first one stays in force")
     ROWS("API-12")
     MEMORY("hugetlb-shared"))
{
	struct region r = region_make(1);
	int uffd = uffd_open(0);

	expect_api_refused(uffd, UFFD_API, 0, "the same request again");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0,
		     "UFFDIO_REGISTER after a second UFFDIO_API");
}

CASE(nothing_before_handshake,
     DESC("before UFFDIO_API: every other ioctl and read give EINVAL, poll gives POLLERR")
     ROWS("API-13")
     MEMORY("hugetlb-shared"))
{
	struct region r = region_make(1);
	int uffd = uffd_new();
	struct pollfd waiting = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;
	ssize_t n;

	EXPECT_REFUSED(uffd_register(uffd, r.u, r.len, MODE_MISSING), EINVAL,
		       "UFFDIO_REGISTER before UFFDIO_API");
	EXPECT_REFUSED(uffd_continue(uffd, r.u, r.len, 0), EINVAL,
		       "UFFDIO_CONTINUE before UFFDIO_API");
	n = read(uffd, &msg, sizeof(msg));
	EXPECT(n == -1 && errno == EINVAL, "read before UFFDIO_API: expected -1/EINVAL, got %zd/%s",
	       n, errno_name(n < 0 ? errno : 0));
	SETUP(poll(&waiting, 1, 0) >= 0, "poll");
	EXPECT_EQ(waiting.revents, POLLERR, "revents of poll before UFFDIO_API");
}

CASE(minor_without_asking,
     DESC("the MINOR bits only inform: with features 0 MODE_MINOR works and events arrive")
     ROWS("API-07")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = region_make(1);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct toucher t;

	fill_a(&r, 0, 1);
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
}
