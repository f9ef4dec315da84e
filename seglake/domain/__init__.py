"""The pure domain: values, the ports it needs and the use cases; no I/O, no clock, no third-party import."""
