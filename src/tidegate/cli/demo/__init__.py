"""The demo: simulated providers, steady traffic, and three releases to watch."""
