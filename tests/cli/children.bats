# Children of exec: and sh: what they are given, how they end, what is left of
# them.  Hazards H22 to H26.

load helpers

PY_FDS='import os; print(sorted(int(f) for f in os.listdir("/proc/self/fd")))'

# Should a test fail: the processes that it tells of in $T/pids.
teardown() {
	# shellcheck disable=SC2046
	[ ! -s "$T/pids" ] || kill -s KILL $(cat "$T/pids") 2>/dev/null || :
	cleanup
}

gone() {
	local pid
	for pid; do
		! kill -0 "$pid" 2>/dev/null || return 1
	done
}

# Exited, but perhaps not collected yet.
exited() {
	! grep -qs '^State:.[^ZX]' "/proc/$1/status"
}

# No child of this process, living or dead.
childless() {
	[ -z "$(cat /proc/"$1"/task/*/children)" ]
}

# pids FILE N: N process numbers stand in FILE.
pids() {
	[ -e "$1" ] && [ "$(wc -w <"$1")" = "$2" ]
}

# A TERM-proof child with a grandchild; both numbers go to $T/pids.
stubborn() {
	cat >"$T/stubborn" <<-EOF
	#!/bin/sh
	trap '' TERM HUP INT
	sleep 1000 >/dev/null 2>&1 &
	echo \$\$ \$! >"$T/pids"
	echo ready
	while :; do wait; done
	EOF
	chmod 755 "$T/stubborn"
}

# ------------------------------------------------------------ what it is given

@test "H22: argv arrives as it was written, no shell in between" {
	run -0 ip listen -t 20s --explain tcp://127.0.0.1:0 -e printf '%s\n' '$HOME' '*' ';' '--' '-k' ''
	start s listen -k tcp://127.0.0.1:0 -e printf '<%s>' '$HOME' '*' 'a b' ';exit' '--' '-k' '' 'é'
	run -0 ip send --recv-only "$s_endpoint"
	[ "$output" = '<$HOME><*><a b><;exit><--><-k><><é>' ]
	run -0 ip relay 'exec:printf <%s> $HOME * ;exit' -
	[ "$output" = '<$HOME><*><;exit>' ]
	run -0 ip relay 'sh:printf "<%s>" "$((1 + 1))" ";exit"' -
	[ "$output" = '<2><;exit>' ]
}

@test "H22: what a peer sends is never in argv nor a command" {
	start s listen -k -c 'cat; tr "\0" " " </proc/$$/cmdline' tcp://127.0.0.1:0
	run -0 ip send "$s_endpoint" <<<'; touch /tmp/ipcat-owned; $(touch /tmp/ipcat-owned)'
	[[ $output == *owned*"/bin/sh -c cat; tr"* ]] || [[ $output == *owned*"sh -c cat; tr"* ]]
	[ ! -e /tmp/ipcat-owned ]
}

@test "H22: descriptors of a child are exactly 0 1 2" {
	local how
	start s listen -k tcp://127.0.0.1:0 "unix://$T/u" -e "$PYTHON" -c "$PY_FDS"
	for how in "$s_endpoint" "unix://$T/u"; do
		run -0 ip send --recv-only "$how"
		# The fourth is the listing itself.
		[ "$output" = "[0, 1, 2, 3]" ]
	done
	# Not those that we inherited either.
	for how in "exec:" "exec?stdio=socket:" "exec?pty:" "exec?stderr=null:" "exec?stderr=stdout:"; do
		printf '%s\n' "$PY_FDS" >"$T/fds.py"
		run -0 ip relay "$how$PYTHON $T/fds.py" - 20</etc/passwd 21>"$T/x" 22<>"$T/x" 100</dev/null
		[ "${output%$'\r'}" = "[0, 1, 2, 3]" ]
	done
	exec {keep}</etc/passwd
	start m listen -k tcp://127.0.0.1:0 -e "$PYTHON" -c "$PY_FDS"
	exec {keep}<&-
	run -0 ip send --recv-only "$m_endpoint"
	[ "$output" = "[0, 1, 2, 3]" ]
}

