"""The chain of a ledger: rows get their place in sealed batches, heads are anchored at the other side, and a check
finds every way in which somebody could have changed what was written down."""
