// SPDX-License-Identifier: GPL-2.0-only
/* main(): runs one case in a process of its own, watches over it, and reports in KTAP. */
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "uffd_test.h"

/* Made by the linker for a section whose name is a C identifier. */
extern const struct test_case *const __start_uffd_case_table[];
extern const struct test_case *const __stop_uffd_case_table[];

#define DEFAULT_TIMEOUT 10.0		/* seconds; catalog.py has the same */
#define REAP_LIMIT_MS 5000

struct run run = { .page_size = 2048 * 1024 };

static const char *id;

/* ---- the declaration --------------------------------------------------------------- */

/* Value of @key in a "key=value\0key=value\0\0" declaration; @fallback when it has none. */
static const char *declared(const struct test_case *test, const char *key, const char *fallback)
{
	size_t n = strlen(key);

	for (const char *at = test->info; *at; at += strlen(at) + 1)
		if (!strncmp(at, key, n) && at[n] == '=')
			return at + n + 1;
	return fallback;
}

static const char *case_name(const struct test_case *test)
{
	return declared(test, "case", "?");
}

/* One binary is all programs (harness/suite/programs.py): is the case of the one it is called? */
static bool is_ours(const struct test_case *test)
{
	const char *file = declared(test, "at", "");
	size_t n = strcspn(run.program, ".");

	return !strncmp(file, run.program, n) && file[n] == '.';
}

static const struct test_case *find_case(const char *name)
{
	for (const struct test_case *const *at = __start_uffd_case_table;
	     at < __stop_uffd_case_table; at++)
		if (is_ours(*at) && !strcmp(case_name(*at), name))
			return *at;
	return NULL;
}

static bool lists_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += n)
		if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
			return true;
	return false;
}

static void list(void)
{
	for (const struct test_case *const *at = __start_uffd_case_table;
	     at < __stop_uffd_case_table; at++) {
		if (!is_ours(*at))
			continue;
		printf("%-28s %s\n%-28s rows %s; memory %s; profile %s; timeout %s s\n",
		       case_name(*at), declared(*at, "desc", ""), "",
		       declared(*at, "rows", "none"), declared(*at, "memory", "none"),
		       declared(*at, "profile", "contract"), declared(*at, "timeout", "10"));
	}
}

/* ---- time -------------------------------------------------------------------------- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int patience_ms(void)
{
	/* A wait that fails must end, and say so, well before the case is killed. */
	return run.timeout * 1000 / 4;
}

int settle_ms(void)
{
	double scale = run.timeout / run.declared;

	return 100 * (scale < 1 ? 1 : scale);
}

/* ---- the child --------------------------------------------------------------------- */

static _Noreturn void run_case(void)
{
	int running = RUNNING;

	/* Its own session: no signal meant for the parent's group, nor a terminal's. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	install_fault_handler();
	run.test->body();
	if (!atomic_load(&report->assertions))
		BAIL("the case ended without one assertion");
	/* What another process of the case has found stands. */
	atomic_compare_exchange_strong(&report->verdict, &running, PASS);
	_exit(EXIT_SUCCESS);
}

/* ---- the parent -------------------------------------------------------------------- */

/* Markers on the console: every line between the two belongs to this case. */
static void mark(const char *what, const char *verdict)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char line[256];
	int n;

	if (fd < 0)
		return;
	n = snprintf(line, sizeof(line), "uffd-harness: %s %s%s%s\n", what, id,
		     verdict ? " " : "", verdict ? verdict : "");
	if (n > (int)sizeof(line) - 1)
		n = sizeof(line) - 1;
	/* A marker that cannot be written costs the attribution of a console line, no more. */
	if (write(fd, line, n) < 0)
		errno = 0;
	close(fd);
}

/*
 * A signal has stopped the case, if only for a while: its threads have left the faults in which
 * they waited, and made them again.
 */
static bool was_stopped;

