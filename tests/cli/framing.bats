# Messages keep their ends through every framing, every transport that keeps
# boundaries, and every bridge between them.

load helpers

ALL=(line nul delim:-- len16 len32 len32le varint netstring json)
SIZES=(1 125 126 127 128 3 65534 65535 1)
LONG=(1 65536 65537 1048576 2)

frames() {
	"$PYTHON" "$CLI_DIR/frames.py" "$@"
}

@test "framing: every one to every other, as a filter" {
	local from to
	for from in "${ALL[@]}"; do
		frames make "$from" "${SIZES[@]}" >"$T/in"
		for to in "${ALL[@]}"; do
			ip relay -f "$from" -p "frame:$to" - - <"$T/in" |
			    frames check "$to" "${SIZES[@]}"
		done
	done
}

@test "framing: messages larger than any buffer, and empty ones" {
	local from to
	for from in line len32 netstring varint; do
		frames make "$from" "${LONG[@]}" 0 0 5 0 >"$T/in"
		for to in nul len32le delim:-- varint; do
			ip relay -f "$from" -p "frame:$to" - - <"$T/in" |
			    frames check "$to" "${LONG[@]}" 0 0 5 0
		done
	done
}

@test "framing: over tcp and unix, both ways, with another one on the wire" {
	local e wire
	start srv listen -k -f len32 -p frame:varint --echo tcp://127.0.0.1:0 \
	    "unix:$T/s"
	frames make line "${SIZES[@]}" 0 "${LONG[@]}" >"$T/in"
	for e in "${srv_endpoints[@]}"; do
		ip send -f line -p frame:varint "$e" <"$T/in" |
		    frames check line "${SIZES[@]}" 0 "${LONG[@]}"
	done
}

@test "framing: chunk:N cuts the input, raw takes all of it" {
	run -0 ip relay -f chunk:3 -p frame:line - - < <(printf abcdefgh)
	[ "$output" = $'abc\ndef\ngh' ]
	run -0 ip relay -f raw -p frame:netstring - - < <(printf 'a\nb\n')
	[ "$output" = $'4:a\nb\n,' ]
	[ -z "$(ip relay -f raw -p frame:netstring - - </dev/null)" ]
}

@test "framing: a last line without its end stays one; crlf" {
	[ "$(printf 'a\nb' | ip relay -f line - - | od -An -c)" = \
	    "$(printf 'a\nb' | od -An -c)" ]
	[ "$(printf 'a\nb' | ip relay --delimiter -- - - 2>&1 | od -An -c)" = \
	    "$(printf 'a\nb' | od -An -c)" ]
	start srv listen -f line -C tcp://127.0.0.1:0
	printf 'a\nb\n' | ip send -f line -C "$srv_endpoint"
	finish srv
	[ "$(cat "$T/srv.out")" = $'a\nb' ]
	start srv listen tcp://127.0.0.1:0
	printf 'a\n' | ip send -f line --crlf "$srv_endpoint"
	finish srv
	[ "$(od -An -c <"$T/srv.out")" = "$(printf 'a\r\n' | od -An -c)" ]
}

# Between lines at one side and a message transport at the other, and back.
@test "bridge: every message transport and every stream" {
	local e to wire
	start srv listen -k --echo "unixpacket:$T/p" "unixgram:$T/g" \
	    udp://127.0.0.1:0
	start net listen -k -f len32 --echo tcp://127.0.0.1:0 "unix:$T/u"
	frames make line 1 125 126 127 128 1400 5 >"$T/in"
	for to in "${srv_endpoints[@]}" "${net_endpoints[@]}"; do
		for e in "unixpacket:$T/b1" "unix:$T/b2" tcp://127.0.0.1:0; do
			bridge "$e" "$to"
		done
	done
}

# -n 7: the answers to those are waited for, where somebody can end.
bridge() {
	local n=(-n 7) ended=0
	case $2 in
	udp*|unixgram*) n=() ended=143 ;;
	esac
	start bridge relay "${n[@]}" -f len32 "$1" "$2"
	ip send -f line -p frame:len32 -R -t 20s "$bridge_endpoint" \
	    <"$T/in" | frames check line 1 125 126 127 128 1400 5
	[ ${#n[@]} != 0 ] || signal TERM bridge
	finish bridge
	[ "$status" = "$ended" ]
}

@test "bridge: datagrams in, a stream out; as large as they may be" {
	start srv listen -f len32 -n 5 tcp://127.0.0.1:0
	start bridge relay -n 5 -f len32 "unixgram:$T/g" "$srv_endpoint"
	frames make line 1 65536 0 200000 7 >"$T/in"
	ip send -f line "unixgram:$T/g" <"$T/in"
	finish bridge
	[ "$status" = 0 ]
	finish srv
	frames check len32 1 65536 0 200000 7 <"$T/srv.out"
}

@test "bridge: fifo, file and child" {
	frames make netstring "${SIZES[@]}" >"$T/in"
	ip relay -f netstring -p frame:len32 "file:$T/in" "file:$T/out"
	frames check len32 "${SIZES[@]}" <"$T/out"
	ip relay -f len32 -p frame:len32 "file:$T/out" "exec:cat" | cat >"$T/back"
	frames check len32 "${SIZES[@]}" <"$T/back" || [ ! -s "$T/back" ]
	start srv listen -k -f len32 -p frame:nul -c cat tcp://127.0.0.1:0
	ip send -f len32 -p frame:nul "$srv_endpoint" <"$T/out" >"$T/back"
	frames check len32 "${SIZES[@]}" <"$T/back"
}

@test "unixpacket: an empty message is no end" {
	start srv listen -k --echo "unixpacket:$T/p"
	run -0 ip send -f line "unixpacket:$T/p" < <(printf 'a\n\nb\n')
	[ "$output" = $'a\n\nb' ]
}

@test "udp: too long for a datagram is an error that says so" {
	start srv listen -k --echo udp://127.0.0.1:0
	frames make line 70000 >"$T/in"
	run -3 ip send -f line "$srv_endpoint" <"$T/in"
	[[ $output == *"message 1 at offset 0: 70000 bytes are more than one message"* ]]
}

@test "udp: each sender gets its own answers" {
	local i
	start srv listen -k --echo udp://127.0.0.1:0
	for i in 1 2 3 4; do
		seq "$i" "$i" 400 >"$T/in$i"
		OUT=$T/out$i bg "s$i" "$IPCAT" send -R --in-flight 8 -t 20s \
		    -f line "$srv_endpoint" <"$T/in$i"
	done
	for i in 1 2 3 4; do
		finish "s$i"
		[ "$status" = 0 ]
		same "$T/in$i" "$T/out$i"
	done
}

@test "one stdout for many clients: no message is mixed with another" {
	local i
	start srv listen -k -f line tcp://127.0.0.1:0
	for i in {1..12}; do
		yes "$(printf "%0*d" $((i * 700)) "$i")" | head -n 200 >"$T/in$i"
		bg "c$i" "$IPCAT" send -f line "$srv_endpoint" <"$T/in$i"
	done
	for i in {1..12}; do
		finish "c$i"
		[ "$status" = 0 ]
	done
	cat "$T"/in* >"$T/all"
	wait_until has_size "$T/srv.out" "$(size_of "$T/all")"
	cmp <(sort "$T/all") <(sort "$T/srv.out")
}
