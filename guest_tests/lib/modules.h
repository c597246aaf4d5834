/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel modules that only a few cases need: in the guest, and loaded when they are asked for. */
#ifndef UFFD_TEST_MODULES_H
#define UFFD_TEST_MODULES_H

/* Load what modules_on_demand of images/<arch>.toml has under @name, unless it is there. */
void load_modules(const char *name);

/*
 * Why there is no @device after load_modules().  A kernel that is known to have no driver for it,
 * or whose driver is a module that is not there, does not come so far (harness/contract/model.py).
 */
#define DRIVER_MISSING(device)							\
	"there is no " device ": no driver (brd, CONFIG_BLK_DEV_RAM) is built in or was loaded, "	\
	"or it makes too few disks (CONFIG_BLK_DEV_RAM_COUNT)"

#endif
