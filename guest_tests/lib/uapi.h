/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The userfaultfd ABI as far as the host's headers may lack it.
 *
 * The programs are built once, against whatever headers the compiler has, and run on every
 * kernel: so what a kernel knows is never read from the headers.
 */
#ifndef UFFD_TEST_UAPI_H
#define UFFD_TEST_UAPI_H

#include <linux/userfaultfd.h>
#include <sys/syscall.h>

/* Present in every header set that has <linux/userfaultfd.h>: 4.11. */
#ifndef __NR_userfaultfd
#error "the compiler's kernel headers know no userfaultfd(2)"
#endif

#ifndef UFFD_USER_MODE_ONLY			/* 5.11 */
#define UFFD_USER_MODE_ONLY 1
#endif

#ifndef UFFD_FEATURE_MINOR_HUGETLBFS		/* 5.13, with everything of UFFDIO_CONTINUE */
#define UFFD_FEATURE_MINOR_HUGETLBFS (1 << 9)
#define UFFD_PAGEFAULT_FLAG_MINOR (1 << 2)
#define UFFDIO_REGISTER_MODE_MINOR ((__u64)1 << 2)
#define _UFFDIO_CONTINUE (0x07)
#define UFFDIO_CONTINUE_MODE_DONTWAKE ((__u64)1 << 0)
struct uffdio_continue {
	struct uffdio_range range;
	__u64 mode;
	__s64 mapped;
};
#define UFFDIO_CONTINUE _IOWR(UFFDIO, _UFFDIO_CONTINUE, struct uffdio_continue)
#endif

#ifndef UFFD_FEATURE_MINOR_SHMEM		/* 5.14 */
#define UFFD_FEATURE_MINOR_SHMEM (1 << 10)
#endif

#ifndef UFFD_FEATURE_EXACT_ADDRESS		/* 5.18 */
#define UFFD_FEATURE_EXACT_ADDRESS (1 << 11)
#endif

#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM		/* 5.19 */
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif

#ifndef UFFDIO_CONTINUE_MODE_WP			/* 6.4 */
#define UFFDIO_CONTINUE_MODE_WP ((__u64)1 << 1)
#endif

#endif
