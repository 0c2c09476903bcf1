"""People of one tenant: sign-in, sessions, roles and rights, tokens. One set of tables in `oem` and every dealership."""
