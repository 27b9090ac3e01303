// Token requests by the dialect's document: wire form to canonical parameters and back. RFC 6749 section 4, 6.
// Reader and writer share no value, so that a bundle of the client leaves the reader out.
import { readBase64Text, writeBase64Text } from '../../oauth/base64.ts'
import type { BasicCredentials } from '../../oauth/basic_auth.ts'
import { readBasicAuth, writeBasicAuth } from '../../oauth/basic_auth.ts'
import { OAuthError } from '../../oauth/error.ts'
import type { Parameters } from '../../oauth/parameters.ts'
import { hasControl, readForm, readJson, writeForm, writeJson } from '../../oauth/parameters.ts'
import type { Composite, Dialect, Encoding, GrantRule } from '../dialect.ts'
import type { WireRequest } from '../message.ts'

/** A token request in canonical words, whatever the wire said. */
export interface TokenRequest {
  readonly parameters: Parameters
  /** Credentials from `Authorization: Basic`, if they came that way. */
  readonly basic?: BasicCredentials
}

export interface TokenRequestReader {
  /** @throws OAuthError invalid_request or invalid_client for anything the dialect does not say. */
  read(request: WireRequest): TokenRequest
}

export interface TokenRequestWriter {
  /**
   * @param path where the request goes.
   * @throws TypeError if the dialect has no words for the request.
   */
  write(request: TokenRequest, path: string, encoding?: Encoding): WireRequest
}

export type TokenRequestCodec = TokenRequestReader & TokenRequestWriter

const CONTENT_TYPES: Readonly<Record<Encoding, string>> = { form: 'application/x-www-form-urlencoded', json: 'application/json' }

export function tokenRequestReader(dialect: Pick<Dialect, 'token_request'>): TokenRequestReader {
  const { encodings, parameters, composites, ignored, grants } = dialect.token_request
  const accepted = new Map(encodings.map((one) => [CONTENT_TYPES[one], one === 'form' ? readForm : readJson]))
  const canonicalName = new Map(Object.entries(parameters).map(([ours, wire]) => [wire, ours]))
  const plain = canonicalName.size === 0 && composites.length === 0 && ignored.length === 0 && grants.length === 0

  const toCanonical = (wire: Parameters): Parameters => {
    if (plain) return wire
    const named = new Map<string, string>()
    for (const [name, value] of wire) {
      if (!ignored.includes(name)) put(named, canonicalName.get(name) ?? name, value)
    }
    for (const composite of composites) split(named, composite)
    return withGrant(named, grants)
  }

  return {
    read(request) {
      const readBody = accepted.get(mediaType(request.headers['content-type']))
      if (!readBody) throw new OAuthError('invalid_request', `The Content-Type must be ${[...accepted.keys()].join(' or ')}.`)
      const canonical = toCanonical(readBody(request.body))
      const authorization = request.headers['authorization']
      const basic = authorization === undefined ? undefined : readBasicAuth(authorization)
      return basic ? { parameters: canonical, basic } : { parameters: canonical }
    },
  }
}

/** A token request in the standard's words and form: what a dialect makes of its own words, and all there is to do where it has none. */
export function postForm(parameters: Parameters, basic: BasicCredentials | undefined, path: string): WireRequest {
  return postBody('form', writeForm(parameters), basic, path)
}

export function tokenRequestWriter(dialect: Pick<Dialect, 'token_request'>): TokenRequestWriter {
  const { encodings, parameters, composites, grants } = dialect.token_request
  const wireName = new Map(Object.entries(parameters))
  return {
    write(request, path, encoding = encodings[0] ?? 'form') {
      const wire = new Map(writeGrant(request.parameters, grants))
      for (const composite of composites) join(wire, composite)
      const named = new Map([...wire].map(([name, value]) => [wireName.get(name) ?? name, value]))
      if (named.size !== wire.size) throw new TypeError('this dialect spells two of the parameters alike')
      return encoding === 'form' ? postForm(named, request.basic, path) : postBody('json', writeJson(named), request.basic, path)
    },
  }
}

