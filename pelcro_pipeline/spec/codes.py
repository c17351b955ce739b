"""Closed code lists of the standards that the guide names, from pycountry."""

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
    """Lower-case names and alpha-3 codes to alpha-2 codes."""
    names = dict(_EVERYDAY_COUNTRIES)
    for country in pycountry.countries:
        for field in ("name", "official_name", "common_name", "alpha_3"):
            if hasattr(country, field):
                names[getattr(country, field).lower()] = country.alpha_2
    return dict(sorted(names.items()))


@cache
def currencies() -> tuple[str, ...]:
    """ISO 4217 codes, in the lower case that Pelcro stores."""
    return tuple(sorted(currency.alpha_3.lower() for currency in pycountry.currencies))


@cache
def subdivisions(country: str) -> dict[str, str]:
    """ISO 3166-2 codes of a country without its prefix, each with its lower-case name."""
    return {
        subdivision.code.split("-", 1)[1]: subdivision.name.lower()
        for subdivision in sorted(pycountry.subdivisions.get(country_code=country), key=lambda each: each.code)
    }
