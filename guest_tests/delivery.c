// SPDX-License-Identifier: GPL-2.0-only
/* Fault delivery: which touch gives which message, and who is released when. */
#include "lib/asleep.h"

#define ALL_MEMORY "hugetlb-shared hugetlb-private shmem-shared shmem-private"
#define ALL_SIZES SIZES_SHARED SIZES_PRIVATE

/* A place in the last base page of a page of any size. */
static size_t inside(const struct region *r)
{
	return r->page - 0x321;
}

static struct region filled(size_t pages)
{
	struct region r = region_make(pages);

	for (size_t page = 0; page < pages; page++)
		fill_a(&r, page, 1);
	return r;
}

/* Its message read, @t must sleep until page @page is resolved, and then end. */
static void resolve(const struct region *r, int uffd, struct toucher *t, size_t page)
{
	struct nap nap = EXPECT_ASLEEP(t, "message read, page %zu not resolved", page);

	EXPECT_NO_MSG(uffd, "second message for one touch");
	EXPECT_UNWOKEN(t, nap, "message read, page %zu not resolved", page);
	EXPECT_OK(uffd_continue(uffd, r->u + page * r->page, r->page, 0), (int64_t)r->page,
		  "UFFDIO_CONTINUE of page %zu", page);
	EXPECT_FINISHED(t, "page %zu resolved", page);
	EXPECT_NO_MSG(uffd, "message after page %zu was resolved", page);
}

CASE(read_message,
     DESC("first read of a present page: one message, flags MINOR only; the thread waits")
     ROWS("DLV-01")
     MEMORY(ALL_MEMORY ALL_SIZES SIZE_1G))
{
	struct region r = filled(2);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	const size_t offsets[] = { inside(&r), 0 };

	for (size_t page = r.pages; page-- > 0;) {
		size_t offset = page * r.page + offsets[page];
		struct toucher t;

		touch_start(&t, TOUCH_READ, r.u + offset);
		EXPECT_MSG(uffd, FLAG_MINOR, r.u + page * r.page);
		resolve(&r, uffd, &t, page);
		EXPECT_EQ(t.seen, pattern_byte(offsets[page], page, 1), "byte read from page %zu",
			  page);
	}
}

CASE(write_message,
     DESC("first write to a present page: one message, flags MINOR and WRITE")
     ROWS("DLV-02")
     MEMORY(ALL_MEMORY ALL_SIZES))
{
	struct region r = filled(2);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	const size_t offsets[] = { r.page - 1, inside(&r) };

	for (size_t page = 0; page < r.pages; page++) {
		size_t offset = page * r.page + offsets[page];
		unsigned char before = r.a[offset], value = before + 1;
		struct toucher t;

		touch_start_write(&t, r.u + offset, value);
		EXPECT_MSG(uffd, FLAG_MINOR | FLAG_WRITE, r.u + page * r.page);
		EXPECT_EQ((unsigned char)r.a[offset], before, "A while the write waits");
		resolve(&r, uffd, &t, page);
		EXPECT_EQ((unsigned char)r.u[offset], value, "U after the write to U");
		EXPECT_EQ((unsigned char)r.a[offset], memory_is_private() ? before : value,
			  "A after the write to U");
	}
}

/* Touches all over two pages, and the addresses in their messages. */
static void expect_addresses(uint64_t features)
{
	struct region r = filled(2);
	int uffd = uffd_on(&r, features, MODE_MINOR);
	const size_t offsets[] = { r.page + inside(&r), r.page - 1, 0, r.page, inside(&r) };
	struct toucher t[ARRAY_SIZE(offsets)];

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		bool write = i % 2;
		size_t told = features ? offsets[i] : offsets[i] & -r.page;

		if (write)
			touch_start_write(&t[i], r.u + offsets[i], 1);
		else
			touch_start(&t[i], TOUCH_READ, r.u + offsets[i]);
		EXPECT_MSG(uffd, FLAG_MINOR | (write ? FLAG_WRITE : 0), r.u + told);
	}
	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len, "UFFDIO_CONTINUE");
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		EXPECT_FINISHED(&t[i], "both pages resolved");
}

CASE(address_rounded,
     DESC("the message's address is that of the page, not of the byte touched")
     ROWS("DLV-03")
     MEMORY(ALL_MEMORY ALL_SIZES SIZE_1G))
{
	expect_addresses(0);
}

CASE(exact_address,
     DESC("with EXACT_ADDRESS the message has the very byte touched")
     ROWS("DLV-04")
     MEMORY(ALL_MEMORY ALL_SIZES SIZE_1G))
{
	expect_addresses(UFFD_FEATURE_EXACT_ADDRESS);
}

