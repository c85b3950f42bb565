/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _RACE_H
#define _RACE_H

#include "shim/shim.h"

extern pure_lock_t race_lock;

#endif /* _RACE_H */
