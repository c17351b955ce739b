-- The count list: each weakness by scheme, and who needs an email to set a password by the reason.
-- view of: password_weakness, password_reset
SELECT what, scheme, customers, passwords
FROM password_weakness
UNION ALL
SELECT 'needs a reset email: ' || reason, NULL, count(*), NULL
FROM password_reset
GROUP BY reason
ORDER BY what, scheme
