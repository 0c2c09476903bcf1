"""What is known about persons, where it stands, and how it is erased everywhere."""
