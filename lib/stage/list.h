/* Every stage, in the order of `ipcat help stages`.  One without a syntax is
 * made by an option and has no name in -p. */
X(frame)
X(convert)
X(text)
X(zstd)
X(exec)
X(tee)
X(rate)
X(crlf)
