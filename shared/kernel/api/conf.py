"""What the settings import from the API. Nothing here reads the environment or the database."""

from typing import Any

INSTALLED_APPS: list[str] = ["rest_framework", "drf_spectacular", "drf_spectacular_sidecar", "kernel.api"]

# Right inside HostMiddleware: gives every error under /api/ the form of a problem.
MIDDLEWARE_EARLY: list[str] = ["kernel.api.middleware.ProblemMiddleware"]

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "kernel.api.authentication.BearerAuthentication",
        "kernel.api.authentication.PageSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["kernel.api.permissions.HasRight"],
    "DEFAULT_THROTTLE_CLASSES": ["kernel.api.throttling.CallerThrottle"],
    "DEFAULT_PARSER_CLASSES": ["kernel.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["kernel.api.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "kernel.api.pagination.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "kernel.api.schema.Schema",
    "EXCEPTION_HANDLER": "kernel.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": "kernel.accounts.models.Anonymous",
    "UNAUTHENTICATED_TOKEN": None,
    "COERCE_DECIMAL_TO_STRING": True,
    "DATETIME_FORMAT": "iso-8601",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Dealernet",
    "DESCRIPTION": "The API of this host. Errors are problem details (RFC 9457); lists are cursor pages.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": False, "validatorUrl": None},
    "PREPROCESSING_HOOKS": ["kernel.api.schema.only_v1"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "kernel.api.schema.with_problems"],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "DISABLE_ERRORS_AND_WARNINGS": False,
}
