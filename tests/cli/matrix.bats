# The transport matrix: every pair FROM x TO that can be joined, through relay,
# and every endpoint through send and listen.  One seeded MiB each way where
# both ends have two directions, compared byte for byte.
#
# A foot is what stands on the other side of an endpoint.  `from_KIND` and
# `to_KIND` set FROM or TO and prepare their foot; `push` and `pull` say what
# it does once ipcat runs.  A is what travels from FROM to TO, B the other way.

load helpers

setup() {
	A=$(data 1M 1)
	B=$(data 1M 2)
	PAIR=0
	# A child as a foot: says $1 and writes what it hears to $2.
	cat >"$T/foot" <<-'SH'
	#!/bin/sh
	cat "$1" &
	exec >&-
	cat >"$2"
	wait
	SH
	chmod +x "$T/foot"
}

KINDS="tcp4 tcp6 unix abstract fifo fifopair file append fd fdpair stdio exec
    sh pty null"

gives() {
	case $1 in
	from-null | to-null | to-fifo | to-file | to-append | to-fd) return 1 ;;
	esac
}

takes() {
	case $1 in
	from-fifo | from-file | from-fd) return 1 ;;
	esac
}

accepts() {
	case $1 in
	tcp4 | tcp6 | unix | abstract) ;;
	*) return 1 ;;
	esac
}

# A terminal has no end of input in raw mode: both lengths are known.
pty_foot() {
	local link=$1 in=$2 out=$3 n=$4
	wait_until test -e "$link"
	(
		cat "$in" >&8 &
		[ "$n" = 0 ] || head -c "$n" >"$out"
		wait
	) 8<>"$link" <&8
}

# --- FROM: sets FROM, the descriptors of ipcat, and push -------------------------

from() {
	local kind=$1
	push=:
	case $kind in
	tcp4) FROM=tcp://127.0.0.1:0 ;;
	tcp6) FROM='tcp://[::1]:0' ;;
	unix) FROM=unix:$P/from.sock ;;
	abstract) FROM=@ipcat-test-$BASHPID-$PAIR-from ;;
	fifo)
		mkfifo "$P/from"
		FROM=fifo:$P/from
		push='cat "$A" >"$P/from"'
		;;
	fifopair)
		mkfifo "$P/from" "$P/from.reply"
		FROM="fifo:$P/from?reply=$P/from.reply"
		push='OUT=$P/back bg back cat <"$P/from.reply"
		    cat "$A" >"$P/from"; finish back'
		;;
	file) FROM=file:$A ;;
	fd)
		FROM=fd:3
		R3=$A
		;;
	fdpair)
		FROM=fd:3,4
		R3=$A R4=$P/back
		;;
	stdio)
		FROM=-
		R0=$A R1=$P/back
		;;
	exec) FROM="exec:$T/foot '$A' '$P/back'" ;;
	sh) FROM="sh:exec $T/foot '$A' '$P/back'" ;;
	pty)
		FROM="pty:$P/from?raw"
		push='pty_foot "$P/from" "$A" "$P/back" "$(size_of "$WANT_B")"'
		;;
	null) FROM=null: ;;
	*) return 1 ;;
	esac
	if accepts "$kind"; then
		push='ip send "$relay_endpoint" <"$A" >"$P/back"'
	fi
}

# --- TO: the same, and starts what must be there first ---------------------------

to() {
	local kind=$1
	TO= pull=:
	case $kind in
	tcp4) TO=tcp://127.0.0.1:0 ;;
	tcp6) TO='tcp://[::1]:0' ;;
	unix) TO=unix:$P/to.sock ;;
	abstract) TO=@ipcat-test-$BASHPID-$PAIR-to ;;
	fifo)
		mkfifo "$P/to"
		TO=fifo:$P/to
		OUT=$P/got bg pull sh -c 'cat <"$1"' - "$P/to"
		pull='finish pull'
		;;
	fifopair)
		mkfifo "$P/to" "$P/to.reply"
		TO="fifo:$P/to?reply=$P/to.reply"
		OUT=$P/got bg pull sh -c 'cat "$2" >"$3" & cat <"$1"; wait' \
		    - "$P/to" "$GIVE_B" "$P/to.reply"
		pull='finish pull'
		;;
	file)
		echo old >"$P/got"
		TO=file:$P/got
		;;
	append)
		echo head >"$P/got"
		TO="file:$P/got?append"
		pull='sed -i 1d "$P/got"'
		;;
	fd)
		TO=fd:6
		R6=$P/got
		;;
	fdpair)
		TO=fd:5,6
		R5=$GIVE_B R6=$P/got
		;;
	stdio)
		TO=-
		R0=$GIVE_B R1=$P/got
		;;
	exec) TO="exec:$T/foot '$GIVE_B' '$P/got'" ;;
	sh) TO="sh:exec $T/foot '$GIVE_B' '$P/got'" ;;
	pty)
		TO="pty:$P/to?raw"
		bg pull pty_foot "$P/to" "$GIVE_B" "$P/got" "$(size_of "$WANT_A")"
		pull='finish pull'
		;;
	null)
		TO=null:
		WANT_A=/dev/null
		;;
	*) return 1 ;;
	esac
	if accepts "$kind"; then
		OUT=$P/got start far listen "$TO" <"$GIVE_B"
		TO=$far_endpoint
		pull='finish far && [ "$status" = 0 ]'
	fi
}

