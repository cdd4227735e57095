"""Commands of `cli.py` that have a module of their own, and the options that several share."""
