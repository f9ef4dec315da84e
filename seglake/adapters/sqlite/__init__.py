"""The index in SQLite: what the segments say, ordered for reading; rebuilt from them whenever it is lost."""
