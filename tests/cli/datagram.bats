# Datagrams: who gets them, who is answered, what is lost, and that each loss
# is told.

load helpers

dgram() {
	"$PYTHON" "$CLI_DIR/dgram.py" "$@"
}

lines_are() {
	[ "$(wc -l <"$2")" = "$1" ]
}

port() {
	echo "${1##*:}"
}

have_ipv6() {
	[ -s /proc/net/if_inet6 ] || skip "no IPv6 here"
}

# ---------------------------------------------------------------- one way

@test "udp: a listener ends with a signal, after what has come" {
	local keep
	for keep in '' --keep; do
		start srv listen ${keep:+"$keep"} --framing line udp://127.0.0.1:0
		seq 100 >"$T/in"
		ip send --framing line "$srv_endpoint" <"$T/in"
		wait_until lines_are 100 "$T/srv.out"
		signal TERM srv
		finish srv
		[ "$status" = 143 ]
		same "$T/in" "$T/srv.out"
	done
}

@test "udp: what waits in the socket at the signal is delivered" {
	start srv listen --framing line udp://127.0.0.1:0
	signal STOP srv
	seq 20 >"$T/in"
	ip send --framing line "$srv_endpoint" <"$T/in"
	signal TERM srv
	signal CONT srv
	finish srv
	[ "$status" = 143 ]
	same "$T/in" "$T/srv.out"
}

@test "udp: empty messages, from the command line and back" {
	start srv listen --keep --echo udp://127.0.0.1:0
	run -0 ip send --request --timeout 20s --framing netstring \
	    --message '' --message a --message '' "$srv_endpoint"
	[ "$output" = '0:,1:a,0:,' ]
}

@test "udp: IPv6" {
	have_ipv6
	start srv listen --keep --echo 'udp://[::1]:0'
	run -0 ip send --request --timeout 20s --message six "$srv_endpoint"
	[ "$output" = six ]
	start all listen --keep --echo udp://:0
	run -0 ip send --request --timeout 20s --message four \
	    "udp://127.0.0.1:$(port "$all_endpoint")"
	[ "$output" = four ]
	run -0 ip send --request --timeout 20s --message six \
	    "udp://[::1]:$(port "$all_endpoint")"
	[ "$output" = six ]
}

@test "udp: a file for each message" {
	mkdir "$T/d"
	start srv listen --number 3 --out-dir "$T/d" udp://127.0.0.1:0
	ip send --message one --message '' --message three "$srv_endpoint"
	finish srv
	[ "$status" = 0 ]
	[ "$(cd "$T/d" && echo ./*)" = \
	    "./0000000001 ./0000000002 ./0000000003" ]
	[ "$(cat "$T/d/0000000001")" = one ]
	[ ! -s "$T/d/0000000002" ]
	run -2 ip listen --out-dir "$T/none" udp://127.0.0.1:0
	[[ $output == *"not a directory"* ]]
}

# ---------------------------------------------------------------- answers

@test "udp: the answer comes from the address that was asked" {
	local host
	start srv listen --ipv4 --keep --echo udp://:0
	for host in 127.0.0.1 127.0.0.2 127.1.2.3; do
		run -0 ip send --request --timeout 20s --message "$host" \
		    "udp://$host:$(port "$srv_endpoint")"
		[ "$output" = "$host" ]
	done
}

@test "udp: what is not an answer to one goes to the newest sender" {
	mkfifo "$T/in"
	start srv listen --framing line udp://127.0.0.1:0 <>"$T/in"
	echo early >"$T/in"
	ip send --framing line --request --timeout 20s --message hello \
	    "$srv_endpoint" >"$T/out"
	[ "$(cat "$T/out")" = early ]
	[ "$(cat "$T/srv.out")" = hello ]
}

@test "udp: each message can say who sent it" {
	start srv listen --number 2 --format '%s %a\n' udp://127.0.0.1:0
	ip send --message one "$srv_endpoint?local=127.0.0.1"
	wait_for_text one "$T/srv.out"
	ip send --message two "$srv_endpoint?local=127.0.0.2"
	finish srv
	[[ $(sed -n 1p "$T/srv.out") == "one "*"(peer 127.0.0.1:"* ]]
	[[ $(sed -n 2p "$T/srv.out") == "two "*"(peer 127.0.0.2:"* ]]
}

