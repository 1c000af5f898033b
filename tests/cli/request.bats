# Requests and replies: send -R against services that are not ours, and
# listen --reply, --echo, --per message asked by clients that are not ours.
# lib/core/request*.c; what is routed where is in tests/unit/test_request.c.

load helpers

# A service NAME of service.py: its address is in NAME_at.
service() {
	local name=$1
	shift
	bg "$name" "$PYTHON" "$CLI_DIR/service.py" listen "$@"
	wait_until test -s "$T/$name.out"
	printf -v "${name}_at" %s "$(head -n 1 "$T/$name.out")"
	case $(head -n 1 "$T/$name.out") in
	[0-9]*) printf -v "${name}_at" %s "tcp://127.0.0.1:$(cat "$T/$name.out")" ;;
	*) printf -v "${name}_at" %s "$1://$(cat "$T/$name.out")" ;;
	esac
	case $1 in unix*) printf -v "${name}_at" %s "${1/:/://}" ;; esac
}

# It did all its steps.
content() {
	finish "$1"
	[ "$status" = 0 ] || {
		cat "$T/$1.err" >&2
		return 1
	}
}

client() {
	timeout -s KILL "$LIMIT" "$PYTHON" "$CLI_DIR/service.py" connect "$@" {TICK}>&-
}

ask() {
	run --separate-stderr ip send --request "$@"
}

ids() {
	seq "$1" | sed 's/.*/{"id":&,"q":"x"}/'
}

# ------------------------------------------------------------------- what works

@test "in order: replies are printed as they come, the peer may answer late" {
	service s 0 line take:3 reply take:2 reply
	ask "$s_at" <<<"$(seq 5)"
	[ "$status" = 0 ]
	[ "$output" = "$(seq 5 | sed s/^/re:/)" ]
	[ -z "$stderr" ]
	content s
}

@test "a reply comes before the next request is there" {
	service s 0 line echo
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send -R "$s_at" <"$T/in" 18>&-
	for n in 1 2 3; do
		echo $n >&18
		wait_for_text "re:$n" "$T/c.out"
	done
	exec 18>&-
	finish c
	[ "$status" = 0 ]
	content s
}

@test "over every kind of stream and framing" {
	local f
	for f in line nul len32 netstring; do
		service s "unix:$T/$f" "$f" echo
		ask --framing "$f" -m one -m '' -m three "$s_at"
		[ "$status" = 0 ]
		content s
	done
	[ "$output" = "6:re:one,3:re:,8:re:three," ]
	service p "unixpacket:$T/p" packet take:2 reply
	ask -m one -m two "$p_at"
	[ "$status" = 0 ]
	[ "$output" = $'re:one\nre:two' ]
	content p
}

@test "the wire may have a framing of its own: --to-pipe frame:len32" {
	service s 0 len32 echo
	ask --to-pipe frame:len32 "$s_at" <<<$'a\nb'
	[ "$status" = 0 ]
	[ "$output" = $'re:a\nre:b' ]
	content s
}

@test "--correlate: 1,000 requests in flight, answered out of order" {
	service s 0 line take:1000 shuffle
	ids 1000 >"$T/in"
	ip send -R --correlate id --in-flight 1000 "$s_at" <"$T/in" >"$T/out"
	content s
	"$PYTHON" - "$T/out" <<-'PY'
	import json, sys
	ids = [json.loads(line)["id"] for line in open(sys.argv[1])]
	assert sorted(ids) == list(range(1, 1001)), len(ids)
	assert ids != sorted(ids)
	PY
}

@test "1,000 in flight in order, and backwards with --correlate" {
	service s 0 line take:1000 reply
	seq 1000 | ip send -R --in-flight 1000 "$s_at" >"$T/out"
	seq 1000 | sed s/^/re:/ | cmp - "$T/out"
	content s
	service r 0 line take:1000 reverse
	ids 1000 | ip send -R --correlate=id "$r_at" >"$T/out"
	[ "$(head -n 1 "$T/out")" = '{"re": true, "id": 1000}' ]
	[ "$(wc -l <"$T/out")" = 1000 ]
	content r
}

