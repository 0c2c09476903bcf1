"""What the settings import from the UI kit. Nothing here reads the environment or the database."""

from typing import Any

from csp.constants import NONCE, NONE, SELF

# kernel.ui stands before django.forms, whose templates it replaces; both are found by the project's engine.
APPS: list[str] = ["kernel.ui", "django.forms", "django_cotton.apps.SimpleAppConfig", "django_htmx"]

# After the tenancy and authentication middleware.
MIDDLEWARE: list[str] = ["csp.middleware.CSPMiddleware", "django_htmx.middleware.HtmxMiddleware"]

CONTEXT_PROCESSORS: list[str] = [
    "django.template.context_processors.request",
    "django.template.context_processors.i18n",
    "django.template.context_processors.tz",
    "django.contrib.messages.context_processors.messages",
    "kernel.ui.context.shell",
]

TEMPLATE_LOADERS: list[Any] = [
    (
        "django.template.loaders.cached.Loader",
        [
            "django_cotton.cotton_loader.Loader",
            "django.template.loaders.filesystem.Loader",
            "django.template.loaders.app_directories.Loader",
        ],
    )
]

TEMPLATE_BUILTINS: list[str] = [
    "django_cotton.templatetags.cotton",
    "django.templatetags.i18n",
    "django.templatetags.static",
    "kernel.ui.templatetags.ui",
]


def templates(*extra_processors: str) -> list[dict[str, Any]]:
    """The value of ``TEMPLATES``; ``extra_processors`` come before the shell's own."""
    processors = [*CONTEXT_PROCESSORS[:-1], *extra_processors, CONTEXT_PROCESSORS[-1]]
    return [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [],
            "OPTIONS": {
                "loaders": TEMPLATE_LOADERS,
                "builtins": TEMPLATE_BUILTINS,
                "context_processors": processors,
            },
        }
    ]


FORM_RENDERER = "kernel.ui.forms.Renderer"
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
CSRF_FAILURE_VIEW = "kernel.ui.errors.csrf_failure"

# A component sees its own attributes and the context processors' values, never the page's variables.
COTTON_ISOLATE_BY_DEFAULT = True

LANGUAGES: list[tuple[str, str]] = [("zh-hans", "简体中文"), ("zh-hant", "繁體中文"), ("en", "English")]

# Scripts and styles are files of ours; a page that must carry an inline script uses {{ csp_nonce }}.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
