// SPDX-License-Identifier: GPL-2.0-only
/* Who holds a page: the pool of huge pages, references, and what /proc adds up. */
#include "held.h"

struct pool pool_now(void)
{
	size_t page = run.page_size;

	if (!memory_is_hugetlb())
		return (struct pool){ 0 };
	return (struct pool){
		.nr = hugepages("nr", page), .free = hugepages("free", page),
		.reserved = hugepages("resv", page), .surplus = hugepages("surplus", page),
	};
}

static void check_pool(const char *file, int line, struct pool want, const char *text)
{
	const struct pool got = pool_now();

	if (memcmp(&got, &want, sizeof(got)))
		fail_at(file, line, "%s: expected %ld huge pages, %ld free, %ld reserved, %ld surplus; "
			"got %ld, %ld free, %ld reserved, %ld surplus", text, want.nr, want.free,
			want.reserved, want.surplus, got.nr, got.free, got.reserved, got.surplus);
}

void expect_pool_at(const char *file, int line, struct pool want, const char *fmt, ...)
{
	char text[300];

	count_assertion();
	FORMAT(text);
	check_pool(file, line, want, text);
}

void expect_nothing_held_at(const char *file, int line, const struct region *r,
			    struct pool before, const char *fmt, ...)
{
	char text[300];

	count_assertion();
	FORMAT(text);
	SETUP(!munmap(r->u, r->len) && !munmap(r->a, r->len), "munmap of U and A");
	if (fcntl(r->fd, F_ADD_SEALS, F_SEAL_WRITE))
		fail_at(file, line, "%s: F_SEAL_WRITE of a file that is not mapped any more: "
			"expected 0, got -1/%s: a page has a reference too many or too few", text,
			errno_name(errno));
	SETUP(!close(r->fd), "close of the memfd");
	check_pool(file, line, before, text);
}

/* The line "@key:   N kB" of @path. */
static uint64_t kib_line(const char *path, const char *key)
{
	size_t n = strlen(key);
	char line[256];
	long long kib = -1;
	FILE *f = fopen(path, "re");

	SETUP(f, "open %s", path);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, n) && line[n] == ':')
			kib = strtoll(line + n + 1, NULL, 10);
	fclose(f);
	errno = 0;
	SETUP(kib >= 0, "%s has no line '%s'", path, key);
	return (uint64_t)kib * 1024;
}

uint64_t status_bytes(pid_t pid, const char *key)
{
	char path[64] = "/proc/self/status";

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return kib_line(path, key);
}

uint64_t meminfo_bytes(const char *key)
{
	return kib_line("/proc/meminfo", key);
}
