# -o and replay: what moved, in which direction and when, and the same again.

load helpers

# entries FILE: one line per entry of a record: conn dir bytes-in-hex.
entries() {
	"$PYTHON" - "$1" <<-'PY'
	import struct, sys
	b = open(sys.argv[1], "rb").read()
	assert b[:8] == b"IPCREC1\n" and len(b) >= 16, b[:16]
	at, last = 16, 0
	while at < len(b):
	    ns, conn, n, d, pad = struct.unpack_from("<QIIB3s", b, at)
	    data = b[at + 20:at + 20 + n]
	    assert len(data) == n and d < 2 and pad == b"\0\0\0" and ns >= last
	    last = ns
	    print(conn, d, data.hex())
	    at += 20 + n
	PY
}

# payload FILE CONN DIR: the bytes of one connection and direction.
payload() {
	entries "$1" | awk -v c="$2" -v d="$3" '$1 == c && $2 == d { print $3 }' |
	    "$PYTHON" -c 'import sys
sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().replace("\n", "")))'
}

# make FILE [CONN DIR MS TEXT]...: a record by hand.
make_record() {
	"$PYTHON" - "$@" <<-'PY'
	import struct, sys
	out, a = sys.argv[1], sys.argv[2:]
	with open(out, "wb") as f:
	    f.write(b"IPCREC1\n" + struct.pack("<Q", 0))
	    for c, d, ms, text in zip(a[::4], a[1::4], a[2::4], a[3::4]):
	        t = text.encode()
	        f.write(struct.pack("<QIIB3x", int(ms) * 1000000, int(c),
	                            len(t), int(d)) + t)
	PY
}

@test "-o: both directions of a conversation, private, the data unchanged" {
	f=$(data 1M)
	start s listen -k -c 'tr "\0-\377" "\1-\377\0"' tcp://127.0.0.1:0
	umask 000
	ip send -o "$T/rec" "$s_endpoint" <"$f" >"$T/out"
	[ "$(stat -c %a "$T/rec")" = 600 ]
	payload "$T/rec" 1 0 >"$T/sent"
	payload "$T/rec" 1 1 >"$T/back"
	same "$f" "$T/sent"
	same "$T/out" "$T/back"
	tr '\0-\377' '\1-\377\0' <"$f" >"$T/want"
	same "$T/want" "$T/out"
	# An old record is replaced.
	ip send --output="$T/rec" "$s_endpoint" <<<a >"$T/out"
	[ "$(payload "$T/rec" 1 0)" = a ]
	[ "$(payload "$T/rec" 1 1)" = $'b\v' ]
}

@test "-o: many connections of a relay are told apart" {
	start s listen -k --echo tcp://127.0.0.1:0
	start r relay -n 5 -o "$T/rec" tcp://127.0.0.1:0 "$s_endpoint"
	for who in 1 2 3 4 5; do
		run -0 ip send "$r_endpoint" <<<"client $who"
		[ "$output" = "client $who" ]
	done
	finish r
	[ "$status" = 0 ]
	for who in 1 2 3 4 5; do
		[ "$(payload "$T/rec" "$who" 0)" = "client $who" ]
		[ "$(payload "$T/rec" "$who" 1)" = "client $who" ]
	done
}

@test "-o: cannot be written: exit 1, the fault is named" {
	run -1 --separate-stderr ip relay -o "$T/none/rec" - - <<<hello
	[[ $stderr == *"$T/none/rec"*fix:* ]]
	run -1 --separate-stderr ip relay -o "$T" - - <<<hello
	[[ $stderr == *"$T"* ]]
	[ -c /dev/full ] || skip "no /dev/full"
	run -1 --separate-stderr ip relay -o /dev/full - - <<<hello
	[ "$output" = hello ]
	[[ $stderr == *"record is incomplete"*"/dev/full"* ]]
}

@test "-o: what was recorded so far is whole after SIGTERM" {
	start s listen -k --echo -o "$T/rec" tcp://127.0.0.1:0
	run -0 ip send "$s_endpoint" <<<hello
	signal TERM s
	finish s
	[ "$status" = 143 ]
	[ "$(payload "$T/rec" 1 0)" = hello ]
}

@test "--replay: at 1x, 50x and max the same bytes in the same order" {
	f=$(data 64k)
	start s listen -k --echo tcp://127.0.0.1:0
	{
		printf one
		read -r -t 0.1 -u "$TICK" _ || :
		printf two
		read -r -t 0.1 -u "$TICK" _ || :
		cat "$f"
	} | ip send -o "$T/rec" "$s_endpoint" >"$T/first"
	[ "$(entries "$T/rec" | awk '$2 == 0' | wc -l)" -ge 3 ]
	for speed in 1 50 0.5 max; do
		rm -f "$T/got"
		start g listen tcp://127.0.0.1:0
		ip send --replay "$T/rec" --speed "$speed" "$g_endpoint"
		finish g
		[ "$status" = 0 ]
		same "$T/first" "$T/g.out"
	done
	start g listen tcp://127.0.0.1:0
	ip send --replay="$T/rec" "$g_endpoint"
	finish g
	same "$T/first" "$T/g.out"
}

