// SPDX-License-Identifier: GPL-2.0-only
/* poll(2) says POLLIN though there is no message. */
#include <poll.h>

#include "sabotage.h"

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int ready = __real_poll(fds, n, timeout);

	if (ready)
		return ready;
	fds[0].revents = POLLIN;
	return 1;
}
