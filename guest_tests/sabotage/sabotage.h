/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sabotage makes the kernel look wrong in one way, to show that the cases notice.  Each
 * file stands in front of ioctl(2), read(2) or close(2) (ld --wrap) and is one fault;
 * expected/<program>.toml says which cases must fail with it (harness/selftest/sabotages.py).
 */
#ifndef SABOTAGE_H
#define SABOTAGE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/uapi.h"

int __real_ioctl(int fd, unsigned long request, void *arg);
ssize_t __real_read(int fd, void *buf, size_t size);
int __real_close(int fd);
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);

int __wrap_ioctl(int fd, unsigned long request, void *arg);
ssize_t __wrap_read(int fd, void *buf, size_t size);
int __wrap_close(int fd);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

/* A registration whose structure can be read: one case passes a bad pointer. */
static inline bool is_register(unsigned long request, const void *arg)
{
	return request == UFFDIO_REGISTER && (uintptr_t)arg > 0xffff;
}

/* Did read(2) of @size bytes into @buf return @n bytes that are a page fault message? */
static inline bool is_pagefault(const void *buf, size_t size, ssize_t n)
{
	const struct uffd_msg *msg = buf;

	return size == sizeof(*msg) && n == sizeof(*msg) && msg->event == UFFD_EVENT_PAGEFAULT;
}

#endif
