"""Values: frozen, validated when they are built, free of I/O."""
