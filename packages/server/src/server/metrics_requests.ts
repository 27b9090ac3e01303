// What is counted of requests: tokens by realm, grant and outcome, verdicts by API and code, and how long each took. Labels come from the
// configuration and from closed lists of codes: no stranger makes a new one. The names are part of the operator's contract: they stay.
import type { Api } from '../model/api.ts'
import type { Counter, Histogram, Metrics } from './metrics.ts'
import { observe } from './metrics.ts'

/** Seconds: from what a cached decision takes to what a caller gives up at. */
const SECONDS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export interface RequestMetrics {
  /** A token request of a configured realm. @param grant '' if it was refused before that was clear. @param code `ok`, or the error's */
  readonly token: (realmId: string, grant: string, code: string, milliseconds: number) => void
  /** @param code `allowed`, the guard's or the gateway's. @param milliseconds of the decision; undefined: nothing was decided */
  readonly verdict: (api: Api, code: string, milliseconds: number | undefined) => void
  /** What became of a request at the upstream, its answer's last byte included. */
  readonly upstream: (api: Api, status: number, milliseconds: number) => void
  /** Answers by the first digit of their status. */
  readonly answered: (status: number) => void
}

/** Codes of a guard and of a token endpoint that say that a plan is used up. */
const CHARGE_REFUSED = new Set(['rate_exceeded', 'volume_exceeded', 'concurrency_exceeded', 'slow_down'])

interface RealmSeries {
  /** By grant, then by code. */
  readonly outcomes: Map<string, Map<string, Counter>>
  readonly seconds: Histogram
  readonly refused: Counter
}

interface ApiSeries {
  readonly codes: Map<string, Counter>
  readonly decision: Histogram
  readonly refused: Counter
  /** By class of status. */
  readonly upstream: Map<number, Histogram>
}

export function createRequestMetrics(metrics: Metrics): RequestMetrics {
  const tokens = metrics.counter('countersign_token_requests_total', 'Token requests, by realm, grant and outcome (ok or the error code).')
  const tokenSeconds = metrics.histogram('countersign_token_request_duration_seconds', 'Time from a token request to its answer.', SECONDS)
  const verdicts = metrics.counter('countersign_verdicts_total', 'Requests for guarded APIs, by API and code (allowed or the refusal).')
  const decisions = metrics.histogram('countersign_guard_decision_duration_seconds', 'Time the guard took to decide.', SECONDS)
  const upstreams = metrics.histogram(
    'countersign_upstream_duration_seconds',
    "Time from the verdict to the end of the upstream's answer.",
    SECONDS,
  )
  const refused = metrics.counter('countersign_charges_refused_total', 'Requests refused because a plan was used up, by realm and by API.')
  const answers = metrics.counter('countersign_http_answers_total', 'Answers on the public listener, by class of status.')
  const byDigit = [1, 2, 3, 4, 5].map((digit) => answers({ status: `${digit}xx` }))
  const realms = new Map<string, RealmSeries>()
  const apis = new Map<Api, ApiSeries>()

  const seriesOf = (realm: string): RealmSeries => {
    const found = realms.get(realm)
    if (found) return found
    const made = { outcomes: new Map(), seconds: tokenSeconds({ realm }), refused: refused({ realm, api: '' }) }
    realms.set(realm, made)
    return made
  }
  const apiSeries = (api: Api): ApiSeries => {
    const found = apis.get(api)
    if (found) return found
    const labels = { api: api.id }
    const made = {
      codes: new Map(),
      decision: decisions(labels),
      refused: refused({ realm: api.realmId, api: api.id }),
      upstream: new Map(),
    }
    apis.set(api, made)
    return made
  }
  return {
    token(realm, grant, code, milliseconds) {
      const series = seriesOf(realm)
      const codes = known(series.outcomes, grant, () => new Map<string, Counter>())
      known(codes, code, () => tokens({ realm, grant, code })).value += 1
      if (CHARGE_REFUSED.has(code)) series.refused.value += 1
      observe(series.seconds, milliseconds / 1000)
    },
    verdict(api, code, milliseconds) {
      const series = apiSeries(api)
      known(series.codes, code, () => verdicts({ api: api.id, code })).value += 1
      if (CHARGE_REFUSED.has(code)) series.refused.value += 1
      if (milliseconds !== undefined) observe(series.decision, milliseconds / 1000)
    },
    upstream(api, status, milliseconds) {
      const digit = status < 600 ? Math.trunc(status / 100) : 0
      const make = () => upstreams({ api: api.id, status: digit === 0 ? 'none' : `${digit}xx` })
      observe(known(apiSeries(api).upstream, digit, make), milliseconds / 1000)
    },
    answered(status) {
      const counter = byDigit[Math.trunc(status / 100) - 1]
      if (counter) counter.value += 1
    },
  }
}

function known<Key, Found>(map: Map<Key, Found>, key: Key, make: () => Found): Found {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}
