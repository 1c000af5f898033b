# HTTP by hand: curl against a handler of `listen`, `send` and `relay` against
# the server of python.

load ../cli/helpers

setup() {
	need curl
	A=$(data 10M 1)
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
	# Reads one request, answers with the file or with what it was sent.
	cat >"$T/handler" <<-SH
	#!/bin/bash
	length=0
	read -r method path version
	while read -r name value && [ "\$name" != \$'\r' ]; do
		[ "\${name,,}" = content-length: ] && length=\${value%\$'\r'}
	done
	case \$method in
	POST)
		printf 'HTTP/1.0 200 OK\r\nContent-Length: %s\r\n\r\n' "\$length"
		exec head -c "\$length"
		;;
	esac
	printf 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n'
	exec cat "$A"
	SH
	chmod +x "$T/handler"
}

fetch() {
	timeout -s KILL "$LIMIT" curl --noproxy '*' -sS --fail "$@" {TICK}>&-
}

# The server of python on a free port, with A as /a.
serve() {
	mkdir "$T/www"
	cp "$A" "$T/www/a"
	OUT=$T/http.out bg http "$PYTHON" -u -c '
import http.server, functools, sys
h = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), h)
print(s.server_port)
s.serve_forever()' "$T/www"
	wait_until test -s "$T/http.out"
	read -r HTTP <"$T/http.out"
}

# The body of a response on stdin.
body() {
	sed '1,/^\r$/d'
}

@test "curl: GET of 10 MiB from a handler" {
	start srv listen -k tcp://127.0.0.1:0 -e "$T/handler"
	fetch -o "$T/got" "http://127.0.0.1:$srv_port/a"
	same "$A" "$T/got"
	alive srv
	[ ! -s "$T/srv.err" ]
}

@test "curl: GET from a handler that does not read the request" {
	start srv listen -k tcp://127.0.0.1:0 \
	    -c 'printf "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nyes"'
	for i in 1 2 3 4 5 6 7 8 9 10; do
		run -0 fetch "http://127.0.0.1:$srv_port/"
		[ "$output" = yes ]
	done
}

@test "curl: POST of 10 MiB and its echo" {
	start srv listen -k tcp://127.0.0.1:0 -e "$T/handler"
	fetch -o "$T/got" -H 'Expect:' --data-binary "@$A" \
	    "http://127.0.0.1:$srv_port/"
	same "$A" "$T/got"
}

@test "curl: over a unix socket" {
	start srv listen -k "unix:$T/s" -e "$T/handler"
	fetch -o "$T/got" --unix-socket "$T/s" http://localhost/a
	same "$A" "$T/got"
}

@test "curl: over an abstract unix socket" {
	start srv listen -k "@ipcat-curl-$BASHPID" -e "$T/handler"
	fetch -o "$T/got" --abstract-unix-socket "ipcat-curl-$BASHPID" \
	    http://localhost/a
	same "$A" "$T/got"
}

@test "curl: over IPv6" {
	start srv listen -k 'tcp://[::1]:0' -e "$T/handler"
	fetch -o "$T/got" "http://[::1]:$srv_port/a"
	same "$A" "$T/got"
}

@test "curl: sixteen at once" {
	start srv listen -k tcp://127.0.0.1:0 -e "$T/handler"
	for i in $(seq 16); do
		bg "c$i" fetch -o "$T/got$i" "http://127.0.0.1:$srv_port/a"
	done
	for i in $(seq 16); do
		finish "c$i"
		[ "$status" = 0 ]
		same "$A" "$T/got$i"
	done
}

@test "curl: one client and done" {
	start srv listen tcp://127.0.0.1:0 -e "$T/handler"
	fetch -o "$T/got" "http://127.0.0.1:$srv_port/a"
	same "$A" "$T/got"
	finish srv
	[ "$status" = 0 ]
}

@test "curl: a relay to python's server, keep-alive" {
	serve
	start relay relay tcp://127.0.0.1:0 "tcp://127.0.0.1:$HTTP"
	url=http://127.0.0.1:$relay_port/a
	fetch -o "$T/1" "$url" -o "$T/2" "$url" -o "$T/3" "$url"
	for i in 1 2 3; do
		same "$A" "$T/$i"
	done
	status=0
	fetch -o "$T/4" "$url-none" 2>/dev/null || status=$?
	[ "$status" = 22 ]
}

@test "curl: send against python's server" {
	serve
	printf 'GET /a HTTP/1.0\r\n\r\n' | ip send "127.0.0.1:$HTTP" >"$T/back"
	head -n 1 "$T/back" | grep -q '^HTTP/1.0 200'
	body <"$T/back" | cmp - "$A"
}

@test "curl: send -C against python's server" {
	serve
	printf 'GET /a HTTP/1.0\n\n' | ip send -C "localhost:$HTTP" >"$T/back"
	body <"$T/back" | cmp - "$A"
}
