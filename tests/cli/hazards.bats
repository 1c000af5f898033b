# The hazards of the reliability study, by number.  H11 and the ownership of
# socket files are in listen.bats, H22 to H26 in children.bats, H13 (key
# files) has nothing to be tried on yet.

load helpers

# For figures of a whole process: a sanitizer or a slowed-down build has its
# own, and so has a process whose system calls are made to fail.
plain_build() {
	case ${MODE-release} in
	asan | tsan | cov) skip "measures the release build" ;;
	esac
}

rss_kb() {
	awk '/^VmRSS/ { print $2 }' "/proc/$1/status"
}

fds() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

# ------------------------------------------------------------ H01

@test "H01: clients that say nothing are ended by -i and make room" {
	start s listen -k --echo --max-conn 3 -i 300ms tcp://127.0.0.1:0
	bg idle "$PYTHON" -c '
import socket, sys
c = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for n in range(9)]
print("there", flush=True)
for s in c:
    try:
        print(s.recv(1), flush=True)
    except ConnectionResetError:
        print("reset", flush=True)' "$s_port"
	wait_for_text there "$T/idle.out"
	run -0 ip send "$s_endpoint" <<<hello
	[ "$output" = hello ]
	finish idle
	[ "$status" = 0 ]
	[ "$(wc -l <"$T/idle.out")" = 10 ]
	alive s
}

# Its peers take what one recv() gives.
# bats test_tags=nofault
@test "H01: one byte at a time is served, and does not hold up others" {
	start s listen -k -c 'head -n 1' tcp://127.0.0.1:0
	bg slow "$PYTHON" -c '
import fcntl, socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for c in "slow but there":
    s.sendall(c.encode())
    # SIOCOUTQ: until the other side has this one.
    while struct.unpack("i", fcntl.ioctl(s, 0x5411, bytes(4)))[0]:
        pass
s.sendall(b"\n")
print(s.recv(100))' "$s_port"
	run -0 ip send "$s_endpoint" <<<quick
	[ "$output" = quick ]
	finish slow
	[ "$(cat "$T/slow.out")" = "b'slow but there\\n'" ]
}

# ------------------------------------------------------------ H02

# bats test_tags=nofault
@test "H02: 10 GiB to a reader that stalls: memory flat, others served" {
	plain_build
	local before stalled after gib=10
	cat >"$T/reader.py" <<-'PY'
	import os, socket, sys, threading
	s = socket.socket()
	s.bind(("127.0.0.1", 0)); s.listen()
	print(s.getsockname()[1], flush=True)
	def echo(c):
	    while True:
	        b = c.recv(4096)
	        if not b:
	            break
	        c.sendall(b)
	    c.close()
	def drink(c):
	    wait = threading.Event()
	    while not os.path.exists(sys.argv[1]):
	        wait.wait(0.02)
	    got = 1
	    while True:
	        # MSG_TRUNC: counted, not copied.
	        n = c.recv_into(buf, len(buf), socket.MSG_TRUNC)
	        if n == 0:
	            break
	        got += n
	    c.sendall(str(got).encode())
	    c.close()
	buf = bytearray(1 << 20)
	while True:
	    c, _ = s.accept()
	    first = c.recv(1, socket.MSG_PEEK)
	    if first == b"\0":
	        c.recv(1)
	        threading.Thread(target=drink, args=(c,), daemon=True).start()
	    else:
	        threading.Thread(target=echo, args=(c,), daemon=True).start()
	PY
	bg reader "$PYTHON" "$T/reader.py" "$T/go"
	wait_until test -s "$T/reader.out"
	start r relay tcp://127.0.0.1:0 "127.0.0.1:$(cat "$T/reader.out")"
	run -0 ip send "$r_endpoint" <<<hello
	before=$(rss_kb "$r_pid")
	bg big "$PYTHON" -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
b = bytes(1 << 20)
for n in range(int(sys.argv[2]) << 10):
    s.sendall(b)
s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode())' "$r_port" "$gib"
	# Stalled: the relay has read what the pipes hold and sleeps.
	full() {
		awk -v p=":$(printf %04X "$r_port")\$" '$2 ~ p && $4 == "01" &&
		    $5 !~ /:00000000$/ { f = 1 } END { exit !f }' /proc/net/tcp
	}
	wait_until full
	for n in 1 2 3; do
		run -0 ip send "$r_endpoint" <<<"other $n"
		[ "$output" = "other $n" ]
	done
	stalled=$(rss_kb "$r_pid")
	: >"$T/go"
	LIMIT=120 DEADLINE=120 finish big
	after=$(rss_kb "$r_pid")
	[ "$(cat "$T/big.out")" = $((gib << 30)) ]
	echo "# relay RSS: $before kB, stalled $stalled kB, after $after kB" >&3
	[ $((stalled - before)) -lt 4096 ]
	[ $((after - before)) -lt 4096 ]
}

