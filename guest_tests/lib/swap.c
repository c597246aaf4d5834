// SPDX-License-Identifier: GPL-2.0-only
/* A few MiB of swap on a RAM disk, and pages that go there. */
#include <linux/fs.h>
#include <sys/swap.h>

#include "modules.h"
#include "swap.h"

#ifndef MADV_PAGEOUT			/* 5.4 */
#define MADV_PAGEOUT 21
#endif

/* Not the first, which the file system is on (disk.c). */
static const char disk[] = "/dev/ram1";

/* include/linux/swap.h, union swap_header: the first page of a swap area. */
static void write_header(int fd, size_t page)
{
	uint32_t *header = calloc(1, page);
	uint64_t size;

	SETUP(header, "calloc of a page");
	SETUP(!ioctl(fd, BLKGETSIZE64, &size), "BLKGETSIZE64 of %s", disk);
	header[256] = 1;				/* version */
	header[257] = (uint32_t)(size / page) - 1;	/* last page */
	memcpy((char *)header + page - 10, "SWAPSPACE2", 10);
	SETUP(pwrite(fd, header, page, 0) == (ssize_t)page, "write to %s", disk);
	SETUP(!fsync(fd), "fsync of %s", disk);
	free(header);
}

void swap_on(void)
{
	int fd;

	load_modules("swap");
	if (access(disk, F_OK))
		skip_case(DRIVER_MISSING("%s"), disk);
	fd = open(disk, O_RDWR | O_CLOEXEC);
	SETUP(fd >= 0, "open %s", disk);
	/* A case that failed left it on. */
	if (swapoff(disk))
		errno = 0;
	write_header(fd, base_page());
	close(fd);
	/* Each page on its own, or a neighbour that is read ahead is in memory all the same. */
	write_to("0", "/proc/sys/vm/page-cluster");
	SETUP(!swapon(disk, 0), "swapon %s", disk);
}

void expect_swap_off_at(const char *file, int line, const char *fmt, ...)
{
	char text[300];

	count_assertion();
	FORMAT(text);
	/* What /proc/swaps says is no measure: each CPU keeps 64 entries in use for what comes. */
	if (swapoff(disk))
		fail_at(file, line, "%s: swapoff: expected 0, got -1/%s", text, errno_name(errno));
}

bool in_memory(const char *at)
{
	unsigned char resident;

	SETUP(!mincore((void *)at, base_page(), &resident), "mincore");
	return resident & 1;
}

void swap_out(char *at, size_t pages)
{
	size_t page = base_page();

	/* A page that is on no list yet, or under write, is left alone: ask again. */
	for (int waited = 0; waited < patience_ms(); waited++) {
		size_t left = 0;

		SETUP(!madvise(at, pages * page, MADV_PAGEOUT), "MADV_PAGEOUT");
		for (size_t i = 0; i < pages; i++)
			left += in_memory(at + i * page);
		if (!left)
			return;
		sleep_ms(1);
	}
	errno = 0;
	SETUP(false, "MADV_PAGEOUT left pages in memory");
}
