# Every ordered pair of transports that move messages, through a relay: the
# boundaries survive, whatever the sizes.

load helpers

# What every transport can carry, and what only streams can.
SMALL=(0 1 125 126 127 128 255 256 1400 3)
LARGE=(65534 65535 65536 65537 1048576 9)

frames() {
	"$PYTHON" "$CLI_DIR/frames.py" "$@"
}

# FROM of the relay, TO of the relay, SIZE...: both are endpoints to listen on.
bridge() {
	local from=$1 to=$2
	shift 2
	frames make line "$@" >"$T/in"
	rm -f "$T"/[ab]
	start sink listen -f len32 -n $# "$to"
	start relay relay -f len32 -n $# "$from" "$sink_endpoint"
	ip send -f line -p frame:len32 "$relay_endpoint" <"$T/in"
	finish relay
	[ "$status" = 0 ]
	finish sink
	[ "$status" = 0 ]
	frames check len32 "$@" <"$T/sink.out"
}

STREAMS=(tcp://127.0.0.1:0 unix:)
PACKETS=(unixpacket: unixgram: udp://127.0.0.1:0)

at() {
	case $1 in
	*:) echo "$1$T/$2" ;;
	*) echo "$1" ;;
	esac
}

@test "bridges: every pair, small messages and empty ones" {
	local from to
	for from in "${STREAMS[@]}" "${PACKETS[@]}"; do
		for to in "${STREAMS[@]}" "${PACKETS[@]}"; do
			bridge "$(at "$from" a)" "$(at "$to" b)" "${SMALL[@]}"
		done
	done
}

@test "bridges: local ones, messages that no datagram of a network holds" {
	local from to
	for from in "${STREAMS[@]}" unixpacket: unixgram:; do
		for to in "${STREAMS[@]}" unixpacket: unixgram:; do
			bridge "$(at "$from" a)" "$(at "$to" b)" 65534 65535 \
			    65536 65537 2
		done
	done
}

@test "bridges: streams, messages larger than any buffer" {
	local from to
	for from in "${STREAMS[@]}"; do
		for to in "${STREAMS[@]}"; do
			bridge "$(at "$from" a)" "$(at "$to" b)" \
			    "${SMALL[@]}" "${LARGE[@]}"
		done
	done
}

@test "bridges: every framing on a stream, to and from packets" {
	local f
	for f in nul delim:-- len16 len32 len32le varint netstring json; do
		frames make "$f" 1 125 126 127 128 255 256 65534 65535 5 \
		    >"$T/in"
		rm -f "$T"/[ab]
		start sink listen -f "$f" -n 10 "unixpacket:$T/b"
		start relay relay -f "$f" -n 10 "unixpacket:$T/a" "$sink_endpoint"
		ip send -f "$f" "unixpacket:$T/a" <"$T/in"
		finish relay
		[ "$status" = 0 ]
		finish sink
		frames check "$f" 1 125 126 127 128 255 256 65534 65535 5 \
		    <"$T/sink.out"
	done
}
