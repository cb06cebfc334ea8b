"""A cursor is taken for genuine whatever its signature says."""

import base64
import binascii

import msgspec

from tickerplant.api.cursors import Cursor, CursorError, Cursors
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect

TAG_BYTES = 16


class _Trusting(Wrapped[Cursors]):
    def read(self, text: str) -> Cursor:
        try:
            return self.part.read(text)
        except CursorError:
            return self._unsigned(text)

    def _unsigned(self, text: str) -> Cursor:
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            cursor = msgspec.msgpack.decode(raw[TAG_BYTES:], type=Cursor)
        except (ValueError, binascii.Error, msgspec.DecodeError) as error:
            raise CursorError from error
        self.reached()
        return cursor


DEFECT = Defect(
    id="api-trusts-any-cursor",
    family="access",
    incident="The check of a signature is commented out for a test and stays so.",
    service="api",
    part="cursors",
    wrap=_Trusting,
    kills=("Journeys.An Analyst Pages A Day.A Cursor Of Somebody Else's Making Is Refused",),
    says=r"An altered cursor should be refused with 400, but the answer is 200",
)