@test "H02: a slow stdout stops a fast client, every byte arrives" {
	f=$(data 4M)
	mkfifo "$T/out"
	exec {hold}<>"$T/out"
	OUT="$T/out" start s listen tcp://127.0.0.1:0
	bg c "$IPCAT" send "$s_endpoint" <"$f"
	wait_until alive c
	head -c 4194304 <"$T/out" >"$T/got"
	finish c
	[ "$status" = 0 ]
	finish s
	[ "$status" = 0 ]
	same "$f" "$T/got"
}

# ------------------------------------------------------------ H03

@test "H03: sizes, durations, counts and ports at the limits" {
	local v
	for v in 2147483647 2147483648 4294967295 4294967296 9223372036854775807 \
	    9223372036854775808 18446744073709551615; do
		run -0 ip relay --rate "$v" - - <<<x
		[ "$output" = x ]
		run -0 ip send --explain "tcp://127.0.0.1:1?sndbuf=65536" --rate "$v"
		run ip listen --explain -k --max-conn "$v" --max-per-host "$v" -n "$v" --echo :0
		[ "$status" = 0 ] || [ "$status" = 2 ]
		run ip send --explain -w "${v}ns" -i "${v}ns" -t "${v}ns" -r "$v" 127.0.0.1:1
		[ "$status" = 0 ] || [ "$status" = 2 ]
		run ip relay --explain "tcp://127.0.0.1:0?sndbuf=$v&backlog=$v" null:
		[ "$status" = 0 ] || [ "$status" = 2 ]
		run ip relay --explain "file:///dev/null?offset=$v" null:
		[ "$status" = 0 ] || [ "$status" = 2 ]
		run -2 --separate-stderr ip send "127.0.0.1:$v"
		[[ $stderr == *"$v"* ]]
		run -2 ip send --ready-fd "$v" null:
		run ip relay "fd:$v" null:
		[ "$status" = 1 ] || [ "$status" = 2 ]
	done
	for v in 18446744073709551616 99999999999999999999999 16777216T 1e9; do
		run -2 ip relay --rate "$v" - -
		run -2 ip listen --max-conn "$v" :0
		run -2 ip send -r "$v" -t "$v" 127.0.0.1:1
		run -2 ip send -w "${v}s" 127.0.0.1:1
		run -2 ip send "127.0.0.1:$v"
	done
}

@test "H03: a long deadline is not a short one" {
	local v
	# Seconds that overflow 31, 32 and 63 bits in some unit.
	for v in 2147484s 4294968s 9223372036s 106751d; do
		run -0 ip relay -t "$v" -i "$v" - - <<<x
		[ "$output" = x ]
		start s listen --echo -k -i "$v" -t "$v" tcp://127.0.0.1:0
		run -0 ip send -w "$v" -i "$v" -t "$v" "$s_endpoint" <<<hello
		[ "$output" = hello ]
		alive s
		signal TERM s
		finish s
		[ "$status" = 143 ]
	done
}

@test "H03: ports 0, 1, 65535" {
	run -0 ip send --explain 127.0.0.1:65535
	run -0 ip send --explain 127.0.0.1:1
	run ip send 127.0.0.1:0
	[ "$status" = 1 ] || [ "$status" = 2 ]
	start s listen -k --echo tcp://127.0.0.1:00000
	[ "$s_port" -gt 0 ]
	run -2 ip listen 127.0.0.1:-1
	run -2 ip listen 127.0.0.1:+1
	run -2 ip listen '127.0.0.1: 1'
}

