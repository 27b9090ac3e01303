// What an operator writes to have traces: the SDK is his, and so is where they go.
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'

const exporter = new OTLPTraceExporter({ url: process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? '' })
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
