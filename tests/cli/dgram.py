#!/usr/bin/python3
"""Datagram peers that are not ipcat.

    dgram.py ttl PORT|GROUP:PORT    print the port, then the time to live of
                                    the first datagram
    dgram.py flood PATH N           N messages to a unixgram socket from a
                                    socket that has a name and reads nothing
                                    until all are out; then N answers
    dgram.py nameless PATH TEXT...  messages from a socket without a name
    dgram.py say PORT SIZE...       messages to 127.0.0.1, of that many bytes
"""
import select
import socket
import sys

IP_RECVTTL = 12         # python does not name it


def ttl(where):
    group, _, port = where.rpartition(":")
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
    s.bind((group or "127.0.0.1", int(port)))
    if group:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                     socket.inet_aton(group) + socket.inet_aton("127.0.0.1"))
    print(s.getsockname()[1], flush=True)
    for level, kind, value in s.recvmsg(100, 100)[1]:
        if level == socket.IPPROTO_IP and kind == socket.IP_TTL:
            print(int.from_bytes(value[:4], sys.byteorder), flush=True)


def flood(path, n):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind("")
    s.connect(path)
    s.setblocking(False)
    sent, got, patience = 0, 0, 20
    # Send until the other side has stopped for good: it waits for us.
    while sent < int(n) and patience > 0:
        if select.select([], [s], [], 0.05)[1]:
            s.send(b"%d" % sent)
            sent += 1
        else:
            patience -= 1
    while got < int(n):
        r, w, _ = select.select([s], [s] if sent < int(n) else [], [], 20)
        if not r and not w:
            sys.exit("only %d of %d answers" % (got, sent))
        if r:
            have = s.recv(100)
            if have != b"%d" % got:
                sys.exit("%r instead of %d" % (have, got))
            got += 1
        if w:
            s.send(b"%d" % sent)
            sent += 1


def nameless(path, *texts):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.connect(path)
    for t in texts:
        s.send(t.encode())


def say(port, *sizes):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for n in sizes:
        s.sendto(b"x" * int(n), ("127.0.0.1", int(port)))


if __name__ == "__main__":
    {"ttl": ttl, "flood": flood, "nameless": nameless,
     "say": say}[sys.argv[1]](*sys.argv[2:])
