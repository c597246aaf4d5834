// SPDX-License-Identifier: GPL-2.0-only
/* poll(2) does not mind that O_NONBLOCK is not set: it says nothing, not POLLERR. */
#include <poll.h>

#include "sabotage.h"

int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int ready = __real_poll(fds, n, timeout);

	if (ready != 1 || fds[0].revents != POLLERR)
		return ready;
	fds[0].revents = 0;
	return 0;
}
