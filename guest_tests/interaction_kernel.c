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
	/* Both resolved: what it returned, and what it did. */
	void (*check)(struct caller *c, const char *a, int uffd);
};

static int ends[2];		/* of a pipe or of a pair of sockets */
static struct iovec in_u, here;
static char buffer[BYTES];

static void expect_same(const char *a, const char *what)
{
	EXPECT_EQ(memcmp(buffer, a, BYTES), 0, "difference between A and what %s", what);
}

static void start_vmsplice(struct caller *c, char *at)
{
	SETUP(!pipe(ends), "pipe");
	in_u = (struct iovec){ at, BYTES };
	call_start(c, SYS_vmsplice, ends[1], (long)&in_u, 1, 0);
}

static void check_spliced(struct caller *c, const char *a, int uffd)
{
	EXPECT_RETURNED(c, BYTES, 0, "vmsplice");
	EXPECT_EQ(read(ends[0], buffer, BYTES), BYTES, "bytes read from the pipe");
	expect_same(a, "came out of the pipe");
	EXPECT_NO_MESSAGE(uffd, "read of the pipe");
}

static void start_send(struct caller *c, char *at)
{
	SETUP(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	/* i386 knew no send(2) of its own for long. */
	call_start(c, SYS_sendto, ends[1], (long)at, BYTES, 0, 0, 0);
}

static void check_sent(struct caller *c, const char *a, int uffd)
{
	EXPECT_RETURNED(c, BYTES, 0, "send");
	EXPECT_EQ(recv(ends[0], buffer, BYTES, 0), BYTES, "bytes received");
	expect_same(a, "was sent");
	EXPECT_NO_MESSAGE(uffd, "recv");
}

static void start_readv(struct caller *c, char *at)
{
	in_u = (struct iovec){ at, BYTES };
	here = (struct iovec){ buffer, BYTES };
	call_start(c, SYS_process_vm_readv, getpid(), (long)&here, 1, (long)&in_u, 1, 0);
}

static void check_read(struct caller *c, const char *a, int uffd)
{
	EXPECT_RETURNED(c, BYTES, 0, "process_vm_readv");
	expect_same(a, "process_vm_readv read");
	EXPECT_NO_MESSAGE(uffd, "process_vm_readv");
}

static void start_writev(struct caller *c, char *at)
{
	in_u = (struct iovec){ at, BYTES };
	here = (struct iovec){ buffer, BYTES };
	memset(buffer, 0x42, BYTES);
	call_start(c, SYS_process_vm_writev, getpid(), (long)&here, 1, (long)&in_u, 1, 0);
}

static void check_written(struct caller *c, const char *a, int uffd)
{
	EXPECT_RETURNED(c, BYTES, 0, "process_vm_writev");
	expect_same(a, "process_vm_writev wrote");
	EXPECT_NO_MESSAGE(uffd, "process_vm_writev");
}

static void start_open(struct caller *c, char *at)
{
	call_start(c, SYS_openat, AT_FDCWD, (long)at, O_RDONLY);
}

static void check_opened(struct caller *c, const char *a, int uffd)
{
	EXPECT_EQ(EXPECT_SUCCESS(c, "open") >= 0, true, "open of '%s'", a);
	EXPECT_NO_MESSAGE(uffd, "open");
}

static const struct access accesses[] = {
	{ "vmsplice", 0, start_vmsplice, check_spliced },
	{ "send", 0, start_send, check_sent },
	{ "process_vm_readv", 0, start_readv, check_read },
	{ "process_vm_writev", FLAG_WRITE, start_writev, check_written },
	{ "open", 0, start_open, check_opened },
};

/* The place in U, over the end of page 0, and what A has there. */
static char *prepare(struct region *r)
{
	char *a;

	*r = region_make(3);
	for (size_t page = 0; page < r->pages; page++)
		fill_a(r, page, 1);
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
	struct nap nap;

	access->start(&c, at);
	for (size_t page = 0; page < 2; page++) {
		EXPECT_MSG(uffd, FLAG_MINOR | access->flags, r.u + page * r.page);
		nap = EXPECT_WAITING(&c, "SD", "%s, page %zu unresolved", access->name, page);
		EXPECT_NO_MESSAGE(uffd, "%s, one page at a time", access->name);
		if (page == 0)
			EXPECT_OK(uffd_continue(uffd, r.u + 2 * r.page, r.page, 0),
				  (int64_t)r.page, "UFFDIO_CONTINUE of another page");
		EXPECT_STILL_WAITING(&c, nap, "%s, its page unresolved", access->name);
		EXPECT_OK(uffd_continue(uffd, r.u + page * r.page, r.page, 0), (int64_t)r.page,
			  "UFFDIO_CONTINUE of page %zu", page);
	}
	access->check(&c, r.a + (at - r.u), uffd);
}

CASE(vmsplice_waits,
     DESC("vmsplice of unresolved pages waits for each with MINOR, and its data comes out")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared" SIZES_SHARED))
{
	expect_waits(&accesses[0]);
}

CASE(send_waits,
     DESC("send from unresolved pages waits for each with MINOR, and its data arrives")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&accesses[1]);
}

CASE(process_vm_readv_waits,
     DESC("process_vm_readv of unresolved pages waits for each with MINOR, and reads all")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&accesses[2]);
}

CASE(process_vm_writev_waits,
     DESC("process_vm_writev of unresolved pages waits for each with MINOR and WRITE")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&accesses[3]);
}

CASE(open_waits,
     DESC("open with its path in unresolved pages waits for each with MINOR, and opens it")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_waits(&accesses[4]);
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
	EXPECT_NO_MESSAGE(uffd, "process_vm_readv of resolved pages");
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
	access->check(&c, r.a + (at - r.u), uffd);
}

CASE(splice_and_send_user_mode_only,
     DESC("USER_MODE_ONLY: vmsplice and send from an unresolved page give EFAULT, no message")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_refused(&accesses[0]);
	expect_refused(&accesses[1]);
}

CASE(process_vm_user_mode_only,
     DESC("USER_MODE_ONLY: process_vm_readv and _writev of an unresolved page give EFAULT")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_refused(&accesses[2]);
	expect_refused(&accesses[3]);
}

CASE(open_user_mode_only,
     DESC("USER_MODE_ONLY: open with its path in an unresolved page gives EFAULT, no message")
     ROWS("INT-16")
     MEMORY("hugetlb-shared shmem-shared"))
{
	expect_refused(&accesses[4]);
}
