/* Every stage, in the order of `ipcat help stages`. */
X(crlf)
