-- The words of a text: its runs of letters and digits, in lower case.
CREATE OR REPLACE TEMP MACRO words(said) AS regexp_extract_all(lower(said), '[\pL\pM\pN]+');

-- What a value is looked for by: its words, the first eight of a longer one.
CREATE OR REPLACE TEMP MACRO form(said) AS array_to_string(words(said)[1:8], ' ');

-- Every run of up to eight words in a part of a text, and in all its parts: what was taken out of it stands as chr(30), and no
-- run goes across.
CREATE OR REPLACE TEMP MACRO phrases_of(part) AS list_transform([words(part)], lambda listed:
    flatten(list_transform(range(1, len(listed) + 1), lambda first:
        list_transform(range(first, least(len(listed), first + 7) + 1), lambda last: array_to_string(listed[first:last], ' '))
    )))[1];
CREATE OR REPLACE TEMP MACRO phrases(said) AS
    flatten(list_transform(string_split(said, chr(30)), lambda part: phrases_of(part)));

-- The numbers in a text as digits alone, however they are parted; a date is none, though 8 digits are a phone in Denmark.
CREATE OR REPLACE TEMP MACRO numbers(said) AS list_transform(
    regexp_extract_all(regexp_replace(said, '\b(?:\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{4}[-/.]\d{1,2}[-/.]\d{1,2})\b', ' / ', 'g'),
        '\d[\d ().-]{5,}\d'),
    lambda number: digits(number));

-- Whether finding a form tells anything: of three characters or more, and no number that counts and lines are too.
CREATE OR REPLACE TEMP MACRO tells(form) AS
    length(form) >= 3 AND (NOT regexp_full_match(form, '[0-9 ]+') OR strlen(digits(form)) >= 7);
