"""Counting, and showing what was counted: plain integers while requests run, text only when somebody asks."""
