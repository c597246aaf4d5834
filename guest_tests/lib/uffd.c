// SPDX-License-Identifier: GPL-2.0-only
/* userfaultfd: its ioctls with their outcome, and its messages. */
#include <poll.h>

#include "uffd_test.h"

int uffd_new(void)
{
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	SETUP(uffd >= 0, "userfaultfd(O_CLOEXEC | O_NONBLOCK)");
	return uffd;
}

struct outcome uffd_api(int uffd, struct uffdio_api *api)
{
	int ret = ioctl(uffd, UFFDIO_API, api);

	return (struct outcome){ ret ? errno : 0, api->features, "features" };
}

int uffd_open(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = uffd_new();

	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API with features 0x%llx",
		     (unsigned long long)features);
	return uffd;
}

struct outcome uffd_register(int uffd, const void *start, size_t len, uint64_t mode)
{
	return uffd_register64(uffd, (uintptr_t)start, len, mode);
}

struct outcome uffd_register64(int uffd, uint64_t start, uint64_t len, uint64_t mode)
{
	struct uffdio_register arg = {
		.range = { start, len }, .mode = mode, .ioctls = UNTOUCHED,
	};
	int ret = ioctl(uffd, UFFDIO_REGISTER, &arg);

	return (struct outcome){ ret ? errno : 0, arg.ioctls, "ioctls" };
}

struct outcome uffd_unregister(int uffd, const void *start, size_t len)
{
	struct uffdio_range arg = { (uintptr_t)start, len };
	int ret = ioctl(uffd, UFFDIO_UNREGISTER, &arg);

	return (struct outcome){ ret ? errno : 0, 0, NULL };
}

struct outcome uffd_continue(int uffd, const void *start, size_t len, uint64_t mode)
{
	return uffd_continue64(uffd, (uintptr_t)start, len, mode);
}

struct outcome uffd_continue64(int uffd, uint64_t start, uint64_t len, uint64_t mode)
{
	struct uffdio_continue arg = {
		.range = { start, len }, .mode = mode, .mapped = UNTOUCHED,
	};
	int ret = ioctl(uffd, UFFDIO_CONTINUE, &arg);

	return (struct outcome){ ret ? errno : 0, arg.mapped, "mapped" };
}

struct outcome uffd_copy(int uffd, const void *start, const void *from, size_t len)
{
	struct uffdio_copy arg = {
		.dst = (uintptr_t)start, .src = (uintptr_t)from, .len = len, .copy = UNTOUCHED,
	};
	int ret = ioctl(uffd, UFFDIO_COPY, &arg);

	return (struct outcome){ ret ? errno : 0, arg.copy, "copy" };
}

struct outcome uffd_zeropage(int uffd, const void *start, size_t len)
{
	struct uffdio_zeropage arg = {
		.range = { (uintptr_t)start, len }, .zeropage = UNTOUCHED,
	};
	int ret = ioctl(uffd, UFFDIO_ZEROPAGE, &arg);

	return (struct outcome){ ret ? errno : 0, arg.zeropage, "zeropage" };
}

struct outcome uffd_writeprotect(int uffd, const void *start, size_t len, uint64_t mode)
{
	struct uffdio_writeprotect arg = { .range = { (uintptr_t)start, len }, .mode = mode };
	int ret = ioctl(uffd, UFFDIO_WRITEPROTECT, &arg);

	return (struct outcome){ ret ? errno : 0, 0, NULL };
}

struct outcome uffd_wake(int uffd, const void *start, size_t len)
{
	struct uffdio_range arg = { (uintptr_t)start, len };
	int ret = ioctl(uffd, UFFDIO_WAKE, &arg);

	return (struct outcome){ ret ? errno : 0, 0, NULL };
}

static const char *describe_out(int64_t out, char *buf, size_t size)
{
	if (out == UNTOUCHED)
		snprintf(buf, size, "untouched");
	else if (out < 0 && out >= -133)
		snprintf(buf, size, "-%s", errno_name((int)-out));
	else
		snprintf(buf, size, "%lld (0x%llx)", (long long)out, (unsigned long long)out);
	return buf;
}

static const char *describe(int err, int64_t out, const char *field, char *buf, size_t size)
{
	char value[64] = "";

	if (field)
		describe_out(out, value, sizeof(value));
	snprintf(buf, size, "%s%s%s%s%s", err ? "-1/" : "", errno_name(err),
		 field ? " with " : "", field ? field : "", field ? "=" : "");
	strncat(buf, value, size - strlen(buf) - 1);
	return buf;
}

void expect_outcome_at(const char *file, int line, const char *expr, struct outcome got,
		       int err, int64_t out, const char *fmt, ...)
{
	char text[300], want_text[128], got_text[128];

	count_assertion();
	if (got.err == err && (!got.field || got.out == out))
		return;
	FORMAT(text);
	describe(err, out, got.field, want_text, sizeof(want_text));
	describe(got.err, got.out, got.field, got_text, sizeof(got_text));
	fail_at(file, line, "%s: expected %s, got %s (%s)", text, want_text, got_text, expr);
}

