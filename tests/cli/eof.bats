# The EOF contract on every transport: our input ended, everything queued is
# delivered, the writing half is closed, and reading goes on until the peer
# ends.  No timer.

load helpers

setup() {
	A=$(data 1M 1)
	B=$(data 1M 2)
	: >"$T/got"
	: >"$T/back"
}

# What a peer does that speaks only after it heard the end: everything it hears
# goes to got, $T/ended is made, then it waits for $T/go and says B.
late_peer() {
	cat >"$T/late" <<-SH
	#!/bin/sh
	cat >"$T/got"
	: >"$T/ended"
	read go <"$T/go"
	cat "$B"
	SH
	chmod +x "$T/late"
	mkfifo "$T/go"
}

# The peer heard the end, ipcat is still there and heard nothing yet.
halfway() {
	wait_until test -e "$T/ended"
	same "$A" "$T/got"
	alive "$1"
	[ ! -s "$T/back" ]
	echo go >"$T/go"
}

answered() {
	finish "$1"
	[ "$status" = 0 ]
	same "$B" "$T/back"
	[ ! -s "$T/$1.err" ]
}

# send TO a late peer: ENDPOINT
send_late() {
	OUT=$T/back bg send "$IPCAT" send "$1" <"$A"
	halfway send
	answered send
}

@test "eof: send over tcp" {
	late_peer
	start srv listen tcp://127.0.0.1:0 -e "$T/late"
	send_late "$srv_endpoint"
	answered_by srv
}

@test "eof: send over tcp, IPv6" {
	late_peer
	start srv listen 'tcp://[::1]:0' -e "$T/late"
	send_late "$srv_endpoint"
	answered_by srv
}

@test "eof: send over unix" {
	late_peer
	start srv listen "unix:$T/s" -e "$T/late"
	send_late "$srv_endpoint"
	answered_by srv
}

@test "eof: send over abstract unix" {
	late_peer
	start srv listen "@ipcat-eof-$BASHPID" -e "$T/late"
	send_late "$srv_endpoint"
	answered_by srv
}

@test "eof: send over a pair of fifos" {
	late_peer
	mkfifo "$T/there" "$T/reply"
	bg srv listen_fifos "$T/late"
	send_late "fifo:$T/there?reply=$T/reply"
	answered_by srv
}

listen_fifos() {
	"$1" <"$T/there" >"$T/reply"
}

answered_by() {
	finish "$1"
	[ "$status" = 0 ]
}

@test "eof: send to a program" {
	late_peer
	send_late "exec:$T/late"
}

@test "eof: send to a program on a socket" {
	late_peer
	send_late "exec?stdio=socket:$T/late"
}

@test "eof: send to a shell line" {
	late_peer
	send_late "sh:exec $T/late"
}

@test "eof: send to two inherited descriptors" {
	late_peer
	mkfifo "$T/there" "$T/reply"
	bg srv listen_fifos "$T/late"
	# A FIFO as fd:IN,OUT; opened in the order of the other side.
	KEEP3=1 OUT=$T/back bg send bash -c 'exec 6>"$2" 5<"$3"
	    exec "$0" send fd:5,6 <"$1"' "$IPCAT" "$A" "$T/there" "$T/reply"
	halfway send
	answered send
	answered_by srv
}

@test "eof: send to a socket as an inherited descriptor" {
	cat >"$T/pair.py" <<-'PY'
	import os, socket, subprocess, sys
	ipcat, data, got, ended, go, reply = sys.argv[1:]
	a, b = socket.socketpair()
	p = subprocess.Popen([ipcat, "send", "fd:%d" % b.fileno()],
	    pass_fds=[b.fileno()], stdin=open(data))
	b.close()
	with open(got, "wb") as f:
	    while True:
	        part = a.recv(65536)
	        if not part:
	            break
	        f.write(part)
	open(ended, "w").close()
	open(go).read()
	a.sendall(open(reply, "rb").read())
	a.close()
	sys.exit(p.wait())
	PY
	mkfifo "$T/go"
	OUT=$T/back bg send "$PYTHON" "$T/pair.py" "$IPCAT" "$A" "$T/got" \
	    "$T/ended" "$T/go" "$B"
	halfway send
	answered send
}