@test "--correlate: any JSON value is an id; what belongs to none is an error" {
	service s 0 line take:4 reverse
	printf '%s\n' '{"id":"a"}' '{"id":[1, 2]}' '{"id":null}' '{"id":1.5}' >"$T/in"
	ask --correlate id "$s_at" <"$T/in"
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 4 ]
	content s
	service t 0 line take:1 'say:{"id":9}' 'say:nonsense' reply
	ask --correlate id "$t_at" <<<'{"id":1}'
	[ "$status" = 3 ]
	[ "$output" = '{"re": true, "id": 1}' ]
	[[ $stderr == *"2 messages came that no request asked for"*fix:* ]]
	content t
}

@test "--correlate: a request without the member is named and not sent" {
	service s 0 line log:"$T/log" echo
	ask --correlate id "$s_at" <<<$'{"id":1}\n{"x":2}\n{"id":3}'
	[ "$status" = 3 ]
	[[ $stderr == *"request 2 has no member 'id'"*fix:* ]]
	[ "$(cat "$T/log")" = '{"id":1}' ]
	finish s
	service t 0 line log:"$T/log2" echo
	ask --correlate id --on-error skip "$t_at" <<<$'{"id":1}\n{"id":1,"id":2}\nno\n{"id":3}'
	[ "$status" = 3 ]
	[[ $stderr == *"request 2 has the member 'id' twice"*"request 3 is not a JSON object"* ]]
	[ "$(cat "$T/log2")" = $'{"id":1}\n{"id":3}' ]
	[ "${#lines[@]}" = 2 ]
	content t
}

@test "--in-flight: never more, and as many when there are" {
	service s 0 line bounded:5
	ask --in-flight 5 "$s_at" <<<"$(seq 23)"
	[ "$status" = 0 ]
	[ "$output" = "$(seq 23 | sed s/^/re:/)" ]
	content s
	service t 0 line bounded:1
	ask --in-flight=1 "$t_at" <<<"$(seq 3)"
	[ "$status" = 0 ]
	content t
}

@test "many replies: --replies N, to many requests at once" {
	service s 0 line take:3 reply:4
	ask --replies 4 "$s_at" <<<$'a\nb\nc'
	[ "$status" = 0 ]
	[ "$output" = "$(printf 're:%s\n' {a,b,c}.{1,2,3,4})" ]
	content s
	service t 0 line take:1000 reply:10
	seq 1000 | ip send -R --replies=10 "$t_at" >"$T/out"
	[ "$(wc -l <"$T/out")" = 10000 ]
	[ "$(tail -n 1 "$T/out")" = re:1000.10 ]
	content t
	service u 0 line take:2 reverse burst:1:'{"id":1}' burst:1:'{"id":2}'
	ask --replies 2 --correlate id "$u_at" <<<"$(ids 2)"
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 4 ]
	content u
}

@test "many replies: until the end mark, which is not printed" {
	service s 0 line take:2 reply:3:END
	ask --replies end --end-mark END "$s_at" <<<$'a\nb'
	[ "$status" = 0 ]
	[ "$output" = "$(printf 're:%s\n' {a,b}.{1,2,3})" ]
	content s
	# None at all, and the default mark, an empty message.
	service t 0 line take:1 forget say: take:1 reply:1:
	ask --replies=end --in-flight 1 "$t_at" <<<$'a\nb'
	[ "$status" = 0 ]
	[ "$output" = re:b ]
	content t
}

@test "many replies: until none comes for --gap, one request at a time" {
	service s 0 line take:1 reply:3 take:1 reply:2 idle
	ask --gap 300ms "$s_at" <<<$'a\nb'
	[ "$status" = 0 ]
	[ "$output" = $'re:a.1\nre:a.2\nre:a.3\nre:b.1\nre:b.2' ]
	content s
	# The end of the peer ends its replies as well.
	service t 0 line take:1 reply:3 close
	ask --gap=40s "$t_at" <<<a
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 3 ]
	content t
}

@test "-n: so many requests, the rest stays unread" {
	service s 0 line log:"$T/log" echo
	ask --number 2 "$s_at" <<<"$(seq 9)"
	[ "$status" = 0 ]
	[ "$output" = $'re:1\nre:2' ]
	content s
	[ "$(cat "$T/log")" = $'1\n2' ]
}

@test "-F and -J show replies; --message asks without stdin" {
	service s 0 line echo
	ask --message a --message b --format '%o %l %p\n' "$s_at" <&"$TICK"
	[ "$status" = 0 ]
	[ "$output" = $'1 4 re:a\n2 4 re:b' ]
	content s
	service t 0 line echo
	ask -m a --json "$t_at"
	[[ $output == *'"seq":1'*'"payload":"re:a"'* ]]
	content t
}

