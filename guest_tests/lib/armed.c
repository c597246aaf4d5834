// SPDX-License-Identifier: GPL-2.0-only
/* Is memory registered, and how?  What smaps says, and what a touch of it does. */
#include "memory.h"

/* The VmFlags of the mapping at @addr, in one pass: smaps is slow to read under emulation. */
static void read_flags(pid_t pid, const void *addr, char *flags, size_t size)
{
	unsigned long long start, end, want = (uintptr_t)addr;
	bool inside = false, found = false;
	char line[512], perms[5], path[32];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "re");
	SETUP(f, "open %s", path);
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx %4s ", &start, &end, perms) == 3) {
			inside = want >= start && want < end;
		} else if (inside && !strncmp(line, "VmFlags:", 8)) {
			found = true;
			snprintf(flags, size, "%s", line + 8);
		}
	}
	fclose(f);
	errno = 0;
	SETUP(found, "%s has no VmFlags for %p", path, addr);
}

void expect_flags_at(const char *file, int line, pid_t pid, const void *addr,
		     const char *flags, const char *fmt, ...)
{
	static const char *const known[] = { "ui", "um", "uw", "ur" };
	char text[300], shown[512];

	count_assertion();
	read_flags(pid, addr, shown, sizeof(shown));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		bool want = strstr(flags, known[i]);

		if ((strstr(shown, known[i]) != NULL) == want)
			continue;
		FORMAT(text);
		fail_at(file, line, "%s: VmFlags %s %s, expected of ui, um, uw, ur just '%s'",
			text, want ? "lacks" : "has", known[i], flags);
	}
}

void expect_minor_works_at(const char *file, int line, int uffd, const struct region *r,
			   size_t page)
{
	char *at = r->u + page * r->page;
	struct toucher t;

	fill_a(r, page, 5);
	touch_start_page(&t, r, page);
	expect_msg_at(file, line, uffd, FLAG_MINOR, at);
	expect_outcome_at(file, line, "uffd_continue()", uffd_continue(uffd, at, r->page, 0), 0,
			  (int64_t)r->page, "UFFDIO_CONTINUE of page %zu", page);
	expect_seen_at(file, line, &t, r, page, 5);
}

void expect_missing_works_at(const char *file, int line, int uffd, const struct region *r,
			     size_t page)
{
	char *source = aligned_alloc(r->page, r->page), *at = r->u + page * r->page;
	struct toucher t;

	SETUP(source, "aligned_alloc of %zu bytes", r->page);
	fill_page(source, r->page, page, 6);
	touch_start_write(&t, at, 0x42);
	expect_msg_at(file, line, uffd, FLAG_WRITE, at);
	expect_outcome_at(file, line, "uffd_copy()", uffd_copy(uffd, at, source, r->page), 0,
			  (int64_t)r->page, "UFFDIO_COPY of page %zu", page);
	expect_finished_at(file, line, &t, "UFFDIO_COPY of page %zu", page);
	source[0] = 0x42;
	count_assertion();
	if (memcmp(at, source, r->page))
		fail_at(file, line, "page %zu does not hold what COPY and the write put there",
			page);
	free(source);
}

void expect_no_fault_at(const char *file, int line, int uffd, const struct region *r,
			size_t page)
{
	fill_a(r, page, 7);
	expect_readable_at(file, line, r, page, 7);
	expect_no_msg_at(file, line, uffd, "read of page %zu", page);
}
