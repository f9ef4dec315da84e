"""Adapters do what the domain asks for through its ports; siblings never import each other."""
