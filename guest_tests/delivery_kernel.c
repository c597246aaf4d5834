// SPDX-License-Identifier: GPL-2.0-only
/* Faults that the kernel takes for a system call: who is told, and what the call returns. */
#include "lib/caller.h"
#include "lib/user_mode.h"

#define BYTES 64

/* BYTES of U, half of them in page @page and half in the next one. */
static char *border(const struct region *r, size_t page)
{
	return r->u + (page + 1) * r->page - BYTES / 2;
}

static char *in_a(const struct region *r, const char *u)
{
	return r->a + (u - r->u);
}

static struct region filled(size_t pages)
{
	struct region r = region_make(pages);

	for (size_t page = 0; page < pages; page++)
		fill_a(&r, page, 1);
	return r;
}

static void make_pipe(int ends[2])
{
	SETUP(!pipe2(ends, O_CLOEXEC), "pipe2");
}

static int make_file(void)
{
	int fd = memfd_create("uffd-test-other", MFD_CLOEXEC);

	SETUP(fd >= 0, "memfd_create");
	return fd;
}

/* @c waits for page @page, its message has @flags; then the page is resolved. */
static void resolve(const struct region *r, int uffd, struct caller *c, uint64_t flags,
		    size_t page)
{
	char *at = r->u + page * r->page;
	struct nap nap;

	EXPECT_MSG(uffd, flags, at);
	nap = EXPECT_WAITING(c, "S", "a call on page %zu", page);
	EXPECT_NO_MSG(uffd, "a call waits for page %zu", page);
	EXPECT_EQ(fdinfo_number(uffd, "total"), 1, "total: while a call waits");
	EXPECT_STILL_WAITING(c, nap, "a call on page %zu", page);
	EXPECT_OK(uffd_continue(uffd, at, r->page, 0), (int64_t)r->page,
		  "UFFDIO_CONTINUE of page %zu", page);
}

/* What was read from @fd must be what A has for @u. */
static void expect_arrived(int fd, const struct region *r, const char *u, const char *where)
{
	char got[BYTES];

	EXPECT_EQ(read(fd, got, sizeof(got)), BYTES, "bytes that arrived in the %s", where);
	EXPECT(!memcmp(got, in_a(r, u), BYTES), "the %s did not get what A has", where);
}

CASE(write_from_u,
     DESC("write(2) from U gives MINOR for each page, waits, and writes all of it")
     ROWS("DLV-28")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = filled(3);
	int uffd = uffd_on(&r, 0, MODE_MINOR), file = make_file(), ends[2];
	char *last = r.u + r.len - BYTES;
	struct caller c;

	make_pipe(ends);
	call_start(&c, SYS_write, ends[1], (long)border(&r, 0), BYTES);
	resolve(&r, uffd, &c, FLAG_MINOR, 0);
	resolve(&r, uffd, &c, FLAG_MINOR, 1);
	EXPECT_RETURNED(&c, BYTES, 0, "both pages resolved");
	expect_arrived(ends[0], &r, border(&r, 0), "pipe");

	/* A file's write faults its source in first, and copies without faults. */
	call_start(&c, SYS_write, file, (long)last, BYTES);
	resolve(&r, uffd, &c, FLAG_MINOR, 2);
	EXPECT_RETURNED(&c, BYTES, 0, "the page resolved");
	SETUP(!lseek(file, 0, SEEK_SET), "lseek");
	expect_arrived(file, &r, last, "file");

	call_start(&c, SYS_write, ends[1], (long)border(&r, 1), BYTES);
	EXPECT_RETURNED(&c, BYTES, 0, "resolved before");
	expect_arrived(ends[0], &r, border(&r, 1), "pipe");
	EXPECT_NO_MSG(uffd, "write(2) from resolved pages");
}

/* @u must have @data now, and A, too, when U is shared, else what it had. */
static void expect_landed(const struct region *r, const char *u, const char *data)
{
	size_t page = (size_t)(u - r->u) / r->page;
	char before[BYTES];

	for (size_t i = 0; i < BYTES; i++)
		before[i] = (char)pattern_byte((size_t)(u - r->u) % r->page + i, page, 1);
	EXPECT(!memcmp(u, data, BYTES), "U does not have what read(2) returned");
	EXPECT(!memcmp(in_a(r, u), memory_is_private() ? before : data, BYTES),
	       "A does not have what it should, U is %s", memory_kind());
}

CASE(read_into_u,
     DESC("read(2) into U gives MINOR and WRITE, waits, and then U has the data")
     ROWS("DLV-28")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = filled(3);
	int uffd = uffd_on(&r, 0, MODE_MINOR), file = make_file(), ends[2];
	char *end = r.u + r.page - BYTES, *start = r.u + 2 * r.page;
	char data[BYTES];
	struct caller c;

	memset(data, 0x5b, sizeof(data));
	make_pipe(ends);
	SETUP(write(ends[1], data, BYTES) == BYTES && write(file, data, BYTES) == BYTES, "write");

	call_start(&c, SYS_read, ends[0], (long)end, BYTES);
	resolve(&r, uffd, &c, FLAG_MINOR | FLAG_WRITE, 0);
	EXPECT_RETURNED(&c, BYTES, 0, "the page resolved");
	expect_landed(&r, end, data);

	SETUP(!lseek(file, 0, SEEK_SET), "lseek");
	call_start(&c, SYS_read, file, (long)start, BYTES);
	resolve(&r, uffd, &c, FLAG_MINOR | FLAG_WRITE, 2);
	EXPECT_RETURNED(&c, BYTES, 0, "the page resolved");
	expect_landed(&r, start, data);

	SETUP(write(ends[1], data, BYTES) == BYTES, "write");
	call_start(&c, SYS_read, ends[0], (long)border(&r, 0), BYTES);
	resolve(&r, uffd, &c, FLAG_MINOR | FLAG_WRITE, 1);
	EXPECT_RETURNED(&c, BYTES, 0, "the second of two pages resolved");
	EXPECT(!memcmp(border(&r, 0), data, BYTES), "U does not have what read(2) returned");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "total: in the end");
}

