# bats file_tags=nofault
# The converters against other implementations of the same formats, on
# generated documents.  `make soak` compares a hundred thousand.

load ../cli/helpers

@test "codec: every way between the formats agrees with other readers" {
	run -0 "$PYTHON" "$BATS_TEST_DIRNAME/codec-diff.py" --ipcat "$IPCAT" \
	    --count 500
	[[ $output == *", 0 wrong" ]]
}