@test "udp, -k: the socket outlives its child, and what waits in it" {
	local n
	start srv listen --keep --verbose --framing line \
	    --command 'head -n 1' udp://127.0.0.1:0
	for n in 1 2 3; do
		run -0 ip send --request --timeout 20s --framing line \
		    --message "$n" "$srv_endpoint"
		[ "$output" = "$n" ]
		# What is written to a child that is about to end is lost.
		wait_for_text "closed connection $n:" "$T/srv.err"
	done
	signal TERM srv
	finish srv
	[ "$status" = 143 ]
}

@test "unixgram: a sender without a name is not answered with others' messages" {
	start srv listen --keep --echo "unixgram:$T/g"
	dgram nameless "$T/g" secret1 secret2
	run -0 ip send --request --timeout 20s --message mine "unixgram:$T/g"
	[ "$output" = mine ]
	wait_for_text "somebody without a name" "$T/srv.err"
	alive srv
}

@test "unixgram: a client that does not read its answers yet loses none" {
	start srv listen --keep --echo "unixgram:$T/g"
	dgram flood "$T/g" 2000
	alive srv
}

@test "unixgram: a client that has gone does not end the server" {
	start srv listen --keep --echo "unixgram:$T/g"
	signal STOP srv
	ip send --message gone "unixgram:$T/g"
	signal CONT srv
	run -0 ip send --request --timeout 20s --message here "unixgram:$T/g"
	[ "$output" = here ]
	wait_for_text "cannot answer unix pid=" "$T/srv.err"
	alive srv
}

@test "udp, -k: what a child does not take is told" {
	start srv listen --keep --framing line --command 'exec sleep 60 <&-' \
	    udp://127.0.0.1:0
	wait_until child_closed "$srv_pid"
	ip send --message a --message b "$srv_endpoint"
	wait_for_text "the handler took no more: message 1 is lost" "$T/srv.err"
}

# Its child has no standard input any more.
child_closed() {
	local c
	for c in $(cat "/proc/$1/task/$1/children"); do
		[ "$(cat "/proc/$c/comm")" = sleep ] && return
	done
	return 1
}

# ---------------------------------------------------------------- rules

@test "udp: --allow and --deny hold for each datagram" {
	start srv listen --keep --stats --framing line --allow 127.0.0.2 \
	    udp://127.0.0.1:0
	ip send --message no "$srv_endpoint?local=127.0.0.1"
	ip send --message yes "$srv_endpoint?local=127.0.0.2"
	wait_for_text yes "$T/srv.out"
	signal TERM srv
	finish srv
	[ "$(cat "$T/srv.out")" = yes ]
	grep -q ' 1 refused' "$T/srv.err"
	start srv listen --keep --framing line --deny 127.0.0.1 udp://:0
	ip send --message no "udp://127.0.0.1:$(port "$srv_endpoint")?local=127.0.0.1"
	ip send --message yes "udp://127.0.0.1:$(port "$srv_endpoint")?local=127.0.0.3"
	wait_for_text yes "$T/srv.out"
	[ "$(cat "$T/srv.out")" = yes ]
}

@test "unixgram: rules look at the credentials of each message" {
	start srv listen --keep --framing line --allow "uid=$(id -u)" \
	    "unixgram:$T/g"
	start other listen --keep --verbose --framing line \
	    --allow "uid=$(($(id -u) + 1))" "unixgram:$T/h"
	ip send --message yes "unixgram:$T/g"
	wait_for_text yes "$T/srv.out"
	ip send --message no "unixgram:$T/h"
	dgram nameless "$T/h" no
	wait_until refusals 2
	[ ! -s "$T/other.out" ]
}

refusals() {
	[ "$(grep -c "refused a message of unix pid=[0-9]* uid=$(id -u)" \
	    "$T/other.err")" = "$1" ]
}

@test "rules on what cannot tell its peers are refused" {
	run -2 ip listen --allow uid=0 "fifo:$T/f"
	[[ $output == *"cannot tell who writes to a fifo"* ]]
	[ ! -e "$T/f" ]
	run -2 ip listen --deny all "pty:$T/p"
	[[ $output == *"cannot tell who writes to a pty"* ]]
}

# ---------------------------------------------------------------- losses

