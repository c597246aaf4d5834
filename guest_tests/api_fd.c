// SPDX-License-Identifier: GPL-2.0-only
/* The file descriptor: what makes one, and what is no call of it. */
#include <linux/capability.h>
#include <sys/uio.h>

#include "lib/privilege.h"
#include "lib/uffd_test.h"

#define FEATURE_RWP (1ULL << 17)		/* 7.3, with RWP_ASYNC */
#define FEATURE_RWP_ASYNC (1ULL << 18)

/* What userfaultfd(2) returns: a file descriptor, or -1 with errno. */
static int new_uffd(int flags)
{
	return syscall(__NR_userfaultfd, flags);
}

static void expect_usable(int uffd, const char *after)
{
	struct uffdio_api api = { .api = UFFD_API };

	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API after %s", after);
}

CASE(bad_pointer_refused,
     DESC("UFFDIO_API with a structure that is not mapped, or half of it: EFAULT, fd usable")
     ROWS("API-14"))
{
	char *room = mmap(NULL, 2 * base_page(), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int uffd = uffd_new();

	SETUP(room != MAP_FAILED, "mmap of two pages");
	SETUP(!munmap(room + base_page(), base_page()), "munmap of the second page");

	void *const bad[] = {
		NULL, (void *)base_page(), room + base_page(), room + base_page() - 8,
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int ret = ioctl(uffd, UFFDIO_API, bad[i]);

		EXPECT(ret == -1 && errno == EFAULT,
		       "UFFDIO_API with unmapped structure %zu: expected -1/EFAULT, got %d/%s", i,
		       ret, errno_name(ret ? errno : 0));
	}
	expect_usable(uffd, "one with an unmapped structure");
}

static void expect_unknown(int uffd, const char *when)
{
	static const unsigned long unknown[] = {
		_IO(UFFDIO, 0x3d), _IOWR(UFFDIO, 0x3d, struct uffdio_range),
		/* Known numbers with another size or direction. */
		_IO(UFFDIO, _UFFDIO_API), _IOWR(UFFDIO, _UFFDIO_REGISTER, struct uffdio_range),
		_IOR(UFFDIO, _UFFDIO_CONTINUE, struct uffdio_continue),
		/* A known number of another type. */
		_IOWR(0xAB, _UFFDIO_REGISTER, struct uffdio_register),
	};
	char argument[64] = { };

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		int ret = ioctl(uffd, unknown[i], argument);

		EXPECT(ret == -1 && errno == EINVAL,
		       "ioctl 0x%lx %s UFFDIO_API: expected -1/EINVAL, got %d/%s", unknown[i],
		       when, ret, errno_name(ret ? errno : 0));
	}
}

CASE(unknown_ioctl_refused,
     DESC("an ioctl number that the uffd does not know: EINVAL, not ENOTTY")
     ROWS("API-15"))
{
	int uffd = uffd_new();

	expect_unknown(uffd, "before");
	expect_usable(uffd, "unknown ioctls");
	expect_unknown(uffd, "after");
}

static void expect_unwritable(int uffd, int want, const char *when)
{
	char message[32] = { };
	struct iovec part = { message, sizeof(message) };
	ssize_t n = write(uffd, message, sizeof(message));

	EXPECT(n == -1 && errno == want, "write of 32 bytes %s UFFDIO_API: expected -1/%s, "
	       "got %zd/%s", when, errno_name(want), n, errno_name(n < 0 ? errno : 0));
	n = write(uffd, message, 1);
	EXPECT(n == -1 && errno == want, "write of 1 byte %s UFFDIO_API: expected -1/%s, "
	       "got %zd/%s", when, errno_name(want), n, errno_name(n < 0 ? errno : 0));
	n = writev(uffd, &part, 1);
	EXPECT(n == -1 && errno == want, "writev %s UFFDIO_API: expected -1/%s, got %zd/%s",
	       when, errno_name(want), n, errno_name(n < 0 ? errno : 0));
}

CASE(write_refused,
     DESC("write(2) and writev(2) to a uffd: EBADF, before and after UFFDIO_API")
     ROWS("API-16"))
{
	int want = expected_errno("API-16");
	int uffd = uffd_new();

	expect_unwritable(uffd, want, "before");
	expect_usable(uffd, "writes");
	expect_unwritable(uffd, want, "after");
}

