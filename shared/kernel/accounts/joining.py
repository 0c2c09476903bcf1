"""The first people of a dealership that joins."""

from typing import Any

from django.contrib.auth.hashers import make_password

from kernel import audit, clock
from kernel.accounts.actors import SYSTEM
from kernel.accounts.models import User
from kernel.tenancy.steward import joining_step


@joining_step("20-people")
def first_people(arguments: dict[str, Any]) -> None:
    """Add the people in `users`: login, name, role, email, phone, language; `first_link` is the hash that opens the
    account once (`links.fingerprint_of_first`). Only into an empty house: where there are people, nobody is added.
    """
    # The manufacturer writes the steward's requests. Asked to set up a dealership that lives already, with a person
    # whose link it knows, the steward must not let it in. A step is one transaction, so nobody is left out by a crash.
    if User.objects.exists():
        return
    for person in arguments.get("users", []):
        user = User.objects.create(
            login=person["login"],
            name=person["name"],
            role=person["role"],
            email=person.get("email", ""),
            phone=person.get("phone", ""),
            language=person.get("language", "zh-hans"),
            password=person.get("first_link") or make_password(None),
            invited_at=clock.now(),
        )
        audit.record(
            actor=SYSTEM,
            action="accounts.add_person",
            obj=user,
            after={"login": user.login, "role": user.role},
        )
