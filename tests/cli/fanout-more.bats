# Publish and subscribe when things go wrong: who comes first, who breaks off,
# brokers that are restarted, limits.  What goes right is in fanout.bats.

load helpers

# client CODE ARG...: python with `dial()`, which connects to $T/sock, and
# `up()`, which says that the test may go on.
client() {
	timeout -s KILL "$LIMIT" "$PYTHON" -c '
import os, select, socket, struct, sys
def dial():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    return s
def up(*what):
    print("up", *what, flush=True)
exec(sys.argv[2])' "$T/sock" "$@" {TICK}>&-
}

# The number behind a name of --stats.
stat_of() {
	sed -n "s/^$1 //p" "$T/s.err"
}

lines_of() {
	[ "$(grep -c '' "$1")" = "$2" ]
}

descriptors() {
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

has_descriptors() {
	[ "$(descriptors "$1")" = "$2" ]
}

# A subscriber that is known to the broker when this returns: the messages
# that it has are told in its -F, and the first one is a greeting.
subscribe() {
	local name=$1 topic=$2
	shift 2
	bg "$name" "$IPCAT" send --subscribe hello --subscribe "$topic" "$@" </dev/null
	wait_until greeted "$name" "${@: -1}"
}

greeted() {
	ip send --topic hello -m hello "$2" 2>/dev/null || :
	grep -qs hello "$T/$1.out"
}

# --------------------------------------------------------- who comes first

@test "topics: a publisher that comes and goes first is heard from the history" {
	local kind
	for kind in --hub --fanout; do
		start s listen "$kind" --topics --history 5 --stats "unix://$T/sock"
		run -0 ip send --topic a.b "$s_endpoint" <<<$'one\ntwo'
		alive s
		run -0 ip send --subscribe 'a.*' -n 2 "$s_endpoint"
		[ "$output" = $'one\ntwo' ]
		finish s
		[ "$status" = 0 ]
		[ "$(stat_of unheard)" = 2 ]
	done
}

@test "topics: what was published before anybody listened is told: exit 3" {
	start s listen --fanout --topics "unix://$T/sock"
	run -0 ip send --topic a "$s_endpoint" <<<$'one\ntwo'
	alive s
	client 's = dial()
s.sendall(b"SUB a\nSUB b\n")'
	finish s
	[ "$status" = 3 ]
	grep -q '2 messages were published before anybody listened' "$T/s.err"
}

@test "topics: our stdin has ended before the first SUB: it gets the history, then the end" {
	printf 'PUB a one\nPUB b no\nPUB a two\n' >"$T/in"
	start s listen --fanout --topics --history 5 "unix://$T/sock" <"$T/in"
	run -0 ip send --subscribe a "$s_endpoint"
	[ "$output" = $'one\ntwo' ]
	finish s
	[ "$status" = 0 ]
}

@test "topics: -n is reached before the first SUB" {
	mkfifo "$T/in"
	exec 18<>"$T/in"
	start s listen --fanout --topics --history 5 -n 2 "unix://$T/sock" <"$T/in" 18>&-
	printf 'PUB a one\nPUB a two\nPUB a three\n' >&18
	run -0 ip send --subscribe a "$s_endpoint"
	[ "$output" = $'one\ntwo' ]
	finish s
	[ "$status" = 0 ]
	exec 18>&-
}

@test "SIGTERM when -n is reached and nobody has come: it ends" {
	mkfifo "$T/in"
	exec 18<>"$T/in"
	start s listen -k --fanout --history 3 -n 3 "unix://$T/sock" <"$T/in" 18>&-
	printf '%s\n' 1 2 3 4 5 >&18
	wait_until stalled "$s_pid"
	signal TERM s
	finish s
	[ "$status" = 3 ]
	grep -q 'published to nobody' "$T/s.err"
	exec 18>&-
}

@test "messages dropped because nobody is there yet are no secret" {
	seq 10 >"$T/in"
	start s listen --fanout --slow drop-new --history 4 "unix://$T/sock" <"$T/in"
	wait_until stalled "$s_pid"
	run -0 ip send "$s_endpoint"
	[ "$output" = "$(seq 7 10)" ]
	finish s
	[ "$status" = 3 ]
	grep -q '6 messages were published before anybody listened' "$T/s.err"
}

# --------------------------------------------------------------- breaking off

@test "hub: a message that its client cut short is in the exit code" {
	start s listen --hub -f len32 --stats "unix://$T/sock"
	client 'dial().sendall(b"\0\0\0\2hi" b"\0\0\0\5hel")'
	finish s
	[ "$status" = 3 ]
	[ "$(tail -c 2 "$T/s.out")" = hi ]
	[ "$(stat_of broken)" = 1 ]
	[ "$(stat_of published)" = 1 ]
}

@test "hub: a client that is a child and fails is in the exit code" {
	run --separate-stderr timeout -s KILL "$LIMIT" "$IPCAT" listen --hub "sh:echo hello; exit 3"
	[ "$status" = 5 ]
	[ "$output" = hello ]
	[[ $stderr == *"status 3"* ]]
	run -0 ip listen --hub "sh:echo hello"
	[ "$output" = hello ]
}

@test "topics: a client that says something else is in the exit code" {
	start s listen --hub --topics --stats "unix://$T/sock"
	client 's = dial(); s.sendall(b"SUB a\nHELLO\n"); s.recv(1)' || :
	finish s
	[ "$status" = 3 ]
	[ "$(stat_of protocol_errors)" = 1 ]
	grep -q '^ipcat listen: message 2: not a line of the topic protocol' "$T/s.err"
}

@test "with -k a client that breaks off is told and counted, the signal decides" {
	start s listen -k --hub -f len32 --stats "unix://$T/sock"
	client 'dial().sendall(b"\0\0\0\5hel")'
	wait_for_text 'warn: ' "$T/s.err"
	signal TERM s
	finish s
	[ "$status" = 143 ]
	[ "$(stat_of broken)" = 1 ]
}

@test "a last line without its end does not run into what another one says" {
	start s listen -k --hub --topics "unix://$T/sock"
	subscribe sub a "$s_endpoint"
	run -0 ip send --topic a "$s_endpoint" < <(printf one)
	run -0 ip send "$s_endpoint" < <(printf 'PUB a two')
	run -0 ip send --topic a "$s_endpoint" <<<three
	wait_for_text three "$T/sub.out"
	[ "$(grep -v hello "$T/sub.out")" = $'one\ntwo\nthree' ]
	start f listen -k --fanout "unix://$T/sock2"
	run -0 ip send --send-only "$f_endpoint" < <(printf one)
	run -0 ip send --send-only "$f_endpoint" <<<two
	wait_for_text two "$T/f.out"
	[ "$(cat "$T/f.out")" = $'one\ntwo' ]
}

# ------------------------------------------------------------------- redialing

@test "send --subscribe -r: a broker that is killed or ended is dialed again" {
	local how
	start s listen -k --fanout --topics "unix://$T/sock"
	bg sub "$IPCAT" send -r --backoff 5ms..20ms --subscribe 'a.*' --subscribe b \
	    -F '%t %p\n' "$s_endpoint" </dev/null
	wait_until heard first
	for how in KILL TERM; do
		signal "$how" s
		finish s
		start s listen -k --fanout --topics "unix://$T/sock"
		wait_until heard "$how"
	done
	signal TERM sub
	finish sub
	[ "$status" = 143 ]
}

# Both subscriptions have been said (again).
heard() {
	ip send --topic a.x -m "$1" "$s_endpoint" || :
	ip send --topic b -m "$1" "$s_endpoint" || :
	grep -qsx "a.x $1" "$T/sub.out" && grep -qsx "b $1" "$T/sub.out"
}

@test "send --subscribe -r: -n counts over all connections, exit 0" {
	start s listen -k --fanout --topics --history 1 "unix://$T/sock"
	run -0 ip send --topic a -m one "$s_endpoint"
	bg sub "$IPCAT" send -r --backoff 5ms..20ms --subscribe a -n 2 "$s_endpoint" </dev/null
	wait_for_text one "$T/sub.out"
	signal TERM s
	finish s
	alive sub
	start s listen -k --fanout --topics --history 1 "unix://$T/sock"
	run -0 ip send --topic a -m two "$s_endpoint"
	finish sub
	[ "$status" = 0 ]
	[ "$(cat "$T/sub.out")" = $'one\ntwo' ]
}

@test "send --subscribe -r: a message cut in the middle is in the exit code" {
	bg s client 'import threading
l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen()
c, _ = l.accept()
c.recv(100)
c.sendall(b"\0\0\0\7MSG a 1" b"\0\0\0\7MSG")
c.shutdown(socket.SHUT_WR)
d, _ = l.accept()
d.recv(100)
d.sendall(b"\0\0\0\7MSG a 2")
while d.recv(100): pass'
	wait_until unix_listens "$T/sock"
	run -3 --separate-stderr ip send -r --subscribe a -n 2 -p frame:len32 "unix://$T/sock"
	[ "$output" = $'1\n2' ]
	finish s
}

@test "send --subscribe -rN: one who lets us in and says nothing, N times: exit 1" {
	bg s client 'l = socket.socket(socket.AF_UNIX)
l.bind(sys.argv[1])
l.listen()
while True:
    l.accept()[0].close()
    up()'
	wait_until unix_listens "$T/sock"
	run ip send -r3 --backoff 1ms..5ms --subscribe a "unix://$T/sock"
	[ "$status" = 1 ]
	[[ $output == *"dialed again 3 times and said nothing"* ]]
	[ "$(grep -c up "$T/s.out")" = 4 ]
}

@test "send without --subscribe: -r takes a close in order for the end" {
	seq 3 >"$T/in"
	start s listen --fanout "unix://$T/sock" <"$T/in"
	run -0 ip send -r "$s_endpoint"
	[ "$output" = "$(seq 3)" ]
}

# ------------------------------------------------------------- topics, numbers

@test "wildcards end to end: each pattern gets what it should, in order" {
	local all=(a b a.b a.b.c a.b.c.d b.a x.b.y) p i
	local -A want=(
		['>']="a b a.b a.b.c a.b.c.d b.a x.b.y"
		['*']="a b"
		['*.*']="a.b b.a"
		['a.>']="a.b a.b.c a.b.c.d"
		['a.*']="a.b"
		['*.b']="a.b"
		['*.b.*']="a.b.c x.b.y"
		['a.*.>']="a.b.c a.b.c.d"
		['a.b.c']="a.b.c"
		['nothing.>']=""
	)
	start s listen -k --fanout --topics --history 100 "unix://$T/sock"
	# Half of it out of the history, half as it comes.
	for p in "${all[@]:0:3}"; do
		run -0 ip send --topic "$p" -m "$p" "$s_endpoint"
	done
	i=0			# `run` has one of its own
	for p in "${!want[@]}"; do
		i=$((i + 1))
		bg "c$i" "$IPCAT" send --subscribe "$p" --subscribe up --subscribe end \
		    -F '%t\n' "$s_endpoint" </dev/null
		printf -v "pattern_$i" %s "$p"
	done
	for ((i = 1; i <= ${#want[@]}; i++)); do
		wait_until is_up "c$i"
	done
	for p in "${all[@]:3}" end; do
		run -0 ip send --topic "$p" -m "$p" "$s_endpoint"
	done
	for ((i = 1; i <= ${#want[@]}; i++)); do
		wait_for_text end "$T/c$i.out"
		p=pattern_$i
		# > is everything, the greetings too.
		[ "$(grep -vxE 'up|end' "$T/c$i.out" | xargs)" = "${want[${!p}]}" ]
	done
}

is_up() {
	ip send --topic up -m up "$s_endpoint" 2>/dev/null || :
	grep -qs up "$T/$1.out"
}

@test "topics: 100 clients with history, each its own pattern" {
	start s listen -k --hub --topics --history 1000 --stats "unix://$T/sock"
	client 's = dial()
s.sendall(b"".join(b"PUB t.%d.%d x\n" % (i % 100, i) for i in range(1000)))
s.shutdown(socket.SHUT_WR)
s.recv(1)'
	bg all client 'import threading
def one(n):
    s = dial()
    s.sendall(b"SUB t.%d.*\nSUB end\n" % n)
    f = s.makefile("rb")
    old = [f.readline() for _ in range(10)]
    there.release()
    new = [f.readline() for _ in range(6)]
    want = [b"MSG t.%d.%d x\n" % (n, n + 100 * k) for k in range(15)]
    if old + new == want + [b"MSG end x\n"]:
        good.release()
there, good = threading.Semaphore(0), threading.Semaphore(0)
all = [threading.Thread(target=one, args=(n,)) for n in range(100)]
for t in all: t.start()
for t in all: there.acquire()
up()
for t in all: t.join()
print("good", sum(good.acquire(blocking=False) for t in all), flush=True)'
	wait_for_text up "$T/all.out"
	client 's = dial()
s.sendall(b"".join(b"PUB t.%d.%d x\n" % (i % 100, i) for i in range(1000, 1500)))
s.sendall(b"PUB end x\n")
s.shutdown(socket.SHUT_WR)
s.recv(1)'
	finish all
	grep -qx 'good 100' "$T/all.out"
	signal TERM s
	finish s
	[ "$(stat_of published)" = 1501 ]
	[ "$(stat_of delivered)" = 1600 ]
	[ "$(stat_of unheard)" = 1000 ]
	[ "$(stat_of dropped)" = 0 ]
}

# --------------------------------------------------------------------- limits

@test "the history is bounded in bytes too" {
	"$PYTHON" -c '
import os
for i in range(100):
    os.write(1, b"%d" % (i % 10) * ((1 << 20) - 1) + b"\n")' >"$T/in"
	start s listen -k --fanout --slow drop-old --history 1000 --stats "unix://$T/sock" <"$T/in"
	wait_until stalled "$s_pid"
	[ "$(awk '/VmHWM/ { print $2 }' "/proc/$s_pid/status")" -lt 400000 ]
	signal USR1 s
	wait_until eval '[ -n "$(stat_of history)" ]'
	[ "$(stat_of published)" = 100 ]
	# 64 MiB.
	[ "$(stat_of history)" = 64 ]
	bg late client 's = dial()
f = s.makefile("rb")
got = [f.readline()[:1] for _ in range(64)]
print(b"".join(got).decode(), flush=True)'
	finish late
	[ "$(cat "$T/late.out")" = "$("$PYTHON" -c 'print("".join(str(i % 10) for i in range(36, 100)))')" ]
}

# bats test_tags=nofault
@test "idle: nothing runs, whoever is there and however slow" {
	local policy
	mkfifo "$T/in"
	exec 18<>"$T/in"
	start h listen -k --hub --topics --history 10 "unix://$T/sock"
	subscribe sub a "$h_endpoint"
	bg odd client 'a, b, c = dial(), dial(), dial()
a.sendall(b"SUB a\n"); a.shutdown(socket.SHUT_WR)
b.sendall(b"SUB a\nPUB b hal")
up()
a.recv(1)' 18>&-
	wait_for_text up "$T/odd.out"
	wait_until stalled "$h_pid"
	wait_until stalled "$sub_pid"
	seq 300000 >"$T/many"
	mkfifo "$T/never"
	for policy in block drop-old drop-new; do
		start s listen --fanout --slow "$policy" --queue 8 \
		    "unix://$T/$policy" <"$T/in" 18>&-
		bg "lazy_${policy#drop-}" "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
print("up", flush=True)
open(sys.argv[2]).read(1)' "$T/$policy" "$T/never" 18>&-
		wait_for_text up "$T/lazy_${policy#drop-}.out"
		bg w dd if="$T/many" of="$T/in" bs=64k 18>&-
		wait_until stalled "$s_pid"
		# A signal, and a second one, since nobody reads.
		signal TERM s
		wait_until stalled "$s_pid"
		signal TERM s
		finish s
		[ "$status" = 143 ] || [ "$status" = 3 ]
		signal KILL w || :
		finish w
		drain_fifo
	done
	exec 18>&-
}

# What a killed one has left in the pipe.
drain_fifo() {
	while read -r -t 0.1 -u 18 -N 65536 _; do :; done
}

@test "descriptors run out: nobody is lost, nothing spins, all are served" {
	seq 20 >"$T/in"
	(
		ulimit -n 40
		exec "$IPCAT" listen -k --max-conn 1000 --fanout --history 20 --ready-fd 19 "unix://$T/sock" \
		    <"$T/in" 19>"$T/ready" 3>&- {TICK}>&-
	) >"$T/s.out" 2>"$T/s.err" &
	s_pid=$!
	STARTED+=($!)
	wait_until grep -qs . "$T/ready"
	wait_until stalled "$s_pid"
	before=$(descriptors "$s_pid")
	bg many client 'all = [dial() for _ in range(100)]
up()
n = 0
for s in all:
    f = s.makefile("rb")
    n += [f.readline() for _ in range(20)] == [b"%d\n" % (i + 1) for i in range(20)]
    f.close()
    s.close()
print("good", n, flush=True)'
	wait_for_text up "$T/many.out"
	finish many
	grep -qx 'good 100' "$T/many.out"
	wait_until stalled "$s_pid"
	wait_until has_descriptors "$s_pid" "$before"
	signal TERM s
	finish s
	[ "$status" = 143 ]
}
