"""Every rule, once, in the order in which the ledger names the first.

What a person reads of a rule stands here: the findings take their words from it, and the error
catalogue (``handbook``) is rendered from it. No text ever holds a value of a record: it is printed
beside one, and would be shown for others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pelcro_pipeline.spec import TABLE_OF, TABLES
from pelcro_pipeline.spec.model import Attribute, Severity, Violation


class About(StrEnum):
    """What one question is about, beside its rule and its attribute; never a line."""

    COLUMN = "column"
    FILE = "file"
    VALUE = "value"
    #: What the object is named by: its own key, or its customer's id.
    OBJECT = "object"
    #: The plan of the subscription.
    PLAN = "plan"
    #: Two customers' ids.
    PAIR = "pair"


class Content(StrEnum):
    """What of its records an answer is bound to: where it is another on a newer extract, the question is asked anew."""

    NOTHING = "nothing"
    VALUES = "values"
    KEYS = "keys"


class Effect(StrEnum):
    """What an answer does on the next run."""

    ACCEPT = "accept"
    REJECT = "reject"
    VALUE = "value"
    MERGE = "merge"
    SETTING = "setting"


@dataclass(frozen=True)
class Answer:
    """An answer that a rule's questions allow."""

    word: str
    does: str
    effect: Effect
    #: The setting that it sets, or adds to, and to what; what the question is about where nothing is said.
    setting: str = ""
    sets: str = ""


@dataclass(frozen=True)
class Asks:
    """The questions of a rule: what each is about, in one sentence, and what can be answered; the first is the default taken."""

    sentence: str
    about: About
    answers: tuple[Answer, ...]
    content: Content = Content.NOTHING

    def answer(self, word: str) -> Answer | None:
        """The answer of that name, if it is allowed."""
        return next((each for each in self.answers if each.word == word), None)


def _accept(does: str) -> Answer:
    return Answer("accept", does, Effect.ACCEPT)


def _reject(does: str) -> Answer:
    return Answer("reject", does, Effect.REJECT)


