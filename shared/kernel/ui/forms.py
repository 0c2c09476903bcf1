"""Rendering of Django forms with the kit's field template. Settings name ``Renderer`` as FORM_RENDERER."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from django import forms
from django.forms.boundfield import BoundWidget
from django.forms.renderers import TemplatesSetting
from django.forms.utils import ErrorList
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.automotive.phone import display

_E164 = re.compile(r"^\+[1-9]\d{6,14}$")


class Renderer(TemplatesSetting):
    """Every ``{{ form }}`` and ``{{ field.as_field_group }}`` uses the templates in ``ui/forms/``."""

    form_template_name = "ui/forms/form.html"
    field_template_name = "ui/forms/field.html"
    formset_template_name = "ui/forms/formset.html"


class DateInput(forms.DateInput):
    """The browser's own date picker; the value travels as ISO 8601 in every language."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%H:%M")


class DateTimeInput(forms.DateTimeInput):
    """Local date and time in the current time zone, to the minute."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%dT%H:%M")


class PhoneInput(forms.TextInput):
    """A telephone number: kept in E.164, shown for editing as people write it."""

    input_type = "tel"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"autocomplete": "off", "inputmode": "tel", **(attrs or {})})

    def format_value(self, value: Any) -> str | None:
        text = super().format_value(value)
        return display(text) if text and _E164.match(text) else text


class MoneyInput(forms.NumberInput):
    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"inputmode": "decimal", "step": "0.01", "min": "0", **(attrs or {})})


class VinInput(forms.TextInput):
    """17 characters, upper case, no spell checking, no autofill."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        plain = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        super().__init__({**plain, "maxlength": "17", "class": "input font-mono", **(attrs or {})})


class PillSelect(forms.RadioSelect):
    """Radio buttons drawn as large pills: for two to six choices on a phone."""

    pills = True


class PillSelectMultiple(forms.CheckboxSelectMultiple):
    pills = True


CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "checkbox checkbox-primary"),
    # Before its base class, the radio buttons.
    (forms.CheckboxSelectMultiple, "checkbox checkbox-primary"),
    (forms.RadioSelect, "radio radio-primary"),
    (forms.Select, "select"),
    (forms.Textarea, "textarea"),
    (forms.FileInput, "file-input"),
    (forms.widgets.Input, "input"),
)
# HTML standard, 4.10.18.7 Autofill: people fill these in about somebody else, so the browser must not
# offer the salesperson's own data. Sign-in forms set their own values.
PHONE_WORDS = ("phone", "mobile", "tel")


def _prepare(field: forms.BoundField) -> dict[str, Any]:
    """Attributes a widget lacks: class, keyboard; native pickers for dates. Returns ``attrs``."""
    widget = field.field.widget
    attrs: dict[str, Any] = {}
    if "class" not in widget.attrs:
        attrs["class"] = next((name for kind, name in CLASSES if isinstance(widget, kind)), "")
    if isinstance(widget, forms.DateTimeInput) and widget.input_type == "text":
        widget.input_type, widget.format = "datetime-local", "%Y-%m-%dT%H:%M"
    elif isinstance(widget, forms.DateInput) and widget.input_type == "text":
        widget.input_type, widget.format = "date", "%Y-%m-%d"
    elif isinstance(widget, forms.TimeInput) and widget.input_type == "text":
        widget.input_type, widget.format = "time", "%H:%M"
    elif isinstance(widget, forms.NumberInput) and "inputmode" not in widget.attrs:
        attrs["inputmode"] = "numeric" if type(field.field) is forms.IntegerField else "decimal"
    elif type(widget) is forms.TextInput and field.name.split("_")[-1] in PHONE_WORDS:
        widget.input_type = "tel"
        attrs |= {"inputmode": "tel", "autocomplete": widget.attrs.get("autocomplete", "off")}
    elif type(widget) is forms.TextInput and "autocomplete" not in widget.attrs:
        attrs["autocomplete"] = "off"
    if isinstance(widget, forms.Textarea) and widget.attrs.get("rows") == "10":
        attrs["rows"] = "3"
    return attrs


