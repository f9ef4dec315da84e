"""One handler for each operation: reads the request's parts, calls a use case, writes the answer."""
