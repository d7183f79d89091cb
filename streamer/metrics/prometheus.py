"""The metrics for Prometheus."""

from collections import deque
from collections.abc import Iterator, Mapping
from time import monotonic

from prometheus_client import CollectorRegistry, Counter, Histogram, Info
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from streamer import events
from streamer.events import Event
from streamer.metrics.health import troubles
from streamer.outputs.base import Output, by_name
from streamer.turn_embedding.analyzer import Analyzer
from streamer.version import VERSION

LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10)
FACTOR_OVER_S = 60.0
"""Period of the real-time factor: the latest minute."""

_BETWEEN_SAMPLES_S = 1.0


class Metrics(Output):
    """An output that counts the events of all sessions, and collects the status of the analyzer.

    No metric has a label for stream or session: each of many short streams would leave its values behind.

    Attributes:
        analyzer: whose sessions they are of.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._now = _Now(analyzer)
        registry.register(self._now)
        self._build = Info("merits_build", "What runs", registry=registry)
        self._turns = Counter(
            "merits_turns", "Turns told, by the emotion they first carried", ["emotion"], registry=registry
        )
        self._revisions = Counter(
            "merits_revisions", "Times that what was said of a turn changed", registry=registry
        )
        self._partials = Counter(
            "merits_partials", "Provisional results of turns that go on", registry=registry
        )
        self._latency = Histogram(
            "merits_latency_seconds",
            "Of turns, by stage; total: declared over to handed to outputs; endpoint: the silence before",
            ["stage"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._valence = Counter(
            "merits_valence",
            "Sum of how far above 0 (positive) or below it (negative) the valence of turns was",
            ["sign"],
            registry=registry,
        )
        for sign in ("positive", "negative"):
            self._valence.labels(sign)
        self._started = Counter("merits_sessions_started", "Sessions begun", registry=registry)
        self._ended = Counter("merits_sessions_ended", "Sessions ended", ["reason"], registry=registry)
        for reason in ("end of input", "interrupted", "error"):
            self._ended.labels(reason)
        self._gap_s = Counter("merits_gap_seconds", "Sound lost", registry=registry)
        self._device_lost = Counter("merits_device_lost", "Times a device was lost", registry=registry)

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics, once the models are there; collect them in the event loop of the sessions."""
        bundle = self.analyzer.bundle
        self._build.info({"version": VERSION, "bundle": bundle.name})
        for label in bundle.labels:
            self._turns.labels(label)
        return self._registry

    async def send(self, event: Event) -> None:
        """Count one event."""
        self._now.sample()
        match event:
            case events.TurnFinal():
                self._turns.labels(event.emotion).inc()
                sign = "positive" if event.valence > 0 else "negative"
                self._valence.labels(sign).inc(abs(event.valence))
                for stage, taken_ms in event.latency_ms:
                    self._latency.labels(stage).observe(taken_ms / 1e3)
            case events.TurnRevised():
                self._revisions.inc()
            case events.TurnPartial():
                self._partials.inc()
            case events.SessionStarted():
                self._started.inc()
            case events.SessionEnded():
                self._ended.labels(event.reason.partition(":")[0]).inc()
            case events.AudioGap():
                self._gap_s.inc(event.length_s)
            case events.AudioDeviceLost():
                self._device_lost.inc()


class _Now(Collector):
    """Metrics that are computed at collection."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._samples: deque[tuple[float, float, float]] = deque()  # time, seconds of work, seconds of sound

    def sample(self) -> None:
        """Record the work and the sound so far."""
        now = monotonic()
        if not self._samples or now - self._samples[-1][0] >= _BETWEEN_SAMPLES_S:
            self._samples.append((now, self._work(), self._analyzer.running.now().audio_s))
        while self._samples[0][0] < now - FACTOR_OVER_S and len(self._samples) > 2:
            self._samples.popleft()

    def collect(self) -> Iterator[Metric]:
        """All these metrics."""
        now, stages = self._analyzer.running.now(), self._analyzer.stages()
        sessions = now.sessions
        yield _gauge("merits_streams", "Sessions that run", len(sessions))
        yield _gauge(
            "merits_healthy", "1 unless /healthz has something to say", not troubles(self._analyzer, now)
        )
        yield _gauge(
            "merits_recogniser_up", "0 while the embedded one stands in", self._analyzer.trouble is None
        )
        gauge = GaugeMetricFamily("merits_queue_depth", "What waits, in all sessions", labels=["queue"])
        depths = {name: stage.depth for name, stage in stages.items() if stage.depth is not None}
        yield _filled(gauge, {"turns": sum(session.waiting for session in sessions), **depths})
        gauge = GaugeMetricFamily(
            "merits_queue_limit", "What may wait before the source does", labels=["queue"]
        )
        yield _filled(gauge, {"turns": sum(session.limit for session in sessions)})
        outputs = by_name(now.outputs)
        gauge = GaugeMetricFamily("merits_outbox_depth", "Events that wait to be taken", labels=["output"])
        yield _filled(gauge, {each.name: each.queue.depth for each in outputs if each.queue is not None})
        gauge = GaugeMetricFamily("merits_output_up", "0 while any is in trouble", labels=["output"])
        yield _filled(gauge, {each.name: each.trouble is None for each in outputs if not each.connecting})
        busy = CounterMetricFamily("merits_busy_seconds", "Time spent working, by stage", labels=["stage"])
        yield _filled(busy, {name: stage.busy_s for name, stage in stages.items()})
        yield CounterMetricFamily("merits_audio_seconds", "Sound analyzed", value=now.audio_s)
        shed = CounterMetricFamily(
            "merits_shed", "What was left out for want of time or room", labels=["what"]
        )
        yield _filled(shed, dict(sorted({"partials": 0, "speculation": 0, **now.shed}.items())))
        yield _gauge(
            "merits_real_time_factor",
            "Seconds of work for a second of sound, over the latest minute; all stages together",
            self._factor(now.audio_s),
        )

    def _factor(self, sound: float) -> float:
        """Work divided by sound since the oldest sample; NaN without sound."""
        self.sample()
        _, work_before, sound_before = self._samples[0]
        work = self._work()
        return (work - work_before) / (sound - sound_before) if sound > sound_before else float("nan")

    def _work(self) -> float:
        return sum(stage.busy_s for stage in self._analyzer.stages().values())


def _filled(metric: GaugeMetricFamily | CounterMetricFamily, values: Mapping[str, float]) -> Metric:
    for label, value in values.items():
        metric.add_metric([label], value)
    return metric


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)