@test "udp: what this system drops is counted, told once, and exit 3" {
	local i
	start srv listen --keep --stats --framing line \
	    'udp://127.0.0.1:0?rcvbuf=4k'
	signal STOP srv
	seq 1000 | ip send --framing line "$srv_endpoint"
	signal CONT srv
	wait_for_text 1 "$T/srv.out"
	# A second burst, for which there is no second line.
	signal STOP srv
	seq 1000 | ip send --framing line "$srv_endpoint"
	signal CONT srv
	signal TERM srv
	finish srv
	[ "$status" = 3 ]
	[ "$(grep -c 'this system drops messages' "$T/srv.err")" = 1 ]
	i=$(grep -o '[0-9]* lost by the kernel' "$T/srv.err" | cut -d' ' -f1)
	[ "$((i + $(wc -l <"$T/srv.out")))" = 2000 ]
	grep -q "$i messages were lost" "$T/srv.err"
	grep -q 'fix: .*rcvbuf=' "$T/srv.err"
}

@test "udp: a deadline does not hide a loss" {
	start srv listen --keep --framing line --timeout 1s \
	    'udp://127.0.0.1:0?rcvbuf=4k'
	signal STOP srv
	seq 1000 | ip send --framing line "$srv_endpoint"
	signal CONT srv
	finish srv
	[ "$status" = 3 ]
}

@test "udp: longer than --max-message is told, and does not end what serves" {
	start srv listen --framing line --max-message 100 udp://127.0.0.1:0
	signal STOP srv
	dgram say "$(port "$srv_endpoint")" 100 101 5
	signal CONT srv
	finish srv
	[ "$status" = 3 ]
	grep -q 'message 2: .*longer than --max-message: 101 bytes' "$T/srv.err"
	has_size "$T/srv.out" 101
	start srv listen --framing line --max-message 100 --on-error skip \
	    --number 2 udp://127.0.0.1:0
	dgram say "$(port "$srv_endpoint")" 100 101 5
	finish srv
	[ "$status" = 3 ]
	has_size "$T/srv.out" 107
	start srv listen --keep --framing line --max-message 100 \
	    udp://127.0.0.1:0
	dgram say "$(port "$srv_endpoint")" 101 5
	wait_until has_size "$T/srv.out" 6
	alive srv
}

@test "udp: 65507 bytes go, 65508 are refused, and the others go on" {
	local n=(1 65507 65508 2)
	start srv listen --number 3 --framing len32 \
	    'udp://127.0.0.1:0?rcvbuf=1M'
	"$PYTHON" "$CLI_DIR/frames.py" make line "${n[@]}" >"$T/in"
	run -3 ip send --framing line --on-error skip "$srv_endpoint" <"$T/in"
	[[ $output == *"message 3"*": 65508 bytes are more than one message"* ]]
	[[ $output == *"fix: "*stream* ]]
	finish srv
	[ "$status" = 0 ]
	"$PYTHON" "$CLI_DIR/frames.py" check len32 1 65507 65508 2 <"$T/srv.out" \
	    2>"$T/why" && false
	# Message 4 is numbered 3 there: by its place in what arrives.
	has_size "$T/srv.out" $((4 + 1 + 4 + 65507 + 4 + 2))
}

@test "udp: nobody there is no success" {
	local e
	start srv listen --keep udp://127.0.0.1:0
	e=$srv_endpoint
	signal TERM srv
	finish srv
	run -3 ip send --message lost "$e"
	[[ $output == *"connection refused"* ]]
	run ip send --request --timeout 20s --message lost "$e"
	[[ $status == [13] ]]
	[[ $output == *"connection refused"* ]]
}

@test "unixgram: nobody there, a dead file, and one that dies meanwhile" {
	run -1 ip send --message lost "unixgram:$T/none"
	[[ $output == *"no such file"* ]]
	start srv listen --keep "unixgram:$T/g"
	signal KILL srv
	finish srv
	run -1 ip send --message lost "unixgram:$T/g"
	[[ $output == *"connection refused"* ]]
	# A dead file is replaced.
	start srv listen --keep --framing line "unixgram:$T/g"
	mkfifo "$T/in"
	bg snd "$IPCAT" send --framing line "unixgram:$T/g" <>"$T/in"
	echo one >"$T/in"
	wait_for_text one "$T/srv.out"
	signal KILL srv
	finish srv
	echo two >"$T/in"
	finish snd
	[ "$status" = 3 ]
	grep -q 'cannot deliver' "$T/snd.err"
}

# ---------------------------------------------------------------- many

