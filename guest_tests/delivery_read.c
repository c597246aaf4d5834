// SPDX-License-Identifier: GPL-2.0-only
/* The messages as a stream: poll(2), read(2), what takes them away, and what fdinfo counts. */
#include <poll.h>

#include "lib/caller.h"

#define MSG sizeof(struct uffd_msg)

/* What poll(2) says at once of @fd, asked for everything. */
static short poll_now(int fd)
{
	struct pollfd asked = { .fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP };
	int ready = poll(&asked, 1, 0);

	SETUP(ready >= 0, "poll");
	EXPECT_EQ(ready, asked.revents != 0, "what poll(2) returns");
	return asked.revents;
}

static void set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	SETUP(flags >= 0 && !fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK),
	      "fcntl(F_SETFL)");
}

/* One waiter for each page of U, in the order of @order; all asleep, no message read. */
static void start_waiters(const struct region *r, struct toucher *t, const size_t *order, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fill_a(r, order[i], 1);
		touch_start_page(&t[order[i]], r, order[i]);
		EXPECT_ASLEEP(&t[order[i]], "its message is not read");
	}
}

#define EXPECT_COUNTS(uffd, pending, total, ...)				\
	do {									\
		EXPECT_EQ(fdinfo_number(uffd, "pending"), pending, "pending: " __VA_ARGS__); \
		EXPECT_EQ(fdinfo_number(uffd, "total"), total, "total: " __VA_ARGS__); \
	} while (0)

static void expect_address(const struct uffd_msg *msg, const struct region *r, size_t page,
			   const char *which)
{
	EXPECT_EQ(msg->event, UFFD_EVENT_PAGEFAULT, "event of the %s message", which);
	EXPECT_EQ(msg->arg.pagefault.address - (uintptr_t)r->u, page * r->page,
		  "place in U of the %s message's address", which);
}

CASE(poll_needs_nonblock,
     DESC("poll(2) of a uffd without O_NONBLOCK gives POLLERR, with a message or without")
     ROWS("DLV-15"))
{
	struct region r = region_make_of("anon", 1);
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC), other = uffd_open(0);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffd_msg msg;
	struct toucher t;

	SETUP(uffd >= 0, "userfaultfd(O_CLOEXEC)");
	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API");
	EXPECT_EQ(poll_now(uffd), POLLERR, "poll(2) with nothing registered");
	EXPECT_EQ(poll_now(other), 0, "poll(2) of an idle uffd with O_NONBLOCK");
	EXPECT_ERRNO(uffd_register(uffd, r.u, r.len, MODE_MISSING), 0, "UFFDIO_REGISTER");
	EXPECT_EQ(poll_now(uffd), POLLERR, "poll(2) with nothing to read");
	touch_start(&t, TOUCH_READ, r.u);
	EXPECT_ASLEEP(&t, "a missing fault");
	EXPECT_EQ(poll_now(uffd), POLLERR, "poll(2) with a message to read");

	/* It goes by the flag as it is now, not by what the uffd was made with. */
	set_nonblock(uffd, true);
	EXPECT_EQ(poll_now(uffd), POLLIN, "poll(2) once O_NONBLOCK is set");
	set_nonblock(uffd, false);
	EXPECT_EQ(poll_now(uffd), POLLERR, "poll(2) once it is cleared again");
	EXPECT_EQ(read(uffd, &msg, MSG), MSG, "read(2), which poll(2) has not spoilt");
	EXPECT_EQ(poll_now(uffd), POLLERR, "poll(2) with the message read");
	set_nonblock(other, false);
	EXPECT_EQ(poll_now(other), POLLERR, "poll(2) of one that lost O_NONBLOCK");
}

