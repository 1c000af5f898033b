# The message path: stages, output, bad input and faults.  Framings and bridges
# are in framing.bats, requests in request.bats.

load helpers

bytes() { printf "$@"; }

peak() { awk '/VmHWM/ { print $2 }' "/proc/$1/status"; }

# ---------------------------------------------------------------- stages

@test "-p: convert both ways, undone by -p at the other end" {
	bytes '{"a":1,"b":[true,null,"x"]}\n[1.5]\n' >"$T/in"
	ip relay -f line -p 'convert:json>cbor' -p frame:len32 - - <"$T/in" \
	    >"$T/mid"
	ip relay -f len32 -p 'convert:cbor>json' -p frame:line - - <"$T/mid" \
	    >"$T/out"
	same "$T/in" "$T/out"
}

@test "--from-pipe and --to-pipe: a service of CBOR for senders of JSON lines" {
	start srv listen -k --echo -f cbor tcp://127.0.0.1:0
	start r relay --from-pipe 'convert:cbor>json|frame:line' \
	    --to-pipe frame:cbor tcp://127.0.0.1:0 "$srv_endpoint"
	run -0 ip send -R -f line -t 20s "$r_endpoint" < <(bytes '{"k":[1,2]}\n')
	[ "$output" = '{"k":[1,2]}' ]
}

@test "-p: a wrong order shows the right one; unknown words are named" {
	run -2 ip relay -p 'frame:len32|convert:json>cbor' -f line - -
	[[ $output == *"fix:"* ]]
	run -2 ip relay -f line -p 'covert:json>cbor' - -
	[[ $output == *covert*"fix:"*convert* ]]
	run -2 ip relay -f line -p 'convert:json>' - -
	[[ $output == *"fix:"* ]]
	run -0 ip help stages
	[[ $output == *frame*convert*text*zstd*exec*tee*rate* ]]
}

@test "exec: one message in, one out; who breaks that is named" {
	run -0 ip relay -f line -p 'exec:sed -u s/^/x/' - - < <(seq 3)
	[ "$output" = $'x1\nx2\nx3' ]
	run -5 --separate-stderr ip relay -f line -p 'exec:head -2' - - < <(seq 5)
	[[ $output == 1* && $stderr == *"unanswered"*"head -2"*"fix:"* ]]
	run -5 --separate-stderr ip relay -f line -p 'exec:sed -u p' - - < <(seq 3)
	[[ $stderr == *"more than"* ]]
	run -5 --separate-stderr ip relay -f line \
	    -p 'exec:sed -u s/^/x/; exit 4' - - < <(seq 3)
	[ "$output" = $'x1\nx2\nx3' ]
	[[ $stderr == *"status 4"* ]]
}

@test "exec: a last line without an end stays one" {
	[ "$(bytes 'a\nb' | ip relay -f line -p 'exec:sed -u s/^/x/' - - |
	    od -An -c)" = "$(bytes 'xa\nxb' | od -An -c)" ]
}

@test "tee: a copy; a full disk is an error, once what came before is out" {
	run -0 ip relay -f line -p "tee:$T/copy" - - < <(seq 1000)
	seq 1000 | cmp - "$T/copy"
	run -1 ip relay -f line -p tee:/dev/full - - < <(seq 3)
	[[ $output == *"message 1"*"no space left"*"/dev/full"* ]]
}

@test "text: there and back; what cannot be decoded is message N, exit 3" {
	bytes 'h\xc3\xa9\nw\xf0\x9f\x98\x80\n' >"$T/in"
	for enc in utf-16le utf-16be utf-32le utf-32be; do
		ip relay -f line -p "text:utf-8>$enc" -p frame:len32 - - \
		    <"$T/in" >"$T/mid"
		ip relay -f len32 -p "text:$enc>utf-8" -p frame:line - - \
		    <"$T/mid" >"$T/out"
		same "$T/in" "$T/out"
	done
	run -0 ip relay -f line -p 'text:latin1>utf-8' - - < <(bytes 'h\xe9\n')
	[ "$output" = hé ]
	run -3 --separate-stderr ip relay -f line -p 'text:utf-8>utf-16le' \
	    - - < <(bytes 'ok\nh\xe9\n')
	[[ $stderr == *"message 2"*"utf-8"* ]]
}

