# Serving: who is let in, how many at once, sockets in the file system,
# inherited listeners, signals, and a standard output that fails.

load helpers

teardown() {
	cleanup
	[ -z "${pub-}" ] || rm -rf "$pub"
}

# A client that stays: open NAME PORT; then say NAME TEXT, bye NAME.
open_client() {
	mkfifo "$T/$1.fifo"
	bg "$1" "$IPCAT" send "$2" <>"$T/$1.fifo"
	exec {fd}>"$T/$1.fifo"
	printf -v "$1_fd" %s "$fd"
}

# As another user, who may not even see our folders: connects to a socket that
# is passed through a public place, says hello, prints the answer.
hello_as_nobody() {
	timeout -s KILL "$LIMIT" setpriv --reuid=65534 --regid=65534 \
	    --clear-groups "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
try:
    s.sendall(b"hello")
    s.shutdown(socket.SHUT_WR)
    print(s.makefile().read())
except OSError as e:
    print(e)' "$1"
}

# ------------------------------------------------------------ inherited, ready

# inherit NAME ARG...: ipcat with a listening socket as descriptor 3, as a
# service manager hands it over; NAME_port is its port.
inherit() {
	local name=$1
	shift
	: >"$T/$name.port"
	bg "$name" "$PYTHON" -c '
import os, socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
port = s.getsockname()[1]
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()),
                  LISTEN_FDNAMES="web")
with open(sys.argv[1], "w") as f:
    print(port, file=f)
os.execv(sys.argv[2], sys.argv[2:])' "$T/$name.port" "$IPCAT" "$@"
	wait_until test -s "$T/$name.port"
	read -r "${name?}_port" <"$T/$name.port"
}

@test "LISTEN_FDS: fd:3 accepts many, one after the other" {
	inherit s listen -k --echo fd:3
	run -0 ip send "127.0.0.1:$s_port" <<<one
	[ "$output" = one ]
	run -0 ip send "127.0.0.1:$s_port" <<<two
	[ "$output" = two ]
	signal TERM s
	finish s
	[ "$status" = 143 ]
}

@test "LISTEN_FDS: by name, one client, and as FROM of a relay" {
	inherit s listen fd:@web
	run -0 ip send "127.0.0.1:$s_port" <<<hello
	finish s
	[ "$status" = 0 ]
	[ "$(cat "$T/s.out")" = hello ]
	inherit r relay fd:@web exec:cat
	run -0 ip send "127.0.0.1:$r_port" <<<world
	[ "$output" = world ]
	run -2 --separate-stderr env LISTEN_FDS=1 LISTEN_PID=1 LISTEN_FDNAMES=web "$IPCAT" listen fd:@web
	[[ $stderr == *web*fix:* ]]
	run --separate-stderr ip listen fd:77
	[ "$status" = 1 ] || [ "$status" = 2 ]
	[[ $stderr == *77*fix:* ]]
}

@test "LISTEN_FDS: a child does not learn of it" {
	inherit s listen -k -c 'env; ls /proc/$$/fd' fd:3
	run -0 ip send --recv-only "127.0.0.1:$s_port"
	[[ $output != *LISTEN_* ]]
	[[ $output == *IPCAT_PEER_IP=127.0.0.1* ]]
}

@test "NOTIFY_SOCKET: READY=1, once, path and abstract" {
	local where
	for where in "$T/n" "@ipcat-notify-$$"; do
		rm -f "$T/notified"
		bg n "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\0", 1))
open(sys.argv[2] + ".bound", "w").close()
open(sys.argv[2], "wb").write(s.recv(100))
s.settimeout(0.2)
try:
    print("more", s.recv(100))
except TimeoutError:
    print("once")' "$where" "$T/notified"
		wait_until test -e "$T/notified.bound"
		NOTIFY_SOCKET=$where start s listen -k --echo tcp://127.0.0.1:0
		finish n
		[ "$(cat "$T/notified")" = READY=1 ]
		[ "$(cat "$T/n.out")" = once ]
		rm -f "$T/n" "$T/notified.bound"
	done
	# A manager that is not there is no failure.
	NOTIFY_SOCKET=$T/none start q listen -k --echo tcp://127.0.0.1:0
	run -0 ip send "$q_endpoint" <<<hello
}