function postBody(encoding: Encoding, body: string, basic: BasicCredentials | undefined, path: string): WireRequest {
  const headers: Record<string, string> = { 'content-type': CONTENT_TYPES[encoding], accept: 'application/json' }
  if (basic) headers['authorization'] = writeBasicAuth(basic)
  return { method: 'POST', path, headers, body }
}

function mediaType(field: string | undefined): string {
  if (field === undefined) return ''
  const end = field.indexOf(';')
  return (end < 0 ? field : field.slice(0, end)).trim().toLowerCase()
}

function put(parameters: Map<string, string>, name: string, value: string): void {
  if (parameters.has(name)) throw new OAuthError('invalid_request', `The parameter '${name}' is given twice, in two spellings.`)
  parameters.set(name, value)
}

function split(parameters: Map<string, string>, { parameter, encoding, members, separator }: Composite): void {
  const value = parameters.get(parameter)
  if (value === undefined) return
  parameters.delete(parameter)
  const text = encoding === 'base64' ? readBase64Text(value) : value
  const parts = text === undefined ? [] : partsOf(text, separator, members.length)
  if (parts.length < members.length) {
    throw new OAuthError(
      'invalid_request',
      `The parameter '${parameter}' must be ${encoding === 'base64' ? 'base64 of ' : ''}${members.join(separator)}.`,
    )
  }
  for (const [index, member] of members.entries()) {
    const part = parts[index] ?? ''
    if (part === '' || hasControl(part))
      throw new OAuthError('invalid_request', `The parameter '${parameter}' has an empty or unreadable ${member}.`)
    put(parameters, member, part)
  }
}

function join(parameters: Map<string, string>, { parameter, encoding, members, separator }: Composite): void {
  const values = members.map((member) => parameters.get(member))
  if (values.every((value) => value === undefined)) return
  const text = values.join(separator)
  const parts = partsOf(text, separator, members.length)
  for (const [index, value] of values.entries()) {
    if (!value || value !== parts[index]) throw new TypeError(`${members[index]} cannot be written into ${parameter}`)
  }
  for (const member of members) parameters.delete(member)
  if (parameters.has(parameter)) throw new TypeError(`${parameter} is made of ${members.join(', ')} and cannot be given besides`)
  parameters.set(parameter, encoding === 'base64' ? writeBase64Text(text) : text)
}

/** At most `count` parts: the last one keeps whatever separators are left. */
function partsOf(text: string, separator: string, count: number): readonly string[] {
  const parts = text.split(separator)
  return parts.length <= count ? parts : [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)]
}

function withGrant(parameters: Map<string, string>, grants: readonly GrantRule[]): Parameters {
  const written = parameters.get('grant_type')
  const fitting = fittingRule(written, parameters, grants)
  if (fitting) parameters.set('grant_type', fitting.is)
  else {
    const required = requiredRule(written, grants)
    if (required)
      throw new OAuthError('invalid_request', `This API's '${written}' needs ${required.needs.join(', ')} too; see its integration page.`)
  }
  return parameters
}

function fittingRule(written: string | undefined, parameters: Parameters, grants: readonly GrantRule[]): GrantRule | undefined {
  return grants.find((rule) => rule.grant_type === written && rule.needs.every((name) => parameters.has(name)))
}

function requiredRule(written: string | undefined, grants: readonly GrantRule[]): GrantRule | undefined {
  return grants.find((rule) => rule.required && rule.grant_type === written)
}

function writeGrant(parameters: Parameters, grants: readonly GrantRule[]): Parameters {
  const ours = parameters.get('grant_type')
  // A spelling will do only if the reader, whose first fitting rule decides, takes it for the same grant.
  const rule = grants.find((one) => one.is === ours && fittingRule(one.grant_type, parameters, grants)?.is === ours)
  if (rule) return new Map(parameters).set('grant_type', rule.grant_type)
  if (fittingRule(ours, parameters, grants) || requiredRule(ours, grants)) throw new TypeError(`this dialect has no words for ${ours}`)
  return parameters
}
