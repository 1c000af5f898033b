# Every single call that can run out of descriptors or memory, one after the
# other: whatever fails, ipcat ends by itself, without a signal, says why, and
# exits 0 only when everything was delivered.

load ../cli/helpers

setup() {
	[ -r "$FAULT_SO" ] || skip "no shim: make check-fault builds it"
	export FAULT_LOG=$T/fault.log
	seq 30000 >"$T/in"
}

# One run has ended with $1; its output is $T/out, its messages $T/err.
verdict() {
	local rc=$1 what=$2
	case $rc in
	0) cmp -s "$T/in" "$T/out" || { echo "# $what: exit 0, data lost"; return 1; } ;;
	1 | 3 | 6)
		grep -q '^ipcat' "$T/err" ||
		    { echo "# $what: exit $rc and no reason"; return 1; }
		;;
	*)
		echo "# $what: exit $rc"
		cat "$T/err"
		return 1
		;;
	esac
}

# sweep MODE COMMAND...: the N-th call fails, for every N until there is none.
sweep() {
	local mode=$1 n rc bad=0
	shift
	for ((n = 1; n <= 600; n++)); do
		rm -f "$FAULT_LOG"
		export FAULT=$mode:$n
		rc=0
		"$@" || rc=$?
		[ -e "$FAULT_LOG" ] || break
		verdict "$rc" "$(cat "$FAULT_LOG")" || bad=$((bad + 1))
	done
	echo "# $mode: $((n - 1)) calls failed in turn, $bad badly"
	# Nothing failed in the last run, so it must have delivered.
	[ "$bad" = 0 ] && [ "$n" -gt 3 ] && [ "$rc" = 0 ] && cmp "$T/in" "$T/out"
}

faulty() {
	timeout 20 env LD_PRELOAD="$FAULT_SO" FAULT_ONLY=ipcat \
	    "$IPCAT" "$@" {TICK}>&- 3>&- 2>"$T/err"
}

to_stdout() { faulty relay "$T/in" - >"$T/out"; }
through_child() { faulty send exec:cat <"$T/in" >"$T/out"; }

# A listener that may not even start, and a client that may not get through.
one_client() {
	local rc=0
	rm -f "$T/s" "$T/out"
	faulty listen "unix://$T/s" >"$T/out" 2>"$T/err" &
	STARTED+=($!)
	wait_until stands_or_falls $!
	timeout 20 socat -u "OPEN:$T/in" "UNIX-CONNECT:$T/s" 2>/dev/null 3>&- || :
	wait $! || rc=$?
	return $rc
}
stands_or_falls() { [ -S "$T/s" ] || ! kill -0 "$1" 2>/dev/null; }

@test "descriptors: relay a file to stdout" { sweep emfile to_stdout; }
@test "descriptors: send to a child" { sweep emfile through_child; }
@test "descriptors: listen, one client" { need socat; sweep emfile one_client; }
@test "memory: relay a file to stdout" { sweep enomem to_stdout; }
@test "memory: send to a child" { sweep enomem through_child; }
@test "memory: listen, one client" { need socat; sweep enomem one_client; }