@test "H23: the environment over TCP is exactly the documented one" {
	cat >"$T/run" <<-'EOF'
	#!/bin/sh
	exec env -i PATH="$PATH" HOME=/h USER=u LOGNAME=l SHELL=/s LANG=C LC_ALL=C \
	    LC_TIME=C TZ=UTC TERM=dumb TMPDIR=/tmp SECRET=s LD_LIBRARY_PATH=/x \
	    LISTEN_FDS=1 LISTEN_PID=1 NOTIFY_SOCKET=/n WATCHDOG_USEC=1 \
	    TCPREMOTEIP=9.9.9.9 IPCAT_PEER_IP=9.9.9.9 BASH_ENV=/b ENV=/e IFS=x \
	    "$IPCAT" "$@"
	EOF
	chmod 755 "$T/run"
	ready=$T/ready
	bg s "$T/run" listen -k --ready-fd 19 tcp://127.0.0.1:0 -e env 19>"$ready"
	wait_until test -s "$ready"
	port=$(sed 's/.*://' "$ready")
	run -0 ip send --recv-only "127.0.0.1:$port?source=127.0.0.1"
	[ "$(printf '%s\n' "${lines[@]%%=*}" | sort | tr '\n' ' ')" = \
	    "$(printf '%s\n' PATH HOME USER LOGNAME SHELL LANG LC_ALL LC_TIME TZ \
	    TERM TMPDIR PROTO TCPREMOTEIP TCPREMOTEPORT TCPLOCALIP TCPLOCALPORT \
	    IPCAT_SCHEME IPCAT_PID IPCAT_PEER IPCAT_LOCAL IPCAT_PEER_IP \
	    IPCAT_PEER_PORT | sort | tr '\n' ' ')" ]
	[[ $output == *TCPREMOTEIP=127.0.0.1* ]]
	[[ $output == *TCPLOCALPORT=$port* ]]
	[[ $output == *IPCAT_PEER_IP=127.0.0.1* ]]
	[[ $output == *PROTO=TCP* ]]
	[[ $output == *IPCAT_SCHEME=tcp* ]]
	[[ $output == *"IPCAT_PID=$s_pid"* ]]
}

@test "H23: the environment over a unix socket, env= and pass-env" {
	start s listen -k "unix://$T/s" -e env
	run -0 ip send --recv-only "unix://$T/s"
	[[ $output == *PROTO=UNIX* ]]
	[[ $output == *"UNIXREMOTEEUID=$(id -u)"* ]]
	[[ $output == *"IPCAT_PEER_UID=$(id -u)"* ]]
	[[ $output == *"IPCAT_PEER_GID=$(id -g)"* ]]
	[[ $output != *TCPREMOTE* ]]
	SECRET=s run -0 ip relay 'exec?env=A=1&env=B=x%20y&env=PATH=/none:/usr/bin/env' -
	[[ $output == *A=1* ]]
	[[ $output == *"B=x y"* ]]
	[[ $output == *PATH=/none* ]]
	[[ $output != *SECRET* ]]
	SECRET=s LD_BIND_NOW=1 NOTIFY_SOCKET=/n LISTEN_FDS=3 \
	    run -0 ip relay 'exec?pass-env:env' -
	[[ $output == *SECRET=s* ]]
	[[ $output != *NOTIFY_SOCKET* ]]
	[[ $output != *LD_BIND_NOW* ]]
	[[ $output != *LISTEN_FDS* ]]
}

