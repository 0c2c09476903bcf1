"""Erasing one person here, at the manufacturer's, and wherever the manufacturer passed the person on."""
