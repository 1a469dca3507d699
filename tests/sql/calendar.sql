-- Where the snapshot stands in the calendar of the data set's time zone.
CREATE TABLE calendar_days AS
WITH today AS (SELECT n, wall, day, DATE '1970-01-01' + CAST(day AS INTEGER) AS date FROM scene)
SELECT *,
    CAST(date_trunc('month', date) + INTERVAL 1 MONTH AS DATE) - DATE '1970-01-01' AS next_month_day,
    CAST(date_trunc('quarter', date) + INTERVAL 3 MONTH AS DATE) - DATE '1970-01-01' AS next_quarter_day
FROM today;

CREATE TABLE calendar AS
SELECT c.n,
    days(c.next_month_day * one_day() - c.wall) AS days_to_month_end,
    days(c.next_quarter_day * one_day() - c.wall) AS days_to_quarter_end,
    (extract(month FROM c.date) - 1) % 3 + 1 AS month_of_quarter,
    isodow(c.date) AS weekday,
    (c.wall - c.day * one_day()) // one_hour() AS hour_of_day,
    CAST(d.is_holiday AS INTEGER) AS holiday,
    (
        SELECT count(*) FROM local_days l WHERE l.is_working AND l.day > c.day AND l.day < c.next_quarter_day
    ) AS working_days_to_quarter_end
FROM calendar_days c
JOIN local_days d ON d.day = c.day;
