// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flushes for the tests with threads. The modelled TLB is for one thread; here
 * a flush only has to come under the lock.
 */
#include "race.h"

void lpid_flush_range(hlpid_t lpid, u64 start, u64 last, unsigned int shift)
{
	pure_assert_locked(&race_lock);
}

void lpid_flush_pwc(hlpid_t lpid)
{
	pure_assert_locked(&race_lock);
}

void lpid_flush_translations(hlpid_t lpid)
{
	pure_assert_locked(&race_lock);
}

void lpid_flush_tlb_pwc(hlpid_t lpid)
{
	pure_assert_locked(&race_lock);
}

void lpid_flush_all(hlpid_t lpid)
{
	pure_assert_locked(&race_lock);
}
