"""Old code works on during an upgrade: which statements may run beside it, and which may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.tenancy import expanding, rendering
from kernel.tenancy.expanding import Release
from kernel.tenancy.scripts import How, Step

RELEASES = sorted((Path(__file__).parents[3] / "deploy/dealernet/releases").glob("*.json"))
LAST = Release(
    "1.0.0",
    {"dealership": frozenset({("sales", "0001_initial")})},
    {"sales_lead": {"id": "uuid", "name": "varchar(40)", "note": "text", "old": "integer"}},
)


def said(*statements: str, how: How = How.SQL, reviewed: str = "") -> str:
    return "\n".join(expanding.objections("dealership", [Step("sales", "0002_x", how, statements, reviewed)], LAST))


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", rendering.KINDS)
def test_every_release_so_far_works_on_while_this_one_is_brought_out(release, kind):
    """Only the last one has to; that older ones could is what makes skipping a release possible."""
    assert expanding.objections(kind, rendering.steps(kind), Release.load(release)) == []


def test_what_a_release_has_itself_is_not_judged():
    first = Step("sales", "0001_initial", How.SQL, ('DROP TABLE "sales_lead"',))
    assert expanding.objections("dealership", [first], LAST) == []
    assert expanding.objections("manufacturer", [first], LAST), "another kind of schema has no such migration"


@pytest.mark.parametrize(
    "statement",
    [
        'CREATE TABLE "sales_new" ("id" uuid PRIMARY KEY)',
        'ALTER TABLE "sales_lead" ADD COLUMN "more" text NULL',
        "ALTER TABLE \"sales_lead\" ADD COLUMN \"more\" varchar(9) DEFAULT 'it''s' NOT NULL",
        'ALTER TABLE "sales_lead" ADD COLUMN "more" integer DEFAULT 0 NOT NULL',
        'ALTER TABLE "sales_lead" ADD COLUMN "at" timestamptz DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL',
        'ALTER TABLE "sales_lead" ADD COLUMN "by_id" uuid NULL CONSTRAINT "fk" REFERENCES "accounts_user" ("id")',
        'ALTER TABLE "sales_lead" ALTER COLUMN "old" SET DEFAULT 3',
        'ALTER TABLE "sales_lead" ALTER COLUMN "old" DROP NOT NULL',
        'ALTER TABLE "sales_lead" ALTER COLUMN "name" TYPE varchar(80)',
        'ALTER TABLE "sales_lead" ALTER COLUMN "name" TYPE text USING "name"::text',
        'ALTER TABLE "sales_lead" ADD CONSTRAINT "c" CHECK ("old" > 0) NOT VALID',
        'ALTER TABLE "sales_lead" ENABLE ROW LEVEL SECURITY',
        'ALTER TABLE "sales_lead" DROP COLUMN "never_released"',
        'DROP TABLE "never_released"',
        "COMMENT ON TABLE sales_lead IS 'x'",
    ],
)
def test_what_may_run_beside_the_last_release(statement):
    assert said(statement) == ""


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ('ALTER TABLE "sales_lead" ADD COLUMN "more" text NOT NULL', "does not fill this column"),
        ('ALTER TABLE "sales_lead" ADD COLUMN "k" uuid DEFAULT gen_random_uuid() NOT NULL', "differs from row to row"),
        ('ALTER TABLE "sales_lead" ADD COLUMN "k" text NULL UNIQUE', "builds an index under a lock"),
        ('ALTER TABLE "sales_lead" ADD COLUMN "k" text GENERATED ALWAYS AS (name) STORED', "rewrites the table"),
        ('ALTER TABLE "sales_lead" ALTER COLUMN "more" DROP DEFAULT', "inserts would fail"),
        ('ALTER TABLE "sales_lead" ALTER COLUMN "note" SET NOT NULL', "reads the whole table"),
        ('ALTER TABLE "sales_lead" ALTER COLUMN "name" TYPE varchar(20)', "cuts off"),
        ('ALTER TABLE "sales_lead" ALTER COLUMN "old" TYPE text USING "old"::text', "rewrites the table"),
        ('ALTER TABLE "sales_lead" ALTER COLUMN "old" TYPE bigint', "rewrites the table"),
        ('ALTER TABLE "sales_lead" DROP COLUMN "old" CASCADE', "still reads this column"),
        ('ALTER TABLE "sales_lead" RENAME COLUMN "old" TO "new"', "knows the old name"),
        ('ALTER TABLE "sales_lead" RENAME TO "leads"', "knows the old name"),
        ('ALTER TABLE "sales_lead" ADD CONSTRAINT "c" CHECK ("old" > 0)', "looks at every row"),
        ('ALTER TABLE "sales_lead" SET UNLOGGED', "nobody has thought about such a change"),
        ('DROP TABLE "sales_lead" CASCADE', "still reads this table"),
        ('CREATE INDEX "i" ON "sales_lead" ("name")', "AddIndexConcurrently"),
        ('CREATE UNIQUE INDEX "i" ON "sales_lead" ("name")', "AddIndexConcurrently"),
        ("UPDATE sales_lead SET name = ''", "nobody has thought about such a statement"),
    ],
)
def test_what_may_not_run_beside_the_last_release(statement, reason):
    assert reason in said(statement)
    assert "sales.0002_x: " in said(statement)
    assert said(statement, reviewed="a table of ten rows") == "", "a person has said why"


def test_a_table_that_came_after_the_release_is_free():
    assert said('CREATE TABLE "sales_new" ("id" uuid)', 'CREATE INDEX "i" ON "sales_new" ("id")') == ""
    assert said('CREATE TABLE "sales_new" ("id" uuid)', 'ALTER TABLE "sales_new" DROP COLUMN "id"') == ""


def test_outside_a_transaction_stands_only_what_can_be_repeated():
    assert said('CREATE INDEX CONCURRENTLY "i" ON "sales_lead" ("name")', how=How.CONCURRENT) == ""
    assert said('ALTER TABLE "sales_lead" VALIDATE CONSTRAINT "c"', how=How.CONCURRENT) == ""
    assert "can be repeated" in said('ALTER TABLE "sales_lead" ADD COLUMN "x" text NULL', how=How.CONCURRENT)
