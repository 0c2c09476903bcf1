"""Settings of every process of Dealernet. What differs between processes comes from the environment.

`DEALERNET_PROCESS` names the process; `DEALERNET_KEY_…` are the only secrets it holds (kernel.tenancy.keys).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from dealernet import budget
from kernel.accounts import conf as accounts_conf
from kernel.api import conf as api_conf
from kernel.tenancy import keys
from kernel.ui import conf as ui_conf

PROCESS = os.environ.get("DEALERNET_PROCESS", "command")
DATA_DIR = Path(os.environ.get("DEALERNET_DATA", ".dealernet")).resolve()
BASE_DOMAIN = os.environ.get("DEALERNET_BASE_DOMAIN", "localhost")
MANUFACTURER_NAME = os.environ.get("DEALERNET_MANUFACTURER_NAME", "Xinghe Motors")
#: The name in the languages of the pages: those given, else the one name; the invented manufacturer has its own.
MANUFACTURER_NAMES = {
    language: os.environ.get(
        f"DEALERNET_MANUFACTURER_NAME_{language.upper().replace('-', '_')}",
        invented if MANUFACTURER_NAME == "Xinghe Motors" else MANUFACTURER_NAME,
    )
    for language, invented in {"zh-hans": "星河汽车", "zh-hant": "星河汽車", "en": "Xinghe Motors"}.items()
}
DEMO = os.environ.get("DEALERNET_DEMO", "") == "1"

DEBUG = False


def _django_keys() -> list[str]:
    """The signing keys of this process: the portal's and the dealers' differ, so neither can sign for the other. The
    second, while keys rotate, still opens what it signed."""
    for name in ("DJANGO_PORTAL", "DJANGO_DEALERS"):
        if keys.holds(name):
            return [key.decode() for key in keys.secrets(name)]
    # Commands, courier, steward and scheduler sign nothing that a browser gets.
    return [hashlib.sha256(f"dealernet {PROCESS}".encode() + os.urandom(32)).hexdigest()]


def _number(name: str, default: int) -> int:
    try:
        return budget.number(os.environ, name, default)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from None


SECRET_KEY, *SECRET_KEY_FALLBACKS = _django_keys()
ALLOWED_HOSTS = ["*"]  # HostMiddleware knows every host by the directory and refuses the rest before any view

INSTALLED_APPS = [
    "kernel.tenancy",
    "django_tenants",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.messages",
    *ui_conf.APPS,
    *api_conf.INSTALLED_APPS,
    "kernel.reference",
    "kernel.accounts",
    "kernel.audit",
    "kernel.idempotency",
    "exchange",
    "oem.network",
    "oem.catalogue",
    "oem.agreements",
    "oem.leads",
    "oem.owners",
    "oem.privacy",
    "oem.support",
    "oem.aftersales",
    "oem.insight",
    "dealer.organisation",
    "dealer.customers",
    "dealer.sharing",
    "dealer.support",
    "dealer.stock",
    "dealer.sales",
    "dealer.workshop",
    "dealer.warranty",
    "dealernet",
]

# django-tenants: multi-type tenants. Which tables stand where is said by each app's `tier` (kernel.apps).
TENANT_MODEL = "tenancy.Tenant"
TENANT_DOMAIN_MODEL = "tenancy.Domain"
HAS_MULTI_TYPE_TENANTS = True
MULTI_TYPE_DATABASE_FIELD = "kind"
TENANT_TYPES = {
    "public": {"APPS": [], "URLCONF": "dealernet.urls_none"},
    "manufacturer": {"APPS": [], "URLCONF": "dealernet.urls_portal"},
    "dealership": {"APPS": [], "URLCONF": "dealernet.urls_dealer"},
}
TENANT_SYNC_ROUTER = "kernel.tenancy.routers.WallRouter"
DATABASE_ROUTERS = [TENANT_SYNC_ROUTER]
# The SQL of every kind of schema, recorded from the migrations by `make schemas`.
SCHEMAS_FOLDER = Path(__file__).parent / "schemas"
# The dealership (its slug) that is upgraded before all others; the first by name without it.
FLEET_CANARY = os.environ.get("DEALERNET_FLEET_CANARY", "")

DATABASES = {
    "default": {
        "ENGINE": "kernel.tenancy.backend",
        "NAME": os.environ.get("DEALERNET_DB_NAME", "dealernet"),
        "HOST": os.environ.get("DEALERNET_DB_HOST", ""),
        "PORT": os.environ.get("DEALERNET_DB_PORT", ""),
        "USER": "",  # the binding says who
        "CONN_MAX_AGE": None,  # kernel.tenancy.pool decides
        "OPTIONS": {"application_name": f"dealernet {PROCESS}", "connect_timeout": 5},
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MIDDLEWARE = [
    "kernel.requests.RequestIdMiddleware",
    "dealernet.health.ManagementMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # pages carry masked CSRF tokens and random padding, so compressing them betrays nothing (BREACH)
    "django.middleware.gzip.GZipMiddleware",
    "kernel.tenancy.middleware.HostMiddleware",
    *api_conf.MIDDLEWARE_EARLY,
    # before the session, which asks the database: who has to wait holds no connection
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    *ui_conf.MIDDLEWARE,
    "kernel.admission.AdmissionMiddleware",
    "kernel.accounts.sessions.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "kernel.accounts.middleware.AccountMiddleware",
    "kernel.accounts.middleware.LanguageMiddleware",
    "dealer.organisation.middleware.TimeZoneMiddleware",
    "dealer.support.middleware.TrailMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "dealernet.urls_none"
WSGI_APPLICATION = "dealernet.wsgi.application"
TEMPLATES = ui_conf.templates()
FORM_RENDERER = ui_conf.FORM_RENDERER
MESSAGE_STORAGE = ui_conf.MESSAGE_STORAGE
CSRF_FAILURE_VIEW = ui_conf.CSRF_FAILURE_VIEW
COTTON_ISOLATE_BY_DEFAULT = ui_conf.COTTON_ISOLATE_BY_DEFAULT
CONTENT_SECURITY_POLICY = ui_conf.CONTENT_SECURITY_POLICY

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["kernel.accounts.backends.LoginBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = accounts_conf.PASSWORD_VALIDATORS
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "/"

# Cookies belong to one host. `__Host-` needs Secure; browsers treat http://*.localhost as trustworthy.
SESSION_ENGINE = "kernel.accounts.sessions"
SESSION_COOKIE_NAME = "__Host-sid"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
LANGUAGE_COOKIE_NAME = accounts_conf.LANGUAGE_COOKIE["LANGUAGE_COOKIE_NAME"]
globals().update(accounts_conf.LANGUAGE_COOKIE)
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Behind https the proxy says so; HSTS is sent on https answers only.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31536000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_SSL_REDIRECT = os.environ.get("DEALERNET_HTTPS_ONLY", "") == "1"

# The mail server; only workers are told how to reach it (dealernet.config.Mail). The demo sends nothing.
SENDS_MAIL = os.environ.get("DEALERNET_SENDS_MAIL", "") == "1" and not DEMO
EMAIL_HOST = os.environ.get("DEALERNET_MAIL_HOST", "")
EMAIL_PORT = int(os.environ.get("DEALERNET_MAIL_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("DEALERNET_MAIL_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("DEALERNET_MAIL_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("DEALERNET_MAIL_SECURITY", "") == "starttls"
EMAIL_USE_SSL = os.environ.get("DEALERNET_MAIL_SECURITY", "") == "tls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("DEALERNET_MAIL_FROM", f"dealernet@{BASE_DOMAIN}")

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = ui_conf.LANGUAGES
LOCALE_PATHS = [Path(__file__).parent / "locale"]
FORMAT_MODULE_PATH = ["dealernet.formats"]

STATIC_URL = "/static/"
# `dealernet up` gathers the files under hashed names; without that (tests, commands) they are served as they lie.
STATIC_ROOT = os.environ.get("DEALERNET_STATIC_ROOT") or None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ("map", "png", "jpg", "webp", "woff2", "gz", "br")
MEDIA_ROOT = DATA_DIR / "files"
# The signed heads of every ledger, one file a day (exchange.chain.signing); take copies to another place.
LEDGER_HEADS = DATA_DIR / "ledger-heads"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["CACHE_URL"],
        "KEY_FUNCTION": "kernel.tenancy.cache.make_key",
    }
    if os.environ.get("CACHE_URL")
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "KEY_FUNCTION": "kernel.tenancy.cache.make_key",
    }
}

CELERY_BROKER_URL = os.environ.get("BROKER_URL", "memory://")

REST_FRAMEWORK = api_conf.REST_FRAMEWORK
SPECTACULAR_SETTINGS = {
    **api_conf.SPECTACULAR_SETTINGS,
    # Choices whose fields share a name (state, kind, reason …): what programs generated from the schema call them.
    "ENUM_NAME_OVERRIDES": {
        "AppointmentKindEnum": "dealer.workshop.models.Kind",
        "ClaimStateEnum": "oem.aftersales.models.ClaimState",
        "ContactChannelEnum": "dealer.sales.models.ContactChannel",
        "ContactResultEnum": "dealer.sales.models.ContactResult",
        "CustomerChannelEnum": "dealer.customers.models.Channel",
        "DealerClaimStateEnum": "dealer.warranty.models.ClaimState",
        "DealerLeadStateEnum": "dealer.sales.models.LeadState",
        "DealershipStateEnum": "oem.network.models.DealershipState",
        "DeclineReasonEnum": "dealer.sales.models.DeclineReason",
        "InstalmentKindEnum": "dealer.sales.models.InstalmentKind",
        "JobLineKindEnum": "dealer.workshop.models.LineKind",
        "LanguageEnum": "kernel.accounts.models.LANGUAGES",
        "LeadStateEnum": "oem.leads.models.LeadState",
        "LevelEnum": "kernel.contracts.Level",
        "LostReasonEnum": "dealer.sales.models.LostReason",
        "MeansEnum": "dealer.customers.models.Means",
        "MessageStateEnum": "exchange.models.LedgerState",
        "OrderStateEnum": "dealer.workshop.models.OrderState",
        "PartyKindEnum": "dealer.customers.models.Kind",
        "SourceEnum": "kernel.automotive.channel.Channel",
        "TestDriveResultEnum": "dealer.sales.models.TestDriveResult",
    },
}

# How many proxies in front of this process append to X-Forwarded-For: the front door is one.
TRUSTED_PROXY_HOPS = int(os.environ.get("DEALERNET_PROXY_HOPS", "1" if PROCESS.endswith("-web") else "0"))

# What a dealership may use that has no limits of its own (kernel.tenancy.limits).
DEALERSHIP_LIMITS = {
    "requests": _number("DEALERNET_LIMIT_REQUESTS", 2),
    "statement_seconds": _number("DEALERNET_LIMIT_STATEMENT_SECONDS", 20),
    "jobs_at_once": _number("DEALERNET_LIMIT_JOBS_AT_ONCE", 1),
    "jobs_per_minute": _number("DEALERNET_LIMIT_JOBS_PER_MINUTE", 1200),
    "storage_mb": _number("DEALERNET_LIMIT_STORAGE_MB", 20_000),
    "exports_per_day": _number("DEALERNET_LIMIT_EXPORTS_PER_DAY", 200),
}
# Requests that a web process works on at once. It has more threads than that: there the others wait for their turn.
WEB_AT_ONCE = _number("DEALERNET_WEB_AT_ONCE", 4)
# Requests of one dealership that may wait in a web process; the next one is asked to come again.
WEB_WAITING = _number("DEALERNET_WEB_WAITING", 6)
# The connections of a process (kernel.tenancy.pool).
CONNECTION_POOL = budget.pool_limits(PROCESS, os.environ)

# How long a dealership has to answer a lead that it is offered.
RESPOND_MINUTES = _number("DEALERNET_RESPOND_MINUTES", 30)

# Exports of everything: how many a dealership may make in 24 hours, and how long each can be fetched.
EXPORTS_A_DAY = _number("DEALERNET_EXPORTS_A_DAY", 4)
EXPORT_KEPT_DAYS = _number("DEALERNET_EXPORT_KEPT_DAYS", 7)
# How long the data of a dealership that left is kept before it may be deleted.
DROP_AFTER_DAYS = _number("DEALERNET_DROP_AFTER_DAYS", 180)

# Host names of the dealerships' own: how many each may have or try for, after how many days without its record a name
# in use is given up, and how many days a name that was in use is given to nobody else.
OWN_HOSTS_AT_MOST = 5
OWN_HOST_GONE_DAYS = _number("DEALERNET_OWN_HOST_GONE_DAYS", 7)
OWN_HOST_QUARANTINE_DAYS = _number("DEALERNET_OWN_HOST_QUARANTINE_DAYS", 90)
# Who looks for the records. The demo reads them from a file; otherwise the machine's name servers are asked, or those
# named here (addresses, `address:port`).
OWN_HOST_RESOLVER = os.environ.get(
    "DEALERNET_OWN_HOST_RESOLVER", f"kernel.tenancy.resolving.{'TableResolver' if DEMO else 'DnsResolver'}"
)
OWN_HOST_NAMESERVERS = os.environ.get("DEALERNET_OWN_HOST_NAMESERVERS", "").split()
OWN_HOST_RECORDS = DATA_DIR / "txt-records"

SILENCED_SYSTEM_CHECKS = [
    # a login is unique whatever its case, by a constraint on Lower(login) that the check does not see
    "auth.W004",
    # ALLOWED_HOSTS '*' : hosts are known by the directory (kernel.tenancy.middleware)
    "security.W020",
    # SSL redirect belongs to the proxy unless DEALERNET_HTTPS_ONLY is set
    "security.W008",
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "kernel.requests.RequestIdFilter"}},
    "formatters": {
        "line": {
            "()": "dealernet.logs.LineFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s%(request)s: %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}, "django.security": {"level": "WARNING"}},
}
