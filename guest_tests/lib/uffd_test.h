/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest test is written with: the one header that guest_tests/<area>.c includes.
 *
 * A case is declared once.  Its body runs in a process of its own; whatever it leaves behind
 * goes away with that process, so a case cleans nothing up.
 *
 *	CASE(read_message,
 *	     DESC("a read of a present page gives one message, flags MINOR only")
 *	     ROWS("DLV-01")
 *	     MEMORY("hugetlb-shared hugetlb-private")
 *	     TIMEOUT(10))
 *	{
 *		struct region r = region_make(1);
 *		...
 *	}
 *
 * Two kinds of trouble are kept apart everywhere:
 *
 *	EXPECT*()	the kernel breaks its contract:			"not ok", FAIL
 *	SETUP()		this program could not get what it needs:	"Bail out!", ERROR
 *
 * The first EXPECT that does not hold ends the case.  A case that ends without having passed
 * one is an ERROR: it would prove nothing.
 */
#ifndef UFFD_TEST_H
#define UFFD_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "uapi.h"

#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
#define STRINGIFY_1(x) #x
#define STRINGIFY(x) STRINGIFY_1(x)
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))
/* In a function that ends with "const char *fmt, ...": what they say, into @text, an array. */
#define FORMAT(text)								\
	do {									\
		va_list args_;							\
										\
		va_start(args_, fmt);						\
		vsnprintf(text, sizeof(text), fmt, args_);			\
		va_end(args_);							\
	} while (0)

/* ---- declaring cases (runner.c) ---------------------------------------------------- */

/*
 * The declaration is kept as "key=value" strings in the ELF section uffd_cases, as modinfo
 * does: the host reads the list from the file and need not be able to run it.
 */
#define DESC(text)	"desc=" text "\0"	/* one line: what must hold */
#define ROWS(ids)	"rows=" ids "\0"	/* rows of contract/, blanks between */
#define MEMORY(kinds)	"memory=" kinds "\0"	/* run once on each kind; default none */
/*
 * To be put behind the kinds: hugetlb memory with other pages than the usual ones of 2M, where
 * the architecture has them.  64K costs next to nothing; of 32M there are eight pages; of 1G
 * there are two, and each takes a second to clear under emulation.
 */
#define SIZES_SHARED	" hugetlb-shared-64K hugetlb-shared-32M"
#define SIZES_PRIVATE	" hugetlb-private-64K hugetlb-private-32M"
#define SIZE_1G		" hugetlb-shared-1G"
/* CONFIG_ symbols, blanks between; USERFAULTFD, HUGETLBFS, SHMEM follow from the rest. */
#define NEEDS(symbols)	"needs=" symbols "\0"
#define TIMEOUT(s)	"timeout=" #s "\0"	/* seconds on real hardware; default 10 */
#define RACE		"profile=race\0"	/* two CPUs; the default is "contract" */
#define NUMA		"profile=numa\0"	/* two nodes */
#define DIRTY		"dirty=1\0"		/* leaves the guest unfit for other cases */

struct test_case {
	const char *info;
	void (*body)(void);
};

#define CASE(id, declaration)								\
	static void case_##id(void);							\
	static const char info_##id[]							\
		__attribute__((section("uffd_cases"), aligned(1))) =			\
		"case=" #id "\0" "at=" __FILE__ ":" STRINGIFY(__LINE__) "\0" declaration; \
	static const struct test_case entry_##id = { info_##id, case_##id };		\
	static const struct test_case *const pointer_##id				\
		__attribute__((used, section("uffd_case_table"))) = &entry_##id;	\
	static void case_##id(void)

/* ---- what this kernel is expected to do (expected.c) -------------------------------- */

/* Value the host expects for @row ("--expect ROW=VALUE"); never guessed: bails out without. */
const char *expected(const char *row);
/* The same as an errno: "0" or a name such as "ENOENT". */
int expected_errno(const char *row);
/* The same as a number, decimal or 0x. */
uint64_t expected_number(const char *row);
/* One number out of "key:number,key:number". */
uint64_t expected_field(const char *row, const char *key);

/* ---- time (runner.c) --------------------------------------------------------------- */

/* How often to repeat things, and for how long to look, on a machine as slow as this one. */
int patience_ms(void);		/* how long something that must happen may take */
int settle_ms(void);		/* how long something that must not happen is watched for */