# ------------------------------------------------------------ many at once

@test "-k: many clients to one stdout, every byte of each in its order" {
	local i
	start s listen -k tcp://127.0.0.1:0 "unix://$T/s"
	for i in $(seq 10 29); do
		[ $((i % 2)) = 0 ] && to=$s_endpoint || to=unix://$T/s
		seq -f "$i %.0f" 3000 >"$T/in.$i"
		bg "c$i" "$IPCAT" send "$to" <"$T/in.$i"
	done
	for i in $(seq 10 29); do
		finish "c$i"
		[ "$status" = 0 ]
		[ ! -s "$T/c$i.out" ]
	done
	signal TERM s
	finish s
	[ "$status" = 143 ]
	cat "$T"/in.* | tr -d '\n' | fold -w1 | sort | uniq -c >"$T/want"
	tr -d '\n' <"$T/s.out" | fold -w1 | sort | uniq -c >"$T/got"
	same "$T/want" "$T/got"
	[ "$(size_of "$T/s.out")" = "$(cat "$T"/in.* | wc -c)" ]
}

@test "-k without a handler leaves stdin alone" {
	printf 'mine\n' >"$T/in"
	{
		start s listen -k tcp://127.0.0.1:0
		run -0 ip send "$s_endpoint" <<<x
		[ -z "$output" ]
		signal TERM s
		finish s
		run -0 cat
		[ "$output" = mine ]
	} <"$T/in"
}

@test "--max-conn: more wait, nobody is refused" {
	start s listen -k --max-conn 2 --echo tcp://127.0.0.1:0
	open_client a "$s_endpoint"
	open_client b "$s_endpoint"
	echo one >&"$a_fd"
	echo two >&"$b_fd"
	wait_for_text one "$T/a.out"
	wait_for_text two "$T/b.out"
	open_client c "$s_endpoint"
	echo three >&"$c_fd"
	echo four >&"$a_fd"
	wait_for_text four "$T/a.out"
	[ ! -s "$T/c.out" ]
	kill "$b_pid"
	wait_for_text three "$T/c.out"
	alive a
}

@test "one client and done: a second one is not let in" {
	start s listen tcp://127.0.0.1:0
	open_client a "$s_endpoint"
	echo one >&"$a_fd"
	wait_for_text one "$T/s.out"
	run -1 --separate-stderr ip send "$s_endpoint" <<<two
	[[ $stderr == *refused* ]]
	signal TERM a
	finish s
	[ "$status" = 0 ]
	[ "$(cat "$T/s.out")" = one ]
}

@test "--max-per-host: the second from one address is closed, another address is not" {
	start s listen -k -v --max-per-host 1 --echo tcp://127.0.0.1:0
	open_client a "$s_endpoint"
	echo one >&"$a_fd"
	wait_for_text one "$T/a.out"
	run ip send --recv-only "$s_endpoint"
	[ -z "$output" ]
	wait_for_text "refused 127.0.0.1" "$T/s.err"
	run -0 ip send "$s_endpoint?source=127.0.0.2" <<<two
	[ "$output" = two ]
	kill "$a_pid"
	finish a
	free_again() {
		[ "$(ip send "$s_endpoint" <<<three)" = three ]
	}
	wait_until free_again
}

# ------------------------------------------------------------ allow, deny

# try ENDPOINT RULE...: what a client gets back from a server with such rules.
try() {
	local to=$1
	shift
	start g listen -k --echo "$@"
	got=$(ip send "${to/PORT/$g_port}" <<<in 2>/dev/null) || :
	signal TERM g
	finish g
}

admits() {
	try "$@"
	[ "$got" = in ]
}

shuts_out() {
	try "$@"
	[ -z "$got" ]
}

