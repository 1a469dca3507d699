-- What is on offer and until when, and how that has changed.
CREATE TABLE amounts AS
WITH steps AS (
    SELECT *, lag(amount) OVER (PARTITION BY n ORDER BY place) AS amount_before FROM told WHERE field = 'amount'
)
SELECT n, count(*) AS number,
    max(amount) FILTER (place = 1) AS first_one,
    max(amount) FILTER (from_end = 2) AS previous,
    max(amount) FILTER (from_end = 1) AS now,
    max(happened) FILTER (from_end = 1) AS now_at,
    count_of(amount < amount_before) AS cuts
FROM steps
GROUP BY n;

CREATE TABLE closes AS
WITH steps AS (
    SELECT *, close_at - lag(close_at) OVER (PARTITION BY n ORDER BY place) AS shift
    FROM told
    WHERE field = 'expected_close_at'
)
SELECT n, count(*) AS number,
    max(close_at) FILTER (place = 1) AS first_one,
    max(close_at) FILTER (from_end = 1) AS now,
    max(happened) FILTER (from_end = 1) AS now_at,
    count_of(shift > 0) AS pushes, count_of(shift < 0) AS pulls,
    coalesce(sum(shift) FILTER (shift > 0), 0) AS pushed
FROM steps
GROUP BY n;

CREATE TABLE terms AS
WITH texts AS (
    SELECT n, max(text) FILTER (field = 'kind') AS kind, max(text) FILTER (field = 'source') AS source,
        max(text) FILTER (field = 'product') AS product
    FROM told
    WHERE from_end = 1
    GROUP BY n
),
plans AS (
    SELECT s.n, CASE WHEN s.created_at <= s.as_of THEN s.as_of - s.created_at END AS age,
        CASE WHEN s.created_at <= s.as_of THEN c.first_one - s.created_at END AS planned
    FROM scene s
    LEFT JOIN closes c USING (n)
)
SELECT s.n,
    a.now AS amount,
    coalesce(a.number - 1, 0) AS amount_changes,
    coalesce(a.cuts, 0) AS amount_cuts,
    share(a.now - a.first_one, a.first_one) AS amount_change_share,
    share(a.now - a.previous, a.previous) AS last_amount_change_share,
    CASE WHEN a.number >= 2 THEN days(s.as_of - a.now_at) END AS days_since_amount_change,
    days(c.now - s.as_of) AS days_to_expected_close,
    CASE WHEN c.now IS NOT NULL THEN days(greatest(0, s.as_of - c.now)) END AS overdue_days,
    coalesce(c.number - 1, 0) AS close_date_changes,
    coalesce(c.pushes, 0) AS close_date_pushes,
    coalesce(c.pulls, 0) AS close_date_pulls,
    days(coalesce(c.pushed, 0)) AS pushed_days_total,
    days(c.now - c.first_one) AS close_date_shift_days,
    CASE WHEN c.number >= 2 THEN days(s.as_of - c.now_at) END AS days_since_close_date_change,
    days(p.planned) AS planned_cycle_days,
    CASE WHEN p.planned > 0 THEN share(p.age, p.planned) END AS plan_elapsed_share,
    CAST(floored(w.wall, one_day()) < d.next_quarter_day AS INTEGER) AS close_in_quarter,
    t.kind,
    t.source,
    t.product
FROM scene s
JOIN calendar_days d USING (n)
JOIN plans p USING (n)
LEFT JOIN amounts a USING (n)
LEFT JOIN closes c USING (n)
LEFT JOIN texts t USING (n)
LEFT JOIN wall_times w ON w.instant = c.now;
