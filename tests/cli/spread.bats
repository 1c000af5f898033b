# One input to several endpoints: send --failover, --all, --spread, to peers
# that are not ours.  lib/core/spread.c, unit tests in tests/unit/test_spread.c.

load helpers

# A peer NAME of service.py with line framing: its address is in NAME_at.
sink() {
	local name=$1
	shift
	bg "$name" "$PYTHON" "$CLI_DIR/service.py" listen 0 line log:"$T/$name.log" "$@"
	wait_until test -s "$T/$name.out"
	printf -v "${name}_at" %s "127.0.0.1:$(cat "$T/$name.out")"
}

# It did all its steps.
content() {
	local name
	for name; do
		finish "$name"
		[ "$status" = 0 ] || {
			cat "$T/$name.err" >&2
			return 1
		}
	done
}

give() {
	run --separate-stderr ip send "$@"
}

lines_in() {
	wc -l <"$1"
}

has_lines() {
	[ "$(lines_in "$2")" -ge "$1" ]
}

# ------------------------------------------------------------------- failover

@test "--failover is the default: the first that answers gets all" {
	local opt
	for opt in "--framing line" "--framing line --failover"; do
		sink a take:all
		sink b take:all
		# shellcheck disable=SC2086
		give $opt "127.0.0.1:$(free_port)" "$a_at" "$b_at" <<<"$(seq 5)"
		[ "$status" = 0 ]
		[ -z "$stderr" ]
		content a
		[ "$(xargs <"$T/a.log")" = "1 2 3 4 5" ]
		[ ! -s "$T/b.log" ]
		signal KILL b
		wait_until ended "$b_pid"
		rm "$T/a.log" "$T/b.log" || :
	done
}

@test "--failover: nobody answers, exit 1 at once, the last one is named" {
	give --failover --message x "127.0.0.1:$(free_port)" "unix://$T/none"
	[ "$status" = 1 ]
	[[ $stderr == *"$T/none"*fix:* ]]
}

# ------------------------------------------------------------------------ all

@test "--all: every message to every endpoint, in order" {
	sink a take:all
	sink b take:all
	sink c take:all
	seq 20000 >"$T/in"
	ip send --all "$a_at" "$b_at" "$c_at" <"$T/in"
	content a b c
	same "$T/in" "$T/a.log"
	same "$T/in" "$T/b.log"
	same "$T/in" "$T/c.log"
}

@test "--all: what they say comes back, whole messages" {
	sink a echo
	sink b echo
	give --all "$a_at" "$b_at" <<<"$(seq 300)"
	[ "$status" = 0 ]
	content a b
	[ "$(printf '%s\n' "${lines[@]}" | sort -u | wc -l)" = 300 ]
	[ "${#lines[@]}" = 600 ]
}

@test "--all: one is not there: the others get all, exit 1, what it missed is counted" {
	local dead
	dead=127.0.0.1:$(free_port)
	sink a take:all
	give --all "$a_at" "$dead" <<<"$(seq 7)"
	[ "$status" = 1 ]
	[[ ${stderr_lines[-2]} == *"$dead"*"7 of 7 messages undelivered"* ]]
	[[ ${stderr_lines[-1]} == "  fix: "* ]]
	content a
	[ "$(xargs <"$T/a.log")" = "1 2 3 4 5 6 7" ]
}

@test "--all: none is there: exit 1, each is named" {
	local dead
	dead=127.0.0.1:$(free_port)
	give --all "$dead" "unix://$T/none" <<<x
	[ "$status" = 1 ]
	[[ $stderr == *"$dead"* ]]
	[[ $stderr == *"$T/none"* ]]
	[[ $stderr == *"2 targets that failed"*fix:* ]]
}

@test "--all: one is killed in mid-stream: the others get all, exit 3, no silent loss" {
	local missed got
	sink a take:all
	sink b take:10 touch:"$T/now" idle
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send --all "$a_at" "$b_at" <"$T/in" 18>&-
	seq 50 >&18
	wait_until test -e "$T/now"
	wait_until has_lines 50 "$T/a.log"
	signal KILL b
	wait_until ended "$b_pid"
	seq 51 20000 >&18
	exec 18>&-
	finish c
	[ "$status" = 3 ]
	content a
	[ "$(lines_in "$T/a.log")" = 20000 ]
	# At least what is said did not get there.
	missed=$(sed -n 's/.*at least \([0-9]*\) of 20000 messages undelivered.*/\1/p' "$T/c.err" | tail -n 1)
	got=$(lines_in "$T/b.log")
	grep -q 'messages undelivered\|messages may be lost' "$T/c.err"
	[ $((got + ${missed:-0})) -le 20000 ]
	[ "$got" -lt 20000 ]
}

