-- Every schema of the kind "public", migration by migration.
-- Recorded from the migrations by `make schemas`; not written by hand.
-- migrations 7df45333749f8aabff4933d1bba5cf7f6deab5244f43586b6fc2d2b88176fbe4
-- structure e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

-- migration reference.0001_initial sql
CREATE TABLE "reference_brand" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "order" smallint NOT NULL CHECK ("order" >= 0));
-- next
CREATE TABLE "reference_faultcode" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "system" varchar(20) NOT NULL);
-- next
CREATE TABLE "reference_publication" ("version" integer NOT NULL PRIMARY KEY CHECK ("version" >= 0), "published_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "checksum" varchar(64) NOT NULL, "differences" jsonb NOT NULL);
-- next
CREATE TABLE "reference_series" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "segment" varchar(20) NOT NULL, "energy" varchar(20) NOT NULL, "brand_id" varchar(40) NOT NULL);
-- next
CREATE TABLE "reference_model" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "model_year" smallint NOT NULL CHECK ("model_year" >= 0), "series_id" varchar(40) NOT NULL);
-- next
CREATE TABLE "reference_variant" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "list_price" numeric(12, 2) NOT NULL, "currency" varchar(3) NOT NULL, "colours" jsonb NOT NULL, "on_sale_from" date NOT NULL, "on_sale_until" date NULL, "warranty_months" smallint NOT NULL CHECK ("warranty_months" >= 0), "warranty_km" integer NOT NULL CHECK ("warranty_km" >= 0), "model_id" varchar(40) NOT NULL);
-- next
CREATE TABLE "reference_labouroperation" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "fits" jsonb NOT NULL, "system" varchar(20) NOT NULL, "standard_hours" numeric(5, 2) NOT NULL, "brand_id" varchar(40) NOT NULL);
-- next
CREATE TABLE "reference_part" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "fits" jsonb NOT NULL, "number" varchar(40) NOT NULL PRIMARY KEY, "causal_group" varchar(20) NOT NULL, "price" numeric(12, 2) NOT NULL, "currency" varchar(3) NOT NULL, "wear_part" boolean NOT NULL, "brand_id" varchar(40) NOT NULL);
-- next
CREATE INDEX "reference_brand_code_d8d02465_like" ON "reference_brand" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "reference_faultcode_code_d3b5b7bb_like" ON "reference_faultcode" ("code" varchar_pattern_ops);
-- next
ALTER TABLE "reference_series" ADD CONSTRAINT "reference_series_brand_id_63971790_fk_reference_brand_code" FOREIGN KEY ("brand_id") REFERENCES "reference_brand" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "reference_series_code_ce9723a1_like" ON "reference_series" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "reference_series_brand_id_63971790" ON "reference_series" ("brand_id");
-- next
CREATE INDEX "reference_series_brand_id_63971790_like" ON "reference_series" ("brand_id" varchar_pattern_ops);
-- next
ALTER TABLE "reference_model" ADD CONSTRAINT "reference_model_series_id_4eadd462_fk_reference_series_code" FOREIGN KEY ("series_id") REFERENCES "reference_series" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "reference_model_code_122af121_like" ON "reference_model" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "reference_model_series_id_4eadd462" ON "reference_model" ("series_id");
-- next
CREATE INDEX "reference_model_series_id_4eadd462_like" ON "reference_model" ("series_id" varchar_pattern_ops);
-- next
ALTER TABLE "reference_variant" ADD CONSTRAINT "reference_variant_model_id_411837b3_fk_reference_model_code" FOREIGN KEY ("model_id") REFERENCES "reference_model" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "reference_variant_code_cc2b0b3c_like" ON "reference_variant" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "reference_variant_model_id_411837b3" ON "reference_variant" ("model_id");
-- next
CREATE INDEX "reference_variant_model_id_411837b3_like" ON "reference_variant" ("model_id" varchar_pattern_ops);
-- next
ALTER TABLE "reference_labouroperation" ADD CONSTRAINT "reference_labouroper_brand_id_87ec6396_fk_reference" FOREIGN KEY ("brand_id") REFERENCES "reference_brand" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "reference_labouroperation_code_14f553fe_like" ON "reference_labouroperation" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "reference_labouroperation_brand_id_87ec6396" ON "reference_labouroperation" ("brand_id");
-- next
CREATE INDEX "reference_labouroperation_brand_id_87ec6396_like" ON "reference_labouroperation" ("brand_id" varchar_pattern_ops);
-- next
CREATE INDEX "reference_operation_system" ON "reference_labouroperation" ("brand_id", "system", "code");
-- next
ALTER TABLE "reference_part" ADD CONSTRAINT "reference_part_brand_id_499b4a15_fk_reference_brand_code" FOREIGN KEY ("brand_id") REFERENCES "reference_brand" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "reference_part_number_4c3c5ac3_like" ON "reference_part" ("number" varchar_pattern_ops);
-- next
CREATE INDEX "reference_part_brand_id_499b4a15" ON "reference_part" ("brand_id");
-- next
CREATE INDEX "reference_part_brand_id_499b4a15_like" ON "reference_part" ("brand_id" varchar_pattern_ops);
-- next
CREATE INDEX "reference_part_group" ON "reference_part" ("brand_id", "causal_group", "number");