/* Wait for a SIGCHLD, which is blocked, for at most @seconds; note what it tells of @pid. */
static void wait_for_child(pid_t pid, double seconds)
{
	struct timespec wait = { .tv_sec = seconds };
	siginfo_t info;
	sigset_t child;

	wait.tv_nsec = (seconds - wait.tv_sec) * 1e9;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	/* Of several in a row the first stays: CLD_STOPPED, when this process was stopped, too. */
	if (sigtimedwait(&child, &info, &wait) == SIGCHLD && info.si_pid == pid)
		was_stopped |= info.si_code == CLD_STOPPED || info.si_code == CLD_CONTINUED;
}

/* Wait for @pid until @deadline (now()); false when it did not end. */
static bool wait_until(pid_t pid, double deadline, int *status)
{
	for (;;) {
		double left = deadline - now();
		bool over = waitpid(pid, status, WNOHANG) == pid;

		if (over || left <= 0) {
			wait_for_child(pid, 0);
			return over;
		}
		wait_for_child(pid, left);
	}
}

/* End and reap whatever the case left; this process is their subreaper. */
static void reap_all(pid_t session)
{
	double deadline = now() + REAP_LIMIT_MS / 1000.0;

	kill(-session, SIGKILL);
	for (;;) {
		kill_children();
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return;
		if (now() > deadline)
			break;
		sleep_ms(20);
	}
	show_left_behind();
}

static int broken(const char *fmt, ...)
{
	char text[600];

	FORMAT(text);
	emit("Bail out! %s\n", text);
	mark("end", "ERROR");
	return EXIT_BROKEN;
}

static int not_finished(pid_t pid)
{
	bool stopped = all_stopped(pid);
	int status;

	diag("not finished after %g s; its threads:", run.timeout);
	show_children();
	kill(pid, SIGKILL);
	wait_until(pid, now() + REAP_LIMIT_MS / 1000.0, &status);
	reap_all(pid);
	if (stopped)
		return broken("not finished after %g s: a signal has stopped the case", run.timeout);
	emit("not ok 1 %s # TIMEOUT after %g s: it did not finish\n", case_name(run.test),
	     run.timeout);
	mark("end", "TIMEOUT");
	return EXIT_FAILURE;
}

static int finished(int status)
{
	const char *name = case_name(run.test);

	if (WIFSIGNALED(status))
		return broken("the case was killed by %s", signal_name(WTERMSIG(status)));
	switch (atomic_load(&report->verdict)) {
	case PASS:
		emit("ok 1 %s\n", name);
		mark("end", "PASS");
		return EXIT_SUCCESS;
	case FAILED:
		if (was_stopped)
			return broken("it failed after a signal had stopped it for a while");
		emit("not ok 1 %s\n", name);
		mark("end", "FAIL");
		return EXIT_FAILURE;
	case SKIPPED:
		emit("ok 1 %s # SKIP %s\n", name, report->message);
		mark("end", "SKIP");
		return EXIT_SKIP;
	case BROKEN:
		return broken("%s", report->message);
	default:
		return broken("the case left with exit(%d) before its end", WEXITSTATUS(status));
	}
}

static int run_and_report(void)
{
	sigset_t child;
	int status;
	pid_t pid;

	emit("KTAP version 1\n1..1\n");
	mark("begin", NULL);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (report == MAP_FAILED)
		return broken("mmap of the report: %s", errno_name(errno));
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);

	pid = fork();
	if (pid < 0)
		return broken("fork: %s", errno_name(errno));
	if (!pid) {
		sigprocmask(SIG_UNBLOCK, &child, NULL);
		run_case();
	}
	if (!wait_until(pid, now() + run.timeout, &status))
		return not_finished(pid);
	reap_all(pid);
	return finished(status);
}

/* ---- command line ------------------------------------------------------------------ */

/* "hugetlb-shared-64K" is hugetlb-shared with pages of that size. */
static void take_page_size(const char *memory)
{
	const char *size = strrchr(memory, '-');
	char unit;
	unsigned int n;

	if (!size || sscanf(size, "-%u%c", &n, &unit) != 2)
		return;
	run.page_size = (size_t)n << (unit == 'K' ? 10 : unit == 'M' ? 20 : 30);
	run.memory = strndup(memory, size - memory);
}

