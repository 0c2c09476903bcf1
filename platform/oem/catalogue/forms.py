"""Forms of the catalogue's pages, made from the nouns."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from kernel.ui.forms import Form, ModelForm, PillSelectMultiple
from oem.catalogue.nouns import Noun
from oem.catalogue.queries import series_names

COLOUR_PARTS = ("code", "zh_hans", "zh_hant", "en", "hex")


class ColoursField(forms.CharField):
    """Colours, one a line: code; simplified; traditional; English; #rrggbb."""

    widget = forms.Textarea

    def __init__(self, **kwargs: Any) -> None:
        help_text = _("One colour a line: code; simplified; traditional; English; #1a2b3c")
        super().__init__(label=_("Colours"), required=False, help_text=help_text, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return "\n".join("; ".join(str(colour.get(part, "")) for part in COLOUR_PARTS) for colour in value)

    def clean(self, value: Any) -> list[dict[str, str]]:
        colours = []
        for number, line in enumerate(filter(str.strip, super().clean(value).splitlines()), start=1):
            cells = [cell.strip() for cell in line.replace("；", ";").split(";")]
            if len(cells) != len(COLOUR_PARTS):
                raise forms.ValidationError(_("Line %(number)s must have five parts."), params={"number": number})
            colours.append(dict(zip(COLOUR_PARTS, cells, strict=True)))
        return colours


class FitsField(forms.MultipleChoiceField):
    """Series by their names; none chosen means all of the brand."""

    widget = PillSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        help_text = _("Choose none if it fits all series of its brand.")
        super().__init__(label=_("Fits series"), required=False, help_text=help_text, choices=series_names, **kwargs)


class EntryForm(ModelForm):
    """What the forms of all nouns have in common."""

    sections = [(_("More"), ["withdrawn_on"], "folded")]
    wide = ("colours", "fits")


def entry_form(noun: Noun, *, with_code: bool) -> Any:
    """The form of a noun's entries; the code can be given only to a new one."""
    fields = noun.fields if with_code else noun.fields[1:]
    special: dict[str, Any] = {"colours": ColoursField, "fits": FitsField}
    own = {name: field() for name, field in special.items() if name in fields}
    return forms.modelform_factory(noun.master, type("EntryForm", (EntryForm,), own), fields=fields)


class ImportForm(Form):
    """A CSV file of entries."""

    file = forms.FileField(label=_("CSV file"), widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}))
