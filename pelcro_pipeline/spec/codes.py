"""Closed code lists of the standards that the guide names, from pycountry."""

import unicodedata
from functools import cache

import pycountry

#: Everyday names that ISO 3166-1 lists otherwise; a publisher's address must not fall over them.
_EVERYDAY_COUNTRIES = {
    "uk": "GB",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "russia": "RU",
    "south korea": "KR",
    "u.s.a.": "US",
    "u.s.": "US",
    "the netherlands": "NL",
    "holland": "NL",
    "ivory coast": "CI",
    "turkey": "TR",
    "czech republic": "CZ",
}
#: ADR-STATE judges the states of these alone.
COUNTRIES_WITH_STATES = ("US", "CA", "AU")


@cache
def countries() -> tuple[str, ...]:
    """ISO 3166-1 alpha-2 codes."""
    return tuple(sorted(country.alpha_2 for country in pycountry.countries))


@cache
def country_names() -> dict[str, str]:
    """Folded names and alpha-3 codes to alpha-2 codes."""
    names = dict(_EVERYDAY_COUNTRIES)
    for country in pycountry.countries:
        for field in ("name", "official_name", "common_name", "alpha_3"):
            if hasattr(country, field):
                names[folded(getattr(country, field))] = country.alpha_2
    return dict(sorted(names.items()))


@cache
def currencies() -> tuple[str, ...]:
    """ISO 4217 codes, in the lower case that Pelcro stores."""
    return tuple(sorted(currency.alpha_3.lower() for currency in pycountry.currencies))


#: The other official names of Canada's provinces, of which pycountry gives one each.
_CANADIAN_NAMES = {
    "colombie-britannique": "BC",
    "ile-du-prince-edouard": "PE",
    "nouveau-brunswick": "NB",
    "nouvelle-ecosse": "NS",
    "terre-neuve-et-labrador": "NL",
    "territoires du nord-ouest": "NT",
}


def folded(name: str) -> str:
    """A name in lower case and without accents, as names are compared."""
    decomposed = unicodedata.normalize("NFD", name.lower())
    return "".join(each for each in decomposed if not unicodedata.combining(each))


@cache
def subdivision_names(country: str) -> dict[str, str]:
    """Folded names of a country's ISO 3166-2 subdivisions to their codes without its prefix."""
    names = {folded(name): code for code, name in subdivisions(country).items()}
    return names | _CANADIAN_NAMES if country == "CA" else names


@cache
def subdivisions(country: str) -> dict[str, str]:
    """ISO 3166-2 codes of a country without its prefix, each with its name."""
    return {
        subdivision.code.split("-", 1)[1]: subdivision.name
        for subdivision in sorted(pycountry.subdivisions.get(country_code=country), key=lambda each: each.code)
    }
