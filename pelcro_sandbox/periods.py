"""The ends of a subscription's periods."""

from __future__ import annotations

import calendar
import datetime
import zoneinfo

#: An interval in days, or in months.
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
#: What lasts longer ends with this year: a year more and a time zone would leave the calendar.
_LAST = datetime.date(9998, 12, 31)


def later(start: int, periods: int, interval: str, interval_count: int, zone: zoneinfo.ZoneInfo) -> int:
    """Unix seconds, some periods after a start, at the same time of the day in a time zone.

    Months and years are counted from the start itself and end with the month where it has no such day.
    """
    at = datetime.datetime.fromtimestamp(start, zone)
    steps = periods * interval_count
    if interval in _DAYS:
        day = datetime.date.fromordinal(min(at.toordinal() + steps * _DAYS[interval], _LAST.toordinal()))
    else:
        years, month = divmod(at.year * 12 + at.month - 1 + steps * _MONTHS[interval], 12)
        if years > _LAST.year:
            years, month = _LAST.year, 11
        day = datetime.date(years, month + 1, min(at.day, calendar.monthrange(years, month + 1)[1]))
    return int(datetime.datetime.combine(day, at.time(), zone).timestamp())
