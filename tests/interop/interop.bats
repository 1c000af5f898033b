# With the others: socat, nc (OpenBSD), ncat, curl and python3, as clients of
# ipcat, as servers for it and on both sides of a relay, over tcp and unix,
# with 10 MiB and with an answer that comes after the end of the question.
# What another tool cannot do is said where it is left out.  Sockets handed
# over by a service manager are in cli/listen.bats.

load ../cli/helpers

setup() {
	A=$(data 10M 1)
	B=$(data 10M 2)
}

# kill after LIMIT, like ip.
lim() {
	timeout -s KILL "$LIMIT" "$@" {TICK}>&-
}

need_peer() {
	case $1 in
	python) : ;;
	nc) need nc; nc_is_openbsd ;;
	*) need "$1" ;;
	esac
}

# Others have no -N and no -U.
nc_is_openbsd() {
	nc -h 2>&1 | grep -qi openbsd || skip "nc is not that of OpenBSD"
}

# python ROLE ADDRESS: sends stdin and receives at once, then prints it.
python() {
	local in
	in=$(mktemp "$T/python.XXXXXX")
	peer "$1" "$2" "both:/dev/stdin:$in" >"$in.saw"
	cat "$in"
}

# client TOOL ENDPOINT: stdin to it, what comes to stdout, like `ipcat send`.
client() {
	local at=${2#tcp://} path=${2#unix:}
	case $1.$2 in
	socat.tcp*) lim socat -t60 - "TCP4:$at" ;;
	socat.unix*) lim socat -t60 - "UNIX-CONNECT:$path" ;;
	nc.tcp*) lim nc -N "${at%:*}" "${at##*:}" ;;
	nc.unix*) lim nc -NU "$path" ;;
	ncat.tcp*) lim ncat "${at%:*}" "${at##*:}" ;;
	ncat.unix*) lim ncat -U "$path" ;;
	python.tcp*) python connect "$at" ;;
	python.unix*) python connect "unix:$path" ;;
	esac
}

# server TOOL ENDPOINT: the same for one client that comes.
server() {
	local at=${2#tcp://} path=${2#unix:}
	case $1.$2 in
	socat.tcp*) lim socat -t60 - "TCP4-LISTEN:${at##*:},bind=127.0.0.1" ;;
	socat.unix*) lim socat -t60 - "UNIX-LISTEN:$path" ;;
	nc.tcp*) lim nc -Nl "${at%:*}" "${at##*:}" ;;
	nc.unix*) lim nc -NlU "$path" ;;
	ncat.tcp*) lim ncat -l "${at%:*}" "${at##*:}" ;;
	ncat.unix*) lim ncat -lU "$path" ;;
	python.tcp*) python listen "$at" ;;
	python.unix*) python listen "unix:$path" ;;
	esac
}

# serve TOOL NET <INPUT: in the background; sets AT; what comes is in $T/got.
serve() {
	local port
	rm -f "$T/got" "$T/far.sock"
	case $2 in
	tcp)
		port=$(free_port)
		AT=tcp://127.0.0.1:$port
		OUT=$T/got bg far server "$1" "$AT"
		wait_until listens "$port"
		;;
	unix)
		AT=unix:$T/far.sock
		OUT=$T/got bg far server "$1" "$AT"
		wait_until unix_listens "$T/far.sock"
		;;
	esac
}

ours() {
	rm -f "$T/near.sock"
	case $1 in
	tcp) echo tcp://127.0.0.1:0 ;;
	unix) echo "unix:$T/near.sock" ;;
	esac
}

ends() {
	local name
	for name; do
		finish "$name"
		[ "$status" = 0 ] || {
			echo "# $name: exit $status" >&2
			return 1
		}
	done
}

# --- the other is the client -------------------------------------------------

# What the client sends arrives, what we send as well, both at once.
to_listen() {
	local net
	need_peer "$1"
	for net in tcp unix; do
		OUT=$T/got start listen listen "$(ours $net)" <"$B"
		OUT=$T/back bg near client "$1" "$listen_endpoint" <"$A"
		ends near listen
		same "$A" "$T/got"
		same "$B" "$T/back"
		[ ! -s "$T/listen.err" ]
	done
}

# The answer is made after the end of the question has come.
answered_by_listen() {
	local net
	need_peer "$1"
	for net in tcp unix; do
		rm -f "$T/got"
		start listen listen "$(ours $net)" -c "cat >'$T/got'; cat '$B'"
		OUT=$T/back bg near client "$1" "$listen_endpoint" <"$A"
		ends near listen
		same "$A" "$T/got"
		same "$B" "$T/back"
	done
}

