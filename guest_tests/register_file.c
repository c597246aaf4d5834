// SPDX-License-Identifier: GPL-2.0-only
/* UFFDIO_REGISTER on files of file systems that are neither a tmpfs nor hugetlbfs. */
#include <sched.h>
#include <sys/mount.h>

#include "lib/disk.h"
#include "lib/memory.h"

/* Each mode is refused, on the whole mapping and on a part, and leaves no trace. */
static void expect_all_modes_refused(int uffd, char *at, size_t len, const char *what)
{
	for (uint64_t mode = MODE_MISSING; mode <= (MODE_MISSING | MODE_WP | MODE_MINOR); mode++) {
		if (mode == MODE_WP)	/* alone it is no fault's; other rows are about it */
			continue;
		EXPECT_REFUSED(uffd_register(uffd, at, len, mode), EINVAL,
			       "UFFDIO_REGISTER of %s with mode 0x%llx", what,
			       (unsigned long long)mode);
		EXPECT_REFUSED(uffd_register(uffd, at + base_page(), base_page(), mode), EINVAL,
			       "UFFDIO_REGISTER of one page of %s with mode 0x%llx", what,
			       (unsigned long long)mode);
	}
	EXPECT_FLAGS(at, "", "refusals on %s", what);
	EXPECT_FLAGS(at + base_page(), "", "refusals on %s", what);
}

static void expect_file_refused(int fd, const char *name)
{
	static const struct {
		const char *how_name;
		int how;
	} kinds[] = { { "mapped shared", MAP_SHARED }, { "mapped private", MAP_PRIVATE } };
	size_t len = 2 * base_page();
	int uffd = uffd_open(0);
	char what[64];

	SETUP(!ftruncate(fd, len), "ftruncate of %s", name);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, kinds[i].how, fd, 0);

		SETUP(at != MAP_FAILED, "mmap of %s", name);
		snprintf(what, sizeof(what), "%s %s", name, kinds[i].how_name);
		expect_all_modes_refused(uffd, at, len, what);
		/* Still memory like any other, whether a page of it is there or not. */
		at[base_page()] = 7;
		expect_all_modes_refused(uffd, at, len, what);
		EXPECT_EQ(at[base_page()], 7, "byte written to %s after refusals", what);
		EXPECT_NO_MSG(uffd, "write to %s", what);
	}
}

CASE(disk_file_refused,
     DESC("MODE_MINOR, alone or not, on an ext4 file mapped shared or private: EINVAL")
     ROWS("REG-03")
     NEEDS(NEEDS_DISK " CONFIG_PROC_PAGE_MONITOR"))
{
	expect_file_refused(disk_file(0), "an ext4 file");
}

CASE(ramfs_file_refused,
     DESC("MODE_MINOR, alone or not, on a ramfs file mapped shared or private: EINVAL")
     ROWS("REG-03")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	int fd;

	/* A file system in memory, and none of shmem. */
	SETUP(!unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
	SETUP(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make all mounts private");
	SETUP(!mount("ramfs", "/tmp", "ramfs", 0, NULL), "mount a ramfs");
	fd = open("/tmp/file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	SETUP(fd >= 0, "open of a file in a ramfs");
	expect_file_refused(fd, "a ramfs file");
}

CASE(shmem_before_disk_file,
     DESC("a range of shmem and then an ext4 file: EINVAL, and the shmem is not armed")
     ROWS("REG-03")
     MEMORY("shmem-shared")
     NEEDS(NEEDS_DISK " CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = region_make(2), file = { .page = r.page, .fd = disk_file(0) };
	char *at = room_make(2 * r.len, r.page);
	struct region shmem = map_at(&r, at, 0, 2, PROT_READ | PROT_WRITE, MAP_SHARED);
	int uffd = uffd_open(0);

	SETUP(!ftruncate(file.fd, r.len), "ftruncate of an ext4 file");
	map_at(&file, at + r.len, 0, 2, PROT_READ | PROT_WRITE, MAP_SHARED);
	EXPECT_REFUSED(uffd_register(uffd, at, 2 * r.len, MODE_MINOR), EINVAL,
		       "UFFDIO_REGISTER of shmem and an ext4 file");
	EXPECT_FLAGS(at, "", "the refusal, the shmem's part");
	EXPECT_FLAGS(at + r.len, "", "the refusal, the file's part");
	EXPECT_NO_FAULT(uffd, &shmem, 0);
	/* The positive control: without the file's pages it is taken. */
	EXPECT_ERRNO(uffd_register(uffd, at, r.len, MODE_MINOR), 0,
		     "UFFDIO_REGISTER of the shmem alone");
	EXPECT_MINOR_WORKS(uffd, &shmem, 1);
}
