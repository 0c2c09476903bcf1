"""Taking back what was shared earlier: the question, the request, the manufacturer's receipt."""
