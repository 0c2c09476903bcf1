"""People of one tenant: sign-in, sessions, roles and rights, tokens. In `oem` and every dealership's schema."""
