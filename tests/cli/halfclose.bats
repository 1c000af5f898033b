# Half-close: who ends first, with 10 MiB each way, for send, listen and relay
# over tcp and unix.  Every byte arrives whoever ends first; a cut is exit 3
# with counts, and a relay passes it on.

load helpers

setup() {
	A=$(data 10M 1)
	B=$(data 10M 2)
	SIZE=10485760
}

# far NET STEP...: a listening peer; sets FAR to an endpoint that reaches it.
far() {
	local net=$1 where
	shift
	case $net in
	tcp) where=0 ;;
	unix) where=unix:$T/far.sock ;;
	esac
	OUT=$T/far.out bg far peer listen "$where" "$@"
	wait_until test -s "$T/far.out"
	case $net in
	tcp) FAR=tcp://127.0.0.1:$(head -n 1 "$T/far.out") ;;
	unix) FAR=unix:$T/far.sock ;;
	esac
}

# near ENDPOINT STEP...: a peer that connects to what ipcat reported.
near() {
	local where
	case $1 in
	tcp:*) where=${1#tcp://} ;;
	unix:*) where=unix:${1#unix:} ;;
	esac
	shift
	bg near peer connect "$where" "$@"
}

local_endpoint() {
	case $1 in
	tcp) echo tcp://127.0.0.1:0 ;;
	unix) echo "unix:$T/near.sock" ;;
	esac
}

ends() {
	finish "$1"
	[ "$status" = "${2:-0}" ] || {
		echo "# $1: exit $status, expected ${2:-0}" >&2
		return 1
	}
}

# The message names how much came and went.
counts() {
	grep -E '[0-9]+ bytes' "$1" || {
		echo "# no counts: $(cat "$1")" >&2
		return 1
	}
}

# FILE is how WHOLE begins.
prefix() {
	cmp -n "$(size_of "$1")" "$1" "$2" >&2
}

# --- send ----------------------------------------------------------------------

send_ends_first() {
	far "$1" "recv:$T/got" "send:$B" close
	OUT=$T/back bg send "$IPCAT" send "$FAR" <"$A"
	ends send
	ends far
	same "$A" "$T/got"
	same "$B" "$T/back"
}

send_ends_last() {
	far "$1" "send:$B" shut "recv:$T/got"
	: >"$T/back"
	mkfifo "$T/in"
	OUT=$T/in bg feed feed_after "$T/back" "$SIZE" "$A"
	OUT=$T/back bg send "$IPCAT" send "$FAR" <"$T/in"
	ends send
	ends far
	same "$A" "$T/got"
	same "$B" "$T/back"
}

send_both() {
	far "$1" "both:$B:$T/got"
	OUT=$T/back bg send "$IPCAT" send "$FAR" <"$A"
	ends send
	ends far
	same "$A" "$T/got"
	same "$B" "$T/back"
}

@test "half-close: send over tcp, our end first" {
	send_ends_first tcp
}

@test "half-close: send over unix, our end first" {
	send_ends_first unix
}

@test "half-close: send over tcp, the peer's end first" {
	send_ends_last tcp
}

@test "half-close: send over unix, the peer's end first" {
	send_ends_last unix
}

@test "half-close: send over tcp, both at once" {
	send_both tcp
}

@test "half-close: send over unix, both at once" {
	send_both unix
}

@test "half-close: send, a reset with 10 MiB queued is exit 3 with counts" {
	far tcp "recv:$T/got:1000000" rst
	OUT=$T/back bg send "$IPCAT" send "$FAR" <"$A"
	ends send 3
	counts "$T/send.err"
	ends far
}

@test "half-close: send, a unix peer that closes without reading all is exit 3" {
	far unix "recv:$T/got:1000000" close
	OUT=$T/back bg send "$IPCAT" send "$FAR" <"$A"
	ends send 3
	counts "$T/send.err"
	ends far
}

@test "half-close: send, a reset while both sides are idle is exit 3" {
	far tcp "say:hello" "wait:$T/heard" rst
	mkfifo "$T/in"
	exec 7<>"$T/in"
	OUT=$T/back bg send "$IPCAT" send "$FAR" <"$T/in"
	wait_for_text hello "$T/back"
	touch "$T/heard"
	ends send 3
	counts "$T/send.err"
	[ "$(cat "$T/back")" = hello ]
	exec 7>&-
}

