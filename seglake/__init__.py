"""Seglake: an S3 object store that keeps what it has acknowledged."""

__version__ = "0.1.0"
