-- The account of the deal: what it bought, what else goes on there, who it is.
CREATE TABLE account AS
WITH bought AS (
    SELECT s.n, count(o.happened) AS number, count_of(o.age < 365 * one_day()) AS number_365d,
        coalesce(sum(o.cents), 0) AS cents,
        coalesce(sum(o.cents) FILTER (o.age < 365 * one_day()), 0) AS cents_365d,
        min(o.age) AS silence, max(o.happened) - min(o.happened) AS span
    FROM scene s
    LEFT JOIN account_orders o ON o.n = s.n
    GROUP BY s.n
),
rates AS (
    SELECT n, share(money(cents), number) AS mean_value, share(days(span), number - 1) AS gap FROM bought
),
deals AS (
    SELECT n,
        count_of(NOT is_this AND is_created AND NOT is_closed) AS open,
        count_of(is_closed AND outcome = 'won') AS won,
        count_of(is_closed AND outcome = 'lost') AS lost,
        min(closed_for) FILTER (is_closed AND outcome = 'won') AS since_won,
        min(closed_for) FILTER (is_closed AND outcome = 'lost') AS since_lost
    FROM account_deals
    GROUP BY n
),
activity AS (
    SELECT s.n, count_of(age < 30 * one_day()) AS number_30d, count(age) AS number, min(age) AS silence,
        count(DISTINCT kind) FILTER (is_channel(kind) AND age < 90 * one_day()) AS channels
    FROM scene s
    LEFT JOIN account_activities a ON a.n = s.n
    GROUP BY s.n
),
amount AS (SELECT n, amount FROM told WHERE field = 'amount' AND from_end = 1)
SELECT b.n,
    b.number AS account_orders_total,
    b.number_365d AS account_orders_365d,
    money(b.cents_365d) AS account_order_value_365d,
    money(b.cents) AS account_order_value_total,
    r.mean_value AS account_mean_order_value,
    days(b.silence) AS days_since_account_order,
    r.gap AS account_order_gap_days,
    share(days(b.silence), r.gap) AS account_silence_over_gap,
    CASE WHEN r.mean_value > 0 THEN share(amount.amount, r.mean_value) END AS amount_over_mean_order,
    d.open AS other_open_deals,
    d.won AS past_wins,
    d.lost AS past_losses,
    share(d.won, d.won + d.lost) AS past_win_share,
    days(d.since_won) AS days_since_past_win,
    days(d.since_lost) AS days_since_past_loss,
    a.number_30d AS account_activities_30d,
    a.number AS account_activities_total,
    days(a.silence) AS days_since_account_activity,
    a.channels AS account_channels_90d,
    days(k.tenure) AS account_tenure_days,
    k.industry,
    k.region
FROM bought b
JOIN rates r USING (n)
JOIN deals d USING (n)  -- the deal itself is one of them
JOIN activity a USING (n)
LEFT JOIN amount USING (n)
LEFT JOIN known_account k USING (n);
