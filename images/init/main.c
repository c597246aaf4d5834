// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "init.h"

int main(int argc, char **argv)
{
	if (getpid() == 1)
		return boot();
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve();
	dprintf(STDERR_FILENO, "usage: agent serve\n");
	return 2;
}