def _value(does: str) -> Answer:
    return Answer("value", does, Effect.VALUE)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the migration."""

    id: str
    #: What a finding says.
    sentence: str
    #: What the publisher, or who prepares the files, does about it.
    fix: str
    #: What a finding of it can be, where the spec does not say; a rule that makes no finding says its effect.
    severities: tuple[Severity, ...] = ()
    effect: str = ""
    #: The guide's own words that it rests on; none where the guide is silent.
    guide: str = ""
    #: Which reading was chosen where the guide is silent or leaves room, and why.
    interpretation: str = ""
    #: The columns that it concerns, where the spec does not say.
    attributes: tuple[str, ...] = ()
    #: The object, where it can be any column of it.
    object: str | None = None
    #: One finding for a record, whatever of its objects break it.
    once_a_record: bool = False
    #: One finding for a column of a file, with its count: what it means is told from all its values.
    once_a_column: bool = False
    #: What the publisher is asked, where a finding of it can be a question.
    asks: Asks | None = None


_STOPS = "The run stops before anything is stored."

FILES = (
    Rule(
        id="FILE-UNREADABLE",
        sentence="The file cannot be read as text or as a workbook, or none of its columns belongs to a template.",
        fix="Deliver it again as CSV or XLSX with the template's headers, or list it under ignore in extract.toml.",
        effect=_STOPS,
        guide="By providing the data in our predefined CSV files, our team will be able to process the migration much "
        "faster",
        interpretation="Workbooks, other delimiters and other encodings are read as well; what cannot be told for certain is "
        "not guessed, as a wrong guess would spoil every name with an accent.",
    ),
    Rule(
        id="FILE-HEADER-PLACE",
        sentence="The headers do not stand on the file's first line.",
        fix="Take out the lines above the headers. A first line sep=; that names the delimiter may stay.",
        effect=_STOPS,
        guide="During the data conversion process, you will need to populate the Pelcro Provided templates with your "
        "current data set.",
        interpretation="The headers are looked for on the first line and the twenty below it; the error names the line that they "
        "stand on, or, where there are none, the template's headers that come nearest to the file's.",
    ),
    Rule(
        id="FILE-SHEET",
        sentence="The workbook has a sheet that may not be meant.",
        fix="If it is meant, show it and give it the template's headers; if not, name it under ignore in extract.toml.",
        severities=(Severity.QUESTION,),
        interpretation="The guide does not speak of workbooks: hidden sheets with a template's headers are read, and sheets without "
        "any beside those that have some are not.",
        asks=Asks(
            "Is the sheet {about} meant to be migrated?",
            About.FILE,
            (
                _accept("It is right that it is read, or passed over, as it was."),
                Answer("ignore", "It is left alone.", Effect.SETTING, "ignore"),
            ),
        ),
    ),
    Rule(
        id="FILE-TEXT-HEALTH",
        sentence="Text of this column was decoded wrongly somewhere, or holds codes of a web page; it is migrated as it is.",
        fix="Export it again as UTF-8, without codes of web pages.",
        severities=(Severity.QUESTION,),
        interpretation="What a spoiled letter was cannot be told for certain, so names are not touched.",
        asks=Asks(
            "Is the text of {attribute} right as it stands?",
            About.COLUMN,
            (_accept("It is migrated as it is."),),
        ),
    ),
    Rule(
        id="FILE-NOTHING",
        sentence="This word is read as an empty cell.",
        fix="Say whether it stands for nothing; name such words as nothing in extract.toml, or nothing = [] where there are none.",
        severities=(Severity.QUESTION,),
        guide="7. 'empty'.",
        interpretation="Databases and spreadsheets write words where nothing is: taken for ids they would make one customer of "
        "many. Among names None is one only where other columns use it so.",
        asks=Asks(
            "Does {about} stand for an empty cell?",
            About.VALUE,
            (
                _accept("It is read as an empty cell."),
                Answer("text", "It is text, and kept.", Effect.SETTING, "not_nothing"),
            ),
        ),
    ),
    Rule(
        id="FILE-CELL-ERROR",
        sentence="The workbook's cell holds an error, or a formula whose result was never stored; it is taken as empty.",
        fix="Mend the cell, or open the workbook in a spreadsheet and save it, so that results stand in it.",
        severities=(Severity.CLEAR,),
        interpretation="The guide does not speak of it: nothing tells what the cell would say. Where the column may not be empty, that "
        "is the finding.",
    ),
    Rule(
        id="FILE-DIGITS-LOST",
        sentence="A spreadsheet has written these numbers in short form, and their last digits are lost.",
        fix="Export the column again as text.",
        severities=(Severity.REJECT, Severity.QUESTION),
        guide="The unique identifier of the customer in the old system",
        interpretation="Two ids that were cut to the same are two people: whatever has such an id stays behind and is merged with "
        "nothing. In columns that are no ids the publisher is asked.",
        once_a_record=True,
        once_a_column=True,
        asks=Asks(
            "Are the numbers of {attribute} right in their short form?",
            About.COLUMN,
            (_accept("They are migrated as they are."),),
        ),
    ),
    Rule(
        id="FILE-INVISIBLE",
        sentence="This holds a character that cannot be seen; it is taken out.",
        fix="Take the character out where the value comes from: others that look the same differ from it.",
        severities=(Severity.REPAIR,),
        interpretation="The guide does not speak of it: format characters (zero width, direction, soft hyphen) get into text by "
        "copying, and are part of no header, id, email address, code, date or amount.",
    ),
    Rule(
        id="FILE-NO-RECORD",
        sentence="This line is no record: it repeats the header, or is a total, a count of rows or a stamp at the file's end.",
        fix="Take the line out; if it is a record after all, fill in its other cells.",
        severities=(Severity.QUESTION,),
        interpretation="The guide does not speak of it: such lines are what systems write beside the records; they are excluded in the "
        "ledger and kept in the archive.",
        asks=Asks(
            "Is the line {about} right to be left out, as no record?",
            About.VALUE,
            (_accept("It is no record."),),
        ),
    ),
    Rule(
        id="FILE-QUOTE",
        sentence="On this line a quotation mark stands inside a quoted cell, or text behind the closing one; look whether it is read "
        "as it is meant.",
        fix="Write quotation marks within a cell twice.",
        severities=(Severity.QUESTION,),
        interpretation="The guide does not speak of it: a backslash before quotation marks is understood where all of the file reads "
        "whole so; else the line is read as it stands.",
        asks=Asks(
            "Is this line read as it is meant: {about}",
            About.VALUE,
            (_accept("It is read as it is meant."),),
        ),
    ),
    Rule(
        id="FILE-HEADER",
        sentence="This column is in no template; it is kept in the archive and not migrated.",
        fix="If it is to be migrated, give it the name of a template column; otherwise nothing is to be done.",
        severities=(Severity.QUESTION,),
        guide="During the data conversion process, you will need to populate the Pelcro Provided templates with your "
        "current data set.",
        interpretation="The guide does not say what becomes of other columns: they are kept, and those that are named as "
        "common_metadata of customers, subscriptions or plans are migrated as such.",
        asks=Asks(
            "Can the column {attribute} stay behind, in the archive?",
            About.COLUMN,
            (_accept("It is kept in the archive and not migrated."),),
        ),
    ),
    Rule(
        id="FILE-DUPLICATE-HEADER",
        sentence="The file has this column twice, and on this line the two differ.",
        fix="Take one of the two columns out, or make them agree.",
        severities=(Severity.REJECT,),
        interpretation="The guide's own example has a column twice, so equal values are let be, and so is a line that fills one of "
        "the two: that is the value. Where they differ, nothing tells which is meant.",
    ),
    Rule(
        id="FILE-MISSING",
        sentence="A column that nothing can stand in for is missing from its file, or subscriptions come without "
        "plans or products.",
        fix="Deliver the columns and files that the error lists.",
        effect=_STOPS,
        guide="Here's a list of the typical information which is vitally needed for a given subscriptions migration",
        interpretation="Only columns that cannot be inferred are insisted on: without one, every record of the file would be "
        "rejected.",
    ),
    Rule(
        id="FILE-RAGGED",
        sentence="This line has fewer cells than the header, or fills cells beyond it.",
        fix="Put cells that hold the delimiter, a quotation mark or a line break in quotation marks.",
        severities=(Severity.REJECT,),
        interpretation="The guide does not speak of it: with a cell too many or too few, nothing tells which cell belongs to "
        "which column, so no part of the line is used. Empty cells beyond the header are nothing.",
    ),
    Rule(
        id="FILE-BLANK",
        sentence="The line is blank, or holds no object: a link, an address id or columns of no template alone.",
        fix="Nothing is to be done.",
        severities=(Severity.EXCLUDED,),
        interpretation="The guide does not speak of it: such a line holds nothing to migrate, and is listed so that every line "
        "is accounted for.",
    ),
    Rule(
        id="FILE-DATE-ORDER",
        sentence="What the dates of this column mean had to be told from all of them.",
        fix="Check it against the old system; set date_format in extract.toml, or export the column as 2027-03-31.",
        severities=(Severity.QUESTION, Severity.REPAIR),
        interpretation="The guide does not name a date format, and its examples write the day first: the order that reads most of "
        "a column's values is used, the day first where both read as many. Day numbers of Excel and Unix times are understood.",
        asks=Asks(
            "How are the dates of {attribute} written?",
            About.COLUMN,
            (
                _accept("They are read as they were."),
                Answer("dd/mm/yyyy", "The day comes first, in all files.", Effect.SETTING, "date_format", "dd/mm/yyyy"),
                Answer(
                    "mm/dd/yyyy", "The month comes first, in all files.", Effect.SETTING, "date_format", "mm/dd/yyyy"
                ),
            ),
        ),
    ),
    Rule(
        id="FILE-CARD-NUMBER",
        sentence="Cells of this column look like payment card numbers, and not_card_numbers in extract.toml says that they are none.",
        fix="Take card numbers out of the delivery; cards move from payment processor to payment processor.",
        severities=(Severity.QUESTION,),
        guide="Coordinate between your new payment processor and the previous one to request the data migration.",
        interpretation="Cards move between payment processors alone, so a card number in these files is an accident: the run stops "
        "before anything is stored, unless not_card_numbers names the column. Phones, ids, order numbers and metadata are long "
        "numbers by nature: there only what stands out of the column is taken for one, and a column in which more numbers have a "
        "card's check digit than one in ten, as chance lets.",
        asks=Asks(
            "Is it certain that {attribute} holds no payment card numbers?",
            About.COLUMN,
            (_accept("It holds none."),),
        ),
    ),
)
SOURCES = (
    Rule(
        id="SRC-STATUS",
        sentence="The source's map does not say what this status means; the subscription stays behind until somebody does.",
        fix="Answer the question, or give the status a meaning in a map of your own, source.toml beside the extract.",
        severities=(Severity.QUESTION,),
        guide="Only active and unpaid subscriptions can be migrated.",
        interpretation="Paused, pending and trial subscriptions are decisions of the publisher: nothing is charged by a guess.",
        attributes=("subscription.common_metadata.service_status",),
        asks=Asks(
            "What does the old system's status {about} mean?",
            About.VALUE,
            (
                _accept("Such subscriptions stay behind, in the archive."),
                Answer("active", "It is paid for and served: active.", Effect.SETTING, "active_statuses"),
                Answer("unpaid", "A payment is open: unpaid, charged on the day.", Effect.SETTING, "unpaid_statuses"),
                Answer("ended", "It has ended: cancelled, to the archive.", Effect.SETTING, "ended_statuses"),
            ),
        ),
    ),
    Rule(
        id="SRC-MAP",
        sentence="The source's map does not say what this value becomes.",
        fix="Give the value a meaning in a map of your own, source.toml beside the extract, or correct it.",
        severities=(Severity.REJECT, Severity.CLEAR),
        interpretation="A map of values is strict: what it does not name is told, and never guessed. Where the object cannot stand "
        "without, it stays behind; else the value does.",
    ),
    Rule(
        id="SRC-LOOKUP",
        sentence="The export that is looked into has no record with this key.",
        fix="Deliver both exports of one day, or correct the key.",
        severities=(Severity.REJECT, Severity.CLEAR),
        interpretation="Where the object cannot stand without what is looked up, it stays behind; else the value does.",
    ),
    Rule(
        id="SRC-DATE",
        sentence="This is no date as the source's map says that the column writes them.",
        fix="Correct it, or write the column's format into a map of your own, source.toml beside the extract.",
        severities=(Severity.REJECT, Severity.CLEAR),
        interpretation="Formats are declared and never told from the values: 07/08 reads as two days. Where the object cannot stand "
        "without, it stays behind; else the value does.",
    ),
    Rule(
        id="SRC-MONEY",
        sentence="This is no amount, or would not be whole in the smallest unit of its currency.",
        fix="Correct it, or write how the column gives amounts into a map of your own, source.toml beside the extract.",
        severities=(Severity.REJECT, Severity.CLEAR),
        interpretation="A price of half a cent, or of a currency with other units, is no price that Pelcro can charge.",
    ),
    Rule(
        id="SRC-ASSUMED",
        sentence="No public page of the source says that it has this column, or what it means; its map assumes it.",
        fix="Look whether the column means that, or write what it means into a map of your own, source.toml beside the extract.",
        severities=(Severity.QUESTION,),
        interpretation="The guide does not speak of the systems' own columns: what is documented is used, the rest is asked.",
        asks=Asks(
            "Does the column {attribute} mean what it is read as?",
            About.COLUMN,
            (_accept("It means that."),),
        ),
    ),
    Rule(
        id="SRC-FIELD",
        sentence="Records of the JSON have this field, and the source's map does not know it.",
        fix="Look whether anything in it is to be migrated; then write it into a map of your own, source.toml beside the extract.",
        severities=(Severity.QUESTION,),
        interpretation="A column that a map does not know stops the run, for it may be one that was renamed. Of JSON a record has the fields "
        "that it fills, and a system's interface adds some each year: these are kept, and asked about.",
        asks=Asks(
            "Can the field {attribute} stay behind in the archive?",
            About.COLUMN,
            (_accept("Nothing in it is to be migrated."),),
        ),
    ),
    Rule(
        id="SRC-ASKED",
        sentence="Only the publisher can say this of exports of the source.",
        fix="Answer the question; where the answer is no, a map of your own, source.toml beside the extract, can say otherwise.",
        severities=(Severity.QUESTION,),
        interpretation="What every export of a system leaves open is written in its map, and asked once.",
        asks=Asks("{about}", About.VALUE, (_accept("It is as the question says."),)),
    ),
    Rule(
        id="SRC-DROPPED",
        sentence="The source's map leaves such records out; the ledger says why.",
        fix="Nothing is to be done.",
        severities=(Severity.EXCLUDED,),
        interpretation="Records of tests, of free access and the like are none of the publisher's subscriptions.",
    ),
    Rule(
        id="SRC-SUPERSEDED",
        sentence="Another record of the same key stands for this one: a later event, or an earlier record that says the same.",
        fix="Nothing is to be done.",
        severities=(Severity.EXCLUDED,),
        interpretation="An event feed says what a subscription was from event to event: the last one holds.",
    ),
)
CUSTOMERS = (
    Rule(
        id="CUS-ID-MISSING",
        sentence="The customer has no id; one is assigned.",
        fix="Deliver the old system's id; without it a payment card cannot be matched to this customer.",
        guide="Note: If an old provider id is not available, you must assign a randomly generated unique id for each "
        "individual customer record.",
        interpretation="The id is derived from the email, or else from the record, so that every run assigns the same one; "
        "lines with one email are one customer.",
    ),
    Rule(
        id="CUS-MERGED",
        sentence="The line repeats the customer of an earlier line; the two are one.",
        fix="Nothing is to be done.",
        effect="The customer is merged into the first line with its id, in the ledger alone.",
        guide="For these cases, only one row would be used to migrate customer related attributes and others would be "
        "discarded. All subscription related attributes will be honoured and migrated as such.",
    ),
    Rule(
        id="CUS-FILLED",
        sentence="The customer's first line leaves this empty; it is filled from this line.",
        fix="Write the same on every line of the customer.",
        severities=(Severity.REPAIR,),
        guide="all the customer-related fields (even if they are optional) must be unique per customer",
        interpretation="An empty cell contradicts nothing: the first filled one in file order is used, so that no value is "
        "lost.",
        object="customer",
    ),
    Rule(
        id="CUS-CONFLICT",
        sentence="The customer's lines disagree; the first filled value is used, of import_only_the_customer 0.",
        fix="Say which value is right, and write it on every line of the customer.",
        severities=(Severity.QUESTION,),
        guide="If the same user has multiple subscriptions, all the repeated rows must have exactly the same values "
        "for the following customer related attributes with the same old_provider_id.",
        interpretation="The guide uses one row and does not say which: the first filled value in file order is used, and "
        "every line's subscription is migrated. Of import_only_the_customer 0 is used where any line says it: no subscription "
        "is left behind by a contradiction.",
        object="customer",
        asks=Asks(
            "Which {attribute} of customer {about} is right?",
            About.OBJECT,
            (
                _accept("The first filled value is used."),
                _value("The value beside it is used, which one of the customer's lines has."),
            ),
            Content.VALUES,
        ),
    ),
    Rule(
        id="CUS-TWO-PEOPLE",
        sentence="An earlier line has this id with another email, first name and last name: two people, of whom this one stays "
        "behind with all that stands on the line.",
        fix="Give each of the two an id of its own.",
        severities=(Severity.REJECT,),
        guide="The unique identifier of the customer in the old system",
        interpretation="A typing error changes one of the three: where all differ, the second reader must not be charged, "
        "shipped to and written to as the first.",
        attributes=("customer.old_provider_id",),
        once_a_record=True,
    ),
    Rule(
        id="CUS-ID-ALIKE",
        sentence="An earlier customer's id differs from this one in case, leading zeros or a final .0 alone.",
        fix="Say whether the two are one customer, and write one id for both if so.",
        severities=(Severity.QUESTION,),
        interpretation="Spreadsheets drop zeros and add decimals; ids are kept to the letter, so the two are migrated as two.",
        attributes=("customer.old_provider_id",),
        asks=Asks(
            "Are {about} one customer?",
            About.PAIR,
            (
                Answer("keep apart", "They are two customers.", Effect.ACCEPT),
                Answer(
                    "merge",
                    "They are one customer, under the id that stands beside it, or else the first of the two.",
                    Effect.MERGE,
                ),
            ),
        ),
    ),
    Rule(
        id="CUS-EMAIL-INVALID",
        sentence="This is not an email address; the customer is migrated without one.",
        fix="Correct the address; without one the customer cannot log in.",
        guide="Note: If an email address is not available, the user will not be able to login to online services.",
        interpretation="The guide does not say what an email address is: it is judged by its form (RFC 5321), and nobody is "
        "written to.",
    ),
    Rule(
        id="CUS-EMAIL-PLACEHOLDER",
        sentence="Three customers or more have this email address, and it stands for none; this one is migrated without it.",
        fix="Leave the cell empty, or give the customer's own address.",
        severities=(Severity.CLEAR,),
        guide="Two separate old provider IDs cannot share the same email address.",
        interpretation="None of them can log in with it: noemail, none, unknown, test or example as what stands before or "
        "behind the @ sign.",
        attributes=("customer.email",),
    ),
    Rule(
        id="CUS-EMAIL-SHARED",
        sentence="Another customer has this email address; this one is migrated without it.",
        fix="Give the two one id if they are one person, or give this one an address of its own.",
        severities=(Severity.CLEAR,),
        guide="Two separate old provider IDs cannot share the same email address.",
        interpretation="The first customer in file order who has a subscription that stands keeps it, or else the first of all; "
        "small and capital letters are the same.",
        attributes=("customer.email",),
    ),
    Rule(
        id="CUS-PHONE-INVALID",
        sentence="This is not a phone number of at most 20 digits; the customer is migrated without it.",
        fix="Correct the number: digits, with a leading + where there is one.",
        guide="No letters are allowed. Maximum 20 digits.",
        interpretation="Spaces and the signs + . - ( ) of the guide's examples are accepted and taken out.",
    ),
    Rule(
        id="CUS-DISPLAY-NAME-SHARED",
        sentence="Another customer already has this display name; this one is migrated without it.",
        fix="Give this customer another display name.",
        severities=(Severity.CLEAR,),
        guide="Note: Two customers cannot share the same username.",
        interpretation="The first customer in file order keeps it; small and capital letters differ.",
        attributes=("customer.display_name",),
    ),
    Rule(
        id="CUS-IMPORT-ONLY",
        sentence="Neither 0 nor 1 says whether the customer is imported alone; this is told from whether it has a "
        "subscription.",
        fix="Write 0 to import the customer's subscriptions too, 1 to import the customer alone.",
        guide="This is a binary value that determines if this migration will only import customer data and metadata.",
        interpretation="The guide requires a value: a customer with a subscription is imported with it, any other alone.",
    ),
    Rule(
        id="CUS-IMPORT-ONLY-SUB",
        sentence="The customer is marked as imported alone; its subscriptions stay in the archive.",
        fix="Set import_only_the_customer to 0 if the subscriptions are to be migrated.",
        severities=(Severity.EXCLUDED,),
        guide="1: Import customer data only.",
        attributes=("customer.common_metadata.import_only_the_customer",),
    ),
    Rule(
        id="CUS-ORIGINAL-ID",
        sentence="The original id is empty; the customer's id is used.",
        fix="Deliver the original id if it is another one.",
        guide="Information corresponds to the old provider customer ID that is used during the migration process.",
        interpretation="The guide requires it and does not tell it from customer.old_provider_id, so that one stands in.",
    ),
    Rule(
        id="CUS-PASSWORD-SCHEME",
        sentence="The password's encryption is missing, unknown, or not the one its hash shows.",
        fix="Name the encryption; a customer whose password stays behind gets a reset email.",
        guide="Pelcro only supports the following: 1. Drupal_v8.2.x 2. Bcrypt (WordPress) 3. Bcrypt 4. MD5 5. Plain "
        "text",
        interpretation="Where the hash itself shows its encryption, that is used; where nothing shows it, the password is "
        "not migrated, as nobody could log in with it.",
    ),
    Rule(
        id="CUS-PASSWORD-UNPROVEN",
        sentence="Fewer than five sample passwords of this encryption have been verified.",
        fix="Deliver five hashes with their plain text in password_samples.csv.",
        severities=(Severity.QUESTION,),
        guide="A minimum of 5 password examples (hashes and their equivalent plain text).",
        interpretation="It holds up no dry run: the sign-off repeats it, so that who signs accepts the encryption by name.",
        attributes=("customer.password",),
        asks=Asks(
            "Are passwords of the scheme {about} to be migrated without five verified samples?",
            About.VALUE,
            (_accept("They are migrated as they are."),),
        ),
    ),
)
ADDRESSES = (
    Rule(
        id="ADR-NAME",
        sentence="The name on the address is empty.",
        fix="Fill in the name; the customer's own is used where there is one.",
        severities=(Severity.REPAIR, Severity.REJECT),
        guide="The first name on the billing address corresponds to the first name of the person being billed when an "
        "invoice is generated.",
        interpretation="The guide requires a name: the customer's own stands in, and without one the address is not migrated.",
    ),
    Rule(
        id="ADR-REQUIRED",
        sentence="A required part of the address is empty.",
        fix="Fill in the cell.",
        guide="Addresses will provide all the required contact information related to customers and their "
        "subscriptions. That includes both billing and shipping addresses.",
        interpretation="The first line, city, country and zip are marked as required and cannot be inferred; the customer is "
        "migrated without the address.",
    ),
    Rule(
        id="ADR-COUNTRY",
        sentence="This is not a two-letter country code.",
        fix="Write the two-letter ISO 3166-1 code, such as CA or US.",
        guide="Note: Countries should be in the 2-letter ISO standard format found here.",
        interpretation="A country's name or three-letter code is understood, and its two-letter code used.",
        asks=Asks(
            "Is {about} right as {attribute}?",
            About.VALUE,
            (_accept("It is migrated as it is."), _value("The value beside it is used.")),
        ),
    ),
    Rule(
        id="ADR-STATE",
        sentence="The state or province is missing or not a code of the country.",
        fix="Write its code, such as NY or QC.",
        guide="Note: For all US and Canadian addresses, the state value must be populated in the 2-letter ISO "
        "standard format found here.",
        interpretation="Australian addresses are held to their own ISO codes too; a state's full name is understood, and its "
        "code used.",
        asks=Asks(
            "Is {about} right as {attribute}?",
            About.VALUE,
            (_accept("It is migrated as it is."), _value("The value beside it is used.")),
        ),
    ),
    Rule(
        id="ADR-STATE-EMPTY",
        sentence="The address has no state or province.",
        fix="Fill it in, or confirm that addresses of this country have none.",
        guide="This value provides the state of the customer's billing address.",
        interpretation="The guide marks the state as required, and many countries have none: outside US, CA and AU the "
        "address is migrated and the publisher asked.",
        asks=Asks(
            "Can addresses without a state or province ({attribute}) be migrated?",
            About.COLUMN,
            (_accept("They are migrated without."),),
        ),
    ),
    Rule(
        id="ADR-ZIP",
        sentence="The zip or postal code does not look like one of the country.",
        fix="Check the code; spreadsheets drop leading zeros.",
        guide="This value provides the zip/postal code of the customer's billing address.",
        interpretation="The guide gives no form: US and Canadian codes alone are looked at, a US code that lacks one digit "
        "gets its leading zero back, and any other is migrated as it is.",
        asks=Asks(
            "Is {about} right as {attribute}?",
            About.VALUE,
            (_accept("It is migrated as it is."), _value("The value beside it is used.")),
        ),
    ),
    Rule(
        id="ADR-PHONE",
        sentence="This is not a phone number of at most 20 digits; the address is migrated without it.",
        fix="Correct the number: digits alone.",
        guide="It cannot contain any non-numeric characters (eg +,x). Number length should not exceed 20 digits.",
        interpretation="The guide's own examples have hyphens and brackets: such signs are taken out, and only letters are "
        "held against a number.",
    ),
    Rule(
        id="ADR-SALUTATION",
        sentence="The salutation or title of a shipping address is empty, which is accepted.",
        fix="Nothing is to be done.",
        effect="None: nothing is ever found.",
        guide="Here are some example of accepted values: 1. Mr. 2. Mrs. 3. Miss. 4. Ms. 5. Dr. 6. Me. 7. 'empty'.",
        interpretation="The guide marks both as required and lists 'empty' among their values; the values are believed.",
        attributes=("address.shipping_salutation", "address.shipping_title"),
    ),
    Rule(
        id="ADR-CONFLICT",
        sentence="The customer has two different addresses of this type and no address ids; the first is used.",
        fix="Say which address is right, or add the columns billing_address_id and shipping_address_id.",
        severities=(Severity.QUESTION,),
        guide="However, if the customer has more than one address, you need to add two additional columns "
        "(shipping_address_id,billing_address_id) and ensure a unique ID for each unique address.",
        interpretation="Without ids a customer has one address of each type: the first in file order.",
        attributes=("address.billing", "address.shipping"),
        asks=Asks(
            "Can the first of the {attribute} addresses of customer {about} be used?",
            About.OBJECT,
            (_accept("The first is used."),),
        ),
    ),
    Rule(
        id="ADR-ID-CONFLICT",
        sentence="One address id stands for two different addresses; the first is used.",
        fix="Give each address its own id.",
        severities=(Severity.QUESTION,),
        guide="ensure a unique ID for each unique address",
        interpretation="Which of the two is meant is not told: the first in file order is used.",
        attributes=("address.billing", "address.shipping"),
        asks=Asks(
            "Can the first of the {attribute} addresses of customer {about} with one id be used?",
            About.OBJECT,
            (_accept("The first is used."),),
        ),
    ),
    Rule(
        id="ADR-WHICH",
        sentence="Which of the customer's addresses is meant here cannot be told; the subscription is migrated without one, an "
        "address that has no id with what stands beside it.",
        fix="Write the id of the address that is meant, or correct the line's own.",
        severities=(Severity.QUESTION,),
        guide="However, if the customer has more than one address, you need to add two additional columns "
        "(shipping_address_id,billing_address_id) and ensure a unique ID for each unique address.",
        interpretation="No address is taken for another: what ships without one of its own is held back by REL-SHIPPING instead.",
        attributes=("address.billing", "address.shipping"),
        asks=Asks(
            "Can {about} be migrated without a {attribute} address?",
            About.OBJECT,
            (_accept("It is migrated without one."),),
        ),
    ),
)
PRODUCTS = (
    Rule(
        id="PRD-REQUIRED",
        sentence="The product has no id or no name.",
        fix="Fill in the cell.",
        guide="Here's a list of the required information for all product migrations:",
    ),
    Rule(
        id="PRD-ID-SHARED",
        sentence="Another product has this id and says something else: which is meant cannot be told.",
        fix="Give each product its own id, or take out the line that is wrong.",
        severities=(Severity.REJECT,),
        guide="This value is a unique identifier tied to every product",
        interpretation="Plans name it by this id, so all products that have it stay behind; a line that repeats one word for word "
        "is merged.",
        attributes=("product.id",),
    ),
    Rule(
        id="PRD-ADDRESS-REQUIRED",
        sentence="Neither 0 nor 1 says whether the product needs an address; this is told from whether one of its "
        "plans ships.",
        fix="Write 1 if customers need an address for this product, 0 if not.",
        guide="This value is a boolean value that indicates if the customer address is required for this product or "
        "not.",
        interpretation="The guide requires a value: a product that is shipped needs an address, any other does not.",
    ),
    Rule(
        id="PRD-DESCRIPTOR",
        sentence="The statement descriptor is longer than 22 characters.",
        fix="Shorten it, or it may be cut on bank statements.",
        guide="Name that will appear on your customer's bank statement.",
        interpretation="The guide gives no length; 22 characters are what card payments allow.",
        asks=Asks(
            "Can the statement descriptor {about} stand, though it may be cut?",
            About.VALUE,
            (_accept("It is migrated as it is."), _value("The value beside it is used.")),
        ),
    ),
    Rule(
        id="PRD-ACTIVE",
        sentence="Whether the product is active is neither 0 nor 1; it is taken as active.",
        fix="Write 1 for a product on offer, 0 for an archived one.",
        interpretation="The guide has this column in an example only, and does not describe it: a product is active unless "
        "it says otherwise.",
        asks=Asks(
            "Are products whose product.active says {about} on offer?",
            About.VALUE,
            (_accept("They are taken as active."), _value("The value beside it is used: 1 or 0.")),
        ),
    ),
)
PLANS = (
    Rule(
        id="PLN-REQUIRED",
        sentence="The plan has no id, no name or no product.",
        fix="Fill in the cell.",
        guide="Here's a list of the required information for all plan migrations:",
    ),
    Rule(
        id="PLN-ID-SHARED",
        sentence="Another plan has this id and says something else: which is meant cannot be told.",
        fix="Give each plan its own id, or take out the line that is wrong.",
        severities=(Severity.REJECT,),
        guide="The unique identifier previously used to refer to the plan (also known as rate code, promo code).",
        interpretation="Readers would be charged by the one or by the other, so all plans that have it stay behind, and their "
        "subscriptions with them; a line that repeats one word for word is merged.",
        attributes=("plan.old_id",),
    ),
    Rule(
        id="PLN-PRODUCT",
        sentence="The plan's product was not delivered.",
        fix="Deliver the product, or correct its id here.",
        severities=(Severity.REJECT,),
        guide="This value will be used to link the Plans file with the Products file, and to specifically reference "
        "the Product under which the Plan will be created.",
        attributes=("plan.temporary_product_id",),
    ),
    Rule(
        id="PLN-AMOUNT",
        sentence="The amount is missing or not a whole number of cents.",
        fix="Write the price in cents, without a decimal point.",
        guide="This value represents the unit amount in cents to be assigned as the plan price. Note: amounts should "
        "be represented as a whole integer if possible.",
        interpretation="A price is never guessed: readers are charged by it, and a decimal point may mean that it is not in "
        "cents.",
    ),
    Rule(
        id="PLN-AMOUNT-UNIT",
        sentence="This price may be in dollars and not in cents: it has a zero fraction, or equals an order's price that has a "
        "fraction. It is taken as cents, or the plan stays behind where another price of the column has a fraction.",
        fix='Set amounts in extract.toml: "cents", or "units" for dollars and euros.',
        severities=(Severity.QUESTION, Severity.REJECT),
        guide="This value represents the unit amount in cents to be assigned as the plan price.",
        interpretation="The guide wants cents; systems export 199.00 for 199 dollars, and every reader of the plan would be charged "
        "a hundredth.",
        attributes=("plan.amount",),
        once_a_column=True,
        asks=Asks(
            "Are the prices of {attribute} in cents, or in dollars and euros?",
            About.COLUMN,
            (
                Answer("cents", "They are cents.", Effect.SETTING, "amounts", "cents"),
                Answer("units", "They are dollars, euros and the like.", Effect.SETTING, "amounts", "units"),
            ),
        ),
    ),
    Rule(
        id="PLN-CURRENCY",
        sentence="The currency is missing or not a three-letter currency code.",
        fix="Write the ISO 4217 code, such as cad, or set currency in extract.toml for plans that give none.",
        guide="This value determines the plan currency that will be used to charge the client.",
        interpretation="The guide names no standard; its examples are ISO 4217 codes.",
    ),
    Rule(
        id="PLN-BOOLEAN",
        sentence="This is neither 0 nor 1.",
        fix="Write 0 for no or 1 for yes.",
        guide="This boolean value determines whether the plan is on an auto-renewal cycle or not.",
        interpretation="Whether a plan renews decides who is charged again and is never guessed; a plan that does not say "
        "whether it is available online is taken not to be.",
    ),
    Rule(
        id="PLN-INTERVAL",
        sentence="The interval is not 1 (day), 2 (week), 3 (month) or 4 (year).",
        fix="Write its number.",
        guide="The input is an integer which depends on the cycle: Day: 1 Week: 2 Month: 3 Year: 4",
        interpretation="The word itself (day, week, month, year) is understood, and its number used.",
    ),
    Rule(
        id="PLN-INTERVAL-COUNT",
        sentence="The interval count is missing or not a whole number of 1 or more.",
        fix="Write how many intervals one billing cycle lasts.",
        guide="This value is tied to the 'plan.interval' value and determines the billing cycle.",
    ),
    Rule(
        id="PLN-SHIPMENTS",
        sentence="The shipments per interval are missing or not a whole number of 0 or more.",
        fix="Write how many shipments an interval has, 0 for a digital plan.",
        guide="A digital plan that does not have any shipments associated with it, will typically be 0, whereas a "
        "print product, that has shipments associated with it, will have a value greater than 0.",
        interpretation="An empty cell is taken as 0, a digital plan; anything else that is no number leaves the plan behind.",
    ),
    Rule(
        id="PLN-TYPE",
        sentence="The plan's type is not regular, membership or donation.",
        fix="Write one of the three.",
        guide="Standard subscription plans must take the value regular.",
        interpretation="An empty cell is taken as regular, the guide's standard; any other word leaves the plan behind.",
    ),
    Rule(
        id="PLN-REVENUE",
        sentence="Revenue is recognised neither by time nor by shipments.",
        fix="Write time_based or shipment_based.",
        guide="The revenue recognition field will be used to specify whether the subscription-related revenue is "
        "being recognized on a time basis (seconds elapsed since subscription start) or a shipment basis (shipments "
        "delivered from subscription start).",
        interpretation="An empty cell is taken as shipment_based on a plan that ships and time_based on any other; any other "
        "word leaves the plan behind.",
    ),
)
SUBSCRIPTIONS = (
    Rule(
        id="SUB-NOT-MIGRATED",
        sentence="The subscription is cancelled or expired; it is kept in the archive and not migrated.",
        fix="Nothing is to be done, unless the status is wrong.",
        guide="It is not possible to migrate any canceled or expired subscriptions.",
    ),
    Rule(
        id="SUB-PLAN",
        sentence="The subscription names no plan, or one that was not delivered.",
        fix="Deliver the plan, or correct its id here.",
        guide="This value will be used to link the customers file with the plans file.",
    ),
    Rule(
        id="SUB-PERIOD-END",
        sentence="The end of the current period is missing or not a date.",
        fix="Write the date until which the subscription is invoiced.",
        guide="End date of the current period that the subscription has been invoiced for. At the end of this period, "
        "a new invoice will be created.",
        interpretation="It may be missing where start_now is 1: the plan's interval then gives the end.",
    ),
    Rule(
        id="SUB-EXPIRED",
        sentence="The subscription's period ended before the migration; it is kept in the archive.",
        fix="Nothing is to be done, unless the date is wrong.",
        guide="You cannot migrate the following data: 1. Expired subscriptions.",
        interpretation="An active subscription whose period has ended is an expired one, whatever its status says, unless "
        "is_expired or start_now asks for it; an unpaid one is migrated whatever its end.",
    ),
    Rule(
        id="SUB-ENDED-ACTIVE",
        sentence="The subscription renews and is active, and its period ended before the migration: most probably it has "
        "renewed since the export.",
        fix="Deliver the files again as they are now, or say that it ended.",
        severities=(Severity.QUESTION,),
        guide="You cannot migrate the following data: 1. Expired subscriptions.",
        interpretation="It stays behind as an expired one (SUB-EXPIRED), and the publisher is asked: an export that is a day old "
        "must not lose a reader.",
        attributes=("subscription.current_period_end",),
        asks=Asks(
            "Have the subscriptions that ran until {about}, and renew, ended indeed?",
            About.VALUE,
            (_accept("They have ended, and stay behind."),),
            Content.KEYS,
        ),
    ),
    Rule(
        id="SUB-FAR",
        sentence="The period ends more than twenty years from now.",
        fix="Say whether the date is right, or what it stands for.",
        interpretation="The guide gives no bound: such dates stand for subscriptions without an end, which are migrated as "
        "delivered.",
        asks=Asks(
            "Is {about} the end of these subscriptions' period?",
            About.VALUE,
            (_accept("It is, and is migrated."), _reject("They stay behind.")),
        ),
    ),
    Rule(
        id="SUB-CANCEL",
        sentence="Neither 0 nor 1 says whether the subscription ends with its period; this is told from its plan.",
        fix="Write 1 if it ends with the period, 0 if it renews.",
        guide="This boolean value determines whether an active subscription will be cancelled at the end of the "
        "current period.",
        interpretation="The guide requires a value: a subscription renews where its plan does.",
    ),
    Rule(
        id="SUB-CANCEL-PLAN",
        sentence="The subscription is said to renew, and its plan does not; the subscription is believed.",
        fix="Say which is right: readers of a subscription that renews are charged again.",
        severities=(Severity.QUESTION,),
        guide="0: Plan will not be cancelled at the end of the current period. The plan will auto-renew.",
        interpretation="The guide does not say which of the two prevails: the more particular one does.",
        attributes=("subscription.cancel_at_period_end",),
        asks=Asks(
            "Do the subscriptions to plan {about} renew, though the plan does not?",
            About.PLAN,
            (
                _accept("They renew, and their readers are charged again."),
                _value("The value beside it is used: 1 where they end with their period."),
                _reject("They stay behind."),
            ),
        ),
    ),
    Rule(
        id="SUB-DATE",
        sentence="This is not a date in the column's format, or a day that stands for none; the subscription is migrated without it.",
        fix="Correct the date.",
        guide="Date which sets the subscription on a suspension mode.",
        interpretation="Both dates are optional, so one that cannot be read is left out and does not hold up the "
        "subscription. Systems write a day before 1970-01-02 for none.",
    ),
    Rule(
        id="SUB-BOOLEAN",
        sentence="This is not a yes or no; the subscription is migrated without it, or not at all where it decides what is "
        "migrated and who pays.",
        fix="Write 1 for yes or 0 for no.",
        guide="Boolean value that determines whether a shipment is deliverable.",
        interpretation="None of these columns must be filled, so whether shipments arrive is left out where it cannot be read. The "
        "other four are never guessed: half a gift would be charged as a subscription of its own.",
    ),
    Rule(
        id="SUB-START-AFTER-END",
        sentence="The subscription starts after its current period ends; both dates are kept.",
        fix="Say which date is right.",
        interpretation="The guide does not describe the start date: it is migrated as delivered.",
        asks=Asks(
            "Is the start date of subscription {about} right, which lies after the end of its period?",
            About.OBJECT,
            (_accept("Both dates are kept."), _reject("It stays behind.")),
            Content.VALUES,
        ),
    ),
    Rule(
        id="SUB-SHIPMENTS",
        sentence="The shipments remaining are missing on a plan that ships, or not a whole number of 0 or more.",
        fix="Write how many shipments remain on the day of the migration.",
        guide="Must be an integer. Required (could be skipped in case of digital products subscriptions).",
        interpretation="A subscription is digital where its plan does not ship.",
    ),
    Rule(
        id="SUB-QUANTITY",
        sentence="The quantity is missing or not a whole number of 1 or more.",
        fix="Write how many copies, 1 in most cases.",
        guide="In most cases, this value should be set to 1. Must be an integer.",
        interpretation="An empty cell is taken as 1; anything else that is no such number leaves the subscription behind.",
    ),
    Rule(
        id="SUB-COLLECTION",
        sentence="The collection method is neither charge_automatically nor send_invoice.",
        fix="Write one of the two.",
        guide='This attribute only takes 2 possible values: 1. "charge_automatically". 2. "send_invoice".',
    ),
    Rule(
        id="SUB-STATUS",
        sentence="The service status is neither active nor unpaid.",
        fix="Write one of the two; unpaid means that the reader is invoiced or charged on the day of the migration.",
        guide="This field only takes the following values: 1. Active. 2. Unpaid.",
        interpretation="It is never guessed, as it decides who is charged.",
    ),
    Rule(
        id="SUB-TYPE",
        sentence="The subscription's type is not regular, admin or member.",
        fix="Write one of the three.",
        guide="This field indicates the subscription type: 1. A standard subscription plan, if so indicate regular. "
        "2. A membership group admin, if so indicate admin. 3. A membership group member, if so indicate member.",
        interpretation="An empty cell is taken as regular, unless the subscription names a membership group: then it may be "
        "admin or member, and stays behind.",
    ),
    Rule(
        id="SUB-OLD-ID-SHARED",
        sentence="An earlier subscription has this id and says something else.",
        fix="Give each subscription its own id, or take out the line that is wrong.",
        severities=(Severity.REJECT,),
        guide="Unique subscription identifier.",
        interpretation="The first subscription in file order keeps the id; a line that repeats it word for word, for the "
        "same customer, is merged.",
        attributes=("subscription.common_metadata.old_id",),
    ),
    Rule(
        id="SUB-OLD-ID-MISSING",
        sentence="A gift subscription has no id.",
        fix="Write the subscription's id: donor and recipient are joined by it.",
        guide="This field is optional but in case of having gift subscriptions, it must be filled.",
    ),
    Rule(
        id="SUB-DUPLICATE",
        sentence="An earlier line of this customer holds the same subscription, their ids aside.",
        fix="Take one of the lines out, or give each subscription its id if the reader has both.",
        severities=(Severity.QUESTION, Severity.REJECT),
        guide="One customer, referred to as a subscribed user, with two or more active subscriptions.",
        interpretation="A reader may have two alike, so both are migrated. Of unpaid ones the later stays behind where one has no id, "
        "or their ids differ in case or leading zeros alone: the reader would be charged twice. Compared is what would be loaded.",
        attributes=("subscription.common_metadata.old_id",),
        asks=Asks(
            "Does the reader have subscription {about} beside the equal one of an earlier line?",
            About.OBJECT,
            (_accept("The reader has both."), _reject("The later line stays behind.")),
            Content.VALUES,
        ),
    ),
)
RELATIONS = (
    Rule(
        id="REL-CUSTOMER",
        sentence="The line names a customer who was not delivered, or none.",
        fix="Deliver the customer, or correct the id here.",
        severities=(Severity.REJECT,),
        guide="Customers are the underlying object to which we associate subscriptions, payments, invoices, etc.",
        attributes=("customer.old_provider_id",),
        once_a_record=True,
    ),
    Rule(
        id="REL-SHIPPING",
        sentence="The plan ships or its product needs an address, and the subscription has none that can be used.",
        fix="Deliver a shipping address, or correct the one that was rejected.",
        severities=(Severity.REJECT,),
        guide="If the subscription is tied to a physical product that needs to be shipped, the shipping address will "
        "be required.",
        interpretation="Where the product needs an address and nothing is shipped, a billing address serves. A subscription has its "
        "line's address, or else the one whose id it names, or else its customer's only one: where its own was rejected it is "
        "not shipped elsewhere.",
        attributes=("subscription.common_metadata.temporary_plan_id",),
    ),
    Rule(
        id="REL-TAX-ADDRESS",
        sentence="Taxes are collected, and the customer has no billing address that can be used.",
        fix="Deliver a billing address, or correct the one that was rejected.",
        severities=(Severity.REJECT,),
        guide="In case of taxes inclusion in payments, addresses are required for all eligible customers regardless "
        "of product nature.",
        interpretation="It holds where taxes is set in extract.toml, for customers who have a subscription: tax follows the "
        "billing address.",
        attributes=("subscription.common_metadata.temporary_plan_id",),
    ),
    Rule(
        id="REL-MEMBERSHIP-ADMIN",
        sentence="The membership group has no admin, or more than one.",
        fix="Make exactly one subscription of the group its admin.",
        severities=(Severity.REJECT,),
        guide="Note: Every unique membership group must have a single admin user.",
        interpretation="Who the admin is cannot be told, so the whole group stays behind.",
        attributes=("subscription.common_metadata.membership",),
    ),
    Rule(
        id="REL-MEMBERSHIP-ID",
        sentence="An admin or member names no membership group.",
        fix="Write the group's id.",
        severities=(Severity.REJECT,),
        guide="The unique membership identifier, as Pelcro would define each membership via this field.",
        attributes=("subscription.common_metadata.membership",),
    ),
    Rule(
        id="REL-MEMBERSHIP-PLAN",
        sentence="An admin or member is on a plan that is not of type membership.",
        fix="Say which is right: the subscription's type or the plan's.",
        severities=(Severity.QUESTION,),
        guide="Membership/group plan must take the value membership.",
        interpretation="The guide does not say that members need such a plan: both are migrated as delivered.",
        attributes=("subscription.common_metadata.temporary_plan_id",),
        asks=Asks(
            "Can admins and members be on plan {about}, which is no membership plan?",
            About.VALUE,
            (_accept("They are migrated as they are."), _reject("They stay behind.")),
        ),
    ),
    Rule(
        id="REL-GIFT-FLAG",
        sentence="The gift's flag is empty, and its other side is marked; the flag is told from it.",
        fix="Write 1 for the donor's and the recipient's flag.",
        severities=(Severity.REPAIR,),
        guide="This is a one-to-one relation which means that every gift donor subscription should be related to one "
        "(and only one) gift recipient subscription using the gift_donor_subscription_id value.",
        interpretation="A pair is migrated whole or not at all: half of it would be charged as a subscription of its own.",
        attributes=(
            "subscription.common_metadata.is_gift_donor",
            "subscription.common_metadata.is_gift_recipient",
        ),
    ),
    Rule(
        id="REL-EXCLUDED-PARTNER",
        sentence="The subscription is not migrated, and takes others with it that would stand otherwise.",
        fix="Say whether it has ended, or is imported alone, indeed; or give the others another donor or admin.",
        severities=(Severity.QUESTION,),
        guide="Note: Every unique membership group must have a single admin user.",
        interpretation="An exclusion alone is no finding; readers who are left behind by another's are asked about.",
        attributes=(
            "subscription.common_metadata.old_id",
            "subscription.common_metadata.membership",
        ),
        asks=Asks(
            "Is it right that {about} stays behind, and takes others with it?",
            About.VALUE,
            (_accept("It is right, and they stay behind."),),
        ),
    ),
    Rule(
        id="REL-GIFT-DONOR",
        sentence="The gift's donor is not named, was not delivered, or is not marked as a gift donor.",
        fix="Write the id of the donor's subscription, and mark that one as gift donor.",
        severities=(Severity.REJECT,),
        guide="The donor subscription ID that will be used to tie a gift recipient subscription to a gift donor "
        "subscription.",
        attributes=("subscription.common_metadata.gift_donor_subscription_id",),
    ),
    Rule(
        id="REL-GIFT-ONE-TO-ONE",
        sentence="Two or more recipients name the same donor subscription.",
        fix="Give each recipient a donor subscription of its own.",
        severities=(Severity.REJECT,),
        guide="This is a one-to-one relation which means that every gift donor subscription should be related to one "
        "(and only one) gift recipient subscription using the gift_donor_subscription_id value.",
        interpretation="Which recipient is meant cannot be told, so all of them and the donor stay behind.",
        attributes=(
            "subscription.common_metadata.gift_donor_subscription_id",
            "subscription.common_metadata.old_id",
        ),
    ),
    Rule(
        id="REL-GIFT-ALONE",
        sentence="No recipient names this gift donor.",
        fix="Deliver the recipient's subscription, or take the gift donor mark away.",
        severities=(Severity.REJECT,),
        guide="every gift donor subscription should be related to one (and only one) gift recipient subscription",
        attributes=("subscription.common_metadata.old_id",),
    ),
    Rule(
        id="REL-GIFT-PLAN",
        sentence="Donor and recipient of the gift are on different plans.",
        fix="Put both on one plan.",
        severities=(Severity.REJECT,),
        guide="Donor and recipient subscriptions should share the same plan.",
        interpretation="The guide says should: a pair on two plans cannot be told from a wrong pair, so both stay behind.",
        attributes=("subscription.common_metadata.temporary_plan_id",),
    ),
    Rule(
        id="REL-STRAY",
        sentence="This does not go with the kind of subscription: a group or a membership plan on a regular one, or a "
        "donor on one that is no gift recipient.",
        fix="Say which is right, this cell or the kind of subscription.",
        severities=(Severity.QUESTION,),
        guide="This value is only expected to be filled for gift recipient subscription records.",
        interpretation="The guide does not say what becomes of it: it is migrated as delivered.",
        attributes=(
            "subscription.common_metadata.membership",
            "subscription.common_metadata.gift_donor_subscription_id",
            "subscription.type",
        ),
        asks=Asks(
            "Is subscription {about} of its kind, though {attribute} says otherwise?",
            About.OBJECT,
            (_accept("It is migrated as it is."), _reject("It stays behind.")),
            Content.VALUES,
        ),
    ),
    Rule(
        id="REL-GIFT-SELF",
        sentence="Donor and recipient of the gift are one customer.",
        fix="Say who receives the gift, or take the gift marks away.",
        severities=(Severity.QUESTION,),
        interpretation="The guide does not speak of it: a reader who gives to themselves most probably stands for another one.",
        attributes=("subscription.common_metadata.gift_donor_subscription_id",),
        asks=Asks(
            "Is the reader of {about} both donor and recipient of the gift?",
            About.VALUE,
            (_accept("The reader is."), _reject("The gift stays behind.")),
        ),
    ),
    Rule(
        id="REL-GIFT-BOTH",
        sentence="The subscription is marked as donor and as recipient of a gift.",
        fix="Take one of the two marks away.",
        severities=(Severity.REJECT,),
        interpretation="The guide has no subscription that is both: a pair has two sides, and which this is cannot be told.",
        attributes=("subscription.common_metadata.is_gift_recipient",),
    ),
    Rule(
        id="REL-CLOSURE",
        sentence="What this belongs to is not migrated, so this is not either.",
        fix="Correct the cause that the ledger's detail names; this one follows by itself.",
        effect="The object is rejected, in the ledger alone: the cause is the one finding.",
        guide="It also is used to reference the Plan under which this subscription record will be created.",
        interpretation="Nothing can be created under a product, plan or customer that is not there, nor half a gift, nor a "
        "group without its admin.",
    ),
)

UNPAID = (
    Rule(
        id="BIL-EXPIRED-FLAG",
        sentence="The subscription is unpaid, and set to expire once it is migrated; it is not charged.",
        fix="Say whether it is owed: write 0 under is_expired where it is, or take the subscription out.",
        guide="If you want Pelcro to charge existing users for the active unpaid subscriptions, you need to set the "
        "subscription.common_metadata.service_status attribute to 'unpaid'.",
        interpretation="The guide does not say which of the two prevails: nobody is charged for what expires.",
        asks=Asks(
            "Is subscription {about} owed, which is unpaid and set to expire?",
            About.OBJECT,
            (
                _accept("It expires, and nobody is charged."),
                _value("The value beside it is used: 0 where it is owed, and is charged."),
                _reject("It stays behind."),
            ),
            Content.VALUES,
        ),
    ),
    Rule(
        id="BIL-QUANTITY",
        sentence="The subscription is unpaid and of several copies; its invoice is of its plan's amount once.",
        fix="Say whether one copy is owed, or all: then a plan of that amount is needed.",
        guide="An open invoice is generated, with the amount fetched from the plan.amount field value.",
        interpretation="The guide names the plan's amount only: it is charged once, whatever the quantity.",
        asks=Asks(
            "Is one copy owed of subscription {about}, or all?",
            About.OBJECT,
            (_accept("The plan's amount is charged once."), _reject("It stays behind.")),
            Content.VALUES,
        ),
    ),
)

#: What a site says, told when the load is planned and when a call is answered: for extracts that name a site.
CORE_API = (
    Rule(
        id="API-LENGTH",
        sentence="The value is longer than the Core API takes.",
        fix="Shorten the value in the delivery.",
        severities=(Severity.REJECT,),
        interpretation="The API's pages name the most characters of each field: 22 of a statement descriptor, 100 of a display name, "
        "45 of a postal code, 255 of most. Nothing is cut off.",
        attributes=(
            "product.id",
            "product.name",
            "product.statement_descriptor",
            "product.image",
            "plan.old_id",
            "plan.nickname",
            "customer.old_provider_id",
            "customer.email",
            "customer.first_name",
            "customer.last_name",
            "customer.title",
            "customer.salutation",
            "customer.display_name",
            *(
                f"address.{type_}_{name}"
                for type_ in ("billing", "shipping")
                for name in (
                    *("first_name", "last_name", "salutation", "title", "company", "department"),
                    *("line1", "line2", "city", "state", "country", "zip", "phone"),
                )
            ),
            "subscription.common_metadata.old_id",
        ),
    ),
    Rule(
        id="API-PHONE",
        sentence="The Core API takes phone numbers of 5 to 20 digits, and this one has others.",
        fix="Correct the number in the delivery, or leave it empty.",
        severities=(Severity.REJECT,),
        interpretation="The API drops what is no digit and counts the rest.",
        attributes=("customer.phone",),
    ),
    Rule(
        id="API-STATE",
        sentence="The Core API wants a state for addresses in Canada, the US and Australia.",
        fix="Deliver the state's code.",
        severities=(Severity.REJECT,),
        interpretation="The API's page asks for two letters; Australia's states have two or three, and are sent as they are.",
        attributes=("address.billing_state", "address.shipping_state"),
    ),
    Rule(
        id="API-QUANTITY",
        sentence="The Core API takes quantities up to 100,000.",
        fix="Split the subscription, or ask Pelcro.",
        severities=(Severity.REJECT,),
        interpretation="The bound stands in the API's page of a subscription's creation.",
        attributes=("subscription.quantity",),
    ),
    Rule(
        id="API-PERIOD-END",
        sentence="The Core API creates active subscriptions, whose period ends after the load and by 17 January 2038, and no others.",
        fix="Ask Pelcro how it is to be brought over; it is held back until then, and so is its invoice.",
        severities=(Severity.QUESTION,),
        interpretation="What the guide makes of an expired unpaid subscription, a scheduled or a cancelled one with an invoice, no call of "
        "the API makes. Its seconds end in the night to 19 January 2038; one that is on the site already is none of these.",
        attributes=("subscription.current_period_end",),
        asks=Asks(
            "How is subscription {about} brought over, which the Core API cannot create?",
            About.OBJECT,
            (_accept("It is held back, and Pelcro is asked."),),
        ),
    ),
    Rule(
        id="API-ADDRESS",
        sentence="The product requires an address, and the customer has none that the subscription could use.",
        fix="Deliver an address, or set product.address_required to 0.",
        severities=(Severity.QUESTION,),
        interpretation="The API refuses a subscription to such a product without an address of the customer's own.",
        attributes=("subscription.common_metadata.temporary_plan_id",),
        asks=Asks(
            "Where is subscription {about} sent, whose product requires an address?",
            About.OBJECT,
            (_accept("It is held back."),),
        ),
    ),
    Rule(
        id="API-CARD",
        sentence="The subscription charges automatically, and no card of the customer's has been mapped: it is sent invoices until one is.",
        fix="Deliver the processor's card map; a card that comes later makes the subscription charge automatically again.",
        severities=(Severity.QUESTION,),
        interpretation="The API creates no subscription that charges automatically without a source; to add one switches all of the "
        "customer's subscriptions to automatic charging.",
        attributes=("subscription.collection_method",),
        asks=Asks(
            "Is subscription {about} sent invoices until its card comes?",
            About.OBJECT,
            (_accept("It is sent invoices."),),
        ),
    ),
    Rule(
        id="API-MEMBER",
        sentence="A member of a group owes by itself, and the Core API has memberships without invoices of their own.",
        fix="Say who owes: bill the group's admin, or the member by hand; the invoice is held back.",
        severities=(Severity.QUESTION,),
        interpretation="In the API a member is no subscription, and an invoice of none is never charged to a card.",
        attributes=("subscription.type",),
        asks=Asks(
            "Who owes for {about}, a member of a group?",
            About.OBJECT,
            (_accept("The invoice is held back."),),
        ),
    ),
    Rule(
        id="API-PASSWORD",
        sentence="The account takes no passwords of this scheme: the customer is created without one.",
        fix="Ask Pelcro which schemes the account takes, and name them in extract.toml (password_types of core_api); else send the "
        "customers of password_resets.csv an email to set one.",
        severities=(Severity.CLEAR,),
        interpretation="The API documents bcrypt alone by name.",
        attributes=("customer.password",),
    ),
    Rule(
        id="API-INACTIVE",
        sentence="The product is inactive, and the Core API makes each product active.",
        fix="Set it to inactive on the site once it is loaded.",
        severities=(Severity.QUESTION,),
        interpretation="The API's page says that active is set on creation.",
        attributes=("product.active",),
        asks=Asks(
            "Is product {about} set to inactive by hand once it is loaded?",
            About.VALUE,
            (_accept("It is."),),
        ),
    ),
    Rule(
        id="API-START",
        sentence="The subscription starts after the load: sent as it is, its reader would have no access until then.",
        fix="Say whether the reader has access before that day; the start is left out.",
        severities=(Severity.CLEAR,),
        interpretation="The API makes a subscription with a start to come scheduled, and scheduled ones give no access.",
        attributes=("subscription.start_date",),
    ),
    Rule(
        id="API-TAKEN",
        sentence="Another row of the site has this id or email.",
        fix="Say whether they are the same: then have the site's row deleted or changed by whoever it belongs to; it is never touched. "
        "Where the row is one that this load changes, plan again after it.",
        severities=(Severity.QUESTION,),
        interpretation="The API wants these to be unique in the account; nothing that we did not make is changed.",
        attributes=("customer.old_provider_id", "customer.email"),
        asks=Asks(
            "Whose is the row of the site that has what {about} is to have?",
            About.OBJECT,
            (_accept("The object is held back, and what belongs to it."),),
        ),
    ),
    Rule(
        id="API-CHANGED",
        sentence="The site has it otherwise than the delivery, and no call changes that, or it is not known to be ours.",
        fix='Change it on the site by hand, or in the delivery; set existing = "update" for products and plans that stood there before.',
        severities=(Severity.QUESTION,),
        interpretation="A product or plan carries its old id alone: one that differs may be somebody else's. Plan, period and quantity "
        "of a subscription cannot be changed by the API, nor the country and state of an address that a subscription uses.",
        attributes=("product.id", "plan.old_id", "customer.old_provider_id", "subscription.common_metadata.old_id"),
        asks=Asks(
            "Does what the site has of {about} stand?",
            About.OBJECT,
            (_accept("The site's row stands, and what belongs to it is held back."),),
        ),
    ),
    Rule(
        id="API-DOUBLE",
        sentence="The site has this object more than once.",
        fix="Cancel or delete all but one on the site, by its id, before anything else is loaded.",
        severities=(Severity.REJECT,),
        interpretation="A second subscription is a second charge: which of them stays is never chosen for the publisher.",
        attributes=("customer.old_provider_id", "subscription.common_metadata.old_id"),
    ),
    Rule(
        id="API-DELETED",
        sentence="It was loaded, and is not on the site any more, or has been cancelled or voided there.",
        fix="Find out who did that and why; what belongs to it is held back.",
        severities=(Severity.QUESTION,),
        interpretation="To create it again would undo what somebody has decided, and charge a reader who has cancelled. What a revert of "
        "ours has taken back is created again.",
        attributes=("customer.old_provider_id", "subscription.common_metadata.old_id", "product.id", "plan.old_id"),
        asks=Asks(
            "Does {about} stay as it was left on the site?",
            About.OBJECT,
            (_accept("It does."),),
        ),
    ),
    Rule(
        id="API-REFUSED",
        sentence="The site has refused it.",
        fix="Correct what the site names in the delivery, and run the extract again: this object and what belongs to it are sent alone.",
        severities=(Severity.REJECT,),
        interpretation="What the API's pages do not say is told by its refusals.",
        attributes=(
            "customer.old_provider_id",
            "customer.email",
            "subscription.common_metadata.old_id",
            "product.id",
            "plan.old_id",
        ),
    ),
)

#: The sections by their titles.
SECTIONS: dict[str, tuple[Rule, ...]] = {
    "Files": FILES,
    "Source systems": SOURCES,
    "Customers": CUSTOMERS,
    "Addresses": ADDRESSES,
    "Products": PRODUCTS,
    "Plans": PLANS,
    "Subscriptions": SUBSCRIPTIONS,
    "Relations": RELATIONS,
    "Unpaid subscriptions": UNPAID,
    "Pelcro's Core API": CORE_API,
}
RULES: dict[str, Rule] = {rule.id: rule for section in SECTIONS.values() for rule in section}
#: A rule's rank in the catalogue.
ORDER: dict[str, int] = {rule: rank for rank, rule in enumerate(RULES)}


def _declared(rule: str) -> list[tuple[Attribute, Violation]]:
    """Where the spec says what one record breaks."""
    return [each for table in TABLES for each in table.violations if each[1].rule == rule]


def severities(rule: str) -> tuple[Severity, ...]:
    """What a finding of a rule can be; nothing where it makes none."""
    return RULES[rule].severities or tuple(dict.fromkeys(violation.severity for _, violation in _declared(rule)))


def attributes(rule: str) -> tuple[str, ...]:
    """The columns that a rule concerns, in the templates' order."""
    declared = [name for attribute, violation in _declared(rule) for name in (*violation.clears, attribute.name)]
    return RULES[rule].attributes or tuple(dict.fromkeys(declared))


def constants(rule: str) -> dict[str, str]:
    """What is the same in each of a rule's findings: ``rule``, and ``severity``, ``attribute`` and ``object`` where they are."""
    named = attributes(rule)
    objects = {TABLE_OF[name].object for name in named if name in TABLE_OF} or {RULES[rule].object}
    choices = {"severity": severities(rule), "attribute": named, "object": tuple(objects)}
    return {"rule": rule} | {name: each[0] for name, each in choices.items() if len(each) == 1 and each[0]}


#: Exclusions come first: an excluded object is judged by nothing else.
EXCLUSIONS = tuple(rule for rule in RULES if severities(rule) == (Severity.EXCLUDED,))
