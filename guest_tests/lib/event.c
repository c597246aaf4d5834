// SPDX-License-Identifier: GPL-2.0-only
/* Messages of a uffd that are no page faults. */
#include <poll.h>

#include "event.h"

static const char *event_name(unsigned int event)
{
	static __thread char unknown[16];

	switch (event) {
	case UFFD_EVENT_PAGEFAULT: return "PAGEFAULT";
	case UFFD_EVENT_FORK: return "FORK";
	case UFFD_EVENT_REMAP: return "REMAP";
	case UFFD_EVENT_REMOVE: return "REMOVE";
	case UFFD_EVENT_UNMAP: return "UNMAP";
	}
	snprintf(unknown, sizeof(unknown), "0x%x", event);
	return unknown;
}

static const char *place(uint64_t addr, char *buf, size_t size)
{
	if (!region_name((const void *)(uintptr_t)addr, buf, size))
		snprintf(buf, size, "0x%llx", (unsigned long long)addr);
	return buf;
}

void expect_unread_at(const char *file, int line, int uffd, const char *fmt, ...)
{
	struct pollfd waiting = { .fd = uffd, .events = POLLIN };
	char text[300];
	int ready;

	count_assertion();
	do {
		ready = poll(&waiting, 1, patience_ms());
	} while (ready < 0 && errno == EINTR);
	if (ready == 1 && waiting.revents == POLLIN)
		return;
	FORMAT(text);
	fail_at(file, line, "%s: expected POLLIN, none within %d ms (poll %d, revents 0x%x)",
		text, patience_ms(), ready, waiting.revents);
}

/* The first @used bytes of its union mean something. */
static struct uffd_msg expect_event(const char *file, int line, int uffd, unsigned int event,
				    size_t used)
{
	unsigned char raw[sizeof(struct uffd_msg)];
	struct uffd_msg msg;

	memset(&msg, 0xa5, sizeof(msg));
	count_assertion();
	if (!uffd_read(uffd, &msg, patience_ms()))
		fail_at(file, line, "expected the event %s: none came within %d ms",
			event_name(event), patience_ms());
	if (msg.event != event)
		fail_at(file, line, "expected the event %s, got %s", event_name(event),
			event_name(msg.event));
	memcpy(raw, &msg, sizeof(raw));
	for (size_t i = 1; i < sizeof(raw); i++)
		if ((i < offsetof(struct uffd_msg, arg) ||
		     i >= offsetof(struct uffd_msg, arg) + used) && raw[i])
			fail_at(file, line, "event %s: unused byte %zu is 0x%x, expected 0",
				event_name(event), i, raw[i]);
	return msg;
}

int expect_fork_at(const char *file, int line, int uffd)
{
	struct uffd_msg msg = expect_event(file, line, uffd, UFFD_EVENT_FORK,
					   sizeof(msg.arg.fork.ufd));
	int flags = fcntl(msg.arg.fork.ufd, F_GETFL);

	if (flags < 0)
		fail_at(file, line, "event FORK: the child's uffd is %d, which is not open",
			msg.arg.fork.ufd);
	/* uffd_new() has both. */
	if (!(flags & O_NONBLOCK) || !(fcntl(msg.arg.fork.ufd, F_GETFD) & FD_CLOEXEC))
		fail_at(file, line, "event FORK: the child's uffd lacks O_NONBLOCK or O_CLOEXEC, "
			"which its parent's has (flags 0x%x)", flags);
	return msg.arg.fork.ufd;
}

void expect_remap_at(const char *file, int line, int uffd, const void *from, const void *to,
		     size_t len)
{
	struct uffd_msg msg = expect_event(file, line, uffd, UFFD_EVENT_REMAP,
					   sizeof(msg.arg.remap));
	char from_text[48], to_text[48];

	if (msg.arg.remap.from == (uintptr_t)from && msg.arg.remap.to == (uintptr_t)to &&
	    msg.arg.remap.len == len)
		return;
	fail_at(file, line, "event REMAP: expected from %p to %p, 0x%zx bytes; got from %s to %s, "
		"0x%llx bytes", from, to, len, place(msg.arg.remap.from, from_text, 48),
		place(msg.arg.remap.to, to_text, 48), (unsigned long long)msg.arg.remap.len);
}

void expect_range_at(const char *file, int line, int uffd, unsigned int event,
		     const void *start, size_t len)
{
	struct uffd_msg msg = expect_event(file, line, uffd, event, sizeof(msg.arg.remove));
	uint64_t end = (uintptr_t)start + len;
	char want[48], got[48];

	if (msg.arg.remove.start == (uintptr_t)start && msg.arg.remove.end == end)
		return;
	fail_at(file, line, "event %s: expected start %s and 0x%zx bytes, got start %s and 0x%llx "
		"bytes", event_name(event), place((uintptr_t)start, want, 48), len,
		place(msg.arg.remove.start, got, 48),
		(unsigned long long)(msg.arg.remove.end - msg.arg.remove.start));
}
