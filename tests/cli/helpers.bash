# shellcheck shell=bash disable=SC2034
# What every bats file of the command line starts with: `load helpers` (or
# `load ../cli/helpers`).  Nothing here sleeps: it waits for conditions, and
# every wait has a deadline of $DEADLINE seconds.
#
#	ip ARG...		ipcat in the foreground, killed (137) after LIMIT
#	start NAME VERB ARG...	ipcat in the background, returns when it is ready
#	bg NAME CMD ARG...	any command in the background
#	finish NAME|PID		waits for its end; sets `status`
#	signal SIG NAME|PID	a signal to one process
#	wait_until CMD ARG...	until CMD succeeds
#	wait_for_text TEXT FILE	until FILE holds TEXT
#	alive NAME|PID		still running
#	data SIZE [SEED]	the name of a file with SIZE seeded bytes
#	same A B		the files are equal, else says where they differ
#	size_of FILE		its length
#	has_size FILE N		it has this length
#	stalled PID		it sleeps and stays asleep for a while
#	feed_after FILE N IN	once FILE has N bytes: IN on stdout
#	need CMD...		skips the test when one is not there
#	free_port		a TCP port of 127.0.0.1 that was free just now
#	listens PORT		somebody listens on that TCP port
#	udp_bound PORT		somebody has that UDP port
#	unix_listens PATH	somebody listens on that unix socket
#	peer ARG...		the scripted peer of peer.py, see there
#
# `start` and `bg` leave stdout in $T/NAME.out, stderr in $T/NAME.err and the
# pid in NAME_pid.  stdin is the caller's (`start a send … <file`), and
# /dev/null without one.  Set OUT=FILE for another stdout.  `start` also sets
# NAME_endpoints (an array), NAME_endpoint (its first) and NAME_port (of the
# first tcp endpoint).  Descriptor 3 belongs to bats and is closed in them;
# KEEP3=1 when it was redirected on purpose.
#
# $T is the folder of the test.  A file with a teardown of its own calls
# `cleanup` in it.

bats_require_minimum_version 1.5.0

: "${DEADLINE:=40}" "${LIMIT:=60}"
CLI_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${IPCAT:=${CLI_DIR%/tests/cli}/build/ipcat}"
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3
export IPCAT PYTHON
T=${BATS_TEST_TMPDIR-}
STARTED=()
# A pipe that never has anything to read: `read -t` on it is a short pause.
exec {TICK}<> <(:)
exec </dev/null

pause() {
	read -r -t 0.02 -u "$TICK" _ || :
}

wait_until() {
	local end=$((SECONDS + DEADLINE))
	until "$@"; do
		if [ $SECONDS -ge $end ]; then
			echo "# not within $DEADLINE s: $*" >&2
			return 1
		fi
		pause
	done
}

wait_for_text() {
	wait_until grep -qsF -e "$1" "$2"
}

need() {
	local cmd
	for cmd; do
		command -v "$cmd" >/dev/null || skip "no $cmd here"
	done
}

ip() {
	timeout -s KILL "$LIMIT" "$IPCAT" "$@" {TICK}>&-
}

# The pid behind a name or a pid.
pid_of() {
	case $1 in
	*[!0-9]*)
		local var=${1}_pid
		echo "${!var}"
		;;
	*) echo "$1" ;;
	esac
}

bg() {
	local name=$1 out=${OUT:-$T/$1.out}
	shift
	# Here, so that nobody takes what an earlier one left for an answer.
	[ -p "$out" ] || [ -c "$out" ] || : >"$out"
	if declare -F "$1" >/dev/null; then
		"$@" <&0 >"$out" 2>"$T/$name.err" 3>&- &
	elif [ -n "${KEEP3-}" ]; then
		"$@" <&0 >"$out" 2>"$T/$name.err" {TICK}>&- &
	else
		"$@" <&0 >"$out" 2>"$T/$name.err" 3>&- {TICK}>&- &
	fi
	printf -v "${name}_pid" %s $!
	STARTED+=($!)
}