CASE(poll_follows_messages,
     DESC("poll(2): nothing when idle, POLLIN while a message is unread, then nothing again")
     ROWS("DLV-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	static const size_t order[] = { 0, 1 };
	struct region r = region_make(3);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct pollfd asked = { .fd = uffd, .events = POLLIN };
	struct toucher t[2], again;
	struct caller poller;
	struct uffd_msg msg;

	EXPECT_EQ(poll_now(uffd), 0, "poll(2) when idle");
	start_waiters(&r, t, order, 2);
	EXPECT_EQ(poll_now(uffd), POLLIN, "poll(2) with two messages");
	EXPECT_EQ(poll_now(uffd), POLLIN, "poll(2) again: it takes nothing");
	SETUP(read(uffd, &msg, MSG) == MSG, "read");
	EXPECT_EQ(poll_now(uffd), POLLIN, "poll(2) with one message of two read");
	SETUP(read(uffd, &msg, MSG) == MSG, "read");
	EXPECT_EQ(poll_now(uffd), 0, "poll(2) with all read, while both threads wait");
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t[0], &r, 0, 1);
	EXPECT_SEEN(&t[1], &r, 1, 1);
	EXPECT_EQ(poll_now(uffd), 0, "poll(2) in the end");

	/* A poll(2) that waits is woken by the message. */
	fill_a(&r, 2, 1);
	call_start(&poller, SYS_ppoll, (long)&asked, 1, 0, 0, 0);
	EXPECT_WAITING(&poller, "S", "poll(2) without a message");
	touch_start_page(&again, &r, 2);
	EXPECT_RETURNED(&poller, 1, 0, "a message came");
	EXPECT_EQ(asked.revents, POLLIN, "what poll(2) was woken for");
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&again, &r, 2, 1);
	EXPECT_EQ(poll_now(uffd), 0, "poll(2) once CONTINUE took the message back");
}

/* read(2) of @size bytes: what it returns or, negative, its errno.  Nothing else is written. */
static ssize_t read_raw(int uffd, void *buf, size_t size)
{
	unsigned char *bytes = buf;
	ssize_t n;

	memset(buf, 0xa5, 8 * MSG);
	n = read(uffd, buf, size);
	for (size_t i = n < 0 ? 0 : n; i < 8 * MSG; i++)
		EXPECT_EQ(bytes[i], 0xa5, "byte %zu of the buffer, behind what was read", i);
	return n < 0 ? -errno : n;
}

CASE(read_whole_messages,
     DESC("read(2): EAGAIN, EINVAL below 32 bytes, else whole messages, the oldest first")
     ROWS("DLV-17")
     MEMORY("hugetlb-shared shmem-shared"))
{
	static const size_t order[] = { 2, 0, 3, 1 };
	static const size_t too_small[] = { 0, 1, MSG - 1 };
	struct region r = region_make(4);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct uffd_msg msgs[8];
	struct toucher t[4];

	EXPECT_EQ(read_raw(uffd, msgs, MSG), -EAGAIN, "read(2) with nothing there");
	EXPECT_EQ(read_raw(uffd, msgs, 8 * MSG), -EAGAIN, "read(2) of much with nothing there");
	for (size_t i = 0; i < ARRAY_SIZE(too_small); i++)
		EXPECT_EQ(read_raw(uffd, msgs, too_small[i]), -EINVAL,
			  "read(2) of %zu bytes with nothing there", too_small[i]);
	start_waiters(&r, t, order, 4);
	for (size_t i = 0; i < ARRAY_SIZE(too_small); i++)
		EXPECT_EQ(read_raw(uffd, msgs, too_small[i]), -EINVAL,
			  "read(2) of %zu bytes with four messages there", too_small[i]);
	EXPECT_COUNTS(uffd, 4, 4, "after reads that were refused");

	EXPECT_EQ(read_raw(uffd, msgs, 69), 2 * MSG, "read(2) of 69 bytes with four messages");
	expect_address(&msgs[0], &r, order[0], "first");
	expect_address(&msgs[1], &r, order[1], "second");
	EXPECT_EQ(read_raw(uffd, msgs, 2 * MSG - 1), MSG, "read(2) of 63 bytes with two messages");
	expect_address(&msgs[0], &r, order[2], "third");
	EXPECT_EQ(read_raw(uffd, msgs, 8 * MSG), MSG, "read(2) of 256 bytes with one message");
	expect_address(&msgs[0], &r, order[3], "fourth");
	EXPECT_EQ(read_raw(uffd, msgs, 8 * MSG), -EAGAIN, "read(2) with all read");
	EXPECT_EQ(read_raw(uffd, msgs, MSG - 1), -EINVAL, "read(2) of 31 bytes with all read");
	EXPECT_OK(uffd_continue(uffd, r.u, r.len, 0), (int64_t)r.len, "UFFDIO_CONTINUE");
	for (size_t page = 0; page < 4; page++)
		EXPECT_SEEN(&t[page], &r, page, 1);
}

