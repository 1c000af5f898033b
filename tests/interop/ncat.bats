# With ncat on the other side: both roles, 10 MiB each way.

load ../cli/helpers

setup() {
	need ncat
	A=$(data 10M 1)
	B=$(data 10M 2)
}

nmap_cat() {
	timeout -s KILL "$LIMIT" ncat "$@" {TICK}>&-
}

served() {
	finish srv
	[ "$status" = 0 ]
}

ncat_listens() {
	port=$(free_port)
	OUT=$T/got bg far nmap_cat -l 127.0.0.1 "$port" "$@"
	wait_until listens "$port"
}

@test "ncat: send to ncat -l" {
	ncat_listens --recv-only
	ip send "127.0.0.1:$port" <"$A"
	finish far
	same "$A" "$T/got"
}

@test "ncat: send takes what ncat -l has to say" {
	ncat_listens --send-only <"$B"
	ip send "127.0.0.1:$port" >"$T/back"
	finish far
	same "$B" "$T/back"
}

@test "ncat: send to ncat -l, both ways" {
	ncat_listens <"$B"
	ip send "127.0.0.1:$port" <"$A" >"$T/back"
	finish far
	same "$A" "$T/got"
	same "$B" "$T/back"
}

@test "ncat: send to ncat -lU" {
	OUT=$T/got bg far nmap_cat -l -U "$T/s" --recv-only
	wait_until unix_listens "$T/s"
	ip send "unix:$T/s" <"$A"
	finish far
	same "$A" "$T/got"
}

@test "ncat: listen for ncat, both ways" {
	OUT=$T/back start srv listen tcp://127.0.0.1:0 <"$B"
	nmap_cat 127.0.0.1 "$srv_port" <"$A" >"$T/got"
	served
	same "$A" "$T/back"
	same "$B" "$T/got"
}

@test "ncat: listen for ncat, IPv6" {
	OUT=$T/back start srv listen 'tcp://[::1]:0' <"$B"
	nmap_cat -6 ::1 "$srv_port" <"$A" >"$T/got"
	served
	same "$A" "$T/back"
	same "$B" "$T/got"
}

@test "ncat: listen for ncat -U" {
	OUT=$T/back start srv listen "unix:$T/s" <"$B"
	nmap_cat -U "$T/s" <"$A" >"$T/got"
	served
	same "$A" "$T/back"
	same "$B" "$T/got"
}

@test "ncat: listen for ncat --send-only and --recv-only" {
	OUT=$T/back start srv listen tcp://127.0.0.1:0
	nmap_cat --send-only 127.0.0.1 "$srv_port" <"$A"
	served
	same "$A" "$T/back"
	start srv listen tcp://127.0.0.1:0 <"$B"
	nmap_cat --recv-only 127.0.0.1 "$srv_port" >"$T/got"
	served
	same "$B" "$T/got"
}

@test "ncat: relay between two of them" {
	OUT=$T/got bg far nmap_cat -l -U "$T/s" --recv-only
	wait_until unix_listens "$T/s"
	start relay relay -n 1 tcp://127.0.0.1:0 "unix:$T/s"
	nmap_cat --send-only 127.0.0.1 "$relay_port" <"$A"
	finish far
	finish relay
	[ "$status" = 0 ]
	same "$A" "$T/got"
}

@test "ncat: through our echo and our children" {
	start srv listen -k --echo tcp://127.0.0.1:0
	nmap_cat 127.0.0.1 "$srv_port" <"$A" >"$T/got"
	same "$A" "$T/got"
	start srv listen -k tcp://127.0.0.1:0 -e cat
	nmap_cat 127.0.0.1 "$srv_port" <"$A" >"$T/got"
	same "$A" "$T/got"
}

@test "ncat: as our child" {
	OUT=$T/back start srv listen tcp://127.0.0.1:0 <"$B"
	ip send "exec:ncat 127.0.0.1 $srv_port" <"$A" >"$T/got"
	served
	same "$A" "$T/back"
	same "$B" "$T/got"
}
