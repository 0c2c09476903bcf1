"""What every part of the product must know about cars, their buyers and their country.

Pure functions without database, network or settings. `vin`, `phone`, `names`, `regions`, `calendar`,
`temperature`, `qualification` and `odometer` each own one subject; data files and their origin stand in
`data/SOURCES.md`.
"""
