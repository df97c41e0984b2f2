"""``PayPal-Mock-Response``: a refusal that the merchant itself asks for.

Source: PayPal's page on negative testing with request headers.
"""

import msgspec

from sandbox.providers.paypal.errors import ISSUES, refuse


class _MockResponse(msgspec.Struct, frozen=True):
    mock_application_codes: str


def raise_mocked(header: str | None) -> None:
    """Refuse with the issue that the header names; a header that names none does nothing.

    Raises:
        PayPalRefusal: The one that was asked for.
    """
    if header is None:
        return
    try:
        code = msgspec.json.decode(header, type=_MockResponse).mock_application_codes
    except msgspec.DecodeError:
        return
    if code in ISSUES:
        raise refuse(code)