@test "zstd: there and back; a bomb is refused before it is inflated" {
	seq 5000 >"$T/in"
	ip relay -f line -p 'zstd|frame:len32' - - <"$T/in" >"$T/mid" ||
	    skip "built without zstd"
	start srv listen -f line -p 'zstd|frame:len32' "unix:$T/z"
	ip send "unix:$T/z" <"$T/mid"
	finish srv
	[ "$status" = 0 ]
	same "$T/in" "$T/srv.out"
	head -c 30M /dev/zero | ip relay -f raw --max-message 64M \
	    -p 'zstd|frame:len32' - - >"$T/bomb"
	start srv listen -f line --max-message 1M -p 'zstd|frame:len32' \
	    "unix:$T/b"
	run ip send "unix:$T/b" <"$T/bomb"
	finish srv
	[ "$status" = 3 ]
	[ ! -s "$T/srv.out" ]
	[[ $(cat "$T/srv.err") == *"message 1"*"inflates to more"*"fix:"* ]]
}

@test "rate: every message arrives, none before its time is asked for" {
	run -0 ip relay -f line -p rate:2000msg/s - - < <(seq 300)
	[ "$output" = "$(seq 300)" ]
}

# ---------------------------------------------------------------- output

@test "-F: fields and escapes; -J: text, and base64 when it is not" {
	start a listen -f line -F '%o:%l:%p|%x\t%%\n' "unix:$T/a"
	bytes 'hey\n\xff\n' | ip send -f line "unix:$T/a"
	finish a
	[ "$(head -1 "$T/a.out")" = $'1:3:hey|686579\t%' ]
	start b listen -f line --json "unix:$T/b"
	bytes 'he"y\n\xff\x00\n' | ip send -f line "unix:$T/b"
	finish b
	"$PYTHON" - "$T/b.out" <<-'P'
	import base64, json, sys
	a, b = [json.loads(x) for x in open(sys.argv[1])]
	assert a["payload"] == 'he"y' and a["seq"] == 1 and a["len"] == 4, a
	assert base64.b64decode(b["base64"]) == b"\xff\0" and b["seq"] == 2, b
	assert "payload" not in b
	P
	run -2 ip listen -f line -F '%q' "unix:$T/c"
	[[ $output == *'"q"'*"fix:"* ]]
}

@test "--out-dir: a file a message; what cannot be written is no success" {
	mkdir "$T/dir"
	start a listen -f line --out-dir "$T/dir" "unix:$T/a"
	seq 25 | ip send -f line "unix:$T/a"
	finish a
	[ "$status" = 0 ]
	[ "$(find "$T/dir" -type f | wc -l)" = 25 ]
	[ "$(find "$T/dir" -type f | sort | xargs cat | sort -n | tr -d '\n')" = \
	    "$(seq 25 | tr -d '\n')" ]
	run ip listen -f line --out-dir "$T/none/there" "unix:$T/b"
	[ "$status" = 1 ] || [ "$status" = 2 ]
	[[ $output == *"$T/none"*"fix:"* ]]
}

@test "-n: as many messages as asked for, and no more" {
	start a listen -f line -n 3 "unix:$T/a"
	run ip send -f line "unix:$T/a" < <(seq 3)
	finish a
	[ "$status" = 0 ]
	[ "$(cat "$T/a.out")" = $'1\n2\n3' ]
	run -0 ip relay -f line -n 2 - - < <(seq 100)
	[ "$output" = $'1\n2' ]
}

@test "--stats counts messages" {
	run -0 --separate-stderr ip relay -f line --stats - - < <(seq 1234)
	[[ $stderr == *"messages 1234 out, 0 back"* ]]
}

# ---------------------------------------------------------------- bad input

@test "garbled: the message is named by number and offset; what came before it is out" {
	run -3 --separate-stderr ip relay -f netstring -p frame:line - - \
	    < <(bytes '3:abc,4:efgh;')
	[ "$output" = abc ]
	[[ $stderr == *"message 2"*"offset 6"* ]]
	run -3 --separate-stderr ip relay -f varint -p frame:line - - \
	    < <(bytes '\x01a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff')
	[ "$output" = a ]
	[[ $stderr == *"message 2"*"offset 2"* ]]
	run -3 --separate-stderr ip relay -f json -p frame:line - - \
	    < <(bytes '{"a":1}\n{"b":[}\n')
	[ "$output" = '{"a":1}' ]
	[[ $stderr == *"message 2"* ]]
}

