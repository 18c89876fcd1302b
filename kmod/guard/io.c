// SPDX-License-Identifier: GPL-2.0-only
#include "io.h"

/*
 * Every access to a port is an exit. Those of this list are what a stock kernel tries
 * on any PC: nobody is there, so writes vanish and reads are what an empty bus says,
 * unless it waits for something else. A write to any other port is a violation; nothing
 * of it reaches the machine either.
 */
enum rule {
	FORBIDDEN, /* to write to */
	ABSENT,
	ZERO,
	CHANNEL, /* the timer's third channel has run out, and no error is signalled */
	CLOCK,
	KEYBOARD, /* absent, but asked to reset the machine */
};

struct row {
	u16 first, last;
	enum rule rule;
};

/* The first that has the whole access. */
static const struct row rows[] = {
	{ 0x0cf9, 0x0cf9, FORBIDDEN }, /* resets the machine */
	{ 0x0020, 0x0021, ABSENT }, /* interrupt controllers */
	{ 0x002e, 0x002f, ABSENT }, /* super I/O */
	{ 0x0040, 0x0043, ZERO }, /* timer: at 0xff Linux would read on and on, to calibrate */
	{ 0x004e, 0x004f, ABSENT },
	{ 0x0061, 0x0061, CHANNEL },
	{ 0x0064, 0x0064, KEYBOARD },
	{ 0x0060, 0x0063, ABSENT },
	{ 0x0070, 0x0071, CLOCK },
	{ 0x0080, 0x0080, ABSENT }, /* written to, to wait a little */
	{ 0x00a0, 0x00a1, ABSENT },
	{ 0x00ed, 0x00ed, ABSENT }, /* the other one to wait with */
	{ 0x00f0, 0x00f1, ABSENT }, /* floating point errors */
	{ 0x02e8, 0x02ef, ABSENT }, /* UARTs */
	{ 0x02f8, 0x02ff, ABSENT },
	{ 0x03b0, 0x03df, ABSENT }, /* VGA */
	{ 0x03e8, 0x03ef, ABSENT },
	{ 0x03f8, 0x03ff, ABSENT },
	{ 0x04d0, 0x04d1, ABSENT }, /* which interrupts are levels */
	{ 0x0cf8, 0x0cff, ABSENT }, /* PCI configuration */
};

static enum rule rule_of(const struct guard_io *io)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (io->port >= rows[i].first && io->port + io->bytes - 1 <= rows[i].last)
			return rows[i].rule;
	return FORBIDDEN;
}

/* EXITINFO1 of an exit for I/O (APM 2, 15.10.2). */
struct guard_io guard_io_decode(u64 info)
{
	return (struct guard_io){ .port = (u16)(info >> 16), .bytes = info >> 4 & 7, .in = info & 1,
				  .string = info >> 2 & 1 };
}

/* What is read; false: a violation. */
bool guard_in(struct guard_ports *ports, const struct guard_io *io, u64 tsc, u32 *value)
{
	*value = 0xffffffff;
	if (io->string)
		return false;
	switch (rule_of(io)) {
	case ZERO:
		*value = 0;
		break;
	case CHANNEL:
		*value = 0x20;
		break;
	case CLOCK:
		if (io->port == 0x71)
			*value = guard_clock(ports->epoch + (tsc - ports->tsc) / (ports->tsc_khz * 1000), ports->index);
		break;
	default:
		break;
	}
	return true;
}

/* False: a violation. */
bool guard_out(struct guard_ports *ports, const struct guard_io *io, u32 value)
{
	if (io->string)
		return false;
	switch (rule_of(io)) {
	case FORBIDDEN:
		return false;
	case CLOCK:
		if (io->port == 0x70)
			ports->index = value & 0x7f;
		break;
	case KEYBOARD:
		return (value & 0xff) != 0xfe;
	default:
		break;
	}
	return true;
}
