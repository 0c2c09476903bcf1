from kernel.apps import TierApp


class AccountsConfig(TierApp):
    name = "kernel.accounts"
    label = "accounts"
    tier = "both"
