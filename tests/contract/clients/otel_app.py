"""A small application that exports spans with the OpenTelemetry SDK; prints its trace id.

Usage: ``otel_app.py protobuf|json|grpc URL AUTHORIZATION``.
"""

from __future__ import annotations

import json
import sys

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Status, StatusCode


def exporter(kind: str, url: str, authorization: str) -> SpanExporter:
    headers = {"Authorization": authorization}
    if kind == "json":
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter as JsonExporter

        return JsonExporter(endpoint=url, headers=headers)
    if kind == "grpc":
        from grpc import Compression as GrpcCompression
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter(
            endpoint=url,
            headers={"authorization": authorization},
            insecure=True,
            compression=GrpcCompression.Gzip,
        )
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=url, headers=headers, compression=Compression.Gzip)


def main() -> None:
    kind, url, authorization = sys.argv[1:4]
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": "shop", "service.version": "2.0", "deployment.environment.name": "staging"}
        )
    )
    provider.add_span_processor(BatchSpanProcessor(exporter(kind, url, authorization)))
    tracer = provider.get_tracer("shop.tracer", "0.9")
    with tracer.start_as_current_span("checkout") as root:
        root.set_attribute("user.id", "customer-1")
        root.set_attribute("session.id", "cart-1")
        root.set_attribute("langfuse.trace.tags", ["otel", kind])
        root.set_attribute("custom.answer", 42)
        with tracer.start_as_current_span("chat gpt-4o") as call:
            call.set_attribute("gen_ai.operation.name", "chat")
            call.set_attribute("gen_ai.request.model", "gpt-4o")
            call.set_attribute("gen_ai.request.temperature", 0.5)
            call.set_attribute("gen_ai.usage.input_tokens", 2**40 + 100)
            call.set_attribute("gen_ai.usage.output_tokens", 40)
            call.set_attribute("gen_ai.input.messages", json.dumps([{"role": "user", "content": "hi"}]))
            call.set_attribute(
                "gen_ai.output.messages", json.dumps([{"role": "assistant", "content": "hello"}])
            )
            call.set_status(Status(StatusCode.ERROR, "cut short"))
        trace_id = format(root.get_span_context().trace_id, "032x")
    provider.shutdown()
    sys.stdout.write(json.dumps({"trace_id": trace_id}))


if __name__ == "__main__":
    main()
