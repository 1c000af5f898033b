/* Every verb, in the order of the help. */
X(send)
X(listen)
X(relay)
X(topics)
