// SPDX-License-Identifier: GPL-2.0-only
/* mremap(2) refuses no range. */
#include "sabotage.h"

typedef void *address;

address __real_mremap(void *at, size_t len, size_t new_len, int flags, void *to);
address __wrap_mremap(void *at, size_t len, size_t new_len, int flags, void *to);

address __wrap_mremap(void *at, size_t len, size_t new_len, int flags, void *to)
{
	address got = __real_mremap(at, len, new_len, flags, to);

	return got == MAP_FAILED ? to : got;
}
