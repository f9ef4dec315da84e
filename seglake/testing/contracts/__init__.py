"""Contract suites, one class a port: subclass one, give it its fixture, and pytest proves the adapter."""
