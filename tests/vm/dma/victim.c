// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A program of the boot kernel with a page to lose: fills it with 0x5a, prints its
 * physical address, and waits. A page in a pipe as well cannot be moved.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE     4096
#define PRESENT  (1ull << 63)
#define FRAME(e) ((e) & ((1ull << 55) - 1))

int main(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	struct iovec whole = { .iov_base = page, .iov_len = PAGE };
	int ends[2], pagemap = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (page == MAP_FAILED || pagemap < 0 || pipe(ends))
		return 1;
	memset(page, 0x5a, PAGE);
	if (vmsplice(ends[1], &whole, 1, 0) != PAGE)
		return 1;
	if (pread(pagemap, &entry, sizeof(entry), (uintptr_t)page / PAGE * sizeof(entry)) != sizeof(entry))
		return 1;
	if (!(entry & PRESENT) || !FRAME(entry))
		return 1;
	printf("%#llx\n", FRAME(entry) * PAGE);
	fflush(stdout);
	pause();
	return 0;
}