@test "--replay: what comes back goes to stdout" {
	make_record "$T/rec" 1 0 0 hello 1 1 5 HELLO 1 0 5 world
	start s listen -k -c 'tr a-z A-Z' tcp://127.0.0.1:0
	run -0 --separate-stderr ip send --replay "$T/rec" --speed max "$s_endpoint"
	[ "$output" = HELLOWORLD ]
	[ -z "$stderr" ]
	run -0 ip send --send-only --replay "$T/rec" --speed max "$s_endpoint"
	[ -z "$output" ]
	echo mine >"$T/in"
	{
		run -0 ip send --replay "$T/rec" "$s_endpoint"
		run -0 cat
		[ "$output" = mine ]
	} <"$T/in"
	rc=0
	[ ! -c /dev/full ] ||
	    ip send --replay "$T/rec" "$s_endpoint" >/dev/full || rc=$?
	[ ! -c /dev/full ] || [ "$rc" = 1 ]
}

@test "replay: waits as long as the record says" {
	# Due in a day, at this speed; the first is moment zero.
	make_record "$T/rec" 1 0 5000 first 1 0 86405000 second
	bg r "$IPCAT" relay "replay:$T/rec" -
	wait_for_text first "$T/r.out"
	alive r
	signal TERM r
	finish r
	[ "$status" = 143 ]
	[ "$(cat "$T/r.out")" = first ]
	run -124 --separate-stderr ip relay -t 300ms "replay?speed=1000:$T/rec" -
	[ "$output" = first ]
	run -0 ip relay "replay?speed=1000000:$T/rec" -
	[ "$output" = firstsecond ]
	run -0 ip relay "replay?speed=max:$T/rec" -
	[ "$output" = firstsecond ]
}

@test "replay: conn= and dir= choose" {
	make_record "$T/rec" 2 0 0 a 3 0 0 b 2 1 0 c 3 1 0 d 2 0 0 e
	run -0 ip relay "replay:$T/rec" -
	[ "$output" = ae ]
	run -0 ip relay "replay?dir=in:$T/rec" -
	[ "$output" = c ]
	run -0 ip relay "replay?conn=3:$T/rec" -
	[ "$output" = b ]
	run -0 ip relay "replay?conn=3&dir=in&speed=max:$T/rec" -
	[ "$output" = d ]
	run -1 --separate-stderr ip relay "replay?conn=1:$T/rec" -
	[[ $stderr == *"conn=1"* ]]
}

@test "replay: a server that says what the recorded one said" {
	make_record "$T/rec" 1 1 0 banner 1 0 5 request 1 1 6 answer
	start r relay tcp://127.0.0.1:0 "replay?dir=in&speed=max:$T/rec"
	run -0 ip send "$r_endpoint"
	[ "$output" = banneranswer ]
	run -0 ip send "$r_endpoint"
	[ "$output" = banneranswer ]
}

@test "replay: empty, cut and foreign files" {
	make_record "$T/rec"
	run -0 ip relay "replay:$T/rec" -
	[ -z "$output" ]
	make_record "$T/rec" 1 0 0 hello 1 0 0 world
	cp "$T/rec" "$T/whole"
	for cut in 1 4 5 6 20 24; do
		cp "$T/whole" "$T/rec"
		truncate -s "-$cut" "$T/rec"
		run -1 --separate-stderr ip relay "replay:$T/rec" -
		[[ $output == hello* ]]
		[ "$output" != helloworld ]
		[[ $stderr == *"replay:$T/rec"* ]]
	done
	printf '\1' | dd of="$T/whole" bs=1 seek=35 conv=notrunc status=none
	run -1 ip relay "replay:$T/whole" -
	for f in "$BATS_TEST_FILENAME" /dev/null "$T"; do
		run -1 --separate-stderr ip relay "replay:$f" -
		[[ $stderr == *"is not a record"*fix:* ]]
	done
	run -1 --separate-stderr ip send --replay "$T/none" null:
	[[ $stderr == *"$T/none"*fix:* ]]
}

@test "replay: usage errors name the value" {
	for speed in 0 -1 1x nan inf 0x1 1e3 '' 1000001; do
		run -2 --separate-stderr ip send --replay "$T/rec" --speed "$speed" null:
		[[ $stderr == *"\"$speed\""*fix:* ]]
	done
	for speed in 1:2 '1&dir=in'; do
		run -2 --separate-stderr ip send --replay "$T/rec" --speed "$speed" null:
		[[ $stderr == *"$speed"*fix:* ]]
	done
	run -2 --separate-stderr ip relay "replay:-" null:
	[[ $stderr == *fix:* ]]
	run -2 ip relay "replay:" null:
	run -2 --separate-stderr ip relay "replay?dir=up:$T/rec" null:
	[[ $stderr == *up*"out|in"* ]]
	run -2 ip relay "replay?conn=0:$T/rec" null:
	run -2 ip relay "replay?conn=4294967296:$T/rec" null:
}

@test "--replay waits for the listener with -r, its clock starts then" {
	make_record "$T/rec" 1 0 0 one 1 0 40 two
	bg c "$IPCAT" send -r forever --backoff 1ms..20ms --replay "$T/rec" "unix://$T/s"
	start s listen "unix://$T/s"
	finish c
	[ "$status" = 0 ]
	finish s
	[ "$(cat "$T/s.out")" = onetwo ]
}
