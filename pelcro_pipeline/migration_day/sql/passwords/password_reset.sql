-- The customers who need an email to set a password, and why; whether the scheme is proven is a question, and no reason.
-- view of: password, scheme_unknown
SELECT customer, email,
    CASE WHEN password IS NOT NULL THEN defect
        WHEN customer IN (SELECT customer FROM scheme_unknown) THEN 'scheme unknown'
        ELSE 'no password delivered' END AS reason
FROM password
WHERE email IS NOT NULL AND (password IS NULL OR defect IS NOT NULL)