@test "udp: multicast to all members, from one interface, one source" {
	local p
	"$IPCAT" listen --timeout 1ms 'udp://239.255.42.99:0?iface=lo' \
	    2>/dev/null || [ $? = 124 ] || skip "no multicast here"
	start a listen --number 1 --framing line \
	    'udp://239.255.42.99:0?iface=lo'
	p=$(port "$a_endpoint")
	start b listen --number 1 --framing line \
	    "udp://239.255.42.99:$p?iface=lo"
	# This one wants another sender: it gets only what is for it alone.
	start c listen --number 1 --framing line \
	    "udp://127.0.0.1:$p?group=239.255.42.99&source=127.0.0.9&iface=lo"
	ip send --message all "udp://239.255.42.99:$p?iface=lo&local=127.0.0.1"
	finish a
	finish b
	[ "$(cat "$T/a.out" "$T/b.out")" = $'all\nall' ]
	ip send --message alone "udp://127.0.0.1:$p"
	finish c
	[ "$(cat "$T/c.out")" = alone ]
}

@test "udp: lines from a relay to a group; answers come back" {
	"$IPCAT" listen --timeout 1ms 'udp://239.255.42.98:0?iface=lo' \
	    2>/dev/null || [ $? = 124 ] || skip "no multicast here"
	start srv listen --keep --echo 'udp://239.255.42.98:0?iface=lo'
	start mid relay udp://127.0.0.1:0 "$srv_endpoint?iface=lo"
	run -0 ip send --request --timeout 20s --message over "$mid_endpoint"
	[ "$output" = over ]
}

@test "udp: time to live" {
	bg rx dgram ttl 0
	wait_until test -s "$T/rx.out"
	ip send --message x "udp://127.0.0.1:$(cat "$T/rx.out")?ttl=7"
	finish rx
	[ "$(tail -n 1 "$T/rx.out")" = 7 ]
	bg rx dgram ttl 239.255.42.97:0
	wait_until test -s "$T/rx.out" || skip "no multicast here"
	ip send --message x \
	    "udp://239.255.42.97:$(head -n 1 "$T/rx.out")?iface=lo"
	finish rx
	[ "$(tail -n 1 "$T/rx.out")" = 1 ]
	bg rx dgram ttl 239.255.42.97:0
	wait_until test -s "$T/rx.out"
	ip send --message x \
	    "udp://239.255.42.97:$(head -n 1 "$T/rx.out")?iface=lo&ttl=9"
	finish rx
	[ "$(tail -n 1 "$T/rx.out")" = 9 ]
}

@test "udp: broadcast only when it is asked for" {
	local e
	start srv listen --ipv4 --number 1 --framing line udp://:0
	e=udp://127.255.255.255:$(port "$srv_endpoint")
	run -1 ip send --message x "$e"
	[[ $output == *"fix: "*"?broadcast"* ]]
	ip send --message everybody "$e?broadcast"
	finish srv
	[ "$(cat "$T/srv.out")" = everybody ]
}

# ---------------------------------------------------------------- pressure

@test "unixgram and unixpacket: a full receiver makes the sender wait; nothing is lost" {
	local e
	seq -f '%0500g' 5000 >"$T/in"
	for e in "unixgram:$T/g" "unixpacket:$T/p"; do
		start srv listen --framing line --number 5000 "$e"
		signal STOP srv
		bg snd "$IPCAT" send --framing line "$e" <"$T/in"
		wait_until stalled "$snd_pid"
		alive snd
		signal CONT srv
		finish snd
		[ "$status" = 0 ]
		finish srv
		[ "$status" = 0 ]
		same "$T/in" "$T/srv.out"
	done
}

@test "unixpacket to tcp: a bridge keeps what is one message" {
	local n=(0 1 300 0 65536 2)
	start srv listen --keep --framing len32 --echo tcp://127.0.0.1:0
	start mid relay --framing len32 "unixpacket:$T/p" "$srv_endpoint"
	"$PYTHON" "$CLI_DIR/frames.py" make netstring "${n[@]}" >"$T/in"
	ip send --framing netstring "unixpacket:$T/p" <"$T/in" >"$T/out"
	same "$T/in" "$T/out"
	# The file is no plain relay's business: lines that are no frames.
	start srv listen --number 1 --framing len32 tcp://127.0.0.1:0
	start cut relay "unixpacket:$T/q" "$srv_endpoint"
	ip send --message $'a\nb' --framing len32 "unixpacket:$T/q" || :
	wait_for_text "message 1" "$T/cut.err"
}
