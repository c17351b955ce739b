"""Pages: one HTML file each, complete in itself, from the templates beside this file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from pelcro_pipeline.spec.codes import minor_digits, price


def money(amount: int, currency: str) -> str:
    """An amount in a currency's minor unit (cents) as a person writes it: ``1,234.50 CAD``."""
    return f"{price(amount, currency)} {currency.upper()}"


def moneys(amounts: Iterable[Mapping]) -> str:
    """Amounts of several currencies, ``{currency, amount}`` each, as text."""
    return "; ".join(money(each["amount"], each["currency"]) for each in amounts)


def priced(frame: pd.DataFrame, names: Iterable[str], written: Callable[[int, str], str] = money) -> pd.DataFrame:
    """A frame whose columns ``names`` hold money in the smallest unit of each row's ``currency``, as a person writes it."""
    amounts = {
        name: [written(int(amount), currency) for amount, currency in zip(frame[name], frame["currency"], strict=True)]
        for name in names
    }
    return frame.assign(**amounts)


def dear(amounts: Iterable[Mapping]) -> float:
    """How much these are together, whatever the currency: to sort by, and never to show."""
    return sum(each["amount"] / 10 ** minor_digits(each["currency"]) for each in amounts)


def _count(number: int) -> str:
    return f"{number:,}"


_TEMPLATES = Environment(
    loader=PackageLoader("pelcro_pipeline.reporting"),
    # Every cell of a delivered file is text, never markup.
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"count": _count, "money": money}


def render(template: str, **values: object) -> str:
    """The page that a template of ``templates/`` makes of the values. Raises UndefinedError for one that is missing."""
    return _TEMPLATES.get_template(template).render(**values)
