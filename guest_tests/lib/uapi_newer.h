/* SPDX-License-Identifier: GPL-2.0-only */
/* The userfaultfd ABI after 6.1, whose headers most compilers still have. */
#ifndef UFFD_TEST_UAPI_NEWER_H
#define UFFD_TEST_UAPI_NEWER_H

#include <linux/userfaultfd.h>

#ifndef UFFDIO_POISON				/* 6.6 */
#define _UFFDIO_POISON (0x08)
#define UFFDIO_POISON_MODE_DONTWAKE ((__u64)1 << 0)
struct uffdio_poison {
	struct uffdio_range range;
	__u64 mode;
	__s64 updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, _UFFDIO_POISON, struct uffdio_poison)
#endif

#ifndef UFFDIO_MOVE				/* 6.8 */
#define _UFFDIO_MOVE (0x05)
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES ((__u64)1 << 1)
struct uffdio_move {
	__u64 dst;
	__u64 src;
	__u64 len;
	__u64 mode;
	__s64 move;
};
#define UFFDIO_MOVE _IOWR(UFFDIO, _UFFDIO_MOVE, struct uffdio_move)
#endif

#ifndef UFFDIO_RWPROTECT			/* 7.3, with everything of RWP */
#define UFFD_FEATURE_RWP_ASYNC (1 << 18)
#define _UFFDIO_RWPROTECT (0x09)
#define UFFDIO_RWPROTECT_MODE_RWP ((__u64)1 << 0)
#define _UFFDIO_SET_MODE (0x0A)
struct uffdio_rwprotect {
	struct uffdio_range range;
	__u64 mode;
};
struct uffdio_set_mode {
	__u64 enable;
	__u64 disable;
};
#define UFFDIO_RWPROTECT _IOWR(UFFDIO, _UFFDIO_RWPROTECT, struct uffdio_rwprotect)
#define UFFDIO_SET_MODE _IOW(UFFDIO, _UFFDIO_SET_MODE, struct uffdio_set_mode)
#endif

#endif
