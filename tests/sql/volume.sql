-- How much has happened to the deal.
CREATE TABLE volume AS
WITH counts AS (
    SELECT s.n,
        count_of(d7) AS activities_7d,
        count_of(d14) AS activities_14d,
        count_of(d30) AS activities_30d,
        count_of(d90) AS activities_90d,
        count(happened) AS activities_total,
        count_of(kind = 'call' AND d7) AS calls_7d,
        count_of(kind = 'call' AND d14) AS calls_14d,
        count_of(kind = 'call' AND d30) AS calls_30d,
        count_of(kind = 'call' AND d90) AS calls_90d,
        count_of(kind = 'call') AS calls_total,
        count_of(kind = 'email' AND d7) AS emails_7d,
        count_of(kind = 'email' AND d14) AS emails_14d,
        count_of(kind = 'email' AND d30) AS emails_30d,
        count_of(kind = 'email' AND d90) AS emails_90d,
        count_of(kind = 'email') AS emails_total,
        count_of(kind = 'meeting' AND d7) AS meetings_7d,
        count_of(kind = 'meeting' AND d14) AS meetings_14d,
        count_of(kind = 'meeting' AND d30) AS meetings_30d,
        count_of(kind = 'meeting' AND d90) AS meetings_90d,
        count_of(kind = 'meeting') AS meetings_total,
        count_of(kind = 'visit' AND d7) AS visits_7d,
        count_of(kind = 'visit' AND d14) AS visits_14d,
        count_of(kind = 'visit' AND d30) AS visits_30d,
        count_of(kind = 'visit' AND d90) AS visits_90d,
        count_of(kind = 'visit') AS visits_total,
        count_of(kind = 'message' AND d7) AS messages_7d,
        count_of(kind = 'message' AND d14) AS messages_14d,
        count_of(kind = 'message' AND d30) AS messages_30d,
        count_of(kind = 'message' AND d90) AS messages_90d,
        count_of(kind = 'message') AS messages_total,
        count_of(kind = 'demo' AND d7) AS demos_7d,
        count_of(kind = 'demo' AND d14) AS demos_14d,
        count_of(kind = 'demo' AND d30) AS demos_30d,
        count_of(kind = 'demo' AND d90) AS demos_90d,
        count_of(kind = 'demo') AS demos_total,
        count_of(kind = 'proposal' AND d7) AS proposals_7d,
        count_of(kind = 'proposal' AND d14) AS proposals_14d,
        count_of(kind = 'proposal' AND d30) AS proposals_30d,
        count_of(kind = 'proposal' AND d90) AS proposals_90d,
        count_of(kind = 'proposal') AS proposals_total,
        count_of(kind = 'crm_update' AND d7) AS crm_updates_7d,
        count_of(kind = 'crm_update' AND d14) AS crm_updates_14d,
        count_of(kind = 'crm_update' AND d30) AS crm_updates_30d,
        count_of(kind = 'crm_update' AND d90) AS crm_updates_90d,
        count_of(kind = 'crm_update') AS crm_updates_total,
        count_of(is_internal(kind)) AS internal_work_total,
        count_of(d60) AS activities_60d,
        max(age) AS first_age,
        count(DISTINCT v.day) FILTER (d30) AS active_days_30d,
        count(DISTINCT v.day) AS active_days_total,
        count(DISTINCT kind) FILTER (is_channel(kind) AND d30) AS channels_30d,
        count(DISTINCT kind) FILTER (is_channel(kind)) AS channels_total,
        count_of(NOT l.is_working) AS off_days
    FROM scene s
    LEFT JOIN deal_activities v ON v.n = s.n
    LEFT JOIN local_days l ON l.day = v.day
    GROUP BY s.n
),
busiest AS (
    SELECT n, max(number) AS number
    FROM (SELECT n, count(*) AS number FROM deal_activities GROUP BY n, day)
    GROUP BY n
),
working AS (
    SELECT s.n, count_of(l.is_working) AS number
    FROM scene s
    JOIN local_days l ON l.day BETWEEN s.day - 29 AND s.day
    GROUP BY s.n
),
planned AS (SELECT n, count(*) AS number FROM planned_activities GROUP BY n)
SELECT c.* EXCLUDE (activities_60d, first_age, off_days),
    share(activities_30d, working.number) AS activities_per_working_day_30d,
    CASE WHEN activities_total > 0
        THEN CAST(activities_total AS DOUBLE) / greatest(1.0::DOUBLE, days(first_age) / 7)
        END AS activities_per_week,
    activities_30d - (activities_60d - activities_30d) AS activity_trend_30d,
    share(activities_30d - (activities_60d - activities_30d), activities_60d) AS activity_momentum,
    coalesce(busiest.number, 0) AS busiest_day_activities,
    share(activities_total, active_days_total) AS activities_per_active_day,
    share(off_days, activities_total) AS off_day_share,
    coalesce(planned.number, 0) AS planned_activities
FROM counts c
LEFT JOIN busiest USING (n)
LEFT JOIN working USING (n)
LEFT JOIN planned USING (n);
