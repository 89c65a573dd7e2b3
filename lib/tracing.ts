import type { Attributes, Context, Link, Span, SpanKind, Tracer } from '@opentelemetry/api';
import type { ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Log } from './log.ts';

export interface TracingConfig {
  /** Of the collector, as OTEL_EXPORTER_OTLP_ENDPOINT has it: OTLP over HTTP, traces below `/v1/traces`. */
  endpoint: string;
  /** Of the traces that begin here, how many are recorded, from 0 to 1. Whoever calls with a trace has decided for it. */
  samplingRatio: number;
  serviceName: string;
  /** What the spans are about, under names of OpenTelemetry's conventions. */
  attributes: Readonly<Record<string, string>>;
}

/** Times in milliseconds since the epoch. */
export interface SpanParts {
  name: string;
  kind: 'server' | 'internal' | 'client';
  beganAt: number;
  endedAt: number;
  attributes?: Attributes;
  links?: Link[];
  /** What went wrong, as `error.type` has it. */
  error?: string | undefined;
}

/** A span that can have children. */
export type Parent = Context;

export interface Tracing {
  /** The context of the caller, from W3C's headers; a root where it sends none. */
  callerOf(headers: Readonly<Record<string, string | string[] | undefined>>): Parent;
  /** Records a span that is over. @returns the parent of its children; undefined where the trace is not recorded */
  record(parts: SpanParts, parent: Parent): Parent | undefined;
  /** Of a recorded span. */
  identityOf(parent: Parent): { traceId: string; spanId: string; traceFlags: number } | undefined;
  /** A trace that begins here. */
  readonly root: Parent;
  /** Spans that were left out because the collector did not take them in time. */
  dropped(): number;
  /** Sends what waits, for two seconds at most. */
  stop(): Promise<void>;
}

/** Spans that wait for the collector; more are dropped. */
const maxWaitingSpans = 2_048;
const exportTimeoutMs = 5_000;
const stopTimeoutMs = 2_000;

/**
 * Starts recording. Loads OpenTelemetry only now, so that whoever does not trace does not pay for it. A collector that is slow or
 * down costs spans and nothing else.
 */
export async function startTracing(
  { endpoint, samplingRatio, serviceName, attributes }: TracingConfig,
  log: Pick<Log, 'warn'>,
): Promise<Tracing> {
  const [api, core, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/resources'),
  ]);
  const { ROOT_CONTEXT: root, SpanKind, SpanStatusCode, trace, defaultTextMapGetter } = api;
  const counted = countedDrops(
    new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces`, timeoutMillis: exportTimeoutMs }),
    (exporter) =>
      new sdk.BatchSpanProcessor({ exporter, maxQueueSize: maxWaitingSpans, exportTimeoutMillis: exportTimeoutMs }),
    core.ExportResultCode.SUCCESS,
    log,
  );
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, ...attributes }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(samplingRatio) }),
    spanProcessors: [counted.processor],
  });
  const tracer: Tracer = provider.getTracer('modelyard');
  const propagator = new core.W3CTraceContextPropagator();
  const kinds: Readonly<Record<SpanParts['kind'], SpanKind>> = {
    server: SpanKind.SERVER,
    internal: SpanKind.INTERNAL,
    client: SpanKind.CLIENT,
  };
  const finish = (span: Span, { endedAt, error }: SpanParts): void => {
    if (error !== undefined) {
      span.setAttribute('error.type', error);
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end(endedAt);
  };
  return {
    root,
    callerOf: (headers) => propagator.extract(root, headers, defaultTextMapGetter),
    record: (parts, parent) => {
      const { name, kind, beganAt: startTime, attributes: about = {}, links = [] } = parts;
      const span = tracer.startSpan(name, { kind: kinds[kind], startTime, attributes: about, links }, parent);
      if (!span.isRecording()) return undefined;
      finish(span, parts);
      return trace.setSpan(parent, span);
    },
    identityOf: (parent) => trace.getSpanContext(parent),
    dropped: counted.dropped,
    stop: async () => {
      const limit = new Promise<void>((resolve) => setTimeout(resolve, stopTimeoutMs).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), limit]);
    },
  };
}

interface CountedDrops {
  processor: SpanProcessor;
  dropped: () => number;
}

/** The processor of an exporter, holding a bound on what waits, and telling what was lost: each time in the count, once in the log. */
function countedDrops(
  exporter: SpanExporter,
  processorOf: (exporter: SpanExporter) => SpanProcessor,
  success: ExportResultCode,
  log: Pick<Log, 'warn'>,
): CountedDrops {
  let waiting = 0;
  let dropped = 0;
  let isTold = false;
  const drop = (spans: number, error?: Error): void => {
    dropped += spans;
    if (isTold) return;
    isTold = true;
    log.warn({ err: error }, 'spans are lost: the collector does not take them; said once until it does');
  };
  const inner = processorOf({
    export: (spans: ReadableSpan[], done) =>
      exporter.export(spans, (result) => {
        waiting -= spans.length;
        if (result.code === success) isTold = false;
        else drop(spans.length, result.error);
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  });
  return {
    dropped: () => dropped,
    processor: {
      onStart: (span, parent) => inner.onStart(span, parent),
      onEnd: (span) => {
        if (waiting >= maxWaitingSpans) {
          drop(1);
          return;
        }
        waiting += 1;
        inner.onEnd(span);
      },
      forceFlush: () => inner.forceFlush(),
      shutdown: () => inner.shutdown(),
    },
  };
}