@test "H03: lines, words and endpoints of any length" {
	"$PYTHON" - "$IPCAT" <<-'PY'
	import subprocess, sys
	def rc(*a):
	    p = subprocess.run([sys.argv[1], *a], stdin=subprocess.DEVNULL,
	                       capture_output=True, timeout=30)
	    assert len(p.stderr) < 4000, len(p.stderr)
	    return p.returncode
	for n in (107, 108, 109, 4095, 4096, 8191, 8192, 8193, 65536, 130000):
	    w = "a" * n
	    assert rc("send", "unix:" + w) in (1, 2), n
	    assert rc("send", "--" + w) == 2, n
	    assert rc("send", w) == 2, n
	    assert rc("send", "tcp://%s:1" % w) in (1, 2), n
	    assert rc("send", "tcp://127.0.0.1:1?%s=1" % w) == 2, n
	    assert rc("send", "exec:" + w) in (1, 2), n
	    assert rc("send", "-w", "1" * n, ":1") == 2, n
	    assert rc("listen", "--allow", w, ":0") == 2, n
	assert rc("send", *["127.0.0.1:1"] * 64) == 1
	assert rc("send", *["127.0.0.1:1"] * 65) == 2
	assert rc("send", "tcp://127.0.0.1:1?" + "&".join(["nodelay"] * 64)) == 1
	assert rc("send", "tcp://127.0.0.1:1?" + "&".join(["nodelay"] * 65)) == 2
	PY
}

# ------------------------------------------------------------ H10, H12

@test "H10: unix paths of 107 bytes work, of 108 are refused, in every spelling" {
	cd "$T"
	p107=$(printf 'p%.0s' $(seq 107))
	p108=${p107}p
	start s listen -k --echo "unix:$p107"
	run -0 ip send "unix:$p107" <<<hello
	[ "$output" = hello ]
	for p in "unix:$p108" "unix:@$p108" "@$p108" "unix:./${p107}"; do
		run -2 --separate-stderr ip send "$p"
		[[ $stderr == *fix:* ]]
		run -2 ip listen "$p"
	done
	start a listen -k --echo "unix:@${p107:1}"
	run -0 ip send "unix:@${p107:1}" <<<hello
	run -2 ip listen unix:
	run -2 ip listen unix://
	run -2 ip listen @
	[ "$(find . -name 'pp*' -type s | wc -l)" = 1 ]
}

@test "H10: relative paths, .. and symlinked folders" {
	cd "$T"
	mkdir -p real/deep
	ln -s real/deep link
	start s listen -k --echo ./one unix:real/../two unix:link/three
	[ -S one ]
	[ -S two ]
	[ -S real/deep/three ]
	for p in ./one "unix:$T/two" "unix:$T/real/deep/three" ./link/three; do
		run -0 ip send "$p" <<<hello
		[ "$output" = hello ]
	done
	[ "${s_endpoints[0]}" = "unix://$T/one" ] || [ "${s_endpoints[0]}" = "unix://$T/./one" ]
	signal TERM s
	finish s
	[ ! -e one ]
	[ ! -e two ]
	[ ! -e real/deep/three ]
	[ -z "$(find . -name '*.lock')" ]
}

@test "H10: a NUL in a name is refused, not a shorter name" {
	cd "$T"
	run -2 --separate-stderr ip listen unix:a%00b
	[[ $stderr == *fix:* ]]
	run -2 ip listen unix:@a%00b
	run -2 ip relay null: file:a%00b
	run -2 ip relay null: fifo:a%00b
	[ ! -e a ]
}

