-- Objects that a rule between records rejects: filled rule by rule.
-- table of: violation
SELECT record, object, rule FROM violation WHERE false