@test "eof: listen ends its half and reads on" {
	for e in tcp://127.0.0.1:0 'tcp://[::1]:0' "unix:$T/s" "@eof-$BASHPID"; do
		rm -f "$T/ended" "$T/go"
		late_peer
		: >"$T/back"
		OUT=$T/back start srv listen "$e" <"$A"
		bg client ip relay "sh:exec $T/late" "$srv_endpoint"
		halfway srv
		answered srv
		answered_by client
	done
}

@test "eof: relay ends the half of its target and reads on" {
	for e in tcp://127.0.0.1:0 "unix:$T/s"; do
		rm -f "$T/ended" "$T/go"
		late_peer
		start srv listen "$e" -e "$T/late"
		start relay relay -n 1 tcp://127.0.0.1:0 "$srv_endpoint"
		send_late "$relay_endpoint"
		answered_by srv
		answered_by relay
	done
}

@test "eof: no timer: a whole second of silence after our end" {
	# Other programs of the family give up after half a second.
	mkfifo "$T/never"
	cat >"$T/slow" <<-SH
	#!/bin/bash
	cat >"$T/got"
	exec 7<>"$T/never"
	read -t 1.2 -u 7
	for i in {1..40}; do echo answer; done
	SH
	chmod +x "$T/slow"
	start srv listen tcp://127.0.0.1:0 -e "$T/slow"
	run -0 ip send "$srv_endpoint" <"$A"
	[ "$output" = "$(yes answer | head -n 40)" ]
	same "$A" "$T/got"
}

@test "eof: input that is empty from the start" {
	for e in tcp://127.0.0.1:0 "unix:$T/s" "@eof-$BASHPID"; do
		start srv listen "$e" <"$B"
		OUT=$T/back bg send "$IPCAT" send "$srv_endpoint"
		answered send
		answered_by srv
	done
	OUT=$T/back bg send "$IPCAT" send "exec:cat $B"
	answered send
	run -0 ip send null:
	run -0 ip relay null: null:
	run -0 ip send "file:$T/empty"
	[ -e "$T/empty" ] && [ ! -s "$T/empty" ]
}

@test "eof: --recv-only keeps our half open until the peer ends" {
	OUT=$T/addr bg far peer listen 0 "send:$B" "wait:$T/go" shut \
	    "recv:$T/got"
	wait_until test -s "$T/addr"
	OUT=$T/back bg send "$IPCAT" send --recv-only \
	    "127.0.0.1:$(head -n 1 "$T/addr")" <"$A"
	wait_until cmp -s "$B" "$T/back"
	touch "$T/go"
	answered send
	finish far
	[ ! -s "$T/got" ]
	grep -qx 'end 0' "$T/addr"
}

@test "eof: --send-only is done when all is delivered" {
	OUT=$T/addr bg far peer listen 0 "send:$(data 100k 3)" "recv:$T/got" \
	    "wait:$T/go"
	wait_until test -s "$T/addr"
	OUT=$T/back bg send "$IPCAT" send --send-only \
	    "127.0.0.1:$(head -n 1 "$T/addr")" <"$A"
	finish send
	[ "$status" = 0 ]
	[ ! -s "$T/back" ]
	touch "$T/go"
	finish far
	same "$A" "$T/got"
}

@test "eof: a child's stdin ends when the client's input has" {
	start srv listen -k tcp://127.0.0.1:0 "unix:$T/s" -e wc -c
	for e in "${srv_endpoints[@]}"; do
		run -0 ip send "$e" <"$A"
		[ "$output" = 1048576 ]
	done
}

@test "eof: a child that closes its stdout goes on reading" {
	mkfifo "$T/go"
	cat >"$T/child" <<-SH
	#!/bin/sh
	echo said
	exec >&-
	read go <"$T/go"
	cat >"$T/got"
	SH
	chmod +x "$T/child"
	start srv listen tcp://127.0.0.1:0 -e "$T/child"
	mkfifo "$T/in"
	OUT=$T/back bg client peer connect "${srv_endpoint#tcp://}" \
	    "recv:$T/heard" "send:$A" close
	# The client hears the end while the child is still there.
	wait_for_text 'end 5' "$T/back"
	alive srv
	echo go >"$T/go"
	answered_by client
	answered_by srv
	same "$A" "$T/got"
}