@test "H12: what we create is ours alone from the first moment" {
	need strace
	strace -o "$T/trace" true 2>/dev/null || skip "no ptrace"
	# The leak checker cannot share a process with a tracer.
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
	umask 000
	start s listen -k --echo "unix://$T/s" -o "$T/rec"
	[ "$(stat -c %a "$T/rec")" = 600 ]
	signal TERM s
	finish s
	# Between bind and chmod nobody else could have come in.
	timeout "$LIMIT" strace -f -o "$T/trace" -e trace=umask,bind,chmod,fchmod,fchmodat,listen \
	    "$IPCAT" listen -t 100ms "unix://$T/s" || [ $? = 124 ]
	"$PYTHON" - "$T/trace" "$T/s" <<-'PY'
	import re, sys
	mask, mode, listening = 0, None, False
	for line in open(sys.argv[1]):
	    if m := re.search(r"umask\((0?[0-7]*)\)", line):
	        mask = int(m[1], 8)
	    if "bind(" in line and sys.argv[2] + '"' in line:
	        assert mask & 0o177 == 0o177, line
	        mode = 0o777 & ~mask
	    if "listen(" in line:
	        listening = True
	assert mode is not None and listening
	PY
}

# ------------------------------------------------------------ H20, H21

# press PORT N HOLD GO SECONDS: HOLD clients ping and pong all the time, the
# rest of N press; when SECONDS have passed the holders leave, and everybody
# must be served.
write_press() {
	cat >"$T/press.py" <<-'PY'
	import selectors, socket, sys, time
	port, total, hold, pid, secs = map(int, sys.argv[1:6])
	def cpu():
	    f = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
	    return (int(f[11]) + int(f[12])) / 100
	def connect():
	    s = socket.socket()
	    s.setblocking(False)
	    s.connect_ex(("127.0.0.1", port))
	    return s
	holders = []
	for n in range(hold):
	    s = socket.create_connection(("127.0.0.1", port))
	    s.sendall(b"x")
	    assert s.recv(1) == b"x"
	    holders.append(s)
	crowd = [connect() for n in range(total - hold)]
	pause = time.sleep
	start, began, pings = time.monotonic(), cpu(), 0
	while time.monotonic() - start < secs:
	    for s in holders:
	        s.sendall(b"y")
	        assert s.recv(1) == b"y"
	        pings += 1
	    pause(0.02)
	wall = time.monotonic() - start
	share = (cpu() - began) / wall
	print("pings %d cpu %.1f %%" % (pings, share * 100), flush=True)
	for s in holders:
	    s.close()
	sel = selectors.DefaultSelector()
	for s in crowd:
	    sel.register(s, selectors.EVENT_WRITE)
	served, end = 0, time.monotonic() + 60
	while served < len(crowd):
	    assert time.monotonic() < end, served
	    for key, ev in sel.select(1):
	        s = key.fileobj
	        if ev & selectors.EVENT_WRITE:
	            s.send(b"z")
	            sel.modify(s, selectors.EVENT_READ)
	        else:
	            assert s.recv(1) == b"z"
	            sel.unregister(s)
	            s.close()
	            served += 1
	print("served", served)
	sys.exit(share > 0.25)
	PY
}

# bats test_tags=nofault
@test "H20: 1,000 clients press on 64 descriptors" {
	plain_build
	need prlimit
	write_press
	local from=$SECONDS
	bg reserve true
	start s listen -k --echo --max-conn 5000 "tcp://127.0.0.1:0?backlog=4096"
	prlimit --pid "$s_pid" --nofile=64:64
	bg p "$PYTHON" "$T/press.py" "$s_port" 1000 40 "$s_pid" 3
	DEADLINE=120 finish p
	echo "# listen: $(tr '\n' ' ' <"$T/p.out")" >&3
	cat "$T/p.err" >&2
	[ "$status" = 0 ]
	grep -q "served 960" "$T/p.out"
	grep -q "listener paused" "$T/s.err"
	[ "$(wc -l <"$T/s.err")" -le $((SECONDS - from + 2)) ]
	[ "$(fds "$s_pid")" -lt 20 ]
	run -0 ip send "$s_endpoint" <<<hello
	[ "$output" = hello ]
}

