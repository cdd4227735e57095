"""Content in, text out: one module a format, each of which escapes what its format takes for its own."""
