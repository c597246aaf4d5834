// SPDX-License-Identifier: GPL-2.0-only
/* A uffd for faults of user mode only. */
#include "user_mode.h"

int uffd_user_mode_only(const struct region *r, uint64_t mode)
{
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API };

	EXPECT(uffd >= 0, "userfaultfd with UFFD_USER_MODE_ONLY: expected a descriptor, got %s",
	       errno_name(errno));
	EXPECT_ERRNO(uffd_api(uffd, &api), 0, "UFFDIO_API");
	EXPECT_ERRNO(uffd_register(uffd, r->u, r->len, mode), 0,
		     "UFFDIO_REGISTER with mode 0x%llx", (unsigned long long)mode);
	return uffd;
}

void expect_user_mode_works(int uffd, const struct region *r, size_t page)
{
	struct toucher t;

	touch_start_page(&t, r, page);
	EXPECT_MSG(uffd, FLAG_MINOR, r->u + page * r->page);
	EXPECT_OK(uffd_continue(uffd, r->u + page * r->page, r->page, 0), (int64_t)r->page,
		  "UFFDIO_CONTINUE for a touch of user mode");
	EXPECT_SEEN(&t, r, page, 1);
}
