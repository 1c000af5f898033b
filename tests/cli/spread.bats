# Several endpoints: every message to all of them, to one of them, or to the
# first that answers.  Nothing is lost in silence.

load helpers

three() {
	local n
	for n in a b c; do
		start "$n" listen -f line "unix:$T/$n"
	done
}

@test "--all: each endpoint has every message, in order" {
	three
	seq 20000 >"$T/in"
	run -0 ip send --all -f line "unix:$T/a" "unix:$T/b" "unix:$T/c" \
	    <"$T/in"
	for n in a b c; do
		finish "$n"
		[ "$status" = 0 ]
		same "$T/in" "$T/$n.out"
	done
}

@test "--all: one is not there: the others have all, and it is named" {
	start a listen -f line "unix:$T/a"
	seq 100 >"$T/in"
	run -1 ip send --all -f line "unix:$T/a" "unix:$T/none" <"$T/in"
	[[ $output == *"of 100 messages undelivered"*"$T/none"* ]]
	finish a
	same "$T/in" "$T/a.out"
}

@test "--all: one is killed in the middle: exit 3, the others have all" {
	start a listen -f line "unix:$T/a"
	start b listen -f line "unix:$T/b"
	mkfifo "$T/pipe"
	exec {W}<>"$T/pipe"
	bg s "$IPCAT" send --all -f line "unix:$T/a" "unix:$T/b" <"$T/pipe"
	echo one >&"$W"
	wait_for_text one "$T/a.out"
	wait_for_text one "$T/b.out"
	signal KILL b
	finish b
	[ "$status" = 137 ]
	seq 1000 >&"$W"
	wait_for_text 1000 "$T/a.out"
	exec {W}>&-
	# The writer above was ours alone, and it was also a reader.
	wait_until ended "$s_pid" || signal TERM s
	finish s
	finish a
	[ "$(wc -l <"$T/a.out")" = 1001 ]
	[ "$status" = 0 ]
	grep -q "$T/b" "$T/s.err"
}

@test "--spread: each message to one of them, none lost, none twice" {
	three
	seq 30000 >"$T/in"
	run -0 ip send --spread -f line "unix:$T/a" "unix:$T/b" "unix:$T/c" \
	    <"$T/in"
	for n in a b c; do
		finish "$n"
		[ -s "$T/$n.out" ]
	done
	sort -n "$T/a.out" "$T/b.out" "$T/c.out" >"$T/all"
	same "$T/in" "$T/all"
}

@test "--spread: who is not there costs no message" {
	start a listen -f line "unix:$T/a"
	seq 500 >"$T/in"
	run ip send --spread -f line "unix:$T/none" "unix:$T/a" <"$T/in"
	finish a
	sort -n "$T/a.out" >"$T/all"
	same "$T/in" "$T/all"
}

@test "--failover: the first that answers has everything" {
	start a listen -f line "unix:$T/a"
	seq 500 >"$T/in"
	run -0 ip send --failover -f line "unix:$T/none" "unix:$T/a" <"$T/in"
	finish a
	same "$T/in" "$T/a.out"
}

@test "nobody is there: exit 1, for each way" {
	local how
	for how in --all --spread --failover; do
		run -1 ip send $how -m x "unix:$T/none" "unix:$T/neither"
		[[ $output == *"$T/n"*"fix:"* ]]
	done
}

@test "two ways at once are refused" {
	run -2 ip send --all --spread -m x "unix:$T/a" "unix:$T/b"
	[[ $output == *"fix:"* ]]
}