# bats test_tags=nofault
@test "H20: the same with a limit that we know from the start" {
	plain_build
	write_press
	local hard
	hard=$(ulimit -H -n)
	bg s sh -c 'ulimit -n 64; exec "$IPCAT" listen -k --echo --ready-fd 9 "tcp://127.0.0.1:0?backlog=4096" 9>"$1"' sh "$T/ready"
	wait_until test -s "$T/ready"
	[ "$hard" != 64 ]
	bg p "$PYTHON" "$T/press.py" "$(sed 's/.*://' "$T/ready")" 1000 20 "$s_pid" 2
	DEADLINE=120 finish p
	echo "# listen, ulimit: $(tr '\n' ' ' <"$T/p.out")" >&3
	cat "$T/p.err" >&2
	[ "$status" = 0 ]
	[ "$(wc -l <"$T/s.err")" -le 20 ]
}

# bats test_tags=nofault
@test "H20: a relay that runs out between accept and dial" {
	plain_build
	need prlimit
	write_press
	local from=$SECONDS
	start s listen -k --echo "tcp://127.0.0.1:0?backlog=4096"
	start r relay --max-conn 5000 "tcp://127.0.0.1:0?backlog=4096" "$s_endpoint"
	prlimit --pid "$r_pid" --nofile=64:64
	bg p "$PYTHON" "$T/press.py" "$r_port" 1000 20 "$r_pid" 3
	DEADLINE=120 finish p
	echo "# relay: $(tr '\n' ' ' <"$T/p.out")" >&3
	cat "$T/p.err" >&2
	[ "$status" = 0 ]
	grep -q "served 980" "$T/p.out"
	[ "$(wc -l <"$T/r.err")" -le $((SECONDS - from + 2)) ]
	run -0 ip send "$r_endpoint" <<<hello
	[ "$output" = hello ]
}

# storm PORT N HOW: N connections one after the other.
storm() {
	"$PYTHON" - "$@" <<-'PY'
	import socket, struct, sys
	port, n, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
	for i in range(n):
	    s = socket.socket()
	    if how == "denied":
	        s.bind(("127.0.0.2", 0))
	    s.connect(("127.0.0.1", port))
	    try:
	        if how == "reset":
	            s.send(b"x")
	            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
	                         struct.pack("ii", 1, 0))
	        elif how == "echo":
	            s.sendall(b"hello")
	            assert s.recv(5, socket.MSG_WAITALL) == b"hello"
	        elif how in ("denied", "refused"):
	            s.settimeout(20)
	            assert s.recv(1) == b""
	    except (ConnectionResetError, BrokenPipeError):
	        assert how != "echo"
	    s.close()
	PY
}

# Its peers take what one recv() gives.
# bats test_tags=nofault
@test "H21: descriptors are back after 5,000 connections of every kind" {
	local n=1250 base back
	case ${MODE-release} in asan | tsan | cov) n=100 ;; esac
	[ -z "${FAULT-}" ] || n=100
	start s listen -k --echo tcp://127.0.0.1:0
	start r relay -q --deny 127.0.0.2 tcp://127.0.0.1:0 \
	    --to "unix://$T/none" --to "$s_endpoint"
	start d relay -q tcp://127.0.0.1:0 "unix://$T/none"
	storm "$r_port" 1 echo
	storm "$d_port" 1 refused
	settled() {
		[ "$(fds "$r_pid")" -le "$base" ] && [ "$(fds "$d_pid")" -le "$back" ]
	}
	wait_until quiet_fds "$r_pid"
	base=$(fds "$r_pid")
	back=$(fds "$d_pid")
	for how in echo reset denied; do
		storm "$r_port" $n $how
	done
	storm "$d_port" $n refused
	wait_until settled
	# Children, too.
	start x listen -k -q -c 'exit 0' tcp://127.0.0.1:0
	storm "$x_port" 1 reset
	wait_until quiet_fds "$x_pid"
	base=$(fds "$x_pid")
	storm "$x_port" 100 reset
	back_again() {
		[ "$(fds "$x_pid")" -le "$base" ]
	}
	wait_until back_again
}

# No connection is left open: as many descriptors as twice in a row.
quiet_fds() {
	local a
	a=$(fds "$1")
	pause
	pause
	[ "$a" = "$(fds "$1")" ]
}

