# Publish and subscribe: listen --fanout, --hub, --topics, --history, slow
# clients, and clients that are other programs.

load helpers

# input NAME: a fifo that stays open for `say NAME TEXT`; NAME_fd writes to it.
input() {
	local fd
	mkfifo "$T/$1.in"
	exec {fd}<>"$T/$1.in"
	printf -v "$1_fd" %s "$fd"
}

say() {
	local fd=${1}_fd
	printf '%s\n' "$2" >&"${!fd}"
}

# server ARG...: its stdin is what is said to `s`, until `hang_up`.  (Every
# background process has the fifo open, so closing it would end nothing.)
server() {
	input s
	start s listen "$@" < <(exec "$PYTHON" -c '
import os
end = False
while not end:
    data = os.read(0, 1 << 20)
    end = data.endswith(b"END\n")
    data = data[:-4] if end else data
    while data:
        data = data[os.write(1, data):]' <"$T/s.in" 3>&-)
}

hang_up() {
	say s END
}

# How many connections of the server's unix socket or TCP port are there.
connected() {
	local n
	n=$(find "/proc/$s_pid/fd" -lname 'socket:*' | wc -l)
	[ "$n" -ge $(($1 + 1)) ]
}

# hear NAME [ARG...]: an ipcat subscriber in the background.
hear() {
	local name=$1
	shift
	bg "$name" "$IPCAT" send "$@" "$s_endpoint" </dev/null
}

lines_of() {
	[ "$(grep -c '' "$1")" = "$2" ]
}

# A client that connects, says $2 if it is given, and reads nothing until a
# file appears; then prints how much came, and writes it to the file.out.
sluggard() {
	timeout -s KILL "$LIMIT" "$PYTHON" -c '
import os, select, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
if len(sys.argv) > 3:
    s.sendall(sys.argv[3].encode() + b"\n")
print("pid", os.getpid())
print("up", flush=True)
with open(sys.argv[2]) as go:
    go.read()
try:
    while True:
        data = s.recv(1 << 16)
        if not data:
            break
        os.write(1, data)
except OSError as e:
    print("broken", e)
' "$@" {TICK}>&-
}

# Lines of 1000 bytes numbered $1..$2.
kilo_lines() {
	seq -f '%0999.0f' "$1" "$2"
}

# ------------------------------------------------------------------- --fanout

@test "one producer, 100 clients, half of them late: all get all" {
	server --fanout --history 1000 "unix://$T/sock"
	cat >"$T/many.py" <<'PY'
import socket, sys, threading
got = []
def one():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    f = s.makefile("rb")
    first = f.readline()
    up.release()
    got.append(first + f.read())
up = threading.Semaphore(0)
all = [threading.Thread(target=one) for _ in range(int(sys.argv[2]))]
for t in all:
    t.start()
for t in all:
    up.acquire()
print("up", flush=True)
for t in all:
    t.join()
print(len(got), len(set(got)), flush=True)
sys.stdout.buffer.write(got[0])
PY
	bg early "$PYTHON" "$T/many.py" "$T/sock" 50
	seq 500 >&"$s_fd"
	wait_for_text up "$T/early.out"
	bg late "$PYTHON" "$T/many.py" "$T/sock" 50
	wait_for_text up "$T/late.out"
	seq 501 1000 >&"$s_fd"
	hang_up
	finish early
	[ "$status" = 0 ]
	finish late
	[ "$status" = 0 ]
	finish s
	[ "$status" = 0 ]
	same <(echo up; echo 50 1; seq 1000) "$T/early.out"
	same <(echo up; echo 50 1; seq 1000) "$T/late.out"
}

@test "a subscriber that dials before there is a publisher loses nothing" {
	local port
	port=$(free_port)
	bg sub "$IPCAT" send -r forever --backoff 10ms..20ms \
	    "tcp://127.0.0.1:$port" </dev/null
	seq 1000 | ip listen --fanout "tcp://127.0.0.1:$port"
	finish sub
	[ "$status" = 0 ]
	same <(seq 1000) "$T/sub.out"
}

@test "a subscriber that dials after stdin has ended gets the history" {
	seq 10 >"$T/ten"
	start s listen --fanout --history 10 tcp://127.0.0.1:0 <"$T/ten"
	wait_until stalled "$s_pid"
	run -0 ip send "$s_endpoint"
	[ "$output" = "$(seq 10)" ]
	finish s
	[ "$status" = 0 ]
}

@test "-k keeps the history for every joiner, and ends by a signal" {
	seq 10 >"$T/ten"
	start s listen -k --fanout --history 3 unix://"$T/sock" <"$T/ten"
	# The first is sent all: with block nothing is dropped unheard.
	run -0 ip send -f line --recv-only -n 10 "$s_endpoint"
	[ "$output" = "$(seq 10)" ]
	for _ in 1 2; do
		run -0 ip send -f line --recv-only -n 3 "$s_endpoint"
		[ "$output" = "$(seq 8 10)" ]
	done
	alive s
	signal TERM s
	finish s
	[ "$status" = 143 ]
}

@test "what clients say comes to stdout; nc and socat are clients" {
	need nc socat
	server --fanout tcp://127.0.0.1:0
	bg a nc -N 127.0.0.1 "$s_port" <<<"from nc"
	bg b socat -t "$LIMIT" - "TCP:127.0.0.1:$s_port" <<<"from socat"
	wait_for_text "from nc" "$T/s.out"
	wait_for_text "from socat" "$T/s.out"
	say s hello
	hang_up
	finish a
	finish b
	finish s
	[ "$status" = 0 ]
	[ "$(cat "$T/a.out")" = hello ]
	[ "$(cat "$T/b.out")" = hello ]
}

@test "-n: so many are published, then it is over" {
	start s listen --fanout -k -n 3 unix://"$T/sock" < <(seq 10)
	run -0 ip send "$s_endpoint"
	[ "$output" = "$(seq 3)" ]
	finish s
	[ "$status" = 0 ]
}

@test "kill -9 of a subscriber: the others get all, and the exit code tells" {
	server --fanout unix://"$T/sock"
	mkfifo "$T/go"
	bg dead sluggard "$T/sock" "$T/go"
	wait_for_text up "$T/dead.out"
	hear good
	wait_until connected 2
	kilo_lines 1 500 >&"$s_fd"
	wait_until has_size "$T/good.out" 500000
	signal KILL "$(sed -n 's/^pid //p' "$T/dead.out")"
	kilo_lines 501 2000 >&"$s_fd"
	hang_up
	finish good
	[ "$status" = 0 ]
	finish s
	[ "$status" = 3 ]
	same <(kilo_lines 1 2000) "$T/good.out"
	grep -F "not delivered to a client that broke off" "$T/s.err"
}

# --------------------------------------------------------------- slow clients

# slow POLICY STATUS: a client that never reads, another that does; the
# producer is as fast as the second.
slow() {
	local i
	server -v --fanout --stats --slow "$1" --queue 1000 unix://"$T/sock"
	mkfifo "$T/go"
	bg lazy sluggard "$T/sock" "$T/go"
	wait_for_text up "$T/lazy.out"
	hear good
	wait_until connected 2
	for ((i = 0; i < 10; i++)); do
		kilo_lines $((i * 400 + 1)) $((i * 400 + 400)) >&"$s_fd"
		wait_until has_size "$T/good.out" $(((i + 1) * 400000))
	done
	hang_up
	finish good
	[ "$status" = 0 ]
	same <(kilo_lines 1 4000) "$T/good.out"
	echo >"$T/go"
	finish lazy
	finish s
	[ "$status" = "$2" ]
	sed -i 1,2d "$T/lazy.out"
}

@test "--slow drop-old: a slow client delays nobody and gets the newest" {
	slow drop-old 3
	[ "$(tail -n 1 "$T/lazy.out")" = "$(kilo_lines 4000 4000)" ]
	[ "$(head -n 1 "$T/lazy.out")" = "$(kilo_lines 1 1)" ]
	n=$(grep -c '' "$T/lazy.out")
	[ "$n" -lt 4000 ]
	# In order, each once, whole; and what is missing was counted.
	sort -c -u "$T/lazy.out"
	grep -qx "dropped $((4000 - n))" "$T/s.err"
	grep -F "$((4000 - n)) messages were dropped for slow clients" "$T/s.err"
}

@test "--slow drop-new: a slow client delays nobody and gets the oldest" {
	slow drop-new 3
	n=$(grep -c '' "$T/lazy.out")
	[ "$n" -lt 4000 ]
	same <(kilo_lines 1 "$n") "$T/lazy.out"
	grep -qx "dropped $((4000 - n))" "$T/s.err"
}

@test "--slow disconnect: a slow client delays nobody and is cut off" {
	slow disconnect 3
	grep -qx "disconnected 1" "$T/s.err"
	grep -F "reads too slowly: " "$T/s.err"
	# What it has is whole but for the last line.
	n=$(grep -c '' "$T/lazy.out")
	[ "$n" -lt 4000 ]
	same <(kilo_lines 1 "$((n - 1))") <(head -n $((n - 1)) "$T/lazy.out")
}

@test "--slow block: everybody waits, nothing is lost" {
	server --fanout --queue 100 unix://"$T/sock"
	mkfifo "$T/go"
	bg lazy sluggard "$T/sock" "$T/go"
	wait_for_text up "$T/lazy.out"
	hear good
	wait_until connected 2
	kilo_lines 1 4000 >"$T/all"
	bg writer dd if="$T/all" of="$T/s.in" bs=64k
	wait_until stalled "$s_pid"
	[ "$(size_of "$T/good.out")" -lt 4000000 ]
	echo >"$T/go"
	finish writer
	hang_up
	finish good
	finish lazy
	finish s
	[ "$status" = 0 ]
	sed -i 1,2d "$T/lazy.out"
	same "$T/all" "$T/good.out"
	same "$T/all" "$T/lazy.out"
}

# --------------------------------------------------------------------- topics

@test "topics: wildcards, --topic and --subscribe, nc speaks it by hand" {
	need nc
	input n
	start s listen -k --fanout --topics --history 10 --stats \
	    tcp://127.0.0.1:0
	hear uk --subscribe 'news.uk.*' --subscribe sport
	input all
	bg all "$IPCAT" send --subscribe '>' "$s_endpoint" <"$T/all.in"
	bg n nc 127.0.0.1 "$s_port" <"$T/n.in"
	say n 'SUB news.*'
	run -0 ip send --topic news.fr "$s_endpoint" <<<pluie
	run -0 ip send --topic news.uk.london "$s_endpoint" <<<'fog, again'
	run -0 ip send --topic sport "$s_endpoint" <<<3:1
	wait_until lines_of "$T/all.out" 3
	wait_until lines_of "$T/uk.out" 2
	wait_until lines_of "$T/n.out" 1
	[ "$(cat "$T/all.out")" = "pluie
fog, again
3:1" ]
	[ "$(cat "$T/uk.out")" = "fog, again
3:1" ]
	[ "$(cat "$T/n.out")" = "MSG news.fr pluie" ]
	say n 'UNSUB news.*'
	say n 'SUB sport'
	wait_for_text "MSG sport 3:1" "$T/n.out"
	say n 'PUB news.de Regen'
	wait_for_text Regen "$T/all.out"
	signal TERM s
	finish uk
	[ "$status" = 0 ]
	finish s
	[ "$status" = 143 ]
	lines_of "$T/n.out" 2
	grep -qx "published 4" "$T/s.err"
}

@test "topics: who speaks something else is cut off, nobody else is" {
	need nc
	start s listen -v -k --fanout --topics --stats tcp://127.0.0.1:0
	hear good --subscribe a
	wait_until connected 1
	run timeout -s KILL "$LIMIT" nc 127.0.0.1 "$s_port" <<<"GET / HTTP/1.0"
	[ "$output" = "" ]
	wait_for_text "not a line of the topic protocol" "$T/s.err"
	run -0 ip send --topic a "$s_endpoint" <<<fine
	wait_for_text fine "$T/good.out"
	signal TERM s
	finish s
	grep -qx "protocol_errors 1" "$T/s.err"
}

@test "topics: a bad topic or pattern is refused before anything is sent" {
	run -2 ip send --topic 'a b' tcp://127.0.0.1:1 <<<x
	[[ $output == *"bad topic"* ]]
	run -2 ip send --subscribe 'a.>.b' tcp://127.0.0.1:1
	[[ $output == *"bad topic pattern"* ]]
}

@test "a client's message that is cut short is an error, others go on" {
	server --fanout -f len32 unix://"$T/sock"
	bg bad "$PYTHON" -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"\0\0\0\5hello" b"\0\0\0\5hel")' "$T/sock"
	finish bad
	wait_for_text hello "$T/s.out"
	hear good
	wait_until connected 1
	printf '\0\0\0\2ok' >&"$s_fd"
	wait_until has_size "$T/good.out" 6
	hang_up
	finish good
	[ "$status" = 0 ]
	finish s
	[ "$status" = 3 ]
	[ "$(tr -d '\0' <"$T/s.out")" = $'\005hello' ]
}

# ------------------------------------------------------------------------ hub

@test "hub: nc, socat, ipcat and the hub itself chat" {
	need nc socat
	input a
	input b
	input c
	server --hub tcp://127.0.0.1:0
	bg a nc 127.0.0.1 "$s_port" <"$T/a.in"
	bg b socat - "TCP:127.0.0.1:$s_port" <"$T/b.in"
	bg c "$IPCAT" send "$s_endpoint" <"$T/c.in"
	wait_until connected 3
	say a "nc here"
	for f in b c s; do
		wait_for_text "nc here" "$T/$f.out"
	done
	say b "socat here"
	for f in a c s; do
		wait_for_text "socat here" "$T/$f.out"
	done
	say c "ipcat here"
	for f in a b s; do
		wait_for_text "ipcat here" "$T/$f.out"
	done
	say s "the hub"
	for f in a b c; do
		wait_for_text "the hub" "$T/$f.out"
	done
	[ "$(cat "$T/a.out")" = "socat here
ipcat here
the hub" ]
	[ "$(cat "$T/s.out")" = "nc here
socat here
ipcat here" ]
	signal KILL a
	say b "without nc"
	wait_for_text "without nc" "$T/c.out"
	signal KILL b
	signal KILL c
	hang_up
	finish s
	# What was said after nc was killed did not reach it.
	[ "$status" = 3 ]
	grep -q "^ipcat listen: " "$T/s.err"
}
