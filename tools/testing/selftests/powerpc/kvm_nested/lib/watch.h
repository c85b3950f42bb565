/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that report each step, and who looks whether they still do.
 *
 * A pulse is in memory that both share. The thread that it belongs to beats it
 * once for each step; nobody else writes to what the thread writes. The one
 * that looks calls pulse_is_stuck() at even intervals. Looks are counted, not
 * time: a machine that is too busy to look is too busy to make a step.
 */
#ifndef KVM_NESTED_WATCH_H
#define KVM_NESTED_WATCH_H

#include <sys/types.h>

#include "harness.h"

struct pulse {
	/* Of the thread: */
	volatile pid_t tid;		/* 0: it has ended, or not begun */
	volatile unsigned int beats;
	const char *volatile what;	/* the step that it makes */
	/* Of who looks: */
	pid_t seen_tid;
	unsigned int seen_beats;
	unsigned int quiet;		/* looks since the last beat */
};

void pulse_name(const char *format, ...) __attribute__((format(printf, 1, 2)));
void pulse_beat(struct pulse *p, const char *what);
void pulse_end(struct pulse *p);
int pulse_is_stuck(struct pulse *p, unsigned int looks);
void watch_say_where(pid_t pid, const char *lead);
void watch_ask_kernel(void);

#endif /* KVM_NESTED_WATCH_H */
