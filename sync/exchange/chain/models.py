"""Tables of the chain: the same in the manufacturer's schema and in every dealership's. The courier alone adds rows."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from kernel.moving.rules import Moves
from kernel.tenancy.bindings import MANUFACTURER_ID
from kernel.tenancy.grants import Grants


class Seal(models.Model):
    """One batch of the chain.

    `first` and `last` are places of rows in the chain, counted from 1 without gaps. `leaves` holds for every row, in
    the order of its number, 16 bytes of its id and 32 bytes of its digest (`exchange.chain.sealing`). `hash` covers all
    of the row and the hash before it.
    """

    grants = Grants(own="r", courier="ra")

    number = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    leaves = models.BinaryField()
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        app_label = "exchange"
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def rows(self) -> int:
        return self.last - self.first + 1


class Anchor(models.Model):
    """That the chain of a member had a batch `number` with this hash: kept at the other side, and a copy at its own.

    Once a day it is a signed file as well (`exchange.chain.signing`): `day` and `document` are its day in the
    installation's time zone and its text.
    """

    grants = Grants(own="r", courier="ra")
    moves = Moves(
        only=f"t.chain <> '{MANUFACTURER_ID}'",
        why="heads of the manufacturer's ledger say nothing about the ledger of another network's manufacturer",
    )

    id = models.BigAutoField(primary_key=True)
    chain = models.UUIDField()
    number = models.BigIntegerField()
    place = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=Now())
    day = models.DateField(null=True)
    document = models.TextField(blank=True, db_default="")

    class Meta:
        app_label = "exchange"
        ordering = ("-id",)
        constraints: ClassVar = [models.UniqueConstraint(fields=["chain", "day"], name="exchange_anchor_day")]
        indexes: ClassVar = [models.Index(fields=["chain", "number"], name="exchange_anchor_place")]

    def __str__(self) -> str:
        return f"{self.chain} {self.number}"


class Check(models.Model):
    """One check of this member's chain against itself, its anchors and the payloads that are kept.

    `findings` as `exchange.chain.verifying.Finding.to_json` writes them; none when the ledger is whole.
    """

    grants = Grants(own="r", courier="ra")

    id = models.BigAutoField(primary_key=True)
    began_at = models.DateTimeField()
    finished_at = models.DateTimeField(db_default=Now())
    number = models.BigIntegerField()
    rows = models.BigIntegerField()
    payloads = models.BigIntegerField()
    anchors = models.BigIntegerField()
    findings = models.JSONField(default=list)

    class Meta:
        app_label = "exchange"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.rows} rows, {len(self.findings)} findings"