@test "a child answers; when it fails in the end, so do we" {
	ask 'exec:tr a-z A-Z' <<<$'a\nb'
	[ "$status" = 0 ]
	[ "$output" = $'A\nB' ]
	ask 'sh:cat; exit 7' <<<$'a\nb'
	[ "$status" = 5 ]
	[ "$output" = $'a\nb' ]
	[[ $stderr == *"status 7"* ]]
}

@test "no input: is somebody there all the same?" {
	service s 0 line idle
	ask "$s_at" </dev/null
	[ "$status" = 0 ]
	content s
	ask 127.0.0.1:1 </dev/null
	[ "$status" = 1 ]
}

@test "a peer that ends while nobody waits: the next request connects again" {
	service s 0 line take:1 reply close touch:"$T/closed" next take:1 reply
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send -R "$s_at" <"$T/in" 18>&-
	echo one >&18
	wait_for_text re:one "$T/c.out"
	wait_until test -e "$T/closed"
	wait_until eval '[ "$(find "/proc/$c_pid/fd" -lname "socket:*" | wc -l)" = 0 ]'
	echo two >&18
	exec 18>&-
	finish c
	[ "$status" = 0 ]
	[ "$(cat "$T/c.out")" = $'re:one\nre:two' ]
	content s
}

# -------------------------------------------------------------------- failures

@test "no responder: at once, exit 1, and it is said that nothing was sent" {
	ask "127.0.0.1:$(free_port)" <<<$'a\nb'
	[ "$status" = 1 ]
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == *"not sent"*"connection refused"* ||
	    ${stderr_lines[0]} == *"no request was sent"*"connection refused"* ]]
	[[ ${stderr_lines[1]} == "  fix: "* ]]
	ask "unix://$T/none" "unix://$T/none2" <<<a
	[ "$status" = 1 ]
	[[ $stderr == *none2*fix:* ]]
}

@test "the first endpoint that answers is asked" {
	service s 0 line echo
	ask "unix://$T/none" "127.0.0.1:$(free_port)" "$s_at" <<<$'a\nb'
	[ "$status" = 0 ]
	[ "$output" = $'re:a\nre:b' ]
	[ -z "$stderr" ]
	content s
}

@test "closed before the reply: at once, exit 3, the request is named" {
	service s 0 line take:7 close
	ask "$s_at" <<<"$(seq 7)"
	[ "$status" = 3 ]
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == *"closed before reply: request 1 (of 7 sent) and 6 more have no reply"* ]]
	[[ ${stderr_lines[1]} == "  fix: "* ]]
	content s
	service t 0 line take:2 reply take:5 close
	ask "$t_at" <<<"$(seq 7)"
	[ "$status" = 3 ]
	[ "$output" = $'re:1\nre:2' ]
	[[ $stderr == *"request 3 (of 7 sent) and 4 more have no reply"* ]]
	content t
	service u 0 line take:2 reply:2 burst:1:half close
	ask --replies 3 "$u_at" <<<$'a\nb'
	[ "$status" = 3 ]
	[[ $stderr == *"request 2 (of 2 sent, 2 replies) is not complete"* ]]
	content u
}

@test "--correlate: the oldest request without a reply is named" {
	service s 0 line take:3 'say:{"id":3}' 'say:{"id":1}' close
	ask --correlate id "$s_at" <<<"$(ids 3)"
	[ "$status" = 3 ]
	[ "${#lines[@]}" = 2 ]
	[[ $stderr == *"request 2 (of 3 sent) has no reply"* ]]
	content s
}

@test "the responder is killed in mid-flight: exit 3, what came is delivered" {
	service s 0 line take:600 reply touch:"$T/now" idle
	seq 1000 >"$T/in"
	bg c "$IPCAT" send -R "$s_at" <"$T/in"
	wait_until test -e "$T/now"
	wait_for_text re:600 "$T/c.out"
	signal KILL s
	finish c
	[ "$status" = 3 ]
	[ "$(cat "$T/c.out")" = "$(seq 600 | sed s/^/re:/)" ]
	grep -q 'request 601 (of 1000 sent) and 399 more have no reply' "$T/c.err"
}

