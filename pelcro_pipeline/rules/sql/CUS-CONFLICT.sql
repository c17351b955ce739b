-- A later record of a customer says otherwise than the first that says anything, or any record than what a publisher has chosen.
-- view of: repeated_cell, first_filled
SELECT cell.record, cell.attribute, cell.value, first_filled.value AS result, first_filled.record AS related
FROM repeated_cell AS cell
JOIN first_filled USING (customer, attribute)
WHERE (cell.record > first_filled.record OR chosen)
    AND if(attribute = 'customer.email', lower(cell.value) <> lower(said), cell.value <> said)
