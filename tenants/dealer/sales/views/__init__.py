"""Pages of sales, one module a group of nouns."""
