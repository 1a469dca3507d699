-- Who has the deal, and since when.
CREATE TABLE rep AS
WITH owners AS (
    SELECT n, count(*) AS number, max(text) FILTER (from_end = 1) AS rep_id,
        max(happened) FILTER (from_end = 1) AS since
    FROM told
    WHERE field = 'rep_id'
    GROUP BY n
)
SELECT s.n,
    coalesce(o.number - 1, 0) AS rep_changes,
    days(s.as_of - o.since) AS days_with_rep,
    CASE WHEN r.hired_at <= s.as_of THEN days(s.as_of - r.hired_at) END AS rep_tenure_days
FROM scene s
LEFT JOIN owners o USING (n)
LEFT JOIN reps r ON r.rep_id = o.rep_id;
