// SPDX-License-Identifier: GPL-2.0-only
/* Who may have a uffd: the sysctl, UFFD_USER_MODE_ONLY, /dev/userfaultfd. */
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/caller.h"
#include "lib/memory.h"
#include "lib/privilege.h"

#ifndef USERFAULTFD_IOC_NEW			/* 6.1 */
#define USERFAULTFD_IOC 0xAA
#define USERFAULTFD_IOC_NEW _IO(USERFAULTFD_IOC, 0x00)
#endif

#define SYSCTL "/proc/sys/vm/unprivileged_userfaultfd"
#define DEVICE "/dev/userfaultfd"

/* What userfaultfd(2) returns: a file descriptor, or -1 with errno. */
static int new_uffd(int flags)
{
	return syscall(__NR_userfaultfd, flags | O_CLOEXEC | O_NONBLOCK);
}

static void set_sysctl(char value)
{
	write_to((const char[]){ value, '\0' }, SYSCTL);
}

static char read_sysctl(void)
{
	int fd = open(SYSCTL, O_RDONLY | O_CLOEXEC);
	char value = 0;

	EXPECT(fd >= 0, SYSCTL " is not there: %s", errno_name(errno));
	SETUP(read(fd, &value, 1) == 1, "read " SYSCTL);
	close(fd);
	return value;
}

static void expect_allowed(int flags, int want, const char *who)
{
	int uffd = new_uffd(flags);

	EXPECT_EQ(uffd < 0 ? errno : 0, want, "errno of userfaultfd(0x%x) as %s", flags, who);
	if (uffd >= 0)
		close(uffd);
}

/* It can register @r's page @page, and gets its faults. */
static void expect_whole(int uffd, const struct region *r, size_t page)
{
	struct uffdio_api api = { .api = UFFD_API };
	char *at = r->u + page * r->page;

	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API");
	EXPECT_ERRNO(uffd_register(uffd, at, r->page, MODE_MINOR), 0, "UFFDIO_REGISTER");
	EXPECT_MINOR_WORKS(uffd, r, page);
}

CASE(default_is_unprivileged_no,
     DESC("the sysctl is 0: nobody gets EPERM, but a USER_MODE_ONLY uffd that MINOR works with")
     ROWS("DLV-31")
     MEMORY("hugetlb-shared shmem-shared shmem-private"))
{
	struct region r = region_make(2);
	int uffd;

	EXPECT_EQ(read_sysctl(), '0', SYSCTL " by default");
	expect_allowed(0, 0, "root");
	expect_allowed(UFFD_USER_MODE_ONLY, 0, "root");
	become_nobody();
	expect_allowed(0, EPERM, "nobody");
	expect_allowed(UFFD_USER_MODE_ONLY, 0, "nobody");
	uffd = new_uffd(UFFD_USER_MODE_ONLY);
	SETUP(uffd >= 0, "userfaultfd(UFFD_USER_MODE_ONLY)");
	expect_whole(uffd, &r, 1);
	expect_allowed(0, EPERM, "nobody who has a uffd");
}

CASE(ptrace_right_is_enough,
     DESC("the sysctl is 0: it is CAP_SYS_PTRACE that userfaultfd(2) asks for, and no other right")
     ROWS("DLV-31"))
{
	EXPECT_EQ(read_sysctl(), '0', SYSCTL " by default");
	drop_capability(CAP_SYS_ADMIN);
	expect_allowed(0, 0, "root without CAP_SYS_ADMIN");
	drop_capability(CAP_SYS_PTRACE);
	expect_allowed(0, EPERM, "root without CAP_SYS_PTRACE");
	expect_allowed(UFFD_USER_MODE_ONLY, 0, "root without CAP_SYS_PTRACE");
}

CASE(sysctl_opens_to_all,
     DESC("the sysctl set to 1: nobody gets a uffd, and MINOR works with it")
     ROWS("DLV-31")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(1);
	int status;
	pid_t pid;

	/* In a child, so that this process can set it back whatever happens there. */
	set_sysctl('1');
	pid = fork();
	if (!pid) {
		int uffd;

		become_nobody();
		expect_allowed(UFFD_USER_MODE_ONLY, 0, "nobody, with the sysctl 1");
		uffd = new_uffd(0);
		EXPECT(uffd >= 0, "userfaultfd(0) as nobody, with the sysctl 1: %s",
		       errno_name(errno));
		expect_whole(uffd, &r, 0);
		_exit(EXIT_SUCCESS);
	}
	SETUP(pid > 0 && waitpid(pid, &status, 0) == pid, "fork and waitpid");
	set_sysctl('0');
	if (status)
		_exit(EXIT_FAILURE);	/* the child has reported it */
	EXPECT_EQ(read_sysctl(), '0', SYSCTL " once it is set back");
}

CASE(device_is_there,
     DESC("/dev/userfaultfd is root's own since 6.1; before it is not there")
     ROWS("DLV-32"))
{
	int want = expected_errno("DLV-32"), fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	struct stat stat;

	EXPECT_EQ(fd < 0 ? errno : 0, want, "errno of open of " DEVICE);
	if (want)
		return;
	SETUP(!fstat(fd, &stat), "fstat");
	EXPECT(S_ISCHR(stat.st_mode), DEVICE " has mode 0%o, it is no device", stat.st_mode);
	EXPECT_EQ(stat.st_mode & 0777, 0600, "rights to " DEVICE);
	EXPECT_EQ(stat.st_uid, 0, "owner of " DEVICE);
	become_nobody();
	fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	EXPECT_EQ(fd < 0 ? errno : 0, EACCES, "errno of open of " DEVICE " as nobody");
}

static int ioctl_errno(int fd, unsigned long request, unsigned long arg)
{
	return ioctl(fd, request, arg) < 0 ? errno : 0;
}

CASE(device_gives_uffd,
     DESC("USERFAULTFD_IOC_NEW gives a whole uffd without any right; EINVAL for what it is not")
     ROWS("DLV-32"))
{
	int want = expected_errno("DLV-32"), device = open(DEVICE, O_RDWR | O_CLOEXEC), uffd;
	struct uffdio_api api = { .api = UFFD_API };
	struct region r = region_make_of("anon", 1);
	struct caller c;
	int ends[2];

	if (want) {
		EXPECT_EQ(device < 0 ? errno : 0, want, "errno of open of " DEVICE);
		return;
	}
	EXPECT(device >= 0, "open of " DEVICE ": %s", errno_name(errno));
	become_nobody();
	expect_allowed(0, EPERM, "nobody");
	uffd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	EXPECT(uffd >= 0, "USERFAULTFD_IOC_NEW as nobody: %s", errno_name(errno));
	EXPECT_EQ(fcntl(uffd, F_GETFD), FD_CLOEXEC, "FD_CLOEXEC of the uffd");
	EXPECT_EQ(fcntl(uffd, F_GETFL) & O_NONBLOCK, O_NONBLOCK, "O_NONBLOCK of the uffd");
	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0, "UFFDIO_REGISTER");
	EXPECT_FLAGS(r.u, "um", "a uffd of " DEVICE);
	/* Faults of the kernel are not kept from it. */
	SETUP(!pipe2(ends, O_CLOEXEC), "pipe2");
	call_start(&c, SYS_write, ends[1], (long)r.u, 64);
	EXPECT_MSG(uffd, 0, r.u);
	EXPECT_OK(uffd_zeropage(uffd, r.u, r.page), (int64_t)r.page, "UFFDIO_ZEROPAGE");
	EXPECT_RETURNED(&c, 64, 0, "page resolved");

	EXPECT_EQ(ioctl_errno(device, USERFAULTFD_IOC_NEW, 0), 0, "errno without flags");
	EXPECT_EQ(ioctl_errno(device, USERFAULTFD_IOC_NEW, UFFD_USER_MODE_ONLY), 0,
		  "errno with UFFD_USER_MODE_ONLY");

	EXPECT_EQ(ioctl_errno(device, USERFAULTFD_IOC_NEW, O_APPEND), EINVAL, "an unknown flag");
	EXPECT_EQ(ioctl_errno(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | 2), EINVAL,
		  "an unknown flag beside a known one");
	EXPECT_EQ(ioctl_errno(device, _IO(USERFAULTFD_IOC, 1), 0), EINVAL, "an unknown number");
	EXPECT_EQ(ioctl_errno(device, UFFDIO_API, (uintptr_t)&api), EINVAL,
		  "UFFDIO_API on the device");
}