CASE(read_waits,
     DESC("read(2) of a uffd without O_NONBLOCK waits for a message, and for no second one")
     ROWS("DLV-17")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r = region_make(1);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct uffd_msg msgs[2] = { };
	struct caller reader;
	struct toucher t;
	struct nap nap;

	fill_a(&r, 0, 1);
	set_nonblock(uffd, false);
	call_start(&reader, SYS_read, uffd, (long)msgs, sizeof(msgs));
	EXPECT_WAITING(&reader, "S", "read(2) with nothing there");
	touch_start_page(&t, &r, 0);
	EXPECT_RETURNED(&reader, MSG, 0, "a message came");
	EXPECT_EQ(msgs[0].event, UFFD_EVENT_PAGEFAULT, "event of the message");
	EXPECT_EQ(msgs[0].arg.pagefault.flags, FLAG_MINOR, "flags of the message");
	expect_address(&msgs[0], &r, 0, "only");
	EXPECT_EQ(msgs[1].event, 0, "event behind the message");
	nap = EXPECT_ASLEEP(&t, "message read");
	EXPECT_COUNTS(uffd, 0, 1, "with the message read");
	EXPECT_UNWOKEN(&t, nap, "message read");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t, &r, 0, 1);
}

CASE(read_into_nothing,
     DESC("read(2) into unmapped memory: EFAULT, the message is lost, CONTINUE still ends it")
     ROWS("DLV-18")
     MEMORY("hugetlb-shared shmem-shared"))
{
	static const size_t order[] = { 0, 1 };
	size_t base = base_page();
	char *room = mmap(NULL, 2 * base, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct region r = region_make(2);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct uffd_msg msg;
	struct toucher t[2];
	struct nap nap;
	ssize_t n;

	SETUP(room != MAP_FAILED && !munmap(room + base, base), "mmap of a page before a hole");
	start_waiters(&r, t, order, 1);
	nap = EXPECT_ASLEEP(&t[0], "message not read");
	n = read(uffd, room + base, MSG);
	EXPECT(n == -1 && errno == EFAULT, "read(2) into nothing: expected -1/EFAULT, got %zd/%s",
	       n, errno_name(n < 0 ? errno : 0));
	EXPECT_COUNTS(uffd, 0, 1, "after EFAULT");
	EXPECT_EQ(poll_now(uffd), 0, "poll(2) after EFAULT");
	n = read(uffd, &msg, MSG);
	EXPECT(n == -1 && errno == EAGAIN, "the next read(2): expected -1/EAGAIN, got %zd/%s", n,
	       errno_name(n < 0 ? errno : 0));
	EXPECT_UNWOKEN(&t[0], nap, "message lost");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t[0], &r, 0, 1);

	/* Half a message's room: the same.  A WAKE makes the thread send it anew. */
	start_waiters(&r, t, order + 1, 1);
	n = read(uffd, room + base - MSG / 2, MSG);
	EXPECT(n == -1 && errno == EFAULT, "read(2) into half of nothing: expected -1/EFAULT, "
	       "got %zd/%s", n, errno_name(n < 0 ? errno : 0));
	EXPECT_NO_MSG(uffd, "after EFAULT");
	EXPECT_ERRNO(uffd_wake(uffd, r.u + r.page, r.page), 0, "UFFDIO_WAKE");
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t[1], &r, 1, 1);
	EXPECT_COUNTS(uffd, 0, 0, "in the end");
}

