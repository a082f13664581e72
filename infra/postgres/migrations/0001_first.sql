-- The first shape of the state in PostgreSQL 15 to 18, no extension.
-- Every tenant table has forced row-level security: the app's role sees the rows of `app.tenant` and nothing without it;
-- the role that runs the migrations (sinks, releaser, operators) sees all.
-- Statuses are ranks (schemas/values/status.py), reasons numbers (schemas/values/reasons.py), amounts ten-thousandths, times
-- milliseconds since the epoch unless a column says otherwise. Sets of positions are little-endian bitmaps.

CREATE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE
    AS $$ SELECT NULLIF(current_setting('app.tenant', true), '')::uuid $$;

-- Configuration -----------------------------------------------------------------------------------------------------

CREATE TABLE config_version (id boolean PRIMARY KEY DEFAULT true CHECK (id), version bigint NOT NULL DEFAULT 1);
INSERT INTO config_version DEFAULT VALUES;

CREATE FUNCTION bump_config() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ BEGIN UPDATE public.config_version SET version = version + 1; RETURN NULL; END $$;

CREATE TABLE tenants (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    lanes text[] NOT NULL DEFAULT '{otp,transactional,marketing}',
    senders text[],                          -- null: any sender
    balance_short text NOT NULL DEFAULT 'hold' CHECK (balance_short IN ('hold', 'reject')),
    charge_uncertain boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    tenant uuid NOT NULL REFERENCES tenants,
    name text NOT NULL DEFAULT '',
    hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX api_keys_tenant ON api_keys (tenant);

CREATE TABLE carriers (
    id text PRIMARY KEY,
    number smallint NOT NULL UNIQUE,         -- stands for the carrier in chunks.carriers
    kind text NOT NULL,
    rate integer NOT NULL CHECK (rate >= 1),
    window_size integer NOT NULL CHECK (window_size >= 1),
    binds integer NOT NULL CHECK (binds >= 1), -- how many at least is a matter of its kind
    receipt_wait_seconds integer NOT NULL,
    one_receipt_for_all_parts boolean NOT NULL DEFAULT false,
    partition smallint NOT NULL,             -- of dispatch-<lane> and attempts-<lane>; never changed
    settings jsonb NOT NULL DEFAULT '{}',    -- of its kind (infra/settings/carriers.py), without its secret
    secret bytea,                            -- that one, sealed
    secret_key_id text
);

CREATE TABLE routes (
    prefix text PRIMARY KEY,
    carriers text[] NOT NULL,
    price bigint NOT NULL CHECK (price >= 0) -- per segment
);

CREATE TABLE carrier_rates (                 -- every rate that was ever in force, for `sluice verify`
    carrier text NOT NULL,
    rate integer NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX carrier_rates_since ON carrier_rates (carrier, since);

CREATE FUNCTION note_rate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ BEGIN INSERT INTO public.carrier_rates (carrier, rate) VALUES (NEW.id, NEW.rate); RETURN NULL; END $$;
CREATE TRIGGER carriers_rate AFTER INSERT OR UPDATE OF rate ON carriers
    FOR EACH ROW EXECUTE FUNCTION note_rate();

CREATE TRIGGER tenants_bump AFTER INSERT OR UPDATE OR DELETE ON tenants EXECUTE FUNCTION bump_config();
CREATE TRIGGER api_keys_bump AFTER INSERT OR UPDATE OR DELETE ON api_keys EXECUTE FUNCTION bump_config();
CREATE TRIGGER carriers_bump AFTER INSERT OR UPDATE OR DELETE ON carriers EXECUTE FUNCTION bump_config();
CREATE TRIGGER routes_bump AFTER INSERT OR UPDATE OR DELETE ON routes EXECUTE FUNCTION bump_config();

-- Offsets of the sinks ----------------------------------------------------------------------------------------------

CREATE TABLE sink_offsets (
    topic text NOT NULL,
    topic_id text NOT NULL,                  -- Kafka's id, so that a topic made anew is noticed
    partition smallint NOT NULL,
    next bigint NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,         -- grows with every owner; a writer of an older epoch is refused
    PRIMARY KEY (topic, partition)
);

-- Money -------------------------------------------------------------------------------------------------------------

CREATE TABLE balances (
    tenant uuid PRIMARY KEY REFERENCES tenants,
    balance bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    credited bigint NOT NULL DEFAULT 0,      -- sum of all credits: balance = credited - charged
    charged bigint NOT NULL DEFAULT 0,
    CHECK (balance = credited - charged)
);

CREATE TABLE reservations (
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    round integer NOT NULL,
    price_class integer NOT NULL DEFAULT 0,  -- which of the slice's prices
    campaign text,
    price bigint NOT NULL,                   -- per segment
    positions bytea NOT NULL,                -- reserved positions
    segments bytea NOT NULL,                 -- uint8 per position of the chunk (0: not reserved)
    amount bigint NOT NULL,                  -- still reserved
    charged bytea NOT NULL DEFAULT '',
    refunded bytea NOT NULL DEFAULT '',
    charged_amount bigint NOT NULL DEFAULT 0,
    lease text,
    at bigint NOT NULL,
    PRIMARY KEY (tenant, chunk, round, price_class)
);

CREATE TABLE allowances (
    tenant uuid NOT NULL,
    lease text NOT NULL,
    amount bigint NOT NULL,                  -- still reserved
    expires_at bigint NOT NULL,
    PRIMARY KEY (tenant, lease)
);

-- Campaigns ---------------------------------------------------------------------------------------------------------

CREATE TABLE campaigns (
    tenant uuid NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    sender text NOT NULL,
    body text NOT NULL,
    lane text NOT NULL,
    smart boolean NOT NULL DEFAULT false,
    validity_seconds integer NOT NULL,
    max_price bigint,
    status text NOT NULL CHECK (status IN ('draft', 'running', 'canceled')),
    version bigint NOT NULL DEFAULT 1,
    published bigint NOT NULL DEFAULT 0,     -- newest version that campaign-commands has acknowledged
    grouping integer NOT NULL,
    digest bytea NOT NULL,                   -- of the request that made it
    answer jsonb NOT NULL,                   -- of that request
    created_at bigint NOT NULL,
    started_at bigint,
    ended_at bigint,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX campaigns_unpublished ON campaigns (id) WHERE published < version;
CREATE INDEX campaigns_newest ON campaigns (tenant, created_at DESC, id);

CREATE TABLE campaign_parts (
    tenant uuid NOT NULL,
    campaign text NOT NULL,
    part integer NOT NULL,
    chunks integer NOT NULL,
    recipients bigint NOT NULL,              -- accepted ones
    rejected_count bigint NOT NULL,
    rejected jsonb NOT NULL,                 -- the first hundred, as answered
    digest bytea NOT NULL,                   -- of the part's bytes
    at bigint NOT NULL,
    PRIMARY KEY (tenant, campaign, part),
    FOREIGN KEY (tenant, campaign) REFERENCES campaigns (tenant, id)
);

CREATE TABLE rejections (
    tenant uuid NOT NULL,
    campaign text NOT NULL,
    part integer NOT NULL,
    index bigint NOT NULL,
    pointer text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    PRIMARY KEY (tenant, campaign, part, index)
);

-- Messages ----------------------------------------------------------------------------------------------------------

CREATE TABLE chunk_payloads (
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    campaign text,
    part integer NOT NULL,
    size smallint NOT NULL,
    lane text NOT NULL,
    sender text NOT NULL,
    body text NOT NULL,
    smart boolean NOT NULL,
    version bigint NOT NULL,
    grouping integer NOT NULL,
    digest bytea,                            -- of a single message's request
    accepted_at bigint NOT NULL,
    due_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    indexes bytea NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    to_hashes bigint[] NOT NULL,
    ref_hashes bigint[],
    PRIMARY KEY (tenant, chunk)
);
CREATE INDEX chunk_payloads_newest ON chunk_payloads (tenant, accepted_at DESC, chunk);
CREATE INDEX chunk_payloads_campaign ON chunk_payloads (tenant, campaign, part);

-- Idempotency keys of single messages that share a chunk, written by the gateway before the chunk goes to Kafka.
CREATE TABLE message_keys (
    tenant uuid NOT NULL,
    root text COLLATE "C" NOT NULL,           -- what derives from tenant and key
    digest bytea NOT NULL,                    -- of the request
    chunk text NOT NULL,
    position smallint NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (tenant, root)
);

-- Their chunks, until the sinks have them: a gateway may have died between writing this and writing to Kafka.
CREATE TABLE unconfirmed_chunks (
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    record bytea NOT NULL,                    -- an encoded envelope, personal columns sealed
    at bigint NOT NULL,
    PRIMARY KEY (tenant, chunk)
);

CREATE TABLE chunks (
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    campaign text,
    part integer NOT NULL,
    size smallint NOT NULL,
    lane text NOT NULL,
    sequences integer[] NOT NULL,            -- send number x 16 + rank; delivered and read 2^20 + rank
    reasons smallint[] NOT NULL,
    seconds integer[] NOT NULL,              -- epoch seconds of the last change
    carriers smallint[] NOT NULL,            -- carriers.number, 0 = none yet
    segments smallint[] NOT NULL,            -- 0 = not known yet
    price bigint NOT NULL,                   -- per segment
    codes jsonb NOT NULL DEFAULT '{}',       -- carrier codes by position, failures only
    updated_at bigint NOT NULL,
    PRIMARY KEY (tenant, chunk)
);
CREATE INDEX chunks_campaign ON chunks (tenant, campaign, part);

CREATE TABLE campaign_counts (
    tenant uuid NOT NULL,
    campaign text NOT NULL,
    partition smallint NOT NULL,             -- of message-events-<lane>
    counts bigint[] NOT NULL,                -- by rank, 14 entries; rank 0 is never counted
    changed_at bigint NOT NULL,
    PRIMARY KEY (tenant, campaign, partition)
);

CREATE TABLE campaign_spend (
    tenant uuid NOT NULL,
    campaign text NOT NULL,
    partition smallint NOT NULL,             -- of usage
    charged bigint NOT NULL,
    PRIMARY KEY (tenant, campaign, partition)
);

CREATE TABLE attempt_chunks (
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    send integer NOT NULL,
    carrier text NOT NULL,
    started bytea NOT NULL DEFAULT '',
    settled bytea NOT NULL DEFAULT '',
    at bigint NOT NULL,
    PRIMARY KEY (tenant, chunk, send)
);

-- Waiting -----------------------------------------------------------------------------------------------------------

CREATE TABLE held (
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    send integer NOT NULL,
    hold integer NOT NULL,                   -- how often these positions have waited before
    portion integer NOT NULL,                -- which part of the send
    campaign text,
    part integer NOT NULL,
    lane text NOT NULL,
    carrier text,
    reason text NOT NULL,
    not_before bigint NOT NULL,
    expires_at bigint NOT NULL,
    positions bytea NOT NULL,                -- still waiting
    waiting integer NOT NULL,                -- their number; 0 = the row is done and stays as a mark
    cost bigint NOT NULL,
    cheapest bigint NOT NULL,
    segments_total integer NOT NULL,         -- room that all of it takes at the carrier
    slice bytea NOT NULL,                    -- an Envelope of one slice, as it came in the Held record
    at bigint NOT NULL,
    lease text,
    lease_until bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, chunk, send, hold, portion)
);
CREATE INDEX held_waiting ON held (reason, carrier, lane, not_before, chunk) WHERE waiting > 0;
CREATE INDEX held_campaign ON held (tenant, campaign) WHERE waiting > 0;
CREATE INDEX held_room ON held (tenant, campaign) WHERE waiting > 0 AND reason = 'room';

-- The releaser looks seldom while nothing goes on, and is told when there is something to look at.
CREATE FUNCTION tell_releaser() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog
    AS $$ BEGIN PERFORM pg_notify('sluice_waiting', ''); RETURN NULL; END $$;
CREATE TRIGGER held_told AFTER INSERT ON held EXECUTE FUNCTION tell_releaser();
CREATE TRIGGER campaigns_told AFTER INSERT OR UPDATE ON campaigns EXECUTE FUNCTION tell_releaser();

-- Receipts ----------------------------------------------------------------------------------------------------------

CREATE TABLE carrier_refs (
    carrier text NOT NULL,
    id text NOT NULL,                        -- in the normal form of connectors/carriers/smpp/message_id.py
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    send integer NOT NULL,
    position smallint NOT NULL,
    to_hash bigint NOT NULL,
    segments smallint NOT NULL,
    at bigint NOT NULL
);
CREATE INDEX carrier_refs_id ON carrier_refs (carrier, id);
CREATE INDEX carrier_refs_at ON carrier_refs USING brin (at);

CREATE TABLE uncertain_positions (
    tenant uuid NOT NULL,
    carrier text NOT NULL,
    to_hash bigint NOT NULL,
    chunk text NOT NULL,
    send integer NOT NULL,
    position smallint NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (tenant, chunk, send, position)
);
CREATE INDEX uncertain_positions_hash ON uncertain_positions (carrier, to_hash);

-- Uncertain messages that a receipt with an unknown id may still be about. One that another receipt has settled since is
-- uncertain no more: delivered or read (sequences from 2^20 on), or undelivered (rank 11 of this send). Those numbers are
-- schemas/values/status.py's; a test holds them together.
CREATE VIEW unsettled_positions WITH (security_invoker = true) AS
SELECT u.* FROM uncertain_positions u
WHERE NOT EXISTS (SELECT FROM chunks c WHERE c.tenant = u.tenant AND c.chunk = u.chunk
                  AND (c.sequences[u.position + 1] >= 1048576 OR c.sequences[u.position + 1] = u.send * 16 + 11));

CREATE TABLE receipt_parts (
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    send integer NOT NULL,
    position smallint NOT NULL,
    id text NOT NULL,                        -- the segment's carrier message id
    state text NOT NULL,
    PRIMARY KEY (tenant, chunk, send, position, id)
);

CREATE TABLE parked_receipts (
    carrier text NOT NULL,
    id text NOT NULL,
    to_hash bigint NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    done_at bigint NOT NULL,
    done_text text NOT NULL DEFAULT '',      -- what the carrier wrote for a time, where it is none
    at bigint NOT NULL,
    PRIMARY KEY (carrier, id, to_hash, state)
);

CREATE TABLE dead_letters (
    partition smallint NOT NULL,
    "offset" bigint NOT NULL,
    orig_topic text NOT NULL,
    orig_partition integer NOT NULL,
    orig_offset bigint NOT NULL,
    error_class text NOT NULL,
    error_code text NOT NULL,
    error_message text NOT NULL,
    service text NOT NULL,
    failed_at bigint NOT NULL,
    key bytea,
    value bytea,
    headers jsonb NOT NULL,
    PRIMARY KEY (partition, "offset")
);

-- Row-level security ------------------------------------------------------------------------------------------------

DO $$
DECLARE name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sluice_app') THEN
        BEGIN
            CREATE ROLE sluice_app NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;                            -- another database of this server was faster
        END;
    END IF;
    -- Trap: since PostgreSQL 16 the creator of a role may grant it, but may not yet SET ROLE to it.
    BEGIN
        EXECUTE format('GRANT sluice_app TO %I', current_user);
    EXCEPTION WHEN insufficient_privilege THEN
        IF NOT pg_has_role(current_user, 'sluice_app', 'USAGE') THEN
            RAISE EXCEPTION 'role sluice_app exists and % may not use it', current_user
                USING HINT = format('as a superuser: GRANT sluice_app TO %I;', current_user);
        END IF;
    END;
    FOREACH name IN ARRAY ARRAY['api_keys', 'balances', 'reservations', 'allowances', 'campaigns', 'campaign_parts',
        'rejections', 'chunk_payloads', 'message_keys', 'unconfirmed_chunks', 'chunks', 'campaign_counts', 'campaign_spend', 'attempt_chunks', 'held',
        'carrier_refs', 'uncertain_positions', 'receipt_parts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY operator ON %I TO %I USING (true) WITH CHECK (true)', name, current_user);
        EXECUTE format('CREATE POLICY tenant ON %I TO sluice_app USING (tenant = app_tenant()) '
                       'WITH CHECK (tenant = app_tenant())', name);
    END LOOP;
END $$;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE format('CREATE POLICY operator ON tenants TO %I USING (true) WITH CHECK (true)', current_user);
END $$;
CREATE POLICY tenant ON tenants TO sluice_app USING (id = app_tenant());

GRANT USAGE ON SCHEMA public TO sluice_app;
GRANT SELECT ON tenants, api_keys, balances, chunks, chunk_payloads, campaign_counts, campaign_spend, attempt_chunks, held,
    routes, config_version TO sluice_app;
GRANT SELECT (id, number, kind, rate, window_size, binds, partition) ON carriers TO sluice_app;
GRANT SELECT, INSERT, UPDATE ON campaigns TO sluice_app;
GRANT SELECT, INSERT ON campaign_parts, rejections, message_keys, unconfirmed_chunks TO sluice_app;

-- What the gateway must know before it knows the tenant: every key that is in force.
CREATE FUNCTION keys_in_force() RETURNS TABLE (id text, tenant uuid, hash bytea, lanes text[], senders text[],
                                               balance bigint, reserved bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ SELECT k.id, k.tenant, k.hash, t.lanes, t.senders, b.balance, b.reserved
          FROM public.api_keys k JOIN public.tenants t ON t.id = k.tenant JOIN public.balances b ON b.tenant = t.id
          WHERE k.revoked_at IS NULL $$;
REVOKE ALL ON FUNCTION keys_in_force() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keys_in_force() TO sluice_app;

-- One row a message, for people who know SQL ------------------------------------------------------------------------

CREATE VIEW messages WITH (security_invoker = true) AS
SELECT c.tenant, c.campaign, c.chunk, (m.place - 1)::smallint AS position,
       CASE WHEN c.campaign IS NULL AND c.chunk LIKE 'msg%' THEN c.chunk
            ELSE 'msg_' || CASE WHEN c.campaign IS NULL THEN substr(c.chunk, 5) || '-'
                                ELSE substr(c.campaign, 5) || '_' || c.part || '_' END ||
                 (get_byte(p.indexes, 4 * (m.place - 1)::int) + 256 * get_byte(p.indexes, 4 * (m.place - 1)::int + 1)
                  + 65536 * get_byte(p.indexes, 4 * (m.place - 1)::int + 2)
                  + 16777216::bigint * get_byte(p.indexes, 4 * (m.place - 1)::int + 3)) END AS id,
       (ARRAY['accepted', 'scheduled', 'held', 'queued', 'expired', 'canceled', 'rejected', 'sending', 'uncertain',
              'sent', 'failed', 'undelivered', 'delivered', 'read'])[m.sequence % 16 + 1] AS status,
       m.sequence, m.reason, to_timestamp(m.second) AS updated_at, k.id AS carrier, m.segments,
       m.segments * c.price AS price, c.lane
FROM chunks c JOIN chunk_payloads p USING (tenant, chunk)
CROSS JOIN LATERAL unnest(c.sequences, c.reasons, c.seconds, c.carriers, c.segments)
    WITH ORDINALITY AS m (sequence, reason, second, carrier, segments, place)
LEFT JOIN carriers k ON k.number = m.carrier;
GRANT SELECT ON messages TO sluice_app;
