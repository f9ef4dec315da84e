"""Complete adapters that keep everything in RAM: for unit tests, `seglake server --ephemeral` and experiments."""
