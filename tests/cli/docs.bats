# bats file_tags=nofault
# The man pages, the completions and README.md say what the binary does: every
# option and key, no other ones, and examples that run.

load helpers

TOP=${CLI_DIR%/tests/cli}

setup() {
	dump=$BATS_FILE_TMPDIR/dump
	[ -s "$dump" ] || ip help --dump >"$dump"
}

# --- options and keys --------------------------------------------------------

# The options of a page as lines `letter name`, from `.It Fl x , Fl -name`.
page_options() {
	sed -n 's/^\.It Fl \([^-]\) , Fl -\([a-z0-9-]*\).*/\1 \2/p
	    s/^\.It Fl -\([a-z0-9-]*\).*/- \1/p' "$1" | sort
}

@test "every option is in the page of its verb, and no other" {
	local verb
	for verb in send listen relay; do
		diff <(awk -F'\t' -v v=$verb '$1 == "option" && $2 == v {
		    print $4, $3 }' "$dump" | sort) \
		    <(page_options "$TOP/man/ipcat-$verb.1")
	done
}

# The keys of a page as lines `scheme key`: the items after `.\" keys: SCHEME…`.
page_keys() {
	awk '/^\.\\" keys: / { n = split($0, scheme, " ") }
	    /^\.It Cm / && n {
		for (i = 3; i <= n; i++)
			print scheme[i], $3
	    }
	    /^\.El/ { n = 0 }' "$1" | sort
}

@test "every scheme and every key is in ipcat-endpoints(7), and no other" {
	local page=$TOP/man/ipcat-endpoints.7
	diff <(awk -F'\t' '$1 == "option" && sub(/:$/, "", $2) {
	    print $2, $3 }' "$dump" | sort) <(page_keys "$page")
	diff <(awk -F'\t' '$1 == "transport" { print $2 }' "$dump" | sort) \
	    <(sed -n '/^\.Sh TRANSPORTS/,/^\.Sh EX/s/^\.Ss //p' "$page" |
	        sed 's/ and /\n/' | sort)
}

@test "the verbs, their exit codes and the page names agree" {
	local verb code
	for verb in send listen relay; do
		grep -q "^\.It Cm $verb$" "$TOP/man/ipcat.1"
		grep -q "^\.Nm ipcat-$verb$" "$TOP/man/ipcat-$verb.1"
	done
	while read -r code _; do
		grep -q "^\.It $code\$" "$TOP/man/ipcat.1"
	done < <(ip help exit-codes)
}

@test "every page is clean mdoc with the sections in their order" {
	need mandoc
	local page
	mandoc -T lint -W warning "$TOP"/man/* >&2
	for page in send listen relay; do
		diff <(sed -n 's/^\.Sh //p' "$TOP/man/ipcat-$page.1" |
		    grep -v ENVIRONMENT) <(printf '%s\n' NAME SYNOPSIS \
		    DESCRIPTION OPTIONS 'EXIT STATUS' EXAMPLES DIAGNOSTICS \
		    'SEE ALSO' CAVEATS)
	done
}

@test "cross references lead to sections and pages that exist" {
	local name page
	while read -r name; do
		[ -e "$TOP/man/${name/ /.}" ]
	done < <(sed -n 's/^\.Xr \(ipcat[a-z-]* [0-9]\).*/\1/p' "$TOP"/man/*)
	while read -r page; do
		[ -e "$TOP/$page" ]
	done < <(grep -oE 'man/ipcat[a-z-]*\.[0-9]' "$TOP/README.md")
	[ "$(grep -oE 'man/ipcat[a-z-]*\.[0-9]' "$TOP/README.md" |
	    sort -u | wc -l)" = "$(find "$TOP/man" -name '*.[0-9]' | wc -l)" ]
}

# --- completions -------------------------------------------------------------

@test "the completions are what gen-completions writes" {
	"$PYTHON" "$TOP/tests/lint/gen-completions" "$T"
	diff "$T/ipcat.bash" "$TOP/completions/ipcat.bash"
	diff "$T/_ipcat" "$TOP/completions/_ipcat"
	diff "$T/ipcat.fish" "$TOP/completions/ipcat.fish"
}

