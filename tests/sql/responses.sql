-- Who answered whom, and how soon.
CREATE TABLE turns AS  -- neighbours of one direction are one turn, that begins with the first of them
WITH spoken AS (
    SELECT n, happened, place, direction,
        lag(direction) OVER (PARTITION BY n ORDER BY place) AS direction_before
    FROM deal_activities
    WHERE direction IS NOT NULL
),
firsts AS (
    SELECT n, happened, place, direction
    FROM spoken
    WHERE direction_before IS DISTINCT FROM direction
)
SELECT *,
    happened - lag(happened) OVER (PARTITION BY n ORDER BY place) AS response,
    row_number() OVER (PARTITION BY n ORDER BY place DESC) AS from_end
FROM firsts;

CREATE TABLE responses AS
WITH ours AS (  -- an outbound turn ends the wait that the inbound turn before it began
    SELECT n, count(response) AS number, sum(response) AS total, max(response) AS slowest,
        arg_max(response, place) AS last_one, count_of(response <= one_day()) AS prompt
    FROM turns
    WHERE direction = 'outbound'
    GROUP BY n
),
theirs AS (
    SELECT n, share(sum(response), count(response)) AS mean
    FROM turns
    WHERE direction = 'inbound'
    GROUP BY n
),
waits AS (
    SELECT n, s.as_of - t.happened AS wait
    FROM turns t
    JOIN scene s USING (n)
    WHERE t.direction = 'inbound' AND t.from_end = 1
)
SELECT s.n,
    hours(share(ours.total, ours.number)) AS mean_response_hours,
    hours(ours.last_one) AS last_response_hours,
    hours(ours.slowest) AS slowest_response_hours,
    hours(waits.wait) AS unanswered_hours,
    share(
        coalesce(ours.prompt, 0),
        coalesce(ours.number, 0) + CASE WHEN waits.wait > one_day() THEN 1 ELSE 0 END
    ) AS prompt_response_share,
    hours(theirs.mean) AS mean_customer_response_hours
FROM scene s
LEFT JOIN ours USING (n)
LEFT JOIN theirs USING (n)
LEFT JOIN waits USING (n);