# Four at a time to one server that gives back what comes.
echoed() {
	local i
	need_peer "$1"
	start echo listen -k --echo tcp://127.0.0.1:0
	for i in 1 2 3 4; do
		OUT=$T/back$i bg "near$i" client "$1" "$echo_endpoint" \
		    <"$(data 1M "$i")"
	done
	for i in 1 2 3 4; do
		ends "near$i"
		same "$(data 1M "$i")" "$T/back$i"
	done
	alive echo
	[ ! -s "$T/echo.err" ]
}

@test "socat to listen: 10 MiB each way" {
	to_listen socat
}

@test "nc to listen: 10 MiB each way" {
	to_listen nc
}

@test "python to listen: 10 MiB each way" {
	to_listen python
}

@test "ncat to listen: 10 MiB each way" {
	to_listen ncat
}

@test "ncat to listen: the answer comes after the end" {
	answered_by_listen ncat
}

@test "socat to listen: the answer comes after the end" {
	answered_by_listen socat
}

@test "nc to listen: the answer comes after the end" {
	answered_by_listen nc
}

@test "python to listen: the answer comes after the end" {
	answered_by_listen python
}

@test "socat, nc, ncat, python: four at a time to listen -k --echo" {
	local tool
	for tool in socat nc ncat python; do
		echoed $tool
		signal TERM echo
		finish echo
		[ "$status" = 143 ]
	done
}

# --- the other is the server -------------------------------------------------

to_server() {
	local net
	need_peer "$1"
	for net in tcp unix; do
		serve "$1" $net <"$B"
		ip send "$AT" <"$A" >"$T/back"
		ends far
		same "$A" "$T/got"
		same "$B" "$T/back"
	done
}

# answers TOOL ENDPOINT: reads all into $T/got, then sends B.
answers() {
	local at=${2#tcp://} path=${2#unix:} line="cat >'$T/got'; cat '$B'"
	case $1.$2 in
	socat.tcp*)
		lim socat -t60 "TCP4-LISTEN:${at##*:},bind=127.0.0.1" \
		    "SYSTEM:$line"
		;;
	socat.unix*) lim socat -t60 "UNIX-LISTEN:$path" "SYSTEM:$line" ;;
	python.tcp*) peer listen "$at" "recv:$T/got" "send:$B" close ;;
	python.unix*) peer listen "unix:$path" "recv:$T/got" "send:$B" close ;;
	esac
}

answered_by_server() {
	local net
	need_peer "$1"
	for net in tcp unix; do
		rm -f "$T/got" "$T/far.sock"
		case $net in
		tcp) AT=tcp://127.0.0.1:$(free_port) ;;
		unix) AT=unix:$T/far.sock ;;
		esac
		bg far answers "$1" "$AT"
		if [ $net = tcp ]; then
			wait_until listens "${AT##*:}"
		else
			wait_until unix_listens "${AT#unix:}"
		fi
		ip send "$AT" <"$A" >"$T/back"
		ends far
		same "$A" "$T/got"
		same "$B" "$T/back"
	done
}

@test "send to socat: 10 MiB each way" {
	to_server socat
}

@test "send to python: 10 MiB each way" {
	to_server python
}

# Listening, nc drops what it has not sent when the client ends: one way at a
# time.
one_way() {
	local net
	need_peer "$1"
	for net in tcp unix; do
		serve "$1" $net
		ip send "$AT" <"$A"
		ends far
		same "$A" "$T/got"
		serve "$1" $net <"$B"
		ip send --recv-only "$AT" >"$T/back"
		ends far
		same "$B" "$T/back"
	done
}

@test "send to nc: 10 MiB one way, then the other" {
	one_way nc
}

# Not with --sh-exec: it loses an answer that is made after the end.
@test "send to ncat: 10 MiB each way" {
	to_server ncat
}

@test "send to socat: the answer comes after our end" {
	answered_by_server socat
}

@test "send to python: the answer comes after our end" {
	answered_by_server python
}

# --- a relay between two others ----------------------------------------------

# relayed NEAR FAR [BACK]: from tcp to unix, and the other way round.  What
# FAR sends is BACK.
relayed() {
	local from=tcp to=unix back=${3-$B}
	need_peer "$1"
	need_peer "$2"
	for _ in 1 2; do
		serve "$2" $to <"$back"
		start relay relay -n 1 "$(ours $from)" "$AT"
		OUT=$T/back bg near client "$1" "$relay_endpoint" <"$A"
		ends near far relay
		same "$A" "$T/got"
		same "$back" "$T/back"
		[ ! -s "$T/relay.err" ]
		from=unix to=tcp
	done
}

