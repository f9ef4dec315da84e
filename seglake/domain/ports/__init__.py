"""What the domain needs from the world: one role a file, the contract in prose."""
