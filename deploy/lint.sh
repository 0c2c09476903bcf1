#!/bin/sh
# All checks of `make lint`; each says what it is, and the first failure ends the run.
set -eu
step() { printf '── %s\n' "$1"; }

step "no Python file directly in a source root"
stray=$(find platform tenants sync shared deploy -maxdepth 1 -name '*.py')
[ -z "$stray" ] || { echo "$stray"; exit 1; }
step "ruff"
ruff check .
ruff format --check .
step "imports go one way"
PYTHONPATH=platform:tenants:sync:shared:deploy lint-imports --no-cache
step "Django checks, deployment included"
export DJANGO_SETTINGS_MODULE=dealernet.settings DEALERNET_KEY_DJANGO_PORTAL=lint-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP
python -m dealernet.manage check --deploy --fail-level WARNING
python -m dealernet.manage makemigrations --check --dry-run
step "templates"
djlint --lint --quiet platform tenants shared sync deploy
step "types"
mypy
step "style sheet is built from the classes in use"
python shared/kernel/ui/inventory.py
step "translations are complete"
python -m dealernet.messages --check
if [ "${CI:-}" != true ] || [ -n "${AUDIT:-}" ]; then
    step "known vulnerabilities"
    audit=$(mktemp)
    pip-audit -r requirements.lock --disable-pip --require-hashes --progress-spinner off --timeout 20 >"$audit" 2>&1 ||
        grep -v "could not be audited" "$audit" || true
    grep -q "could not be audited" "$audit" && echo "(its index did not answer for some packages)"
    rm -f "$audit"
fi
exit 0