# What bash offers after the text $1, one a line.
bash_offers() {
	COMP_LINE=$1 COMP_POINT=${#1} bash --norc -u -c '
	    source "$1"
	    [[ $(complete -p ipcat) == *_ipcat* ]]
	    _ipcat
	    printf "%s\n" "${COMPREPLY[@]}"' - "$TOP/completions/ipcat.bash"
}

@test "bash completes verbs, options, values, schemes and files" {
	local word
	while read -r word; do
		bash_offers "ipcat " | grep -qx -e "$word"
	done < <(awk -F'\t' '$1 == "verb" { print $2 }' "$dump")
	while read -r verb word; do
		bash_offers "ipcat $verb --" | grep -qx -e "--$word"
		bash_offers "ipcat-$verb --${word:0:3}" | grep -qx -e "--$word"
	done < <(awk -F'\t' '$1 == "option" && $2 !~ /:/ { print $2, $3 }' \
	    "$dump" | awk 'NR % 5 == 1')
	bash_offers "ipcat send " | grep -qx tcp://
	[ "$(bash_offers "ipcat send --log ")" = $'text\njson' ]
	[ "$(bash_offers "ipcat send --log=j")" = json ]
	[ "$(bash_offers "ipcat relay --workers ")" = auto ]
	[ "$(bash_offers "ipcat relay --to vs")" = vsock:// ]
	[ "$(bash_offers "ipcat help st")" = stages ]
	touch "$T/record"
	[ "$(bash_offers "ipcat send --replay $T/rec")" = "$T/record" ]
	[ "$(bash_offers "ipcat send $T/rec")" = "$T/record" ]
	bash_offers "ipcat listen -k :9000 -e ca" | grep -qx cat
}

# The functions of the completion system print what they were given.
zsh_offers() {
	zsh -f -c 'autoload -Uz compinit; compinit -D
	    source $1; shift
	    [[ $_comps[ipcat-relay] == _ipcat ]] || exit 9
	    _arguments() { print -rl -- "$@" }
	    _describe() { print -rl -- ${(P)3} ${(P)4} }
	    _values() { print -rl -- "$@" }
	    service=$1 words=("$@") CURRENT=$#; _ipcat' - \
	    "$TOP/completions/_ipcat" "$@"
}

@test "zsh completes verbs, options and values" {
	need zsh
	local verb word
	zsh -f -n "$TOP/completions/_ipcat"
	while read -r word; do
		zsh_offers ipcat '' | grep -q -e "^$word:"
	done < <(awk -F'\t' '$1 == "verb" { print $2 }' "$dump")
	for verb in send listen relay; do
		zsh_offers ipcat $verb -- >"$T/$verb"
		zsh_offers ipcat-$verb -- | diff "$T/$verb" -
		while read -r word; do
			grep -qE -e "[*)]--$word(\[|=|$)" "$T/$verb"
		done < <(awk -F'\t' -v v=$verb '$1 == "option" && $2 == v {
		    print $3 }' "$dump")
	done
	grep -q -e '--log=.*(text json)$' "$T/send"
	grep -q -e '--replay=.*:_files$' "$T/send"
	zsh_offers ipcat help '' | grep -qx stages
}

fish_offers() {
	HOME=$T fish --no-config -c 'source $argv[1]; complete -C $argv[2]' \
	    "$TOP/completions/ipcat.fish" "$1" | cut -f1
}

@test "fish completes verbs, options, values and schemes" {
	need fish
	local verb word
	fish -n "$TOP/completions/ipcat.fish"
	while read -r word; do
		fish_offers 'ipcat ' | grep -qx -e "$word"
	done < <(awk -F'\t' '$1 == "verb" { print $2 }' "$dump")
	for verb in send listen relay; do
		fish_offers "ipcat $verb --" >"$T/$verb"
		fish_offers "ipcat-$verb --" | diff "$T/$verb" -
		diff <(awk -F'\t' -v v=$verb '$1 == "option" && $2 == v {
		    print "--" $3 }' "$dump" | sort) <(sort "$T/$verb")
	done
	[ "$(fish_offers 'ipcat send --log ' | sort)" = $'json\ntext' ]
	fish_offers 'ipcat send t' | grep -qx tcp://
	fish_offers 'ipcat help s' | grep -qx stages
}

# --- examples ------------------------------------------------------------------

# What some groups need first, and what must be true after them.  The current
# folder is that of the group; `port 9000` is what 9000 became.

port() {
	awk -v p="$1" '$1 == p { print $2 }' ports
}

setup_send_http() {
	start web listen -k "tcp://localhost:$(port 8080)" \
	    -c 'read -r line; printf "HTTP/1.0 200 OK\r\n\r\n%s" "$line"'
}

setup_folder() {
	mkdir -p folder/inner backup
	cp input folder/inner/data
	echo text >folder/file
}

setup_relay_follow() {
	echo first >var/log/app.log
}

setup_relay_serial() {
	bg line "$IPCAT" listen "pty:$PWD/dev/ttyUSB0?raw" --echo
	wait_until test -e dev/ttyUSB0
}

setup_endpoints_modem() {
	OUT=$PWD/dialed start sink listen -k "tcp://localhost:$(port 9000)"
}

check_send_hello_server() { grep -qx hello 01.printed; }
check_send_http() { grep -q 'GET / HTTP/1.0' 01.printed; }
check_send_record() { same answer input && same again input; }
check_listen_date() { grep -cE '^20[0-9][0-9]$' 02.printed | grep -qx 2; }
check_listen_collect() { diff <(printf 'one\ntwo\n') both; }
check_relay_waits() { same answer input; }
check_relay_watch() {
	grep -q '^> 00000000  68 65 6c 6c 6f' "$T/step_01.err"
}
# A record is complete when the program has ended.
after_relay_watch() { [ "$(head -c 7 session)" = IPCREC1 ]; }
check_relay_log() { diff <(printf 'one\ntwo\n') var/log/app.log; }
check_relay_follow() {
	wait_for_text first collected
	echo second >>var/log/app.log
	wait_for_text second collected
}
check_relay_filter() {
	same tmp/copy input
	grep -qx hello tmp/seen
}
check_ipcat_first() { grep -qx 'hello, world' 01.printed; }
check_folder() { diff -r folder backup/folder; }
check_ipcat_folder() { check_folder; }
check_endpoints_modem() { wait_for_text ATZ dialed; }
check_endpoints_append() { same var/log/app.log input; }
check_endpoints_offset() { same half <(tail -c +524289 input); }
check_readme_folder() { check_folder; }

defined() {
	declare -F "$1" >/dev/null
}

there() {
	case $1 in
	[0-9]*) listens "$1" ;;
	udp:*) udp_bound "${1#udp:}" ;;
	*.sock | @*) unix_listens "$1" ;;
	*) [ -e "$1" ] ;;
	esac
}

