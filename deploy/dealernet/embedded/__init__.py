"""Servers that `dealernet up` and the tests start for themselves: PostgreSQL and Valkey."""
