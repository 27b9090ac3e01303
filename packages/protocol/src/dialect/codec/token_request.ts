// Token requests by the dialect's document: wire form to canonical parameters and back. RFC 6749 section 4, 6.
import { readBase64Text, writeBase64Text } from '../../oauth/base64.ts'
import { type BasicCredentials, readBasicAuth, writeBasicAuth } from '../../oauth/basic_auth.ts'
import { OAuthError } from '../../oauth/error.ts'
import { type Parameters, readForm, readJson, writeForm, writeJson } from '../../oauth/parameters.ts'
import type { Composite, Dialect, Encoding, GrantRule } from '../dialect.ts'
import type { WireRequest } from '../message.ts'

/** A token request in canonical words, whatever the wire said. */
export interface TokenRequest {
  readonly parameters: Parameters
  /** Credentials from `Authorization: Basic`, if they came that way. */
  readonly basic?: BasicCredentials
}

export interface TokenRequestCodec {
  /** @throws OAuthError invalid_request or invalid_client for anything the dialect does not say. */
  read(request: WireRequest): TokenRequest
  /**
   * @param path where the request goes.
   * @throws TypeError if the dialect has no words for the request.
   */
  write(request: TokenRequest, path: string, encoding?: Encoding): WireRequest
}

interface BodyCodec {
  readonly contentType: string
  readonly read: (body: string) => Parameters
  readonly write: (parameters: Parameters) => string
}

const BODY_CODECS: Readonly<Record<Encoding, BodyCodec>> = {
  form: { contentType: 'application/x-www-form-urlencoded', read: readForm, write: writeForm },
  json: { contentType: 'application/json', read: readJson, write: writeJson },
}

export function tokenRequestCodec(dialect: Dialect): TokenRequestCodec {
  const { encodings, parameters, composites, ignored, grants } = dialect.token_request
  const accepted = new Map(encodings.map((one) => [BODY_CODECS[one].contentType, BODY_CODECS[one]]))
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
      const body = accepted.get(mediaType(request.headers['content-type']))
      if (!body) throw new OAuthError('invalid_request', `The Content-Type must be ${[...accepted.keys()].join(' or ')}.`)
      const canonical = toCanonical(body.read(request.body))
      const authorization = request.headers['authorization']
      const basic = authorization === undefined ? undefined : readBasicAuth(authorization)
      return basic ? { parameters: canonical, basic } : { parameters: canonical }
    },
    write(request, path, encoding = encodings[0] ?? 'form') {
      const body = BODY_CODECS[encoding]
      const wire = new Map(writeGrant(request.parameters, grants))
      for (const composite of composites) join(wire, composite)
      const named = new Map([...wire].map(([name, value]) => [parameters[name] ?? name, value]))
      const headers: Record<string, string> = { 'content-type': body.contentType, accept: 'application/json' }
      if (request.basic) headers['authorization'] = writeBasicAuth(request.basic)
      return { method: 'POST', path, headers, body: body.write(named) }
    },
  }
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
  const parts = text?.split(separator) ?? []
  if (parts.length < members.length) {
    throw new OAuthError('invalid_request', `The parameter '${parameter}' must be ${encoding === 'base64' ? 'base64 of ' : ''}${members.join(separator)}.`)
  }
  const last = members.length - 1
  for (const [index, member] of members.entries()) {
    const part = index === last ? parts.slice(last).join(separator) : (parts[index] ?? '')
    if (part === '' || hasControl(part)) throw new OAuthError('invalid_request', `The parameter '${parameter}' has an empty or unreadable ${member}.`)
    put(parameters, member, part)
  }
}

function join(parameters: Map<string, string>, { parameter, encoding, members, separator }: Composite): void {
  const values = members.map((member) => parameters.get(member))
  if (values.every((value) => value === undefined)) return
  const parts = values.map((value, index) => {
    const ambiguous = index < members.length - 1 && value?.includes(separator)
    if (!value || ambiguous) throw new TypeError(`${members[index]} cannot be written into ${parameter}`)
    return value
  })
  for (const member of members) parameters.delete(member)
  const text = parts.join(separator)
  parameters.set(parameter, encoding === 'base64' ? writeBase64Text(text) : text)
}

function withGrant(parameters: Map<string, string>, grants: readonly GrantRule[]): Parameters {
  const written = parameters.get('grant_type')
  const rules = grants.filter((rule) => rule.grant_type === written)
  const fitting = rules.find((rule) => rule.needs.every((name) => parameters.has(name)))
  if (fitting) parameters.set('grant_type', fitting.is)
  else if (rules.some((rule) => rule.required)) {
    throw new OAuthError('invalid_request', `This API's '${written}' needs the user's credentials too; see its integration page.`)
  }
  return parameters
}

function writeGrant(parameters: Parameters, grants: readonly GrantRule[]): Parameters {
  const ours = parameters.get('grant_type')
  const rule = grants.find((one) => one.is === ours && one.needs.every((name) => parameters.has(name)))
  if (rule) return new Map(parameters).set('grant_type', rule.grant_type)
  if (grants.some((one) => one.required && one.grant_type === ours)) throw new TypeError(`this dialect has no words for ${ours}`)
  return parameters
}

function hasControl(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return /[\u0000-\u001f\u007f]/.test(text)
}
