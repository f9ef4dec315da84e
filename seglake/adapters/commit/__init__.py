"""Committers: how decided changes wait for, and share, the disk's flushes."""
