-- How the CRM is kept.
CREATE TABLE crm_use AS
WITH kept AS (
    SELECT n, happened, place, age, start - happened AS delay,
        known < happened AND outcome IS NULL
            AND kind IN ('task', 'call', 'meeting', 'visit', 'demo') AS is_overdue
    FROM deal_activities
),
delays AS (
    SELECT s.n, count(delay) AS number, count_of(delay <= one_day()) AS prompt, sum(delay) AS total,
        arg_max(delay, place) AS last_one, count_of(is_overdue) AS overdue,
        max(age) FILTER (is_overdue) AS oldest_overdue
    FROM scene s
    LEFT JOIN kept k ON k.n = s.n
    GROUP BY s.n
),
edits AS (
    SELECT s.n, count(f.happened) AS number, count_of(s.as_of - f.happened < 30 * one_day()) AS number_30d,
        min(s.as_of - f.happened) AS silence
    FROM scene s
    LEFT JOIN field_versions f
        ON f.opportunity_id = s.opportunity_id AND f.start <= s.as_of AND s.as_of < f.until
    GROUP BY s.n
),
filled AS (
    SELECT n, count_of(
        (field = 'amount' AND amount IS NOT NULL)
        OR (field = 'expected_close_at' AND close_at IS NOT NULL)
        OR (field IN ('kind', 'source', 'product') AND text IS NOT NULL)) AS number
    FROM told
    WHERE from_end = 1
    GROUP BY n
)
SELECT d.n,
    share(d.prompt, d.number) AS recorded_within_day_share,
    hours(share(d.total, d.number)) AS mean_recording_delay_hours,
    hours(d.last_one) AS last_recording_delay_hours,
    e.number AS edits_total,
    e.number_30d AS edits_30d,
    days(e.silence) AS days_since_last_edit,
    share(coalesce(f.number, 0), 5) AS fields_filled_share,
    d.overdue AS overdue_steps,
    days(d.oldest_overdue) AS oldest_overdue_step_days
FROM delays d
JOIN edits e USING (n)
LEFT JOIN filled f USING (n);