/* ---- verdicts and assertions (ktap.c) ---------------------------------------------- */

void diag(const char *fmt, ...) __printf(1, 2);		/* a "# " line */
_Noreturn void fail_at(const char *file, int line, const char *fmt, ...) __printf(3, 4);
_Noreturn void bail_at(const char *file, int line, int err, const char *fmt, ...) __printf(4, 5);
_Noreturn void skip_case(const char *fmt, ...) __printf(1, 2);
void count_assertion(void);

#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define BAIL(...) bail_at(__FILE__, __LINE__, 0, __VA_ARGS__)

/* The test's own needs; errno goes into the message. */
#define SETUP(cond, ...)							\
	do {									\
		if (!(cond))							\
			bail_at(__FILE__, __LINE__, errno, __VA_ARGS__);	\
	} while (0)

/* The contract. The text says what was done and what was expected. */
#define EXPECT(cond, ...)							\
	do {									\
		count_assertion();						\
		if (!(cond))							\
			expect_failed(__FILE__, __LINE__, #cond, __VA_ARGS__);	\
	} while (0)
_Noreturn void expect_failed(const char *file, int line, const char *expr,
			     const char *fmt, ...) __printf(4, 5);

#define EXPECT_EQ(got, want, ...)						\
	expect_eq_at(__FILE__, __LINE__, #got, (uint64_t)(got), (uint64_t)(want), __VA_ARGS__)
void expect_eq_at(const char *file, int line, const char *expr, uint64_t got, uint64_t want,
		  const char *fmt, ...) __printf(6, 7);

/* "EINVAL", "0", "?123"; static storage for the unknown ones. */
const char *errno_name(int err);
int errno_by_name(const char *name);	/* -1 when there is no such name */
const char *signal_name(int sig);
const char *si_code_name(int sig, int code);

/* ---- memory (region.c) ------------------------------------------------------------- */

/*
 * U, the mapping under test, and A, a shared mapping of the same file and offset that is
 * never registered.  Both are @pages long and all of it is a hole at first.  There is no
 * mapping directly before or behind U.
 */
struct region {
	size_t page;		/* bytes: the huge page's size, or the base page's */
	size_t pages;
	size_t len;		/* page * pages */
	char *u;
	char *a;		/* NULL for anon, which has no second mapping */
	int fd;			/* -1 for anon */
};

struct region region_make(size_t pages);		/* of the memory in --memory */
struct region region_make_of(const char *memory, size_t pages);
const char *memory_kind(void);				/* --memory; bails out without */
bool memory_is_hugetlb(void);
bool memory_is_private(void);
size_t base_page(void);

/* Name for an address under test: "U+0x1000", "A+0x0", NULL when it is in no region. */
const char *region_name(const void *addr, char *buf, size_t size);

/*
 * A page of words that depend on page, version and place: a mix of two shows.
 *
 * Of a page of more than 4 MiB it is written, read and compared in pieces only: the first and
 * the last 64 KiB, and 4 KiB at the start of each of 512 equal parts.  The rest is zero.
 */
struct piece {
	size_t number, at, len;
};
struct piece piece_of(size_t len, size_t number);	/* its len is 0: there is none */
#define FOR_PIECES(p, size)							\
	for (struct piece p = piece_of(size, 0); p.len; p = piece_of(size, p.number + 1))
void fill_page(void *page, size_t len, unsigned int number, unsigned int version);
/* Offset of the first word that is not as fill_page() writes it; -1 when all are. */
ssize_t find_mismatch(const void *page, size_t len, unsigned int number, unsigned int version);
void fill_a(const struct region *r, size_t page, unsigned int version);
void fill_all(const struct region *r, unsigned int version);	/* every page of A */
/* First byte of such a page, or the one at @offset. */
unsigned char pattern_byte(size_t offset, unsigned int number, unsigned int version);

/* ---- userfaultfd (uffd.c) ---------------------------------------------------------- */

#define MODE_MISSING UFFDIO_REGISTER_MODE_MISSING
#define MODE_WP UFFDIO_REGISTER_MODE_WP
#define MODE_MINOR UFFDIO_REGISTER_MODE_MINOR

#define FLAG_WRITE UFFD_PAGEFAULT_FLAG_WRITE
#define FLAG_WP UFFD_PAGEFAULT_FLAG_WP
#define FLAG_MINOR UFFD_PAGEFAULT_FLAG_MINOR

/* What the output field of a structure holds before the call. */
#define UNTOUCHED 0x5afe5afe5afe5afeLL

/* What one ioctl did. */
struct outcome {
	int err;		/* 0 when it returned 0, else errno */
	int64_t out;		/* the structure's output field after the call */
	const char *field;	/* that field's name; NULL when the call has none */
};

int uffd_new(void);				/* O_CLOEXEC | O_NONBLOCK, no handshake yet */
int uffd_open(uint64_t features);		/* with the handshake, which must work */
struct outcome uffd_api(int uffd, struct uffdio_api *api);
struct outcome uffd_register(int uffd, const void *start, size_t len, uint64_t mode);
struct outcome uffd_unregister(int uffd, const void *start, size_t len);
struct outcome uffd_continue(int uffd, const void *start, size_t len, uint64_t mode);
/* With numbers that a 32-bit task has no pointer for. */
struct outcome uffd_register64(int uffd, uint64_t start, uint64_t len, uint64_t mode);
struct outcome uffd_continue64(int uffd, uint64_t start, uint64_t len, uint64_t mode);
struct outcome uffd_copy(int uffd, const void *start, const void *from, size_t len);
struct outcome uffd_zeropage(int uffd, const void *start, size_t len);
struct outcome uffd_writeprotect(int uffd, const void *start, size_t len, uint64_t mode);
struct outcome uffd_wake(int uffd, const void *start, size_t len);

#define EXPECT_OUTCOME(got, err, out, ...)					\
	expect_outcome_at(__FILE__, __LINE__, #got, got, err, out, __VA_ARGS__)
#define EXPECT_OK(got, out, ...)	EXPECT_OUTCOME(got, 0, out, __VA_ARGS__)
/* Refused, the output field holding the same error. */
#define EXPECT_ERR(got, err, ...)	EXPECT_OUTCOME(got, err, -(int64_t)(err), __VA_ARGS__)
/* Refused before the kernel looked at the output field. */
#define EXPECT_REFUSED(got, err, ...)	EXPECT_OUTCOME(got, err, UNTOUCHED, __VA_ARGS__)
/* The return value only. */
#define EXPECT_ERRNO(got, err, ...)						\
	expect_errno_at(__FILE__, __LINE__, #got, got, err, __VA_ARGS__)
void expect_outcome_at(const char *file, int line, const char *expr, struct outcome got,
		       int err, int64_t out, const char *fmt, ...) __printf(7, 8);
void expect_errno_at(const char *file, int line, const char *expr, struct outcome got,
		     int err, const char *fmt, ...) __printf(6, 7);

/* A uffd with @features that has the whole of U in @mode; failing to is the kernel's fault. */
int uffd_on(const struct region *r, uint64_t features, uint64_t mode);

/* One message, waiting at most @ms; false when none came. */
bool uffd_read(int uffd, struct uffd_msg *msg, int ms);
/* The next message must be a page fault at @addr with exactly @flags. */
#define EXPECT_MSG(uffd, flags, addr) expect_msg_at(__FILE__, __LINE__, uffd, flags, addr)
struct uffd_msg expect_msg_at(const char *file, int line, int uffd, uint64_t flags,
			      const void *addr);
/* No message must be there, nor come within settle_ms(). */
#define EXPECT_QUIET(uffd, ...) expect_quiet_at(__FILE__, __LINE__, uffd, __VA_ARGS__)
void expect_quiet_at(const char *file, int line, int uffd, const char *fmt, ...) __printf(4, 5);
/* No message must be there.  One is as soon as its thread has blocked: no touch is on its way. */
#define EXPECT_NO_MSG(uffd, ...) expect_no_msg_at(__FILE__, __LINE__, uffd, __VA_ARGS__)
void expect_no_msg_at(const char *file, int line, int uffd, const char *fmt, ...)
	__printf(4, 5);

/* ---- faulting threads (toucher.c) -------------------------------------------------- */

enum touch { TOUCH_READ, TOUCH_WRITE, TOUCH_READ_PAGE };

/* A thread that touches one address and ends.  Nothing else ever touches U. */
struct toucher {
	enum touch how;
	volatile unsigned char *addr;
	size_t len;		/* of the page, for TOUCH_READ_PAGE */
	unsigned char value;	/* to write */
	unsigned char seen;	/* read; valid once done */
	void *copy;		/* TOUCH_READ_PAGE: the whole page as the thread saw it */
	int signal;		/* SIGBUS or SIGSEGV that the touch raised, 0 when none */
	int si_code;
	_Atomic(pid_t) tid;
	atomic_bool done;
	pthread_t thread;
};

void touch_start(struct toucher *t, enum touch how, void *addr);
void touch_start_write(struct toucher *t, void *addr, unsigned char value);
void touch_start_page(struct toucher *t, const struct region *r, size_t page);

/* The thread must sleep in the kernel, and keep doing so for settle_ms(). */
#define EXPECT_BLOCKED(t, ...) expect_blocked_at(__FILE__, __LINE__, t, __VA_ARGS__)
void expect_blocked_at(const char *file, int line, struct toucher *t, const char *fmt, ...)
	__printf(4, 5);
/* The thread must finish, without a signal. */
#define EXPECT_FINISHED(t, ...) expect_finished_at(__FILE__, __LINE__, t, __VA_ARGS__)
void expect_finished_at(const char *file, int line, struct toucher *t, const char *fmt, ...)
	__printf(4, 5);
/* ... and have read the byte that fill_page(page, version) puts there. */
#define EXPECT_SEEN(t, r, page, version) \
	expect_seen_at(__FILE__, __LINE__, t, r, page, version)
void expect_seen_at(const char *file, int line, struct toucher *t, const struct region *r,
		    size_t page, unsigned int version);
/* Read the whole of U's page in a new thread: it must not block, and see that version. */
#define EXPECT_READABLE(r, page, version) \
	expect_readable_at(__FILE__, __LINE__, r, page, version)
void expect_readable_at(const char *file, int line, const struct region *r, size_t page,
			unsigned int version);

void run_threads(pthread_t *threads, size_t n, void *(*fn)(void *), void **args);
/* They must end, in half the case's time: which of them hangs is the kernel's doing. */
#define JOIN_THREADS(threads, n, what) join_threads_at(__FILE__, __LINE__, threads, n, what)
void join_threads_at(const char *file, int line, pthread_t *threads, size_t n, const char *what);
void sleep_ms(int ms);
int64_t now_ms(void);		/* since some time in the past: sleep_ms(1) may take 10 ms */

/* ---- what the kernel says elsewhere (procfs.c) ------------------------------------- */

bool vma_has_flag(const void *addr, const char *flag);	/* VmFlags of smaps, such as "ui" */
unsigned int vma_count(const void *start, size_t len);	/* mappings it meets */
uint64_t number_in(const char *fmt, ...) __printf(1, 2);	/* the file of that name */
void write_to(const char *text, const char *fmt, ...) __printf(2, 3);
long hugepages(const char *what, size_t page);	/* "free", "resv", "nr" */
uint64_t page_mapcount(const void *addr);		/* /proc/kpagecount; root only */
char thread_state(pid_t tid);				/* R, S, D, ...; 0 when it is gone */
long fdinfo_number(int fd, const char *key);		/* "pending", "total" */

/* ---- between the library's own files ----------------------------------------------- */

struct run {
	const char *program;
	const struct test_case *test;
	const char *memory;	/* NULL when not given */
	size_t page_size;	/* bytes, of hugetlb memory */
	double timeout;		/* seconds */
	double declared;	/* seconds: the case's own */
};
extern struct run run;

enum verdict { RUNNING, PASS, FAILED, SKIPPED, BROKEN };
struct report {			/* in memory that parent and child share */
	_Atomic(pid_t) by;	/* the process whose verdict counts; 0 while there is none */
	_Atomic(int) verdict;
	_Atomic(unsigned int) assertions;
	char message[512];
};
extern struct report *report;

#define EXIT_BROKEN 99		/* above kselftest's: the test program itself broke */
#define EXIT_SKIP 4

bool take_expected(const char *text);	/* "ROW=VALUE"; false when there is no room */

/* Of every child of this process, orphans that it inherited included (family.c). */
void show_children(void);
void kill_children(void);
void show_left_behind(void);
/* Is every thread of @pid in state T? Nothing in the kernel keeps one that somebody stopped. */
bool all_stopped(int pid);

void emit(const char *fmt, ...) __printf(1, 2);	/* one write(2), safe in a signal handler */
void install_fault_handler(void);
extern __thread sigjmp_buf *fault_guard;	/* where a guarded touch goes on */
extern __thread int fault_signal, fault_code;

#endif