# How much a peer gets rid of before the end is a matter of time.
# bats test_tags=nofault
@test "eof: a child that does not read decides with its exit code" {
	start srv listen tcp://127.0.0.1:0 -c 'exec <&-; echo enough'
	run -0 ip send "$srv_endpoint" <"$A"
	[ "$output" = enough ]
	answered_by srv
}

@test "eof: a fifo ends when its last writer has" {
	mkfifo "$T/f"
	OUT=$T/got bg listen "$IPCAT" listen "fifo:$T/f"
	{
		cat "$A"
		cat "$B"
	} >"$T/f"
	finish listen
	[ "$status" = 0 ]
	cat "$A" "$B" | cmp - "$T/got"
}

# Twenty times: what is written to a terminal arrives a little later.
@test "eof: a terminal's reader gets all and end-of-file" {
	for i in $(seq 20); do
		bg pty "$IPCAT" relay "pty:$T/link?wait" "sh:echo hello"
		wait_until test -e "$T/link"
		run -0 timeout -s KILL 20 cat "$T/link"
		[ "$output" = hello ]
		finish pty
		[ "$status" = 0 ]
	done
}

@test "eof: a raw terminal's reader gets all before it is gone" {
	for i in $(seq 20); do
		bg pty "$IPCAT" relay "pty:$T/link?wait&raw" "sh:echo hello"
		wait_until test -e "$T/link"
		run timeout -s KILL 20 cat "$T/link"
		[ "${lines[0]}" = hello ]
		finish pty
		[ "$status" = 0 ]
	done
}

@test "eof: a terminal's last close is the end of input" {
	OUT=$T/got bg pty "$IPCAT" relay "pty:$T/link?raw" -
	wait_until test -e "$T/link"
	echo hello >"$T/link"
	finish pty
	[ "$status" = 0 ]
	[ "$(cat "$T/got")" = hello ]
}

@test "eof: at a terminal, the peer's end ends send" {
	start srv listen tcp://127.0.0.1:0 <<<bye
	cat >"$T/terminal.py" <<-'PY'
	import os, pty, subprocess, sys
	m, s = pty.openpty()
	p = subprocess.Popen(sys.argv[1:], stdin=s)
	os.close(s)
	sys.exit(p.wait())
	PY
	run -0 timeout -s KILL "$LIMIT" "$PYTHON" "$T/terminal.py" \
	    "$IPCAT" send "$srv_endpoint"
	[ "$output" = bye ]
	answered_by srv
}

@test "eof: not at a terminal, the peer's end does not end our input" {
	OUT=$T/addr bg far peer listen 0 "say:bye" shut "recv:$T/got"
	wait_until test -s "$T/addr"
	mkfifo "$T/in"
	exec 7<>"$T/in"
	OUT=$T/back bg send "$IPCAT" send "127.0.0.1:$(head -n 1 "$T/addr")" \
	    <"$T/in" 7>&-
	wait_for_text bye "$T/back"
	alive send
	cat "$A" >&7
	exec 7>&-
	finish send
	[ "$status" = 0 ]
	finish far
	same "$A" "$T/got"
}

@test "eof: listen -k outlives the end of each client" {
	OUT=$T/got start srv listen -k tcp://127.0.0.1:0 "unix:$T/s"
	for e in "${srv_endpoints[@]}" "${srv_endpoints[@]}"; do
		run -0 ip send "$e" <"$A"
	done
	wait_until has_size "$T/got" 4194304
	cat "$A" "$A" "$A" "$A" | cmp - "$T/got"
	alive srv
	signal TERM srv
	finish srv
	[ "$status" = 143 ]
}

@test "eof: --ready-fd names what was made for others to open" {
	bg pty "$IPCAT" relay --ready-fd 8 "pty:$T/link?raw" null: 8>"$T/ready"
	wait_until test -s "$T/ready"
	read -r line <"$T/ready"
	[[ $line == tty://* ]]
	echo hello >"$T/link"
	finish pty
	[ "$status" = 0 ]
	bg fifo "$IPCAT" relay --ready-fd 8 "fifo:$T/made" null: 8>"$T/ready"
	wait_until test -s "$T/ready"
	[ "$(cat "$T/ready")" = "fifo:$T/made" ]
	[ -p "$T/made" ]
	echo hello >"$T/made"
	finish fifo
	[ "$status" = 0 ]
	[ ! -e "$T/made" ]
}