start() {
	local name=$1 verb=$2 pid ready
	shift 2
	ready=$T/$name.ready
	: >"$ready"
	bg "$name" "$IPCAT" "$verb" --ready-fd 19 "$@" 19>"$ready"
	pid=$(pid_of "$name")
	wait_until ready "$pid" "$ready" || return
	if [ ! -s "$ready" ]; then
		echo "# $name: $verb $* is not ready:" >&2
		cat "$T/$name.err" >&2
		return 1
	fi
	endpoints "$name" "$ready"
}

# Ready: something was reported and the descriptor closed, or it is all over.
ready() {
	[ -s "$2" ] && [ ! -e "/proc/$1/fd/19" ] || ! kill -0 "$1" 2>/dev/null
}

endpoints() {
	local -n list=${1}_endpoints
	local one
	mapfile -t list <"$2"
	printf -v "${1}_endpoint" %s "${list[0]}"
	printf -v "${1}_port" %s ""
	for one in "${list[@]}"; do
		case $one in
		tcp:*)
			printf -v "${1}_port" %s "${one##*:}"
			break
			;;
		esac
	done
}

alive() {
	kill -0 "$(pid_of "$1")" 2>/dev/null
}

ended() {
	! kill -0 "$1" 2>/dev/null
}

signal() {
	kill -s "$1" "$(pid_of "$2")"
}

finish() {
	local pid
	pid=$(pid_of "$1")
	status=0
	if ! wait_until ended "$pid"; then
		kill -s KILL "$pid" || :
		status=137
		echo "# $1 did not end" >&2
		return 1
	fi
	wait "$pid" || status=$?
}

cleanup() {
	local pid f
	if [ -z "${BATS_TEST_COMPLETED-}" ] && [ -z "${BATS_TEST_SKIPPED-}" ]; then
		for f in "$T"/*.err; do
			[ -s "$f" ] && sed "s,^,# ${f##*/}: ," <(head -c 2000 "$f") >&2
		done
	fi
	for pid in "${STARTED[@]}"; do
		kill -s KILL "$pid" 2>/dev/null || :
	done
	for pid in "${STARTED[@]}"; do
		wait "$pid" 2>/dev/null || :
	done
	STARTED=()
}

teardown() {
	cleanup
}

data() {
	local n=$1 seed=${2:-1} f part=$BASHPID
	case $n in
	*k) n=$((${n%k} * 1024)) ;;
	*M) n=$((${n%M} * 1048576)) ;;
	esac
	f=$BATS_FILE_TMPDIR/data.$n.$seed
	if [ ! -e "$f" ]; then
		head -c "$n" /dev/zero | openssl enc -aes-256-ctr -nosalt \
		    -K "$(printf '%064x' "$seed")" -iv "$(printf '%032x' 0)" \
		    >"$f.$part"
		mv "$f.$part" "$f"
	fi
	echo "$f"
}

same() {
	cmp "$1" "$2" >&2
}

size_of() {
	stat -Lc %s "$1"
}

has_size() {
	[ "$(size_of "$1" 2>/dev/null)" = "$2" ]
}

stalled() {
	local before
	before=$(effort "$1")
	for _ in 1 2 3 4 5 6 7 8; do
		pause
	done
	[ "$before" = "$(effort "$1")" ]
}

# How often it ran and for how long.
effort() {
	grep ctxt "/proc/$1/status"
	cut -d' ' -f14,15 "/proc/$1/stat"
}

feed_after() {
	wait_until has_size "$1" "$2"
	cat "$3"
}

free_port() {
	"$PYTHON" -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

listens() {
	grep -qs "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F:]* 0A" \
	    /proc/net/tcp /proc/net/tcp6
}

udp_bound() {
	grep -qs "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") " \
	    /proc/net/udp /proc/net/udp6
}

# Only a listener has the accept flag, 00010000.
unix_listens() {
	grep -qF -e " $1" <(awk '$4 == "00010000"' /proc/net/unix)
}

peer() {
	timeout -s KILL "$LIMIT" "$PYTHON" "$CLI_DIR/peer.py" "$@" {TICK}>&-
}