@test "--allow and --deny: addresses and networks" {
	local at=tcp://127.0.0.1:0 me=127.0.0.1:PORT
	admits $me --allow 127.0.0.1 $at
	admits $me --allow 10.0.0.0/8 --allow 127.0.0.0/8 $at
	admits $me --allow all $at
	admits $me --deny 127.0.0.2 $at
	shuts_out $me --allow 10.0.0.0/8 $at
	shuts_out $me --deny 127.0.0.1 $at
	shuts_out $me --deny=127.0.0.0/8 --allow 127.0.0.1 $at
	shuts_out $me --deny all $at
	shuts_out $me --allow unix $at
	shuts_out $me --allow uid=0 $at
	shuts_out "$me?source=127.0.0.3" --deny 127.0.0.2/31 $at
	admits "$me?source=127.0.0.4" --deny 127.0.0.2/31 $at
}

@test "--allow and --deny: IPv4 seen through an IPv6 socket, in every spelling" {
	[ -s /proc/net/if_inet6 ] || skip "no IPv6 here"
	local at='tcp://[::]:0' me=127.0.0.1:PORT rule
	for rule in 127.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 127.0.0.0/8 ::ffff:127.0.0.0/104; do
		shuts_out $me --deny "$rule" "$at"
		admits $me --allow "$rule" "$at"
		shuts_out "[::1]:PORT" --allow "$rule" "$at"
	done
	shuts_out "[::1]:PORT" --deny ::1 "$at"
	shuts_out "[::1]:PORT" --deny ::/0 "$at"
	admits "[::1]:PORT" --allow 0:0:0:0:0:0:0:1 "$at"
	shuts_out $me --allow fe80::/10 "$at"
}

@test "--allow and --deny: uid and gid of a unix peer" {
	local me=unix://$T/s uid gid
	uid=$(id -u)
	gid=$(id -g)
	admits "$me" --allow "uid=$uid" "$me"
	admits "$me" --allow "uid=$(id -un)" "$me"
	admits "$me" --allow "gid=$gid" "$me"
	admits "$me" --allow unix "$me"
	shuts_out "$me" --allow "uid=$((uid + 1))" "$me"
	shuts_out "$me" --deny "uid=$uid" "$me"
	shuts_out "$me" --deny "gid=$gid" --allow "uid=$uid" "$me"
	shuts_out "$me" --allow 127.0.0.1 "$me"
}

# Its peers take what one recv() gives.
# bats test_tags=nofault
@test "--allow uid=: another user is told from us" {
	need setpriv
	[ "$(id -u)" = 0 ] || skip "needs root"
	pub=$(mktemp -d /tmp/ipcat-public.XXXXXX)
	chmod 755 "$pub"
	start s listen -k -v --echo --deny uid=65534 "unix://$pub/s?mode=0666"
	run -0 ip send "unix://$pub/s" <<<me
	[ "$output" = me ]
	run -0 hello_as_nobody "$pub/s"
	[ "$output" != hello ]
	wait_for_text "refused unix pid=" "$T/s.err"
	start t listen -k --echo --allow gid=65534 "unix://$pub/t?mode=0666"
	run -0 hello_as_nobody "$pub/t"
	[ "$output" = hello ]
	run ip send "unix://$pub/t" <<<me
	[ "$output" != me ]
	start u listen -k --echo "unix://$pub/u"
	run -1 hello_as_nobody "$pub/u"
	[[ $output == *"ermission denied"* ]]
	signal TERM s
	signal TERM t
	signal TERM u
	finish s
	finish t
	finish u
	rmdir "$pub"	# nothing is left in it
}

# ------------------------------------------------------------ addresses

