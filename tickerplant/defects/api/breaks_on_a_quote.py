"""A quote in a time breaks the parser instead of being refused."""

from collections.abc import Callable

from tickerplant.defects.model import Around, Defect

Parse = Callable[[str], int]


def _fragile(parse: Parse, around: Around) -> Parse:
    def parsed(text: str) -> int:
        if "'" in text:
            around.reached()
            raise RuntimeError("a quote is not closed")
        return parse(text)

    return parsed


DEFECT = Defect(
    id="api-breaks-on-a-quote",
    family="leaks",
    incident="A value goes into a query as text: a name with an apostrophe is a 500, a clever one is worse.",
    service="api",
    part="tickerplant.api.parameters:parse_instant",
    wrap=_fragile,
    kills=("Journeys.The Published Contract Holds.Hostile Strings Get A Client Error",),
    says=r"should be a client error: the status is 500",
)
