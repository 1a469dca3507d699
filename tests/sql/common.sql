-- What each snapshot sees. Times are whole microseconds; t is the snapshot's `as_of`.

CREATE MACRO one_hour() AS 3600000000;
CREATE MACRO one_day() AS 86400000000;
CREATE MACRO never() AS 9223372036854775807;

CREATE MACRO days(micros) AS CAST(micros AS DOUBLE) / 86400000000.0::DOUBLE;
CREATE MACRO hours(micros) AS CAST(micros AS DOUBLE) / 3600000000.0::DOUBLE;
CREATE MACRO share(part, whole) AS
    CASE WHEN whole <> 0 THEN CAST(part AS DOUBLE) / CAST(whole AS DOUBLE) END;
-- `//` cuts towards zero; this rounds down, also below zero.
CREATE MACRO floored(number, size) AS (number - ((number % size) + size) % size) // size;
-- A double as a whole number: half to even, within +-2^53. (`least` and `greatest` pass over nulls.)
CREATE MACRO whole(number) AS
    CASE WHEN number IS NOT NULL THEN CAST(
        greatest(least(round_even(CAST(number AS DOUBLE), 0), power(2, 53)), -power(2, 53)) AS BIGINT
    ) END;
-- DuckDB's count_if is null where the condition is null in every row; this is 0.
CREATE MACRO count_of(condition) AS count(CASE WHEN condition THEN 1 END);
CREATE MACRO money(cents) AS CAST(cents AS DOUBLE) / 100.0::DOUBLE;

CREATE MACRO is_appointment(kind) AS kind IN ('meeting', 'visit', 'demo');
CREATE MACRO is_internal(kind) AS kind IN ('task', 'crm_update', 'other');
CREATE MACRO is_channel(kind) AS kind IN ('call', 'email', 'meeting', 'visit', 'message', 'demo');
-- 0 where the value is empty, else from 1 on: the order of the lists is that of features/tables.py.
CREATE MACRO kind_place(kind) AS coalesce(list_position([
    'call', 'email', 'meeting', 'visit', 'message', 'demo', 'proposal', 'crm_update', 'task', 'other'
], kind), 0);
CREATE MACRO direction_place(direction) AS coalesce(list_position(['inbound', 'outbound'], direction), 0);
CREATE MACRO outcome_place(outcome) AS coalesce(list_position([
    'connected', 'no_answer', 'sent', 'opened', 'replied', 'held', 'no_show', 'cancelled'
], outcome), 0);

-- One row a snapshot; an account's has no opportunity.
CREATE TABLE scene AS
SELECT s.n, s.as_of, w.wall, floored(w.wall, one_day()) AS day, s.opportunity_id,
    coalesce(s.account_id, o.account_id) AS account_id, o.created_at
FROM snapshots s
LEFT JOIN opportunities o ON o.opportunity_id = s.opportunity_id
JOIN wall_times w ON w.instant = s.as_of;

-- The versions of each record: each ends when the next one becomes known.
CREATE VIEW activity_versions AS
SELECT *, coalesce(recorded_at, happened) AS known, greatest(happened, recorded_at) AS start,
    whole(duration_s) AS duration,
    lead(coalesce(recorded_at, happened), 1, never()) OVER (
        PARTITION BY activity_id ORDER BY coalesce(recorded_at, happened)) AS until
FROM activities;

CREATE VIEW order_versions AS
SELECT *, coalesce(recorded_at, happened) AS known, greatest(happened, recorded_at) AS start,
    whole(amount * 100) AS cents,
    lead(coalesce(recorded_at, happened), 1, never()) OVER (
        PARTITION BY order_id ORDER BY coalesce(recorded_at, happened)) AS until
FROM orders;

CREATE VIEW stage_versions AS
SELECT *, coalesce(recorded_at, happened) AS known, greatest(happened, recorded_at) AS start,
    lead(coalesce(recorded_at, happened), 1, never()) OVER (
        PARTITION BY opportunity_id, happened ORDER BY coalesce(recorded_at, happened)) AS until
