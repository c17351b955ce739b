"""A stand-in for Pelcro's Core API: a server of its own over loopback, which knows nothing of who calls it.

It answers what Pelcro's public documentation says. Where that is silent, `assumptions.toml` says what is assumed, with
alternatives that are chosen at the start. The standard library is all it needs.
"""
