# Converters on the command line: every way, what they refuse and how that is
# told, and documents that have no end.  The mappings have unit tests, and
# interop/codec.bats compares with other implementations.

load helpers

# An endless document: FRAMING STAGE FIRST UNIT [OPTION...].  Sets status,
# output and stderr.
endless() {
	local framing=$1 stage=$2 first=$3 unit=$4
	shift 4
	run --separate-stderr timeout -s KILL "$LIMIT" "$PYTHON" "$CLI_DIR/endless.py" 131072 \
	    "$first" "$unit" 64 "$IPCAT" relay -f "$framing" -p "$stage" \
	    --max-message 2M "$@" - - {TICK}>&-
	echo "# $*: $status: $stderr"
}

@test "every format becomes every other, and comes back" {
	local a b doc='{"a":[1,-2,1.5,"\u0000é",null,true,{}],"b":[]}'
	local same='{"a":[1,-2,1.5,"\u0000é",null,true,{}],"b":[]}'
	for a in json msgpack cbor xml; do
		for b in json msgpack cbor xml; do
			printf %s "$doc" | ip relay -f raw \
			    -p "convert:json>$a | convert:$a>$b" - - >"$T/$a-$b"
			run -0 ip relay -f raw \
			    -p "convert:$b>$a | convert:$a>json" - - \
			    <"$T/$a-$b"
			[ "$output" = "$same" ]
		done
		cmp "$T/json-$a" "$T/$a-$a"
	done
}

@test "what is no document is named, and what came before it is delivered" {
	printf '[1]\n[2\n[3]\n' >"$T/in"
	run -3 --separate-stderr ip relay -f line -p 'convert:json>json' - - \
	    <"$T/in"
	[ "$output" = '[1]' ]
	[[ $stderr == *"message 2"*": json: the document is incomplete at offset 2"* ]]
	run -3 --separate-stderr ip relay -f line --on-error skip \
	    -p 'convert:json>json' - - <"$T/in"
	[ "$output" = $'[1]\n[3]' ]
	# Nothing is missing then: the status is 0, but it is told.
	run -0 --separate-stderr ip relay -f line --on-error pass \
	    -p 'convert:json>json' - - <"$T/in"
	[ "$output" = $'[1]\n[2\n[3]' ]
	[[ $stderr == *"message 2"*": json: "* ]]
}

@test "strict, canonical, depth and generic; what does not go together" {
	run -0 ip relay -f line -p 'convert:json>json,canonical' - - \
	    <<<'{"b":1.0,"a":1e2}'
	[ "$output" = '{"a":100,"b":1}' ]
	run -3 ip relay -f line -p 'convert:json>json,strict' - - \
	    <<<9007199254740993
	[[ $output == *"at offset 0"* ]]
	run -3 ip relay -f line -p 'convert:json>json,depth=2' - - <<<'[[[]]]'
	[[ $output == *"nested deeper than 2 at offset 2"* ]]
	run -0 ip relay -f line -p 'convert:xml>json,generic' - - \
	    <<<'<a b="1"><c>2</c><c/></a>'
	[ "$output" = '{"a":{"@b":"1","c":["2",""]}}' ]
	run -3 ip relay -f line -p 'convert:xml>json' - - <<<'<a/>'
	[[ $output == *"fix: "*"convert:xml>json,generic"* ]]
	run -2 ip relay -p 'convert:xml>json,generic,strict' - -
	[[ $output == *"fix: "* ]]
	run -2 ip relay -p 'convert:cbor>json,generic' - -
	[[ $output == *"generic is for XML"* ]]
}

@test "an endless document costs as much as --max-message, and no more" {
	local framing stage first unit
	while read -r framing stage first unit; do
		endless "$framing" "$stage" "$first" "$unit"
		[ "$status" = 3 ]
		[ -z "$output" ]
		[[ $stderr == *"message 1 "*"longer than 2 MiB"*"  fix: "* ]]
	done <<-END
		json convert:json>cbor 5b 312c
		json convert:json>msgpack 22 61
		cbor convert:cbor>json 9f 01
		cbor convert:cbor>json 7f 6161
		msgpack convert:msgpack>json ddffffffff 01
		cbor convert:cbor>json 5bffffffffffffffff 00
		line convert:json>cbor 5b 312c
		line convert:xml>json,generic 3c613e 3c622f3e
		len32 convert:json>cbor ffffffff 20
	END
}

@test "what is endlessly nested is refused at its depth" {
	local framing unit
	while read -r framing unit; do
		endless "$framing" "convert:$framing>json" "$unit" "$unit"
		[ "$status" = 3 ]
		[[ $stderr == *"nested too deeply"* ]]
	done <<-END
		json 5b
		cbor 9f
		cbor 81
		msgpack 91
	END
}

@test "an endless line is passed over in constant memory, the next one goes" {
	endless line 'convert:json>json' 5b312c 312c --on-error skip
	[ "$status" = 3 ]
	[[ $stderr == *"message 1 "*"longer than 2 MiB"* ]]
	endless line 'convert:json>json' 5b325d0a 5b315d20 --on-error skip
	[ "$status" = 3 ]
	[ "$output" = '[2]' ]
}
