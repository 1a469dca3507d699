-- What the house knew on one Monday (`reference_date`): one row per scope, key and measure.
-- The snapshots are every closed deal at its own close, and every open one an instant before the date.
CREATE TABLE closed_deals AS
SELECT s.n, s.as_of AS closed_at, s.account_id, coalesce(o.outcome = 'won', FALSE) AS won,
    floored(o.closed_at - o.created_at, 1000000) AS cycle_s
FROM scene s
JOIN opportunities o ON o.opportunity_id = s.opportunity_id
WHERE o.closed_at < (SELECT monday FROM reference_date);

CREATE TABLE open_deals AS
SELECT s.n
FROM scene s
JOIN opportunities o ON o.opportunity_id = s.opportunity_id
WHERE o.created_at < (SELECT monday FROM reference_date)
    AND coalesce(o.closed_at >= (SELECT monday FROM reference_date), TRUE);

CREATE TABLE stays AS  -- the stages on the list before the close, each until the next entry or the close
SELECT e.n, e.stage, floored(
    coalesce(lead(e.happened) OVER (PARTITION BY e.n ORDER BY e.place), d.closed_at) - e.happened, 1000000
) AS dwell_s, e.position IS NOT NULL AS is_listed
FROM stage_entries e
JOIN closed_deals d ON d.n = e.n AND e.happened < d.closed_at;

CREATE TABLE now_told AS
SELECT n, CASE WHEN field = 'rep_id' THEN 'rep' ELSE field END AS scope, text AS key
FROM told
WHERE from_end = 1 AND field IN ('rep_id', 'kind', 'source', 'product') AND text IS NOT NULL;

CREATE TABLE scopes AS  -- in which scopes and under which keys a closed deal counts
SELECT n, 'all' AS scope, '' AS key FROM closed_deals
UNION ALL
SELECT n, scope, key FROM now_told
UNION ALL
SELECT t.n, 'team', r.team_id
FROM now_told t
JOIN reps r ON t.scope = 'rep' AND r.rep_id = t.key
WHERE r.team_id IS NOT NULL
UNION ALL
SELECT n, 'industry', industry FROM known_account WHERE industry IS NOT NULL
UNION ALL
SELECT DISTINCT n, 'stage', stage FROM stays WHERE is_listed;

CREATE TABLE won_amounts AS
SELECT t.cents
FROM told t
JOIN closed_deals d USING (n)
WHERE d.won AND t.field = 'amount' AND t.from_end = 1 AND t.cents IS NOT NULL;

CREATE TABLE rep_open AS
SELECT t.key AS rep_id, count(*) AS number
FROM now_told t
JOIN open_deals USING (n)
WHERE t.scope = 'rep'
GROUP BY t.key;

CREATE TABLE rep_records AS
SELECT v.rep_id, count(*) AS records, count_of(v.start - v.happened <= one_day()) AS prompt
FROM activity_versions v, reference_date d
WHERE v.rep_id IS NOT NULL AND v.start < d.monday AND v.until >= d.monday
GROUP BY v.rep_id;

CREATE TABLE reference AS
WITH by_scope AS (
    SELECT scope, key, count(*) AS closed, count_of(won) AS won,
        CAST(coalesce(sum(cycle_s) FILTER (won), 0) AS BIGINT) AS cycle_s
    FROM scopes
    JOIN closed_deals USING (n)
    GROUP BY scope, key
),
dwells AS (
    SELECT stage, CAST(sum(dwell_s) AS BIGINT) AS dwell_s, count(DISTINCT n) AS dwells
    FROM stays
    JOIN closed_deals USING (n)
    WHERE won AND is_listed
    GROUP BY stage
),
teams AS (
    SELECT r.team_id, CAST(coalesce(sum(o.number), 0) AS BIGINT) AS open,
        count_of(r.hired_at IS NULL OR r.hired_at < (SELECT monday FROM reference_date)) AS reps
    FROM reps r
    LEFT JOIN rep_open o ON o.rep_id = r.rep_id
    WHERE r.team_id IS NOT NULL
    GROUP BY r.team_id
)
SELECT scope, key, 'closed' AS measure, closed AS number FROM by_scope
UNION ALL SELECT scope, key, 'won', won FROM by_scope
UNION ALL SELECT scope, key, 'cycle_s', cycle_s FROM by_scope
UNION ALL SELECT scope, key, 'cycles', won FROM by_scope
UNION ALL SELECT 'stage', stage, 'dwell_s', dwell_s FROM dwells
UNION ALL SELECT 'stage', stage, 'dwells', dwells FROM dwells
UNION ALL SELECT 'all', '', 'amount_cents', CAST(coalesce(sum(cents), 0) AS BIGINT) FROM won_amounts
UNION ALL SELECT 'all', '', 'amounts', count(*) FROM won_amounts
UNION ALL SELECT 'rep', rep_id, 'open', number FROM rep_open
UNION ALL SELECT 'rep', rep_id, 'records', records FROM rep_records
UNION ALL SELECT 'rep', rep_id, 'prompt', prompt FROM rep_records
UNION ALL SELECT 'team', team_id, 'open', open FROM teams
UNION ALL SELECT 'team', team_id, 'reps', reps FROM teams;