@test "a connection that is reset: exit 3, the request is named" {
	service s 0 line take:2 reply take:1 rst
	ask "$s_at" <<<$'a\nb\nc'
	[ "$status" = 3 ]
	[ "$output" = $'re:a\nre:b' ]
	[[ $stderr == *"request 3 (of 3 sent) has no reply"*reset*fix:* ]]
	content s
}

@test "-t: exit 124, the request is named and counted as sent" {
	service s 0 line take:3 idle
	ask -t 1s "$s_at" <<<$'a\nb\nc'
	[ "$status" = 124 ]
	[[ $stderr == *"request 1 (of 3 sent) and 2 more have no reply"*"-t"* ]]
	content s
	ask --timeout 200ms -r forever --backoff 1ms..5ms "unix://$T/none" <<<a
	[ "$status" = 124 ]
	[[ $stderr == *"request 1 was not sent"* ]]
}

@test "-i: a peer that is silent for too long, exit 124" {
	service s 0 line take:1 reply take:1 idle
	ask --idle-timeout 500ms "$s_at" <<<$'a\nb'
	[ "$status" = 124 ]
	[ "$output" = re:a ]
	[[ $stderr == *"request 2 (of 2 sent) has no reply"*"-i"* ]]
	content s
}

@test "--gap as a limit: no reply at all is a failure" {
	service s 0 line take:2 say:re:1 idle
	ask --gap 300ms --replies 1 "$s_at" <<<$'a\nb'
	[ "$status" = 3 ]
	[ "$output" = re:1 ]
	[[ $stderr == *"no reply within 300 ms: request 2 (of 2 sent) has no reply"*fix:* ]]
	content s
}

@test "more replies than were asked for are told, and exit 3" {
	service s 0 line take:1 say:1 say:2 touch:"$T/said" take:1 say:3
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send -R "$s_at" <"$T/in" 18>&-
	echo a >&18
	wait_for_text 'message 2 belongs to no request' "$T/c.err"
	echo b >&18
	exec 18>&-
	finish c
	[ "$status" = 3 ]
	[ "$(cat "$T/c.out")" = $'1\n3' ]
	grep -q '1 message came that no request asked for, the first as message 2' "$T/c.err"
	content s
}

@test "a request that cannot be converted: skipped, the others keep their replies" {
	printf '{"id":1}\nnonsense\n{"id":3}\n' >"$T/in"
	service s 0 line log:"$T/log" echo
	ask --on-error skip -p 'convert:json>json' "$s_at" <"$T/in"
	[ "$status" = 3 ]
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[1]} == *'"id":3'* ]]
	[[ $stderr == *"message 2"*json* ]]
	content s
	[ "$(cat "$T/log")" = $'{"id":1}\n{"id":3}' ]
	# Without skip it is over, and -r does not try it again and again.
	service t 0 line take:1 reply idle
	ask -r forever -p 'convert:json>json' "$t_at" <"$T/in"
	[ "$status" = 3 ]
	[[ $stderr == *"message 2"*json* ]]
}

@test "a reply that cannot be converted: left out and told, nobody waits for it" {
	service s 0 line take:3 'say:{"id":1}' say:nonsense 'say:{"id":3}' idle
	ask --on-error skip -p 'convert:json>json' "$s_at" <<<"$(ids 3)"
	[ "$status" = 3 ]
	[ "$output" = $'{"id":1}\n{"id":3}' ]
	[[ $stderr == *"message 2"*json* ]]
	content s
	service t 0 line take:3 'say:{"id":1}' say:nonsense 'say:{"id":3}' idle
	ask -p 'convert:json>json' "$t_at" <<<"$(ids 3)"
	[ "$status" = 3 ]
	[ "$output" = '{"id":1}' ]
	[[ $stderr == *"request 2 (of 3 sent) and 1 more have no reply: message 2"* ]]
}

@test "a reply that is too long, and one that is cut off" {
	service s 0 len32 take:1 burst:1:"$(printf %0200d 1)" idle
	ask -f line -p frame:len32 --max-message 100 "$s_at" <<<a
	[ "$status" = 3 ]
	[ -z "$output" ]
	[[ $stderr == *"request 1 (of 1 sent) has no reply"* ]]
	content s
	service t 0 netstring take:2 reply cut:100:half shut idle
	ask -f line -p frame:netstring --replies 2 "$t_at" <<<$'a\nb'
	[ "$status" = 3 ]
	[ "$output" = $'re:a\nre:b' ]
	[[ $stderr == *"request 2"* ]]
}

