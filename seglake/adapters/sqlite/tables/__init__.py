"""One module for each table: its statements, its row checksum, and nothing else."""
