"""A scripted peer: what it does, in which order, stands on its command line.

    peer.py ROLE ADDRESS STEP...

ROLE is `listen` (prints its address once it listens, then serves one client)
or `connect`.  ADDRESS is PORT, HOST:PORT or unix:PATH; 0 picks a port.  A
step is one of

    send:FILE       send the whole file
    some:FILE       send as much of the file as goes without waiting long
    say:TEXT        send TEXT
    recv:FILE       append to FILE what comes until the other side ends
    recv:FILE:N     append exactly N bytes, fewer are a failure
    shut            end our sending direction
    rst             reset the connection
    close           close it
    wait:PATH       until PATH exists
    mark:PATH       create PATH
    both:IN:OUT     send file IN and receive into OUT at once, both to the end
    idle            until the other side closes or resets

A reset seen in recv, both or idle prints `reset N`, an end `end N`, with the
number of bytes that came.  The exit code is 0 unless something else failed.
"""
import os
import select
import socket
import struct
import sys
import threading

PAUSE = threading.Event()
CHUNK = 1 << 16


def say(*words):
    print(*words, flush=True)


def address(text):
    if text.startswith("unix:"):
        path = text[5:]
        if path.startswith("@"):
            path = "\0" + path[1:]
        return socket.AF_UNIX, path
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return family, (host, int(port))


def server(text):
    family, where = address(text)
    with socket.socket(family) as s:
        if family != socket.AF_UNIX:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(where)
        s.listen(16)
        say(where if family == socket.AF_UNIX else s.getsockname()[1])
        return s.accept()[0]


def client(text):
    family, where = address(text)
    s = socket.socket(family)
    s.connect(where)
    return s


def receive(sock, name, limit=None):
    got = 0
    with open(name, "ab", 0) as f:
        while limit is None or got < limit:
            want = CHUNK if limit is None else min(CHUNK, limit - got)
            try:
                data = sock.recv(want)
            except ConnectionResetError:
                say("reset", got)
                return got
            if not data:
                if limit is not None:
                    sys.exit(f"peer: {got} of {limit} bytes")
                say("end", got)
                return got
            f.write(data)
            got += len(data)
    return got


def push(sock, name):
    p = select.poll()
    p.register(sock, select.POLLOUT)
    with open(name, "rb") as f:
        data = memoryview(f.read())
    sock.setblocking(False)
    while data and p.poll(300):
        data = data[sock.send(data):]
    sock.setblocking(True)


def both(sock, infile, outfile):
    def sender():
        with open(infile, "rb") as f:
            try:
                sock.sendfile(f)
                sock.shutdown(socket.SHUT_WR)
            except OSError as e:
                say("send failed", e.errno)

    t = threading.Thread(target=sender)
    t.start()
    receive(sock, outfile)
    t.join()


def step(sock, text):
    verb, _, arg = text.partition(":")
    if verb == "send":
        with open(arg, "rb") as f:
            sock.sendfile(f)
    elif verb == "some":
        push(sock, arg)
    elif verb == "say":
        sock.sendall(arg.encode())
    elif verb == "recv":
        name, _, limit = arg.partition(":")
        receive(sock, name, int(limit) if limit else None)
    elif verb == "shut":
        sock.shutdown(socket.SHUT_WR)
    elif verb == "rst":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
        sock.close()
    elif verb == "close":
        sock.close()
    elif verb == "wait":
        while not os.path.exists(arg):
            PAUSE.wait(0.02)
    elif verb == "mark":
        open(arg, "w").close()
    elif verb == "both":
        both(sock, *arg.split(":"))
    elif verb == "idle":
        p = select.poll()
        p.register(sock, select.POLLRDHUP)
        p.poll()
        receive(sock, "/dev/null")
    else:
        sys.exit("peer: unknown step " + text)


def main(role, where, *steps):
    sock = server(where) if role == "listen" else client(where)
    for text in steps:
        step(sock, text)


main(*sys.argv[1:])