/* Calls that fault on U's page @page, to read it and to write it, must give EFAULT at once. */
static void expect_efault(const struct region *r, int uffd, size_t page)
{
	char *at = r->u + page * r->page + r->page / 2;
	int file = make_file(), ends[2];
	struct caller c;

	make_pipe(ends);
	call_start(&c, SYS_write, ends[1], (long)at, BYTES);
	EXPECT_RETURNED(&c, -1, EFAULT, "from an unresolved page to a pipe");
	call_start(&c, SYS_write, file, (long)at, BYTES);
	EXPECT_RETURNED(&c, -1, EFAULT, "from an unresolved page to a file");
	SETUP(write(ends[1], "0123456789", 10) == 10, "write");
	call_start(&c, SYS_read, ends[0], (long)at, 10);
	EXPECT_RETURNED(&c, -1, EFAULT, "into an unresolved page");
	EXPECT_NO_MSG(uffd, "calls that gave EFAULT");
	EXPECT_EQ(fdinfo_number(uffd, "total"), 0, "total: after calls that gave EFAULT");
	EXPECT_EQ(page_is_mapped(at), false, "the page is mapped after EFAULT");
}

/* The same calls must work once the page is resolved. */
static void expect_works(const struct region *r, size_t page)
{
	char *at = r->u + page * r->page + r->page / 2;
	struct caller c;
	int ends[2];

	make_pipe(ends);
	call_start(&c, SYS_write, ends[1], (long)at, BYTES);
	EXPECT_RETURNED(&c, BYTES, 0, "from a resolved page");
	call_start(&c, SYS_read, ends[0], (long)at, BYTES);
	EXPECT_RETURNED(&c, BYTES, 0, "into a resolved page");
	EXPECT_EQ(find_mismatch(r->u + page * r->page, r->page, page, 1), -1,
		  "first byte that changed on the way out and back");
}

CASE(user_mode_only_refuses_kernel,
     DESC("USER_MODE_ONLY: write(2) and read(2) on U give EFAULT, a touch gives a message")
     ROWS("DLV-29")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = filled(2);
	int uffd = uffd_user_mode_only(&r, MODE_MINOR);
	struct toucher t, writer;

	expect_efault(&r, uffd, 0);
	expect_efault(&r, uffd, 1);

	touch_start_page(&t, &r, 1);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_ASLEEP(&t, "a touch waits");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 1, 1);
	expect_works(&r, 1);
	expect_efault(&r, uffd, 0);

	touch_start_write(&writer, r.u, pattern_byte(0, 0, 1));
	EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_FINISHED(&writer, "page resolved");
	expect_works(&r, 0);
	EXPECT_NO_MSG(uffd, "calls on resolved pages");
}

CASE(user_mode_only_loses_nothing,
     DESC("USER_MODE_ONLY: a read(2) into U that gives EFAULT leaves page and pipe as they were")
     ROWS("DLV-30")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	struct region r = filled(2);
	int uffd = uffd_user_mode_only(&r, MODE_MINOR), ends[2], left;
	char data[BYTES];
	struct caller c;

	memset(data, 0x5b, sizeof(data));
	make_pipe(ends);
	SETUP(write(ends[1], data, BYTES) == BYTES, "write");
	for (size_t page = 0; page < 2; page++) {
		char *at = r.u + page * r.page + page * 8;

		call_start(&c, SYS_read, ends[0], (long)at, BYTES);
		EXPECT_RETURNED(&c, -1, EFAULT, "into unresolved page %zu", page);
		SETUP(!ioctl(ends[0], FIONREAD, &left), "FIONREAD");
		EXPECT_EQ(left, BYTES, "bytes left in the pipe");
		EXPECT_EQ(find_mismatch(r.a + page * r.page, r.page, page, 1), -1,
			  "first byte of A that changed");
	}
	EXPECT_NO_MSG(uffd, "read(2) into unresolved pages");

	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len, "UFFDIO_CONTINUE");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_READABLE(&r, 1, 1);
	call_start(&c, SYS_read, ends[0], (long)r.u, BYTES);
	EXPECT_RETURNED(&c, BYTES, 0, "into a resolved page");
	expect_landed(&r, r.u, data);
}

CASE(sigbus_refuses_kernel,
     DESC("feature SIGBUS: write(2) and read(2) on U give EFAULT, until the page is resolved")
     ROWS("DLV-27")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private")
     NEEDS("CONFIG_PROC_PAGE_MONITOR"))
{
	struct region r = filled(2);
	int uffd = uffd_on(&r, UFFD_FEATURE_SIGBUS, MODE_MINOR);

	expect_efault(&r, uffd, 1);
	expect_efault(&r, uffd, 0);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	expect_works(&r, 0);
	expect_efault(&r, uffd, 1);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	expect_works(&r, 1);
	EXPECT_NO_MSG(uffd, "feature SIGBUS");
}
