-- Where the deal stands on its way.
CREATE TABLE stage_moves AS  -- neighbours on the list of stages; what is off the list is passed over
WITH listed AS (SELECT n, happened, place, position FROM stage_entries WHERE position IS NOT NULL)
SELECT n, happened, position, position - lag(position) OVER (PARTITION BY n ORDER BY place) AS step
FROM listed;

CREATE TABLE stage AS
WITH moves AS (
    SELECT n, max(position) AS peak,
        count_of(step > 0) AS forward, count_of(step < 0) AS backward,
        sum(step - 1) FILTER (step > 0) AS skipped,
        max(happened) FILTER (step > 0) AS last_forward, max(happened) FILTER (step < 0) AS last_backward
    FROM stage_moves
    GROUP BY n
),
dwells AS (
    SELECT n, coalesce(lead(happened) OVER (PARTITION BY n ORDER BY place), as_of) - happened AS dwell
    FROM stage_entries
),
longest AS (SELECT n, max(dwell) AS dwell FROM dwells GROUP BY n),
now AS (SELECT n, stage, position, happened, as_of - happened AS dwell FROM stage_entries WHERE from_end = 1),
before AS (SELECT n, stage FROM stage_entries WHERE from_end = 2),
visits AS (
    SELECT e.n, count(*) AS entries, count_of(e.stage = now.stage) AS same
    FROM stage_entries e
    JOIN now ON now.n = e.n
    GROUP BY e.n
),
work AS (
    SELECT now.n, count(v.happened) AS activities, count_of(v.direction = 'outbound') AS outbound,
        count_of(v.direction = 'inbound') AS inbound, count_of(is_appointment(v.kind)) AS appointments
    FROM now
    LEFT JOIN deal_activities v ON v.n = now.n AND v.happened >= now.happened
    GROUP BY now.n
),
ages AS (SELECT n, as_of, CASE WHEN created_at <= as_of THEN as_of - created_at END AS age FROM scene)
SELECT a.n,
    now.stage,
    now.position AS stage_position,
    before.stage AS previous_stage,
    share(now.position, (SELECT count(*) FROM stages) - 1) AS stage_progress,
    moves.peak - now.position AS stages_below_peak,
    days(now.dwell) AS days_in_stage,
    days(a.age) - days(now.dwell) AS days_to_reach_stage,
    coalesce(visits.entries, 0) AS stage_moves_total,
    coalesce(moves.forward, 0) AS forward_moves,
    coalesce(moves.backward, 0) AS backward_moves,
    coalesce(moves.skipped, 0) AS skipped_stages,
    coalesce(visits.same, 0) AS times_in_stage,
    days(a.age) AS deal_age_days,
    share(days(a.age), visits.entries) AS days_per_stage_move,
    CASE WHEN a.age IS NOT NULL
        THEN CAST(now.position AS DOUBLE) / greatest(days(a.age), 1.0::DOUBLE) * 30 END AS stages_per_30d,
    days(a.as_of - moves.last_forward) AS days_since_forward_move,
    days(a.as_of - moves.last_backward) AS days_since_backward_move,
    days(longest.dwell) AS longest_dwell_days,
    coalesce(work.activities, 0) AS activities_in_stage,
    coalesce(work.outbound, 0) AS outbound_in_stage,
    coalesce(work.inbound, 0) AS inbound_in_stage,
    coalesce(work.appointments, 0) AS appointments_in_stage,
    CASE WHEN now.stage IS NOT NULL
        THEN CAST(work.activities AS DOUBLE) / greatest(1.0::DOUBLE, days(now.dwell) / 7)
        END AS activities_per_week_in_stage
FROM ages a
LEFT JOIN now USING (n)
LEFT JOIN before USING (n)
LEFT JOIN moves USING (n)
LEFT JOIN visits USING (n)
LEFT JOIN longest USING (n)
LEFT JOIN work USING (n);