CASE(unused_bytes_are_zero,
     DESC("every byte of the message that has no meaning is zero")
     ROWS("DLV-06")
     MEMORY(ALL_MEMORY))
{
	struct region r = filled(2);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	unsigned char raw[sizeof(struct uffd_msg)];
	struct uffd_msg msg;
	struct toucher t;

	for (int write = 0; write < 2; write++) {
		char *at = r.u + write * r.page;

		if (write)
			touch_start_write(&t, at, 1);
		else
			touch_start(&t, TOUCH_READ, at);
		msg = EXPECT_MSG(uffd, FLAG_MINOR | (write ? FLAG_WRITE : 0), at);
		memcpy(raw, &msg, sizeof(raw));
		for (size_t i = 1; i < offsetof(struct uffd_msg, arg); i++)
			EXPECT_EQ(raw[i], 0, "reserved byte %zu of the message", i);
		for (size_t i = offsetof(struct uffd_msg, arg.pagefault.feat); i < sizeof(raw); i++)
			EXPECT_EQ(raw[i], 0, "unused byte %zu of the message", i);
	}
}

CASE(hole_gives_no_event,
     DESC("MINOR only: touching a hole gives no message, the thread reads zeros")
     ROWS("DLV-07")
     MEMORY(ALL_MEMORY ALL_SIZES))
{
	struct region r = region_make(3);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct toucher t;

	/* The page between the two holes is present, and no hole's business. */
	fill_a(&r, 1, 1);
	touch_start(&t, TOUCH_READ, r.u + inside(&r));
	EXPECT_FINISHED(&t, "read of a hole under MINOR only");
	EXPECT_EQ(t.seen, 0, "byte read from a hole");
	touch_start_write(&t, r.u + 2 * r.page, 0x42);
	EXPECT_FINISHED(&t, "write to a hole under MINOR only");
	EXPECT_EQ(r.u[2 * r.page], 0x42, "what the write left in U");
	EXPECT_NO_MSG(uffd, "touch of a hole under MINOR only");
	touch_start(&t, TOUCH_READ, r.u + r.page);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
}

CASE(present_gives_no_missing_event,
     DESC("MISSING only: touching a present page gives no message, its data is read")
     ROWS("DLV-08")
     MEMORY(ALL_MEMORY))
{
	struct region r = region_make(3);
	int uffd = uffd_on(&r, 0, MODE_MISSING);
	struct toucher t;

	fill_a(&r, 0, 1);
	fill_a(&r, 2, 1);
	/* The write first: a read of shmem may map what is around it, without a fault. */
	touch_start_write(&t, r.u + 2 * r.page, 0x42);
	EXPECT_FINISHED(&t, "write to a present page under MISSING only");
	EXPECT_READABLE(&r, 0, 1);
	EXPECT_NO_MSG(uffd, "touch of a present page under MISSING only");
	touch_start(&t, TOUCH_READ, r.u + r.page);
	EXPECT_MSG(uffd, 0, r.u + r.page);
}

CASE(missing_told_apart,
     DESC("MISSING and MINOR: a hole gives flags 0, a present page gives MINOR")
     ROWS("DLV-09")
     MEMORY(ALL_MEMORY ALL_SIZES))
{
	struct region r = region_make(3);
	struct toucher t[3];
	int uffd;

	fill_a(&r, 1, 1);
	uffd = uffd_on(&r, 0, MODE_MISSING | MODE_MINOR);
	touch_start(&t[0], TOUCH_READ, r.u);
	EXPECT_MSG(uffd, 0, r.u);
	touch_start(&t[1], TOUCH_READ, r.u + r.page);
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	touch_start_write(&t[2], r.u + 2 * r.page, 1);
	EXPECT_MSG(uffd, FLAG_WRITE, r.u + 2 * r.page);
	for (size_t page = 0; page < 3; page++)
		EXPECT_ASLEEP(&t[page], "page %zu not resolved", page);
	EXPECT_NO_MSG(uffd, "three faults, three messages");
}

CASE(wake_repeats_message,
     DESC("WAKE without resolving: the touch is tried again, a second equal message comes")
     ROWS("DLV-20")
     MEMORY(ALL_MEMORY))
{
	struct region r = filled(2);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct toucher t;
	struct nap nap;

	touch_start_page(&t, &r, 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_MSG(uffd, FLAG_MINOR, r.u);
		nap = EXPECT_ASLEEP(&t, "not resolved");
		EXPECT_ERRNO(uffd_wake(uffd, r.u + r.page, r.page), 0, "UFFDIO_WAKE of page 1");
		EXPECT_UNWOKEN(&t, nap, "UFFDIO_WAKE of another page");
		EXPECT_NO_MSG(uffd, "UFFDIO_WAKE of another page");
		EXPECT_ERRNO(uffd_wake(uffd, r.u, r.page), 0, "UFFDIO_WAKE");
	}
	EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 0, 1);
}
