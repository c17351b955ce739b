-- By scheme: its customers, how many of those with an email address they are, and whether samples prove that it is understood.
-- view of: password, proven_scheme
SELECT coalesce(held.scheme, proven_scheme.scheme, 'no password') AS scheme,
    coalesce(customers, 0) AS customers,
    coalesce(with_email, 0) AS with_email,
    round(coalesce(with_email, 0) / nullif(sum(with_email) OVER (), 0), 4) AS share,
    CASE WHEN held.scheme IS NOT NULL OR proven_scheme.scheme IS NOT NULL THEN coalesce(samples, 0) END AS samples,
    CASE WHEN held.scheme IS NOT NULL OR proven_scheme.scheme IS NOT NULL THEN coalesce(is_proven, false) END AS is_proven
FROM (SELECT scheme, count(*) AS customers, count(email) AS with_email FROM password GROUP BY scheme) AS held
FULL JOIN proven_scheme ON proven_scheme.scheme = held.scheme
ORDER BY customers DESC, 1