@test "H21: failed and timed out dials leave nothing open" {
	bg c "$IPCAT" send -q -r forever --backoff 1ms..2ms "unix://$T/none" 127.0.0.1:1
	wait_until test -e "/proc/$c_pid/fd/4"
	wait_until quiet_fds "$c_pid"
	base=$(fds "$c_pid")
	for n in $(seq 50); do
		pause
	done
	[ "$(fds "$c_pid")" -le $((base + 2)) ]
	signal TERM c
	finish c
	[ "$status" = 143 ]
}

# ------------------------------------------------------------ H25, H27

@test "H25: a peer that goes while we write is an error, never a signal" {
	start s listen -k -c 'exit 0' "unix://$T/s"
	for n in 1 2 3 4 5; do
		run ip send "unix://$T/s" <"$(data 4M)"
		[ "$status" = 0 ] || [ "$status" = 3 ]
	done
	alive s
}

@test "H27: signals in the middle of a transfer change nothing" {
	f=$(data 4M)
	start s listen -k --echo tcp://127.0.0.1:0
	start r relay --rate 8M tcp://127.0.0.1:0 "$s_endpoint"
	bg c "$IPCAT" send "$r_endpoint" <"$f"
	while alive c; do
		kill -s USR1 "$r_pid" "$s_pid"
		kill -s CHLD "$r_pid"
		kill -s URG "$r_pid"
		kill -s WINCH "$r_pid" "$c_pid" 2>/dev/null || :
		kill -s PIPE "$r_pid"
		pause
	done
	finish c
	[ "$status" = 0 ]
	same "$f" "$T/c.out"
	grep -q "connections 1 opened" "$T/r.err"
}

@test "H27: stopped and continued in the middle of a transfer" {
	f=$(data 4M)
	start s listen -k --echo --rate 8M tcp://127.0.0.1:0
	bg c "$IPCAT" send "$s_endpoint" <"$f"
	for n in 1 2 3; do
		signal STOP s
		pause
		signal CONT s
		pause
	done
	finish c
	[ "$status" = 0 ]
	same "$f" "$T/c.out"
}

@test "H27: SIGTERM while the descriptor table is full still ends" {
	need prlimit
	start s listen -k --echo --max-conn 500 tcp://127.0.0.1:0
	prlimit --pid "$s_pid" --nofile=12:12
	bg p "$PYTHON" -c '
import socket, sys
c = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for n in range(40)]
print("there", flush=True)
sys.stdin.read()' "$s_port" <&"$TICK"
	wait_for_text there "$T/p.out"
	wait_for_text "listener paused" "$T/s.err"
	signal TERM s
	wait_for_text draining "$T/s.err"
	signal TERM s
	finish s
	[ "$status" = 143 ]
}

# ------------------------------------------------------------ H50, H51

# clean FILE...: no byte that could drive a terminal.
clean() {
	"$PYTHON" - "$@" <<-'PY'
	import sys, unicodedata
	for name in sys.argv[1:]:
	    raw = open(name, "rb").read()
	    text = raw.decode("utf-8")	# valid, or this fails
	    for c in text:
	        assert c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf"), \
	            (name, c, raw)
	    assert text, name
	PY
}

