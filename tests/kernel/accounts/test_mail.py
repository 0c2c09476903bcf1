"""Mails leave through a real server, are never lost, and everybody who may sees what became of them."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.db import connection

from dealernet.celery_app import app
from kernel import clock
from kernel.accounts import mail, tasks
from kernel.accounts.models import OutboxMail, User
from kernel.testing.clocks import at


def put(to="li@x.example", subject="Hello", body="secret link"):
    return mail.put_in_outbox(to=to, subject=subject, body=body)


def later(**span):
    return at(clock.now() + timedelta(**span))


def test_a_mail_is_sent_once_as_one_letter_and_its_text_is_blanked(wall, north, mail_server):
    with north.bound():
        row = put(subject="你好,\r\nBcc: c@d.example", body="请打开 https://north.example/链接\n")
        assert mail.send_waiting() == 1
        assert mail.send_waiting() == 0
        row.refresh_from_db()
    (letter,) = mail_server.letters
    assert (letter["From"], letter["To"]) == ("Dealernet <no-reply@dealers.example>", "li@x.example")
    assert (letter["Subject"], letter["Bcc"]) == ("你好, Bcc: c@d.example", None)
    assert letter["Message-ID"] == f"<{row.pk}@dealers.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content().splitlines() == ["请打开 https://north.example/链接"]
    assert (row.state, row.body, row.attempts, row.reason) == ("sent", "", 1, "")
    assert row.at <= row.sent_at <= clock.now()


def test_over_starttls_with_a_sign_in(wall, north, strict_mail_server):
    with north.bound():
        put()
        assert mail.send_waiting() == 1
    assert strict_mail_server.sign_ins == [("network", "s3cret @word")]
    assert len(strict_mail_server.letters) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"EMAIL_HOST_PASSWORD": "wrong"}, "535 5.7.8 Authentication credentials invalid"),
        ({"EMAIL_USE_TLS": False}, "AUTH extension not supported"),
        ({"EMAIL_HOST": "127.0.0.1"}, "certificate"),  # it is not made out to that name
        ({"EMAIL_PORT": 1}, "Connection refused"),
    ],
)
def test_trouble_with_the_server_keeps_every_mail_and_says_why(wall, north, strict_mail_server, sending, change, said):
    for name, value in change.items():
        setattr(sending, name, value)
    with north.bound():
        for number in range(3):
            put(to=f"p{number}@x.example")
        assert mail.send_waiting() == 0
        rows = list(OutboxMail.objects.all())
        assert {(row.state, row.body) for row in rows} == {("waiting", "secret link")}
        assert all(said in row.reason for row in rows), rows[0].reason
        assert sorted(row.attempts for row in rows) == [0, 0, 1], "one connection that fails is enough"
        assert "s3cret" not in "".join(row.reason for row in rows)
        assert mail.send_waiting() == 0
        assert sorted(OutboxMail.objects.values_list("attempts", flat=True)) == [0, 0, 1], "nobody is due yet"
    assert strict_mail_server.letters == []


def test_once_the_server_is_back_what_waited_goes_out(wall, north, mail_server, sending):
    sending.EMAIL_PORT = 1
    with north.bound():
        put(to="a@x.example")
        put(to="b@x.example")
        mail.send_waiting()
        sending.EMAIL_PORT = mail_server.port
        assert mail.send_waiting() == 0
        with later(seconds=31):
            assert mail.send_waiting() == 2
        assert not OutboxMail.objects.exclude(state="sent", reason="").exists()


def test_an_address_that_is_refused_for_good_fails_at_once_and_the_others_go_out(wall, north, mail_server):
    mail_server.says["gone@x.example"] = "550 5.1.1 No such person"
    with north.bound():
        gone = put(to="gone@x.example")
        put(to="here@x.example")
        assert mail.send_waiting() == 1
        gone.refresh_from_db()
    assert (gone.state, gone.body, gone.attempts) == ("failed", "", 1)
    assert gone.reason == "550 5.1.1 No such person"
    assert [letter["To"] for letter in mail_server.letters] == ["here@x.example"]


def test_a_text_that_is_refused_for_good_fails(wall, north, mail_server):
    mail_server.says["DATA"] = "554 5.6.0 We do not like this"
    with north.bound():
        row = put()
        assert mail.send_waiting() == 0
        row.refresh_from_db()
    assert (row.state, row.reason) == ("failed", "554 5.6.0 We do not like this")


def test_an_address_that_is_refused_for_now_is_tried_again_with_growing_pauses(wall, north, mail_server):
    mail_server.says["busy@x.example"] = "451 4.7.1 Come back later"
    with north.bound():
        row = put(to="busy@x.example")
        pauses = []
        for _ in range(7):
            began = clock.now()
            assert mail.send_waiting() == 0
            row.refresh_from_db()
            assert (row.state, row.body, row.reason) == ("waiting", "secret link", "451 4.7.1 Come back later")
            pauses.append(round((row.next_try_at - began).total_seconds()))
            OutboxMail.objects.update(next_try_at=clock.now())
        del mail_server.says["busy@x.example"]
        assert mail.send_waiting() == 1
    assert pauses == [30, 60, 120, 240, 480, 600, 600]


def test_after_two_days_a_mail_has_failed(wall, north, mail_server, sending):
    sending.EMAIL_PORT = 1
    with north.bound():
        row = put()
        mail.send_waiting()
        with later(hours=47):
            mail.send_waiting()
            row.refresh_from_db()
            assert (row.state, row.attempts) == ("waiting", 2)
        sending.EMAIL_PORT = mail_server.port
        with later(hours=49):
            assert mail.send_waiting() == 0
        row.refresh_from_db()
    assert (row.state, row.body) == ("failed", "")
    assert "Connection refused" in row.reason


@pytest.mark.parametrize("demo", [True, False])
def test_without_a_mail_server_and_in_the_demo_nothing_is_sent(wall, north, mail_server, sending, demo):
    sending.DEMO, sending.SENDS_MAIL = demo, demo
    with north.bound():
        row = put()
        assert mail.send_waiting() == 0
        row.refresh_from_db()
        assert (row.state, row.attempts, row.body) == ("waiting", 0, "secret link")
        with later(days=3):
            assert mail.send_waiting() == 0
        row.refresh_from_db()
    assert row.state == ("waiting" if demo else "failed")
    assert mail_server.letters == []


def test_another_try_is_asked_for_soon_and_a_late_one_is_left_to_the_sweep(committed, north, mail_server):
    mail_server.says["busy@x.example"] = "451 Later"
    with app.connection() as broker:
        hints = broker.SimpleQueue("dealers")
        with north.bound():
            put(to="busy@x.example")
            hints.clear()
            mail.send_waiting()
            hint = hints.get(timeout=5)
            hint.ack()
            OutboxMail.objects.update(attempts=5, next_try_at=clock.now())
            mail.send_waiting()
            with pytest.raises(hints.Empty):
                hints.get(block=False)
    assert hint.headers["task"] == "kernel.accounts.send_mail_dealer"
    assert hint.headers["eta"] is not None


def test_two_workers_at_once_send_each_mail_once(committed, north, mail_server):
    import threading

    mail_server.seconds = 0.05
    with north.bound():
        for number in range(8):
            put(to=f"p{number}@x.example")

    def work() -> None:
        try:
            with north.bound():
                mail.send_waiting()
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(letter["To"] for letter in mail_server.letters) == [f"p{number}@x.example" for number in range(8)]


@pytest.mark.slow
def test_a_worker_that_is_killed_amid_a_mail_loses_nothing(committed, north, mail_server, sending):
    """It was killed after the server had the text and before it heard so: the mail comes again with the same id."""
    mail_server.seconds = 5.0
    with north.bound():
        row = put()
    names = ("FRONTDESK", "DEALERS", "DJANGO_DEALERS")
    environment = {
        **{f"DEALERNET_KEY_{name}": os.environ[f"DEALERNET_KEY_{name}"] for name in names},
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "DJANGO_SETTINGS_MODULE": "dealernet.settings_testing",
        "DEALERNET_PROCESS": "dealers-worker",
        "DEALERNET_DB_HOST": str(connection.settings_dict["HOST"]),
        "DEALERNET_DB_NAME": str(connection.settings_dict["NAME"]),
        "DEALERNET_SENDS_MAIL": "1",
        "DEALERNET_MAIL_HOST": "127.0.0.1",
        "DEALERNET_MAIL_PORT": str(mail_server.port),
        "DEALERNET_MAIL_FROM": sending.DEFAULT_FROM_EMAIL,
    }
    task = f"import django; django.setup(); from kernel.accounts import tasks; tasks.send_mail_dealer('{north.id}')"
    worker = subprocess.Popen([sys.executable, "-c", task], env=environment)
    end = time.monotonic() + 60
    while not mail_server.letters and time.monotonic() < end:
        time.sleep(0.02)
    worker.send_signal(signal.SIGKILL)
    assert worker.wait(10) == -signal.SIGKILL
    mail_server.seconds = 0.0
    with north.bound():
        row.refresh_from_db()
        assert (row.state, row.attempts, row.body) == ("waiting", 1, "secret link")
        assert mail.send_waiting() == 0, "it belongs to the worker until the lease ends"
        with later(minutes=3, seconds=1):
            assert mail.send_waiting() == 1
    assert [letter["Message-ID"] for letter in mail_server.letters] == [f"<{row.pk}@dealers.example>"] * 2


def test_the_task_and_the_sweep_send_what_waits(wall, north, portal, mail_server):
    for side in (north, portal):
        with side.bound():
            put(to=f"{side.slug}@x.example")
    tasks.send_mail_dealer(str(north.id))
    tasks.tidy_portal()
    assert [letter["To"] for letter in mail_server.letters] == ["north@x.example", "portal@x.example"]


# -- pages


def test_the_demo_shows_its_mails_with_their_text_to_everybody(wall, north, settings):
    settings.DEMO = True
    with north.bound():
        put(subject="Hello\r\nBcc: c@d.example", body="the text")
    answer = north.client().get("/outbox/")
    assert answer.status_code == 200
    assert "Hello Bcc: c@d.example" in answer.text
    assert "the text" in answer.text


def test_elsewhere_managers_of_people_see_states_and_reasons_but_no_text(wall, north, sending, mail_server):
    mail_server.says["gone@x.example"] = "550 No such person"
    with north.bound():
        put(to="gone@x.example", subject="Set a new password")
        put(to="here@x.example")
        mail.send_waiting()
        put(to="new@x.example")
        put(to="old@x.example")
        OutboxMail.objects.filter(to="old@x.example").update(state="failed")
        User.objects.update(language="en")
    answer = north.client("it_admin").get("/outbox/")
    assert answer.status_code == 200
    for words in ("gone@x.example", "550 No such person", "Set a new password", "Nobody took it within two days."):
        assert words in answer.text
    assert "secret link" not in answer.text
    assert north.client("sales_consultant").get("/outbox/").status_code == 403
    assert north.client().get("/outbox/").status_code == 302


def test_without_a_mail_server_pages_say_so_and_invitations_are_handed_over(wall, north, settings):
    settings.DEMO, settings.SENDS_MAIL = False, False
    with north.bound():
        User.objects.update(language="en")
    assert "No mail server is set up" in north.client("it_admin").get("/outbox/").text
    forgotten = north.client().get("/password/forgotten/", headers={"Accept-Language": "en"})
    assert "No mail server is set up here" in forgotten.text
    data = {"name": "Li", "login": "li.lei", "role": "technician", "email": "li@x.example", "language": "en"}
    shown = north.client("it_admin").post("/people/invite/", data)
    assert shown.status_code == 200
    assert "/password/link/" in shown.text


def test_nobody_gets_to_see_the_link_of_a_role_they_cannot_give(wall, north, settings):
    settings.DEMO, settings.SENDS_MAIL = False, False
    with north.bound():
        boss = User.objects.create(login="boss.two", name="Boss", role="general_manager", password="!x")
    assert north.client("it_admin").post(f"/people/{boss.pk}/invite/").status_code == 422
    assert "/invite/" not in north.client("it_admin").get(f"/people/{boss.pk}/").text.split("<main", 1)[1]
    assert "/password/link/" in north.client("general_manager").post(f"/people/{boss.pk}/invite/").text