FROM stage_changes;

CREATE VIEW field_versions AS
SELECT *, coalesce(recorded_at, happened) AS known, greatest(happened, recorded_at) AS start,
    whole(amount * 100) AS cents,
    lead(coalesce(recorded_at, happened), 1, never()) OVER (
        PARTITION BY opportunity_id, happened, field ORDER BY coalesce(recorded_at, happened)) AS until
FROM field_changes;

-- The deal's visible activities; `place` counts from 1 in the order in which they happened.
CREATE TABLE deal_activities AS
SELECT s.n, s.as_of - a.happened AS age, a.happened, a.known, a.start,
    a.kind, a.direction, a.outcome, a.duration, a.contact_id, a.rep_id, floored(w.wall, one_day()) AS day,
    s.as_of - a.happened < 7 * one_day() AS d7,
    s.as_of - a.happened < 14 * one_day() AS d14,
    s.as_of - a.happened < 30 * one_day() AS d30,
    s.as_of - a.happened < 60 * one_day() AS d60,
    s.as_of - a.happened < 90 * one_day() AS d90,
    row_number() OVER (
        PARTITION BY s.n
        ORDER BY a.happened, a.known, kind_place(a.kind), direction_place(a.direction),
            outcome_place(a.outcome), coalesce(a.duration, -1), a.contact_id NULLS FIRST, a.rep_id NULLS FIRST
    ) AS place
FROM scene s
JOIN activity_versions a ON a.opportunity_id = s.opportunity_id AND a.start <= s.as_of AND s.as_of < a.until
JOIN wall_times w ON w.instant = a.happened;

-- What is known of the deal and yet to come.
CREATE TABLE planned_activities AS
SELECT s.n, a.happened - s.as_of AS ahead
FROM scene s
JOIN activity_versions a ON a.opportunity_id = s.opportunity_id
    AND a.known <= s.as_of AND s.as_of < a.happened AND s.as_of < a.until;

-- The account's visible activities: by their own account, or where that is empty by their deal's, once
-- the deal exists.
CREATE TABLE account_activities AS
SELECT s.n, s.as_of - a.happened AS age, a.kind, a.direction, a.contact_id, a.rep_id
FROM scene s
JOIN (
    SELECT v.* EXCLUDE (account_id, start), coalesce(v.account_id, o.account_id) AS account_id,
        CASE WHEN v.account_id IS NULL THEN greatest(v.start, o.created_at) ELSE v.start END AS start
    FROM activity_versions v
    LEFT JOIN opportunities o ON o.opportunity_id = v.opportunity_id
) a ON a.account_id = s.account_id AND a.start <= s.as_of AND s.as_of < a.until;

CREATE TABLE account_orders AS
SELECT s.n, s.as_of - o.happened AS age, o.happened, o.cents, o.product,
    row_number() OVER (
        PARTITION BY s.n ORDER BY o.happened, o.known, o.cents, o.product NULLS FIRST) AS place
FROM scene s
JOIN order_versions o ON o.account_id = s.account_id AND o.start <= s.as_of AND s.as_of < o.until;

CREATE TABLE account_deals AS
SELECT s.n, s.as_of, o.opportunity_id, o.created_at, o.outcome,
    o.created_at <= s.as_of AS is_created,
    coalesce(o.closed_at <= s.as_of, FALSE) AS is_closed,
    s.as_of - o.created_at AS age, s.as_of - o.closed_at AS closed_for,
    o.opportunity_id IS NOT DISTINCT FROM s.opportunity_id AS is_this
FROM scene s
JOIN opportunities o ON o.account_id = s.account_id;

-- Contacts of any account that the snapshot knows.
CREATE TABLE known_contacts AS
SELECT s.n, c.contact_id, c.role, s.as_of - c.created_at AS age, c.account_id = s.account_id AS is_own
FROM scene s
JOIN contacts c ON c.created_at IS NULL OR c.created_at <= s.as_of;