# An echo server for the clients of an example.
echo_at() {
	case $1 in
	/*) start "echo_${#STARTED[@]}" listen -k --echo "unix:$1" ;;
	*) start "echo_${#STARTED[@]}" listen -k --echo "tcp://localhost:$1" ;;
	esac
}

# Times are not the same twice.
without_times() {
	sed -E 's/[0-9.]+ (us|ms|s)\b/TIME/g'
}

# NN.HOW of the current folder.
run_step() {
	local file=$1 n=${1%.*} arg code=0
	local -a wait=()
	while read -r arg; do
		case $arg in
		wait=*) wait+=("${arg#wait=}") ;;
		echo=*) echo_at "${arg#echo=}" ;;
		esac
	done <"$n.args"
	case $file in
	*.run)
		PATH=$BIN:$PATH timeout -k 5 60 bash -e "$file" \
		    >"$n.printed" 2>&1 {TICK}>&- 3>&- || code=$?
		sed "s,^,# $n: ," "$n.printed" | cut -c1-200 | head -40
		[ $code = 0 ]
		[ ! -s "$n.out" ] || diff <(without_times <"$n.out") \
		    <(without_times <"$n.printed")
		;;
	*.serve)
		# In place of the shell, where a signal has to reach it.
		grep -q '^exit=' "$n.args" || sed -i '1s/^/exec /' "$file"
		OUT=$PWD/$n.printed PATH=$BIN:$PATH bg "step_$n" bash "$file"
		;;
	*.bg)
		OUT=$PWD/$n.printed PATH=$BIN:$PATH bg "step_$n" bash "$file"
		;;
	esac
	for arg in "${wait[@]}"; do
		wait_until there "$arg"
	done
}

# The end of what run_step left in the background.
end_step() {
	local n=${1%.*} want
	want=$(sed -n 's/^exit=//p' "$n.args")
	case $1 in
	*.run) return ;;
	*.serve)
		if [ -z "$want" ]; then
			signal TERM "step_$n"
			finish "step_$n"
			[[ $status = 143 || $status = 0 ]]
			return
		fi
		;;
	esac
	finish "step_$n"
	sed "s,^,# $n: ," "$n.printed" "$T/step_$n.err" | cut -c1-200 | head
	[ "$status" = "${want:-0}" ]
}

# All groups of a page.  Names: ipcat send listen relay endpoints readme.
examples_of() {
	local page=$1 group key f file
	local -a groups
	BIN=$T/bin
	mkdir -p "$BIN"
	ln -sf "$IPCAT" "$BIN/ipcat"
	"$PYTHON" "$CLI_DIR/examples.py" "$TOP/$page" "$T/x" >"$T/groups"
	mapfile -t groups <"$T/groups"
	[ ${#groups[@]} -gt 0 ]
	key=${page##*/} key=${key#ipcat-} key=${key%.*} key=${key,,}
	for group in "${groups[@]}"; do
		echo "# $page: $group"
		cd "$T/x/$group"
		cp "$(data 1M)" input
		for f in "setup_${key}_${group//-/_}" "setup_${group//-/_}"; do
			! defined "$f" || "$f"
		done
		for file in [0-9]*.run [0-9]*.serve [0-9]*.bg; do
			[ -e "$file" ] && echo "$file"
		done | sort >order
		while read -r file <&8; do run_step "$file"; done 8<order
		if grep -qsx 'exit=0' ./*.args || ls ./*.bg >/dev/null 2>&1; then
			while read -r file <&8; do
				case $file in
				*.bg) end_step "$file" ;;
				*) ! grep -q '^exit=' "${file%.*}.args" ||
				    end_step "$file" ;;
				esac
			done 8<order
		fi
		f=check_${key}_${group//-/_}
		! defined "$f" || "$f"
		[ ! -e copy ] || same copy input
		tac order >reverse
		while read -r file <&8; do
			case $file in
			*.serve) grep -q '^exit=' "${file%.*}.args" ||
			    end_step "$file" ;;
			esac
		done 8<reverse
		f=after_${key}_${group//-/_}
		! defined "$f" || "$f"
		cleanup
	done
}

@test "the examples of ipcat(1) run" { examples_of man/ipcat.1; }
@test "the examples of ipcat-send(1) run" { examples_of man/ipcat-send.1; }
@test "the examples of ipcat-listen(1) run" { examples_of man/ipcat-listen.1; }
@test "the examples of ipcat-relay(1) run" { examples_of man/ipcat-relay.1; }
@test "the examples of ipcat-stages(7) run" { examples_of man/ipcat-stages.7; }
@test "the examples of ipcat-endpoints(7) run" {
	examples_of man/ipcat-endpoints.7
}
@test "the examples of README.md run" { examples_of README.md; }

@test "the examples of --help name options that exist" {
	local verb line
	for verb in send listen relay; do
		ip help $verb | sed -n '/^Examples:/,/^$/s/^  //p' >"$T/lines"
		[ "$(wc -l <"$T/lines")" = 3 ]
		while read -r line; do
			line=${line#*| } line=${line%%[<>]*}
			[[ $line == ipcat\ * ]]
			eval "set -- ${line#ipcat }"
			ip "$1" --explain "${@:2}" >/dev/null
		done <"$T/lines"
	done
}
