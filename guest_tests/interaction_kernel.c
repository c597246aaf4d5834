// SPDX-License-Identifier: GPL-2.0-only
/* System calls in which the kernel itself touches registered memory. */
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/child.h"
#include "lib/user_mode.h"

#define BYTES 64		/* that each call is about */

/* One call that reads or writes BYTES at @at. */
struct access {
	const char *name;
	uint64_t flags;		/* of its messages, beside MINOR */
	void (*start)(struct caller *c, char *at);
	/* Bytes that it took from U and that come out elsewhere, into buffer; NULL: they are there. */
	ssize_t (*fetch)(void);
};

static int ends[2];		/* of a pipe or of a pair of sockets */
static struct iovec in_u, here;
static char buffer[BYTES];

static void start_vmsplice(struct caller *c, char *at)
{
	SETUP(!pipe(ends), "pipe");
	in_u = (struct iovec){ at, BYTES };
	call_start(c, SYS_vmsplice, ends[1], (long)&in_u, 1, 0);
}

static void start_send(struct caller *c, char *at)
{
	SETUP(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	/* i386 knew no send(2) of its own for long. */
	call_start(c, SYS_sendto, ends[1], (long)at, BYTES, 0, 0, 0);
}

/* Of a pipe or a socket. */
static ssize_t fetch(void)
{
	return read(ends[0], buffer, BYTES);
}

static void start_vm_call(struct caller *c, long number, char *at)
{
	in_u = (struct iovec){ at, BYTES };
	here = (struct iovec){ buffer, BYTES };
	call_start(c, number, getpid(), (long)&here, 1, (long)&in_u, 1, 0);
}

static void start_readv(struct caller *c, char *at)
{
	start_vm_call(c, SYS_process_vm_readv, at);
}

static void start_writev(struct caller *c, char *at)
{
	memset(buffer, 0x42, BYTES);
	start_vm_call(c, SYS_process_vm_writev, at);
}

static void start_open(struct caller *c, char *at)
{
	call_start(c, SYS_openat, AT_FDCWD, (long)at, O_RDONLY);
}

static const struct access by_vmsplice = { "vmsplice", 0, start_vmsplice, fetch };
static const struct access by_send = { "send", 0, start_send, fetch };
static const struct access by_readv = { "process_vm_readv", 0, start_readv, NULL };
static const struct access by_writev = { "process_vm_writev", FLAG_WRITE, start_writev, NULL };
static const struct access by_open = { "open", 0, start_open, NULL };

/* All resolved: what it returned, and what it did. */
static void expect_done(const struct access *access, struct caller *c, const char *a, int uffd)
{
	if (access == &by_open) {
		EXPECT_EQ(EXPECT_SUCCESS(c, "open") >= 0, true, "open of '%s'", a);
	} else {
		EXPECT_RETURNED(c, BYTES, 0, "%s", access->name);
		if (access->fetch)
			EXPECT_EQ(access->fetch(), BYTES, "bytes that came out of %s", access->name);
		EXPECT_EQ(memcmp(buffer, a, BYTES), 0, "difference between A and the data of %s",
			  access->name);
	}
	EXPECT_NO_MSG(uffd, "%s of resolved pages", access->name);
}

/* The place in U, over the end of page 0, and what A has there. */
static char *prepare(struct region *r)
{
	char *a;

	*r = region_make(3);
	fill_all(r, 1);
	/* A path as good as any other bytes; its middle is where a page ends. */
	a = r->a + r->page - BYTES / 2;
	memset(a, '/', BYTES);
	strcpy(a + BYTES - sizeof("/dev/null"), "/dev/null");
	return r->u + r->page - BYTES / 2;
}

static void expect_waits(const struct access *access)
{
	struct region r;
	char *at = prepare(&r);
	int uffd = uffd_on(&r, 0, MODE_MINOR);
	struct caller c;

	access->start(&c, at);
	EXPECT_WAITS_FOR_EACH(&c, uffd, { .r = &r, .first = 0, .n = 2, .other = 2,
					  .flags = FLAG_MINOR | access->flags,
					  .name = access->name });
	expect_done(access, &c, r.a + (at - r.u), uffd);
}

CASE(vmsplice_waits,
     DESC("vmsplice of unresolved pages waits for each with MINOR, and its data comes out")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	expect_waits(&by_vmsplice);
}

CASE(send_waits,
     DESC("send from unresolved pages waits for each with MINOR, and its data arrives")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&by_send);
}

CASE(process_vm_readv_waits,
     DESC("process_vm_readv of unresolved pages waits for each with MINOR, and reads all")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&by_readv);
}

CASE(process_vm_writev_waits,
     DESC("process_vm_writev of unresolved pages waits for each with MINOR and WRITE")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&by_writev);
}

CASE(open_waits,
     DESC("open with its path in unresolved pages waits for each with MINOR, and opens it")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&by_open);
}

CASE(read_by_another_process,
     DESC("process_vm_readv by another process waits with a message of that process's thread")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	struct region r;
	char *at = prepare(&r);
	int uffd = uffd_on(&r, UFFD_FEATURE_THREAD_ID, MODE_MINOR);
	char *got = mmap(NULL, base_page(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			 0);
	struct uffd_msg msg;
	struct child child;

	SETUP(got != MAP_FAILED, "mmap of shared memory");
	in_u = (struct iovec){ at, BYTES };
	here = (struct iovec){ got, BYTES };
	child_make(&child);
	child_call(&child, SYS_process_vm_readv, getpid(), (long)&here, 1, (long)&in_u, 1, 0);
	msg = EXPECT_MSG(uffd, FLAG_MINOR, r.u);
	EXPECT_EQ(msg.arg.pagefault.feat.ptid, child.pid, "ptid of the other process's fault");
	EXPECT_CHILD_WAITS(&child, "process_vm_readv, not resolved yet");
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of both pages");
	EXPECT_CHILD_DONE(&child, "process_vm_readv, both pages resolved");
	EXPECT_EQ(child.answer->ret, BYTES, "bytes that the other process read");
	EXPECT_EQ(memcmp(got, r.a + (at - r.u), BYTES), 0, "difference from what A has");
	EXPECT_NO_MSG(uffd, "process_vm_readv of resolved pages");
}

static void expect_refused(const struct access *access)
{
	struct region r;
	char *at = prepare(&r);
	int uffd = uffd_user_mode_only(&r, MODE_MINOR);
	struct caller c;

	access->start(&c, at);
	EXPECT_AT_ONCE(&c, uffd, -1, EFAULT, "%s with USER_MODE_ONLY", access->name);
	expect_user_mode_works(uffd, &r, 2);
	EXPECT_OK(uffd_continue(uffd, r.u, 2 * r.page, 0), 2 * (int64_t)r.page,
		  "UFFDIO_CONTINUE of both pages");
	access->start(&c, at);
	expect_done(access, &c, r.a + (at - r.u), uffd);
}

CASE(splice_and_send_user_mode_only,
     DESC("USER_MODE_ONLY: vmsplice and send from an unresolved page give EFAULT, no message")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_refused(&by_vmsplice);
	expect_refused(&by_send);
}

CASE(process_vm_user_mode_only,
     DESC("USER_MODE_ONLY: process_vm_readv and _writev of an unresolved page give EFAULT")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_refused(&by_readv);
	expect_refused(&by_writev);
}

CASE(open_user_mode_only,
     DESC("USER_MODE_ONLY: open with its path in an unresolved page gives EFAULT, no message")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_refused(&by_open);
}