@test "stdout that has gone: exit 1" {
	service s 0 line take:1 reply touch:"$T/one" take:1 reply:1000 idle
	mkfifo "$T/in" "$T/gone"
	exec 18<>"$T/in"
	"$IPCAT" send -R --replies 1000 "$s_at" <"$T/in" >"$T/gone" 2>"$T/c.err" \
	    18>&- 3>&- {TICK}>&- &
	c_pid=$!
	STARTED+=("$c_pid")
	exec 17<"$T/gone"
	echo a >&18
	wait_until test -e "$T/one"
	exec 17<&-
	echo b >&18
	finish c
	exec 18>&-
	[ "$status" = 1 ]
	grep -q 'broken pipe' "$T/c.err"
}

@test "SIGTERM: what was asked is waited for; exit 143" {
	service s 0 line take:2 touch:"$T/asked" wait:"$T/go" reply
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send -R "$s_at" <"$T/in" 18>&-
	printf 'a\nb\n' >&18
	wait_until test -e "$T/asked"
	signal TERM c
	wait_for_text draining "$T/c.err"
	touch "$T/go"
	finish c
	exec 18>&-
	[ "$status" = 143 ]
	[ "$(cat "$T/c.out")" = $'re:a\nre:b' ]
	content s
}

@test "a service that answers much, and a stdout that is read slowly: bounded memory" {
	service s 0 line take:1 burst:100000:"$(printf '%0512d' 1)" idle
	mkfifo "$T/slow"
	"$IPCAT" send -R --replies 100000 -m go "$s_at" >"$T/slow" 2>"$T/c.err" \
	    3>&- {TICK}>&- &
	c_pid=$!
	STARTED+=("$c_pid")
	exec 17<"$T/slow"
	wait_until stalled "$c_pid"
	[ "$(awk '/VmHWM/ { print $2 }' "/proc/$c_pid/status")" -lt 65536 ]
	[ "$(wc -l <&17)" = 100000 ]
	exec 17<&-
	finish c
	[ "$status" = 0 ]
	content s
}

# ------------------------------------------------------------------- reconnect

@test "-r: what has no reply is asked again, what has one is not" {
	service s 0 line log:"$T/log" take:4 say:re:1 say:re:2 rst next take:2 reply
	ask -r forever --backoff 1ms..5ms "$s_at" <<<"$(seq 4)"
	[ "$status" = 0 ]
	[ "$output" = "$(seq 4 | sed s/^/re:/)" ]
	content s
	[ "$(xargs <"$T/log")" = "1 2 3 4 3 4" ]
}

@test "-r --correlate: replies out of order, then a break: each reply once" {
	service s 0 line log:"$T/log" take:4 'say:{"id":3}' 'say:{"id":1}' close \
	    next take:2 reverse
	ask --retry=5 --backoff 1ms..5ms --correlate id "$s_at" <<<"$(ids 4)"
	[ "$status" = 0 ]
	[ "$(printf '%s\n' "${lines[@]}" | tr -dc '0-9\n' | xargs)" = "3 1 4 2" ]
	content s
	[ "$(tr -dc '0-9\n' <"$T/log" | xargs)" = "1 2 3 4 2 4" ]
}

@test "-r: so many attempts without a reply, then the request is named" {
	service s 0 line take:2 close next take:2 close next take:2 close
	ask -r2 --backoff 1ms..2ms "$s_at" <<<$'a\nb'
	[ "$status" = 3 ]
	[[ $stderr == *"request 1 (of 2 sent) and 1 more have no reply"* ]]
	content s
}

@test "-r: the service is killed and comes back: all answered, in order" {
	local port n
	port=$(free_port)
	service s "$port" line log:"$T/log" take:40 reply take:60 touch:"$T/now" idle
	seq 300 >"$T/in"
	bg c "$IPCAT" send -R -r forever --backoff 1ms..20ms --in-flight 60 "$s_at" <"$T/in"
	wait_until test -e "$T/now"
	for n in 1 2 3; do
		signal KILL s
		wait_until ended "$s_pid"
		rm "$T/now"
		service s "$port" line log:"$T/log" take:60 reply take:20 touch:"$T/now" idle
		wait_until test -e "$T/now"
	done
	signal KILL s
	wait_until ended "$s_pid"
	service s "$port" line log:"$T/log" echo
	finish c
	[ "$status" = 0 ]
	seq 300 | sed s/^/re:/ | cmp - "$T/c.out"
	# Each request arrived, and some of them twice.
	[ "$(sort -n "$T/log" | uniq | xargs)" = "$(seq 300 | xargs)" ]
	[ "$(wc -l <"$T/log")" -gt 300 ]
}

