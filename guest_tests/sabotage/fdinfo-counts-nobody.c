// SPDX-License-Identifier: GPL-2.0-only
/* fdinfo says that nobody waits. */
#include <stdio.h>

#include "sabotage.h"

typedef char *text;

text __real_fgets(char *line, int size, FILE *f);
text __wrap_fgets(char *line, int size, FILE *f);

text __wrap_fgets(char *line, int size, FILE *f)
{
	if (!__real_fgets(line, size, f))
		return NULL;
	if (!strncmp(line, "pending:", 8))
		strcpy(line + 8, "\t0\n");
	else if (!strncmp(line, "total:", 6))
		strcpy(line + 6, "\t0\n");
	return line;
}
