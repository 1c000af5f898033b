# Datagrams: who may send, what is lost and that it is said.  Bridges are in
# framing.bats; groups are in the examples of ipcat-listen(1).

load helpers

@test "udp: nobody there is an error, not a success" {
	run ip send -m hello -m again "udp://127.0.0.1:$(free_port)"
	[ "$status" = 1 ] || [ "$status" = 3 ]
	[[ $output == *refused* ]]
}

@test "unixgram: nobody there is an error" {
	run -1 ip send -m hello "unixgram:$T/none"
	[[ $output == *"$T/none"*"fix:"* ]]
}

@test "--deny and --allow are for each sender of datagrams" {
	start a listen -n 1 --allow 127.0.0.1 udp://127.0.0.1:0
	ip send -m yes "$a_endpoint"
	finish a
	[ "$(cat "$T/a.out")" = yes ]
	start b listen --deny 127.0.0.0/8 --stats udp://127.0.0.1:0
	ip send -m no "$b_endpoint" || :
	wait_until refused
	signal TERM b
	finish b
	[ ! -s "$T/b.out" ]
}

refused() {
	signal USR1 b
	grep -q " 1 refused" "$T/b.err"
}

@test "udp: an empty datagram is a message" {
	start a listen -n 3 -f netstring udp://127.0.0.1:0
	ip send -m a -m '' -m b "$a_endpoint"
	finish a
	[ "$(cat "$T/a.out")" = "1:a,0:,1:b," ]
}

@test "udp: SIGTERM: what has come is delivered" {
	start a listen udp://127.0.0.1:0
	ip send -m one -m two "$a_endpoint"
	wait_for_text two "$T/a.out"
	signal TERM a
	finish a
	[ "$status" = 143 ]
	[ "$(cat "$T/a.out")" = $'one\ntwo' ]
}

@test "unixgram: a full queue holds the sender, nothing is lost" {
	start a listen -n 20000 "unixgram:$T/g"
	seq 20000 >"$T/in"
	run -0 ip send -f line "unixgram:$T/g" <"$T/in"
	finish a
	[ "$status" = 0 ]
	same "$T/in" "$T/a.out"
}

@test "multicast: one sender, two members of the group" {
	local port
	port=$(free_port)
	start a listen -n 2 "udp://239.7.7.7:$port?iface=lo"
	start b listen -n 2 "udp://239.7.7.7:$port?iface=lo"
	ip send -m one -m two "udp://239.7.7.7:$port?iface=lo" ||
	    skip "no multicast on this loopback"
	finish a
	finish b
	[ "$(cat "$T/a.out")" = $'one\ntwo' ]
	[ "$(cat "$T/b.out")" = $'one\ntwo' ]
}
