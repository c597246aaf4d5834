/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving up rights for the rest of the case: its process is its own. */
#ifndef UFFD_TEST_PRIVILEGE_H
#define UFFD_TEST_PRIVILEGE_H

/* Take one capability, such as CAP_SYS_PTRACE, from this thread. */
void drop_capability(int capability);
/* Become uid and gid 65534, which have none. */
void become_nobody(void);

#endif
