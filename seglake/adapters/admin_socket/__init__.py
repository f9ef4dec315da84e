"""The admin channel: a Unix socket in the data directory, for whoever the directory belongs to and for nobody else."""
