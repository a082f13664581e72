-- What is fresh gets its rows first: the version before knows no pages. Numbers are packed little-endian.
CREATE FUNCTION pg_temp.packed(refs bytea, place integer, width integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT bit_or(get_byte(refs, place + n)::bigint << (8 * n)) FROM generate_series(0, width - 1) AS n $$;

INSERT INTO ref_blocks (number, tenant, chunk, send, carrier, at) OVERRIDING SYSTEM VALUE
SELECT number, tenant, chunk, send, carrier, at FROM ref_pages;

INSERT INTO message_refs (key, to_hash, block, position, segments)
SELECT pg_temp.packed(refs, 8 * i, 8), pg_temp.packed(refs, 8 * count + 8 * i, 8), number,
       pg_temp.packed(refs, 16 * count + 2 * i, 2), pg_temp.packed(refs, 18 * count + i, 1)
FROM (SELECT number, refs, length(refs) / 19 AS count FROM ref_pages) AS pages, generate_series(0, count - 1) AS i;

DROP TABLE ref_pages;
