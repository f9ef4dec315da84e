"""Use cases: each is built from ports and awaits nothing else."""
