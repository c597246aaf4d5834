// SPDX-License-Identifier: GPL-2.0-only
/* Giving up rights for the rest of the case. */
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#include "privilege.h"
#include "uffd_test.h"

#define NOBODY 65534

void drop_capability(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	SETUP(!syscall(SYS_capget, &header, data), "capget");
	data[CAP_TO_INDEX(capability)].effective &= ~CAP_TO_MASK(capability);
	data[CAP_TO_INDEX(capability)].permitted &= ~CAP_TO_MASK(capability);
	SETUP(!syscall(SYS_capset, &header, data), "capset without capability %d", capability);
}

void become_nobody(void)
{
	SETUP(!setgroups(0, NULL), "setgroups");
	SETUP(!setresgid(NOBODY, NOBODY, NOBODY), "setresgid(%d)", NOBODY);
	SETUP(!setresuid(NOBODY, NOBODY, NOBODY), "setresuid(%d)", NOBODY);
	/* /proc/self would be root's otherwise. */
	SETUP(!prctl(PR_SET_DUMPABLE, 1), "prctl(PR_SET_DUMPABLE)");
}
