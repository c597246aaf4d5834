// SPDX-License-Identifier: GPL-2.0-only
/* Verdicts and assertions: what is printed when one does not hold. */
#include <signal.h>
#include <stdarg.h>

#include "uffd_test.h"

struct report *report;

void emit(const char *fmt, ...)
{
	char line[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (n >= (int)sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	/* Where a result cannot be written there is nobody left to tell. */
	while (write(STDOUT_FILENO, line, n) < 0 && errno == EINTR)
		;
}

void diag(const char *fmt, ...)
{
	char text[900];

	FORMAT(text);
	emit("# %s\n", text);
}

/*
 * Only the first verdict counts.  Other threads may come here while the process ends; other
 * processes of the case come here when the first one to fail leaves them without an answer.
 */
static _Noreturn void finish(enum verdict verdict, int code, const char *message)
{
	pid_t first = 0;

	if (!atomic_compare_exchange_strong(&report->by, &first, getpid())) {
		while (first == getpid() || atomic_load(&report->verdict) == RUNNING)
			sleep_ms(10);
		_exit(code);
	}
	snprintf(report->message, sizeof(report->message), "%s", message);
	atomic_store(&report->verdict, verdict);
	_exit(code);
}

void fail_at(const char *file, int line, const char *fmt, ...)
{
	char text[800];

	FORMAT(text);
	diag("%s:%d: %s", file, line, text);
	finish(FAILED, EXIT_FAILURE, text);
}

void bail_at(const char *file, int line, int err, const char *fmt, ...)
{
	char text[400], message[512];

	FORMAT(text);
	snprintf(message, sizeof(message), "%s%s%s, %s:%d", text, err ? ": " : "",
		 err ? errno_name(err) : "", file, line);
	finish(BROKEN, EXIT_BROKEN, message);
}

void skip_case(const char *fmt, ...)
{
	char text[400];

	FORMAT(text);
	finish(SKIPPED, EXIT_SKIP, text);
}

void count_assertion(void)
{
	atomic_fetch_add(&report->assertions, 1);
}

void expect_failed(const char *file, int line, const char *expr, const char *fmt, ...)
{
	char text[600];

	FORMAT(text);
	fail_at(file, line, "%s (%s)", text, expr);
}

void expect_eq_at(const char *file, int line, const char *expr, uint64_t got, uint64_t want,
		  const char *fmt, ...)
{
	char text[500];

	count_assertion();
	if (got == want)
		return;
	FORMAT(text);
	fail_at(file, line, "%s: expected %lld (0x%llx), got %lld (0x%llx) (%s)", text,
		(long long)want, (unsigned long long)want, (long long)got,
		(unsigned long long)got, expr);
}

const char *errno_name(int err)
{
	static __thread char unknown[16];
	const char *name = strerrorname_np(err);

	if (name)
		return name;
	snprintf(unknown, sizeof(unknown), "?%d", err);
	return unknown;
}

int errno_by_name(const char *name)
{
	/* Linux's highest errno is EHWPOISON, 133, on the architectures tested here. */
	for (int err = 0; err <= 133; err++) {
		const char *known = strerrorname_np(err);

		if (known && !strcmp(known, name))
			return err;
	}
	return -1;
}

const char *signal_name(int sig)
{
	static __thread char name[16];
	const char *known = sigabbrev_np(sig);

	snprintf(name, sizeof(name), known ? "SIG%s" : "signal ?%s", known ? known : "");
	return name;
}

const char *si_code_name(int sig, int code)
{
	static __thread char unknown[16];

	if (sig == SIGBUS) {
		switch (code) {
		case BUS_ADRALN: return "BUS_ADRALN";
		case BUS_ADRERR: return "BUS_ADRERR";
		case BUS_OBJERR: return "BUS_OBJERR";
		case BUS_MCEERR_AR: return "BUS_MCEERR_AR";
		case BUS_MCEERR_AO: return "BUS_MCEERR_AO";
		}
	}
	if (sig == SIGSEGV) {
		switch (code) {
		case SEGV_MAPERR: return "SEGV_MAPERR";
		case SEGV_ACCERR: return "SEGV_ACCERR";
		}
	}
	snprintf(unknown, sizeof(unknown), "si_code %d", code);
	return unknown;
}