@test "H25: a child has default signals and none blocked, whatever we had" {
	start s listen -k tcp://127.0.0.1:0 -e grep -E 'Sig(Ign|Blk|Cgt)' /proc/self/status
	run -0 ip send --recv-only "$s_endpoint"
	[[ $output == *SigBlk*0000000000000000* ]]
	[[ $output == *SigIgn*0000000000000000* ]]
	run -0 sh -c 'trap "" PIPE HUP INT TERM USR1; exec "$IPCAT" relay "exec:grep -E Sig(Ign|Blk) /proc/self/status" -'
	[ "$(grep -c 0000000000000000 <<<"$output")" = 2 ]
	# SIGPIPE ends a child whose reader is gone.
	rc=0
	{ timeout -s KILL "$LIMIT" "$IPCAT" relay "sh:echo \$\$ >$T/pid; exec yes" - || echo $? >"$T/rc"; } 2>/dev/null |
	    head -n 1 >"$T/y"
	[ "$(cat "$T/y")" = y ]
	[ "$(cat "$T/rc")" = 1 ]
	wait_until gone "$(cat "$T/pid")"
}

@test "H26: user= and group= drop everything and for good" {
	[ "$(id -u)" = 0 ] || skip "needs root"
	cat >"$T/who.py" <<-'PY'
	import os
	print(os.getresuid(), os.getresgid(), os.getgroups())
	for call in (lambda: os.setuid(0), lambda: os.setgid(0),
	             lambda: os.setgroups([0]), lambda: os.seteuid(0)):
	    try:
	        call()
	        print("regained")
	    except PermissionError:
	        print("refused")
	PY
	code=$(cat "$T/who.py")
	start s listen -k tcp://127.0.0.1:0 -e "$PYTHON" -c "$code"
	run -0 ip send --recv-only "$s_endpoint"
	[[ $output == *regained* ]]
	pub=$(mktemp -d /tmp/ipcat-public.XXXXXX)
	chmod 755 "$pub"
	cp "$T/who.py" "$pub/who.py"
	chmod 644 "$pub/who.py"
	run -0 ip relay "exec?user=nobody&cwd=/:$PYTHON $pub/who.py" -
	[ "${lines[0]}" = "(65534, 65534, 65534) (65534, 65534, 65534) [65534]" ] ||
	    [ "${lines[0]}" = "(65534, 65534, 65534) (65534, 65534, 65534) []" ]
	[[ $output != *regained* ]]
	run -0 ip relay "exec?user=65534&group=1&cwd=/:$PYTHON $pub/who.py" -
	[[ ${lines[0]} == "(65534, 65534, 65534) (1, 1, 1) "* ]]
	[[ $output != *regained* ]]
	rm -r "$pub"
	run -2 --separate-stderr ip relay exec?user=nosuchuser:id -
	[[ $stderr == *nosuchuser*fix:* ]]
	need setpriv
	run --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups "$IPCAT" relay exec?user=0:id -
	[ "$status" != 0 ]
	[ -z "$output" ]
}

@test "cwd=, stderr=: the folder and the standard error of a child" {
	run -0 ip relay exec?cwd=/usr:pwd -
	[ "$output" = /usr ]
	run -1 --separate-stderr ip relay "exec?cwd=$T/none:pwd" -
	[[ $stderr == *"$T/none"*fix:* ]]
	run -0 --separate-stderr ip relay 'sh:echo oops >&2; echo fine' -
	[ "$output" = fine ]
	[ "$stderr" = oops ]
	run -0 --separate-stderr ip relay 'sh?stderr=null:echo oops >&2; echo fine' -
	[ -z "$stderr" ]
	run -0 --separate-stderr ip relay 'sh?stderr=stdout:echo oops >&2; echo fine' -
	[ "$output" = $'oops\nfine' ]
	[ -z "$stderr" ]
}

# ------------------------------------------------------------ how it ends

@test "exit codes: 5 for a child that fails or is killed, 1 for one that cannot be run" {
	run -5 --separate-stderr ip relay 'sh:exit 3' -
	[[ $stderr == *"status 3"*"sh:exit 3"* ]]
	run -5 --separate-stderr ip send 'sh:cat >/dev/null; kill -KILL $$' <<<x
	[[ $stderr == *"signal 9"* ]]
	run -5 ip send exec:false
	run -0 ip send exec:true
	run -1 --separate-stderr ip send exec:/nonexistent/program
	[[ $stderr == *"/nonexistent/program"*"no such file"*fix:* ]]
	run -1 --separate-stderr ip send exec:no-such-program-in-path
	[[ $stderr == *no-such-program-in-path*fix:* ]]
	echo text >"$T/notexec"
	run -1 --separate-stderr ip send "exec:$T/notexec"
	[[ $stderr == *"ermission denied"*fix:* ]]
}

