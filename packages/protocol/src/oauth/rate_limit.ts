// The RateLimit fields: what a plan allows and what is left of it. draft-ietf-httpapi-ratelimit-headers-11, all of it in this file.

/** One policy and how much of it is left. */
export interface RateLimit {
  /** `tokens`: letters, digits and `_ -`. */
  readonly name: string
  /** Units in one window. */
  readonly quota: number
  /** Length of the window in seconds; a calendar month has its own. */
  readonly window: number
  readonly remaining: number
  /** Seconds until the window ends. */
  readonly reset: number
}

/** `RateLimit-Policy` and `RateLimit`, field names in lower case. */
export function writeRateLimits(limits: readonly RateLimit[]): Record<string, string> {
  if (limits.length === 0) return {}
  return { 'ratelimit-policy': writeRateLimitPolicy(limits), ratelimit: limits.map(writeRateLimit).join(', ') }
}

/** `RateLimit-Policy` alone: what does not change with each request. */
export function writeRateLimitPolicy(limits: readonly Pick<RateLimit, 'name' | 'quota' | 'window'>[]): string {
  return limits.map(({ name, quota, window }) => `"${name}";q=${quota};w=${window}`).join(', ')
}

/** One item of `RateLimit`; several are joined by a comma. */
export function writeRateLimit({ name, remaining, reset }: Pick<RateLimit, 'name' | 'remaining' | 'reset'>): string {
  return `${startRateLimit(name)}${remaining}${endRateLimit(reset)}`
}

/** What stands before `remaining` in an item, for whoever writes the same one again and again. */
export function startRateLimit(name: string): string {
  return `"${name}";r=`
}

/** What stands behind `remaining`. */
export function endRateLimit(reset: number): string {
  return `;t=${reset}`
}

/** What the two fields say together; a policy that only one of them names, or that cannot be read, is left out. At most 4 KiB are looked at. */
export function readRateLimits(policyField: string | undefined, limitField: string | undefined): readonly RateLimit[] {
  const policies = readItems(policyField)
  return [...readItems(limitField)].flatMap(([name, left]) => {
    const policy = policies.get(name)
    const quota = policy?.get('q')
    const window = policy?.get('w')
    const remaining = left.get('r')
    const reset = left.get('t')
    if (quota === undefined || window === undefined || remaining === undefined || reset === undefined) return []
    return [{ name, quota, window, remaining, reset }]
  })
}

/** One policy out of the two fields, for whoever wants no other; undefined if one of them does not tell it whole. At most 4 KiB are looked at. */
export function readRateLimit(name: string, policyField = '', limitField = ''): RateLimit | undefined {
  const item = new RegExp(`(?:^|,)\\s*"${name}"((?:\\s*;[^,;]*)*)`)
  const reader = (field: string) => {
    const parameters = item.exec(field.slice(0, 4096))?.[1] ?? ''
    return (key: string): number => Number(new RegExp(`;\\s*${key}=(\\d{1,15})\\s*(?:;|$)`).exec(parameters)?.[1])
  }
  const [policy, left] = [reader(policyField), reader(limitField)]
  const told = { name, quota: policy('q'), window: policy('w'), remaining: left('r'), reset: left('t') }
  return Object.values(told).some(Number.isNaN) ? undefined : told
}

const ITEM = /^"([A-Za-z0-9_-]{1,64})"((?:\s*;\s*[a-z]{1,16}=(?:\d{1,15}|"[^"\\]{0,256}"|:[A-Za-z0-9+/=]{0,256}:))*)$/

/** Items of a structured list (RFC 9651) with their numeric parameters. */
function readItems(field: string | undefined): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const items = new Map<string, ReadonlyMap<string, number>>()
  for (const text of (field ?? '').slice(0, 4096).split(',')) {
    const item = ITEM.exec(text.trim())
    if (!item?.[1]) continue
    const parameters = new Map<string, number>()
    for (const parameter of (item[2] ?? '').split(';')) {
      const [name, value] = parameter.trim().split('=')
      if (name && value && /^\d+$/.test(value)) parameters.set(name, Number(value))
    }
    items.set(item[1], parameters)
  }
  return items
}
