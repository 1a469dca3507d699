-- The account as an entity of its own: its deals, its people, what goes on there, who it is.
CREATE TABLE account_life AS
WITH deals AS (
    SELECT s.n,
        count_of(is_created AND NOT is_closed) AS open,
        count_of(is_closed AND outcome = 'won') AS won,
        count_of(is_closed AND outcome = 'lost') AS lost,
        min(closed_for) FILTER (is_closed AND outcome = 'won') AS since_won,
        min(closed_for) FILTER (is_closed AND outcome = 'lost') AS since_lost,
        min(age) FILTER (is_created) AS since_created,
        count_of(is_created AND age < 365 * one_day()) AS created_365d
    FROM scene s
    LEFT JOIN account_deals d ON d.n = s.n
    GROUP BY s.n
),
people AS (
    SELECT s.n, count_of(is_own) AS known, count_of(is_own AND role = 'decision_maker') AS deciding,
        count_of(is_own AND age < 90 * one_day()) AS recent
    FROM scene s
    LEFT JOIN known_contacts k ON k.n = s.n
    GROUP BY s.n
),
activity AS (
    SELECT s.n,
        count_of(age < 30 * one_day()) AS number_30d,
        count_of(age < 60 * one_day()) AS number_60d,
        count_of(age < 90 * one_day()) AS number_90d,
        count(age) AS number,
        count_of(is_appointment(kind) AND age < 90 * one_day()) AS appointments_90d,
        count_of(direction = 'inbound') AS inbound,
        count(direction) AS directed,
        count(DISTINCT kind) FILTER (is_channel(kind) AND age < 90 * one_day()) AS channels_90d,
        min(age) AS silence,
        min(age) FILTER (direction = 'inbound') AS since_inbound,
        min(age) FILTER (is_appointment(kind)) AS since_appointment,
        count(DISTINCT contact_id) FILTER (age < 90 * one_day()) AS contacts_90d,
        count(DISTINCT contact_id) AS contacts,
        count(DISTINCT rep_id) AS reps
    FROM scene s
    LEFT JOIN account_activities a ON a.n = s.n
    GROUP BY s.n
)
SELECT d.n,
    d.open AS open_deals,
    d.won AS deals_won,
    d.lost AS deals_lost,
    share(d.won, d.won + d.lost) AS deal_win_share,
    days(d.since_won) AS days_since_last_win,
    days(d.since_lost) AS days_since_last_loss,
    days(d.since_created) AS days_since_last_deal,
    d.created_365d AS deals_365d,
    p.known AS account_contacts_known,
    p.deciding AS decision_makers_known,
    p.recent AS new_contacts_known_90d,
    a.contacts_90d AS contacts_reached_90d,
    a.contacts AS contacts_reached_total,
    a.number_30d AS activities_30d,
    a.number_90d AS activities_90d,
    a.number AS activities_total,
    a.number_30d - (a.number_60d - a.number_30d) AS activity_trend_30d,
    a.appointments_90d,
    share(a.inbound, a.directed) AS inbound_share,
    a.channels_90d,
    days(a.silence) AS days_since_last_activity,
    days(a.since_inbound) AS days_since_last_inbound,
    days(a.since_appointment) AS days_since_last_meeting,
    a.reps AS reps_involved,
    days(k.tenure) AS account_tenure_days,
    k.industry,
    k.region
FROM deals d
JOIN people p USING (n)
JOIN activity a USING (n)
LEFT JOIN known_account k USING (n);
