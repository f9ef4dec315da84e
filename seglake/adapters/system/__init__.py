"""Clock, randomness and threads: the only place where the running machine's own are touched."""
