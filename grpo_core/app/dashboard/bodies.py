"""What a request carries: one JSON object, of bounded size."""

import json
from typing import Any

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

MAX_BODY = 20_000  # bytes of a request that changes something


async def json_body(request: Request, most: int = MAX_BODY) -> dict[str, Any]:
    """Return the request's JSON object, if it is within the size limit.

    Asking for application/json keeps plain forms of other sites out: a browser sends that type to
    another origin only after a preflight, which is never granted.

    Raises:
        HTTPException: the body is not a JSON object, or is too large.
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise HTTPException(415, "The request's Content-Type must be application/json.")
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
        raise HTTPException(400, "The request's body must be a JSON object.")
    return value