@test "half-close: send, a reset after our end is exit 3" {
	far tcp "recv:$T/got" "say:half" "wait:$T/heard" rst
	OUT=$T/back bg send "$IPCAT" send "$FAR" <"$A"
	wait_for_text half "$T/back"
	touch "$T/heard"
	ends send 3
	counts "$T/send.err"
	same "$A" "$T/got"
}

@test "half-close: send, what came before a reset is delivered" {
	far tcp "send:$B" "wait:$T/heard" rst
	: >"$T/back"
	mkfifo "$T/in"
	exec 7<>"$T/in"
	OUT=$T/back bg send "$IPCAT" send "$FAR" <"$T/in"
	wait_until has_size "$T/back" "$SIZE"
	touch "$T/heard"
	ends send 3
	grep -qF "$SIZE bytes" "$T/send.err"
	same "$B" "$T/back"
	exec 7>&-
}

# --- listen ----------------------------------------------------------------------

listen_ends_first() {
	OUT=$T/got start listen listen "$(local_endpoint "$1")" <"$B"
	near "$listen_endpoint" "recv:$T/back" "send:$A" close
	ends near
	ends listen
	same "$A" "$T/got"
	same "$B" "$T/back"
}

listen_ends_last() {
	mkfifo "$T/in"
	: >"$T/got"
	OUT=$T/in bg feed feed_after "$T/got" "$SIZE" "$B"
	OUT=$T/got start listen listen "$(local_endpoint "$1")" <"$T/in"
	near "$listen_endpoint" "send:$A" shut "recv:$T/back"
	ends near
	ends listen
	same "$A" "$T/got"
	same "$B" "$T/back"
}

listen_both() {
	OUT=$T/got start listen listen "$(local_endpoint "$1")" <"$B"
	near "$listen_endpoint" "both:$A:$T/back"
	ends near
	ends listen
	same "$A" "$T/got"
	same "$B" "$T/back"
}

@test "half-close: listen over tcp, our end first" {
	listen_ends_first tcp
}

@test "half-close: listen over unix, our end first" {
	listen_ends_first unix
}

@test "half-close: listen over tcp, the peer's end first" {
	listen_ends_last tcp
}

@test "half-close: listen over unix, the peer's end first" {
	listen_ends_last unix
}

@test "half-close: listen over tcp, both at once" {
	listen_both tcp
}

@test "half-close: listen over unix, both at once" {
	listen_both unix
}

@test "half-close: listen, a reset with 10 MiB queued is exit 3 with counts" {
	OUT=$T/got start listen listen tcp://127.0.0.1:0 <"$B"
	near "$listen_endpoint" "recv:$T/back:1000000" rst
	ends near
	ends listen 3
	counts "$T/listen.err"
}

@test "half-close: listen, a reset in the middle of input is exit 3" {
	: >"$T/got"
	OUT=$T/got start listen listen tcp://127.0.0.1:0
	near "$listen_endpoint" "send:$A" "wait:$T/heard" rst
	wait_until has_size "$T/got" "$SIZE"
	touch "$T/heard"
	ends near
	ends listen 3
	grep -qF "$SIZE bytes" "$T/listen.err"
	same "$A" "$T/got"
}

@test "half-close: listen, a unix peer that closes without reading all is exit 3" {
	OUT=$T/got start listen listen "unix:$T/near.sock" <"$B"
	near "$listen_endpoint" "recv:$T/back:1000000" close
	ends near
	ends listen 3
	counts "$T/listen.err"
}

@test "half-close: listen --echo gives 10 MiB back and then ends" {
	start listen listen --echo tcp://127.0.0.1:0
	near "$listen_endpoint" "both:$A:$T/back"
	ends near
	ends listen
	same "$A" "$T/back"
}

# --- relay -----------------------------------------------------------------------

# relay_case FROM TO NEAR-STEPS -- FAR-STEPS
relay_case() {
	local from=$1 to=$2 steps=()
	shift 2
	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	shift
	far "$to" "$@"
	start relay relay -n 1 "$(local_endpoint "$from")" "$FAR"
	near "$relay_endpoint" "${steps[@]}"
}

