"""Stored answers of one tenant's API."""

from django.db import models
from django.db.models.functions import Now

from kernel.ids import new_id
from kernel.moving.rules import Moves
from kernel.tenancy.grants import DELETABLE


class StoredAnswer(models.Model):
    """The answer given to a request with an `Idempotency-Key`, kept until `expires_at` to be given again.

    Written in the same transaction as the request's effect: a crash leaves neither. A request still running holds a
    lock instead of a row. `owner` is the token's or the person's id; `fingerprint` the SHA-256 of method, path, query,
    content type and body.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(max_length=255)
    owner = models.UUIDField()
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=500)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    grants = DELETABLE
    moves = Moves(stays="answers to programs' repeated requests, kept for a day")

    class Meta:
        ordering = ("-created_at", "id")
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="idempotency_owner_key")]
        indexes = [models.Index(fields=["expires_at"], name="idempotency_expires")]
