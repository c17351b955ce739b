-- What is told of each object: stopped before it was sent, or refused by the site.
-- table of: plan, stopped_finding, refused
SELECT object, delivered, plan.key, plan.record, stopped.mark, stopped.rule, attribute, value, result, related, NULL AS reason, stops
FROM stopped_finding AS stopped JOIN plan USING (mark)
UNION ALL
SELECT
    object, delivered, plan.key, record, mark, 'API-REFUSED',
    if(attribute LIKE 'address.%', 'address.' || replace(object, '_address', '_') || substr(attribute, 9), attribute),
    -- How a site names a field is the site's to say: it is no path that anything is read by.
    if(field IN ('password', 'password_type'), NULL, from_json(body, '"MAP(VARCHAR, VARCHAR)"')[field]), NULL, NULL, reason, false
-- One that has been corrected since is to be sent again.
FROM refused JOIN plan USING (mark, digest)
WHERE action IN ('create', 'update')