@test "a server whose program cannot be run tells each client and goes on" {
	start s listen -k tcp://127.0.0.1:0 -e "$T/none"
	for n in 1 2 3; do
		run --separate-stderr ip send --recv-only "$s_endpoint"
		[ -z "$output" ]
	done
	alive s
	wait_for_text "$T/none" "$T/s.err"
	wait_until childless "$s_pid"
}

@test "a child that closes stdin early may have had all it wanted" {
	start s listen -n 2 -k -c 'exec 0<&-; echo answer' tcp://127.0.0.1:0
	run --separate-stderr ip send "$s_endpoint" <"$(data 1M)"
	[ "$output" = answer ]
	[ "$status" = 0 ] || [ "$status" = 3 ]
	run -0 ip send "$s_endpoint"
	[ "$output" = answer ]
	finish s
	[ "$status" = 0 ]
	run -0 ip relay - "exec:head -c 3" <"$(data 1M)"
	run -5 ip relay - "sh:head -c 3 >/dev/null; exit 1" <"$(data 1M)"
}

@test "a child that closes stdout early still gets all its input" {
	f=$(data 1M)
	start s listen -n 1 -k -c "exec >&-; cat >$T/got" tcp://127.0.0.1:0
	run -0 ip send "$s_endpoint" <"$f"
	[ -z "$output" ]
	finish s
	[ "$status" = 0 ]
	same "$f" "$T/got"
	run -0 ip relay - "sh:exec >&- 2>&-; cat >$T/got2" <"$f"
	same "$f" "$T/got2"
}

@test "a child that exits at once, with input under way" {
	start s listen -k -c 'exit 0' tcp://127.0.0.1:0
	for n in 1 2 3 4 5; do
		run ip send "$s_endpoint" <"$(data 1M)"
		[ "$status" = 0 ] || [ "$status" = 3 ]
	done
	alive s
	wait_until childless "$s_pid"
	run -0 ip relay - exec:true <"$(data 1M)"
}

@test "the whole answer of a child arrives, also when it read nothing" {
	start s listen -n 1 -k "tcp://127.0.0.1:0?sndbuf=1M" -c "echo \$\$ >$T/pids; head -c 1000000 /dev/zero"
	bg c "$PYTHON" -c '
import os, socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
s.connect(("127.0.0.1", int(sys.argv[1])))
s.setblocking(False)
try:
    for n in range(100):
        s.send(b"x" * 50000)
except BlockingIOError:
    pass
s.setblocking(True)
sys.stdin.read(1)
got = 0
try:
    while True:
        n = len(s.recv(65536))
        if n == 0:
            break
        got += n
    print(got, "end")
except ConnectionResetError:
    print(got, "reset")' "$s_port" < <(wait_until test -e "$T/go"; echo)
	wait_until pids "$T/pids" 1
	wait_until exited "$(cat "$T/pids")"
	: >"$T/go"
	finish c
	[[ $(cat "$T/c.out") == "1000000 "* ]]
}

@test "the end of input reaches a child, its answer the client" {
	f=$(data 1M)
	start s listen -k -c 'sha256sum' tcp://127.0.0.1:0
	run -0 ip send "$s_endpoint" <"$f"
	[ "$output" = "$(sha256sum <"$f")" ]
	start p listen -k "unix://$T/p" -e sort -r
	run -0 ip send "unix://$T/p" < <(seq 20000)
	[ "$(sha256sum <<<"$output")" = "$(seq 20000 | sort -r | sha256sum)" ]
}