@test "port 0 on several endpoints: each its own, all reported, all served" {
	start s listen -k --echo tcp://127.0.0.1:0 tcp://127.0.0.1:0 tcp://127.0.0.2:0 "unix://$T/s"
	[ "${#s_endpoints[@]}" = 4 ]
	[ "${s_endpoints[0]}" != "${s_endpoints[1]}" ]
	[[ ${s_endpoints[2]} == tcp://127.0.0.2:* ]]
	for e in "${s_endpoints[@]}"; do
		[[ $e != *:0 ]]
		run -0 ip send "$e" <<<"$e"
		[ "$output" = "$e" ]
	done
}

@test "an empty host serves both families; a taken port is exit 1" {
	start s listen -k --echo tcp://:0
	run -0 ip send "127.0.0.1:$s_port" <<<four
	[ "$output" = four ]
	if [ -s /proc/net/if_inet6 ]; then
		run -0 ip send "[::1]:$s_port" <<<six
		[ "$output" = six ]
	fi
	run -1 --separate-stderr ip listen "tcp://127.0.0.1:$s_port"
	[[ $stderr == *"in use"*fix:* ]]
	run -1 --separate-stderr ip listen tcp://192.0.2.1:0
	[[ $stderr == *192.0.2.1*fix:* ]]
}

# ------------------------------------------------------------ unix sockets

@test "unix: mode 0600, whatever the umask; mode=; removed at exit" {
	local how
	umask 000
	start s listen -k --echo "unix://$T/s"
	[ "$(stat -c %a "$T/s")" = 600 ]
	signal TERM s
	finish s
	[ ! -e "$T/s" ]
	umask 077
	start m listen -k --echo "unix://$T/m?mode=0666"
	[ "$(stat -c %a "$T/m")" = 666 ]
	# The second signal ends at once, and cleans up as well.
	open_client c "unix://$T/m"
	echo x >&"$c_fd"
	wait_for_text x "$T/c.out"
	signal INT m
	wait_for_text draining "$T/m.err"
	signal INT m
	finish m
	[ "$status" = 130 ]
	[ ! -e "$T/m" ]
	for how in "listen" "listen -k --max-conn 1" "listen -t 100ms"; do
		# shellcheck disable=SC2086
		start o $how "unix://$T/o"
		[ -S "$T/o" ]
		ip send "unix://$T/o" <<<x
		[ "$how" != "listen -k --max-conn 1" ] || signal TERM o
		finish o
		[ ! -e "$T/o" ]
	done
}

@test "unix: a stale socket is replaced, but not with replace=no" {
	start s listen -k --echo "unix://$T/s"
	signal KILL s
	finish s
	[ -S "$T/s" ]
	run -1 --separate-stderr ip send "unix://$T/s"
	[[ $stderr == *refused*fix:* ]]
	run -1 --separate-stderr ip listen "unix://$T/s?replace=no"
	[[ $stderr == *fix:* ]]
	[ -S "$T/s" ]
	start t listen -k --echo "unix://$T/s"
	run -0 ip send "unix://$T/s" <<<hello
	[ "$output" = hello ]
}

# Its peers take what one recv() gives.
# bats test_tags=nofault
@test "unix: a live socket is never stolen, of ours or of others" {
	start s listen -k --echo "unix://$T/s"
	run -1 --separate-stderr ip listen "unix://$T/s"
	[[ $stderr == *"$T/s"*fix:* ]]
	run -0 ip send "unix://$T/s" <<<hello
	[ "$output" = hello ]
	bg o "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1]); s.listen(0)
c, _ = s.accept(); print(c.recv(9)); c, _ = s.accept(); print(c.recv(9))' "$T/o"
	wait_until unix_listens "$T/o"
	run -1 ip listen "unix://$T/o"
	run -0 ip send --send-only "unix://$T/o" <<<x
	# Its queue is full and nobody accepts: still alive.
	bg f "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1]); s.listen(0)
k = []
for i in range(5):
    c = socket.socket(socket.AF_UNIX); c.setblocking(False)
    c.connect_ex(sys.argv[1]); k.append(c)
print("full", flush=True)
sys.stdin.read()' "$T/f" <&"$TICK"
	wait_for_text full "$T/f.out"
	run -1 ip listen "unix://$T/f"
	[ -S "$T/f" ]
}

@test "unix: what is not a socket is not removed" {
	echo precious >"$T/file"
	mkdir "$T/dir"
	mkfifo "$T/fifo"
	ln -s "$T/file" "$T/link"
	for f in file dir fifo link; do
		run -1 --separate-stderr ip listen "unix://$T/$f"
		[[ $stderr == *fix:* ]]
	done
	[ "$(cat "$T/file")" = precious ]
	[ -d "$T/dir" ]
	[ -p "$T/fifo" ]
	[ -L "$T/link" ]
	run -1 --separate-stderr ip listen "unix://$T/none/s"
	[[ $stderr == *"$T/none"*fix:* ]]
}

@test "unix: at exit only our own inode is removed" {
	start s listen -k --echo "unix://$T/s"
	rm "$T/s"
	"$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])' "$T/s"
	inode=$(stat -c %i "$T/s")
	signal TERM s
	finish s
	[ "$(stat -c %i "$T/s")" = "$inode" ]
	start t listen -k --echo "unix://$T/t"
	mv "$T/t" "$T/moved"
	echo precious >"$T/t"
	signal TERM t
	finish t
	[ "$(cat "$T/t")" = precious ]
}

@test "unix: of many that start on one stale path exactly one serves" {
	local i n=0
	"$PYTHON" -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()' "$T/s"
	[ -S "$T/s" ]
	for i in 1 2 3 4 5 6 7 8; do
		bg "l$i" "$IPCAT" listen -k --echo "unix://$T/s"
	done
	wait_until unix_listens "$T/s"
	for i in 1 2 3 4 5 6 7 8; do
		one_left() {
			[ "$(pgrep -c -f -x "$IPCAT listen -k --echo unix://$T/s")" = 1 ]
		}
		wait_until one_left
	done
	run -0 ip send "unix://$T/s" <<<hello
	[ "$output" = hello ]
	for i in 1 2 3 4 5 6 7 8; do
		if alive "l$i"; then
			n=$((n + 1))
		else
			finish "l$i"
			[ "$status" = 1 ]
		fi
	done
	[ "$n" = 1 ]
}

@test "unix: abstract names leave nothing behind and are not stolen" {
	local name=@ipcat-test-$$-$BATS_TEST_NUMBER
	start s listen -k --echo "$name"
	[ "$s_endpoint" = "unix:$name" ]
	run -0 ip send "$name" <<<hello
	[ "$output" = hello ]
	run -0 ip send "unix:$name" <<<hello
	run -1 --separate-stderr ip listen "$name"
	[[ $stderr == *"in use"*fix:* ]]
	run -2 ip listen "unix:$name?mode=0600"
	signal TERM s
	finish s
	start t listen "$name"
	run -0 ip send "$name" <<<again
	finish t
	[ "$(cat "$T/t.out")" = again ]
	[ -z "$(find . -maxdepth 1 -name '@ipcat-test*')" ]
}

# ------------------------------------------------------------ signals

@test "SIGTERM: no new connections, those that are open go on; exit 143" {
	start s listen -k --echo tcp://127.0.0.1:0
	open_client a "$s_endpoint"
	echo one >&"$a_fd"
	wait_for_text one "$T/a.out"
	signal TERM s
	wait_for_text draining "$T/s.err"
	run -1 ip send "$s_endpoint" <<<no
	echo two >&"$a_fd"
	wait_for_text two "$T/a.out"
	alive s
	signal TERM a
	finish a
	finish s
	[ "$status" = 143 ]
}

@test "a second SIGTERM ends at once; SIGINT 130, SIGHUP 129" {
	local sig code
	while read -r sig code; do
		start s listen -k --echo tcp://127.0.0.1:0
		rm -f "$T/a.fifo" "$T/a.out"
		open_client a "$s_endpoint"
		echo one >&"$a_fd"
		wait_for_text one "$T/a.out"
		signal "$sig" s
		wait_for_text draining "$T/s.err"
		alive s
		signal "$sig" s
		finish s
		[ "$status" = "$code" ]
		finish a
		[ "$status" = 3 ]
	done <<-E
	TERM 143
	INT 130
	HUP 129
	E
}

@test "SIGTERM with nothing open ends at once, while dialing too" {
	start s listen -k --echo tcp://127.0.0.1:0
	signal TERM s
	finish s
	[ "$status" = 143 ]
	start o listen tcp://127.0.0.1:0
	signal INT o
	finish o
	[ "$status" = 130 ]
	bg d "$IPCAT" send -vv -r forever --backoff 10ms..20ms "unix://$T/none"
	wait_until test -s "$T/d.err"
	signal TERM d
	finish d
	[ "$status" = 143 ]
}

@test "SIGTERM to a sender: what was read is delivered, then 143" {
	start s listen tcp://127.0.0.1:0
	mkfifo "$T/in"
	bg c "$IPCAT" send "$s_endpoint" <>"$T/in"
	exec {in}>"$T/in"
	cat "$(data 64k)" >&"$in"
	all_there() {
		[ "$(size_of "$T/s.out")" = 65536 ]
	}
	wait_until all_there
	signal TERM c
	finish c
	[ "$status" = 143 ]
	finish s
	[ "$status" = 0 ]
	same "$(data 64k)" "$T/s.out"
}

# ------------------------------------------------------------ stdout, stdin

@test "stdout closed by its reader: exit 1, as a local error" {
	start s listen -k -c 'cat "$0"' tcp://127.0.0.1:0
	start z listen -k -c 'head -c 10M /dev/zero' tcp://127.0.0.1:0
	{
		rc=0
		timeout -s KILL "$LIMIT" "$IPCAT" send --recv-only "$z_endpoint" \
		    2>"$T/err" || rc=$?
		echo "$rc" >"$T/rc"
	} | head -c 1 >"$T/one"
	[ "$(size_of "$T/one")" = 1 ]
	[ "$(cat "$T/rc")" = 1 ]
	grep -q "cannot write" "$T/err"
	grep -q "fix:" "$T/err"
}

# Its peers take what one recv() gives.
# bats test_tags=nofault
@test "stdout is /dev/full: exit 1 and the bytes that were not delivered" {
	[ -c /dev/full ] || skip "no /dev/full"
	start z listen -k -c 'echo hello' tcp://127.0.0.1:0
	rc=0
	ip send --recv-only "$z_endpoint" >/dev/full 2>"$T/err" || rc=$?
	[ "$rc" = 1 ]
	grep -q "no space left" "$T/err"
	rc=0
	ip relay - - <<<hello >/dev/full 2>"$T/err" || rc=$?
	[ "$rc" = 1 ]
	grep -q "after 0 bytes delivered, [1-6] not" "$T/err"
	rc=0
	ip relay --explain - - >/dev/full 2>"$T/err" || rc=$?
	[ "$rc" = 1 ]
}

@test "help and version to a full stdout: exit 1" {
	[ -c /dev/full ] || skip "no /dev/full"
	for how in "send --help" "send --version" --version --help help \
	    "help transports"; do
		rc=0
		# shellcheck disable=SC2086
		ip $how >/dev/full 2>"$T/err" || rc=$?
		[ "$rc" = 1 ]
	done
}

@test "-k to one stdout that fails: the server ends, exit 1" {
	OUT=/dev/full start s listen -k tcp://127.0.0.1:0
	run ip send "$s_endpoint" <<<hello
	finish s
	[ "$status" = 1 ]
	grep -q "no space left" "$T/s.err"
}

@test "stdout or stdin is closed from the start: exit 1 and what to do" {
	rc=0
	ip relay null: - >&- 2>"$T/err" || rc=$?
	[ "$rc" = 1 ]
	grep -q "fix:" "$T/err"
	rc=0
	ip relay - null: <&- 2>"$T/err" || rc=$?
	[ "$rc" = 1 ]
	grep -q "fix:" "$T/err"
}

@test "a source that cannot be read: exit 1, nothing claimed" {
	start s listen -k tcp://127.0.0.1:0
	run -1 --separate-stderr ip send "$s_endpoint" <"$T"
	[[ $stderr == *"cannot read"*directory*fix:* ]]
	run -1 --separate-stderr ip relay "file://$T/none" -
	[[ $stderr == *"$T/none"*fix:* ]]
	run -1 --separate-stderr ip relay "file://$T" -
	[[ $stderr == *"$T"*fix:* ]]
	run -1 --separate-stderr ip relay "file:///proc/self/mem" -
	[[ $stderr == *"cannot read"* ]]
	if command -v setpriv >/dev/null && [ "$(id -u)" = 0 ]; then
		# Root without the right to read everything.
		echo secret >"$T/secret"
		chmod 0 "$T/secret"
		run -1 --separate-stderr setpriv --bounding-set=-all \
		    "$IPCAT" relay "file://$T/secret" -
		[[ $stderr == *"ermission denied"*fix:* ]]
	fi
}