@test "relay between nc and socat" {
	relayed nc socat
}

@test "relay between socat and python" {
	relayed socat python
}

@test "relay between python and socat" {
	relayed python socat
}

@test "relay between nc and ncat" {
	relayed nc ncat
}

# nc cannot send when we have ended, see above.
@test "relay between socat and nc, ncat and nc" {
	relayed socat nc /dev/null
	relayed ncat nc /dev/null
}

@test "relay between ncat and a socat that answers" {
	local net
	need ncat socat
	for net in tcp unix; do
		rm -f "$T/got" "$T/far.sock"
		bg far answers socat "unix:$T/far.sock"
		wait_until unix_listens "$T/far.sock"
		start relay relay -n 1 "$(ours $net)" "unix:$T/far.sock"
		OUT=$T/back bg near client ncat "$relay_endpoint" <"$A"
		ends near far relay
		same "$A" "$T/got"
		same "$B" "$T/back"
	done
}


# --- HTTP ----------------------------------------------------------------------

web() {
	mkdir "$T/www"
	cp "$A" "$T/www/a"
	WEB=$(free_port)
	bg web lim "$PYTHON" -m http.server --bind 127.0.0.1 \
	    --directory "$T/www" "$WEB"
	wait_until listens "$WEB"
}

@test "curl to listen -k -c: an answer in HTTP/1.0" {
	need curl
	cat >"$T/answer" <<-'SH'
	#!/bin/sh
	while read -r line && [ "$line" != "$(printf '\r')" ]; do :; done
	printf 'HTTP/1.0 200 OK\r\nContent-Type: x/y\r\n\r\n'
	cat "$1"
	SH
	start s listen -k tcp://127.0.0.1:0 "unix:$T/s.sock" \
	    -c "sh '$T/answer' '$A'"
	for _ in 1 2 3; do
		lim curl -sSf -o "$T/page" "http://127.0.0.1:$s_port/"
		same "$A" "$T/page"
	done
	lim curl -sSf -o "$T/page" --unix-socket "$T/s.sock" http://x/
	same "$A" "$T/page"
	alive s
}

@test "curl to listen: what it asked is seen, the answer is stdin" {
	need curl
	OUT=$T/asked start s listen tcp://127.0.0.1:0 \
	    < <(printf 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello')
	run -0 lim curl -sSf "http://127.0.0.1:$s_port/some/path"
	[ "$output" = hello ]
	finish s
	grep -q '^GET /some/path HTTP/1.1' "$T/asked"
}

@test "curl uploads 10 MiB to listen" {
	need curl
	OUT=$T/asked start s listen tcp://127.0.0.1:0 \
	    < <(wait_until test -e "$T/sent"; printf 'HTTP/1.0 204 OK\r\n\r\n')
	bg c lim curl -sS -H Expect: -T "$A" "http://127.0.0.1:$s_port/a"
	wait_until has_upload
	touch "$T/sent"
	finish s
	tail -c 10485760 "$T/asked" | cmp - "$A" >&2
	finish c
}

has_upload() {
	[ "$(size_of "$T/asked")" -gt 10485760 ]
}

@test "send to http.server: 10 MiB and its end" {
	web
	printf 'GET /a HTTP/1.0\r\n\r\n' | ip send "tcp://127.0.0.1:$WEB" >"$T/page"
	head -n 1 "$T/page" | grep -q '200 OK'
	tail -c 10485760 "$T/page" | cmp - "$A" >&2
	# -C makes CR LF of what is typed.
	printf 'GET /none HTTP/1.0\n\n' | ip send -C "tcp://127.0.0.1:$WEB" >"$T/page"
	head -n 1 "$T/page" | grep -q 404
}

@test "curl over a relay to http.server, by tcp and unix" {
	need curl
	web
	start r relay --from tcp://127.0.0.1:0 --from "unix:$T/r.sock" \
	    "tcp://127.0.0.1:$WEB"
	lim curl -sSf -o "$T/p1" -o "$T/p2" "http://127.0.0.1:$r_port/a" \
	    "http://127.0.0.1:$r_port/a"
	same "$A" "$T/p1"
	same "$A" "$T/p2"
	lim curl -sSf -o "$T/p3" --unix-socket "$T/r.sock" http://x/a
	same "$A" "$T/p3"
	run -22 lim curl -sSf "http://127.0.0.1:$r_port/none"
	alive r
}