-- migration tenancy.0001_initial sql
CREATE TABLE "tenancy_domain" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "domain" varchar(253) NOT NULL UNIQUE, "is_primary" boolean NOT NULL);
-- next
CREATE TABLE "tenancy_schemastate" ("schema_name" varchar(63) NOT NULL PRIMARY KEY, "kind" varchar(20) NOT NULL, "checksum" varchar(64) NOT NULL, "applied_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "error" text NOT NULL);
-- next
CREATE TABLE "tenancy_stewardrequest" ("id" uuid NOT NULL PRIMARY KEY, "verb" varchar(40) NOT NULL, "arguments" jsonb NOT NULL, "state" varchar(20) NOT NULL, "step" varchar(60) NOT NULL, "error" text NOT NULL, "requested_by" varchar(120) NOT NULL, "requested_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "finished_at" timestamp with time zone NULL);
-- next
CREATE TABLE "tenancy_tenant" ("schema_name" varchar(63) NOT NULL UNIQUE, "id" uuid NOT NULL PRIMARY KEY, "kind" varchar(20) NOT NULL, "slug" varchar(40) NOT NULL UNIQUE, "name" varchar(120) NOT NULL, "state" varchar(20) NOT NULL, "cluster" varchar(40) NOT NULL, "created_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "tenancy_stewardsignature" ("request_id" uuid NOT NULL PRIMARY KEY, "signed_by" varchar(120) NOT NULL, "signed_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE INDEX "tenancy_ste_state_fee812_idx" ON "tenancy_stewardrequest" ("state", "requested_at");
-- next
ALTER TABLE "tenancy_domain" ADD COLUMN "tenant_id" uuid NOT NULL CONSTRAINT "tenancy_domain_tenant_id_5e325699_fk_tenancy_tenant_id" REFERENCES "tenancy_tenant"("id") DEFERRABLE INITIALLY DEFERRED; SET CONSTRAINTS "tenancy_domain_tenant_id_5e325699_fk_tenancy_tenant_id" IMMEDIATE;
-- next
CREATE INDEX "tenancy_domain_domain_5872c729_like" ON "tenancy_domain" ("domain" varchar_pattern_ops);
-- next
CREATE INDEX "tenancy_domain_is_primary_f2c2e5e3" ON "tenancy_domain" ("is_primary");
-- next
CREATE INDEX "tenancy_schemastate_schema_name_8f38caa8_like" ON "tenancy_schemastate" ("schema_name" varchar_pattern_ops);
-- next
CREATE INDEX "tenancy_tenant_schema_name_3f3a68a4_like" ON "tenancy_tenant" ("schema_name" varchar_pattern_ops);
-- next
CREATE INDEX "tenancy_tenant_slug_0716575e_like" ON "tenancy_tenant" ("slug" varchar_pattern_ops);
-- next
ALTER TABLE "tenancy_stewardsignature" ADD CONSTRAINT "tenancy_stewardsigna_request_id_cf2f1677_fk_tenancy_s" FOREIGN KEY ("request_id") REFERENCES "tenancy_stewardrequest" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "tenancy_domain_tenant_id_5e325699" ON "tenancy_domain" ("tenant_id");

-- migration tenancy.0002_fleet sql
CREATE TABLE "tenancy_fleetupgrade" ("id" uuid NOT NULL PRIMARY KEY, "release" varchar(20) NOT NULL, "canary" varchar(40) NOT NULL, "schemas" integer NOT NULL CHECK ("schemas" >= 0), "done" integer NOT NULL CHECK ("done" >= 0), "failed" integer NOT NULL CHECK ("failed" >= 0), "state" varchar(20) NOT NULL, "error" text NOT NULL, "started_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "seen_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "finished_at" timestamp with time zone NULL);
-- next
ALTER TABLE "tenancy_schemastate" ADD COLUMN "release" varchar(20) DEFAULT '' NOT NULL;
-- next
ALTER TABLE "tenancy_schemastate" ADD COLUMN "rights" varchar(64) DEFAULT '' NOT NULL;
-- next
ALTER TABLE "tenancy_tenant" ADD COLUMN "fenced_by" varchar(64) DEFAULT '' NOT NULL;

-- migration tenancy.0003_moving sql
ALTER TABLE "tenancy_tenant" ADD COLUMN "drop_after" timestamp with time zone NULL;
-- next
ALTER TABLE "tenancy_tenant" ADD COLUMN "dropped_at" timestamp with time zone NULL;
-- next
ALTER TABLE "tenancy_tenant" ADD COLUMN "retired_at" timestamp with time zone NULL;
-- next
CREATE TABLE "tenancy_move" ("id" uuid NOT NULL PRIMARY KEY, "kind" varchar(10) NOT NULL, "source" varchar(300) NOT NULL, "sha256" varchar(64) NOT NULL, "kept_schema" varchar(63) NOT NULL, "ledger_number" bigint NOT NULL, "inbox_number" bigint NOT NULL, "figures" jsonb NOT NULL, "at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "settled_at" timestamp with time zone NULL, "dropped_at" timestamp with time zone NULL, "tenant_id" uuid NOT NULL);
-- next
ALTER TABLE "tenancy_move" ADD CONSTRAINT "tenancy_move_tenant_id_963b7a6e_fk_tenancy_tenant_id" FOREIGN KEY ("tenant_id") REFERENCES "tenancy_tenant" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "tenancy_move_tenant_id_963b7a6e" ON "tenancy_move" ("tenant_id");

-- migration tenancy.0004_limits sql
CREATE TABLE "tenancy_usage" ("tenant_id" uuid NOT NULL PRIMARY KEY, "table_bytes" bigint NOT NULL, "file_bytes" bigint NOT NULL, "measured_at" timestamp with time zone NOT NULL);
-- next
CREATE TABLE "tenancy_limits" ("tenant_id" uuid NOT NULL PRIMARY KEY, "requests" integer NULL CHECK ("requests" >= 0), "statement_seconds" integer NULL CHECK ("statement_seconds" >= 0), "jobs_at_once" integer NULL CHECK ("jobs_at_once" >= 0), "jobs_per_minute" integer NULL CHECK ("jobs_per_minute" >= 0), "storage_mb" integer NULL CHECK ("storage_mb" >= 0), "exports_per_day" integer NULL CHECK ("exports_per_day" >= 0), "changed_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, CONSTRAINT "limits_requests" CHECK (("requests" IS NULL OR "requests" BETWEEN 1 AND 64)), CONSTRAINT "limits_statement_seconds" CHECK (("statement_seconds" IS NULL OR "statement_seconds" BETWEEN 2 AND 20)), CONSTRAINT "limits_jobs_at_once" CHECK (("jobs_at_once" IS NULL OR "jobs_at_once" BETWEEN 1 AND 64)), CONSTRAINT "limits_jobs_per_minute" CHECK (("jobs_per_minute" IS NULL OR "jobs_per_minute" BETWEEN 30 AND 100000)), CONSTRAINT "limits_storage_mb" CHECK (("storage_mb" IS NULL OR "storage_mb" BETWEEN 50 AND 10000000)), CONSTRAINT "limits_exports_per_day" CHECK (("exports_per_day" IS NULL OR "exports_per_day" BETWEEN 1 AND 100000)));
-- next
ALTER TABLE "tenancy_usage" ADD CONSTRAINT "tenancy_usage_tenant_id_6c7f6e64_fk_tenancy_tenant_id" FOREIGN KEY ("tenant_id") REFERENCES "tenancy_tenant" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "tenancy_limits" ADD CONSTRAINT "tenancy_limits_tenant_id_8a20dfb0_fk_tenancy_tenant_id" FOREIGN KEY ("tenant_id") REFERENCES "tenancy_tenant" ("id") DEFERRABLE INITIALLY DEFERRED;

-- migration tenancy.0005_own_hosts sql
CREATE TABLE "tenancy_hostwish" ("schema_name" varchar(63) DEFAULT (CURRENT_USER) NOT NULL PRIMARY KEY, "verb" varchar(10) NOT NULL, "host" varchar(253) NOT NULL, "asked_by" varchar(120) NOT NULL, "asked_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "tenancy_hostclaim" ("id" uuid NOT NULL PRIMARY KEY, "schema_name" varchar(63) NOT NULL, "host" varchar(253) NOT NULL, "token" varchar(64) NOT NULL, "state" varchar(10) NOT NULL, "asked_by" varchar(120) NOT NULL, "asked_at" timestamp with time zone NOT NULL, "expires_at" timestamp with time zone NOT NULL, "check_at" timestamp with time zone NOT NULL, "checked_at" timestamp with time zone NULL, "problem" varchar(12) NOT NULL, "seen_at" timestamp with time zone NULL, "bound_at" timestamp with time zone NULL, "missing_since" timestamp with time zone NULL, "ended_at" timestamp with time zone NULL, "end" varchar(12) NOT NULL, "kept_until" timestamp with time zone NULL, "tenant_id" uuid NOT NULL);
-- next
ALTER TABLE tenancy_hostwish ENABLE ROW LEVEL SECURITY;
-- next
CREATE POLICY own_wish ON tenancy_hostwish FOR INSERT WITH CHECK (schema_name = current_user);
-- next
CREATE FUNCTION tenancy_own_hosts() RETURNS TABLE ("id" uuid, "host" varchar, "token" varchar, "state" varchar, "asked_by" varchar, "asked_at" timestamptz, "expires_at" timestamptz, "checked_at" timestamptz, "problem" varchar, "seen_at" timestamptz, "bound_at" timestamptz, "missing_since" timestamptz, "ended_at" timestamptz, "end" varchar, "kept_until" timestamptz, is_primary boolean) LANGUAGE sql STABLE SECURITY DEFINER BEGIN ATOMIC SELECT c."id", c."host", c."token", c."state", c."asked_by", c."asked_at", c."expires_at", c."checked_at", c."problem", c."seen_at", c."bound_at", c."missing_since", c."ended_at", c."end", c."kept_until", coalesce(d.is_primary, false) FROM tenancy_hostclaim c LEFT JOIN tenancy_domain d ON d.domain = c.host AND d.tenant_id = c.tenant_id AND c.state = 'bound' WHERE c.schema_name = session_user::text; END;
-- next
REVOKE ALL ON FUNCTION tenancy_own_hosts() FROM PUBLIC;
-- next
GRANT EXECUTE ON FUNCTION tenancy_own_hosts() TO dealerships;
-- next
CREATE INDEX "tenancy_hostwish_schema_name_7d07b409_like" ON "tenancy_hostwish" ("schema_name" varchar_pattern_ops);
-- next
ALTER TABLE "tenancy_hostclaim" ADD CONSTRAINT "tenancy_hostclaim_tenant_id_ac754f2c_fk_tenancy_tenant_id" FOREIGN KEY ("tenant_id") REFERENCES "tenancy_tenant" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE UNIQUE INDEX "tenancy_host_bound_once" ON "tenancy_hostclaim" ("host") WHERE "state" = 'bound';
-- next
CREATE UNIQUE INDEX "tenancy_host_open_once" ON "tenancy_hostclaim" ("tenant_id", "host") WHERE "state" IN ('asked', 'bound');
-- next
CREATE INDEX "tenancy_hostclaim_tenant_id_ac754f2c" ON "tenancy_hostclaim" ("tenant_id");
-- next
CREATE INDEX "tenancy_host_due" ON "tenancy_hostclaim" ("check_at") WHERE "state" IN ('asked', 'bound');
