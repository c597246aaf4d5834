/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel modules that only a few cases need: in the guest, and loaded when they are asked for. */
#ifndef UFFD_TEST_MODULES_H
#define UFFD_TEST_MODULES_H

/* Load what modules_on_demand of images/<arch>.toml has under @name, unless it is there. */
void load_modules(const char *name);

#endif
