-- Every schema of the kind "manufacturer", migration by migration.
-- Recorded from the migrations by `make schemas`; not written by hand.
-- migrations 7a5175751074abd82d7ac1aa3da392f4df937281996c0e0fc0294039ecf4b947
-- structure ae4d799a5ec642ec90d5100af0e7c4a5d1f5d9d280872ad8911b30b894bd4b23

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

-- migration aftersales.0001_initial sql
CREATE TABLE "aftersales_claim" ("id" uuid NOT NULL PRIMARY KEY, "dealership" uuid NOT NULL, "revision" smallint NOT NULL CHECK ("revision" >= 0), "number" varchar(40) NOT NULL, "state" varchar(16) NOT NULL, "vin" varchar(40) NOT NULL, "claim_type" varchar(40) NOT NULL, "delivery_date" date NULL, "repair_opened_on" date NULL, "repair_closed_on" date NULL, "odometer_km" integer NULL CHECK ("odometer_km" >= 0), "complaint" text NOT NULL, "cause" text NOT NULL, "correction" text NOT NULL, "fault_code" varchar(40) NOT NULL, "causal_part" varchar(40) NOT NULL, "repair_order_number" varchar(40) NOT NULL, "total" numeric(14, 2) NULL, "approved_total" numeric(14, 2) NULL, "currency" varchar(3) NOT NULL, "level" varchar(16) NOT NULL, "withheld" jsonb NOT NULL, "agreement_version" varchar(40) NOT NULL, "submitted_at" timestamp with time zone NOT NULL, "decided_at" timestamp with time zone NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "aftersales_decision" ("id" uuid NOT NULL PRIMARY KEY, "revision" smallint NOT NULL CHECK ("revision" >= 0), "outcome" varchar(16) NOT NULL, "approved_total" numeric(14, 2) NOT NULL, "currency" varchar(3) NOT NULL, "rule_version" varchar(40) NOT NULL, "decided_at" timestamp with time zone NOT NULL, "decided_by_id" uuid NULL, "decided_by_name" varchar(120) NOT NULL, "decided_by_role" varchar(40) NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "claim_id" uuid NOT NULL);
-- next
CREATE TABLE "aftersales_decisionline" ("id" uuid NOT NULL PRIMARY KEY, "line_id" uuid NOT NULL, "outcome" varchar(16) NOT NULL, "approved_amount" numeric(14, 2) NOT NULL, "reason_code" varchar(40) NOT NULL, "reason_text" text NOT NULL, "decision_id" uuid NOT NULL);
-- next
CREATE TABLE "aftersales_servicevisit" ("id" uuid NOT NULL PRIMARY KEY, "dealership" uuid NOT NULL, "visit_id" uuid NOT NULL, "vin" varchar(40) NOT NULL, "opened_at" timestamp with time zone NULL, "closed_at" timestamp with time zone NULL, "odometer_km" integer NULL CHECK ("odometer_km" >= 0), "kind" varchar(12) NOT NULL, "jobs" jsonb NULL, "labour_total" numeric(14, 2) NULL, "parts_total" numeric(14, 2) NULL, "currency" varchar(3) NOT NULL, "promised_at" timestamp with time zone NULL, "satisfaction" smallint NULL CHECK ("satisfaction" >= 0), "level" varchar(16) NOT NULL, "withheld" jsonb NOT NULL, "purpose" varchar(24) NOT NULL, "agreement_version" varchar(40) NOT NULL, "message_id" uuid NOT NULL, "event_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, CONSTRAINT "aftersales_visit_once" UNIQUE ("dealership", "visit_id"));
-- next
CREATE TABLE "aftersales_submission" ("id" uuid NOT NULL PRIMARY KEY, "revision" smallint NOT NULL CHECK ("revision" >= 0), "record" jsonb NOT NULL, "event_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "claim_id" uuid NOT NULL);
-- next
CREATE TABLE "aftersales_claimline" ("id" uuid NOT NULL PRIMARY KEY, "revision" smallint NOT NULL CHECK ("revision" >= 0), "line_id" uuid NOT NULL, "position" smallint NOT NULL CHECK ("position" >= 0), "kind" varchar(8) NOT NULL, "code" varchar(40) NOT NULL, "description" text NOT NULL, "quantity" numeric(10, 2) NULL, "unit_price" numeric(14, 2) NULL, "amount" numeric(14, 2) NOT NULL, "claim_id" uuid NOT NULL, CONSTRAINT "aftersales_line_once" UNIQUE ("claim_id", "revision", "line_id"));
-- next
ALTER TABLE "aftersales_decision" ADD CONSTRAINT "aftersales_decision_once" UNIQUE ("claim_id", "revision");
-- next
ALTER TABLE "aftersales_decisionline" ADD CONSTRAINT "aftersales_decision_line_once" UNIQUE ("decision_id", "line_id");
-- next
ALTER TABLE "aftersales_submission" ADD CONSTRAINT "aftersales_submission_once" UNIQUE ("claim_id", "revision");
-- next
CREATE INDEX "aftersales_claim_age" ON "aftersales_claim" ("submitted_at", "id");
-- next
CREATE INDEX "aftersales_claim_state" ON "aftersales_claim" ("state", "submitted_at");
-- next
CREATE INDEX "aftersales_claim_dealership" ON "aftersales_claim" ("dealership", "submitted_at");
-- next
CREATE INDEX "aftersales_claim_vin" ON "aftersales_claim" ("vin");
-- next
ALTER TABLE "aftersales_decision" ADD CONSTRAINT "aftersales_decision_claim_id_4d72f742_fk_aftersales_claim_id" FOREIGN KEY ("claim_id") REFERENCES "aftersales_claim" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "aftersales_decision_claim_id_4d72f742" ON "aftersales_decision" ("claim_id");
-- next
ALTER TABLE "aftersales_decisionline" ADD CONSTRAINT "aftersales_decisionl_decision_id_66e2fc10_fk_aftersale" FOREIGN KEY ("decision_id") REFERENCES "aftersales_decision" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "aftersales_decisionline_decision_id_66e2fc10" ON "aftersales_decisionline" ("decision_id");
-- next
CREATE INDEX "aftersales_visit_newest" ON "aftersales_servicevisit" ("event_at" DESC, "id");
-- next
CREATE INDEX "aftersales_visit_dealership" ON "aftersales_servicevisit" ("dealership", "event_at" DESC);
-- next
CREATE INDEX "aftersales_visit_vin" ON "aftersales_servicevisit" ("vin", "event_at" DESC);
-- next
ALTER TABLE "aftersales_submission" ADD CONSTRAINT "aftersales_submission_claim_id_d5c6a0ab_fk_aftersales_claim_id" FOREIGN KEY ("claim_id") REFERENCES "aftersales_claim" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "aftersales_submission_claim_id_d5c6a0ab" ON "aftersales_submission" ("claim_id");
-- next
ALTER TABLE "aftersales_claimline" ADD CONSTRAINT "aftersales_claimline_claim_id_c5441bbd_fk_aftersales_claim_id" FOREIGN KEY ("claim_id") REFERENCES "aftersales_claim" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "aftersales_claimline_claim_id_c5441bbd" ON "aftersales_claimline" ("claim_id");

-- migration agreements.0001_initial sql
CREATE TABLE "agreements_proposal" ("id" uuid NOT NULL PRIMARY KEY, "version" varchar(40) NOT NULL UNIQUE, "base" varchar(40) NOT NULL, "title" jsonb NOT NULL, "text" jsonb NOT NULL, "terms" jsonb NOT NULL, "notice_days" smallint NOT NULL CHECK ("notice_days" >= 0), "valid_from" date NOT NULL, "state" varchar(10) NOT NULL, "text_hash" varchar(64) NOT NULL, "published_on" date NULL, "created_by_name" varchar(120) NOT NULL, "created_at" timestamp with time zone NOT NULL, "proposed_by_name" varchar(120) NOT NULL, "proposed_at" timestamp with time zone NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "agreements_decision" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "dealership" uuid NOT NULL, "step" varchar(10) NOT NULL, "at" timestamp with time zone NOT NULL, "version" varchar(40) NOT NULL, "text_hash" varchar(64) NOT NULL, "signed_at" timestamp with time zone NULL, "ends_at" timestamp with time zone NULL, "end_reason" varchar(20) NOT NULL, "ceilings" jsonb NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "agreements_asked" ("id" bigint NOT NULL PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, "dealership" uuid NOT NULL, "at" timestamp with time zone NOT NULL, "over_at" timestamp with time zone NULL, "proposal_id" uuid NOT NULL, CONSTRAINT "agreements_asked_once" UNIQUE ("proposal_id", "dealership"));
-- next
CREATE INDEX "agreements_proposal_version_3ee9052e_like" ON "agreements_proposal" ("version" varchar_pattern_ops);
-- next
CREATE INDEX "agreements_decision_newest" ON "agreements_decision" ("dealership", "number" DESC);
-- next
ALTER TABLE "agreements_asked" ADD CONSTRAINT "agreements_asked_proposal_id_3f92f1c6_fk_agreements_proposal_id" FOREIGN KEY ("proposal_id") REFERENCES "agreements_proposal" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "agreements_asked_proposal_id_3f92f1c6" ON "agreements_asked" ("proposal_id");

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

-- migration catalogue.0001_initial sql
CREATE TABLE "catalogue_brand" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "order" smallint NOT NULL CHECK ("order" >= 0), "changed_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "catalogue_faultcode" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "system" varchar(20) NOT NULL, "changed_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "catalogue_series" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "segment" varchar(20) NOT NULL, "energy" varchar(20) NOT NULL, "changed_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "brand_id" varchar(40) NOT NULL);
-- next
CREATE TABLE "catalogue_model" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "model_year" smallint NOT NULL CHECK ("model_year" >= 0), "changed_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "series_id" varchar(40) NOT NULL);
-- next
CREATE TABLE "catalogue_variant" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "list_price" numeric(12, 2) NOT NULL, "currency" varchar(3) NOT NULL, "colours" jsonb NOT NULL, "on_sale_from" date NOT NULL, "on_sale_until" date NULL, "warranty_months" smallint NOT NULL CHECK ("warranty_months" >= 0), "warranty_km" integer NOT NULL CHECK ("warranty_km" >= 0), "changed_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "model_id" varchar(40) NOT NULL);
-- next
CREATE TABLE "catalogue_labouroperation" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "code" varchar(40) NOT NULL PRIMARY KEY, "fits" jsonb NOT NULL, "system" varchar(20) NOT NULL, "standard_hours" numeric(5, 2) NOT NULL, "changed_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "brand_id" varchar(40) NOT NULL);
-- next
CREATE TABLE "catalogue_part" ("name_zh_hans" varchar(120) NOT NULL, "name_zh_hant" varchar(120) NOT NULL, "name_en" varchar(120) NOT NULL, "withdrawn_on" date NULL, "fits" jsonb NOT NULL, "number" varchar(40) NOT NULL PRIMARY KEY, "causal_group" varchar(20) NOT NULL, "price" numeric(12, 2) NOT NULL, "currency" varchar(3) NOT NULL, "wear_part" boolean NOT NULL, "changed_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "brand_id" varchar(40) NOT NULL);
-- next
CREATE INDEX "catalogue_brand_code_9e1509d1_like" ON "catalogue_brand" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "catalogue_faultcode_code_c3ce10de_like" ON "catalogue_faultcode" ("code" varchar_pattern_ops);
-- next
ALTER TABLE "catalogue_series" ADD CONSTRAINT "catalogue_series_brand_id_8c60ab53_fk_catalogue_brand_code" FOREIGN KEY ("brand_id") REFERENCES "catalogue_brand" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "catalogue_series_code_3a54f492_like" ON "catalogue_series" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "catalogue_series_brand_id_8c60ab53" ON "catalogue_series" ("brand_id");
-- next
CREATE INDEX "catalogue_series_brand_id_8c60ab53_like" ON "catalogue_series" ("brand_id" varchar_pattern_ops);
-- next
ALTER TABLE "catalogue_model" ADD CONSTRAINT "catalogue_model_series_id_f0b41b4c_fk_catalogue_series_code" FOREIGN KEY ("series_id") REFERENCES "catalogue_series" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "catalogue_model_code_3c0c6173_like" ON "catalogue_model" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "catalogue_model_series_id_f0b41b4c" ON "catalogue_model" ("series_id");
-- next
CREATE INDEX "catalogue_model_series_id_f0b41b4c_like" ON "catalogue_model" ("series_id" varchar_pattern_ops);
-- next
ALTER TABLE "catalogue_variant" ADD CONSTRAINT "catalogue_variant_model_id_bfbbe66f_fk_catalogue_model_code" FOREIGN KEY ("model_id") REFERENCES "catalogue_model" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "catalogue_variant_code_4109f625_like" ON "catalogue_variant" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "catalogue_variant_model_id_bfbbe66f" ON "catalogue_variant" ("model_id");
-- next
CREATE INDEX "catalogue_variant_model_id_bfbbe66f_like" ON "catalogue_variant" ("model_id" varchar_pattern_ops);
-- next
ALTER TABLE "catalogue_labouroperation" ADD CONSTRAINT "catalogue_labouroper_brand_id_dbb5e9bf_fk_catalogue" FOREIGN KEY ("brand_id") REFERENCES "catalogue_brand" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "catalogue_labouroperation_code_4aa2808c_like" ON "catalogue_labouroperation" ("code" varchar_pattern_ops);
-- next
CREATE INDEX "catalogue_labouroperation_brand_id_dbb5e9bf" ON "catalogue_labouroperation" ("brand_id");
-- next
CREATE INDEX "catalogue_labouroperation_brand_id_dbb5e9bf_like" ON "catalogue_labouroperation" ("brand_id" varchar_pattern_ops);
-- next
CREATE INDEX "catalogue_operation_system" ON "catalogue_labouroperation" ("brand_id", "system", "code");
-- next
ALTER TABLE "catalogue_part" ADD CONSTRAINT "catalogue_part_brand_id_411c4700_fk_catalogue_brand_code" FOREIGN KEY ("brand_id") REFERENCES "catalogue_brand" ("code") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "catalogue_part_number_af10144f_like" ON "catalogue_part" ("number" varchar_pattern_ops);
-- next
CREATE INDEX "catalogue_part_brand_id_411c4700" ON "catalogue_part" ("brand_id");
-- next
CREATE INDEX "catalogue_part_brand_id_411c4700_like" ON "catalogue_part" ("brand_id" varchar_pattern_ops);
-- next
CREATE INDEX "catalogue_part_group" ON "catalogue_part" ("brand_id", "causal_group", "number");

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

-- migration insight.0001_initial sql
CREATE TABLE "insight_benchmark" ("id" uuid NOT NULL PRIMARY KEY, "month" date NOT NULL, "figure" varchar(20) NOT NULL, "state" varchar(12) NOT NULL, "floor" smallint NOT NULL CHECK ("floor" >= 0), "lower" integer NULL, "median" integer NULL, "upper" integer NULL, "dealerships" jsonb NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, CONSTRAINT "insight_benchmark_once" UNIQUE ("month", "figure"));
-- next
CREATE TABLE "insight_benchmarkrule" ("id" smallint NOT NULL PRIMARY KEY CHECK ("id" >= 0), "floor" smallint NOT NULL CHECK ("floor" >= 0), "updated_at" timestamp with time zone NULL, CONSTRAINT "insight_rule_one_row" CHECK ("id" = 1), CONSTRAINT "insight_rule_floor" CHECK ("floor" >= 5));
-- next
CREATE TABLE "insight_contribution" ("id" uuid NOT NULL PRIMARY KEY, "dealership" uuid NOT NULL, "month" date NOT NULL, "figures" jsonb NOT NULL, "message" uuid NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, CONSTRAINT "insight_contribution_once" UNIQUE ("month", "dealership"));

-- migration leads.0001_initial sql
CREATE TABLE "leads_rawintake" ("id" uuid NOT NULL PRIMARY KEY, "door" varchar(8) NOT NULL, "content_type" varchar(120) NOT NULL, "sha256" varchar(64) NOT NULL UNIQUE, "size" integer NOT NULL CHECK ("size" >= 0), "source" varchar(120) NOT NULL, "readable" boolean NOT NULL, "issues" jsonb NOT NULL, "received_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "leads_lead" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "state" varchar(16) NOT NULL, "position" smallint NOT NULL CHECK ("position" >= 0), "issues" jsonb NOT NULL, "channel" varchar(40) NOT NULL, "source" varchar(120) NOT NULL, "fingerprint" varchar(64) NOT NULL, "resent" boolean NOT NULL, "name" varchar(120) NOT NULL, "phone" varchar(40) NOT NULL, "email" varchar(254) NOT NULL, "preferred_time" varchar(40) NOT NULL, "province" varchar(2) NOT NULL, "city" varchar(4) NOT NULL, "district" varchar(6) NOT NULL, "wish_text" text NOT NULL, "brand" varchar(40) NOT NULL, "series" varchar(40) NOT NULL, "model" varchar(40) NOT NULL, "interest" varchar(12) NOT NULL, "budget" numeric(14, 2) NULL, "budget_currency" varchar(3) NOT NULL, "window_from" date NULL, "window_to" date NULL, "vendor_name" varchar(120) NOT NULL, "consent_basis" varchar(40) NOT NULL, "consent_text_version" varchar(40) NOT NULL, "dealership" uuid NULL, "fence" integer NOT NULL CHECK ("fence" >= 0), "collected_at" timestamp with time zone NOT NULL, "received_at" timestamp with time zone NOT NULL, "offered_at" timestamp with time zone NULL, "respond_before" timestamp with time zone NULL, "accepted_at" timestamp with time zone NULL, "first_response_seconds" integer NULL CHECK ("first_response_seconds" >= 0), "temperature" varchar(16) NOT NULL, "ended_at" timestamp with time zone NULL, "close_reason" varchar(200) NOT NULL, "duplicate_of_id" uuid NULL, "intake_id" uuid NOT NULL);
-- next
CREATE TABLE "leads_leadline" ("id" uuid NOT NULL PRIMARY KEY, "position" smallint NOT NULL CHECK ("position" >= 0), "interest" varchar(12) NOT NULL, "status" varchar(8) NOT NULL, "brand" varchar(80) NOT NULL, "series" varchar(80) NOT NULL, "model" varchar(120) NOT NULL, "variant" varchar(120) NOT NULL, "year" smallint NULL CHECK ("year" >= 0), "vin" varchar(40) NOT NULL, "stock_number" varchar(80) NOT NULL, "colour" varchar(80) NOT NULL, "odometer_km" integer NULL CHECK ("odometer_km" >= 0), "price" numeric(14, 2) NULL, "currency" varchar(3) NOT NULL, "comment" text NOT NULL, "lead_id" uuid NOT NULL);
-- next
CREATE TABLE "leads_rawbytes" ("intake_id" uuid NOT NULL PRIMARY KEY, "data" bytea NOT NULL);
-- next
CREATE TABLE "leads_routing" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "rules_version" varchar(40) NOT NULL, "inputs" jsonb NOT NULL, "candidates" jsonb NOT NULL, "chosen" uuid NULL, "reason" varchar(40) NOT NULL, "decided_by" varchar(120) NOT NULL, "at" timestamp with time zone NOT NULL, "lead_id" uuid NOT NULL);
-- next
CREATE TABLE "leads_event" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "code" varchar(40) NOT NULL, "at" timestamp with time zone NOT NULL, "dealership" uuid NULL, "fence" integer NULL CHECK ("fence" >= 0), "by" varchar(120) NOT NULL, "reason" varchar(60) NOT NULL, "text" text NOT NULL, "message" uuid NULL UNIQUE, "lead_id" uuid NOT NULL);
-- next
CREATE TABLE "leads_offer" ("id" uuid NOT NULL PRIMARY KEY, "fence" integer NOT NULL CHECK ("fence" >= 0), "dealership" uuid NOT NULL, "state" varchar(12) NOT NULL, "offered_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "respond_before" timestamp with time zone NOT NULL, "answered_at" timestamp with time zone NULL, "reason" varchar(60) NOT NULL, "reason_text" text NOT NULL, "lead_id" uuid NOT NULL, CONSTRAINT "leads_offer_fence" UNIQUE ("lead_id", "fence"));
-- next
CREATE INDEX "leads_lead_received" ON "leads_lead" ("received_at" DESC, "number" DESC);
-- next
CREATE INDEX "leads_lead_state" ON "leads_lead" ("state", "received_at" DESC);
-- next
CREATE INDEX "leads_lead_dealership" ON "leads_lead" ("dealership", "received_at" DESC);
-- next
CREATE INDEX "leads_lead_fingerprint" ON "leads_lead" ("fingerprint", "received_at" DESC);
-- next
CREATE INDEX "leads_lead_phone" ON "leads_lead" ("phone");
-- next
CREATE INDEX "leads_lead_deadline" ON "leads_lead" ("respond_before") WHERE "state" = 'offered';
-- next
CREATE INDEX "leads_lead_todo" ON "leads_lead" ("received_at") WHERE "state" IN ('received', 'routed');
-- next
ALTER TABLE "leads_lead" ADD CONSTRAINT "leads_lead_place" UNIQUE ("intake_id", "position");
-- next
CREATE INDEX "leads_rawintake_sha256_e48e7d69_like" ON "leads_rawintake" ("sha256" varchar_pattern_ops);
-- next
ALTER TABLE "leads_lead" ADD CONSTRAINT "leads_lead_duplicate_of_id_8a59af48_fk_leads_lead_id" FOREIGN KEY ("duplicate_of_id") REFERENCES "leads_lead" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "leads_lead" ADD CONSTRAINT "leads_lead_intake_id_4bbe9019_fk_leads_rawintake_id" FOREIGN KEY ("intake_id") REFERENCES "leads_rawintake" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "leads_lead_duplicate_of_id_8a59af48" ON "leads_lead" ("duplicate_of_id");
-- next
CREATE INDEX "leads_lead_intake_id_4bbe9019" ON "leads_lead" ("intake_id");
-- next
ALTER TABLE "leads_leadline" ADD CONSTRAINT "leads_leadline_lead_id_0be66a2c_fk_leads_lead_id" FOREIGN KEY ("lead_id") REFERENCES "leads_lead" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "leads_leadline_lead_id_0be66a2c" ON "leads_leadline" ("lead_id");
-- next
ALTER TABLE "leads_rawbytes" ADD CONSTRAINT "leads_rawbytes_intake_id_dd2335e4_fk_leads_rawintake_id" FOREIGN KEY ("intake_id") REFERENCES "leads_rawintake" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "leads_routing" ADD CONSTRAINT "leads_routing_lead_id_851b9823_fk_leads_lead_id" FOREIGN KEY ("lead_id") REFERENCES "leads_lead" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "leads_routing_lead_id_851b9823" ON "leads_routing" ("lead_id");
-- next
ALTER TABLE "leads_event" ADD CONSTRAINT "leads_event_lead_id_feb552a3_fk_leads_lead_id" FOREIGN KEY ("lead_id") REFERENCES "leads_lead" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "leads_event_lead_id_feb552a3" ON "leads_event" ("lead_id");
-- next
CREATE INDEX "leads_event_lead" ON "leads_event" ("lead_id", "at");
-- next
ALTER TABLE "leads_offer" ADD CONSTRAINT "leads_offer_lead_id_ffff0825_fk_leads_lead_id" FOREIGN KEY ("lead_id") REFERENCES "leads_lead" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "leads_offer_lead_id_ffff0825" ON "leads_offer" ("lead_id");
-- next
CREATE INDEX "leads_offer_open" ON "leads_offer" ("respond_before") WHERE "state" = 'open';
-- next
CREATE INDEX "leads_offer_dealership" ON "leads_offer" ("dealership", "offered_at" DESC);

-- migration leads.0002_known_customers sql
ALTER TABLE "leads_offer" ADD COLUMN "known" boolean NULL;
-- next
ALTER TABLE "leads_offer" ADD COLUMN "known_by" jsonb NULL;
-- next
ALTER TABLE "leads_offer" ADD COLUMN "known_message" uuid NULL;

-- migration network.0001_initial sql
CREATE TABLE "network_dealership" ("id" uuid NOT NULL PRIMARY KEY, "slug" varchar(40) NOT NULL UNIQUE, "name" varchar(120) NOT NULL, "short_name_zh_hans" varchar(40) NOT NULL, "short_name_zh_hant" varchar(40) NOT NULL, "short_name_en" varchar(40) NOT NULL, "province" varchar(2) NOT NULL, "city" varchar(4) NOT NULL, "district" varchar(6) NOT NULL, "address" varchar(200) NOT NULL, "phone" varchar(32) NOT NULL, "opened_on" date NULL, "sales_target" integer NULL CHECK ("sales_target" >= 0), "state" varchar(20) NOT NULL, "request_id" uuid NULL, "created_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "retired_at" timestamp with time zone NULL, "field_representative_id" uuid NULL, "network_manager_id" uuid NULL);
-- next
CREATE TABLE "network_capability" ("id" uuid NOT NULL PRIMARY KEY, "brand" varchar(40) NOT NULL, "series" varchar(40) NOT NULL, "sells" boolean NOT NULL, "services" boolean NOT NULL, "valid_from" date NOT NULL, "valid_until" date NULL, "dealership_id" uuid NOT NULL);
-- next
CREATE TABLE "network_site" ("id" uuid NOT NULL PRIMARY KEY, "name" varchar(120) NOT NULL, "sells" boolean NOT NULL, "services" boolean NOT NULL, "city" varchar(4) NOT NULL, "district" varchar(6) NOT NULL, "address" varchar(200) NOT NULL, "phone" varchar(32) NOT NULL, "workshop_bays" smallint NOT NULL CHECK ("workshop_bays" >= 0), "opened_on" date NULL, "closed_on" date NULL, "dealership_id" uuid NOT NULL);
-- next
CREATE TABLE "network_territory" ("id" uuid NOT NULL PRIMARY KEY, "region" varchar(4) NOT NULL, "rank" smallint NOT NULL CHECK ("rank" >= 0), "dealership_id" uuid NOT NULL);
-- next
CREATE INDEX "network_dealership_place" ON "network_dealership" ("state", "province");
-- next
CREATE INDEX "network_dealership_state" ON "network_dealership" ("state", "slug");
-- next
CREATE INDEX "network_capability_brand" ON "network_capability" ("brand", "sells", "dealership_id");
-- next
ALTER TABLE "network_capability" ADD CONSTRAINT "network_capability_something" CHECK (("sells" OR "services"));
-- next
ALTER TABLE "network_capability" ADD CONSTRAINT "network_capability_dates" CHECK (("valid_until" IS NULL OR "valid_until" >= ("valid_from")));
-- next
CREATE INDEX "network_territory_region" ON "network_territory" ("region", "rank");
-- next
ALTER TABLE "network_territory" ADD CONSTRAINT "network_territory_once" UNIQUE ("dealership_id", "region");
-- next
ALTER TABLE "network_dealership" ADD CONSTRAINT "network_dealership_field_representative_7033e8cf_fk_accounts_" FOREIGN KEY ("field_representative_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
ALTER TABLE "network_dealership" ADD CONSTRAINT "network_dealership_network_manager_id_89959788_fk_accounts_" FOREIGN KEY ("network_manager_id") REFERENCES "accounts_user" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "network_dealership_slug_d0037232_like" ON "network_dealership" ("slug" varchar_pattern_ops);
-- next
CREATE INDEX "network_dealership_field_representative_id_7033e8cf" ON "network_dealership" ("field_representative_id");
-- next
CREATE INDEX "network_dealership_network_manager_id_89959788" ON "network_dealership" ("network_manager_id");
-- next
ALTER TABLE "network_capability" ADD CONSTRAINT "network_capability_dealership_id_a93977c2_fk_network_d" FOREIGN KEY ("dealership_id") REFERENCES "network_dealership" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "network_capability_dealership_id_a93977c2" ON "network_capability" ("dealership_id");
-- next
ALTER TABLE "network_site" ADD CONSTRAINT "network_site_dealership_id_e9dee55d_fk_network_dealership_id" FOREIGN KEY ("dealership_id") REFERENCES "network_dealership" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "network_site_dealership_id_e9dee55d" ON "network_site" ("dealership_id");
-- next
ALTER TABLE "network_territory" ADD CONSTRAINT "network_territory_dealership_id_ced9b39c_fk_network_d" FOREIGN KEY ("dealership_id") REFERENCES "network_dealership" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "network_territory_dealership_id_ced9b39c" ON "network_territory" ("dealership_id");

-- migration oem_support.0001_initial sql
CREATE TABLE "oem_support_ask" ("id" uuid NOT NULL PRIMARY KEY, "dealership" uuid NOT NULL, "asked_by_id" uuid NOT NULL, "asked_by_name" varchar(120) NOT NULL, "asked_by_role" varchar(32) NOT NULL, "purpose" varchar(24) NOT NULL, "reason" text NOT NULL, "hours" smallint NOT NULL CHECK ("hours" >= 0), "asked_may" varchar(8) NOT NULL, "asked_area" varchar(12) NOT NULL, "asked_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "state" varchar(10) NOT NULL, "may" varchar(8) NOT NULL, "area" varchar(12) NOT NULL, "until" timestamp with time zone NULL, "answered_at" timestamp with time zone NULL, "ended_at" timestamp with time zone NULL);
-- next
CREATE INDEX "oem_support_ask_newest" ON "oem_support_ask" ("dealership", "asked_at" DESC);

-- migration owners.0001_initial sql
CREATE TABLE "owners_dailycount" ("id" uuid NOT NULL PRIMARY KEY, "dealership" uuid NOT NULL, "purpose" varchar(24) NOT NULL, "level" varchar(16) NOT NULL, "agreement_version" varchar(40) NOT NULL, "message" uuid NOT NULL, "withheld" jsonb NOT NULL, "event_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "of" varchar(40) NOT NULL, "day" date NOT NULL, "dimension" varchar(40) NOT NULL, "cells" jsonb NOT NULL, "total" integer NULL CHECK ("total" >= 0), CONSTRAINT "owners_count_once" UNIQUE ("dealership", "of", "purpose", "day", "dimension"));
-- next
CREATE TABLE "owners_owner" ("id" uuid NOT NULL PRIMARY KEY, "dealership" uuid NOT NULL, "purpose" varchar(24) NOT NULL, "level" varchar(16) NOT NULL, "agreement_version" varchar(40) NOT NULL, "message" uuid NOT NULL, "withheld" jsonb NOT NULL, "event_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "owner_key" varchar(64) NOT NULL, "vin" varchar(28) NOT NULL, "role" varchar(12) NOT NULL, "version" integer NOT NULL CHECK ("version" >= 0), "since" date NULL, "until" date NULL, "kind" varchar(12) NOT NULL, "name" varchar(200) NOT NULL, "sex" varchar(8) NOT NULL, "birthday" date NULL, "phone" varchar(40) NOT NULL, "email" varchar(254) NOT NULL, "province" varchar(40) NOT NULL, "city" varchar(40) NOT NULL, "district" varchar(40) NOT NULL, "address" varchar(500) NOT NULL, "company_name" varchar(200) NOT NULL, "consent_version" varchar(40) NOT NULL, CONSTRAINT "owners_owner_once" UNIQUE ("dealership", "owner_key", "vin", "role"));
-- next
CREATE TABLE "owners_sale" ("id" uuid NOT NULL PRIMARY KEY, "dealership" uuid NOT NULL, "purpose" varchar(24) NOT NULL, "level" varchar(16) NOT NULL, "agreement_version" varchar(40) NOT NULL, "message" uuid NOT NULL, "withheld" jsonb NOT NULL, "event_at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "sale_id" uuid NOT NULL, "vin" varchar(28) NOT NULL, "brand" varchar(40) NOT NULL, "series" varchar(40) NOT NULL, "model" varchar(40) NOT NULL, "variant" varchar(40) NOT NULL, "contract_signed_on" date NULL, "delivered_on" date NOT NULL, "invoice_total" numeric(14, 2) NULL, "currency" varchar(3) NOT NULL, "channel" varchar(40) NOT NULL, "lead_id" uuid NULL, "buyer_kind" varchar(12) NOT NULL, "province" varchar(40) NOT NULL, CONSTRAINT "owners_sale_once" UNIQUE ("dealership", "sale_id"));
-- next
CREATE INDEX "owners_count_day" ON "owners_dailycount" ("of", "day");
-- next
CREATE INDEX "owners_owner_vin" ON "owners_owner" ("vin");
-- next
CREATE INDEX "owners_owner_event" ON "owners_owner" ("event_at" DESC);
-- next
CREATE INDEX "owners_owner_dealership" ON "owners_owner" ("dealership", "event_at" DESC);
-- next
CREATE INDEX "owners_owner_phone" ON "owners_owner" ("phone");
-- next
CREATE INDEX "owners_sale_vin" ON "owners_sale" ("vin");
-- next
CREATE INDEX "owners_sale_delivered" ON "owners_sale" ("delivered_on" DESC);
-- next
CREATE INDEX "owners_sale_dealership" ON "owners_sale" ("dealership", "delivered_on" DESC);

-- migration owners.0002_readings sql
CREATE TABLE "owners_reading" ("id" uuid NOT NULL PRIMARY KEY, "number" bigint NOT NULL UNIQUE GENERATED BY DEFAULT AS IDENTITY, "dealership" uuid NOT NULL, "purpose" varchar(24) NOT NULL, "reader_id" uuid NOT NULL, "reader_name" varchar(120) NOT NULL, "reader_role" varchar(32) NOT NULL, "reading_for" varchar(20) NOT NULL, "how" varchar(10) NOT NULL, "of" varchar(10) NOT NULL, "rows" integer NOT NULL CHECK ("rows" >= 0), "searched_by" jsonb NOT NULL, "asked" varchar(500) NOT NULL, "vin" varchar(28) NOT NULL, "owner_keys" jsonb NOT NULL, "at" timestamp with time zone NOT NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL, "message" uuid NULL);
-- next
CREATE INDEX "owners_reading_untold" ON "owners_reading" ("dealership", "number") WHERE "message" IS NULL;
-- next
CREATE INDEX "owners_reading_reader" ON "owners_reading" ("reader_id", "number" DESC);

-- migration privacy.0001_requests sql
CREATE TABLE "privacy_request" ("id" uuid NOT NULL PRIMARY KEY, "kind" varchar(12) NOT NULL, "dealership" uuid NULL, "contract" varchar(40) NOT NULL, "purpose" varchar(24) NOT NULL, "levels" jsonb NOT NULL, "place" varchar(6) NOT NULL, "owner_keys" jsonb NOT NULL, "lead_ids" jsonb NOT NULL, "messages" integer NOT NULL CHECK ("messages" >= 0), "records" integer NOT NULL CHECK ("records" >= 0), "asked" jsonb NOT NULL, "answers" jsonb NOT NULL, "by_id" uuid NULL, "by_name" varchar(120) NOT NULL, "at" timestamp with time zone NOT NULL, "settled_at" timestamp with time zone NULL, "recorded_at" timestamp with time zone DEFAULT (STATEMENT_TIMESTAMP()) NOT NULL);
-- next
CREATE TABLE "privacy_kept" ("id" uuid NOT NULL PRIMARY KEY, "dealership" uuid NOT NULL, "contract" varchar(40) NOT NULL, "record" uuid NOT NULL, "law" varchar(60) NOT NULL, "article" varchar(120) NOT NULL, "until" date NOT NULL, "deleted_at" timestamp with time zone NULL, "request_id" uuid NOT NULL, CONSTRAINT "privacy_kept_once" UNIQUE ("request_id", "contract", "record"));
-- next
CREATE INDEX "privacy_request_newest" ON "privacy_request" ("at" DESC, "id");
-- next
CREATE INDEX "privacy_request_owners" ON "privacy_request" USING gin ("owner_keys" jsonb_path_ops);
-- next
CREATE INDEX "privacy_request_leads" ON "privacy_request" USING gin ("lead_ids" jsonb_path_ops);
-- next
ALTER TABLE "privacy_kept" ADD CONSTRAINT "privacy_kept_request_id_e464e5b4_fk_privacy_request_id" FOREIGN KEY ("request_id") REFERENCES "privacy_request" ("id") DEFERRABLE INITIALLY DEFERRED;
-- next
CREATE INDEX "privacy_kept_request_id_e464e5b4" ON "privacy_kept" ("request_id");
-- next
CREATE INDEX "privacy_kept_due" ON "privacy_kept" ("until") WHERE "deleted_at" IS NULL;
-- next
CREATE INDEX "privacy_kept_record" ON "privacy_kept" ("record") WHERE "deleted_at" IS NULL;
