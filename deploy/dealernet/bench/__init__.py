"""Measurements: `dealernet bench`. Figures and ratios are printed, never asserted; each names its machine."""
