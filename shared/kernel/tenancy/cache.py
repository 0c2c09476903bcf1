"""Cache keys carry the login they were made under, so that one member's entry is never another's."""

from kernel.tenancy.bindings import current


def make_key(key: str, key_prefix: str, version: int) -> str:
    """Django's KEY_FUNCTION: `<login>:<prefix>:<version>:<key>`."""
    return f"{current().login}:{key_prefix}:{version}:{key}"
