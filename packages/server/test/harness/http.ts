// Requests as the pages' partners send them.

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The body as JSON; {} if it is none. */
  readonly json: Record<string, unknown>
  readonly text: string
}

export async function send(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: 'manual', ...init })
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: asJson(text), text }
}

export function postForm(url: string, parameters: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
  return send(url, { method: 'POST', headers, body: new URLSearchParams(parameters) })
}

export function postJson(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return send(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
}

export function basic(clientId: string, secret: string): Record<string, string> {
  const encode = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1)
  return { authorization: `Basic ${Buffer.from(`${encode(clientId)}:${encode(secret)}`).toString('base64')}` }
}

function asJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
