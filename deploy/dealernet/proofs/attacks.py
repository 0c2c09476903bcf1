"""x"""


def check(*a, **k):
    pass