CASE(continue_takes_message_back,
     DESC("CONTINUE before the message is read: the thread goes on, read(2) gives EAGAIN")
     ROWS("DLV-19")
     MEMORY("hugetlb-shared hugetlb-private shmem-shared shmem-private"))
{
	static const size_t order[] = { 0, 1, 2, 3, 4, 5 };
	struct region r = region_make(6);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct uffd_msg msgs[8];
	struct toucher t[6];

	start_waiters(&r, t, order, 1);
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t[0], &r, 0, 1);
	EXPECT_EQ(poll_now(uffd), 0, "poll(2) with the message taken back");
	EXPECT_EQ(read_raw(uffd, msgs, MSG), -EAGAIN, "read(2) with the message taken back");
	EXPECT_COUNTS(uffd, 0, 0, "with the message taken back");

	/* Of two, the other one stays. */
	start_waiters(&r, t, order + 1, 2);
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of page 1");
	EXPECT_SEEN(&t[1], &r, 1, 1);
	EXPECT_COUNTS(uffd, 1, 1, "with one of two taken back");
	EXPECT_EQ(read_raw(uffd, msgs, 8 * MSG), MSG, "read(2) of the one that is left");
	expect_address(&msgs[0], &r, 2, "other");
	EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0), (int64_t)r.page,
		  "UFFDIO_CONTINUE of page 2");
	EXPECT_SEEN(&t[2], &r, 2, 1);
	EXPECT_COUNTS(uffd, 0, 0, "with all of them served");

	/* All that are in the range go on, not just the first of them. */
	start_waiters(&r, t, order + 3, 3);
	EXPECT_OK(uffd_continue(uffd, r.u + 3 * r.page, 3 * r.page, 0), 3 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of pages 3 to 5");
	for (size_t i = 3; i < 6; i++)
		EXPECT_SEEN(&t[i], &r, i, 1);
	EXPECT_COUNTS(uffd, 0, 0, "in the end");
}

CASE(fdinfo_counts_waiters,
     DESC("fdinfo: pending counts those whose message is unread, total all that wait")
     ROWS("DLV-39")
     MEMORY("hugetlb-shared shmem-shared"))
{
	static const size_t order[] = { 0, 1, 2, 3 };
	struct region r = region_make(4);
	int uffd = uffd_on(&r, 0, MODE_MINOR), idle = uffd_open(0);
	struct uffd_msg msgs[8];
	struct toucher t[4], second;

	EXPECT_COUNTS(uffd, 0, 0, "at first");
	start_waiters(&r, t, order, 4);
	EXPECT_COUNTS(uffd, 4, 4, "four wait");
	EXPECT_COUNTS(idle, 0, 0, "of another uffd");
	EXPECT_EQ(read_raw(uffd, msgs, 2 * MSG), 2 * MSG, "read(2) of two messages");
	EXPECT_COUNTS(uffd, 2, 4, "two messages read");
	touch_start_page(&second, &r, 0);
	EXPECT_ASLEEP(&second, "a second thread on page 0");
	EXPECT_COUNTS(uffd, 3, 5, "one more waits for a page that is waited for");
	EXPECT_OK(uffd_continue(uffd, r.u, r.page, 0), (int64_t)r.page, "UFFDIO_CONTINUE");
	EXPECT_SEEN(&t[0], &r, 0, 1);
	EXPECT_SEEN(&second, &r, 0, 1);
	EXPECT_COUNTS(uffd, 2, 3, "page 0 resolved");
	EXPECT_EQ(read_raw(uffd, msgs, 8 * MSG), 2 * MSG, "read(2) of the rest");
	EXPECT_COUNTS(uffd, 0, 3, "all messages read");
	EXPECT_ERRNO(uffd_wake(uffd, r.u + r.page, r.page), 0, "UFFDIO_WAKE of page 1");
	EXPECT_MSG(uffd, FLAG_MINOR, r.u + r.page);
	EXPECT_COUNTS(uffd, 0, 3, "page 1 waits anew, its message read");
	EXPECT_OK(uffd_continue(uffd, r.u + r.page, r.len - r.page, 0), (int64_t)(r.len - r.page),
		  "UFFDIO_CONTINUE of the rest");
	for (size_t page = 1; page < 4; page++)
		EXPECT_SEEN(&t[page], &r, page, 1);
	EXPECT_COUNTS(uffd, 0, 0, "all resolved");
}
