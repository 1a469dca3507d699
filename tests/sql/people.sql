-- Whom the deal has reached.
CREATE TABLE people AS
WITH reached AS (  -- one row a contact and snapshot; the role only where the contact is known
    SELECT v.n, v.contact_id, max(k.role) AS role, count(*) AS number, max(v.age) AS first_age
    FROM deal_activities v
    LEFT JOIN known_contacts k ON k.n = v.n AND k.contact_id = v.contact_id
    WHERE v.contact_id IS NOT NULL
    GROUP BY v.n, v.contact_id
),
by_contact AS (
    SELECT n,
        count_of(first_age < 30 * one_day()) AS new_contacts_30d,
        min(first_age) AS newest,
        count(DISTINCT role) AS roles_reached,
        count_of(role = 'decision_maker') AS decision_makers_reached,
        count_of(role = 'champion') AS champions_reached,
        share(max(number), sum(number)) AS top_contact_share
    FROM reached
    GROUP BY n
),
by_activity AS (
    SELECT s.n,
        count(DISTINCT v.contact_id) FILTER (d7) AS contacts_reached_7d,
        count(DISTINCT v.contact_id) FILTER (d14) AS contacts_reached_14d,
        count(DISTINCT v.contact_id) FILTER (d30) AS contacts_reached_30d,
        count(DISTINCT v.contact_id) FILTER (d90) AS contacts_reached_90d,
        count(DISTINCT v.contact_id) AS contacts_reached_total,
        count_of(is_appointment(v.kind) AND r.role = 'decision_maker') AS decision_maker_meetings,
        min(v.age) FILTER (r.role = 'decision_maker') AS decision_maker_age,
        count(DISTINCT v.contact_id) FILTER (v.direction = 'inbound') AS contacts_answering,
        count(DISTINCT v.rep_id) AS reps_involved
    FROM scene s
    LEFT JOIN deal_activities v ON v.n = s.n
    LEFT JOIN reached r ON r.n = v.n AND r.contact_id = v.contact_id
    GROUP BY s.n
),
own AS (
    SELECT s.n, count_of(k.is_own) AS contacts_known,
        count_of(k.is_own AND k.role = 'decision_maker') AS decision_makers_known
    FROM scene s
    LEFT JOIN known_contacts k ON k.n = s.n
    GROUP BY s.n
)
SELECT a.* EXCLUDE (decision_maker_age),
    coalesce(c.new_contacts_30d, 0) AS new_contacts_30d,
    days(c.newest) AS days_since_new_contact,
    own.contacts_known,
    own.decision_makers_known,
    share(a.contacts_reached_total, own.contacts_known) AS contacts_reached_share,
    coalesce(c.roles_reached, 0) AS roles_reached,
    coalesce(c.decision_makers_reached, 0) AS decision_makers_reached,
    coalesce(c.champions_reached, 0) AS champions_reached,
    days(a.decision_maker_age) AS days_since_last_decision_maker,
    c.top_contact_share
FROM by_activity a
JOIN own USING (n)
LEFT JOIN by_contact c USING (n);