@test "--all: one that ends in order before the last message has missed the rest" {
	sink a take:all
	sink b take:2 close
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send --all "$a_at" "$b_at" <"$T/in" 18>&-
	seq 2 >&18
	content b
	wait_until has_lines 2 "$T/a.log"
	seq 3 20 >&18
	exec 18>&-
	finish c
	[ "$status" = 3 ]
	content a
	[ "$(lines_in "$T/a.log")" = 20 ]
	grep -q "127.0.0.1:${b_at##*:}" "$T/c.err"
}

@test "--all: all are killed: it ends by itself, exit 3" {
	sink a take:10 kill
	sink b take:20 kill
	bg c "$IPCAT" send --all "$a_at" "$b_at" < <(seq 3000000)
	finish c
	[ "$status" = 3 ]
	grep -q '2 targets that failed' "$T/c.err"
}

@test "--all: a child that fails after it took everything: exit 5" {
	give --all 'sh:cat >/dev/null; exit 7' 'sh:cat' <<<$'a\nb'
	[ "$status" = 5 ]
	[ "$output" = $'a\nb' ]
	[[ $stderr == *"status 7"* ]]
}

@test "--all: the slowest sets the pace, in bounded memory" {
	sink slow wait:"$T/go" take:all
	sink fast take:all
	yes "$(printf %01000d 1)" | head -n 60000 >"$T/in"
	bg c "$IPCAT" send --all "$slow_at" "$fast_at" <"$T/in"
	wait_until stalled "$c_pid"
	alive c
	[ "$(lines_in "$T/fast.log")" -lt 60000 ]
	[ "$(awk '/VmHWM/ { print $2 }' "/proc/$c_pid/status")" -lt 65536 ]
	touch "$T/go"
	finish c
	[ "$status" = 0 ]
	content slow fast
	same "$T/in" "$T/fast.log"
	same "$T/in" "$T/slow.log"
}

@test "--all: a message that cannot be converted is told; the others arrive" {
	sink a take:all
	sink b take:all
	printf '1\nx\n3\n' >"$T/in"
	give --all --on-error skip -p 'convert:json>json' "$a_at" "$b_at" <"$T/in"
	[ "$status" = 3 ]
	[[ $stderr == *"message 2"* ]]
	content a b
	[ "$(xargs <"$T/a.log")" = "1 3" ]
	[ "$(xargs <"$T/b.log")" = "1 3" ]
}

# --------------------------------------------------------------------- spread

@test "--spread: each message to one of them, all of them are used" {
	sink a take:all
	sink b take:all
	sink c take:all
	seq 30000 >"$T/in"
	ip send --spread "$a_at" "$b_at" "$c_at" <"$T/in"
	content a b c
	sort -n "$T"/[abc].log | cmp - "$T/in"
	[ -s "$T/a.log" ]
	[ -s "$T/b.log" ]
	[ -s "$T/c.log" ]
	# Each in order.
	sort -nc "$T/a.log"
	sort -nc "$T/b.log"
	sort -nc "$T/c.log"
}

@test "--spread: one is not there: the others get everything, exit 0 with a warning" {
	local dead
	dead=127.0.0.1:$(free_port)
	sink a take:all
	give --spread "$dead" "$a_at" <<<"$(seq 7)"
	[ "$status" = 0 ]
	[[ $stderr == *warn*"$dead"* ]]
	content a
	[ "$(xargs <"$T/a.log")" = "1 2 3 4 5 6 7" ]
}

@test "--spread: none is there: exit 1, each is named" {
	local dead
	dead=127.0.0.1:$(free_port)
	give --spread "$dead" "unix://$T/none" <<<x
	[ "$status" = 1 ]
	[[ $stderr == *"$dead"* ]]
	[[ $stderr == *"$T/none"*fix:* ]]
}

@test "--spread: one that does not read is passed by; the others take the rest" {
	sink slow wait:"$T/go" take:all
	sink fast take:all
	yes "$(printf %01000d 1)" | head -n 60000 >"$T/in"
	bg c "$IPCAT" send --spread "$slow_at" "$fast_at" <"$T/in"
	wait_until has_lines 30000 "$T/fast.log"
	touch "$T/go"
	finish c
	[ "$status" = 0 ]
	content slow fast
	[ $(($(lines_in "$T/slow.log") + $(lines_in "$T/fast.log"))) = 60000 ]
	[ "$(lines_in "$T/fast.log")" -gt "$(lines_in "$T/slow.log")" ]
}

