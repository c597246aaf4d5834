// SPDX-License-Identifier: GPL-2.0-only
/* What the host expects of this kernel: "--expect ROW=VALUE". */
#include "uffd_test.h"

static const char *expectations[64];
static size_t n_expectations;

bool take_expected(const char *text)
{
	if (n_expectations == ARRAY_SIZE(expectations))
		return false;
	expectations[n_expectations++] = text;
	return true;
}

static const char *find_expected(const char *row)
{
	size_t n = strlen(row);

	for (size_t i = 0; i < n_expectations; i++)
		if (!strncmp(expectations[i], row, n) && expectations[i][n] == '=')
			return expectations[i] + n + 1;
	return NULL;
}

const char *expected(const char *row)
{
	const char *value = find_expected(row);

	if (!value)
		BAIL("what to expect is data: give --expect %s=VALUE", row);
	return value;
}

int expected_errno(const char *row)
{
	int err = errno_by_name(expected(row));

	if (err < 0)
		BAIL("--expect %s=%s: not an errno's name", row, expected(row));
	return err;
}

static uint64_t number(const char *row, const char *text)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (end == text || errno || (*end && *end != ','))
		BAIL("--expect %s=%s: not a number", row, expected(row));
	return value;
}

uint64_t expected_number(const char *row)
{
	return number(row, expected(row));
}

uint64_t expected_field(const char *row, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = expected(row); at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, key, n) && at[n] == ':')
			return number(row, at + n + 1);
	}
	BAIL("--expect %s=%s: no '%s:'", row, expected(row), key);
}
