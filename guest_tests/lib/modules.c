// SPDX-License-Identifier: GPL-2.0-only
/* Kernel modules that only a few cases need. */
#include "modules.h"
#include "uffd_test.h"

/* Where the programs are, too (harness/guest/guest.py, harness/image/on_demand.py). */
#define FOLDER "/tests/"

static void load(const char *file)
{
	char path[128];
	int fd, ret;

	/* The kernel would look at all of a large file before it says EEXIST. */
	snprintf(path, sizeof(path), "/sys/module/%.*s", (int)strcspn(file, "."), file);
	if (!access(path, F_OK))
		return;
	snprintf(path, sizeof(path), FOLDER "%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	SETUP(fd >= 0, "open %s", path);
	ret = syscall(SYS_finit_module, fd, "", 0);
	SETUP(!ret, "load %s", path);
	close(fd);
}

void load_modules(const char *name)
{
	char path[128], line[64];
	FILE *list;

	snprintf(path, sizeof(path), FOLDER "%s.order", name);
	list = fopen(path, "re");
	SETUP(list, "open %s", path);
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		load(line);
	}
	fclose(list);
}
