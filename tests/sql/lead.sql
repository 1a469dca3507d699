-- The leads out of which the deal came. A lead is seen as soon as it was created and converted, as far as
-- that is given, and always where neither is. One without a creation is no later than any other.
CREATE TABLE lead AS
WITH seen AS (
    SELECT s.n, s.as_of, s.created_at AS deal_created_at, l.created_at, l.source, l.first_response_at,
        count(*) OVER (PARTITION BY s.n) AS number,
        row_number() OVER (PARTITION BY s.n ORDER BY l.created_at DESC NULLS LAST, l.lead_id DESC) AS from_end
    FROM scene s
    JOIN leads l ON l.opportunity_id = s.opportunity_id
        AND coalesce(greatest(l.created_at, l.converted_at) <= s.as_of, TRUE)
)
SELECT s.n,
    coalesce(l.number, 0) AS leads_total,
    l.source AS lead_source,
    CASE WHEN l.first_response_at <= s.as_of
        THEN hours(l.first_response_at - l.created_at) END AS lead_response_hours,
    days(s.as_of - l.created_at) AS lead_age_days,
    CASE WHEN s.created_at <= s.as_of THEN days(s.created_at - l.created_at) END AS lead_to_deal_days
FROM scene s
LEFT JOIN seen l ON l.n = s.n AND l.from_end = 1;
