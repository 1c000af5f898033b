# With programs written in python on the other side, by three of its libraries.

load ../cli/helpers

setup() {
	A=$(data 10M 1)
	B=$(data 10M 2)
}

# asyncio: hears to the end, then says B and closes.
asyncio_server() {
	OUT=$T/addr bg far timeout -s KILL "$LIMIT" "$PYTHON" -u - "$B" "$T/got" \
	    "$1" <<-'PY'
	import asyncio, sys
	data, got, where = sys.argv[1:]
	done = asyncio.Event()
	async def client(r, w):
	    with open(got, "wb") as f:
	        while part := await r.read(1 << 16):
	            f.write(part)
	    w.write(open(data, "rb").read())
	    await w.drain()
	    w.close()
	    await w.wait_closed()
	    done.set()
	async def main():
	    if where == "tcp":
	        s = await asyncio.start_server(client, "127.0.0.1", 0)
	        print(s.sockets[0].getsockname()[1])
	    else:
	        s = await asyncio.start_unix_server(client, where)
	        print(where)
	    await done.wait()
	asyncio.run(main())
	PY
	wait_until test -s "$T/addr"
}

@test "python: send to asyncio over tcp" {
	asyncio_server tcp
	ip send "localhost:$(cat "$T/addr")" <"$A" >"$T/back"
	finish far
	[ "$status" = 0 ]
	same "$A" "$T/got"
	same "$B" "$T/back"
}

@test "python: send to asyncio over unix" {
	asyncio_server "$T/s"
	ip send "unix:$T/s" <"$A" >"$T/back"
	finish far
	[ "$status" = 0 ]
	same "$A" "$T/got"
	same "$B" "$T/back"
}

@test "python: asyncio clients of listen, both at once" {
	OUT=$T/got start srv listen tcp://127.0.0.1:0 <"$B"
	timeout -s KILL "$LIMIT" "$PYTHON" - "$srv_port" "$A" "$T/back" <<-'PY'
	import asyncio, sys
	port, data, back = sys.argv[1:]
	async def main():
	    r, w = await asyncio.open_connection("127.0.0.1", int(port))
	    async def say():
	        w.write(open(data, "rb").read())
	        await w.drain()
	        w.write_eof()
	    async def hear():
	        with open(back, "wb") as f:
	            while part := await r.read(1 << 16):
	                f.write(part)
	    await asyncio.gather(say(), hear())
	    w.close()
	    await w.wait_closed()
	asyncio.run(main())
	PY
	finish srv
	[ "$status" = 0 ]
	same "$A" "$T/got"
	same "$B" "$T/back"
}

@test "python: a hundred asyncio clients of an echo behind a relay" {
	start echo listen -k --echo "unix:$T/s"
	start relay relay tcp://127.0.0.1:0 "unix:$T/s"
	timeout -s KILL "$LIMIT" "$PYTHON" - "$relay_port" <<-'PY'
	import asyncio, random, sys
	port = int(sys.argv[1])
	async def one(i):
	    data = random.Random(i).randbytes(100000 + i)
	    r, w = await asyncio.open_connection("127.0.0.1", port)
	    async def say():
	        w.write(data)
	        await w.drain()
	        w.write_eof()
	    back, _ = await asyncio.gather(r.read(), say())
	    w.close()
	    assert back == data, i
	async def main():
	    await asyncio.gather(*(one(i) for i in range(100)))
	asyncio.run(main())
	PY
	[ ! -s "$T/relay.err" ]
}

@test "python: socketserver, a thread a connection" {
	OUT=$T/addr bg far timeout -s KILL "$LIMIT" "$PYTHON" -u - <<-'PY'
	import socketserver
	class Upper(socketserver.StreamRequestHandler):
	    def handle(self):
	        for line in self.rfile:
	            self.wfile.write(line.upper())
	class Server(socketserver.ThreadingTCPServer):
	    daemon_threads = True
	with Server(("127.0.0.1", 0), Upper) as s:
	    print(s.server_address[1])
	    s.serve_forever()
	PY
	wait_until test -s "$T/addr"
	seq 100000 | sed 's/^/line /' >"$T/lines"
	for i in 1 2 3; do
		ip send "127.0.0.1:$(cat "$T/addr")" <"$T/lines" >"$T/out"
		tr a-z A-Z <"$T/lines" | cmp - "$T/out"
	done
}

@test "python: a handler that reads sys.stdin and prints" {
	start srv listen -k tcp://127.0.0.1:0 -e "$PYTHON" -c '
import sys
for line in sys.stdin:
    print(line.strip()[::-1])'
	run -0 ip send "$srv_endpoint" <<<$'abc\ndef'
	[ "$output" = $'cba\nfed' ]
}

@test "python: subprocess as the parent, pipes as stdio" {
	start srv listen -k --echo tcp://127.0.0.1:0
	timeout -s KILL "$LIMIT" "$PYTHON" - "$IPCAT" "$srv_endpoint" "$A" <<-'PY'
	import subprocess, sys
	ipcat, where, name = sys.argv[1:]
	data = open(name, "rb").read()
	p = subprocess.run([ipcat, "send", where], input=data,
	    capture_output=True)
	assert p.returncode == 0 and p.stderr == b"" and p.stdout == data
	PY
}

@test "python: descriptors passed on, a socketpair" {
	timeout -s KILL "$LIMIT" "$PYTHON" - "$IPCAT" "$A" "$B" <<-'PY'
	import socket, subprocess, sys, threading
	ipcat, a, b = sys.argv[1:]
	a, b = open(a, "rb").read(), open(b, "rb").read()
	near, far = socket.socketpair()
	p = subprocess.Popen([ipcat, "relay", "fd:%d" % far.fileno(), "-"],
	    pass_fds=[far.fileno()], stdin=subprocess.PIPE,
	    stdout=subprocess.PIPE)
	far.close()
	back = []
	def hear():
	    while part := near.recv(1 << 16):
	        back.append(part)
	def say():
	    near.sendall(a)
	    near.shutdown(socket.SHUT_WR)
	threads = [threading.Thread(target=t) for t in (hear, say)]
	for t in threads:
	    t.start()
	out = p.communicate(b)[0]
	for t in threads:
	    t.join()
	assert p.returncode == 0 and out == a and b"".join(back) == b
	PY
}