@test "cut short: each framing with an end says so, with exit 3" {
	local f in
	while read -r f in; do
		run -3 --separate-stderr ip relay -f "$f" -p frame:line - - \
		    < <(bytes "$in")
		[[ $stderr == *"in the middle of message"* ]]
	done <<-'L'
	len16 \0\1a\0\5bc
	len32 \0\0\0\1a\0\0\0\5bc
	len32le \1\0\0\0a\5\0\0\0bc
	varint \1a\5bc
	netstring 1:a,5:bc
	json [1][2,
	cbor \x01\x82\x01
	msgpack \x01\x92\x01
	L
}

@test "--max-message: an error, never a silent split; with skip, the rest" {
	bytes 'ab\nabcdefgh\ncd\n' >"$T/in"
	run -3 --separate-stderr ip relay -f line --max-message 4 - - <"$T/in"
	[ "$output" = ab ]
	[[ $stderr == *"message 2"*"offset 3"*"fix:"* ]]
	run -3 --separate-stderr ip relay -f line --max-message 4 \
	    --on-error skip --stats - - <"$T/in"
	[ "$output" = $'ab\ncd' ]
	[[ $stderr == *"1 skipped"* ]]
}

@test "--on-error: stop, skip and pass, for what a stage refuses" {
	bytes '{"a":1}\n{bad}\n{"a":2}\n' >"$T/in"
	run -3 --separate-stderr ip relay -f line -p 'convert:json>json' - - \
	    <"$T/in"
	[ "$output" = '{"a":1}' ]
	[[ $stderr == *"message 2"* ]]
	run -3 --separate-stderr ip relay -f line -p 'convert:json>json' \
	    --on-error skip - - <"$T/in"
	[ "$output" = $'{"a":1}\n{"a":2}' ]
	run --separate-stderr ip relay -f line -p 'convert:json>json' \
	    --on-error pass --stats - - <"$T/in"
	[ "$output" = $'{"a":1}\n{bad}\n{"a":2}' ]
	[[ $stderr == *"1 passed"* ]]
}

@test "a header that claims gigabytes allocates nothing" {
	local size
	start srv listen -k -f len32 --max-message 1G "tcp://127.0.0.1:0"
	mkfifo "$T/hold"
	exec {H}<>"$T/hold"
	bg c "$IPCAT" send "$srv_endpoint" <"$T/hold"
	bytes '\x3f\xff\xff\xffx' >&"$H"
	wait_until got 5
	size=$(peak "$srv_pid")
	[ "$size" -lt 20000 ]
	signal KILL c
	finish c
	signal TERM srv
	finish srv
	exec {H}>&-
}

got() {
	signal USR1 srv
	grep -q "opened, 1 open" "$T/srv.err"
}

@test "a peer killed in the middle of a message: exit 3, what was whole is out" {
	start srv listen -f line -p frame:len32 "tcp://127.0.0.1:0"
	mkfifo "$T/hold"
	exec {H}<>"$T/hold"
	bg c "$IPCAT" send "$srv_endpoint" <"$T/hold"
	bytes '\0\0\0\5whole\0\0\0\5ha' >&"$H"
	wait_for_text whole "$T/srv.out"
	signal KILL c
	finish c
	finish srv
	[ "$status" = 3 ]
	[ "$(cat "$T/srv.out")" = whole ]
	[[ $(cat "$T/srv.err") == *"broke off"* ]]
	exec {H}>&-
}

@test "a reader that stalls stops the writer; memory stays" {
	start srv listen -f line -p frame:len32 "unix:$T/s"
	# Nobody reads this output.
	mkfifo "$T/full"
	exec {R}<>"$T/full"
	OUT=$T/full start slow relay -f line "unix:$T/in" -
	"$IPCAT" send "unix:$T/in" < <(seq 3000000) 3>&- &
	sender=$!
	STARTED+=("$sender")
	wait_until stalled "$slow_pid"
	[ "$(peak "$slow_pid")" -lt 20000 ]
	kill -s KILL "$sender" "$slow_pid" "$srv_pid"
	exec {R}>&-
}

@test "SIGTERM cuts no message in two" {
	mkfifo "$T/hold"
	exec {H}<>"$T/hold"
	bg r "$IPCAT" relay -f len32 -p frame:line - "file:$T/out" \
	    <"$T/hold"
	bytes '\0\0\0\5whole\0\0\0\5ha' >&"$H"
	wait_for_text whole "$T/out"
	signal TERM r
	finish r
	[ "$status" = 3 ] || [ "$status" = 143 ]
	[ "$(cat "$T/out")" = whole ]
	[[ $(cat "$T/r.err") == *"middle of a message"* ]]
	exec {H}>&-
}
