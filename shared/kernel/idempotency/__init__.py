"""Answers kept for repeated requests with the same `Idempotency-Key`."""
