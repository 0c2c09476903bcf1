from kernel.ui.inventory import classes_in, defined_in, icons_in


def test_classes_are_found_around_template_tags():
    text = """<div class="card {% if x == "y" %}wide{% else %}mt-2{% endif %} {{ more }} sm:flex">
              <i class='a/b w-1/2'></i>"""
    assert classes_in(text) == {"card", "wide", "mt-2", "sm:flex", "a/b", "w-1/2"}


def test_escaped_selectors_are_read_back():
    assert {"sm:flex", "w-1/2", "card"} <= defined_in(r".card{a:b}@media x{.sm\:flex{a:b}.w-1\/2{a:b}}")


def test_icons_are_found_in_templates_and_python():
    assert icons_in("""{% icon "phone" %} <c-button icon="x" /> NavItem(icon="inbox") {"icon": "car"}""") == {
        "phone",
        "x",
        "inbox",
        "car",
    }
