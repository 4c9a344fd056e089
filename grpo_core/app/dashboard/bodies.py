"""What a request carries: one JSON object, of bounded size."""

import json
from typing import Any

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

MAX_BODY = 20_000  # bytes of a request that changes something


async def json_body(request: Request, most: int = MAX_BODY) -> dict[str, Any]:
    """The request's JSON object, of at most so many bytes.

    Asking for application/json keeps plain forms of other sites out: a browser sends that type to
    another origin only after a preflight, which is never granted.

    Raises:
        HTTPException: it is none, or too large.
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415, "application/json is expected.")
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise HTTPException(413, "The request is too large.")
    except ClientDisconnect:  # or its time was over; without this the terminal shows a traceback
        raise HTTPException(400, "The request ended too early.") from None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise HTTPException(400, "A JSON object is expected.")
    return value
