"""Who reads the page: which English dates are written in, and in which time zone.

The browser tells its zone in a cookie (topup.js); without it, times are in UTC and say so. Nothing here is trusted for
anything but how a date looks.
"""

import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from babel import Locale, dates
from babel.core import UnknownLocaleError
from fastapi import Request

COOKIE = "timezone"
_ZONE_LENGTH_MAX = 64
_BRITISH = Locale("en", "GB")


@dataclass(frozen=True, slots=True)
class Reader:
    """How to write dates for one person."""

    locale: Locale
    zone: tzinfo

    def local(self, moment: datetime) -> datetime:
        """The same moment on the reader's clock."""
        return moment.astimezone(self.zone)

    def day(self, moment: datetime) -> str:
        """Such as 19 November 2026."""
        return dates.format_date(self.local(moment), "long", locale=self.locale)

    def short_day(self, moment: datetime) -> str:
        """Such as 19 Nov 2026: for lists."""
        return dates.format_date(self.local(moment), "medium", locale=self.locale)

    def last_day(self, ends_at: datetime) -> str:
        """The last whole day before an end: a day of UTC, as rosters and programs say it, else one of the reader's."""
        last = ends_at.astimezone(UTC) - timedelta(microseconds=1)
        if ends_at.astimezone(UTC).time() == time():
            return dates.format_date(last, "medium", locale=self.locale)
        return self.short_day(last)

    def weekday(self, day: date, today: date) -> str:
        """A heading: Today, Yesterday, or Thursday 19 November 2026."""
        if day == today:
            return "Today"
        if day == today - timedelta(days=1):
            return "Yesterday"
        return dates.format_date(day, "full", locale=self.locale)

    def clock(self, moment: datetime) -> str:
        """Such as 14:05."""
        return dates.format_time(self.local(moment), "short", locale=self.locale)

    def moment(self, moment: datetime) -> str:
        """Such as 19 Nov, 14:05: short, for lists."""
        day = dates.format_skeleton("MMMd", self.local(moment), locale=self.locale)
        return f"{day}, {self.clock(moment)}"

    def exact(self, moment: datetime) -> str:
        """Such as 19 November 2026 at 14:05:09 GMT: nothing left out."""
        return dates.format_datetime(self.local(moment), "long", locale=self.locale, tzinfo=self.zone)


def of_request(request: Request) -> Reader:
    """The reader, as far as the browser tells."""
    return Reader(
        locale=_english(request.headers.get("accept-language", "")),
        zone=_zone(unquote(request.cookies.get(COOKIE, ""))),
    )


@functools.lru_cache(maxsize=256)
def _english(accepted: str) -> Locale:
    """The first English that the browser asks for: the pages are in English, so their dates are too."""
    for choice in accepted.split(","):
        tag = choice.partition(";")[0].strip()
        if tag.lower().startswith("en-"):
            try:
                return Locale.parse(tag, sep="-")
            except (ValueError, UnknownLocaleError):
                continue
    return _BRITISH


@functools.lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    if not name or len(name) > _ZONE_LENGTH_MAX:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC
