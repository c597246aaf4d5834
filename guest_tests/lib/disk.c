// SPDX-License-Identifier: GPL-2.0-only
/* A file system that is not made of memory. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "disk.h"
#include "modules.h"
#include "uffd_test.h"

#define DEVICE "/dev/ram0"
#define FOLDER "/mnt"

/* busybox makes an ext2, which is an ext4 without the newer features. */
static void make_file_system(void)
{
	pid_t child = fork();
	int status;

	SETUP(child >= 0, "fork");
	if (!child) {
		/* Standard output is for results only. */
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/bin/busybox", "busybox", "mke2fs", "-F", DEVICE, "1024", NULL);
		_exit(127);
	}
	SETUP(waitpid(child, &status, 0) == child, "waitpid");
	errno = 0;
	SETUP(!status, "mke2fs " DEVICE " ended with status 0x%x", status);
}

static void mount_disk(void)
{
	static bool mounted;

	if (mounted)
		return;
	load_modules("disk");
	if (access(DEVICE, F_OK))
		skip_case(DRIVER_MISSING(DEVICE));
	make_file_system();
	/* The mount is gone with this process. */
	SETUP(!unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
	SETUP(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make all mounts private");
	mkdir(FOLDER, 0755);
	SETUP(!mount(DEVICE, FOLDER, "ext4", 0, NULL), "mount " DEVICE " as ext4");
	mounted = true;
}

int disk_file(int flags)
{
	static int number;
	char path[32];
	int fd;

	mount_disk();
	snprintf(path, sizeof(path), FOLDER "/%d", number++);
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | flags, 0600);
	SETUP(fd >= 0, "open %s on ext4 with flags 0x%x", path, flags);
	return fd;
}
