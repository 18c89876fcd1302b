// SPDX-License-Identifier: GPL-2.0-only
/* The clock chip of a PC, as far as kernels read it: always in BCD, whatever register B says. */
#include "io.h"

static u8 bcd(u64 n)
{
	return (u8)(n / 10 << 4 | n % 10);
}

/* Register @index, @seconds after the beginning of 1970. */
u8 guard_clock(u64 seconds, u32 index)
{
	u64 days = seconds / 86400, second = seconds % 86400;
	/* Years that begin in March: a leap day is a year's last (H. Hinnant, civil_from_days). */
	u64 shifted = days + 719468, era = shifted / 146097, in_era = shifted % 146097;
	u64 in_era_year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	u64 in_year = in_era - (365 * in_era_year + in_era_year / 4 - in_era_year / 100);
	u64 from_march = (5 * in_year + 2) / 153;
	u64 month = from_march < 10 ? from_march + 3 : from_march - 9;
	u64 year = 400 * era + in_era_year + (month <= 2);

	switch (index) {
	case 0:
		return bcd(second % 60);
	case 2:
		return bcd(second / 60 % 60);
	case 4:
		return bcd(second / 3600);
	case 6:
		return bcd((days + 4) % 7 + 1); /* 1: Sunday */
	case 7:
		return bcd(in_year - (153 * from_march + 2) / 5 + 1);
	case 8:
		return bcd(month);
	case 9:
		return bcd(year % 100);
	case 0x32:
		return bcd(year / 100 % 100);
	case 0x0a:
		return 0x26; /* not about to change */
	case 0x0b:
		return 0x02; /* 24 hours */
	case 0x0d:
		return 0x80; /* its battery is good */
	}
	return 0;
}
