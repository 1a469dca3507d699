-- Who spoke, for how long, and with what outcome.
CREATE TABLE follow_ups AS  -- held appointments and proposals; whether each was followed up within two days
WITH answers AS (
    SELECT n, happened, place
    FROM deal_activities
    WHERE direction = 'outbound' AND kind IN ('call', 'email', 'message', 'proposal')
)
SELECT v.n, v.kind = 'proposal' AS is_proposal, v.age >= 2 * one_day() AS is_over,
    EXISTS (
        SELECT 1 FROM answers a
        WHERE a.n = v.n AND a.place > v.place AND a.happened - v.happened <= 2 * one_day()
    ) AS is_followed
FROM deal_activities v
WHERE v.kind = 'proposal' OR (is_appointment(v.kind) AND v.outcome = 'held');

CREATE TABLE dialogue AS
WITH follow_up_shares AS (
    SELECT n,
        share(
            count_of(is_followed AND NOT is_proposal), count_of((is_followed OR is_over) AND NOT is_proposal)
        ) AS meeting_follow_up_share,
        share(
            count_of(is_followed AND is_proposal), count_of((is_followed OR is_over) AND is_proposal)
        ) AS proposal_follow_up_share
    FROM follow_ups
    GROUP BY n
),
turning_points AS (
    SELECT n,
        max(place) FILTER (direction = 'inbound') AS last_inbound,
        max(place) FILTER (kind = 'demo') AS last_demo
    FROM deal_activities
    GROUP BY n
),
counts AS (
    SELECT s.n,
        count_of(direction = 'inbound' AND d30) AS inbound_30d,
        count_of(direction = 'inbound') AS inbound_total,
        count_of(direction = 'outbound' AND d30) AS outbound_30d,
        count_of(direction = 'outbound') AS outbound_total,
        count_of(direction = 'inbound' AND d60) AS inbound_60d,
        count_of(outcome = 'connected') AS connected,
        count_of(outcome = 'no_answer') AS unconnected,
        coalesce(sum(duration) FILTER (d7), 0) AS activity_time_s_7d,
        coalesce(sum(duration) FILTER (d14), 0) AS activity_time_s_14d,
        coalesce(sum(duration) FILTER (d30), 0) AS activity_time_s_30d,
        coalesce(sum(duration) FILTER (d90), 0) AS activity_time_s_90d,
        coalesce(sum(duration) FILTER (TRUE), 0) AS activity_time_s_total,
        share(sum(duration) FILTER (d7), count(duration) FILTER (d7)) AS mean_duration_s_7d,
        share(sum(duration) FILTER (d14), count(duration) FILTER (d14)) AS mean_duration_s_14d,
        share(sum(duration) FILTER (d30), count(duration) FILTER (d30)) AS mean_duration_s_30d,
        share(sum(duration) FILTER (d90), count(duration) FILTER (d90)) AS mean_duration_s_90d,
        share(sum(duration) FILTER (TRUE), count(duration) FILTER (TRUE)) AS mean_duration_s_total,
        share(sum(duration) FILTER (kind = 'call'), count(duration) FILTER (kind = 'call')) AS mean_call_s,
        share(
            count_of(kind = 'call' AND duration < 60), count(duration) FILTER (kind = 'call')
        ) AS short_call_share,
        max(duration) FILTER (kind = 'call') AS longest_call_s,
        share(
            sum(duration) FILTER (is_appointment(kind)), count(duration) FILTER (is_appointment(kind))
        ) AS mean_appointment_s,
        count_of(kind = 'email' AND direction = 'outbound') AS sent,
        count_of(kind = 'email' AND direction = 'outbound' AND outcome IN ('opened', 'replied')) AS opened,
        count_of(kind = 'email' AND direction = 'outbound' AND outcome = 'replied') AS replied,
        count_of(outcome = 'held') AS held_total,
        coalesce(sum(counts), 0) AS activity_intensity,
        coalesce(sum(counts) FILTER (direction = 'inbound'), 0) AS inbound_intensity,
        coalesce(sum(counts) FILTER (direction = 'outbound'), 0) AS outbound_intensity,
        coalesce(sum(counts) FILTER (outcome = 'held'), 0) AS held_intensity,
        count_of(outcome IN ('no_show', 'cancelled')) AS missed_total,
        share(
            count_of(is_appointment(kind) AND outcome = 'held' AND coalesce(duration, 900) >= 900),
            count_of(is_appointment(kind) AND outcome IN ('held', 'no_show', 'cancelled'))
        ) AS effective_meeting_share,
        count_of(
            direction = 'outbound' AND place > coalesce(last_inbound, 0)
        ) AS outbound_since_last_inbound,
        CASE WHEN any_value(last_demo) IS NOT NULL
            THEN count_of(direction = 'outbound' AND place > last_demo) END AS outbound_since_last_demo
    FROM scene s
    LEFT JOIN (
        SELECT *, CASE WHEN age < 280 * one_day() THEN pow(0.5, (age // (one_day() // 24)) / 336.0) ELSE 0 END AS counts
        FROM deal_activities
    ) v ON v.n = s.n
    LEFT JOIN turning_points p ON p.n = s.n
    GROUP BY s.n
)
SELECT c.* EXCLUDE (inbound_60d, connected, unconnected, sent, opened, replied),
    share(inbound_total, inbound_total + outbound_total) AS inbound_share,
    inbound_30d - (inbound_60d - inbound_30d) AS inbound_trend_30d,
    share(connected, connected + unconnected) AS connected_share,
    share(opened, sent) AS open_share,
    share(replied, sent) AS reply_share,
    share(missed_total, held_total + missed_total) AS no_show_share,
    meeting_follow_up_share,
    proposal_follow_up_share
FROM counts c
LEFT JOIN follow_up_shares USING (n);
