// SPDX-License-Identifier: LGPL-2.1-or-later
/* PCI functions as sysfs shows them, and their drivers. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kmod_test.h"

/* The driver of the one NVMe drive, by following its links. */
bool pci_driver_is(const char *bdf, const char *name)
{
	char path[100], target[200];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", bdf);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return !name;
	target[n] = 0;
	return name && !strcmp(strrchr(target, '/') + 1, name);
}

uint64_t pci_number(const char *bdf)
{
	unsigned int domain, bus, dev, fn;

	if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4)
		abort();
	return PARKER_PCI(domain, bus, dev << 3 | fn);
}

void pci_write(const char *bdf, const char *file, const char *text)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, file);
	spit(path, text);
}

void prepare(const char *bdf)
{
	pci_write(bdf, "driver_override", "parker");
	pci_write(bdf, "driver/unbind", bdf);
}

void restore(const char *bdf)
{
	pci_write(bdf, "driver_override", "\n");
	spit("/sys/bus/pci/drivers_probe", bdf);
}

/* The first function of a class (or, behind a root port, a bridge). */
bool pci_find(const char *class, int nth, char *bdf)
{
	struct dirent *entry;
	DIR *dir = opendir("/sys/bus/pci/devices");
	char path[300], best[20] = "~";
	int i;

	bdf[0] = 0;
	for (i = 0; i <= nth; i++) {
		strcpy(best, "~");
		rewinddir(dir);
		while ((entry = readdir(dir))) {
			if (entry->d_name[0] == '.' || strlen(entry->d_name) > 15)
				continue;
			snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", entry->d_name);
			if (strncmp(slurp(path), class, strlen(class)) || !strncmp(entry->d_name, "0000:00:", 8))
				continue;
			if (strcmp(entry->d_name, bdf) > 0 && strcmp(entry->d_name, best) < 0)
				strcpy(best, entry->d_name);
		}
		strcpy(bdf, best);
	}
	closedir(dir);
	return *bdf != '~';
}

/* The registers of a device, which loses its driver: what one has cannot be mapped. */
volatile void *map_registers(const char *bdf, const char *resource, size_t bytes)
{
	volatile void *bar;
	char path[100];
	int f;

	prepare(bdf);
	pci_write(bdf, "enable", "1");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, resource);
	f = open(path, O_RDWR);
	bar = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	close(f);
	return bar;
}

/* The port or bridge above it. */
bool pci_port(const char *bdf, char *port)
{
	char path[100], target[300], *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", bdf);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = 0;
	at = strstr(target, bdf);
	if (!at || at - target < 13)
		return false;
	memcpy(port, at - 13, 12);
	port[12] = 0;
	return true;
}

static int config_open(const char *bdf)
{
	char path[100];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
	return open(path, O_RDWR);
}

uint32_t config_read(const char *bdf, int at, int bytes)
{
	int f = config_open(bdf);
	uint32_t value = 0;

	if (pread(f, &value, bytes, at) != bytes)
		value = ~0u;
	close(f);
	return value;
}

void config_write(const char *bdf, int at, uint16_t value)
{
	int f = config_open(bdf);

	if (pwrite(f, &value, 2, at) != 2)
		printf("# %s: no write at %#x\n", bdf, at);
	close(f);
}

void config_write8(const char *bdf, int at, uint8_t value)
{
	int f = config_open(bdf);

	if (pwrite(f, &value, 1, at) != 1)
		printf("# %s: no write at %#x\n", bdf, at);
	close(f);
}

/* By the ports that every PC has for it. */
static int raw_select(const char *bdf, int at)
{
	unsigned int domain, bus, dev, fn;

	if (sscanf(bdf, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4 || iopl(3))
		abort();
	outl(1u << 31 | bus << 16 | dev << 11 | fn << 8 | (at & 0xfc), 0xcf8);
	return 0xcfc + (at & 2);
}

uint16_t raw_read(const char *bdf, int at)
{
	return inw(raw_select(bdf, at));
}

void raw_write(const char *bdf, int at, uint16_t value)
{
	outw(value, raw_select(bdf, at));
}