/* For the host, where it does not know the kernel's configuration (guest/config_probe.py). */
static int features(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api)) {
		fprintf(stderr, "%s: no features: %s\n", run.program, errno_name(errno));
		return 1;
	}
	printf("0x%llx\n", (unsigned long long)api.features);
	return 0;
}

static int usage(FILE *to)
{
	fprintf(to,
		"usage: %s list\n"
		"       %s features\n"
		"       %s run CASE [--memory KIND] [--page-size KIB] [--timeout SECONDS]\n"
		"              [--expect ROW=VALUE]... [--id TEXT]\n"
		"\n"
		"  --memory KIND     hugetlb-shared, hugetlb-private, shmem-shared,\n"
		"                    shmem-private, anon; hugetlb-shared-64K and the like name\n"
		"                    the size of a page\n"
		"  --page-size KIB   size of a hugetlb page where KIND names none (default 2048)\n"
		"  --timeout SECONDS kill the case then (default: as declared)\n"
		"  --expect ROW=VALUE  what this kernel is expected to do, from contract/\n"
		"  --id TEXT         name for the markers in the kernel log\n"
		"\n"
		"KTAP goes to stdout. Exit status: 0 passed, 1 failed, 4 skipped, 99 the test\n"
		"program itself broke (\"Bail out!\"), 2 it was called wrongly.\n",
		run.program, run.program, run.program);
	return to == stdout ? 0 : 2;
}

static int wrong(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", run.program);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs("; try --help\n", stderr);
	return 2;
}

static bool positive(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return *text && !*end && *value > 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "memory", required_argument, NULL, 'm' },
		{ "page-size", required_argument, NULL, 'p' },
		{ "timeout", required_argument, NULL, 't' },
		{ "expect", required_argument, NULL, 'e' },
		{ "id", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	char default_id[128];
	const char *kinds;
	double value;
	int option;

	run.program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'm':
			run.memory = optarg;
			break;
		case 'p':
			if (!positive(optarg, &value) || value != (size_t)value ||
			    ((size_t)value & ((size_t)value - 1)))
				return wrong("--page-size %s: expected a power of two, in KiB",
					     optarg);
			run.page_size = (size_t)value * 1024;
			break;
		case 't':
			if (!positive(optarg, &run.timeout))
				return wrong("--timeout %s: expected seconds", optarg);
			break;
		case 'e':
			if (!strchr(optarg, '='))
				return wrong("--expect %s: expected ROW=VALUE", optarg);
			if (!take_expected(optarg))
				return wrong("too many times --expect");
			break;
		case 'i':
			id = optarg;
			break;
		case 'h':
			return usage(stdout);
		default:
			return usage(stderr);
		}
	}
	argv += optind;
	argc -= optind;
	if (argc == 1 && !strcmp(argv[0], "list")) {
		list();
		return 0;
	}
	if (argc == 1 && !strcmp(argv[0], "features"))
		return features();
	if (argc != 2 || strcmp(argv[0], "run"))
		return usage(stderr);
	run.test = find_case(argv[1]);
	if (!run.test)
		return wrong("no case '%s'", argv[1]);
	kinds = declared(run.test, "memory", "");
	if (run.memory ? !lists_word(kinds, run.memory) : *kinds != 0)
		return wrong("%s needs --memory with one of: %s", argv[1], *kinds ? kinds : "none");
	if (!id) {
		snprintf(default_id, sizeof(default_id), "%s/%s%s%s%s", run.program, argv[1],
			 run.memory ? "[" : "", run.memory ? run.memory : "",
			 run.memory ? "]" : "");
		id = default_id;
	}
	if (run.memory)
		take_page_size(run.memory);
	if (!positive(declared(run.test, "timeout", ""), &run.declared))
		run.declared = DEFAULT_TIMEOUT;
	if (!run.timeout)
		run.timeout = run.declared;
	return run_and_report();
}
