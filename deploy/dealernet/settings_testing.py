"""Settings of the test suite: the product's own, with a fast password hash and no work for browsers' sake."""

import atexit
import shutil
import tempfile
from pathlib import Path

from dealernet import settings as product

globals().update({name: value for name, value in vars(product).items() if name.isupper()})

assert product.BASE_DOMAIN == "localhost"
LEDGER_HEADS = Path(tempfile.mkdtemp(prefix="dealernet-ledger-heads-"))
atexit.register(shutil.rmtree, LEDGER_HEADS, ignore_errors=True)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = False
# Every test client loads the middleware anew; reading all static files each time would be half of its work.
WHITENOISE_AUTOREFRESH = True
