"""What the documentation says of the public document on what is stored."""

from typing import Final

from services.logging.transparency.document import TransparencyDocument
from shared.http.described import Answer, Described, Who

CALLS: Final = (
    Described(
        method="GET",
        path="/transparency/schema.json",
        summary="What is stored, what is not, and the tables as they are now",
        who=Who.ANYONE,
        data=TransparencyDocument,
        answer=Answer.BARE,
    ),
)
