// OpenTelemetry traces where the operator turns them on: `@opentelemetry/api` is his to install, the SDK his to start. A span for each
// request, events for its steps, a child for the call of the upstream. Whoever is not trusted begins a trace of ours: he chooses neither its
// name nor whether it is sampled (W3C Trace Context section 4.3 lets us), and is linked to.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigError } from '../config/error.ts'
import type { Incoming } from '../gateway/messages.ts'
import type { Api } from '../model/api.ts'
import type { Watched } from './answer.ts'

export interface RequestSpan {
  readonly step: (name: string) => void
  /** Writes what the upstream is told of the trace into its fields, in the place of what the caller said. Returns what ends the child. */
  readonly upstream: (api: Api, fields: string[]) => (status: number) => void
  readonly end: (answer: Watched) => void
}

/** @param isTrusted whether its `traceparent` says where its span belongs */
export type Tracing = (request: Incoming, isTrusted: boolean) => RequestSpan

type Attributes = Record<string, string | number>

/** What is used of `@opentelemetry/api`, by its structure: it is no dependency. */
interface Span {
  updateName(name: string): unknown
  setAttributes(attributes: Attributes): unknown
  addEvent(name: string): unknown
  setStatus(status: { code: number }): unknown
  end(): void
}
type Context = object
interface SpanContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
}
interface SpanOptions {
  readonly kind: number
  readonly attributes: Attributes
  readonly links?: readonly { readonly context: SpanContext }[]
}
interface Tracer {
  startSpan(name: string, options: SpanOptions, context: Context): Span
}
interface OpenTelemetry {
  readonly ROOT_CONTEXT: Context
  readonly SpanKind: { readonly SERVER: number; readonly CLIENT: number }
  readonly SpanStatusCode: { readonly ERROR: number }
  readonly trace: {
    getTracer(name: string): Tracer
    setSpan(context: Context, span: Span): Context
    getSpanContext(context: Context): SpanContext | undefined
  }
  readonly propagation: { extract(context: Context, carrier: unknown): Context; inject(context: Context, carrier: unknown): void }
}

const PACKAGE = '@opentelemetry/api'

/** @throws ConfigError where it is not installed */
export async function openTracing(load: () => Promise<unknown> = loadApi): Promise<Tracing> {
  let api: OpenTelemetry
  try {
    // Whatever version is there: its first has all of these.
    api = (await load()) as OpenTelemetry
  } catch {
    throw new ConfigError([
      `telemetry.traces needs the package ${PACKAGE}, which is not installed: run \`npm install ${PACKAGE}\` or turn traces off.`,
    ])
  }
  const tracer = api.trace.getTracer('countersign')
  return (request, isTrusted) => beginSpan(api, tracer, request, isTrusted)
}

/** From beside this program, or from the folder the operator started it in. */
async function loadApi(): Promise<unknown> {
  try {
    return await import(/* not a dependency */ PACKAGE)
  } catch {
    return await import(pathToFileURL(createRequire(join(process.cwd(), 'package.json')).resolve(PACKAGE)).href)
  }
}

/** Fields that say which trace a request belongs to. */
const TRACE_FIELDS = new Set(['traceparent', 'tracestate', 'baggage'])

function beginSpan(api: OpenTelemetry, tracer: Tracer, { method = 'GET', headers }: Incoming, isTrusted: boolean): RequestSpan {
  const said = api.propagation.extract(api.ROOT_CONTEXT, headers)
  const parent = isTrusted ? said : api.ROOT_CONTEXT
  const options = { kind: api.SpanKind.SERVER, attributes: { 'http.request.method': method }, links: isTrusted ? [] : linksTo(api, said) }
  const span = tracer.startSpan(method, options, parent)
  const inside = api.trace.setSpan(parent, span)
  return {
    step: (name) => void span.addEvent(name),
    upstream({ id }, fields) {
      const attributes = { 'http.request.method': method, 'countersign.api': id }
      const child = tracer.startSpan(`upstream ${id}`, { kind: api.SpanKind.CLIENT, attributes }, inside)
      const carrier: Record<string, string> = {}
      api.propagation.inject(api.trace.setSpan(inside, child), carrier)
      replaceTrace(fields, carrier)
      return (status) => {
        if (status > 0) child.setAttributes({ 'http.response.status_code': status })
        if (status === 0 || status >= 500) child.setStatus({ code: api.SpanStatusCode.ERROR })
        child.end()
      }
    },
    end(answer) {
      span.updateName(nameOf(method, answer))
      span.setAttributes(attributesOf(answer))
      if (!answer.headersSent || answer.statusCode >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR })
      span.end()
    },
  }
}

/** The two numbers and no more: state and baggage are texts of a stranger's. */
function linksTo(api: OpenTelemetry, context: Context): { readonly context: SpanContext }[] {
  const said = api.trace.getSpanContext(context)
  return said ? [{ context: { traceId: said.traceId, spanId: said.spanId, traceFlags: 0 } }] : []
}

/** In place: the caller's own are of the span before this one. */
function replaceTrace(fields: string[], carrier: Readonly<Record<string, string>>): void {
  for (let at = fields.length - 2; at >= 0; at -= 2) if (TRACE_FIELDS.has(fields[at] ?? '')) fields.splice(at, 2)
  for (const [name, value] of Object.entries(carrier)) fields.push(name, value)
}

/** Of few names: a path is the caller's invention. */
function nameOf(method: string, { endpoint, realmId, apiId }: Watched): string {
  if (apiId !== '') return `${method} api ${apiId}`
  return endpoint === '' ? method : `${method} ${endpoint} ${realmId}`
}

function attributesOf(answer: Watched): Attributes {
  const { requestId, realmId, endpoint, grant, apiId, route, client, code, headersSent, statusCode } = answer
  const all: Attributes = {
    'countersign.request_id': requestId,
    'countersign.realm': realmId,
    'countersign.endpoint': endpoint,
    'countersign.grant': grant,
    'countersign.api': apiId,
    'http.route': route,
    'countersign.client_id': client,
    'countersign.code': code,
    'http.response.status_code': headersSent ? statusCode : 0,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== '' && value !== 0))
}
