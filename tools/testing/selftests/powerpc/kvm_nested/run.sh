#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the tests beside this script, all or those named, and sum up:
#
#	run.sh [TEST ...]	a TEST is a program, with or without _test, or
#				PROGRAM:CASE[,CASE ...]
#
# What cannot run fails; so does what comes after a program that bails out. Ends
# with "N passed, N failed" and that status.

cd "$(dirname "$0")" || exit 2
out=/tmp/kvm_nested.$$
passed=0
failed=0
stuck=

run_one()
{
	case $1 in
	*:*) name=${1%%:*} only=${1#*:} ;;
	*) name=$1 only= ;;
	esac
	name=${name%_test}
	echo "# selftests: powerpc/kvm_nested: ${name}_test"
	if [ "$stuck" ]; then
		echo "not ok 1 $name # not run"
		failed=$((failed + 1))
		return
	fi
	KVM_NESTED_ONLY=$only "./${name}_test" > $out 2>&1
	status=$?
	cat $out
	good=$(grep -c '^ok ' $out)
	bad=$(grep -c '^not ok ' $out)
	grep -q '^Bail out!' $out && stuck=1
	[ $status != 0 ] && [ "$bad" = 0 ] && bad=1
	passed=$((passed + good))
	failed=$((failed + bad))
}

[ $# = 0 ] && set -- $(ls ./*_test | sed 's,^\./,,; s,_test$,,')
for test; do
	run_one "$test"
done
rm -f $out
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