@test "H50: what the command line holds is escaped on stderr" {
	local bad how n=0
	# told NAME ARG...: what a failing command says goes to files.
	told() {
		n=$((n + 1))
		timeout "$LIMIT" "$IPCAT" "$@" 2>"$T/text.$n" && rm "$T/text.$n"
		[ "$1" != relay ] ||
		    timeout "$LIMIT" "$IPCAT" relay --log json "${@:2}" 2>"$T/json.$n" ||
		    return 0
		rm -f "$T/json.$n"
	}
	for bad in $'\e[31mred' $'\e]0;title\a' $'\x9b31m' $'a\nb: fake line' $'\xff\xfe' \
	    $'\u202eevil' $'\u2066x' $'\x7f\b\b' $'tab\there' $'c\rd' 'a\b'; do
		for how in "tcp://$bad:1" "unix:$T/$bad" "$bad" "exec:$bad" "file:$T/$bad" "qq$bad://x" "fd:@$bad" \
		    "127.0.0.1:$bad" "tcp://127.0.0.1:1?$bad=1" "tcp://127.0.0.1:1?source=$bad"; do
			told relay "$how?dial" null:
		done
		told send "--$bad"
		told send -w "$bad" :1
		told listen --allow "$bad" :0
		told send -o "$T/no/$bad" null:
		told "$bad"
		told help "$bad"
	done
	[ "$(find "$T" -name 'text.*' | wc -l)" -gt 130 ]
	[ "$(find "$T" -name 'json.*' | wc -l)" -gt 80 ]
	clean "$T"/text.* "$T"/json.*
	"$PYTHON" - "$T"/json.* <<-'PY'
	import json, sys
	for name in sys.argv[1:]:
	    for line in open(name, encoding="utf-8"):
	        json.loads(line)
	PY
	for how in "$T"/text.*; do
		[ "$(wc -l <"$how")" -le 2 ]
	done
}

@test "H50: --explain and -z escape endpoints, too" {
	printf 'x' >"$T/"$'\e[31mred'
	run -0 ip relay --explain "file:$T/"$'\e[31mred' "exec:"$'echo \e[1m'
	printf '%s\n' "$output" >"$T/out"
	clean "$T/out"
	start s listen -k --echo "unix:$T/"$'s\e[31m'
	run -0 ip send -z "unix:$T/"$'s\e[31m'
	printf '%s\n' "$output" >"$T/out"
	clean "$T/out"
}

@test "H50: what --ready-fd says is one line that can be dialed, whatever the path" {
	start s listen -k --echo "unix:$T/a%0Ab%25%3F"$'\e[31m'
	[ "${#s_endpoints[@]}" = 1 ]
	printf '%s\n' "$s_endpoint" >"$T/out"
	clean "$T/out"
	run -0 ip send "$s_endpoint" <<<hello
	[ "$output" = hello ]
}

@test "H50: what a peer sends never reaches stderr raw" {
	printf '\033[31m\233\a\r\n\377\0\302\233\342\200\256' >"$T/evil"
	start s listen -k -vv -x --stats -P --echo tcp://127.0.0.1:0 "unix://$T/s"
	for e in "${s_endpoints[@]}"; do
		bg c "$IPCAT" send -vv -x --stats "$e" <"$T/evil"
		finish c
		[ "$status" = 0 ]
		same "$T/evil" "$T/c.out"
		clean "$T/c.err"
	done
	signal TERM s
	finish s
	clean "$T/s.err"
}

@test "H50: a peer's name: a unix client bound to an evil path" {
	start s listen -k -vv --echo --deny uid=99999 "unix://$T/s"
	"$PYTHON" - "$T/s" "$T/"$'c\e[31m\n' <<-'PY'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.bind(sys.argv[2])
	s.connect(sys.argv[1])
	s.sendall(b"x")
	assert s.recv(1) == b"x"
	PY
	wait_for_text accepted "$T/s.err"
	signal TERM s
	finish s
	clean "$T/s.err"
}

@test "H51: nothing of our environment is told to anybody" {
	export IPCAT_TEST_TOKEN=hunter2-secret
	start s listen -k -vv --stats -c 'cat; env' tcp://127.0.0.1:0
	bg c "$IPCAT" send -vv --stats "$s_endpoint" <<<hello
	finish c
	run -0 ip listen --explain -k -c env :0
	[[ $output != *hunter2* ]]
	signal TERM s
	finish s
	run -1 grep -r hunter2 "$T"
}

@test "H51: data that passes through is in no message" {
	start s listen -k -vv --stats --log json -c 'cat >/dev/null; exit 3' tcp://127.0.0.1:0
	run --separate-stderr ip send -vv --stats "$s_endpoint" <<<"password hunter2"
	[[ $stderr != *hunter2* ]]
	run --separate-stderr ip relay -vv --stats "exec:echo hunter3" unix:/none/none
	wait_for_text "status 3" "$T/s.err"
	run -1 grep -q hunter2 "$T/s.err"
}
