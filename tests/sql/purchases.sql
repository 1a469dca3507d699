-- What an account bought, and how regularly.
CREATE TABLE purchase_steps AS
SELECT *, happened - lag(happened) OVER (PARTITION BY n ORDER BY place) AS gap,
    row_number() OVER (PARTITION BY n ORDER BY place DESC) AS from_end
FROM account_orders;

CREATE TABLE purchases AS
WITH counts AS (
    SELECT s.n,
        count_of(age < 30 * one_day()) AS number_30d,
        count_of(age < 90 * one_day()) AS number_90d,
        count_of(age < 180 * one_day()) AS number_180d,
        count_of(age < 365 * one_day()) AS number_365d,
        count(happened) AS number,
        coalesce(sum(cents) FILTER (age < 90 * one_day()), 0) AS cents_90d,
        coalesce(sum(cents) FILTER (age < 180 * one_day()), 0) AS cents_180d,
        coalesce(sum(cents) FILTER (age < 365 * one_day()), 0) AS cents_365d,
        coalesce(sum(cents), 0) AS cents,
        max(cents) FILTER (from_end = 1) AS last_cents,
        max(cents) AS largest_cents,
        min(age) AS silence,
        max(age) AS first_age,
        count(DISTINCT product) AS products,
        count_of(cents < 0) AS refunds,
        count(gap) AS gaps,
        sum(gap) AS gap_total,
        max(gap) AS gap_longest,
        max(gap) FILTER (from_end = 1) AS gap_last,
        sum(gap // 1000000) AS seconds,
        sum(CAST(gap // 1000000 AS HUGEINT) * CAST(gap // 1000000 AS HUGEINT)) AS squares
    FROM scene s
    LEFT JOIN purchase_steps o ON o.n = s.n
    GROUP BY s.n
),
means AS (
    SELECT n, share(money(cents), number) AS mean_value, share(days(gap_total), gaps) AS mean_gap FROM counts
)
SELECT c.n,
    c.number_30d AS orders_30d,
    c.number_90d AS orders_90d,
    c.number_365d AS orders_365d,
    c.number AS orders_total,
    c.number_90d - (c.number_180d - c.number_90d) AS order_trend_90d,
    money(c.cents_90d) AS order_value_90d,
    money(c.cents_365d) AS order_value_365d,
    money(c.cents) AS order_value_total,
    money(c.cents_90d - (c.cents_180d - c.cents_90d)) AS order_value_trend_90d,
    m.mean_value AS mean_order_value,
    money(c.last_cents) AS last_order_value,
    money(c.largest_cents) AS largest_order_value,
    CASE WHEN m.mean_value > 0 THEN share(money(c.last_cents), m.mean_value) END AS last_order_over_mean,
    days(c.silence) AS days_since_last_order,
    days(c.first_age) AS days_since_first_order,
    m.mean_gap AS mean_order_gap_days,
    days(c.gap_last) AS last_order_gap_days,
    days(greatest(c.gap_longest, c.silence)) AS longest_order_silence_days,
    CASE WHEN c.gaps >= 2 AND c.seconds > 0 THEN
        sqrt(CAST(c.gaps * c.squares - c.seconds * c.seconds AS DOUBLE)) / CAST(c.seconds AS DOUBLE)
        END AS order_gap_variation,
    share(days(c.silence), m.mean_gap) AS silence_over_gap,
    share(c.silence, c.gap_longest) AS silence_over_longest_gap,
    CASE WHEN c.number > 0 THEN
        CAST(c.number AS DOUBLE) / greatest(1.0::DOUBLE, days(c.first_age) / 365) END AS orders_per_year,
    c.products AS products_bought,
    c.refunds AS refunds_total
FROM counts c
JOIN means m USING (n);
