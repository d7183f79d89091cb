"""The routes `/metrics`, `/healthz` and `/livez`."""

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streamer.metrics.health import Trouble, troubles
from streamer.metrics.prometheus import Metrics
from streamer.server.transport.token_bucket import TokenBucket
from streamer.version import VERSION

_SCRAPES_PER_S, _SCRAPES_AT_ONCE = 2, 10

_STARTING = {
    "status": "starting",
    "version": VERSION,
    "reasons": [{"part": "models", "reason": "they are being loaded; sound is taken meanwhile"}],
}


def monitoring_routes(metrics: Metrics) -> list[Route]:
    """The routes for operators; all run in the event loop of the sessions.

    Collecting the metrics takes milliseconds: requests above the rate limit get the values of the last
    collection.
    """
    scrapes = TokenBucket(_SCRAPES_PER_S, _SCRAPES_AT_ONCE)
    checks = TokenBucket(_SCRAPES_PER_S, _SCRAPES_AT_ONCE)
    latest: dict[str, bytes] = {}  # by content type
    found: list[Trouble] = []

    async def scrape(request: Request) -> Response:
        if not metrics.analyzer.is_ready:
            return JSONResponse(_STARTING, 503)
        try:
            encode, content_type = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # an invalid version, which may be ignored (RFC 9110, 12.5.1)
            encode, content_type = choose_encoder("")
        if content_type not in latest or scrapes.has(1):
            scrapes.spend(1)
            latest[content_type] = encode(metrics.registry)
        return Response(latest[content_type], headers={"Content-Type": content_type})

    async def health(_: Request) -> Response:
        if not metrics.analyzer.is_ready:
            return JSONResponse(_STARTING, 503)
        if checks.has(1):
            checks.spend(1)
            found[:] = troubles(metrics.analyzer)
        if not found:
            return JSONResponse({"status": "ok", "version": VERSION})
        reasons = [{"part": trouble.part, "reason": trouble.reason} for trouble in found]
        return JSONResponse({"status": "degraded", "version": VERSION, "reasons": reasons}, 503)

    async def alive(_: Request) -> Response:
        return JSONResponse({"status": "ok", "version": VERSION})

    return [Route("/metrics", scrape), Route("/healthz", health), Route("/livez", alive)]
