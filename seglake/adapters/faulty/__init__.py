"""Decorators of ports that let a chosen call fail: the only way to see what the code does on a day that is rare."""
