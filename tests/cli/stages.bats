# -p: its grammar, its order, and what each stage does to messages; as a
# filter, over a connection, and on the way back.

load helpers

# A relay between stdin and stdout.
through() {
	ip relay "$@" - -
}

# The bytes of stdin in hexadecimal.
hex() {
	od -An -v -tx1 | tr -d ' \n'
}

# wrong WORD ARG...: exit 2 that names WORD and says how to mend it.
wrong() {
	local word=$1
	shift
	run -2 --separate-stderr through "$@" </dev/null
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == *"$word"* ]] || {
		echo "# no $word in: $stderr" >&2
		return 1
	}
	[[ ${stderr_lines[1]} == "  fix: "?* ]]
}

need_zstd() {
	ip --version | grep -qw zstd || skip "built without zstd"
	need zstd
}

# ------------------------------------------------------------------- grammar

@test "-p: white space, several of them, --to-pipe and --from-pipe" {
	local a='{"a":1}'
	for p in 'convert:json>cbor|frame:len32' \
	    ' convert:json>cbor , strict  |  frame:len32 '; do
		[ "$(echo "$a" | through -p "$p" | hex)" = 00000005bf616101ff ]
	done
	[ "$(echo "$a" | through -p 'convert:json>cbor' -p frame:len32 |
	    hex)" = 00000005bf616101ff ]
	[ "$(echo "$a" | through --to-pipe 'convert:json>cbor|frame:len32' |
	    through --from-pipe 'convert:json>cbor|frame:len32')" = "$a" ]
	[ "$(echo "$a" | through --from-pipe 'convert:cbor>json' \
	    --framing line --to-pipe frame:netstring | hex)" = 353abf616101ff2c ]
}

@test "-p: a backslash, and exec that takes the rest as it stands" {
	printf 'x\n' | through -p "tee:$T/a\\,b\\|c"
	[ "$(cat "$T/a,b|c")" = x ]
	[ "$(printf 'a\n' | through -p 'exec:sed -u s,a,b,\;s/b/c\|d/ | cat')" = 'c|d' ]
	[ "$(printf 'a:b\n' | through -p 'exec,framing=delim\:\:\,:cat')" = a:b ]
}

