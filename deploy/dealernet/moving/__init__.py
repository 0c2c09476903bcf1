"""Leaving, moving and restoring one dealership: verbs of the steward that need to know both tiers.

`verbs` registers them. Every one may be killed at any point and run again. What a person reads first:
docs/operate/leaving.md and docs/operate/restore.md.
"""
