"""One module a command: a docstring (its help), `configure(parser)` and `run(args) -> int`."""
