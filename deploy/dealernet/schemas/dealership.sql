-- Every schema of the kind "dealership", migration by migration.
-- Recorded from the migrations by `make schemas`; not written by hand.
-- migrations 2d708e32b0a034b0466be522b3b3336aec9bfb6b33b51a86edc05552aa1f9753
-- structure 840864bc4a662fa8b256884ad7fcba0dcb86d3187786ff1a5a3d05a30897f6f4

-- migration accounts.0001_initial sql
CREATE TABLE "accounts_user" ("password" varchar(128) NOT NULL, "last_login" timestamp with time zone NULL, "id" uuid NOT NULL PRIMARY KEY, "login" varchar(64) NOT NULL, "name" varchar(120) NOT NULL, "email" varchar(254) NOT NULL, "phone" varchar(32) NOT NULL, "role" varchar(32) NOT NULL, "language" varchar(8) NOT NULL, "is_active" boolean NOT NULL, "password_changed_at" timestamp with time zone NULL, "invited_at" timestamp with time zone NULL, "retired_at" timestamp with time zone NULL, "last_seen" timestamp with time zone NULL, "created_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "accounts_outboxmail" ("id" uuid NOT NULL PRIMARY KEY, "to" varchar(254) NOT NULL, "subject" varchar(200) NOT NULL, "body" text NOT NULL, "state" varchar(8) NOT NULL, "attempts" smallint NOT NULL CHECK ("attempts" >= 0), "reason" varchar(300) NOT NULL, "at" timestamp with time zone NOT NULL, "next_try_at" timestamp with time zone NOT NULL, "sent_at" timestamp with time zone NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "accounts_token" ("id" uuid NOT NULL PRIMARY KEY, "name" varchar(80) NOT NULL, "prefix" varchar(12) NOT NULL UNIQUE, "sha256" varchar(64) NOT NULL, "scopes" jsonb NOT NULL, "created_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "expires_at" timestamp with time zone NULL, "last_used_at" timestamp with time zone NULL, "revoked_at" timestamp with time zone NULL, "user_id" uuid NOT NULL);
-- next
CREATE TABLE "accounts_session" ("id" uuid NOT NULL PRIMARY KEY, "key_hash" varchar(64) NOT NULL UNIQUE, "realm" varchar(36) NOT NULL, "data" jsonb NOT NULL, "address" inet NULL, "user_agent" varchar(300) NOT NULL, "created_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "last_seen" timestamp with time zone NOT NULL, "expires_at" timestamp with time zone NOT NULL, "user_id" uuid NULL);
-- next
CREATE UNIQUE INDEX "accounts_user_login_any_case" ON "accounts_user" ((LOWER("login")));
-- next
CREATE INDEX "accounts_user_role" ON "accounts_user" ("role", "name");
-- next
CREATE INDEX "accounts_user_email" ON "accounts_user" ((LOWER("email")));
-- next
CREATE INDEX "accounts_mail_due" ON "accounts_outboxmail" ("state", "next_try_at");
-- next
CREATE INDEX "accounts_mail_at" ON "accounts_outboxmail" ("at" DESC, "id");
-- next
ALTER TABLE "accounts_token" ADD CONSTRAINT "accounts_token_user_id_82a3a2c8_fk_accounts_user_id" FOREIGN KEY ("user_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "accounts_token_prefix_4fd3f38a_like" ON "accounts_token" ("prefix" varchar_pattern_ops);
-- next
CREATE INDEX "accounts_token_user_id_82a3a2c8" ON "accounts_token" ("user_id");
-- next
ALTER TABLE "accounts_session" ADD CONSTRAINT "accounts_session_user_id_d5aaed01_fk_accounts_user_id" FOREIGN KEY ("user_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "accounts_session_key_hash_37c483b3_like" ON "accounts_session" ("key_hash" varchar_pattern_ops);
-- next
CREATE INDEX "accounts_session_user_id_d5aaed01" ON "accounts_session" ("user_id");
-- next
CREATE INDEX "accounts_session_expires" ON "accounts_session" ("expires_at");

-- migration accounts.0002_second_factors sql
CREATE TABLE "accounts_signinrule" ("role" varchar(32) NOT NULL PRIMARY KEY, "second_factor_from" date NULL);
-- next
CREATE TABLE "accounts_factor" ("id" uuid NOT NULL PRIMARY KEY, "kind" varchar(8) NOT NULL, "name" varchar(80) NOT NULL, "secret" varchar(200) NOT NULL, "last_step" bigint NOT NULL, "credential_id" varchar(1400) NULL, "public_key" text NOT NULL, "sign_count" bigint NOT NULL, "created_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "last_used_at" timestamp with time zone NULL, "user_id" uuid NOT NULL, CONSTRAINT "accounts_factor_credential" UNIQUE ("credential_id"));
-- next
CREATE TABLE "accounts_recoverycode" ("id" uuid NOT NULL PRIMARY KEY, "sha256" varchar(64) NOT NULL, "used_at" timestamp with time zone NULL, "created_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "user_id" uuid NOT NULL, CONSTRAINT "accounts_recovery_code" UNIQUE ("sha256"));
-- next
CREATE INDEX "accounts_signinrule_role_b68687f9_like" ON "accounts_signinrule" ("role" varchar_pattern_ops);
-- next
ALTER TABLE "accounts_factor" ADD CONSTRAINT "accounts_factor_user_id_f692f340_fk_accounts_user_id" FOREIGN KEY ("user_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "accounts_factor_user_id_f692f340" ON "accounts_factor" ("user_id");
-- next
ALTER TABLE "accounts_recoverycode" ADD CONSTRAINT "accounts_recoverycode_user_id_994761d3_fk_accounts_user_id" FOREIGN KEY ("user_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "accounts_recoverycode_user_id_994761d3" ON "accounts_recoverycode" ("user_id");

-- migration accounts.0003_support sql
ALTER TABLE "accounts_user" ADD COLUMN "ends_at" timestamp with time zone NULL;

-- migration audit.0001_initial sql
CREATE TABLE "audit_entry" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "actor_kind" varchar(8) NOT NULL, "actor_id" uuid NULL, "actor_name" varchar(120) NOT NULL, "actor_role" varchar(32) NOT NULL, "action" varchar(80) NOT NULL, "object_type" varchar(80) NOT NULL, "object_id" varchar(64) NOT NULL, "object_label" varchar(200) NOT NULL, "before" jsonb NULL, "after" jsonb NULL, "note" text NOT NULL, "origin" varchar(8) NOT NULL, "request_id" varchar(64) NOT NULL);
-- next
CREATE INDEX "audit_entry_at" ON "audit_entry" ("at" DESC, "number" DESC);
-- next
CREATE INDEX "audit_entry_object" ON "audit_entry" ("object_type", "object_id", "at" DESC);
-- next
CREATE INDEX "audit_entry_actor" ON "audit_entry" ("actor_id", "at" DESC);
-- next
CREATE INDEX "audit_entry_action" ON "audit_entry" ("action", "at" DESC);

-- migration audit.0002_only_emptied sql (the last release only adds rows to the trail; a trigger before UPDATE locks out no reader and no INSERT for long)
CREATE FUNCTION audit_only_emptied() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    name text;
    value jsonb;
    before jsonb := to_jsonb(OLD);
BEGIN
    FOR name, value IN SELECT * FROM jsonb_each(to_jsonb(NEW)) LOOP
        IF value IS DISTINCT FROM before -> name AND value::text NOT IN ('null', '""', '{}', '[]') THEN
            RAISE insufficient_privilege
                USING MESSAGE = format('permission denied: %I.%I can only be emptied', TG_TABLE_NAME, name);
        END IF;
    END LOOP;
    RETURN NEW;
END
$$;
-- next
REVOKE ALL ON FUNCTION audit_only_emptied() FROM PUBLIC;
-- next
CREATE TRIGGER audit_entry_only_emptied BEFORE UPDATE ON audit_entry FOR EACH ROW WHEN (current_user <> 'owner' AND current_setting('is_superuser') = 'off') EXECUTE FUNCTION audit_only_emptied();

-- migration customers.0001_initial sql
CREATE TABLE "customers_customer" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "kind" varchar(10) NOT NULL, "name" varchar(200) NOT NULL, "surname" varchar(60) NOT NULL, "given_name" varchar(60) NOT NULL, "company_name" varchar(200) NOT NULL, "contact_person" varchar(120) NOT NULL, "sex" varchar(7) NOT NULL, "birthday" date NULL, "phone" varchar(20) NOT NULL, "phone_reversed" varchar(20) GENERATED ALWAYS AS (REVERSE("phone")) STORED, "other_phone" varchar(20) NOT NULL, "email" varchar(254) NOT NULL, "province" varchar(40) NOT NULL, "city" varchar(40) NOT NULL, "district" varchar(40) NOT NULL, "address" varchar(300) NOT NULL, "occupation" varchar(80) NOT NULL, "hobbies" varchar(200) NOT NULL, "language" varchar(8) NOT NULL, "note" text NOT NULL, "pinyin" varchar(240) NOT NULL, "initials" varchar(60) NOT NULL, "for_sales" boolean NOT NULL, "for_service" boolean NOT NULL, "created_by_id" uuid NULL, "created_at" timestamp with time zone NOT NULL, "updated_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "customers_vehicle" ("id" uuid NOT NULL PRIMARY KEY, "vin" varchar(17) NOT NULL UNIQUE, "vin_reversed" varchar(17) GENERATED ALWAYS AS (REVERSE("vin")) STORED, "plate" varchar(16) NOT NULL, "brand" varchar(60) NOT NULL, "series" varchar(60) NOT NULL, "model" varchar(80) NOT NULL, "variant" varchar(120) NOT NULL, "colour" varchar(40) NOT NULL, "delivered_on" date NULL, "sold_by_us" boolean NOT NULL, "odometer_km" integer NULL CHECK ("odometer_km" >= 0), "odometer_on" date NULL, "party_version" integer NOT NULL CHECK ("party_version" >= 0), "created_at" timestamp with time zone NOT NULL, "updated_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "customers_odometerreading" ("id" uuid NOT NULL PRIMARY KEY, "km" integer NOT NULL CHECK ("km" >= 0), "on" date NOT NULL, "source" varchar(12) NOT NULL, "document_id" uuid NULL, "by_name" varchar(120) NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "vehicle_id" uuid NOT NULL);
-- next
CREATE TABLE "customers_consent" ("id" uuid NOT NULL PRIMARY KEY, "granted" boolean NOT NULL, "controller" varchar(120) NOT NULL, "recipient" varchar(12) NOT NULL, "purpose" varchar(20) NOT NULL, "kinds" jsonb NOT NULL, "channels" jsonb NOT NULL, "text_version" varchar(40) NOT NULL, "text_hash" varchar(64) NOT NULL, "text_language" varchar(8) NOT NULL, "given_at" timestamp with time zone NOT NULL, "means" varchar(10) NOT NULL, "evidence" varchar(300) NOT NULL, "expires_at" timestamp with time zone NULL, "taken_by_id" uuid NULL, "taken_by_name" varchar(120) NOT NULL, "withdrawn_at" timestamp with time zone NULL, "withdrawn_means" varchar(10) NOT NULL, "withdrawn_note" varchar(300) NOT NULL, "withdrawn_by_name" varchar(120) NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "customer_id" uuid NOT NULL);
-- next
CREATE TABLE "customers_interaction" ("id" uuid NOT NULL PRIMARY KEY, "at" timestamp with time zone NOT NULL, "channel" varchar(12) NOT NULL, "from_customer" boolean NOT NULL, "department" varchar(24) NOT NULL, "person_id" uuid NULL, "person_name" varchar(120) NOT NULL, "content" text NOT NULL, "result" varchar(200) NOT NULL, "document" varchar(40) NOT NULL, "document_id" uuid NULL, "url" varchar(200) NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "customer_id" uuid NOT NULL);
-- next
CREATE TABLE "customers_ownership" ("id" uuid NOT NULL PRIMARY KEY, "role" varchar(8) NOT NULL, "since" date NOT NULL, "until" date NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "customer_id" uuid NOT NULL, "vehicle_id" uuid NOT NULL);
-- next
CREATE INDEX "customers_customer_newest" ON "customers_customer" ("created_at" DESC, "id");
-- next
CREATE INDEX "customers_customer_name" ON "customers_customer" ("name" varchar_pattern_ops);
-- next
CREATE INDEX "customers_customer_pinyin" ON "customers_customer" ("pinyin" varchar_pattern_ops);
-- next
CREATE INDEX "customers_customer_initials" ON "customers_customer" ("initials" varchar_pattern_ops);
-- next
CREATE INDEX "customers_customer_phone" ON "customers_customer" ("phone" varchar_pattern_ops);
-- next
CREATE INDEX "customers_customer_tail" ON "customers_customer" ("phone_reversed" varchar_pattern_ops);
-- next
CREATE INDEX "customers_customer_email" ON "customers_customer" ("email" varchar_pattern_ops);
-- next
CREATE INDEX "customers_vehicle_vin_5c00bd33_like" ON "customers_vehicle" ("vin" varchar_pattern_ops);
-- next
CREATE INDEX "customers_vehicle_vin_tail" ON "customers_vehicle" ("vin_reversed" varchar_pattern_ops);
-- next
CREATE INDEX "customers_vehicle_plate" ON "customers_vehicle" ("plate" varchar_pattern_ops);
-- next
CREATE INDEX "customers_vehicle_newest" ON "customers_vehicle" ("created_at" DESC, "id");
-- next
ALTER TABLE "customers_odometerreading" ADD CONSTRAINT "customers_odometerre_vehicle_id_28e4ebe2_fk_customers" FOREIGN KEY ("vehicle_id") REFERENCES "customers_vehicle" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "customers_odometerreading_vehicle_id_28e4ebe2" ON "customers_odometerreading" ("vehicle_id");
-- next
ALTER TABLE "customers_consent" ADD CONSTRAINT "customers_consent_customer_id_e5c9af2d_fk_customers_customer_id" FOREIGN KEY ("customer_id") REFERENCES "customers_customer" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "customers_consent_customer_id_e5c9af2d" ON "customers_consent" ("customer_id");
-- next
CREATE INDEX "customers_consent_latest" ON "customers_consent" ("customer_id", "purpose", "recipient", "given_at" DESC);
-- next
ALTER TABLE "customers_interaction" ADD CONSTRAINT "customers_interactio_customer_id_3eb30ec4_fk_customers" FOREIGN KEY ("customer_id") REFERENCES "customers_customer" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "customers_interaction_customer_id_3eb30ec4" ON "customers_interaction" ("customer_id");
-- next
CREATE INDEX "customers_interaction_line" ON "customers_interaction" ("customer_id", "at" DESC);
-- next
ALTER TABLE "customers_ownership" ADD CONSTRAINT "customers_ownership_customer_id_ae342e45_fk_customers" FOREIGN KEY ("customer_id") REFERENCES "customers_customer" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "customers_ownership" ADD CONSTRAINT "customers_ownership_vehicle_id_9ca00907_fk_customers_vehicle_id" FOREIGN KEY ("vehicle_id") REFERENCES "customers_vehicle" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE UNIQUE INDEX "customers_ownership_one_owner" ON "customers_ownership" ("vehicle_id") WHERE ("role" = 'owner' AND "until" IS NULL);
-- next
CREATE UNIQUE INDEX "customers_ownership_once" ON "customers_ownership" ("vehicle_id", "customer_id", "role") WHERE "until" IS NULL;
-- next
CREATE INDEX "customers_ownership_customer_id_ae342e45" ON "customers_ownership" ("customer_id");
-- next
CREATE INDEX "customers_ownership_vehicle_id_9ca00907" ON "customers_ownership" ("vehicle_id");

-- migration customers.0002_consent_as_read sql
ALTER TABLE "customers_consent" ADD COLUMN "signature" jsonb NULL;
-- next
ALTER TABLE "customers_consent" ADD COLUMN "wording" text NULL;

-- migration customers.0003_marks sql
ALTER TABLE "customers_customer" ADD COLUMN "marked_at" timestamp with time zone NULL;
-- next
ALTER TABLE "customers_customer" ADD COLUMN "marks" jsonb NULL;
-- next
ALTER TABLE "customers_vehicle" ADD COLUMN "mark" varchar(26) NULL;

-- migration customers.0004_marks_indexes concurrent
CREATE INDEX CONCURRENTLY "customers_customer_marks" ON "customers_customer" USING gin ("marks" jsonb_path_ops);
-- next
CREATE INDEX CONCURRENTLY "customers_customer_unmarked" ON "customers_customer" ("id") WHERE ("marked_at" IS NULL OR "marked_at" < ("updated_at"));
-- next
CREATE INDEX CONCURRENTLY "customers_vehicle_mark" ON "customers_vehicle" ("mark");

-- migration customers.0005_erased sql
ALTER TABLE "customers_customer" ADD COLUMN "erased_at" timestamp with time zone NULL;

-- migration exchange.0001_initial sql
CREATE TABLE "exchange_inboxpayload" ("id" uuid NOT NULL PRIMARY KEY, "body" jsonb NOT NULL);
-- next
CREATE TABLE "exchange_payload" ("id" uuid NOT NULL PRIMARY KEY, "salt" varchar(32) NOT NULL, "body" jsonb NOT NULL);
-- next
CREATE TABLE "exchange_watermark" ("sender" uuid NOT NULL PRIMARY KEY, "drained_at" timestamp with time zone NOT NULL);
-- next
CREATE TABLE "exchange_inbox" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "contract" varchar(40) NOT NULL, "version" smallint NOT NULL CHECK ("version" >= 0), "sender" uuid NOT NULL, "subject" uuid NOT NULL, "seq" bigint NOT NULL, "purpose" varchar(24) NOT NULL, "agreement_version" varchar(40) NOT NULL, "level" varchar(16) NOT NULL, "commitment" varchar(64) NOT NULL, "event_at" timestamp with time zone NOT NULL, "received_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "state" varchar(12) DEFAULT 'received' NOT NULL, "reason" varchar(60) DEFAULT '' NOT NULL, "detail" text DEFAULT '' NOT NULL, "attempts" smallint DEFAULT 0 NOT NULL CHECK ("attempts" >= 0), "applied_at" timestamp with time zone NULL);
-- next
CREATE TABLE "exchange_ledger" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "contract" varchar(40) NOT NULL, "version" smallint NOT NULL CHECK ("version" >= 0), "receiver" uuid NOT NULL, "subject" uuid NOT NULL, "seq" bigint NULL, "subject_label" varchar(120) NOT NULL, "purpose" varchar(24) NOT NULL, "agreement_version" varchar(40) NOT NULL, "level" varchar(16) NOT NULL, "released" jsonb NOT NULL, "withheld" jsonb NOT NULL, "path" jsonb NOT NULL, "commitment" varchar(64) NOT NULL, "state" varchar(12) NOT NULL, "reason" varchar(200) NOT NULL, "actor_name" varchar(120) NOT NULL, "event_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "delivered_at" timestamp with time zone NULL, "applied_at" timestamp with time zone NULL, CONSTRAINT "exchange_ledger_place" UNIQUE ("receiver", "subject", "seq"));
-- next
CREATE TABLE "exchange_subject" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "receiver" uuid NOT NULL, "subject" uuid NOT NULL, "last" bigint NOT NULL, CONSTRAINT "exchange_subject_one" UNIQUE ("receiver", "subject"));
-- next
ALTER TABLE "exchange_inbox" ADD CONSTRAINT "exchange_inbox_place" UNIQUE ("sender", "subject", "seq");
-- next
CREATE INDEX "exchange_inbox_waiting" ON "exchange_inbox" ("number") WHERE "state" = 'received';
-- next
CREATE INDEX "exchange_inbox_stuck" ON "exchange_inbox" ("sender", "subject", "seq") WHERE "state" IN ('refused', 'parked');
-- next
CREATE INDEX "exchange_ledger_waiting" ON "exchange_ledger" ("number") WHERE "state" = 'recorded';
-- next
CREATE INDEX "exchange_ledger_contract" ON "exchange_ledger" ("contract", "number" DESC);
-- next
CREATE INDEX "exchange_ledger_subject" ON "exchange_ledger" ("subject", "number");
-- next
CREATE INDEX "exchange_ledger_state" ON "exchange_ledger" ("state", "number" DESC);

-- migration exchange.0002_chain sql
CREATE TABLE "exchange_anchor" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "chain" uuid NOT NULL, "number" bigint NOT NULL, "place" bigint NOT NULL, "hash" varchar(64) NOT NULL, "at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "day" date NULL, "document" text DEFAULT '' NOT NULL);
-- next
CREATE TABLE "exchange_check" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "began_at" timestamp with time zone NOT NULL, "finished_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "number" bigint NOT NULL, "rows" bigint NOT NULL, "payloads" bigint NOT NULL, "anchors" bigint NOT NULL, "findings" jsonb NOT NULL);
-- next
CREATE TABLE "exchange_seal" ("number" bigint NOT NULL PRIMARY KEY, "first" bigint NOT NULL, "last" bigint NOT NULL, "leaves" bytea NOT NULL, "previous" varchar(64) NOT NULL, "hash" varchar(64) NOT NULL, "sealed_at" timestamp with time zone NOT NULL);
-- next
ALTER TABLE "exchange_ledger" ADD COLUMN "seal" bigint NULL;
-- next
CREATE INDEX "exchange_anchor_place" ON "exchange_anchor" ("chain", "number");
-- next
ALTER TABLE "exchange_anchor" ADD CONSTRAINT "exchange_anchor_day" UNIQUE ("chain", "day");

-- migration exchange.0003_unsealed concurrent
CREATE INDEX CONCURRENTLY "exchange_ledger_unsealed" ON "exchange_ledger" ("number") WHERE "seal" IS NULL;

-- migration exchange.0004_holdups sql
CREATE TABLE "exchange_holdup" ("receiver" uuid NOT NULL PRIMARY KEY, "since" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "exchange_reconciliation" ("member" uuid NOT NULL PRIMARY KEY, "at" timestamp with time zone NOT NULL, "compared" integer NOT NULL CHECK ("compared" >= 0), "found" integer NOT NULL CHECK ("found" >= 0), "differences" jsonb NOT NULL, "wanted_at" timestamp with time zone NULL, "replayed_at" timestamp with time zone NULL, "replayed" integer NOT NULL CHECK ("replayed" >= 0));

-- migration idempotency.0001_initial sql
CREATE TABLE "idempotency_storedanswer" ("id" uuid NOT NULL PRIMARY KEY, "key" varchar(255) NOT NULL, "owner" uuid NOT NULL, "method" varchar(8) NOT NULL, "path" varchar(500) NOT NULL, "fingerprint" varchar(64) NOT NULL, "status" smallint NOT NULL CHECK ("status" >= 0), "headers" jsonb NOT NULL, "body" bytea NOT NULL, "created_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "expires_at" timestamp with time zone NOT NULL, CONSTRAINT "idempotency_owner_key" UNIQUE ("owner", "key"));
-- next
CREATE INDEX "idempotency_expires" ON "idempotency_storedanswer" ("expires_at");

-- migration organisation.0001_initial sql
CREATE TABLE "organisation_profile" ("id" uuid NOT NULL PRIMARY KEY, "manufacturer_id" uuid NOT NULL, "manufacturer_name" varchar(120) NOT NULL, "slug" varchar(63) NOT NULL, "name" varchar(120) NOT NULL, "short_name" varchar(40) NOT NULL, "phone" varchar(32) NOT NULL, "email" varchar(254) NOT NULL, "province" varchar(40) NOT NULL, "city" varchar(40) NOT NULL, "address" varchar(200) NOT NULL, "language" varchar(8) NOT NULL, "time_zone" varchar(40) NOT NULL, "currency" varchar(3) NOT NULL, "primary_colour" varchar(7) NOT NULL, "accent_colour" varchar(7) NOT NULL, "logo" varchar(120) NOT NULL, "theme_version" integer NOT NULL CHECK ("theme_version" >= 0), "joined_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "organisation_site" ("id" uuid NOT NULL PRIMARY KEY, "name" varchar(120) NOT NULL, "phone" varchar(32) NOT NULL, "province" varchar(40) NOT NULL, "city" varchar(40) NOT NULL, "address" varchar(200) NOT NULL, "is_main" boolean NOT NULL, "active" boolean NOT NULL);
-- next
CREATE TABLE "organisation_department" ("id" uuid NOT NULL PRIMARY KEY, "kind" varchar(24) NOT NULL, "name" varchar(120) NOT NULL, "active" boolean NOT NULL, "site_id" uuid NOT NULL);
-- next
CREATE TABLE "organisation_employee" ("id" uuid NOT NULL PRIMARY KEY, "job_title" varchar(80) NOT NULL, "duties" jsonb NOT NULL, "active" boolean NOT NULL, "joined_on" date NULL, "left_on" date NULL, "department_id" uuid NULL, "user_id" uuid NOT NULL UNIQUE, "site_id" uuid NULL);
-- next
ALTER TABLE "organisation_department" ADD CONSTRAINT "organisation_department_once" UNIQUE ("site_id", "kind", "name");
-- next
ALTER TABLE "organisation_department" ADD CONSTRAINT "organisation_departm_site_id_8a019f92_fk_organisat" FOREIGN KEY ("site_id") REFERENCES "organisation_site" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "organisation_department_site_id_8a019f92" ON "organisation_department" ("site_id");
-- next
ALTER TABLE "organisation_employee" ADD CONSTRAINT "organisation_employe_department_id_15fb9a83_fk_organisat" FOREIGN KEY ("department_id") REFERENCES "organisation_department" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "organisation_employee" ADD CONSTRAINT "organisation_employee_user_id_18ebd441_fk_accounts_user_id" FOREIGN KEY ("user_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "organisation_employee" ADD CONSTRAINT "organisation_employee_site_id_5e3054c2_fk_organisation_site_id" FOREIGN KEY ("site_id") REFERENCES "organisation_site" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "organisation_employee_department_id_15fb9a83" ON "organisation_employee" ("department_id");
-- next
CREATE INDEX "organisation_employee_site_id_5e3054c2" ON "organisation_employee" ("site_id");
-- next
CREATE INDEX "organisation_employee_dept" ON "organisation_employee" ("department_id", "active");

-- migration organisation.0002_exports sql
CREATE TABLE "organisation_export" ("id" uuid NOT NULL PRIMARY KEY, "state" varchar(8) NOT NULL, "asked_by_id" uuid NULL, "asked_by_name" varchar(120) NOT NULL, "asked_at" timestamp with time zone NOT NULL, "tables" smallint NOT NULL CHECK ("tables" >= 0), "tables_done" smallint NOT NULL CHECK ("tables_done" >= 0), "rows" bigint NOT NULL CHECK ("rows" >= 0), "file" varchar(80) NOT NULL, "sha256" varchar(64) NOT NULL, "bytes" bigint NOT NULL CHECK ("bytes" >= 0), "problem" varchar(300) NOT NULL, "worked_at" timestamp with time zone NULL, "finished_at" timestamp with time zone NULL, "expires_at" timestamp with time zone NULL);
-- next
CREATE INDEX "organisation_export_state" ON "organisation_export" ("state", "asked_at" DESC);

-- migration organisation.0003_country sql
ALTER TABLE "organisation_profile" ADD COLUMN "country" varchar(6) DEFAULT 'CN' NOT NULL;

-- migration stock.0001_initial sql
CREATE TABLE "stock_stockvehicle" ("id" uuid NOT NULL PRIMARY KEY, "vin" varchar(17) NOT NULL UNIQUE, "brand" varchar(40) NOT NULL, "series" varchar(40) NOT NULL, "model" varchar(60) NOT NULL, "variant" varchar(60) NOT NULL, "colour" varchar(40) NOT NULL, "list_price" numeric(14, 2) NULL, "currency" varchar(3) NOT NULL, "location" varchar(80) NOT NULL, "state" varchar(12) NOT NULL, "arrived_on" date NULL, "held_for" uuid NULL, "held_until" date NULL, "delivered_on" date NULL, "created_at" timestamp with time zone NOT NULL, "updated_at" timestamp with time zone NOT NULL);
-- next
CREATE TABLE "stock_movement" ("id" uuid NOT NULL PRIMARY KEY, "kind" varchar(12) NOT NULL, "at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "by_name" varchar(120) NOT NULL, "price" numeric(14, 2) NULL, "currency" varchar(3) NOT NULL, "location" varchar(80) NOT NULL, "note" varchar(200) NOT NULL, "vehicle_id" uuid NOT NULL);
-- next
CREATE INDEX "stock_stockvehicle_vin_4440895d_like" ON "stock_stockvehicle" ("vin" varchar_pattern_ops);
-- next
CREATE INDEX "stock_vehicle_newest" ON "stock_stockvehicle" ("updated_at" DESC, "id");
-- next
CREATE INDEX "stock_vehicle_state" ON "stock_stockvehicle" ("state", "arrived_on");
-- next
CREATE INDEX "stock_vehicle_model" ON "stock_stockvehicle" ("brand", "series", "model");
-- next
CREATE INDEX "stock_vehicle_held_for" ON "stock_stockvehicle" ("held_for");
-- next
ALTER TABLE "stock_movement" ADD CONSTRAINT "stock_movement_vehicle_id_43c9b02a_fk_stock_stockvehicle_id" FOREIGN KEY ("vehicle_id") REFERENCES "stock_stockvehicle" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "stock_movement_vehicle_id_43c9b02a" ON "stock_movement" ("vehicle_id");
-- next
CREATE INDEX "stock_movement_vehicle" ON "stock_movement" ("vehicle_id", "at" DESC);

-- migration sales.0001_initial sql
CREATE TABLE "sales_lead" ("id" uuid NOT NULL PRIMARY KEY, "fence" integer NOT NULL CHECK ("fence" >= 0), "state" varchar(12) NOT NULL, "offered_at" timestamp with time zone NOT NULL, "respond_before" timestamp with time zone NOT NULL, "channel" varchar(40) NOT NULL, "source" varchar(200) NOT NULL, "brand" varchar(200) NOT NULL, "series" varchar(200) NOT NULL, "model" varchar(200) NOT NULL, "interest" varchar(40) NOT NULL, "wish" text NOT NULL, "province" varchar(80) NOT NULL, "city" varchar(80) NOT NULL, "district" varchar(80) NOT NULL, "budget" numeric(14, 2) NULL, "budget_currency" varchar(3) NOT NULL, "window_from" date NULL, "window_to" date NULL, "preferred_time" varchar(200) NOT NULL, "lines" jsonb NOT NULL, "consent_basis" varchar(200) NOT NULL, "consent_text_version" varchar(200) NOT NULL, "collected_at" timestamp with time zone NULL, "masked_name" varchar(200) NOT NULL, "envelope" text NOT NULL, "assignment" jsonb NOT NULL, "answered_at" timestamp with time zone NULL, "customer_known" boolean NOT NULL, "decline_reason" varchar(20) NOT NULL, "decline_text" varchar(300) NOT NULL, "first_contact_at" timestamp with time zone NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "updated_at" timestamp with time zone NOT NULL, "answered_by_id" uuid NULL, "consultant_id" uuid NULL);
-- next
CREATE TABLE "sales_leadmilestone" ("id" uuid NOT NULL PRIMARY KEY, "fence" integer NOT NULL CHECK ("fence" >= 0), "event" varchar(12) NOT NULL, "at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "by_name" varchar(120) NOT NULL, "lead_id" uuid NOT NULL);
-- next
CREATE TABLE "sales_prospect" ("id" uuid NOT NULL PRIMARY KEY, "state" varchar(8) NOT NULL, "stage" varchar(12) NOT NULL, "channel" varchar(24) NOT NULL, "customer_type" varchar(16) NOT NULL, "likes_brand" boolean NULL, "intended_on" date NULL, "temperature" varchar(12) NOT NULL, "brand" varchar(200) NOT NULL, "series" varchar(200) NOT NULL, "model" varchar(200) NOT NULL, "variant" varchar(200) NOT NULL, "wish" text NOT NULL, "budget" numeric(14, 2) NULL, "currency" varchar(3) NOT NULL, "present_brand" varchar(80) NOT NULL, "present_model" varchar(80) NOT NULL, "no_present_vehicle" boolean NOT NULL, "contact_result" varchar(20) NOT NULL, "last_contact_at" timestamp with time zone NULL, "next_contact_on" date NULL, "next_contact_plan" varchar(200) NOT NULL, "heat" smallint NOT NULL CHECK ("heat" >= 0), "missing" jsonb NOT NULL, "qualified" boolean NOT NULL, "lost_reason" varchar(16) NOT NULL, "lost_text" varchar(300) NOT NULL, "closed_at" timestamp with time zone NULL, "created_at" timestamp with time zone NOT NULL, "updated_at" timestamp with time zone NOT NULL, "consultant_id" uuid NULL, "customer_id" uuid NOT NULL, "lead_id" uuid NULL UNIQUE);
-- next
CREATE TABLE "sales_followup" ("id" uuid NOT NULL PRIMARY KEY, "at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "channel" varchar(12) NOT NULL, "result" varchar(20) NOT NULL, "note" text NOT NULL, "next_on" date NULL, "next_plan" varchar(200) NOT NULL, "by_id" uuid NULL, "prospect_id" uuid NOT NULL);
-- next
CREATE TABLE "sales_quotation" ("id" uuid NOT NULL PRIMARY KEY, "serial" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "version" smallint NOT NULL CHECK ("version" >= 0), "state" varchar(10) NOT NULL, "brand" varchar(200) NOT NULL, "series" varchar(200) NOT NULL, "model" varchar(200) NOT NULL, "variant" varchar(200) NOT NULL, "colour" varchar(40) NOT NULL, "currency" varchar(3) NOT NULL, "list_price" numeric(14, 2) NOT NULL, "discount" numeric(14, 2) NOT NULL, "total" numeric(14, 2) NOT NULL, "valid_until" date NOT NULL, "note" text NOT NULL, "created_at" timestamp with time zone NOT NULL, "updated_at" timestamp with time zone NOT NULL, "by_id" uuid NULL, "prospect_id" uuid NOT NULL, "vehicle_id" uuid NULL);
-- next
CREATE TABLE "sales_quotationline" ("id" uuid NOT NULL PRIMARY KEY, "place" smallint NOT NULL CHECK ("place" >= 0), "kind" varchar(10) NOT NULL, "text" varchar(200) NOT NULL, "amount" numeric(14, 2) NOT NULL, "quotation_id" uuid NOT NULL);
-- next
CREATE TABLE "sales_salescontract" ("id" uuid NOT NULL PRIMARY KEY, "serial" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "state" varchar(10) NOT NULL, "total" numeric(14, 2) NOT NULL, "discount" numeric(14, 2) NOT NULL, "currency" varchar(3) NOT NULL, "signed_on" date NOT NULL, "delivery_planned_on" date NULL, "decided_at" timestamp with time zone NULL, "decision_note" varchar(300) NOT NULL, "created_at" timestamp with time zone NOT NULL, "updated_at" timestamp with time zone NOT NULL, "decided_by_id" uuid NULL, "prospect_id" uuid NOT NULL, "quotation_id" uuid NOT NULL, "signed_by_id" uuid NULL, "vehicle_id" uuid NULL);
-- next
CREATE TABLE "sales_instalment" ("id" uuid NOT NULL PRIMARY KEY, "kind" varchar(8) NOT NULL, "due_on" date NOT NULL, "amount" numeric(14, 2) NOT NULL, "paid_on" date NULL, "contract_id" uuid NOT NULL);
-- next
CREATE TABLE "sales_delivery" ("id" uuid NOT NULL PRIMARY KEY, "vin" varchar(17) NOT NULL, "delivered_on" date NOT NULL, "odometer_km" integer NOT NULL CHECK ("odometer_km" >= 0), "plate" varchar(16) NOT NULL, "checklist" jsonb NOT NULL, "note" text NOT NULL, "created_at" timestamp with time zone NOT NULL, "by_id" uuid NULL, "vehicle_id" uuid NOT NULL UNIQUE, "prospect_id" uuid NOT NULL, "contract_id" uuid NOT NULL UNIQUE);
-- next
CREATE TABLE "sales_salespolicy" ("id" smallint NOT NULL PRIMARY KEY CHECK ("id" >= 0), "approval_limit" numeric(14, 2) NOT NULL, "hot_months" smallint NOT NULL CHECK ("hot_months" >= 0), "warm_months" smallint NOT NULL CHECK ("warm_months" >= 0), "quotation_days" smallint NOT NULL CHECK ("quotation_days" >= 0), "updated_at" timestamp with time zone NULL, CONSTRAINT "sales_policy_one_row" CHECK ("id" = 1), CONSTRAINT "sales_policy_hot_before_warm" CHECK ("hot_months" < ("warm_months")));
-- next
CREATE TABLE "sales_testdrive" ("id" uuid NOT NULL PRIMARY KEY, "state" varchar(10) NOT NULL, "scheduled_at" timestamp with time zone NOT NULL, "minutes" smallint NOT NULL CHECK ("minutes" >= 0), "car" varchar(200) NOT NULL, "licence_seen" boolean NOT NULL, "driven_at" timestamp with time zone NULL, "route" varchar(120) NOT NULL, "result" varchar(12) NOT NULL, "note" text NOT NULL, "created_at" timestamp with time zone NOT NULL, "by_id" uuid NULL, "prospect_id" uuid NOT NULL, "vehicle_id" uuid NULL);
-- next
CREATE INDEX "sales_lead_newest" ON "sales_lead" ("offered_at" DESC, "id");
-- next
CREATE INDEX "sales_lead_state" ON "sales_lead" ("state", "offered_at" DESC);
-- next
CREATE INDEX "sales_lead_consultant" ON "sales_lead" ("consultant_id", "state");
-- next
CREATE INDEX "sales_lead_open" ON "sales_lead" ("respond_before") WHERE "state" = 'offered';
-- next
ALTER TABLE "sales_leadmilestone" ADD CONSTRAINT "sales_milestone_once" UNIQUE ("lead_id", "fence", "event");
-- next
CREATE INDEX "sales_prospect_heat" ON "sales_prospect" ("heat", "next_contact_on", "id");
-- next
CREATE INDEX "sales_prospect_state" ON "sales_prospect" ("state", "heat", "next_contact_on");
-- next
CREATE INDEX "sales_prospect_tasks" ON "sales_prospect" ("consultant_id", "state", "next_contact_on");
-- next
CREATE INDEX "sales_prospect_customer" ON "sales_prospect" ("customer_id", "created_at" DESC);
-- next
CREATE INDEX "sales_prospect_created" ON "sales_prospect" ("created_at");
-- next
CREATE INDEX "sales_followup_prospect" ON "sales_followup" ("prospect_id", "at" DESC);
-- next
CREATE INDEX "sales_followup_at" ON "sales_followup" ("at" DESC);
-- next
CREATE INDEX "sales_quotation_newest" ON "sales_quotation" ("created_at" DESC, "id");
-- next
CREATE INDEX "sales_quotation_state" ON "sales_quotation" ("state", "created_at" DESC);
-- next
ALTER TABLE "sales_quotation" ADD CONSTRAINT "sales_quotation_version" UNIQUE ("prospect_id", "version");
-- next
ALTER TABLE "sales_quotationline" ADD CONSTRAINT "sales_line_place" UNIQUE ("quotation_id", "place");
-- next
CREATE INDEX "sales_contract_newest" ON "sales_salescontract" ("created_at" DESC, "id");
-- next
CREATE INDEX "sales_contract_state" ON "sales_salescontract" ("state", "created_at" DESC);
-- next
CREATE INDEX "sales_contract_signed" ON "sales_salescontract" ("signed_on");
-- next
CREATE UNIQUE INDEX "sales_contract_one_live" ON "sales_salescontract" ("prospect_id") WHERE "state" IN ('signed', 'approved', 'executed');
-- next
CREATE INDEX "sales_instalment_due" ON "sales_instalment" ("due_on") WHERE "paid_on" IS NULL;
-- next
CREATE INDEX "sales_delivery_day" ON "sales_delivery" ("delivered_on" DESC);
-- next
CREATE INDEX "sales_testdrive_newest" ON "sales_testdrive" ("scheduled_at" DESC, "id");
-- next
CREATE INDEX "sales_testdrive_state" ON "sales_testdrive" ("state", "scheduled_at");
-- next
CREATE INDEX "sales_testdrive_prospect" ON "sales_testdrive" ("prospect_id", "scheduled_at" DESC);
-- next
CREATE INDEX "sales_testdrive_vehicle" ON "sales_testdrive" ("vehicle_id", "scheduled_at");
-- next
ALTER TABLE "sales_lead" ADD CONSTRAINT "sales_lead_answered_by_id_b1bf44ea_fk_accounts_user_id" FOREIGN KEY ("answered_by_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_lead" ADD CONSTRAINT "sales_lead_consultant_id_b13e881e_fk_accounts_user_id" FOREIGN KEY ("consultant_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_lead_answered_by_id_b1bf44ea" ON "sales_lead" ("answered_by_id");
-- next
CREATE INDEX "sales_lead_consultant_id_b13e881e" ON "sales_lead" ("consultant_id");
-- next
ALTER TABLE "sales_leadmilestone" ADD CONSTRAINT "sales_leadmilestone_lead_id_589ba8ac_fk_sales_lead_id" FOREIGN KEY ("lead_id") REFERENCES "sales_lead" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_leadmilestone_lead_id_589ba8ac" ON "sales_leadmilestone" ("lead_id");
-- next
ALTER TABLE "sales_prospect" ADD CONSTRAINT "sales_prospect_consultant_id_aae9f6a4_fk_accounts_user_id" FOREIGN KEY ("consultant_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_prospect" ADD CONSTRAINT "sales_prospect_customer_id_39d4dce2_fk_customers_customer_id" FOREIGN KEY ("customer_id") REFERENCES "customers_customer" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_prospect" ADD CONSTRAINT "sales_prospect_lead_id_e1cd12b5_fk_sales_lead_id" FOREIGN KEY ("lead_id") REFERENCES "sales_lead" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_prospect_consultant_id_aae9f6a4" ON "sales_prospect" ("consultant_id");
-- next
CREATE INDEX "sales_prospect_customer_id_39d4dce2" ON "sales_prospect" ("customer_id");
-- next
ALTER TABLE "sales_followup" ADD CONSTRAINT "sales_followup_by_id_1d125200_fk_accounts_user_id" FOREIGN KEY ("by_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_followup" ADD CONSTRAINT "sales_followup_prospect_id_7d860ee8_fk_sales_prospect_id" FOREIGN KEY ("prospect_id") REFERENCES "sales_prospect" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_followup_by_id_1d125200" ON "sales_followup" ("by_id");
-- next
CREATE INDEX "sales_followup_prospect_id_7d860ee8" ON "sales_followup" ("prospect_id");
-- next
ALTER TABLE "sales_quotation" ADD CONSTRAINT "sales_quotation_by_id_042afc3c_fk_accounts_user_id" FOREIGN KEY ("by_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_quotation" ADD CONSTRAINT "sales_quotation_prospect_id_68ffe428_fk_sales_prospect_id" FOREIGN KEY ("prospect_id") REFERENCES "sales_prospect" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_quotation" ADD CONSTRAINT "sales_quotation_vehicle_id_8ab8061a_fk_stock_stockvehicle_id" FOREIGN KEY ("vehicle_id") REFERENCES "stock_stockvehicle" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_quotation_by_id_042afc3c" ON "sales_quotation" ("by_id");
-- next
CREATE INDEX "sales_quotation_prospect_id_68ffe428" ON "sales_quotation" ("prospect_id");
-- next
CREATE INDEX "sales_quotation_vehicle_id_8ab8061a" ON "sales_quotation" ("vehicle_id");
-- next
ALTER TABLE "sales_quotationline" ADD CONSTRAINT "sales_quotationline_quotation_id_85cd77e7_fk_sales_quotation_id" FOREIGN KEY ("quotation_id") REFERENCES "sales_quotation" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_quotationline_quotation_id_85cd77e7" ON "sales_quotationline" ("quotation_id");
-- next
ALTER TABLE "sales_salescontract" ADD CONSTRAINT "sales_salescontract_decided_by_id_aea01e8b_fk_accounts_user_id" FOREIGN KEY ("decided_by_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_salescontract" ADD CONSTRAINT "sales_salescontract_prospect_id_53c1ef78_fk_sales_prospect_id" FOREIGN KEY ("prospect_id") REFERENCES "sales_prospect" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_salescontract" ADD CONSTRAINT "sales_salescontract_quotation_id_bfbcaac4_fk_sales_quotation_id" FOREIGN KEY ("quotation_id") REFERENCES "sales_quotation" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_salescontract" ADD CONSTRAINT "sales_salescontract_signed_by_id_653d1302_fk_accounts_user_id" FOREIGN KEY ("signed_by_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_salescontract" ADD CONSTRAINT "sales_salescontract_vehicle_id_1757babe_fk_stock_sto" FOREIGN KEY ("vehicle_id") REFERENCES "stock_stockvehicle" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_salescontract_decided_by_id_aea01e8b" ON "sales_salescontract" ("decided_by_id");
-- next
CREATE INDEX "sales_salescontract_prospect_id_53c1ef78" ON "sales_salescontract" ("prospect_id");
-- next
CREATE INDEX "sales_salescontract_quotation_id_bfbcaac4" ON "sales_salescontract" ("quotation_id");
-- next
CREATE INDEX "sales_salescontract_signed_by_id_653d1302" ON "sales_salescontract" ("signed_by_id");
-- next
CREATE INDEX "sales_salescontract_vehicle_id_1757babe" ON "sales_salescontract" ("vehicle_id");
-- next
ALTER TABLE "sales_instalment" ADD CONSTRAINT "sales_instalment_contract_id_deac21b2_fk_sales_salescontract_id" FOREIGN KEY ("contract_id") REFERENCES "sales_salescontract" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_instalment_contract_id_deac21b2" ON "sales_instalment" ("contract_id");
-- next
ALTER TABLE "sales_delivery" ADD CONSTRAINT "sales_delivery_by_id_1377d0e9_fk_accounts_user_id" FOREIGN KEY ("by_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_delivery" ADD CONSTRAINT "sales_delivery_vehicle_id_8101feb9_fk_stock_stockvehicle_id" FOREIGN KEY ("vehicle_id") REFERENCES "stock_stockvehicle" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_delivery" ADD CONSTRAINT "sales_delivery_prospect_id_eaf9ffcc_fk_sales_prospect_id" FOREIGN KEY ("prospect_id") REFERENCES "sales_prospect" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_delivery" ADD CONSTRAINT "sales_delivery_contract_id_3d515326_fk_sales_salescontract_id" FOREIGN KEY ("contract_id") REFERENCES "sales_salescontract" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_delivery_by_id_1377d0e9" ON "sales_delivery" ("by_id");
-- next
CREATE INDEX "sales_delivery_prospect_id_eaf9ffcc" ON "sales_delivery" ("prospect_id");
-- next
ALTER TABLE "sales_testdrive" ADD CONSTRAINT "sales_testdrive_by_id_926c9548_fk_accounts_user_id" FOREIGN KEY ("by_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_testdrive" ADD CONSTRAINT "sales_testdrive_prospect_id_fd7c869f_fk_sales_prospect_id" FOREIGN KEY ("prospect_id") REFERENCES "sales_prospect" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "sales_testdrive" ADD CONSTRAINT "sales_testdrive_vehicle_id_5d93f107_fk_stock_stockvehicle_id" FOREIGN KEY ("vehicle_id") REFERENCES "stock_stockvehicle" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sales_testdrive_by_id_926c9548" ON "sales_testdrive" ("by_id");
-- next
CREATE INDEX "sales_testdrive_prospect_id_fd7c869f" ON "sales_testdrive" ("prospect_id");
-- next
CREATE INDEX "sales_testdrive_vehicle_id_5d93f107" ON "sales_testdrive" ("vehicle_id");

-- migration sales.0002_known_customers sql
ALTER TABLE "sales_lead" ADD COLUMN "known_by" jsonb NULL;

-- migration sharing.0001_initial sql
CREATE TABLE "sharing_agreement" ("id" uuid NOT NULL PRIMARY KEY, "version" varchar(40) NOT NULL UNIQUE, "title" jsonb NOT NULL, "text" jsonb NOT NULL, "terms" jsonb NOT NULL, "text_hash" varchar(64) NOT NULL, "notice_days" smallint NOT NULL CHECK ("notice_days" >= 0), "state" varchar(10) NOT NULL, "manufacturer_name" varchar(120) NOT NULL, "published_on" date NOT NULL, "received_at" timestamp with time zone NOT NULL, "signed_at" timestamp with time zone NULL, "signed_by_id" uuid NULL, "signed_by_name" varchar(120) NOT NULL, "signed_by_role" varchar(32) NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "sharing_countreport" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "contract" varchar(40) NOT NULL, "purpose" varchar(20) NOT NULL, "day" date NOT NULL, "ledger_id" uuid NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, CONSTRAINT "sharing_count_report_once" UNIQUE ("contract", "purpose", "day"));
-- next
CREATE TABLE "sharing_disclosure" ("id" uuid NOT NULL PRIMARY KEY, "contract" varchar(40) NOT NULL, "purpose" varchar(20) NOT NULL, "record_id" uuid NOT NULL, "customer_id" uuid NULL, "day" date NOT NULL, "dimension" varchar(60) NOT NULL, "counted" boolean NOT NULL);
-- next
CREATE TABLE "sharing_grant" ("id" uuid NOT NULL PRIMARY KEY, "contract" varchar(40) NOT NULL, "purpose" varchar(20) NOT NULL, "template" varchar(12) NOT NULL, "ceiling" varchar(12) NOT NULL, "required" boolean NOT NULL, "fields_denied" jsonb NOT NULL, "changed_at" timestamp with time zone NOT NULL, "changed_by_name" varchar(120) NOT NULL, "agreement_id" uuid NOT NULL);
-- next
CREATE TABLE "sharing_levelchange" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "agreement_version" varchar(40) NOT NULL, "before" varchar(12) NOT NULL, "after" varchar(12) NOT NULL, "stopped" integer NOT NULL CHECK ("stopped" >= 0), "at" timestamp with time zone NOT NULL, "by_id" uuid NULL, "by_name" varchar(120) NOT NULL, "note" varchar(300) NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "grant_id" uuid NOT NULL);
-- next
ALTER TABLE "sharing_grant" ADD CONSTRAINT "sharing_grant_one" UNIQUE ("contract", "purpose");
-- next
CREATE INDEX "sharing_change_newest" ON "sharing_levelchange" ("grant_id", "number" DESC);
-- next
CREATE INDEX "sharing_agreement_version_b858a11d_like" ON "sharing_agreement" ("version" varchar_pattern_ops);
-- next
CREATE INDEX "sharing_disclosure_record" ON "sharing_disclosure" ("record_id");
-- next
CREATE INDEX "sharing_disclosure_customer" ON "sharing_disclosure" ("customer_id") WHERE "customer_id" IS NOT NULL;
-- next
CREATE INDEX "sharing_disclosure_counted" ON "sharing_disclosure" ("day", "contract") WHERE "counted";
-- next
ALTER TABLE "sharing_grant" ADD CONSTRAINT "sharing_grant_agreement_id_78797e31_fk_sharing_agreement_id" FOREIGN KEY ("agreement_id") REFERENCES "sharing_agreement" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sharing_grant_agreement_id_78797e31" ON "sharing_grant" ("agreement_id");
-- next
ALTER TABLE "sharing_levelchange" ADD CONSTRAINT "sharing_levelchange_grant_id_4ef898dd_fk_sharing_grant_id" FOREIGN KEY ("grant_id") REFERENCES "sharing_grant" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "sharing_levelchange_grant_id_4ef898dd" ON "sharing_levelchange" ("grant_id");

-- migration sharing.0002_readings sql
CREATE TABLE "sharing_reading" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "at" timestamp with time zone NOT NULL, "reader" uuid NOT NULL, "reader_role" varchar(40) NOT NULL, "reading_for" varchar(20) NOT NULL, "how" varchar(10) NOT NULL, "of" varchar(10) NOT NULL, "purpose" varchar(20) NOT NULL, "rows" integer NOT NULL CHECK ("rows" >= 0), "searched_by" jsonb NOT NULL, "vin" varchar(28) NOT NULL, "owner_keys" jsonb NOT NULL, "message" uuid NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE INDEX "sharing_reading_newest" ON "sharing_reading" ("at" DESC, "number" DESC);
-- next
CREATE INDEX "sharing_reading_owners" ON "sharing_reading" USING gin ("owner_keys" jsonb_path_ops);
-- next
CREATE INDEX "sharing_reading_vin" ON "sharing_reading" ("vin") WHERE NOT ("vin" = '');

-- migration sharing.0003_proposals sql
ALTER TABLE "sharing_agreement" ADD COLUMN "end_reason" varchar(16) NULL;
-- next
ALTER TABLE "sharing_agreement" ADD COLUMN "ends_at" timestamp with time zone NULL;
-- next
ALTER TABLE "sharing_agreement" ADD COLUMN "proposal_id" uuid NULL;
-- next
ALTER TABLE "sharing_agreement" ADD COLUMN "told_at" timestamp with time zone NULL;
-- next
ALTER TABLE "sharing_agreement" ADD COLUMN "valid_from" date NULL;
-- next
ALTER TABLE "sharing_grant" ADD COLUMN "recipients" jsonb DEFAULT '[]'::jsonb NOT NULL;
-- next
ALTER TABLE "sharing_grant" ADD COLUMN "retention_days" integer NULL CHECK ("retention_days" >= 0);

-- migration sharing.0004_backfills sql
CREATE TABLE "sharing_backfill" ("id" uuid NOT NULL PRIMARY KEY, "since" date NOT NULL, "state" varchar(10) NOT NULL, "place_at" timestamp with time zone NULL, "place_id" uuid NULL, "total" integer NOT NULL CHECK ("total" >= 0), "looked_at" integer NOT NULL CHECK ("looked_at" >= 0), "sent" integer NOT NULL CHECK ("sent" >= 0), "known" integer NOT NULL CHECK ("known" >= 0), "kept" integer NOT NULL CHECK ("kept" >= 0), "ledger_number" bigint NOT NULL, "started_at" timestamp with time zone NOT NULL, "started_by_id" uuid NULL, "started_by_name" varchar(120) NOT NULL, "ended_at" timestamp with time zone NULL, "grant_id" uuid NOT NULL);
-- next
ALTER TABLE "sharing_backfill" ADD CONSTRAINT "sharing_backfill_grant_id_eea0dfd3_fk_sharing_grant_id" FOREIGN KEY ("grant_id") REFERENCES "sharing_grant" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE UNIQUE INDEX "sharing_backfill_one_running" ON "sharing_backfill" ("grant_id") WHERE "state" = 'running';
-- next
CREATE INDEX "sharing_backfill_grant_id_eea0dfd3" ON "sharing_backfill" ("grant_id");

-- migration sharing.0005_comparisons sql
CREATE TABLE "sharing_comparison" ("month" date NOT NULL PRIMARY KEY, "own" jsonb NOT NULL, "given" jsonb NOT NULL, "given_at" timestamp with time zone NULL, "network" jsonb NULL, "floor" smallint NULL CHECK ("floor" >= 0), "message" uuid NULL, "received_at" timestamp with time zone NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);

-- migration sharing.0006_taking_back sql
CREATE TABLE "sharing_erasure" ("id" uuid NOT NULL PRIMARY KEY, "request" uuid NULL, "origin" varchar(12) NOT NULL, "state" varchar(10) NOT NULL, "customer_id" uuid NOT NULL, "customer_number" bigint NOT NULL, "place" varchar(6) NOT NULL, "asked_at" timestamp with time zone NOT NULL, "decided_at" timestamp with time zone NULL, "decided_by_id" uuid NULL, "decided_by_name" varchar(120) NOT NULL, "reason" varchar(300) NOT NULL, "figures" jsonb NOT NULL, "kept" jsonb NOT NULL, "receipts" jsonb NOT NULL, "swept_at" timestamp with time zone NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, CONSTRAINT "sharing_erasure_asked_once" UNIQUE ("request", "customer_id"));
-- next
CREATE TABLE "sharing_withdrawal" ("id" uuid NOT NULL PRIMARY KEY, "contract" varchar(40) NOT NULL, "purpose" varchar(20) NOT NULL, "why" varchar(10) NOT NULL, "state" varchar(8) NOT NULL, "customer_id" uuid NULL, "messages" jsonb NULL, "levels" jsonb NOT NULL, "records" integer NOT NULL CHECK ("records" >= 0), "asked_at" timestamp with time zone NOT NULL, "decided_at" timestamp with time zone NULL, "decided_by_id" uuid NULL, "decided_by_name" varchar(120) NOT NULL, "sent_at" timestamp with time zone NULL, "ledger_id" uuid NULL, "receipts" jsonb NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "sharing_withdrawalchoice" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "contract" varchar(40) NOT NULL, "purpose" varchar(20) NOT NULL, "takes_back" boolean NOT NULL, "changed_at" timestamp with time zone NOT NULL, "changed_by_name" varchar(120) NOT NULL, CONSTRAINT "sharing_withdrawalchoice_one" UNIQUE ("contract", "purpose"));
-- next
CREATE UNIQUE INDEX "sharing_erasure_once" ON "sharing_erasure" ("customer_id") WHERE "state" IN ('sent', 'done');
-- next
CREATE INDEX "sharing_erasure_newest" ON "sharing_erasure" ("asked_at" DESC, "id");
-- next
CREATE INDEX "sharing_erasure_unswept" ON "sharing_erasure" ("asked_at") WHERE "swept_at" IS NULL;
-- next
CREATE UNIQUE INDEX "sharing_withdrawal_asked_once" ON "sharing_withdrawal" ("contract", "purpose") WHERE ("customer_id" IS NULL AND "state" = 'asked');
-- next
CREATE INDEX "sharing_withdrawal_newest" ON "sharing_withdrawal" ("asked_at" DESC, "id");
-- next
CREATE INDEX "sharing_withdrawal_customer" ON "sharing_withdrawal" ("customer_id") WHERE "customer_id" IS NOT NULL;

-- migration support.0001_initial sql
CREATE TABLE "support_access" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "origin" varchar(12) NOT NULL, "asked_by" varchar(120) NOT NULL, "asked_by_id" uuid NULL, "purpose" varchar(24) NOT NULL, "reason" text NOT NULL, "hours" smallint NOT NULL CHECK ("hours" >= 0), "asked_may" varchar(8) NOT NULL, "asked_area" varchar(12) NOT NULL, "asked_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "state" varchar(10) NOT NULL, "may" varchar(8) NOT NULL, "area" varchar(12) NOT NULL, "answered_at" timestamp with time zone NULL, "answered_by_id" uuid NULL, "answered_by_name" varchar(120) NOT NULL, "until" timestamp with time zone NULL, "ended_at" timestamp with time zone NULL, "ended_by_name" varchar(120) NOT NULL, "code_hash" varchar(64) NULL UNIQUE, "code_until" timestamp with time zone NULL, "code_used_at" timestamp with time zone NULL, "guest_id" uuid NULL UNIQUE);
-- next
CREATE TABLE "support_act" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "method" varchar(8) NOT NULL, "path" varchar(500) NOT NULL, "page" varchar(120) NOT NULL, "record" varchar(200) NOT NULL, "address" inet NULL, "request_id" varchar(64) NOT NULL, "status" smallint NULL CHECK ("status" >= 0), "access_id" uuid NOT NULL);
-- next
CREATE INDEX "support_access_state" ON "support_access" ("state", "number" DESC);
-- next
ALTER TABLE "support_access" ADD CONSTRAINT "support_access_no_longer_than_asked" CHECK (("until" IS NULL OR "until" <= ("answered_at" + ("hours" * '0 days 3600.000000 seconds'::interval))));
-- next
CREATE INDEX "support_act_newest" ON "support_act" ("access_id", "number" DESC);
-- next
ALTER TABLE "support_access" ADD CONSTRAINT "support_access_guest_id_32aaccfb_fk_accounts_user_id" FOREIGN KEY ("guest_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "support_access_code_hash_b9056059_like" ON "support_access" ("code_hash" varchar_pattern_ops);
-- next
ALTER TABLE "support_act" ADD CONSTRAINT "support_act_access_id_10cd4651_fk_support_access_id" FOREIGN KEY ("access_id") REFERENCES "support_access" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "support_act_access_id_10cd4651" ON "support_act" ("access_id");

-- migration workshop.0001_initial sql
CREATE TABLE "workshop_labourrate" ("pay_type" varchar(10) NOT NULL PRIMARY KEY, "hourly" numeric(10, 2) NOT NULL);
-- next
CREATE TABLE "workshop_appointment" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "starts_at" timestamp with time zone NOT NULL, "minutes" smallint NOT NULL CHECK ("minutes" >= 0), "kind" varchar(12) NOT NULL, "wish" text NOT NULL, "promised_at" timestamp with time zone NULL, "state" varchar(10) NOT NULL, "reason" varchar(200) NOT NULL, "created_at" timestamp with time zone NOT NULL, "created_by_name" varchar(120) NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "adviser_id" uuid NULL, "customer_id" uuid NOT NULL, "site_id" uuid NOT NULL, "vehicle_id" uuid NOT NULL);
-- next
CREATE TABLE "workshop_job" ("id" uuid NOT NULL PRIMARY KEY, "position" smallint NOT NULL CHECK ("position" >= 0), "complaint" text NOT NULL, "cause" text NOT NULL, "correction" text NOT NULL, "fault_code" varchar(40) NOT NULL, "state" varchar(10) NOT NULL, "started_at" timestamp with time zone NULL, "finished_at" timestamp with time zone NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "technician_id" uuid NULL);
-- next
CREATE TABLE "workshop_jobline" ("id" uuid NOT NULL PRIMARY KEY, "position" smallint NOT NULL CHECK ("position" >= 0), "kind" varchar(8) NOT NULL, "code" varchar(40) NOT NULL, "description" varchar(200) NOT NULL, "quantity" numeric(8, 2) NOT NULL, "standard_hours" numeric(5, 2) NULL, "unit_price" numeric(12, 2) NOT NULL, "amount" numeric(14, 2) NOT NULL, "pay_type" varchar(10) NOT NULL, "causal" boolean NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "job_id" uuid NOT NULL);
-- next
CREATE TABLE "workshop_repairorder" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "kind" varchar(12) NOT NULL, "odometer_km" integer NOT NULL CHECK ("odometer_km" >= 0), "opened_at" timestamp with time zone NOT NULL, "promised_at" timestamp with time zone NULL, "state" varchar(10) NOT NULL, "reason" varchar(200) NOT NULL, "ready_at" timestamp with time zone NULL, "closed_at" timestamp with time zone NULL, "currency" varchar(3) NOT NULL, "totals" jsonb NOT NULL, "labour_total" numeric(14, 2) NOT NULL, "parts_total" numeric(14, 2) NOT NULL, "total" numeric(14, 2) NOT NULL, "created_by_name" varchar(120) NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "adviser_id" uuid NULL, "appointment_id" uuid NULL UNIQUE, "customer_id" uuid NOT NULL, "site_id" uuid NOT NULL, "vehicle_id" uuid NOT NULL);
-- next
ALTER TABLE "workshop_job" ADD COLUMN "repair_order_id" uuid NOT NULL CONSTRAINT "workshop_job_repair_order_id_94930276_fk_workshop_" REFERENCES "workshop_repairorder"("id") DEFERRABLE INITIALLY DEFERRED; SET CONSTRAINTS "workshop_job_repair_order_id_94930276_fk_workshop_" IMMEDIATE;
-- next
CREATE INDEX "workshop_appointment_day" ON "workshop_appointment" ("starts_at", "id");
-- next
CREATE INDEX "workshop_appointment_customer" ON "workshop_appointment" ("customer_id", "starts_at" DESC);
-- next
ALTER TABLE "workshop_jobline" ADD CONSTRAINT "workshop_line_position" UNIQUE ("job_id", "position");
-- next
CREATE UNIQUE INDEX "workshop_line_one_causal" ON "workshop_jobline" ("job_id") WHERE "causal";
-- next
CREATE INDEX "workshop_order_newest" ON "workshop_repairorder" ("opened_at" DESC, "id");
-- next
CREATE INDEX "workshop_order_state" ON "workshop_repairorder" ("state", "opened_at" DESC);
-- next
CREATE INDEX "workshop_order_customer" ON "workshop_repairorder" ("customer_id", "opened_at" DESC);
-- next
CREATE INDEX "workshop_order_vehicle" ON "workshop_repairorder" ("vehicle_id", "opened_at" DESC);
-- next
CREATE INDEX "workshop_job_technician" ON "workshop_job" ("technician_id", "state");
-- next
ALTER TABLE "workshop_job" ADD CONSTRAINT "workshop_job_position" UNIQUE ("repair_order_id", "position");
-- next
CREATE INDEX "workshop_labourrate_pay_type_7e60f742_like" ON "workshop_labourrate" ("pay_type" varchar_pattern_ops);
-- next
ALTER TABLE "workshop_appointment" ADD CONSTRAINT "workshop_appointment_adviser_id_1809bfcf_fk_accounts_user_id" FOREIGN KEY ("adviser_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "workshop_appointment" ADD CONSTRAINT "workshop_appointment_customer_id_b18ca2f0_fk_customers" FOREIGN KEY ("customer_id") REFERENCES "customers_customer" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "workshop_appointment" ADD CONSTRAINT "workshop_appointment_site_id_018460d6_fk_organisation_site_id" FOREIGN KEY ("site_id") REFERENCES "organisation_site" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "workshop_appointment" ADD CONSTRAINT "workshop_appointment_vehicle_id_5e5956d5_fk_customers" FOREIGN KEY ("vehicle_id") REFERENCES "customers_vehicle" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "workshop_appointment_adviser_id_1809bfcf" ON "workshop_appointment" ("adviser_id");
-- next
CREATE INDEX "workshop_appointment_customer_id_b18ca2f0" ON "workshop_appointment" ("customer_id");
-- next
CREATE INDEX "workshop_appointment_site_id_018460d6" ON "workshop_appointment" ("site_id");
-- next
CREATE INDEX "workshop_appointment_vehicle_id_5e5956d5" ON "workshop_appointment" ("vehicle_id");
-- next
ALTER TABLE "workshop_job" ADD CONSTRAINT "workshop_job_technician_id_489bf921_fk_accounts_user_id" FOREIGN KEY ("technician_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "workshop_job_technician_id_489bf921" ON "workshop_job" ("technician_id");
-- next
ALTER TABLE "workshop_jobline" ADD CONSTRAINT "workshop_jobline_job_id_c89e34a7_fk_workshop_job_id" FOREIGN KEY ("job_id") REFERENCES "workshop_job" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "workshop_jobline_job_id_c89e34a7" ON "workshop_jobline" ("job_id");
-- next
ALTER TABLE "workshop_repairorder" ADD CONSTRAINT "workshop_repairorder_adviser_id_31780930_fk_accounts_user_id" FOREIGN KEY ("adviser_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "workshop_repairorder" ADD CONSTRAINT "workshop_repairorder_appointment_id_97220ec1_fk_workshop_" FOREIGN KEY ("appointment_id") REFERENCES "workshop_appointment" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "workshop_repairorder" ADD CONSTRAINT "workshop_repairorder_customer_id_9560ed09_fk_customers" FOREIGN KEY ("customer_id") REFERENCES "customers_customer" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "workshop_repairorder" ADD CONSTRAINT "workshop_repairorder_site_id_3610d31a_fk_organisation_site_id" FOREIGN KEY ("site_id") REFERENCES "organisation_site" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "workshop_repairorder" ADD CONSTRAINT "workshop_repairorder_vehicle_id_e3bc9b61_fk_customers" FOREIGN KEY ("vehicle_id") REFERENCES "customers_vehicle" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "workshop_repairorder_adviser_id_31780930" ON "workshop_repairorder" ("adviser_id");
-- next
CREATE INDEX "workshop_repairorder_customer_id_9560ed09" ON "workshop_repairorder" ("customer_id");
-- next
CREATE INDEX "workshop_repairorder_site_id_3610d31a" ON "workshop_repairorder" ("site_id");
-- next
CREATE INDEX "workshop_repairorder_vehicle_id_e3bc9b61" ON "workshop_repairorder" ("vehicle_id");
-- next
CREATE INDEX "workshop_job_repair_order_id_94930276" ON "workshop_job" ("repair_order_id");

-- migration warranty.0001_initial sql
CREATE TABLE "warranty_claim" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "revision" smallint NOT NULL CHECK ("revision" >= 0), "claim_type" varchar(10) NOT NULL, "state" varchar(16) NOT NULL, "complaint" text NOT NULL, "cause" text NOT NULL, "correction" text NOT NULL, "fault_code" varchar(40) NOT NULL, "currency" varchar(3) NOT NULL, "total" numeric(14, 2) NOT NULL, "approved_total" numeric(14, 2) NULL, "created_at" timestamp with time zone NOT NULL, "submitted_at" timestamp with time zone NULL, "decided_at" timestamp with time zone NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "job_id" uuid NOT NULL UNIQUE, "repair_order_id" uuid NOT NULL);
-- next
CREATE TABLE "warranty_claimline" ("id" uuid NOT NULL PRIMARY KEY, "position" smallint NOT NULL CHECK ("position" >= 0), "kind" varchar(8) NOT NULL, "code" varchar(40) NOT NULL, "description" varchar(200) NOT NULL, "quantity" numeric(8, 2) NOT NULL, "unit_price" numeric(12, 2) NOT NULL, "amount" numeric(14, 2) NOT NULL, "causal" boolean NOT NULL, "claim_id" uuid NOT NULL);
-- next
CREATE TABLE "warranty_decision" ("id" uuid NOT NULL PRIMARY KEY, "revision" smallint NOT NULL CHECK ("revision" >= 0), "outcome" varchar(16) NOT NULL, "lines" jsonb NOT NULL, "approved_total" numeric(14, 2) NOT NULL, "currency" varchar(3) NOT NULL, "rule_version" varchar(200) NOT NULL, "decided_by_role" varchar(40) NOT NULL, "decided_at" timestamp with time zone NOT NULL, "received_at" timestamp with time zone NOT NULL, "counts" boolean NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "claim_id" uuid NOT NULL);
-- next
CREATE INDEX "warranty_claim_newest" ON "warranty_claim" ("created_at" DESC, "id");
-- next
CREATE INDEX "warranty_claim_state" ON "warranty_claim" ("state", "created_at" DESC);
-- next
ALTER TABLE "warranty_claimline" ADD CONSTRAINT "warranty_line_position" UNIQUE ("claim_id", "position");
-- next
CREATE UNIQUE INDEX "warranty_line_one_causal" ON "warranty_claimline" ("claim_id") WHERE "causal";
-- next
CREATE INDEX "warranty_decision_claim" ON "warranty_decision" ("claim_id", "revision" DESC);
-- next
ALTER TABLE "warranty_claim" ADD CONSTRAINT "warranty_claim_job_id_a1ff3749_fk_workshop_job_id" FOREIGN KEY ("job_id") REFERENCES "workshop_job" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "warranty_claim" ADD CONSTRAINT "warranty_claim_repair_order_id_3bbb478e_fk_workshop_" FOREIGN KEY ("repair_order_id") REFERENCES "workshop_repairorder" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "warranty_claim_repair_order_id_3bbb478e" ON "warranty_claim" ("repair_order_id");
-- next
ALTER TABLE "warranty_claimline" ADD CONSTRAINT "warranty_claimline_claim_id_d2371b4a_fk_warranty_claim_id" FOREIGN KEY ("claim_id") REFERENCES "warranty_claim" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "warranty_claimline_claim_id_d2371b4a" ON "warranty_claimline" ("claim_id");
-- next
ALTER TABLE "warranty_decision" ADD CONSTRAINT "warranty_decision_claim_id_41a778fe_fk_warranty_claim_id" FOREIGN KEY ("claim_id") REFERENCES "warranty_claim" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "warranty_decision_claim_id_41a778fe" ON "warranty_decision" ("claim_id");
