# The shim itself: that each fault is made, and that a correct program lives.

bats_require_minimum_version 1.5.0

setup() {
	[ -r "$FAULT_SO" ] || skip "no shim: make check-fault builds it"
	export FAULT_LOG=$BATS_TEST_TMPDIR/log
	seq 20000 >"$BATS_TEST_TMPDIR/in"
}

# faulty MODE COMMAND...
faulty() {
	local fault=$1
	shift
	timeout 30 env LD_PRELOAD="$FAULT_SO" FAULT="$fault" "$@"
}

@test "short: a read of six bytes gets one" {
	run -0 faulty short dd bs=6 count=1 status=none <"$BATS_TEST_TMPDIR/in"
	[ "$output" = 1 ]
	grep -q '^short read 1$' "$FAULT_LOG"
}

@test "short: a splice of a megabyte moves one byte" {
	run -0 faulty short /usr/bin/python3 - <<-'PY'
	import ctypes, os
	r, w = os.pipe()
	r2, w2 = os.pipe()
	os.write(w, b"x"); os.write(w, b"y")
	libc = ctypes.CDLL(None)
	print(libc.splice(r, None, w2, None, 1 << 20, 0))
	PY
	[ "$output" = 1 ]
}

@test "short:N stops being thorough after N transfers" {
	faulty short:10 cat <"$BATS_TEST_TMPDIR/in" | cat >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	grep -q '^short:10 ' "$FAULT_LOG"
}

@test "eintr: reads are interrupted, nothing is lost" {
	cat "$BATS_TEST_TMPDIR/in" |
	    faulty eintr dd bs=512 status=none iflag=fullblock |
	    cat >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	grep -q '^eintr ' "$FAULT_LOG"
}

@test "eagain: an edge-triggered reader and writer still get an edge" {
	faulty eagain /usr/bin/python3 - "$BATS_TEST_TMPDIR/in" <<-'PY'
	import select, socket, sys
	data = open(sys.argv[1], "rb").read() * 20
	a, b = socket.socketpair()
	ep = select.epoll()
	for s in (a, b):
	    s.setblocking(False)
	    ep.register(s, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
	sent, got, refused = 0, b"", 0
	while len(got) < len(data):
	    for fd, ev in ep.poll():
	        try:
	            while fd == a.fileno() and sent < len(data):
	                sent += a.send(data[sent:sent + 5000])
	            while fd == b.fileno() and ev & select.EPOLLIN:
	                got += b.recv(3000)
	        except BlockingIOError:
	            refused += 1
	assert got == data and refused > 100, refused
	PY
	grep -q '^eagain ' "$FAULT_LOG"
}

@test "emfile:N fails the N-th call, emfile:N-M those between" {
	run -1 faulty emfile:1 dd if=/dev/null status=none
	[[ $output == *"Too many open files"* ]]
	grep -qE '^emfile:1 open[a-z0-9]* 1$' "$FAULT_LOG"

	rm "$FAULT_LOG"
	run -0 faulty emfile:100000 dd if=/dev/null status=none
	[ ! -e "$FAULT_LOG" ]

	run -1 faulty emfile:1- dd if=/dev/null status=none
	[[ $output == *"Too many open files"* ]]
}

@test "enomem:N fails the N-th allocation after main" {
	run -1 faulty enomem:1- dd if=/dev/null of=/dev/null status=none
	[[ $output == *"memory exhausted"* ]]
	grep -qE '^enomem:1- [a-z_]*alloc 1$' "$FAULT_LOG"
}

@test "FAULT_ONLY leaves other programs alone" {
	run -0 faulty emfile:1- env FAULT_ONLY=ipcat dd if=/dev/null status=none
	# env itself made no descriptor after main; dd is not ipcat.
	[ -z "$output" ]
	run -1 faulty emfile:1- env FAULT_ONLY=dd dd if=/dev/null status=none
}