relay_orders() {
	rm -f "$T"/got "$T"/back "$T"/*.sock
	relay_case "$1" "$2" "send:$A" shut "recv:$T/back" \
	    -- "recv:$T/got" "send:$B" close
	delivered
	relay_case "$1" "$2" "recv:$T/back" "send:$A" close \
	    -- "send:$B" shut "recv:$T/got"
	delivered
	relay_case "$1" "$2" "both:$A:$T/back" -- "both:$B:$T/got"
	delivered
	# Both have everything queued before either reads.
	relay_case "$1" "$2" "mark:$T/a" "both:$A:$T/back" \
	    -- "wait:$T/a" "both:$B:$T/got"
	delivered
}

delivered() {
	ends near
	ends far
	ends relay
	same "$A" "$T/got"
	same "$B" "$T/back"
	[ ! -s "$T/relay.err" ]
	rm -f "$T"/got "$T"/back "$T"/*.sock
}

@test "half-close: relay tcp to tcp, whoever ends first" {
	relay_orders tcp tcp
}

@test "half-close: relay unix to unix, whoever ends first" {
	relay_orders unix unix
}

@test "half-close: relay tcp to unix, whoever ends first" {
	relay_orders tcp unix
}

@test "half-close: relay unix to tcp, whoever ends first" {
	relay_orders unix tcp
}

@test "half-close: relay that records, both at once" {
	far tcp "both:$B:$T/got"
	start relay relay -n 1 -o "$T/record" tcp://127.0.0.1:0 "$FAR"
	near "$relay_endpoint" "both:$A:$T/back"
	delivered
}

@test "half-close: relay passes a reset of the client on" {
	relay_case tcp tcp "send:$A" "wait:$T/heard" rst -- "recv:$T/got"
	: >>"$T/got"
	wait_until has_size "$T/got" "$SIZE"
	touch "$T/heard"
	ends near
	ends far
	grep -qxF "reset $SIZE" "$T/far.out"
	ends relay 3
	counts "$T/relay.err"
	same "$A" "$T/got"
}

@test "half-close: relay passes a reset of the target on" {
	relay_case tcp tcp "recv:$T/back" -- "send:$B" "wait:$T/heard" rst
	: >>"$T/back"
	wait_until has_size "$T/back" "$SIZE"
	touch "$T/heard"
	ends far
	ends near
	grep -qxF "reset $SIZE" "$T/near.out"
	ends relay 3
	counts "$T/relay.err"
	same "$B" "$T/back"
}

@test "half-close: relay passes a reset on after the other side has ended" {
	relay_case tcp tcp shut "recv:$T/back" \
	    -- "recv:$T/got" "send:$B" "wait:$T/heard" rst
	: >>"$T/back"
	wait_until has_size "$T/back" "$SIZE"
	touch "$T/heard"
	ends near
	grep -qxF "reset $SIZE" "$T/near.out"
	ends relay 3
}

@test "half-close: relay, a reset with 10 MiB on the way to it" {
	relay_case tcp tcp "send:$A" "recv:$T/back" -- "recv:$T/got:1000000" rst
	finish near
	ends far
	ends relay 3
	counts "$T/relay.err"
	prefix "$T/got" "$A"
}

@test "half-close: relay, a client is cut while the target does not read" {
	relay_case tcp tcp "some:$A" "mark:$T/full" "wait:$T/go" rst \
	    -- "wait:$T/read" "recv:$T/got"
	wait_until test -e "$T/full"
	wait_until stalled "$relay_pid"
	touch "$T/go"
	ends near
	# What it took is still owed, and costs nothing to keep.
	alive relay
	touch "$T/read"
	ends far
	ends relay 3
	grep -q '^reset' "$T/far.out"
	[ -s "$T/got" ]
	prefix "$T/got" "$A"
}

@test "half-close: relay, a unix client that breaks off is a reset for tcp" {
	# A unix socket that is closed with unread input is reset.
	relay_case unix tcp "say:hello" "recv:$T/back:1000" close \
	    -- "send:$B" "recv:$T/got"
	ends near
	ends relay 3
	counts "$T/relay.err"
	finish far
	[ "$(cat "$T/got")" = hello ] || [ ! -e "$T/got" ]
	! grep -q '^end' "$T/far.out"
}

@test "half-close: one cut connection does not disturb the others of a relay" {
	OUT=$T/echo.out start echo listen -k --echo tcp://127.0.0.1:0
	start relay relay tcp://127.0.0.1:0 "$echo_endpoint"
	near "$relay_endpoint" "say:x" "recv:$T/x:1" "wait:$T/go" rst
	bg other peer connect "${relay_endpoint#tcp://}" "say:y" "recv:$T/y:1" \
	    "mark:$T/go" "wait:$T/gone" "both:$A:$T/back"
	ends near
	touch "$T/gone"
	ends other
	same "$A" "$T/back"
	alive relay
	alive echo
}
