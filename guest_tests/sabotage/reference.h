/* SPDX-License-Identifier: GPL-2.0-only */
/* Hold a page of the case's memfd, as a kernel would that forgets to put it: in a pipe. */
#ifndef SABOTAGE_REFERENCE_H
#define SABOTAGE_REFERENCE_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "sabotage.h"

/* The newest memfd of the test library; -1 when there is none. */
static inline int newest_memfd(void)
{
	int newest = -1;

	for (int fd = 0; fd < 256; fd++) {
		char path[32], name[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, name, sizeof(name) - 1) > 0 && strstr(name, "memfd:uffd-test"))
			newest = fd;
	}
	return newest;
}

/* vmsplice(2) takes a reference to each page that it puts into the pipe. */
static inline void hold(void *page)
{
	struct iovec one = { page, 1 };
	int ends[2];

	if (!pipe(ends))
		vmsplice(ends[1], &one, 1, 0);
}

/* Hold the file's page number @page, which must be there. */
static inline void hold_page(int fd, size_t page, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)(page * size));

	if (at == MAP_FAILED)
		return;
	hold(at);
	munmap(at, size);
}

/* Bytes of a page of the file: hugetlbfs says so. */
static inline size_t page_of(int fd)
{
	struct stat facts;

	return !fstat(fd, &facts) && facts.st_blksize >= 65536 ? (size_t)facts.st_blksize :
								  (size_t)sysconf(_SC_PAGESIZE);
}

#endif