@test "without -r a request that was sent is never sent again, to no endpoint" {
	service s 0 line take:2 close
	service t 0 line log:"$T/log" echo
	ask "$s_at" "$t_at" <<<$'a\nb'
	[ "$status" = 3 ]
	[ ! -s "$T/log" ]
	[[ $stderr == *"request 1 (of 2 sent)"*fix:*-r* ]]
}

@test "-r with several endpoints: the next one gets what has no reply" {
	service s 0 line take:2 say:re:a kill
	service t 0 line log:"$T/log" echo
	ask -r forever --backoff 1ms..5ms "$s_at" "$t_at" <<<$'a\nb'
	[ "$status" = 0 ]
	[ "$output" = $'re:a\nre:b' ]
	[ "$(cat "$T/log")" = b ]
	content t
}

@test "--stats: requests, replies, repeats and connections" {
	service s 0 line take:3 reply:1 close next take:1 close next take:1 reply
	mkfifo "$T/in"
	exec 18<>"$T/in"
	bg c "$IPCAT" send -R -r forever --backoff 1ms..5ms --stats "$s_at" <"$T/in" 18>&-
	printf 'a\nb\nc\n' >&18
	wait_for_text re:c "$T/c.out"
	echo d >&18
	exec 18>&-
	finish c
	[ "$status" = 0 ]
	grep -q 'requests 4' "$T/c.err"
	grep -q 'replies 4' "$T/c.err"
	grep -q 'unanswered 0' "$T/c.err"
	grep -q 'connections 3' "$T/c.err"
	content s
}

# -------------------------------------------------------------- the other side

@test "listen --echo, --reply and -c --per message answer foreign clients" {
	start e listen -k -f len32 --echo tcp://127.0.0.1:0
	run -0 client "$e_port" len32 log:"$T/e" burst:3:m# take:3 shut take:all
	[ "$(cat "$T/e")" = $'m1\nm2\nm3' ]
	start r listen -k -f netstring --reply pong "unix://$T/r"
	run -0 client "unix:$T/r" netstring log:"$T/r.log" burst:500:m# take:500 shut take:all
	[ "$(sort "$T/r.log" | uniq -c | xargs)" = "500 pong" ]
	start m listen -k -f line --per message --pool 4 -c 'tr a-z A-Z' tcp://127.0.0.1:0
	run -0 client "$m_port" line log:"$T/m" burst:20:m# take:20 shut take:all
	[ "$(cat "$T/m")" = "$(seq 20 | sed s/^/M/)" ]
	start p listen -k -f line --reply "" "unixpacket://$T/p"
	run -0 client "unixpacket:$T/p" packet say:one
}

@test "a foreign client that ends its half early still gets every reply" {
	start s listen -k -f line --pool 2 -c 'while read -r l; do echo "<$l>"; done' tcp://127.0.0.1:0
	run -0 client "$s_port" line log:"$T/log" burst:300:m# shut take:all
	[ "$(cat "$T/log")" = "$(seq 300 | sed 's/.*/<m&>/')" ]
}

@test "listen --correlate: a foreign client's replies may overtake each other" {
	mkfifo "$T/go"
	start s listen -k -f line --pool 2 --correlate id tcp://127.0.0.1:0 \
	    -c "while read -r l; do case \$l in *slow*) read -r _ <$T/go ;; esac; echo \"\$l\"; done"
	bg c "$PYTHON" "$CLI_DIR/service.py" connect "$s_port" line log:"$T/log" \
	    'say:{"id":1,"q":"slow"}' 'say:{"id":2}' take:1 touch:"$T/one" take:1
	wait_until test -e "$T/one"
	echo go >"$T/go"
	finish c
	[ "$status" = 0 ]
	[ "$(cat "$T/log")" = $'{"id":2}\n{"id":1,"q":"slow"}' ]
}

@test "request and reply, both ours: 100,000 through a pool, each answered" {
	start s listen -k -f line --pool 4 -c 'exec cat' "unix://$T/s"
	seq 100000 >"$T/in"
	ip send -R "unix://$T/s" <"$T/in" >"$T/out"
	same "$T/in" "$T/out"
}