CASE(unknown_flag_refused,
     DESC("a flag that userfaultfd(2) does not know: EINVAL; those it knows work")
     ROWS("API-17"))
{
	static const int unknown[] = {
		1 << 1, 1 << 30, O_APPEND, O_RDWR, O_CLOEXEC | O_APPEND,
		O_CLOEXEC | O_NONBLOCK | 1 << 2, -1,
	};
	static const int known[] = { 0, O_CLOEXEC, O_NONBLOCK, O_CLOEXEC | O_NONBLOCK };

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		int uffd = new_uffd(unknown[i]);

		EXPECT(uffd == -1 && errno == EINVAL,
		       "userfaultfd(0x%x): expected -1/EINVAL, got %d/%s", unknown[i], uffd,
		       errno_name(uffd < 0 ? errno : 0));
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		int uffd = new_uffd(known[i]);

		EXPECT(uffd >= 0, "userfaultfd(0x%x): expected a file descriptor, got %d/%s",
		       known[i], uffd, errno_name(errno));
		EXPECT_EQ(fcntl(uffd, F_GETFD), known[i] & O_CLOEXEC ? FD_CLOEXEC : 0,
			  "FD_CLOEXEC with flags 0x%x", known[i]);
		EXPECT_EQ(fcntl(uffd, F_GETFL) & O_NONBLOCK, known[i] & O_NONBLOCK,
			  "O_NONBLOCK with flags 0x%x", known[i]);
		expect_usable(uffd, "userfaultfd(2)");
	}
}

static void expect_user_mode_only(int want, const char *who)
{
	static const int flags[] = {
		UFFD_USER_MODE_ONLY, UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK,
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int uffd = new_uffd(flags[i]);

		EXPECT_EQ(uffd < 0 ? errno : 0, want, "errno of userfaultfd(0x%x) as %s",
			  flags[i], who);
		if (!want)
			expect_usable(uffd, "userfaultfd(UFFD_USER_MODE_ONLY)");
	}
}

CASE(user_mode_only,
     DESC("userfaultfd(UFFD_USER_MODE_ONLY): 0 since 5.11, without rights, too; else EINVAL")
     ROWS("API-18"))
{
	int want = expected_errno("API-18");

	expect_user_mode_only(want, "root");
	if (want)	/* what nobody may do was another question before 5.11 */
		return;
	become_nobody();
	expect_user_mode_only(want, "nobody");
}

/* UFFDIO_API with @features; with @want the structure must be zeroed. */
static void expect_fork_event(int uffd, uint64_t features, int want, const char *who)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features, .ioctls = UNTOUCHED };
	struct outcome got = uffd_api(uffd, &api);

	EXPECT_ERRNO(got, want, "UFFDIO_API with features 0x%llx as %s",
		     (unsigned long long)features, who);
	if (!want)
		return;
	EXPECT_EQ(api.api, 0, "api after EPERM as %s", who);
	EXPECT_EQ(api.features, 0, "features after EPERM as %s", who);
	EXPECT_EQ(api.ioctls, 0, "ioctls after EPERM as %s", who);
}

CASE(fork_event_needs_capability,
     DESC("EVENT_FORK without CAP_SYS_PTRACE: EPERM, zeroed; other events need no right")
     ROWS("API-19"))
{
	const uint64_t fork = UFFD_FEATURE_EVENT_FORK;
	const uint64_t others = UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE |
				UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_THREAD_ID;
	/* Made by root: whether nobody may make one is another question. */
	int before = uffd_new(), one = uffd_new(), two = uffd_new();

	expect_fork_event(before, fork, 0, "root");

	drop_capability(CAP_SYS_PTRACE);
	expect_fork_event(one, fork, EPERM, "root without CAP_SYS_PTRACE");
	expect_fork_event(one, fork | others, EPERM, "root without CAP_SYS_PTRACE");
	expect_fork_event(one, others, 0, "root without CAP_SYS_PTRACE");

	become_nobody();
	expect_fork_event(two, fork, EPERM, "nobody");
	expect_fork_event(two, others, 0, "nobody");
}

CASE(rwp_async_needs_rwp,
     DESC("RWP_ASYNC without RWP in the same request: EINVAL; with it, and RWP alone: 0")
     ROWS("API-20"))
{
	struct uffdio_api async = { .api = UFFD_API, .features = FEATURE_RWP_ASYNC };
	struct uffdio_api both = { .api = UFFD_API, .features = FEATURE_RWP | FEATURE_RWP_ASYNC };
	struct uffdio_api alone = { .api = UFFD_API, .features = FEATURE_RWP };
	int uffd = uffd_new();

	EXPECT_OUTCOME(uffd_api(uffd, &async), EINVAL, 0, "UFFDIO_API with RWP_ASYNC alone");
	EXPECT_ERRNO(uffd_api(uffd, &both), 0, "UFFDIO_API with RWP and RWP_ASYNC");
	EXPECT_ERRNO(uffd_api(uffd_new(), &alone), 0, "UFFDIO_API with RWP");
}
