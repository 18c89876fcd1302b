// SPDX-License-Identifier: LGPL-2.1-or-later
/* The machine as seen from user space. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "kmod_test.h"

char *slurp(const char *path)
{
	static char text[8192];
	int f = open(path, O_RDONLY);
	ssize_t n = f < 0 ? -1 : read(f, text, sizeof(text) - 1);

	if (f >= 0)
		close(f);
	text[n < 0 ? 0 : n] = 0;
	return text;
}

bool core_read(const char *path, uint64_t address, void *to, size_t bytes)
{
	int f = open(path, O_RDONLY), i;
	Elf64_Ehdr header;
	bool good = false;

	if (f < 0 || read(f, &header, sizeof(header)) != sizeof(header))
		goto out;
	for (i = 0; i < header.e_phnum && !good; i++) {
		Elf64_Phdr part;

		if (pread(f, &part, sizeof(part), header.e_phoff + i * sizeof(part)) != sizeof(part))
			break;
		if (part.p_type == PT_LOAD && part.p_paddr != ~0ull && address >= part.p_paddr &&
		    address - part.p_paddr < part.p_memsz)
			good = pread(f, to, bytes, part.p_offset + address - part.p_paddr) == (ssize_t)bytes;
	}
out:
	close(f);
	return good;
}

int spit(const char *path, const char *text)
{
	int f = open(path, O_WRONLY), err = 0;

	if (f < 0)
		return -errno;
	if (write(f, text, strlen(text)) < 0)
		err = -errno;
	close(f);
	return err;
}

char *attribute(const char *name, const char *attr)
{
	char path[200], *text;

	snprintf(path, sizeof(path), "/sys/class/parker/%s/%s", name, attr);
	text = slurp(path);
	if (*text && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = 0;
	return text;
}

bool attribute_is(const char *name, const char *attr, const char *value)
{
	int i;

	for (i = 0; i < 30; i++) { /* the module looks every 100 ms */
		if (!strcmp(attribute(name, attr), value))
			return true;
		usleep(100000);
	}
	return false;
}

long meminfo(const char *field)
{
	char *at = strstr(slurp("/proc/meminfo"), field);

	return at ? atol(at + strlen(field) + 1) : -1;
}

int events_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int s = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);

	return s >= 0 && !bind(s, (void *)&addr, sizeof(addr)) ? s : -1;
}

/* Waits up to 3 s for a uevent that has both words; drops those before it. */
bool event_seen(int s, const char *one, const char *two)
{
	struct pollfd p = { .fd = s, .events = POLLIN };
	char text[4096];
	ssize_t n, i;

	while (poll(&p, 1, 3000) == 1) {
		bool a = false, b = false;

		n = recv(s, text, sizeof(text) - 1, 0);
		if (n <= 0)
			return false;
		text[n] = 0;
		for (i = 0; i < n; i += strlen(text + i) + 1) {
			a |= !strcmp(text + i, one);
			b |= !strcmp(text + i, two);
		}
		if (a && b)
			return true;
	}
	return false;
}

static sigjmp_buf bus_jump;

static void on_sigbus(int sig)
{
	siglongjmp(bus_jump, sig);
}

void machine_setup(void)
{
	signal(SIGBUS, on_sigbus);
}

/* -1: SIGBUS, otherwise the byte */
int peek(volatile uint8_t *at)
{
	if (sigsetjmp(bus_jump, 1))
		return -1;
	return *at;
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* What is written to this port goes there. */
void monitor(const char *command)
{
	char line[200];

	snprintf(line, sizeof(line), "%s\n", command);
	spit("/dev/ttyS2", line);
}