@test "--spread: one is killed in mid-stream: what it was not sent goes on, exit 3" {
	sink a take:all
	sink b take:10 touch:"$T/now" idle
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send --spread --stats "$a_at" "$b_at" <"$T/in" 18>&-
	seq 50 >&18
	wait_until test -e "$T/now"
	signal KILL b
	wait_until ended "$b_pid"
	seq 51 20000 >&18
	exec 18>&-
	finish c
	[ "$status" = 3 ]
	content a
	# What is missing is no more than what was written to the one that died.
	"$PYTHON" - "$T" <<-'PY'
	import re, sys
	t = sys.argv[1]
	err = open(t + "/c.err").read()
	most = int(re.search(r"the last of (\d+) messages may be lost", err)[1])
	a, b = (list(map(int, open(t + "/%s.log" % n))) for n in "ab")
	both = set(a) | set(b)
	assert len(a) == len(set(a)) and not set(a) & set(b), "twice"
	assert a == sorted(a) or len(a) == len(set(a))
	assert 20000 - len(both) <= most - len(b), (len(both), most, len(b))
	PY
}

@test "--spread: all are killed: it ends by itself, exit 3, the rest is counted" {
	sink a take:10 kill
	sink b take:20 kill
	bg c "$IPCAT" send --spread "$a_at" "$b_at" < <(seq 3000000)
	finish c
	[ "$status" = 3 ]
	grep -q 'messages undelivered, no target is left' "$T/c.err"
}

@test "--spread: one that ends in order is no loss when it had all it was sent" {
	sink a take:all
	sink b take:1 shut take:all
	give --spread "$a_at" "$b_at" <<<"$(seq 10)"
	[ "$status" = 0 ]
	content a b
	[ "$(sort -n "$T/a.log" "$T/b.log" | xargs)" = "$(seq 10 | xargs)" ]
}

@test "--spread: a message that cannot be converted breaks one connection, not all" {
	sink a take:all
	sink b take:all
	printf '1\nx\n' >"$T/in"
	give --spread --on-error stop -p 'convert:json>json' "$a_at" "$b_at" <"$T/in"
	[ "$status" = 3 ]
	[[ $stderr == *"message 2"*json* ]]
	[ "$(grep -c 'message 2' <<<"$stderr")" -le 2 ]
	finish a
	finish b
	[ "$(cat "$T/a.log" "$T/b.log")" = 1 ]
}

@test "--spread: a child that fails after it took everything: exit 5" {
	give --spread 'sh:cat >/dev/null; exit 7' 'sh:cat >/dev/null' <<<$'a\nb'
	[ "$status" = 5 ]
	[[ $stderr == *"status 7"* ]]
}

@test "-n counts messages of the input, whoever gets them" {
	sink a take:all
	sink b take:all
	give --spread -n 5 "$a_at" "$b_at" <<<"$(seq 100)"
	[ "$status" = 0 ]
	content a b
	[ "$(sort -n "$T/a.log" "$T/b.log" | xargs)" = "1 2 3 4 5" ]
	sink d take:all
	give --all -n 3 "$d_at" <<<"$(seq 100)"
	[ "$status" = 0 ]
	content d
	[ "$(xargs <"$T/d.log")" = "1 2 3" ]
}

@test "-t and -i: exit 124" {
	local way
	for way in --all --spread; do
		sink a take:1 idle
		run -124 --separate-stderr ip send "$way" -t 500ms "$a_at" <&"$TICK"
		[[ $stderr == *"-t"* ]]
		sink b take:1 idle
		mkfifo "$T/in$way"
		exec 18<>"$T/in$way"
		echo one >&18
		run -124 --separate-stderr ip send "$way" -i 500ms "$b_at" <&18 18>&-
		[[ $stderr == *"-i"* ]]
		exec 18>&-
	done
}

@test "SIGTERM: what was read is delivered to all; exit 143" {
	sink a take:all
	sink b take:all
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send --all "$a_at" "$b_at" <"$T/in" 18>&-
	seq 10 >&18
	wait_until has_lines 10 "$T/a.log"
	signal TERM c
	finish c
	exec 18>&-
	[ "$status" = 143 ]
	content a b
	same "$T/a.log" "$T/b.log"
}

@test "-r: an endpoint that comes later gets all of --all" {
	local port
	port=$(free_port)
	sink a take:all
	bg c "$IPCAT" send --all -r forever --backoff 1ms..20ms "$a_at" "127.0.0.1:$port" <<<"$(seq 50)"
	bg late "$PYTHON" "$CLI_DIR/service.py" listen "$port" line log:"$T/late.log" take:all
	finish c
	[ "$status" = 0 ]
	content a late
	same "$T/a.log" "$T/late.log"
}