def control_html(field: forms.BoundField) -> SafeString:
    """The widget of ``field`` as HTML; Django adds aria-invalid and aria-describedby itself."""
    return field.as_widget(attrs=_prepare(field))


def choice_options(field: forms.BoundField) -> list[BoundWidget]:
    """The single options of a radio or check-box group, with the kit's classes."""
    attrs = field.build_widget_attrs({"id": field.auto_id, **_prepare(field)})
    renderer = field.form.renderer
    parts = field.field.widget.subwidgets(field.html_name, field.value(), attrs=attrs)
    return [BoundWidget(field.field.widget, part, renderer) for part in parts]


def field_kind(field: forms.BoundField) -> str:
    """How the field template lays the field out: hidden, checkbox, choices, pills or plain."""
    widget = field.field.widget
    if widget.is_hidden:
        return "hidden"
    if isinstance(widget, forms.CheckboxInput):
        return "checkbox"
    if isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        return "pills" if getattr(widget, "pills", False) else "choices"
    return "plain"


class Section:
    """A group of a form's fields; a folded one opens by itself when one of its fields has an error."""

    def __init__(self, label: Any, fields: list[forms.BoundField], folded: bool) -> None:
        self.label = label
        self.fields = fields
        self.folded = folded
        self.open = not folded or any(field.errors for field in fields)


def choice_field(form: forms.BaseForm, name: str) -> forms.ChoiceField:
    """A select of a form, to set its choices. Raises TypeError for a field of another kind."""
    found = form.fields[name]
    if not isinstance(found, forms.ChoiceField):
        raise TypeError(f"{name} has no choices")
    return found


def keep_choice(form: forms.BaseForm, name: str, value: str) -> None:
    """Let a select offer what stands now, also when it is not in the list (any more)."""
    field = choice_field(form, name)
    offered = list(cast(Iterable[tuple[str, Any]], field.choices))
    if value and value not in [code for code, _label in offered]:
        field.choices = [*offered, (value, value)]


def model_choice_field(form: forms.BaseForm, name: str) -> "forms.ModelChoiceField[Any]":
    """A select over rows of a form, to set what it offers. Raises TypeError for a field of another kind."""
    found = form.fields[name]
    if not isinstance(found, forms.ModelChoiceField):
        raise TypeError(f"{name} offers no rows")
    return found


class LayoutMixin:
    """Optional for forms: ``sections`` orders fields in groups, ``wide`` names full-width fields.

    ``sections = [(_("Car"), ["brand", "model"]), (_("More"), ["note"], "folded")]``. Fields that no
    section names come first, so nothing is ever lost.
    """

    sections: Sequence[tuple[Any, ...]] = ()
    wide: Sequence[str] = ()
    visible_fields: Callable[[], list[forms.BoundField]]

    def section_list(self) -> list[Section]:
        fields: Mapping[str, forms.BoundField] = {field.name: field for field in self.visible_fields()}
        named = {name for section in self.sections for name in section[1]}
        rest = [field for name, field in fields.items() if name not in named]
        found = [Section("", rest, False)] if rest else []
        for section in self.sections:
            members = [fields[name] for name in section[1] if name in fields]
            if members:
                found.append(Section(section[0], members, "folded" in section[2:]))
        return found


class Form(LayoutMixin, forms.Form):
    """Plain form with sections; labels carry no colon."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)


class ModelForm(LayoutMixin, forms.ModelForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)


def summary_of(form: forms.BaseForm) -> list[tuple[str, str, str]]:
    """``(id of the control, label, message)`` for every error; the id is empty for the whole form's."""
    found: list[tuple[str, str, str]] = [("", "", str(error)) for error in form.non_field_errors()]
    for field in form:
        errors: ErrorList = field.errors
        prefix = str(_("Hidden field")) if field.is_hidden else str(field.label)
        found += [(field.id_for_label or field.auto_id, prefix, str(error)) for error in errors]
    return found