# What should come out, and what the far side may say at all.
expectations() {
	local from=$1 to=$2
	WANT_A=$A WANT_B=$B
	gives "from-$from" || WANT_A=/dev/null
	gives "to-$to" || WANT_B=/dev/null
	takes "from-$from" || WANT_B=/dev/null
	if accepts "$from"; then
		# Many clients, one descriptor: a sink for all of them.
		case $to in fd | fdpair | stdio) WANT_B=/dev/null ;; esac
	fi
	GIVE_B=$WANT_B
	[ "$from" != null ] || WANT_B=/dev/null
}

fresh() {
	PAIR=$((PAIR + 1))
	P=$T/$PAIR
	mkdir "$P"
	: >"$P/got"
	: >"$P/back"
	R0=/dev/null R1=/dev/null R3=/dev/null R4=/dev/null R5=/dev/null
	R6=/dev/null
}

joinable() {
	case $1-$2 in
	# Clients would overwrite each other.
	tcp4-file | tcp6-file | unix-file | abstract-file) return 1 ;;
	# There is one stdin.
	stdio-stdio) return 1 ;;
	# These are for writing.
	append-*) return 1 ;;
	esac
}

# `start` or `bg` of ipcat, called relay, with the descriptors asked for.
launch() {
	local how=$1
	shift
	KEEP3=1 OUT=$R1 "$how" relay "$@" \
	    <"$R0" 3<"$R3" 4>"$R4" 5<"$R5" 6>"$R6"
}

check() {
	finish relay || :
	if [ "$status" != 0 ]; then
		echo "# $*: exit $status: $(cat "$T/relay.err")" >&2
		return 1
	fi
	if ! eval "$pull"; then
		echo "# $*: its foot failed" >&2
		return 1
	fi
	if ! same "$WANT_A" "$P/got" || ! same "$WANT_B" "$P/back"; then
		echo "# $*: $(size_of "$P/got") of $(size_of "$WANT_A") there," \
		    "$(size_of "$P/back") of $(size_of "$WANT_B") back" >&2
		return 1
	fi
	rm -r "$P"
}

pair() {
	local from=$1 to=$2
	fresh
	expectations "$from" "$to"
	to "$to" && from "$from" || return
	case $from in
	tcp4 | tcp6 | unix | abstract) launch start relay -n 1 "$FROM" "$TO" ;;
	*) launch bg "$IPCAT" relay "$FROM" "$TO" ;;
	esac || return
	eval "$push"
	check "$from to $to"
}

# All of them, so that one failure does not hide the next.
row() {
	local from=$1 to bad=0
	for to in $KINDS; do
		joinable "$from" "$to" || continue
		pair "$from" "$to" || bad=$((bad + 1))
	done
	[ $bad = 0 ]
}

@test "matrix: tcp over IPv4 to every other" {
	row tcp4
}

@test "matrix: tcp over IPv6 to every other" {
	row tcp6
}

@test "matrix: unix to every other" {
	row unix
}

@test "matrix: abstract unix to every other" {
	row abstract
}

@test "matrix: one fifo to every other" {
	row fifo
}

@test "matrix: a pair of fifos to every other" {
	row fifopair
}

@test "matrix: file to every other" {
	row file
}

@test "matrix: an inherited descriptor to every other" {
	row fd
}

@test "matrix: two inherited descriptors to every other" {
	row fdpair
}

@test "matrix: stdio to every other" {
	row stdio
}

@test "matrix: a program to every other" {
	row exec
}

@test "matrix: a shell line to every other" {
	row sh
}

@test "matrix: a pty to every other" {
	row pty
}

@test "matrix: null to every other" {
	row null
}

@test "matrix: send to every endpoint" {
	local to bad=0
	for to in $KINDS; do
		joinable stdio "$to" || continue
		fresh
		expectations stdio "$to"
		to "$to"
		from stdio
		launch bg "$IPCAT" send "$TO"
		check "send to $to" || bad=$((bad + 1))
	done
	[ $bad = 0 ]
}

@test "matrix: listen on every endpoint" {
	local from bad=0
	for from in $KINDS; do
		joinable "$from" stdio || continue
		fresh
		expectations "$from" fdpair
		takes "from-$from" && GIVE_B=$B WANT_B=$B
		[ "$from" != null ] || WANT_B=/dev/null
		to stdio
		from "$from"
		case $from in
		tcp4 | tcp6 | unix | abstract) launch start listen "$FROM" ;;
		*) launch bg "$IPCAT" listen "$FROM" ;;
		esac
		eval "$push"
		check "listen on $from" || bad=$((bad + 1))
	done
	[ $bad = 0 ]
}