-- The master row, where it is known.
CREATE TABLE known_account AS
SELECT s.n, a.industry, a.region, s.as_of - a.created_at AS tenure
FROM scene s
JOIN accounts a ON a.account_id = s.account_id AND (a.created_at IS NULL OR a.created_at <= s.as_of);

-- Where the deal has been: neighbours of the same name are one entry. `position` is null off the list.
CREATE TABLE stage_entries AS
WITH moves AS (
    SELECT s.n, s.as_of, c.happened, c.stage,
        lag(c.stage) OVER (PARTITION BY s.n ORDER BY c.happened, c.known, c.stage) AS stage_before,
        row_number() OVER (PARTITION BY s.n ORDER BY c.happened, c.known, c.stage) AS place
    FROM scene s
    JOIN stage_versions c ON c.opportunity_id = s.opportunity_id AND c.start <= s.as_of AND s.as_of < c.until
)
SELECT m.n, m.as_of, m.happened, m.stage, p.position, m.place,
    row_number() OVER (PARTITION BY m.n ORDER BY m.place DESC) AS from_end
FROM moves m
LEFT JOIN stages p ON p.stage = m.stage
WHERE m.stage_before IS DISTINCT FROM m.stage;

-- The values that each field has had; a fixed field has one, from the deal's creation on.
CREATE TABLE told AS
WITH row_values AS (
    SELECT opportunity_id, created_at, unnest([
        {'field': 'kind', 'text': kind, 'amount': NULL::DOUBLE, 'cents': NULL::BIGINT, 'close_at': NULL::BIGINT},
        {'field': 'source', 'text': source, 'amount': NULL, 'cents': NULL, 'close_at': NULL},
        {'field': 'product', 'text': product, 'amount': NULL, 'cents': NULL, 'close_at': NULL},
        {'field': 'rep_id', 'text': rep_id, 'amount': NULL, 'cents': NULL, 'close_at': NULL},
        {'field': 'amount', 'text': NULL, 'amount': amount, 'cents': whole(amount * 100), 'close_at': NULL},
        {'field': 'expected_close_at', 'text': NULL, 'amount': NULL, 'cents': NULL, 'close_at': expected_close_at}
    ], recursive := TRUE)
    FROM opportunities
),
all_values AS (
    SELECT s.n, f.field, f.happened, f.known, f.value AS text, f.amount, f.cents, f.close_at
    FROM scene s
    JOIN field_versions f ON f.opportunity_id = s.opportunity_id AND f.start <= s.as_of AND s.as_of < f.until
    WHERE f.field NOT IN (SELECT field FROM fixed)
    UNION ALL
    SELECT s.n, r.field, r.created_at, r.created_at, r.text, r.amount, r.cents, r.close_at
    FROM scene s
    JOIN row_values r ON r.opportunity_id = s.opportunity_id AND r.created_at <= s.as_of
    WHERE r.field IN (SELECT field FROM fixed)
)
SELECT *,
    row_number() OVER (PARTITION BY n, field ORDER BY happened, known, text) AS place,
    row_number() OVER (PARTITION BY n, field ORDER BY happened DESC, known DESC, text DESC) AS from_end
FROM all_values;

-- Local days, far enough around every time that a feature looks at.
CREATE TABLE local_days AS
WITH seen AS (SELECT day FROM scene UNION SELECT day FROM deal_activities),
span AS (SELECT unnest(generate_series(min(day) - 100, max(day) + 100)) AS day FROM seen)
SELECT day, day IN (SELECT day FROM holidays) AS is_holiday,
    isodow(DATE '1970-01-01' + CAST(day AS INTEGER)) IN (SELECT weekday FROM working_weekdays)
        AND day NOT IN (SELECT day FROM holidays) AS is_working
FROM span;
