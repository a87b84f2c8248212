"""The scoring core: pure functions and frozen data; no I/O, no environment, no server."""
