"""Metrics: the closed list of their names, and the one way to change and to show them.

In: a name of the list, its labels, an amount. Out: the text form that Prometheus reads. A name or a number of labels that
the list does not have raises at once, so nobody adds a metric in passing. Labels hold lanes, routes and codes, never ids
or numbers of people.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricRow(NamedTuple):
    """One metric: what it means, and what to do when it looks wrong."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str
    action: str


METRICS: tuple[MetricRow, ...] = (
    MetricRow(
        "sluice_http_requests_total",
        "counter",
        ("method", "route", "status"),
        "Answers of the gateway.",
        "Many 5xx: look at /readyz. Many 4xx: look at the codes a client gets.",
    ),
    MetricRow(
        "sluice_http_seconds",
        "histogram",
        ("route",),
        "Time from the request's head to the answer.",
        "Slow 202: Kafka acknowledges late; see its disks.",
    ),
    MetricRow(
        "sluice_accepted_messages_total",
        "counter",
        ("lane",),
        "Messages answered with 202.",
        "The base of all rates; a sudden stop means that nobody sends or all fail.",
    ),
    MetricRow(
        "sluice_refused_recipients_total",
        "counter",
        ("code",),
        "Recipients of campaigns that were refused.",
        "A high share of one code: tell the sender.",
    ),
    MetricRow(
        "sluice_ingest_waiting",
        "gauge",
        (),
        "Single messages that wait for Kafka's acknowledgement.",
        "Growing: Kafka is slow, 503 will follow.",
    ),
    MetricRow(
        "sluice_ingest_records_total",
        "counter",
        ("lane", "result"),
        "Records handed to Kafka, acknowledged or failed.",
        "Failed ones: clients got 503; see the brokers.",
    ),
    MetricRow(
        "sluice_dependency_failures_total",
        "counter",
        ("dependency",),
        "Calls to Kafka, PostgreSQL or Redis that failed.",
        "Any: look at that service; the gateway recovers.",
    ),
    MetricRow(
        "sluice_carrier_notices_total",
        "counter",
        ("carrier", "kind"),
        "What connections to a carrier met besides results and receipts: receipts_unreadable, inbound_refused, "
        "receipts_put_off, late_answers.",
        "receipts_unreadable: their bytes are dead letters, show them to the carrier. late_answers: see window and rate.",
    ),
    MetricRow(
        "sluice_carrier_held_back",
        "gauge",
        ("carrier",),
        "1 while nothing but probes is started at a carrier, as it refuses with codes that no table lists.",
        "1: see its code in dispatch's log; class it in [carriers.errors], `sluice carrier apply`, replay the dead letters.",
    ),
    MetricRow(
        "sluice_carrier_breaker",
        "gauge",
        ("carrier",),
        "The carrier's breaker: 0 closed, 1 probing, 2 open: nothing is started there.",
        '2: see `sluice carrier show` for the fault, and the runbook "carrier dead".',
    ),
    MetricRow(
        "sluice_carrier_rate_share",
        "gauge",
        ("carrier",),
        "The share of the contract's rate that the carrier gets: below 1 it throttles.",
        'Long below 1: the carrier takes less than its contract says; see the runbook "carrier slow".',
    ),
    MetricRow(
        "sluice_uploads_running",
        "gauge",
        (),
        "Uploads of recipients being received.",
        "Near the limit: senders wait; add gateways.",
    ),
    MetricRow(
        "sluice_keys_age_seconds",
        "gauge",
        (),
        "Age of the known keys, balances and routes.",
        "Above a few seconds: PostgreSQL cannot be read.",
    ),
)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._counted: dict[tuple[str, tuple[str, ...]], Counter] = {}
        """Those with labels, once they were counted; the library looks for them under a lock."""
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for row in METRICS:
            if row.kind == "counter":
                self._counters[row.name] = Counter(row.name, row.meaning, row.labels, registry=self.registry)
            elif row.kind == "gauge":
                self._gauges[row.name] = Gauge(row.name, row.meaning, row.labels, registry=self.registry)
            else:
                self._histograms[row.name] = Histogram(
                    row.name, row.meaning, row.labels, registry=self.registry, buckets=SECONDS
                )

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        metric = self._counted.get((name, labels))
        if metric is None:
            metric = self._counters[name]
            metric = self._counted[name, labels] = metric.labels(*labels) if labels else metric
        metric.inc(by)

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        metric = self._gauges[name]
        (metric.labels(*labels) if labels else metric).set(value)

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Add an observation to a histogram."""
        metric = self._histograms[name]
        (metric.labels(*labels) if labels else metric).observe(value)

    def render(self) -> bytes:
        """The text form of all metrics."""
        return generate_latest(self.registry)
