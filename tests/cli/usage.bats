# Message options that are used wrongly: exit 2 before anything is opened,
# what is wrong, where, and what to do.  lib/core/plan_check.c and the parsers
# of framings, stages and templates.  The other options: options.bats.

load helpers

# usage_error WORD VERB ARG...: exit 2, nothing on stdout, two lines, the first
# of which has WORD.
usage_error() {
	local word=$1
	shift
	run -2 --separate-stderr ip "$@"
	[ -z "$output" ]
	[[ ${stderr_lines[0]} == "ipcat $1: "* && ${stderr_lines[0]} == *"$word"* ]] &&
	    [[ ${stderr_lines[1]-} == "  fix: "?* ]] && [ ${#stderr_lines[@]} = 2 ] || {
		echo "# $*: no $word, or no two lines in: $stderr" >&2
		return 1
	}
}

# It can be planned; nothing is opened.
planned() {
	run -0 --separate-stderr ip "$1" --explain "${@:2}"
	[ -z "$stderr" ]
}

@test "-f and -D: unknown, without their part, both" {
	local verb ends
	for verb in send listen relay; do
		ends=(:1)
		[ $verb != relay ] || ends=(:0 :1)
		usage_error linee $verb --framing linee "${ends[@]}"
		[[ $stderr == *"line"* ]]
		usage_error "-f" $verb -f 'chunk:0' "${ends[@]}"
		usage_error "-f" $verb -f chunk "${ends[@]}"
		usage_error "-f" $verb -f 'chunk:99999999999999' "${ends[@]}"
		usage_error "-f" $verb -f 'delim:' "${ends[@]}"
		usage_error "-f" $verb -f 'delim:\q' "${ends[@]}"
		usage_error "-f" $verb -f len64 "${ends[@]}"
		usage_error "-f" $verb -f '' "${ends[@]}"
		usage_error "-D" $verb --delimiter '' "${ends[@]}"
		usage_error "-f and -D" $verb -f line -D x "${ends[@]}"
		planned $verb --framing line "${ends[@]}"
		planned $verb --delimiter '\x00;' "${ends[@]}"
	done
}

@test "-C is for lines" {
	usage_error "-C" send -C -f len32 :1
	usage_error "-C" relay -C -p frame:netstring :0 :1
	planned send -C -f line :1
}

@test "-p: unknown stages and words, an order that cannot work" {
	usage_error conver send --to-pipe 'conver:json>cbor' :1
	[[ $stderr == *convert* ]]
	usage_error jsn send -p 'convert:jsn>cbor' :1
	usage_error convert send -p convert :1
	usage_error frame send -p 'frame:len33' :1
	usage_error frame send -p 'frame:len32 | convert:json>cbor' :1
	usage_error text send -p 'text:nosuch>utf-8' :1
	usage_error '--to-pipe' send -p '' :1 || usage_error stage send -p '' :1
	usage_error stage send -p 'frame:len32 |' :1 || usage_error "|" send -p 'frame:len32 |' :1
	usage_error rate relay --from-pipe 'rate:fast' :0 :1
	usage_error conver relay --from-pipe 'conver:json>cbor' :0 :1
	usage_error --from-pipe send --from-pipe frame:len32 :1
	usage_error --from-pipe listen --from-pipe frame:len32 :0
	planned relay --from-pipe 'frame:len32' -p 'convert:json>cbor' :0 :1
}

@test "sizes, numbers and choices" {
	usage_error --max-message send -f line --max-message 0 :1
	usage_error --max-message send -f line --max-message 2G :1
	usage_error --max-message listen -f line --max-message lots :1
	usage_error --on-error send -f line --on-error ignore :1
	[[ $stderr == *skip* ]]
	usage_error --on-error send --on-error skip :1
	usage_error --on-error relay --on-error pass :0 :1
	usage_error --per listen --per line -c cat :0
	usage_error --slow listen --hub --slow drop :0
	local v
	for v in 0 -1 x 1.5 99999999999999999999; do
		usage_error --replies send -R --replies "$v" :1
		usage_error --in-flight send -R --in-flight "$v" :1
		usage_error --pool listen -c cat --pool "$v" :0
		usage_error --recycle listen -c cat --pool 1 --recycle "$v" :0
		usage_error --queue listen --hub --queue "$v" :0
		usage_error "-n" send -f line -n "$v" :1
	done
	usage_error --in-flight send -R --in-flight 65537 :1
	usage_error --pool listen -c cat --pool 1025 :0
	for v in 0 -1s x 3parsecs; do
		usage_error --gap send -R --gap "$v" :1
		usage_error --handler-timeout listen -c cat --pool 1 --handler-timeout "$v" :0
	done
	usage_error --history listen --hub --history -1 :0
	usage_error --replies send -R --replies ende :1
}

@test "-R: what makes it one of a kind, and what needs it" {
	usage_error "-R, --all, --spread and --failover" send -R --all :1 :2
	usage_error exclude send --request --spread :1 :2
	usage_error exclude send --all --spread :1 :2
	usage_error exclude send --failover --spread :1 :2
	usage_error exclude send --failover --all :1 :2
	usage_error --send-only send -R --send-only :1
	usage_error --recv-only send -R --recv-only :1
	usage_error --subscribe send -R --subscribe 'a.>' :1
	usage_error listens send -R 'tcp://127.0.0.1:0?bind'
	usage_error listens send --all 'tcp://127.0.0.1:0?bind'
	usage_error listens send --spread 'tcp://127.0.0.1:0?bind'
	usage_error "--replies needs -R" send --replies 2 :1
	usage_error "--gap needs -R" send --gap 2s :1
	usage_error "--in-flight needs -R" send --in-flight 2 :1
	usage_error "--correlate needs -R" send --correlate id :1
	usage_error "--end-mark needs --replies end" send -R --end-mark . :1
	usage_error "--end-mark needs --replies end" send -R --replies 2 --end-mark . :1
	planned send -R --replies end --end-mark . --in-flight 3 :1
	planned send -R --gap 1s --replies 3 --correlate id :1
}

@test "an end mark belongs to no request of --correlate" {
	usage_error --correlate send -R --replies end --correlate id "unix://$T/none"
}

@test "-m: instead of other input only" {
	usage_error "-m" send --message x --recv-only :1
	usage_error "-m" send -m x --replay /dev/null :1
	planned send --message x --message y :1
}

@test "-F, -J and --out-dir: templates, and who takes the messages" {
	usage_error 'unknown field "q"' send --format '%q' :1
	usage_error -F send -F 'x%' :1
	usage_error 'unknown escape "q"' send -F '\q' :1
	usage_error "-F and -J" send -F %p --json :1
	usage_error "-F and -J" listen -k -F %p -J :0
	usage_error --echo listen -k --echo -J :0
	usage_error --reply listen -k --reply x -F %p :0
	usage_error --out-dir listen -k --out-dir "$T" -c cat :0
	usage_error --out-dir listen -k --out-dir "$T" --echo :0
	usage_error --out-dir listen -k --out-dir "$T" --reply x :0
	planned listen -k --out-dir "$T" :0
	usage_error "$T/none" listen -k --out-dir "$T/none" :0 || {
		# Or when it is opened: a local file that failed.
		run -1 --separate-stderr ip listen -k --out-dir "$T/none" tcp://127.0.0.1:0
		[[ $stderr == *"$T/none"* ]]
	}
}

@test "handlers: one of them, and what needs a pool" {
	usage_error handler listen --pool 2 :0
	usage_error handler listen --per message :0
	usage_error exclude listen --reply x --echo :0
	usage_error exclude listen --reply x -c cat :0
	usage_error exclude listen --fanout --hub :0
	usage_error exclude listen --fanout -c cat :0
	usage_error exclude listen --hub --echo :0
	usage_error exclude listen --hub --reply x :0
	usage_error exclude listen --hub :0 -e cat
	usage_error exclude listen -c cat :0 -e cat
	usage_error "--replies needs --pool" listen -c cat --replies 2 :0
	usage_error "--replies needs --pool" listen -c cat --per message --replies 2 :0
	usage_error "--gap needs --pool" listen -c cat --gap 2s :0
	usage_error "--recycle needs --pool" listen -c cat --recycle 5 :0
	usage_error "--handler-timeout needs" listen -c cat --handler-timeout 5s :0
	usage_error "--nak needs" listen -c cat --nak ERR :0
	usage_error "--fail-reply needs" listen --echo --fail-reply ERR :0
	usage_error "--in-flight needs" listen -c cat --in-flight 5 :0
	usage_error "--correlate needs" listen --reply x --correlate id :0
	usage_error "--end-mark needs" listen -c cat --pool 2 --end-mark . :0
	planned listen -c cat --per message --handler-timeout 5s --nak ERR --in-flight 3 :0
	planned listen -c cat --pool 2 --replies end --end-mark . --recycle 3 --gap 2s :0
	planned listen --reply x --in-flight 3 :0
}

@test "publish and subscribe: what needs a fan-out" {
	usage_error "--topics needs" listen --topics :0
	usage_error "--topics needs" listen --topics -c cat :0
	usage_error "--history needs" listen --history 5 :0
	usage_error "--queue needs" listen --queue 5 -c cat --pool 2 :0
	usage_error "--slow needs" listen --slow drop-old --echo :0
	usage_error topic send --topic 'a..b' :1
	usage_error topic send --topic 'a b' :1
	usage_error --topic send --topic '' :1
	usage_error topic send --topic 'a.*' :1
	usage_error '"a.>.b"' send --subscribe 'a.>.b' :1
	usage_error --subscribe send --subscribe '' :1
	planned listen --fanout --topics --history 5 --queue 5 --slow drop-old :0
	planned listen --hub --topics :0
	planned send --topic a.b :1
	planned send --subscribe 'a.*' --subscribe '>' :1
}

@test "what a typed byte is stays escaped on a terminal" {
	run -2 --separate-stderr ip send -f $'\e[31mred' :1
	[[ $stderr != *$'\e'* ]]
	run -2 --separate-stderr ip send -F $'%\e' :1
	[[ $stderr != *$'\e'* ]]
	run -2 --separate-stderr ip send --topic $'a\e b' :1
	[[ $stderr != *$'\e'* ]]
	run -2 --separate-stderr ip send -p $'convert:\e>cbor' :1
	[[ $stderr != *$'\e'* ]]
}