@test "-p: the wrong order is refused, and the right one can be typed" {
	wrong "frame cannot come before convert" \
	    -p 'frame:len32 | convert:json>cbor'
	[[ $stderr == *"fix: -p 'convert:json>cbor | frame:len32'"* ]]
	wrong "zstd cannot come before exec" -p "zstd | exec:sed -u 's/a/\\n/'"
	# What it says is a shell word for word.
	local fix=${stderr_lines[1]#  fix: }
	eval "set -- $fix"
	[ "$*" = "-p exec:sed -u 's/a/\\n/' -p zstd" ]
	wrong "more than one frame" -p 'frame:line | frame:nul'
	[ "$(echo '[1]' | through -p "$(printf 'convert:json>json|%.0s' \
	    {1..15})convert:json>json")" = '[1]' ]
}

@test "-p: a mistake names the stage, the key and the nearest one" {
	wrong '"fram"' -p fram:line
	[[ $stderr == *"did you mean frame"* ]]
	wrong '"strikt"' -p 'convert:json>json,strikt'
	[[ $stderr == *"did you mean strict"* ]]
	wrong "stage is missing" -p ''
	wrong "stage is missing" -p 'zstd|'
	wrong "stage is missing" -p 'convert:json>json||zstd'
	wrong "at most 16" -p "$(printf 'rate:1msg/s|%.0s' {1..16})rate:1msg/s"
	wrong "framing" -p frame
	wrong '"len31"' -p frame:len31
	wrong '"yaml"' -p 'convert:json>yaml'
	wrong "FROM>TO" -p convert:json
	wrong depth -p 'convert:json>json,depth=0'
	wrong klingon -p 'text:utf-8>klingon'
	wrong "FROM>TO" -p text:utf-8
	wrong IGNORE -p 'text:utf-8>ascii//IGNORE'
	wrong command -p exec:
	wrong command -p 'exec,undo= :cat'
	wrong raw -p exec,framing=raw:cat
	wrong file -p tee:
	wrong rate -p rate:100
	wrong "out of range" -p rate:0msg/s
	wrong "no keys" -p 'rate:1msg/s,x=1'
	wrong crlf -p crlf
}

@test "help stages: all of them with keys and framings; --explain shows them" {
	run -0 --separate-stderr ip help stages
	local word
	for word in frame: convert: strict canonical depth= text: zstd max= \
	    exec undo= tee: append rate: varint chunk:N msgpack; do
		[[ $output == *"$word"* ]]
	done
	run -0 through --explain -p 'convert:json>cbor | rate:9msg/s'
	[[ $output == *"convert:json>cbor"*"rate:9msg/s"* ]]
}

# --------------------------------------------------------------------- alone

# A message must not wait for the next one, whatever comes after the stage.
@test "a lone message goes through any stages at once" {
	local p i=0
	mkfifo "$T/in"
	exec 7<>"$T/in"
	for p in 'convert:json>cbor | convert:cbor>json' \
	    'convert:json>json | convert:json>json | convert:json>json' \
	    "tee:$T/copy|exec:cat" 'rate:9msg/s|exec:cat' \
	    'convert:json>json|rate:9msg/s'; do
		i=$((i + 1))
		bg "f$i" "$IPCAT" relay -f line -p "$p" -p frame:netstring - - \
		    <"$T/in" 7>&-
		echo '[1]' >&7
		wait_until has_size "$T/f$i.out" 6
		signal TERM "f$i"
		finish "f$i"
	done
	for p in tee:/dev/null rate:9msg/s exec:cat; do
		i=$((i + 1))
		bg "f$i" "$IPCAT" relay -f line -p exec:cat -p "$p" \
		    -p frame:netstring - - <"$T/in" 7>&-
		echo '[1]' >&7
		wait_until has_size "$T/f$i.out" 6
		signal TERM "f$i"
		finish "f$i"
	done
	exec 7>&-
}

# --------------------------------------------------------------------- frame

@test "frame: on both ways of a connection; the last stage that needs one" {
	start srv listen -k -f line -p frame:len16 --echo tcp://127.0.0.1:0
	OUT=$T/wire bg far peer connect "127.0.0.1:$srv_port" \
	    "send:$CLI_DIR/framing.bats" shut "recv:$T/x"
	finish far
	[ "$(printf 'a\nbc\n' | ip send -f line -p frame:len16 \
	    "$srv_endpoint")" = $'a\nbc' ]
	# convert and zstd bring a framing where lines would not do.
	[ "$(echo '[1]' | through -f line -p 'convert:json>cbor' | hex)" = 9f01ff ]
	[ "$(echo '[1]' | through -f line -p 'convert:json>msgpack' |
	    hex)" = 9101 ]
	[ "$(printf '[1]\0' | through -f nul -p 'convert:json>json' |
	    hex)" = 5b315d00 ]
	run -2 through -f nul -D ';' </dev/null
}

# ------------------------------------------------------------------- convert

@test "convert: json to each format and back, over a connection" {
	local f doc='{"a":[1,-2.5,true,null,"\u00e9"],"b":{}}'
	for f in cbor msgpack xml json; do
		start srv listen -k --echo -f line -p "convert:json>$f" \
		    tcp://127.0.0.1:0
		[ "$(echo "$doc" | ip send -f line -p "convert:json>$f" \
		    "$srv_endpoint")" = '{"a":[1,-2.5,true,null,"é"],"b":{}}' ]
		signal TERM srv
		finish srv
	done
}

@test "convert: strict, canonical, depth; each refusal names the message" {
	[ "$(echo '{"b":1.50,"a":[]}' |
	    through -p 'convert:json>json,canonical')" = '{"a":[],"b":1.5}' ]
	run -3 --separate-stderr through -p 'convert:json>cbor,depth=2|convert:cbor>json' \
	    < <(printf '[[1]]\n[[[2]]]\n[3]\n')
	[ "$output" = '[[1]]' ]
	[[ $stderr == *"message 2 at offset 6: "* ]]
	printf '\xf9\x7e\x00' | through -f cbor -p 'convert:cbor>json' \
	    >"$T/nan"
	[ "$(cat "$T/nan")" = null ]
	run -3 through -f cbor -p 'convert:cbor>json,strict' \
	    < <(printf '\xf9\x7e\x00')
	[[ $output == *"message 1 at offset 0: "* ]]
}

# ---------------------------------------------------------------------- text

@test "text: UTF-8, UTF-16 and UTF-32, with and without a mark" {
	local e row from to in out
	while read -r from to in out; do
		e=$(printf '%b' "$in" | through -f raw -p "text:$from>$to" | hex)
		[ "$e" = "$out" ] || {
			echo "# $from>$to: $e, not $out" >&2
			return 1
		}
	done <<-'ROWS'
	utf-8 utf-16 \xc3\xa9 feff00e9
	utf-8 utf-16le \xc3\xa9 e900
	utf-8 utf-16be \xf0\x9f\x98\x80 d83dde00
	utf-8 utf-32 \xc3\xa9 0000feff000000e9
	utf-8 utf-32le \xc3\xa9 e9000000
	UTF8 latin1 \xc3\xa9 e9
	utf-8 utf-16be \xef\xbb\xbfa 0061
	utf-16 utf-8 \xff\xfe\x61\x00 61
	utf-16 utf-8 \xfe\xff\x00\x61 61
	utf-16 utf-8 \x00\x61 61
	utf-16le utf-8 \xff\xfe\x61\x00 efbbbf61
	utf-32 utf-8 \xff\xfe\x00\x00\x61\x00\x00\x00 61
	iso-8859-1 utf-8 \xe9 c3a9
	iso-8859-15 utf-8 \xa4 e282ac
	ROWS
}

@test "text: back from the wire; what has no place is named and not replaced" {
	start srv listen -k --echo -f line -p frame:len32 tcp://127.0.0.1:0
	[ "$(echo é | ip send -f line -p 'text:utf-8>utf-16le | frame:len32' \
	    "$srv_endpoint")" = é ]
	run -3 --separate-stderr through -p 'text:utf-8>iso-8859-1' \
	    < <(printf 'a\n\xe2\x82\xac\nb\n')
	[ "$output" = a ]
	[[ $stderr == *"message 2 at offset 2: "*"at offset 0"* ]]
	run -3 --separate-stderr through -p 'text:utf-8>utf-16|frame:len32' \
	    < <(printf 'ab\xc3\n')
	[[ $stderr == *"ends inside a character at offset 2"* ]]
	run -3 --separate-stderr through -p 'text:utf-8>utf-16|frame:len32' \
	    < <(printf 'ab\xff\n')
	[[ $stderr == *"offset 2"* ]]
	# The result counts for --max-message.
	run -3 --separate-stderr through --max-message 8 \
	    -p 'text:utf-8>utf-32|frame:len32' < <(printf 'abc\n')
	[[ $stderr == *"--max-message"* ]]
}

# ---------------------------------------------------------------------- exec

@test "exec: one out for each in, in order, with any framing" {
	seq 20000 | sed 's/^/x/' >"$T/want"
	seq 20000 | through -p 'exec:sed -u s/^/x/' | cmp - "$T/want"
	seq 20000 | through -p 'exec:sed -u s/^/x/' -p 'exec:cat' \
	    -p 'rate:1000000msg/s' | cmp - "$T/want"
	printf 'a\nb' | through -p exec:cat | cmp - <(printf 'a\nb')
	local big
	big=$(data 3M)
	through -f raw -p 'exec,framing=len32:cat' <"$big" | cmp - "$big"
	head -c 20M /dev/zero >"$T/zero"
	through -f raw --max-message 32M -p 'exec,framing=len32:cat' \
	    <"$T/zero" | cmp - "$T/zero"
}

@test "exec: undo works on what comes back, and only on that" {
	start srv listen -k --echo -f line tcp://127.0.0.1:0
	[ "$(printf 'a\n' | ip send -f line -p 'exec:sed -u s/$/1/' \
	    "$srv_endpoint")" = a1 ]
	[ "$(printf 'a\n' | ip send -f line \
	    -p 'exec,undo=sed -u s/$/2/:sed -u s/$/1/' "$srv_endpoint")" = a12 ]
}

@test "exec: a filter that ends early: its answers, then exit 5" {
	local how
	for how in 'exit 0' 'exit 7' 'kill -9 $$' 'exec <&-; true'; do
		run -5 --separate-stderr through \
		    -p "exec:for i in 1 2 3; do read x; echo \"got \$x\"; done; $how" \
		    < <(seq 10)
		[ "$output" = $'got 1\ngot 2\ngot 3' ]
		[[ $stderr == *"unanswered, from message 4 on"*fix:* ]]
		# There may be other stages behind it.
		run -5 --separate-stderr through \
		    -p "exec:for i in 1 2 3; do read x; echo \"got \$x\"; done; $how" \
		    -p exec:cat -p 'rate:1000msg/s' < <(seq 10)
		[ "$output" = $'got 1\ngot 2\ngot 3' ]
	done
}

@test "exec: a bad status, no such program, too many answers: exit 5" {
	run -5 --separate-stderr through -p 'exec:cat; exit 9' < <(seq 2)
	[ "$output" = $'1\n2' ]
	[[ $stderr == *"status 9"* ]]
	run -5 --separate-stderr through -p "exec:$T/none" < <(seq 2)
	[[ $stderr == *"unanswered, from message 1 on"* ]]
	run -5 --separate-stderr through \
	    -p 'exec:while read -r x; do echo $x; echo $x; done' < <(echo 1)
	[ "$output" = 1 ]
	[[ $stderr == *"more than it was asked"* ]]
	run -5 --separate-stderr through -p \
	    'exec,framing=netstring:head -c 4 >/dev/null; printf 5:abc' \
	    < <(echo 1)
	[[ $stderr == *"the filter's answer, the input ended in the middle"* ]]
}

@test "exec: one that hangs ends with -t and is not left behind" {
	printf 'a\n' >"$T/in"
	run -124 --separate-stderr through -t 1 \
	    -p "exec:echo \$\$ >'$T/pid'; exec sleep 1000" <"$T/in"
	[ -z "$output" ]
	wait_until ended "$(cat "$T/pid")"
}

@test "exec: one that stops reading stops the source, and costs no time" {
	mkfifo "$T/never" "$T/in"
	exec 7<>"$T/never"
	bg f "$IPCAT" relay -f line -p "exec:read x <'$T/never'" - - \
	    < <(yes) 7>&-
	wait_until stalled "$f_pid"
	[ "$(awk '/VmRSS/ { print $2 }' "/proc/$f_pid/status")" -lt 65536 ]
	signal KILL f
	finish f
	exec 7>&-
}

# A frame that is cut short behind messages that are still in the child.
@test "exec: what came before a bad frame or message is delivered first" {
	run -3 --separate-stderr through -f netstring -p 'exec:cat' -p frame:line \
	    < <(printf '3:abc,3:ab')
	[ "$output" = abc ]
	[[ $stderr == *"middle of message 2 at offset 6"* ]]
	run -3 --separate-stderr through -f nul -p exec:cat -p frame:line \
	    < <(printf 'abc\0a\nb\0c\0')
	[ "$output" = abc ]
	[[ $stderr == *"message 2 at offset 4"* ]]
	run -3 --separate-stderr through -p 'convert:json>json|exec:cat' \
	    < <(printf '1\n[2]\n{]\n4\n')
	[ "$output" = $'1\n[2]' ]
	run -3 --separate-stderr through -p 'convert:json>json|exec:cat' \
	    --on-error skip < <(printf '1\n[2]\n{]\n4\n')
	[ "$output" = $'1\n[2]\n4' ]
}

# ---------------------------------------------------------------------- zstd

@test "zstd: the tool reads what we write, and we what it writes" {
	need_zstd
	local big
	big=$(data 1M)
	cat "$big" "$CLI_DIR"/*.bats >"$T/in"
	through -f raw -p zstd <"$T/in" | zstd -dc | cmp - "$T/in"
	through -f raw -p zstd:19 <"$T/in" | zstd -dc | cmp - "$T/in"
	zstd -qc <"$T/in" | through -f raw --from-pipe zstd | cmp - "$T/in"
	# Without a size in its header.
	zstd -qc --no-content-size "$T/in" | through -f raw --from-pipe zstd |
	    cmp - "$T/in"
	seq 3000 | through -p zstd | through --from-pipe zstd | cmp - <(seq 3000)
}

# peak FILE: the most memory a filter had that reads it, in KiB.
peak() {
	cat >"$T/peak.py" <<-'PY'
	import resource, subprocess, sys
	subprocess.run(sys.argv[2:], stdin=open(sys.argv[1]),
	    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
	print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
	PY
	timeout -s KILL "$LIMIT" "$PYTHON" "$T/peak.py" "$@"
}

# bats test_tags=nofault
@test "zstd: a bomb is refused by what it declares and by what it is" {
	need_zstd
	head -c 1G /dev/zero | zstd -qc >"$T/bomb1"
	truncate -s 1G "$T/zero"
	zstd -qc "$T/zero" >"$T/bomb2"
	for b in "$T/bomb1" "$T/bomb2"; do
		run -3 --separate-stderr through -f raw --from-pipe zstd <"$b"
		[ -z "$output" ]
		[[ $stderr == *"message 1 at offset 0: inflates to more than"* ]]
		case $MODE in asan | tsan) continue ;; esac
		[ "$(peak "$b" "$IPCAT" relay -f raw --from-pipe zstd - -)" \
		    -lt 100000 ]
	done
	head -c 5000 /dev/zero | zstd -qc >"$T/small"
	run -3 through -f raw --from-pipe zstd,max=4k <"$T/small"
	[ "$(through -f raw --from-pipe zstd,max=5000 <"$T/small" | wc -c)" = 5000 ]
}

@test "zstd: damaged, cut short, two in one, or something else: exit 3" {
	need_zstd
	seq 1000 | zstd -qc >"$T/one"
	head -c 100 "$T/one" >"$T/short"
	cat "$T/one" "$T/one" >"$T/two"
	{ head -c 40 "$T/one"; printf '\377\377'; tail -c +43 "$T/one"; } >"$T/hurt"
	printf 'plain text\n' >"$T/text"
	for b in short two hurt text; do
		run -3 --separate-stderr through -f raw --from-pipe zstd \
		    <"$T/$b"
		[ -z "$output" ]
		[[ $stderr == *"message 1 at offset 0: "*zstd* ]]
	done
}

# ----------------------------------------------------------------------- tee

@test "tee: a copy of what is sent, framed, truncated or appended to" {
	echo old >"$T/copy"
	printf 'a\nb' | through -p "tee:$T/copy" | cmp - <(printf 'a\nb')
	cmp "$T/copy" <(printf 'a\nb')
	printf 'c\n' | through -p "tee:$T/copy,append" >/dev/null
	cmp "$T/copy" <(printf 'a\nbc\n')
	seq 5000 | through -p "tee:$T/copy,framing=nul" >/dev/null
	cmp "$T/copy" <(seq 5000 | tr '\n' '\0')
	# What comes back is not copied.
	start srv listen -k -f line --reply pong tcp://127.0.0.1:0
	[ "$(echo ping | ip send -f line -p "tee:$T/sent" "$srv_endpoint")" = pong ]
	[ "$(cat "$T/sent")" = ping ]
	head -c 20M /dev/zero >"$T/zero"
	through -f raw --max-message 32M -p "tee:$T/copy,framing=raw" \
	    <"$T/zero" | cmp - "$T/zero"
	same "$T/copy" "$T/zero"
}

@test "tee: a full disk, a file that cannot be, a message it cannot hold" {
	run -1 --separate-stderr through -p tee:/dev/full < <(seq 3)
	[ -z "$output" ]
	[[ $stderr == *"message 1 at offset 0: tee cannot write: no space left"*"tee:/dev/full"* ]]
	[[ $stderr != *"no space left on device: no space"* ]]
	run -1 --separate-stderr through -p exec:cat -p tee:/dev/full < <(seq 3)
	[ -z "$output" ]
	run -1 --separate-stderr through -p "tee:$T/no/file" </dev/null
	[[ $stderr == *"tee:$T/no/file"* ]]
	mkfifo "$T/fifo"
	run ! through -p "tee:$T/fifo" </dev/null
	run ! through -p "tee:$T" </dev/null
	# A quota of our own: two messages fit.
	run -1 --separate-stderr bash -c "trap '' XFSZ; ulimit -f 1
	    printf '%0500d\n%0500d\n%0500d\n' 1 2 3 |
	    '$IPCAT' relay -f line -p 'tee:$T/limited' - - | cat
	    exit \${PIPESTATUS[1]}"
	[ "${#lines[@]}" = 2 ]
	[[ $stderr == *"message 3"*"tee:$T/limited"* ]]
	run -3 --separate-stderr through -f nul -p "tee:$T/copy" \
	    < <(printf 'a\0b\nc\0d\0')
	[[ $stderr == *"message 2 at offset 2"*"tee:$T/copy"* ]]
}

# ---------------------------------------------------------------------- rate

# Time is not asserted: but that it waits, drops nothing and lets go.
@test "rate: nothing is dropped, the source waits, the timer goes on" {
	seq 300 | through -p rate:2000msg/s | cmp - <(seq 300)
	seq 300 | through -p rate:20k/s | cmp - <(seq 300)
	seq 300 | through -p 'rate:2000msg/s | rate:900k/s' -p exec:cat |
	    cmp - <(seq 300)
	bg slow "$IPCAT" relay -f line -p rate:1msg/s - - < <(yes)
	wait_until stalled "$slow_pid"
	wait_until grep -q y "$T/slow.out"
	[ "$(wc -l <"$T/slow.out")" -lt 100 ]
	signal KILL slow
	finish slow
	# A message over the rate goes whole.
	head -c 5000 /dev/zero | through -f raw -p rate:100k/s | wc -c |
	    grep -qx 5000
}

@test "rate: -i still works after a message was held" {
	mkfifo "$T/in"
	exec 7<>"$T/in"
	bg f "$IPCAT" relay -i 1s -f line -p 'rate:50msg/s' - - <"$T/in" 7>&-
	seq 20 >&7
	finish f
	[ "$status" = 124 ]
	exec 7>&-
	cmp "$T/f.out" <(seq 20)
}
