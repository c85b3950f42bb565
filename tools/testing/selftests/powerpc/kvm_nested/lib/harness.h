/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases of one test program, reported as KTAP.
 *
 * Each case runs in a child of its own, so that a VM that hangs or a check that
 * fails harms no other case. Nothing is skipped: what cannot run fails. After
 * each case the kernel log is read; a complaint in it fails the case, and so
 * does a flood of lines.
 */
#ifndef KVM_NESTED_HARNESS_H
#define KVM_NESTED_HARNESS_H

#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1ULL << (n))

/* One case; @seconds 0 means the default time limit. */
struct test_case {
	const char *name;
	void (*run)(void);
	unsigned int seconds;
};

int run_cases(const struct test_case *cases, size_t n);

void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fail_at(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

#define fail(...)	fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition) do {						\
	if (!(condition))						\
		fail("not true: %s", #condition);			\
} while (0)

#define CHECK_EQ(a, b) do {						\
	u64 a_ = (u64)(a), b_ = (u64)(b);				\
									\
	if (a_ != b_)							\
		fail("%s is 0x%llx, not %s = 0x%llx", #a,		\
		     (unsigned long long)a_, #b,			\
		     (unsigned long long)b_);				\
} while (0)

#define TEST_MAIN(cases)						\
int main(void)								\
{									\
	return run_cases(cases, ARRAY_SIZE(cases));			\
}

#endif /* KVM_NESTED_HARNESS_H */
