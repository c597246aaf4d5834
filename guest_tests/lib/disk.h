/* SPDX-License-Identifier: GPL-2.0-only */
/* A file system that is not made of memory: ext4 on a RAM disk. */
#ifndef UFFD_TEST_DISK_H
#define UFFD_TEST_DISK_H

/* CONFIG_ symbols that it needs, for NEEDS(). */
#define NEEDS_DISK "CONFIG_BLK_DEV_RAM CONFIG_EXT4_FS"

/* What may be written to one file. */
#define DISK_BYTES (512 * 1024)

/*
 * A new, empty file there, open for reading and writing with @flags besides (O_DIRECT).  The
 * disk is this case's own, made anew, and goes away with its process.
 */
int disk_file(int flags);

#endif