void expect_errno_at(const char *file, int line, const char *expr, struct outcome got,
		     int err, const char *fmt, ...)
{
	char text[300], got_text[128];

	count_assertion();
	if (got.err == err)
		return;
	FORMAT(text);
	describe(got.err, got.out, got.field, got_text, sizeof(got_text));
	fail_at(file, line, "%s: expected %s%s, got %s (%s)", text, err ? "-1/" : "",
		errno_name(err), got_text, expr);
}

int uffd_on(const struct region *r, uint64_t features, uint64_t mode)
{
	int uffd = uffd_open(features);

	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, mode), 0,
		     "UFFDIO_REGISTER of %zu pages with mode 0x%llx", r->pages,
		     (unsigned long long)mode);
	return uffd;
}

bool uffd_read(int uffd, struct uffd_msg *msg, int ms)
{
	struct pollfd waiting = { .fd = uffd, .events = POLLIN };
	ssize_t n;
	int ready;

	/* poll(2) may say POLLIN for a message that a CONTINUE took away: then EAGAIN. */
	do {
		ready = poll(&waiting, 1, ms);
	} while (ready < 0 && errno == EINTR);
	SETUP(ready >= 0, "poll of the uffd");
	if (!ready)
		return false;
	if (!(waiting.revents & POLLIN))
		FAIL("poll of the uffd: expected POLLIN, got revents 0x%x", waiting.revents);
	n = read(uffd, msg, sizeof(*msg));
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n != sizeof(*msg))
		FAIL("read of the uffd: expected %zu bytes, got %zd/%s", sizeof(*msg), n,
		     errno_name(n < 0 ? errno : 0));
	return true;
}

static const char *place(const void *addr, char *buf, size_t size)
{
	if (!region_name(addr, buf, size))
		snprintf(buf, size, "%p", addr);
	return buf;
}

static const char *flag_names(uint64_t flags, char *buf, size_t size)
{
	uint64_t other = flags & ~(uint64_t)(FLAG_WRITE | FLAG_WP | FLAG_MINOR);

	snprintf(buf, size, "0x%llx (%s%s%s%s)", (unsigned long long)flags,
		 flags & FLAG_MINOR ? " MINOR" : "", flags & FLAG_WRITE ? " WRITE" : "",
		 flags & FLAG_WP ? " WP" : "", other ? " ?" : "");
	return buf;
}

struct uffd_msg expect_msg_at(const char *file, int line, int uffd, uint64_t flags,
			      const void *addr)
{
	char want_flags[48], got_flags[48], want_place[48], got_place[48];
	struct uffd_msg msg;

	memset(&msg, 0xa5, sizeof(msg));
	count_assertion();
	flag_names(flags, want_flags, sizeof(want_flags));
	place(addr, want_place, sizeof(want_place));
	if (!uffd_read(uffd, &msg, patience_ms()))
		fail_at(file, line, "expected a page fault message for %s, flags %s: none came "
			"within %d ms", want_place, want_flags, patience_ms());
	if (msg.event != UFFD_EVENT_PAGEFAULT)
		fail_at(file, line, "expected event 0x%x (PAGEFAULT), got 0x%x",
			UFFD_EVENT_PAGEFAULT, msg.event);
	if (msg.arg.pagefault.flags != flags)
		fail_at(file, line, "message for %s: expected flags %s, got %s", want_place,
			want_flags, flag_names(msg.arg.pagefault.flags, got_flags,
					       sizeof(got_flags)));
	if (msg.arg.pagefault.address != (uintptr_t)addr)
		fail_at(file, line, "message: expected address %s, got %s (0x%llx)", want_place,
			place((void *)(uintptr_t)msg.arg.pagefault.address, got_place,
			      sizeof(got_place)),
			(unsigned long long)msg.arg.pagefault.address);
	return msg;
}

static void expect_none(const char *file, int line, int uffd, int ms, const char *text)
{
	char flags[48], where[48];
	struct uffd_msg msg;

	count_assertion();
	if (!uffd_read(uffd, &msg, ms))
		return;
	fail_at(file, line, "%s: expected no message, got event 0x%x, flags %s, address %s", text,
		msg.event, flag_names(msg.arg.pagefault.flags, flags, sizeof(flags)),
		place((void *)(uintptr_t)msg.arg.pagefault.address, where, sizeof(where)));
}

void expect_quiet_at(const char *file, int line, int uffd, const char *fmt, ...)
{
	char text[300];

	FORMAT(text);
	expect_none(file, line, uffd, settle_ms(), text);
}

void expect_no_msg_at(const char *file, int line, int uffd, const char *fmt, ...)
{
	char text[300];

	FORMAT(text);
	expect_none(file, line, uffd, 0, text);
}
