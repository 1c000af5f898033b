# Every option of the tables: used once, and used wrongly.

load helpers

# A usage error: exit 2, nothing on stdout, two lines that name WORD.
usage_error() {
	local word=$1
	shift
	run -2 --separate-stderr ip "$@"
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == ipcat* ]]
	[[ ${stderr_lines[0]} == *"$word"* ]] || {
		echo "# no $word in: $stderr" >&2
		return 1
	}
	[[ ${stderr_lines[1]} == "  fix: "* ]]
	[ ${#stderr_lines[@]} = 2 ]
}

# The rows of `help --dump`: kind owner name letter argument flags help.
options_of() {
	"$IPCAT" help --dump |
	    awk -F '\t' -v v="$1" '$1 == "option" && $2 == v { print $3, $4, $5 != "-", $6 ~ /maybe/ }'
}

verbs() {
	"$IPCAT" help --dump | awk -F '\t' '$1 == "verb" && $2 != "help" { print $2 }'
}

# ---------------------------------------------------------------- the tables

@test "every option of every verb is used in this folder" {
	local verb name rest
	for verb in $(verbs); do
		while read -r name rest; do
			grep -qE -e "--$name([= ]|\$)" "$BATS_TEST_DIRNAME"/*.bats || {
				echo "# $verb --$name is used by no test" >&2
				return 1
			}
		done < <(options_of "$verb")
	done
}

@test "-h and --help list every option of the verb; -V and --version say who it is" {
	local verb name letter rest
	for verb in $(verbs); do
		run -0 --separate-stderr ip "$verb" -h
		[ -z "$stderr" ]
		while read -r name letter rest; do
			[[ $output == *"--$name"* ]]
			[ "$letter" = - ] || [[ $output == *"-$letter, --$name"* ]]
		done < <(options_of "$verb")
		local short=$output
		run -0 ip "$verb" --help
		[ "$output" = "$short" ]
		run -0 ip help "$verb"
		[ "$output" = "$short" ]
		run -0 ip "$verb" -V
		[[ $output == "ipcat "[0-9]* ]]
		run -0 ip "$verb" --version
		[[ $output == "ipcat "[0-9]* ]]
	done
	run -0 ip --version
	[[ $output == *transports:*tcp* ]]
	run -0 ip --help
	[[ $output == *listen* ]]
}

@test "help: transports, stages, exit codes, and an unknown topic" {
	run -0 ip help transports
	[[ $output == *"tcp://HOST:PORT"*nodelay*"unix:PATH"*mode* ]]
	run -0 ip help stages
	[[ $output == *crlf* ]]
	run -0 ip help exit-codes
	[[ $output == *"124 "*deadline* ]]
	usage_error bogus help bogus
}

@test "an option without its value, a flag with one: exit 2" {
	local verb name letter value maybe
	for verb in $(verbs); do
		while read -r name letter value maybe; do
			[ "$maybe" = 0 ] || continue
			if [ "$value" = 1 ]; then
				usage_error "--$name" "$verb" "--$name"
				[ "$letter" = - ] || usage_error "-$letter" "$verb" "-$letter"
			else
				usage_error "--$name" "$verb" "--$name=bogus" :1
			fi
		done < <(options_of "$verb")
	done
}

@test "a misspelled option names the nearest one" {
	local verb name rest
	for verb in $(verbs); do
		while read -r name rest; do
			[ ${#name} -gt 5 ] || continue
			usage_error "--${name}x" "$verb" "--${name}x" :1
			[[ $stderr == *"did you mean --$name?"* ]]
		done < <(options_of "$verb")
		usage_error "--qqqqqqqq" "$verb" --qqqqqqqq :1
		usage_error '"-Y"' "$verb" -Y :1
	done
}

@test "a misspelled key names the nearest one, for every key of every transport" {
	local key owner
	while read -r owner key; do
		[ ${#key} -gt 3 ] || continue
		case $owner in
		exec: | sh: | replay:) set -- "$owner?${key}x=1:cat" ;;
		tcp: | vsock:) set -- "$owner//127.0.0.1:1?${key}x=1" ;;
		*) set -- "$owner///tmp/none?${key}x=1" ;;
		esac
		owner=${owner%:}
		set -- "${1/exec:\?/exec?}"
		set -- "${1/sh:\?/sh?}"
		set -- "${1/replay:\?/replay?}"
		usage_error "\"${key}x\"" relay null: "$1"
		[[ $stderr == *"did you mean $key?"* ]]
	done < <("$IPCAT" help --dump |
	    awk -F '\t' '$1 == "option" && $2 ~ /:$/ { print $2, $3 }')
}

@test "an unknown verb, scheme, layer: exit 2 with the nearest one" {
	usage_error '"lisen"' lisen
	[[ $stderr == *"did you mean: ipcat listen"* ]]
	usage_error '"tpc"' send tpc://127.0.0.1:1
	[[ $stderr == *"did you mean tcp:?"* ]]
	usage_error '"unixx"' listen unixx:///tmp/s
	[[ $stderr == *"did you mean unix:?"* ]]
	usage_error '"qqqqqqqq"' relay qqqqqqqq:///x -
	usage_error '"tlss+"' send tlss+tcp://127.0.0.1:1
	[[ $stderr == *"fix:"* ]]
	run -2 ip
}

@test "bad values: exit 2, the value and what was expected" {
	local v
	for v in x -1 '' 1x 1..2 0x10 ' 1'; do
		usage_error "\"$v\"" send -w "$v" :1
		usage_error "\"$v\"" send "--idle-timeout=$v" :1
		usage_error "\"$v\"" send -t "$v" :1
		usage_error "\"$v\"" send "--rate=$v" :1
	done
	for v in x -1 '' 1.5 1k 0; do
		usage_error "\"$v\"" listen --max-conn "$v" :0
		usage_error "\"$v\"" listen "--max-per-host=$v" :0
		usage_error "\"$v\"" listen -k -n "$v" :0
		usage_error --workers relay --workers "$v" :0 :1
	done
	usage_error '"0"' send -w 0 :1
	usage_error xml send --log xml :1
	usage_error '"70000"' send --ready-fd 70000 :1
	usage_error '"1s"' send --backoff 1s :1
	usage_error MIN send --backoff 2s..1s :1
	usage_error MIN send --backoff 0..1s :1
	usage_error forevr send --retry=forevr :1
	usage_error '"1.2.3"' listen --allow 1.2.3 :0
	usage_error '"33"' listen --deny 10.0.0.0/33 :0
	usage_error '"129"' listen --deny ::/129 :0
	usage_error nosuchuser listen --allow uid=nosuchuser :0
	usage_error nosuchgroup listen --allow gid=nosuchgroup :0
	usage_error workers relay --workers 257 :0 :1
	usage_error 1x send --replay /dev/null --speed 1x :1
}

@test "bad ports and endpoints: exit 2" {
	usage_error 65536 send 127.0.0.1:65536
	usage_error 99999999999999999999 send 127.0.0.1:99999999999999999999
	usage_error nosuchservice listen 127.0.0.1:nosuchservice
	usage_error '(9000)' send 9000
	[[ $stderr == *":9000"* ]]
	usage_error empty send ''
	usage_error "no endpoint" send
	usage_error "no endpoint" listen
	usage_error "FROM and TO" relay :0
	usage_error '":2"' relay :0 :1 :2
	usage_error '%zz' send unix:///tmp/%zz
	usage_error "-n" listen -n 3 :0
	usage_error "one connection" listen -k -
	usage_error overwrite relay :0 "file://$T/x"
}

@test "options that exclude each other: exit 2" {
	usage_error "-4 and -6" send -4 -6 :1
	usage_error "-e, -c and --echo" listen -c x --echo :0
	usage_error "-e, -c and --echo" listen -c x :0 -e cat
	usage_error "--recv-only and --send-only" send --recv-only --send-only :1
	usage_error "--speed" send --speed 2 :1
	usage_error "--replay" send --speed max :1
	run -2 ip send -q -v :1
}

@test "grammar: bundles, =, --, options behind operands" {
	run -0 --separate-stderr ip send -vP --explain -t5 "-w" 3s --idle-timeout=2m tcp://127.0.0.1:1
	[[ $output == *"connect 3"*"idle 2m"*"total 5"* ]]
	run -0 ip send tcp://127.0.0.1:1 --explain -t 1m
	[[ $output == *"total 1m"* ]]
	run -0 ip send --explain -- -
	[[ $output == *stdio* ]]
	run -0 ip listen -k --explain tcp://127.0.0.1:0 -e cat -n --explain
	[[ $output == *"cat -n --explain"* ]]
}

# ---------------------------------------------------------------- behaviour

@test "a failure is two lines, -v says more, -q says nothing, the exit code stays" {
	run -1 --separate-stderr ip send 127.0.0.1:1
	[[ ${stderr_lines[0]} == *"127.0.0.1:1"*refused* ]]
	[[ ${stderr_lines[1]} == "  fix: "*ipcat* ]]
	[ ${#stderr_lines[@]} = 2 ]
	run -1 --separate-stderr ip send -q 127.0.0.1:1
	[ -z "$stderr" ]
	[ -z "$output" ]
	run -1 --separate-stderr ip send --quiet 127.0.0.1:1
	[ -z "$stderr" ]
	start s listen -k --echo -v tcp://127.0.0.1:0
	run -0 --separate-stderr ip send -v "$s_endpoint" <<<hello
	[ "$output" = hello ]
	[[ $stderr == *connected* ]]
	run -0 --separate-stderr ip send --verbose --verbose "$s_endpoint" <<<hello
	[[ $stderr == *connected* ]]
	wait_for_text accepted "$T/s.err"
	run -0 --separate-stderr ip send "$s_endpoint" <<<hello
	[ -z "$stderr" ]
}

@test "--log json: every line on stderr is one JSON object" {
	start s listen -k -vv --log json --deny 127.0.0.2 -c 'exit 3' tcp://127.0.0.1:0
	run -0 ip send --recv-only "$s_endpoint"
	run ip send --recv-only "$s_endpoint?source=127.0.0.2"
	wait_for_text refused "$T/s.err"
	wait_for_text "status 3" "$T/s.err"
	signal TERM s
	finish s
	[ "$status" = 143 ]
	run -1 --separate-stderr ip send --log=json 127.0.0.1:1
	printf '%s\n' "$stderr" >"$T/fail"
	run -2 --separate-stderr ip send --log=json $'tcp://127.0.0.1:1?a"b\e\\\xff=1'
	printf '%s\n' "$stderr" >>"$T/fail"
	"$PYTHON" - "$T/s.err" "$T/fail" <<-'PY'
	import json, sys
	for name in sys.argv[1:]:
	    lines = open(name, "rb").read().decode("utf-8").splitlines()
	    assert lines, name
	    for line in lines:
	        d = json.loads(line)
	        assert isinstance(d, dict) and "\x1b" not in line, line
	PY
	[ "$(grep -c '"fix":' "$T/fail")" = 2 ]
}

@test "--log text is the default" {
	run -1 --separate-stderr ip send --log text 127.0.0.1:1
	[[ ${stderr_lines[0]} == "ipcat send: "* ]]
}

@test "-4 and -6 choose the family" {
	start a listen -4 -k --echo tcp://localhost:0
	[[ $a_endpoint == tcp://127.0.0.1:* ]]
	[ ${#a_endpoints[@]} = 1 ]
	run -0 ip send --ipv4 "localhost:$a_port" <<<four
	[ "$output" = four ]
	run -1 ip send --ipv6 "localhost:$a_port" <<<six
	run -1 --separate-stderr ip send -6 "127.0.0.1:$a_port"
	[[ $stderr == *127.0.0.1*fix:*-6* ]]
	grep -q : /proc/net/if_inet6 || [ -s /proc/net/if_inet6 ] || skip "no IPv6 here"
	start b listen -6 -k --echo "tcp://[::1]:0"
	[[ $b_endpoint == "tcp://[::1]:"* ]]
	run -0 ip send -6 "[::1]:$b_port" <<<six
	[ "$output" = six ]
	start c listen -6 -k --echo tcp://:0
	run -0 ip send "[::1]:$c_port" <<<six
	run -1 ip send "127.0.0.1:$c_port" <<<four
}

@test "-w ends an attempt that gets no answer: exit 1" {
	need unshare
	[ -x /sbin/ip ] || skip "no iproute2"
	# A blackhole: a neighbour that never answers ARP, in a network of its own.
	unshare -rn true 2>/dev/null || skip "no user namespaces"
	run --separate-stderr timeout -s KILL "$LIMIT" unshare -rn sh -c '
		{ ip link add d0 type veth peer name d1 ||
		    ip link add d0 type dummy; } || exit 77
		ip link set d0 up
		ip link set d1 up
		ip addr add 192.0.2.1/24 dev d0
		exec "$IPCAT" send -w 200ms 192.0.2.2:9 </dev/null'
	[ "$status" != 77 ] || skip "no kind of network device to be had"
	[ "$status" = 1 ]
	[[ $stderr == *"192.0.2.2:9"* ]]
	[[ $stderr == *"timed out"* ]]
	[[ $stderr == *fix:* ]]
}

@test "--connect-timeout: against a full backlog, exit 1" {
	bg full "$PYTHON" -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(0)
c = []
for i in range(4):
    k = socket.socket(); k.setblocking(False)
    k.connect_ex(s.getsockname()); c.append(k)
print(s.getsockname()[1], flush=True)
sys.stdin.read()' <&"$TICK"
	wait_until test -s "$T/full.out"
	run -1 --separate-stderr ip send --connect-timeout=100ms "127.0.0.1:$(cat "$T/full.out")"
	[[ $stderr == *"timed out"* ]]
}

@test "-i ends a connection on which nothing moves: 124" {
	start s listen -k -c 'cat >/dev/null' tcp://127.0.0.1:0
	run -124 --separate-stderr ip send -i 100ms "$s_endpoint" <&"$TICK"
	[[ $stderr == *"-i"* ]]
	# Input that goes on moving keeps it.
	run -0 ip send --idle-timeout 30s "$s_endpoint" <<<x
}

@test "-t ends everything: 124" {
	start s listen -k --echo tcp://127.0.0.1:0
	run -124 --separate-stderr ip send -t 100ms "$s_endpoint" <&"$TICK"
	[[ $stderr == *"-t"* ]]
	run -124 ip listen --timeout 50ms tcp://127.0.0.1:0
	run -124 ip relay --timeout=50ms tcp://127.0.0.1:0 null:
	run -124 ip send -t 100ms -r forever --backoff 1ms..5ms 127.0.0.1:1
}

@test "-z: open with its latency, refused with exit 1" {
	start s listen -k --echo tcp://127.0.0.1:0 "unix://$T/s"
	run -0 --separate-stderr ip send -z "$s_endpoint" "unix://$T/s"
	[ -z "$stderr" ]
	[[ ${lines[0]} =~ ^tcp://127.0.0.1:[0-9]+\ open\ [0-9.]+\ (us|ms|s)$ ]]
	[[ ${lines[1]} =~ ^unix://.*\ open\ [0-9.]+\ (us|ms|s)$ ]]
	run -1 --separate-stderr ip send --probe "$s_endpoint" 127.0.0.1:1
	[[ $output == *open* ]]
	[[ $stderr == *"127.0.0.1:1"*refused*fix:* ]]
	run -1 ip send -z "unix://$T/none"
}

# bats test_tags=nofault
@test "-x: both directions in hex on stderr, the data unchanged" {
	start s listen -k -c "tr a-z A-Z" tcp://127.0.0.1:0
	run -0 --separate-stderr ip send -x "$s_endpoint" <<<hello
	[ "$output" = HELLO ]
	[[ $stderr == *"> 00000000  68 65 6c 6c 6f 0a "*"|hello.|"* ]]
	[[ $stderr == *"< 00000000  48 45 4c 4c 4f 0a "*"|HELLO.|"* ]]
	head -c 40 /dev/zero >"$T/z"
	run -0 --separate-stderr ip relay --hex "file://$T/z" null:
	[ ${#stderr_lines[@]} = 3 ]
	[[ ${stderr_lines[2]} == "> 00000020  00 00 00 00 00 00 00 00 "*"|........|" ]]
}

@test "-C: LF becomes CR LF, CR LF stays, split or not" {
	start s listen -k --recv-only -c 'od -An -c >&2' tcp://127.0.0.1:0
	printf 'a\nb\r\n\n\rc' >"$T/in"
	run -0 ip relay -C "file://$T/in" -
	[ "$output" = "$(printf 'a\r\nb\r\n\r\n\rc')" ]
	run -0 ip relay --crlf "exec:dd if=$T/in bs=1 status=none" -
	[ "$output" = "$(printf 'a\r\nb\r\n\r\n\rc')" ]
	f=$(data 1M)
	ip relay -C "file://$f" "file://$T/out"
	"$PYTHON" - "$f" "$T/out" <<-'PY'
	import re, sys
	a, b = (open(n, "rb").read() for n in sys.argv[1:])
	assert re.sub(rb"(?<!\r)\n", b"\r\n", a) == b
	PY
}

@test "--rate: every byte arrives" {
	f=$(data 64k)
	start s listen -k --echo --rate 256k tcp://127.0.0.1:0
	ip send --rate=256k "$s_endpoint" <"$f" >"$T/out"
	same "$f" "$T/out"
	run -0 ip relay --rate 16 - - <<<hello
	[ "$output" = hello ]
	ip relay --rate 16T - - <"$f" >"$T/out"
	same "$f" "$T/out"
}

@test "-P: total and rate; percent and ETA when the size is known" {
	f=$(data 1M)
	run -0 --separate-stderr ip relay -P --rate 800k - null: <"$f"
	[[ $stderr == *ETA* ]]
	[[ ${stderr_lines[-1]} == *"1.00 MiB"*"/s]"*"100%"* ]]
	run -0 --separate-stderr ip relay --progress - null: < <(cat "$f")
	[[ ${stderr_lines[-1]} == *"1.00 MiB"*"/s]"* ]]
	[[ $stderr != *%* ]]
}

@test "--stats: what moved, at exit; SIGUSR1: while it runs" {
	start s listen -k --echo --stats tcp://127.0.0.1:0
	run -0 --separate-stderr ip send --stats "$s_endpoint" <<<hello
	[[ ${stderr_lines[0]} == "ipcat: 6 bytes out, 6 bytes back in "* ]]
	[[ ${stderr_lines[1]} == "ipcat: connections 1 opened, "*"0 failed"* ]]
	signal USR1 s
	wait_for_text "connections 1 opened, 0 open, 0 failed" "$T/s.err"
	alive s
	signal TERM s
	finish s
	[ "$(grep -c "connections 1 opened" "$T/s.err")" = 2 ]
}

@test "--explain: nothing is opened, each path and its reason" {
	run -0 ip send --explain tcp://127.0.0.1:1
	[[ $output == *"path "*splice*"reason"*"stream descriptors"* ]]
	[[ $output == *buffers*memory*limits*timers* ]]
	run -0 ip relay --explain -x :0 127.0.0.1:1
	[[ $output == *"path "*bytes*"reason"*"-x or -o"* ]]
	run -0 ip relay --explain --output "$T/rec" :0 127.0.0.1:1
	[[ $output == *bytes*"-x or -o"* ]]
	[ ! -e "$T/rec" ]
	run -0 ip relay --explain -C :0 127.0.0.1:1
	[[ $output == *"at to "*crlf*"path "*messages*"-C"* ]]
	run -0 ip relay --explain :0 pty:
	[[ $output == *bytes*"not a plain stream descriptor"* ]]
	run -0 ip listen --explain -k --echo "unix://$T/s" :0
	[[ $output == *"keeps serving"*"the same connection"* ]]
	[ ! -e "$T/s" ]
	run -0 ip listen --explain "unix://$T/s"
	[[ $output == *"ends with its first connection"* ]]
	run -0 ip relay --explain --workers 3 --max-conn 12 -r 5 --backoff 1s..2s :0 name.invalid:1
	[[ $output == *"12 connections, 3 workers"* ]]
	[[ $output == *"5 times"*"1.00 s..2.00 s"* ]]
	[[ $output == *"looked up off the loop"* ]]
	run -0 ip listen --explain -k -c cat :0
	[[ $output == *"100 connections"* ]]
	run -2 ip send --explain tpc://x:1
}

@test "-r: waits for a listener that comes later; N attempts, then exit 1" {
	run -1 --separate-stderr ip send -r2 --backoff 1ms..2ms 127.0.0.1:1
	[[ $stderr == *refused* ]]
	run -1 ip send --retry 3 --backoff=1ms..2ms "unix://$T/s"
	bg a "$IPCAT" send --retry=forever --backoff 1ms..20ms "unix://$T/s" <<<late
	start s listen "unix://$T/s"
	finish a
	[ "$status" = 0 ]
	finish s
	[ "$(cat "$T/s.out")" = late ]
	# -r alone takes no operand for its value.
	run -124 ip send -t 50ms -r 127.0.0.1:1
}

@test "--recv-only leaves stdin alone; --send-only throws away what comes back" {
	start s listen -k -c 'echo banner; cat' tcp://127.0.0.1:0
	f=$T/in
	printf 'one\ntwo\n' >"$f"
	{
		run -0 ip send --send-only "$s_endpoint"
		[ -z "$output" ]
		run -1 head -c 1
	} <"$f" || [ "$status" = 0 ]
	start once listen -c 'echo banner' tcp://127.0.0.1:0
	{
		run -0 ip send --recv-only "$once_endpoint"
		[ "$output" = banner ]
		run -0 cat
		[ "${lines[1]}" = two ]
	} <"$f"
}

@test "--from and --to: several of each; TO is tried in order" {
	start s listen -k --echo tcp://127.0.0.1:0
	start r relay --from "unix://$T/a" --from tcp://127.0.0.1:0 \
	    --to "unix://$T/dead" --to "$s_endpoint"
	[ ${#r_endpoints[@]} = 2 ]
	run -0 ip send "unix://$T/a" <<<hello
	[ "$output" = hello ]
	run -0 ip send "127.0.0.1:$r_port" <<<world
	[ "$output" = world ]
	start q relay --to "$s_endpoint" tcp://127.0.0.1:0
	run -0 ip send "$q_endpoint" <<<again
	[ "$output" = again ]
}

@test "--workers: as many threads, the same bytes" {
	f=$(data 1M)
	start s listen -k --echo tcp://127.0.0.1:0
	start r relay --workers 3 tcp://127.0.0.1:0 "$s_endpoint"
	[ "$(find "/proc/$r_pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -ge 3 ]
	for i in 1 2 3 4 5 6; do
		bg "c$i" "$IPCAT" send "$r_endpoint" <"$f"
	done
	for i in 1 2 3 4 5 6; do
		finish "c$i"
		[ "$status" = 0 ]
		same "$f" "$T/c$i.out"
	done
	signal TERM r
	finish r
	[ "$status" = 143 ]
	start u relay --workers=auto "unix://$T/u" "$s_endpoint"
	run -0 ip send "unix://$T/u" <<<hello
	[ "$output" = hello ]
}

@test "-n: after N connections it is over" {
	start s listen -k -n 2 --echo tcp://127.0.0.1:0
	run -0 ip send "$s_endpoint" <<<one
	alive s
	run -0 ip send "$s_endpoint" <<<two
	[ "$output" = two ]
	finish s
	[ "$status" = 0 ]
	start e listen -k --number=1 -c 'exit 7' tcp://127.0.0.1:0
	run ip send "$e_endpoint"
	finish e
	[ "$status" = 5 ]
	start r relay -n 1 tcp://127.0.0.1:0 exec:cat
	run -0 ip send "$r_endpoint" <<<three
	[ "$output" = three ]
	finish r
	[ "$status" = 0 ]
}

@test "--keep, --exec, --command, --max-conn by their long names" {
	start s listen --keep --max-conn 5 tcp://127.0.0.1:0 --exec tr a-z A-Z
	run -0 ip send "$s_endpoint" <<<hello
	[ "$output" = HELLO ]
	start c listen --keep --command 'read x; echo "got $x"' tcp://127.0.0.1:0
	run -0 ip send "$c_endpoint" <<<hello
	[ "$output" = "got hello" ]
	start e listen --keep --echo tcp://127.0.0.1:0
	run -0 ip send "$e_endpoint" <<<hello
	[ "$output" = hello ]
}

@test "--ready-fd: one line per endpoint, then closed" {
	start s listen -k --echo tcp://127.0.0.1:0 "unix://$T/s" "@ipcat-$$-ready"
	[ "${#s_endpoints[@]}" = 3 ]
	[[ ${s_endpoints[0]} =~ ^tcp://127.0.0.1:[1-9][0-9]*$ ]]
	[ "${s_endpoints[1]}" = "unix://$T/s" ]
	[ "${s_endpoints[2]}" = "unix:@ipcat-$$-ready" ]
	[ ! -e "/proc/$s_pid/fd/19" ]
	for e in "${s_endpoints[@]}"; do
		run -0 ip send "$e" <<<hello
		[ "$output" = hello ]
	done
	# A reader that has gone is no failure.
	run -124 ip listen -t 50ms --ready-fd 8 tcp://127.0.0.1:0 8> >(:)
}

@test "--ready-fd: a number that is not open is refused, not one of our own" {
	local fd
	for fd in 4 5 6 7 8 9; do
		run --separate-stderr timeout -s KILL 5 sh -c '
		    exec "$IPCAT" listen --ready-fd "$1" -t 300ms tcp://127.0.0.1:0 \
		    3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-' sh "$fd"
		[ "$status" = 1 ] || [ "$status" = 2 ]
		[[ $stderr == *"$fd"*ready-fd*fix:* ]]
	done
}

@test "--format: what a template cannot say is refused and named" {
	local bad
	for bad in '\q' '\x4' '%' '%q'; do
		run -2 ip send -F "$bad" null:
		[[ $output == *"unknown "*" in a template"* ]]
		[[ $output == *"fix: "* ]]
	done
	for bad in '\' 'a\'; do
		run -2 ip send -F "$bad" null:
		[[ $output == *"the template ends with a backslash"*"fix: "* ]]
	done
}

@test "multi-call: the verb by our own name" {
	ln -s "$IPCAT" "$T/ipcat-relay"
	run -0 "$T/ipcat-relay" - - <<<hello
	[ "$output" = hello ]
	ln -s "$IPCAT" "$T/nc"
	run -0 "$T/nc" relay - - <<<hello
	[ "$output" = hello ]
}
