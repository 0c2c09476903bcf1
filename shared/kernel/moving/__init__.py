"""Leaving is easy: what a dealership takes along, written as files that anyone can read, and read back.

`rules` says what stays behind, on the model; `tables` what every table looks like; `schemas` documents it; `bundles`
writes and checks the file. No database login of its own: whoever calls has one.
"""
