"""The demo: an invented manufacturer and three invented dealerships with two years of history."""
