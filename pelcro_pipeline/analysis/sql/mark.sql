-- The marked cells: what stands in each one's comment, the gravest first; line 0 is the header.
-- table of: finding, finding_cell, severity_rank
SELECT ordinal, coalesce(line, 0) AS line, position, min(rank) AS gravest, count(*) AS findings,
    count(*) FILTER (severity = 'reject') AS rejects, count(*) FILTER (severity = 'clear') AS clears,
    count(*) FILTER (severity = 'repair') AS repairs,
    string_agg(
        concat_ws(chr(10), upper(severity) || ' ' || rule || if(own, '', ', ' || finding.attribute), message, fix,
            'Instead stands: ' || if(severity IN ('repair', 'question'), nullif(result, value), NULL), 'See ' || related),
        chr(10) || chr(10) ORDER BY rank, rule, finding.attribute, message, related) AS text
FROM finding
JOIN severity_rank USING (severity)
JOIN finding_cell ON finding_cell.file = finding.file
    AND finding_cell.object IS NOT DISTINCT FROM finding.object
    AND finding_cell.attribute IS NOT DISTINCT FROM finding.attribute
GROUP BY ordinal, line, position
