"""The API of sales, one module a group of nouns."""
