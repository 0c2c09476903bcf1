"""Forms of accounts. They check shape only; the actions decide."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from kernel.accounts.models import LANGUAGES, User
from kernel.accounts.queries import tier_roles
from kernel.accounts.scopes import scopes_for
from kernel.ui.forms import DateInput, Form, PhoneInput

_PASSWORD_HELP = _("At least 10 characters, and not a common word, only digits or close to your name.")


def _password(autocomplete: str) -> forms.PasswordInput:
    return forms.PasswordInput(attrs={"autocomplete": autocomplete})


class SignInForm(Form):
    wide = ("login", "password")
    login = forms.CharField(
        label=_("Sign-in name"),
        max_length=64,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )
    password = forms.CharField(label=_("Password"), max_length=256, strip=False, widget=_password("current-password"))


class ForgottenForm(Form):
    wide = ("who",)
    who = forms.CharField(
        label=_("Sign-in name or e-mail"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )


class NewPasswordForm(Form):
    """A password twice."""

    wide = ("old", "password", "again")

    password = forms.CharField(
        label=_("New password"),
        max_length=256,
        strip=False,
        widget=_password("new-password"),
        help_text=_PASSWORD_HELP,
    )
    again = forms.CharField(
        label=_("New password again"), max_length=256, strip=False, widget=_password("new-password")
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", _("The two passwords differ."))
        return data


class ChangePasswordForm(NewPasswordForm):
    field_order = ("old", "password", "again")
    old = forms.CharField(
        label=_("Present password"), max_length=256, strip=False, widget=_password("current-password")
    )


class CodeForm(Form):
    """A code of an authenticator app, or a recovery code."""

    wide = ("code",)
    code = forms.CharField(
        label=_("Security code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
                "class": "input font-mono",
            }
        ),
    )


class CredentialForm(Form):
    """What the browser's passkey dialog answered; the page's script fills it in."""

    credential = forms.CharField(max_length=20_000, widget=forms.HiddenInput)


class ProofForm(Form):
    """Proves again who one is."""

    wide = ("proof",)
    proof = forms.CharField(
        label=_("Your password, or a code"),
        max_length=256,
        strip=False,
        widget=_password("current-password"),
        help_text=_("The password you sign in with, a code of your authenticator app, or a recovery code."),
    )


class _NewFactorForm(Form):
    """A new second factor; asks for a proof unless there has just been one."""

    name = forms.CharField(label=_("What shall it be called?"), max_length=80)

    def __init__(self, *args: Any, fresh: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not fresh:
            self.fields["proof"] = ProofForm().fields["proof"]


class NewAppForm(_NewFactorForm):
    wide = ("name", "code", "proof")
    code = forms.CharField(
        label=_("Code that the app shows"),
        max_length=12,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "input font-mono"}
        ),
    )


class NewPasskeyForm(_NewFactorForm):
    wide = ("name", "proof")
    credential = forms.CharField(max_length=20_000, widget=forms.HiddenInput)


class FactorNameForm(Form):
    wide = ("name",)
    name = forms.CharField(label=_("Name"), max_length=80)


class FactorRulesForm(Form):
    """For each role of the tier the day from which it needs a second factor; empty: it needs none."""

    def __init__(self, *args: Any, counts: dict[str, tuple[int, int]], locked: set[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for role in tier_roles():
            have, number = counts.get(role, (0, 0))
            self.fields[role.value] = forms.DateField(
                label=role.label,
                required=False,
                disabled=role in locked,
                widget=DateInput,
                help_text=gettext("%(have)s of %(number)s have a second factor.") % {"have": have, "number": number},
            )


class PersonForm(Form):
    """A person's data, for those who manage people."""

    name = forms.CharField(label=_("Name"), max_length=120)
    role = forms.ChoiceField(label=_("Role"))
    email = forms.EmailField(label=_("E-mail"), max_length=254, required=False)
    phone = forms.CharField(label=_("Phone"), max_length=32, required=False, widget=PhoneInput)
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES, initial="zh-hans")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(role.value, role.label) for role in tier_roles()]


class InviteForm(PersonForm):
    field_order = ("name", "login", "role", "email", "phone", "language")
    login = forms.CharField(
        label=_("Sign-in name"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("Use 3 to 64 letters, digits, dots, hyphens or underscores."),
    )
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        required=False,
        help_text=_("The invitation goes there. Without it you get a link to hand over."),
    )


class TokenForm(Form):
    wide = ("scopes",)
    name = forms.CharField(label=_("What is it for?"), max_length=80)
    days = forms.ChoiceField(
        label=_("Valid for"),
        choices=[("30", _("30 days")), ("90", _("90 days")), ("365", _("One year"))],
        initial="90",
    )
    scopes = forms.MultipleChoiceField(label=_("Scopes"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(scope, scope) for scope in scopes_for(user.role)]