@test "H22: many clients, many children: none is left over" {
	start s listen -k tcp://127.0.0.1:0 -e cat
	for n in 1 2 3 4 5 6 7 8 9 10; do
		for m in a b c; do
			bg "c$m" "$IPCAT" send "$s_endpoint" <<<"$n$m"
		done
		for m in a b c; do
			finish "c$m"
			[ "$status" = 0 ]
			[ "$(cat "$T/c$m.out")" = "$n$m" ]
		done
	done
	wait_until childless "$s_pid"
}

@test "H22: a client that resets ends the whole process group, stubborn or not" {
	stubborn
	start r relay tcp://127.0.0.1:0 "exec?grace=100ms:$T/stubborn"
	peer connect "$r_port" recv:"$T/got":6 rst
	wait_until pids "$T/pids" 2
	# shellcheck disable=SC2046
	wait_until gone $(cat "$T/pids")
	wait_until childless "$r_pid"
	alive r
}

@test "H22: a unix client that is killed ends a silent child, with the default grace" {
	stubborn
	start u listen -k "unix://$T/u" -e "$T/stubborn"
	bg c "$IPCAT" send --recv-only "unix://$T/u"
	wait_for_text ready "$T/c.out"
	signal KILL c
	# shellcheck disable=SC2046
	wait_until gone $(cat "$T/pids")
	wait_until childless "$u_pid"
}

@test "H22: SIGTERM twice leaves neither child nor grandchild" {
	stubborn
	start s listen -k tcp://127.0.0.1:0 -e "$T/stubborn"
	bg c "$IPCAT" send --recv-only "$s_endpoint"
	wait_for_text ready "$T/c.out"
	signal TERM s
	wait_for_text draining "$T/s.err"
	alive s
	signal TERM s
	finish s
	[ "$status" = 143 ]
	# shellcheck disable=SC2046
	wait_until gone $(cat "$T/pids")
	finish c
	[ "$status" != 0 ]
}

@test "H22: -t, -i and a failing stdout end the child too" {
	stubborn
	run -124 ip relay -t 1s "exec:$T/stubborn" -
	# shellcheck disable=SC2046
	wait_until gone $(cat "$T/pids")
	rm "$T/pids"
	run -124 ip relay -i 500ms "exec?grace=100ms:$T/stubborn" -
	# shellcheck disable=SC2046
	wait_until gone $(cat "$T/pids")
	rm "$T/pids"
	[ -c /dev/full ] || return 0
	rc=0
	ip relay "exec?grace=100ms:$T/stubborn" - >/dev/full || rc=$?
	[ "$rc" = 1 ]
	# shellcheck disable=SC2046
	wait_until gone $(cat "$T/pids")
}

@test "H22: our own SIGKILL takes the child with it" {
	start s listen -k tcp://127.0.0.1:0 -c "echo \$\$ >$T/pids; echo ready; exec sleep 1000"
	bg c "$IPCAT" send --recv-only "$s_endpoint"
	wait_for_text ready "$T/c.out"
	signal KILL s
	finish s
	wait_until gone "$(cat "$T/pids")"
}

@test "H22: a grandchild in the background does not hold the connection of a polite child" {
	start s listen -n 1 -k tcp://127.0.0.1:0 -c "sleep 1000 </dev/null >/dev/null 2>&1 & echo \$! >$T/pids; echo done"
	run -0 ip send "$s_endpoint"
	[ "$output" = done ]
	finish s
	[ "$status" = 0 ]
	# What is left of the group is ended when the connection is.
	wait_until gone "$(cat "$T/pids")"
}

@test "a child of send: killed when the input is done with and it fails, no orphan" {
	run -0 ip send 'sh:cat; echo end' <<<hello
	[ "$output" = $'hello\nend' ]
	bg c "$IPCAT" send "sh:echo \$\$ >$T/pids; exec sleep 1000" <<<x
	wait_until pids "$T/pids" 1
	signal TERM c
	# Two signals that wait to be taken are one.
	wait_for_text draining "$T/c.err"
	signal TERM c
	finish c
	[ "$status" = 143 ]
	wait_until gone "$(cat "$T/pids")"
}
