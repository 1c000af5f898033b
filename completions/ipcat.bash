# shellcheck shell=bash disable=SC2207
# Written by tests/lint/gen-completions from `ipcat help --dump`.
#
# Bash takes words apart at : and =, so the word is read from the line, and
# what readline has as a word of its own is cut off from the answers.

_ipcat_verbs='send listen relay help'
_ipcat_schemes='tcp:// udp:// unix: unixpacket: unixgram: vsock:// fifo:// file:// replay: tty:// pty: exec: sh: fd: null:'
_ipcat_topics='send listen relay help transports stages exit-codes'

_ipcat_options()
{
	case $1 in
	send) echo '-h --help -V --version -v --verbose -q --quiet --log --explain --stats --ready-fd -4 --ipv4 -6 --ipv6 -w --connect-timeout -i --idle-timeout -t --timeout -r --retry --backoff -z --probe -x --hex -o --output --rate -P --progress -C --crlf --recv-only --send-only -f --framing -D --delimiter -p --to-pipe --max-message --on-error -m --message -F --format -J --json -n --number --all --spread --failover -R --request --replies --end-mark --gap --in-flight --correlate --topic --subscribe --replay --speed' ;;
	listen) echo '-h --help -V --version -v --verbose -q --quiet --log --explain --stats --ready-fd -4 --ipv4 -6 --ipv6 -w --connect-timeout -i --idle-timeout -t --timeout -r --retry --backoff --max-conn --max-per-host --allow --deny -n --number -k --keep -e --exec -c --command --echo --reply --per --pool --handler-timeout --recycle --nak --fail-reply --replies --end-mark --gap --in-flight --correlate --fanout --hub --topics --history --queue --slow -x --hex -o --output --rate -P --progress -C --crlf --recv-only --send-only -f --framing -D --delimiter -p --to-pipe --max-message --on-error -F --format -J --json --out-dir' ;;
	relay) echo '-h --help -V --version -v --verbose -q --quiet --log --explain --stats --ready-fd -4 --ipv4 -6 --ipv6 -w --connect-timeout -i --idle-timeout -t --timeout -r --retry --backoff --max-conn --max-per-host --allow --deny -n --number --workers --from --to -x --hex -o --output --rate -P --progress -C --crlf -f --framing -D --delimiter -p --to-pipe --max-message --on-error --from-pipe' ;;
	esac
}

# What follows option $1: file, endpoint, command, words or nothing to offer;
# a status of 1 when nothing follows.
_ipcat_argument()
{
	case $1 in
	--log) echo 'words text json' ;;
	--ready-fd | -w | --connect-timeout | -i | --idle-timeout | -t | \
	    --timeout | --backoff | --rate | -f | --framing | -D | --delimiter | \
	    -p | --to-pipe | --max-message | -m | --message | -F | --format | -n | \
	    --number | --end-mark | --gap | --in-flight | --correlate | --topic | \
	    --subscribe | --max-conn | --max-per-host | --allow | --deny | -c | \
	    --command | --reply | --pool | --handler-timeout | --recycle | --nak | \
	    --fail-reply | --history | --queue | --from-pipe) echo 'other' ;;
	-r | --retry) echo 'maybe forever' ;;
	-o | --output | --replay | --out-dir) echo 'file' ;;
	--on-error) echo 'words stop skip pass' ;;
	--replies) echo 'words end' ;;
	--speed) echo 'words max' ;;
	-e | --exec) echo 'command' ;;
	--per) echo 'words connection message' ;;
	--slow) echo 'words block drop-old drop-new disconnect' ;;
	--workers) echo 'words auto' ;;
	--from | --to) echo 'endpoint' ;;
	*) return 1 ;;
	esac
}

# Offer those of the words $1 that begin with the current word.
_ipcat_offer()
{
	local cut=${cur%"${cur##*[:=]}"}
	COMPREPLY+=($(compgen -W "$1" -- "$cur"))
	COMPREPLY=("${COMPREPLY[@]#"$cut"}")
}

_ipcat_files()
{
	local f
	compopt -o filenames 2>/dev/null
	while IFS= read -r f; do
		COMPREPLY+=("$f")
	done < <(compgen -f -- "${cur##*[:=]}")
}

_ipcat_endpoint()
{
	case $cur in
	*:* | *=* | @*) ;;
	[./]*) _ipcat_files ;;
	*)
		compopt -o nospace 2>/dev/null
		_ipcat_offer "$_ipcat_schemes"
		;;
	esac
}

_ipcat()
{
	local line=${COMP_LINE:0:COMP_POINT} cur prev verb kind w
	local -a words
	read -ra words <<<"$line"
	cur=${line##*[[:space:]]}
	[ -z "$cur" ] || unset 'words[-1]'
	COMPREPLY=()
	verb=${words[0]##*/}
	if [[ $verb == ipcat-* ]]; then
		verb=${verb#ipcat-}
		words=("${words[@]:1}")
	elif [ ${#words[@]} -lt 2 ]; then
		_ipcat_offer "$_ipcat_verbs --help --version"
		return
	else
		verb=${words[1]}
		words=("${words[@]:2}")
	fi
	if [ "$verb" = help ]; then
		_ipcat_offer "$_ipcat_topics"
		return
	fi
	prev=
	[ ${#words[@]} -eq 0 ] || prev=${words[-1]}
	# Everything behind -e belongs to another program.
	for w in "${words[@]}"; do
		[[ $w == -e || $w == --exec ]] || continue
		if [ "$w" = "$prev" ]; then
			COMPREPLY=($(compgen -c -- "$cur"))
		else
			_ipcat_files
		fi
		return
	done
	if [[ $cur == --*=* ]]; then
		prev=${cur%%=*}
		cur=${cur#*=}
	fi
	kind=$(_ipcat_argument "$prev") || kind=
	case $kind in
	file) _ipcat_files ;;
	words*) _ipcat_offer "${kind#words}" ;;
	endpoint) _ipcat_endpoint ;;
	other) ;;
	*)
		[ "${kind%% *}" != maybe ] || _ipcat_offer "${kind#maybe}"
		case $cur in
		-*) _ipcat_offer "$(_ipcat_options "$verb")" ;;
		*) _ipcat_endpoint ;;
		esac
		;;
	esac
}

complete -F _ipcat ipcat ipcat-send ipcat-listen ipcat-relay
