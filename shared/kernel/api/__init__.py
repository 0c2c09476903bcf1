"""What every API endpoint shares: authentication, rights, problem details, pages of results, schema and docs."""
