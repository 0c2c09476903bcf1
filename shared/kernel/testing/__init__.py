"""The testing kit of the wall. Django's TestCase cannot work across logins; this can.

Loaded as a pytest plugin (`kernel.testing.plugin`). Fixtures:

- `portal`, `north`, `south`: a `Side` each: the manufacturer and two dealerships that are provisioned and have
  one person for every role.
- `wall`: for unit tests: one transaction per login, opened at its first use, rolled back at the end.
- `committed`: for what crosses logins (exchange, courier, threads, browsers): real commits; the database is made
  anew from its template afterwards.
"""

from kernel.testing.network import Network, Side

__all__ = ["Network", "Side"]
