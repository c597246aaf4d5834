// SPDX-License-Identifier: GPL-2.0-only
/* Memory that fails. */
#include <signal.h>

#include "failure.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

void poison_at(const char *file, int line, void *at, size_t len)
{
	sigjmp_buf guard;
	volatile int ret = 0;

	count_assertion();
	fault_signal = 0;
	fault_guard = &guard;
	if (!sigsetjmp(guard, 0))
		ret = madvise(at, len, MADV_HWPOISON);
	fault_guard = NULL;
	if (ret)
		fail_at(file, line, "MADV_HWPOISON: expected 0, got -1/%s", errno_name(errno));
	if (fault_signal && (fault_signal != SIGBUS ||
			     (fault_code != BUS_MCEERR_AR && fault_code != BUS_MCEERR_AO)))
		fail_at(file, line, "MADV_HWPOISON raised %s, %s: expected SIGBUS with "
			"BUS_MCEERR_AR or BUS_MCEERR_AO, or nothing", signal_name(fault_signal),
			si_code_name(fault_signal, fault_code));
}

void soft_offline(void *at, size_t len)
{
	/* A page on its way to a list of the kernel's is busy for a moment. */
	for (int waited = 0; waited < patience_ms(); waited += 5) {
		if (!madvise(at, len, MADV_SOFT_OFFLINE))
			return;
		if (errno != EBUSY && errno != EAGAIN && errno != EIO)
			break;
		sleep_ms(5);
	}
	FAIL("MADV_SOFT_OFFLINE: expected 0, got -1/%s", errno_name(errno));
}
