# Bridges: every framing and every transport to every other, with messages of
# all sizes.  What can be carried arrives whole and in order; what cannot is
# named, and makes the exit status 3.  The other ends are those of pairs.py.

load helpers

bridges() {
	mkdir "$T/b"
	"$PYTHON" "$CLI_DIR/pairs.py" "$IPCAT" "$T/b" "$@"
}

@test "from each framing to everything" {
	bridges line nul delim:-- len16 len32 len32le varint netstring json \
	    chunk:256
}

@test "from each transport to everything" {
	bridges udp unixgram unixpacket tcp unix file exec
}

@test "what cannot be carried stops the bridge, unless it may be skipped" {
	printf '1:a,3:b\nc,1:d,' >"$T/in"
	run -3 --separate-stderr ip relay --from-pipe frame:netstring \
	    --framing line - - <"$T/in"
	[ "$output" = a ]
	[[ ${stderr_lines[0]} == *"message 2 at "* ]]
	run -0 --separate-stderr ip relay --from-pipe frame:netstring \
	    --delimiter --- - - <"$T/in"
	[ "$output" = $'a---b\nc---d---' ]
	printf '1:a,3:b--,1:d,' >"$T/in"
	run -3 --separate-stderr ip relay --from-pipe frame:netstring \
	    --delimiter -- --on-error skip - - <"$T/in"
	[ "$output" = a--d-- ]
	[[ ${stderr_lines[0]} == *"message 2 at "* ]]
}
