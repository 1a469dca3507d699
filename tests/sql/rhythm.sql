-- When things happened, and how regularly.
CREATE TABLE rhythm AS
WITH steps AS (
    SELECT n, place, age, happened - lag(happened) OVER (PARTITION BY n ORDER BY place) AS gap,
        row_number() OVER (PARTITION BY n ORDER BY place DESC) AS from_end
    FROM deal_activities
),
gaps AS (  -- the gaps between neighbours, in microseconds and in whole seconds
    SELECT n, count(gap) AS number, sum(gap) AS total, max(gap) AS longest,
        max(gap) FILTER (from_end = 1) AS last_one,
        sum(gap // 1000000) AS seconds,
        sum(CAST(gap // 1000000 AS HUGEINT) * CAST(gap // 1000000 AS HUGEINT)) AS squares
    FROM steps
    GROUP BY n
),
since AS (
    SELECT n,
        min(age) AS activity,
        max(age) AS first_activity,
        min(age) FILTER (direction = 'inbound') AS inbound,
        min(age) FILTER (direction = 'outbound') AS outbound,
        min(age) FILTER (kind = 'call') AS call,
        min(age) FILTER (kind = 'email') AS email,
        min(age) FILTER (is_appointment(kind)) AS meeting,
        min(age) FILTER (kind = 'message') AS message,
        min(age) FILTER (kind = 'demo') AS demo,
        min(age) FILTER (kind = 'proposal') AS proposal,
        min(age) FILTER (is_internal(kind)) AS internal_work,
        min(age) FILTER (outcome = 'connected') AS connected,
        min(age) FILTER (outcome = 'held') AS held
    FROM deal_activities
    GROUP BY n
),
planned AS (SELECT n, min(ahead) AS ahead FROM planned_activities GROUP BY n)
SELECT s.n,
    days(since.activity) AS days_since_last_activity,
    days(since.inbound) AS days_since_last_inbound,
    days(since.outbound) AS days_since_last_outbound,
    days(since.call) AS days_since_last_call,
    days(since.email) AS days_since_last_email,
    days(since.meeting) AS days_since_last_meeting,
    days(since.message) AS days_since_last_message,
    days(since.demo) AS days_since_last_demo,
    days(since.proposal) AS days_since_last_proposal,
    days(since.internal_work) AS days_since_last_internal_work,
    days(since.connected) AS days_since_last_connected,
    days(since.held) AS days_since_last_held,
    CASE WHEN s.created_at <= s.as_of
        THEN days((s.as_of - since.first_activity) - s.created_at) END AS first_activity_delay_days,
    share(days(gaps.total), gaps.number) AS mean_gap_days,
    days(gaps.last_one) AS last_gap_days,
    days(greatest(gaps.longest, since.activity)) AS longest_silence_days,
    CASE WHEN gaps.number >= 2 AND gaps.seconds > 0 THEN
        sqrt(CAST(gaps.number * gaps.squares - gaps.seconds * gaps.seconds AS DOUBLE))
        / CAST(gaps.seconds AS DOUBLE) END AS gap_variation,
    share(days(since.activity), share(days(gaps.total), gaps.number)) AS silence_over_gap,
    share(since.activity, gaps.longest) AS silence_over_longest_gap,
    days(planned.ahead) AS days_to_next_activity
FROM scene s
LEFT JOIN gaps USING (n)
LEFT JOIN since USING (n)
LEFT JOIN planned USING (n);
