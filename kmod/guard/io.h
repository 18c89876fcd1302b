/* SPDX-License-Identifier: GPL-2.0-only */
/* I/O ports of a guarded partition: it has none, and is told what a stock kernel needs to hear. */
#ifndef PARKER_GUARD_IO_H
#define PARKER_GUARD_IO_H

#include "types.h"

#define GUARD_IO_BITMAP_BYTES (3 * GUARD_PAGE)

/* An access, as an exit describes it. */
struct guard_io {
	u16 port;
	u8 bytes; /* 1, 2, 4 */
	bool in;
	bool string; /* INS, OUTS: no stock kernel needs any */
};

/* What stands behind the ports. One for all CPUs of a partition. */
struct guard_ports {
	u64 epoch; /* seconds since 1970 when the TSC was tsc */
	u64 tsc;
	u64 tsc_khz; /* never 0 */
	u32 index; /* of the clock chip */
};

struct guard_io guard_io_decode(u64 info);
bool guard_in(struct guard_ports *ports, const struct guard_io *io, u64 tsc, u32 *value);
bool guard_out(struct guard_ports *ports, const struct guard_io *io, u32 value);

/* clock.c */
u8 guard_clock(u64 seconds, u32 index);

#endif
