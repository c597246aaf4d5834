// SPDX-License-Identifier: GPL-2.0-only
/* A page-table entry and its page, as /proc shows them. */
#include "pagemap.h"

static uint64_t read_u64(const char *path, uint64_t index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t value;

	SETUP(fd >= 0, "open %s", path);
	SETUP(pread64(fd, &value, sizeof(value), index * sizeof(value)) == sizeof(value),
	      "read %s", path);
	close(fd);
	return value;
}

uint64_t pagemap_entry(const void *addr)
{
	return read_u64("/proc/self/pagemap", (uintptr_t)addr / base_page());
}

uint64_t pagemap_frame(const void *addr)
{
	uint64_t entry = pagemap_entry(addr), frame = entry & ((1ULL << 55) - 1);

	errno = 0;
	SETUP(entry & PAGEMAP_PRESENT, "pagemap says that %p is not present", addr);
	SETUP(frame, "pagemap hides page frame numbers: run as root");
	return frame;
}

uint64_t page_flags(const void *addr)
{
	return read_u64("/proc/kpageflags", pagemap_frame(addr));
}

uint64_t page_mapcount(const void *addr)
{
	return read_u64("/proc/kpagecount", pagemap_frame(addr));
}
