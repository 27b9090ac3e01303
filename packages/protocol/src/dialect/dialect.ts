// The Dialect document: how one provider's API spells OAuth, as JSON-serialisable data. check.ts holds documents to it;
// compile.ts turns one into codecs. Members are snake_case since the document itself travels.

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

export const ENDPOINT_NAMES = [
  'token',
  'authorization',
  'introspection',
  'revocation',
  'userinfo',
  'end_session',
  'jwks',
  'pem',
  'metadata',
] as const
export type EndpointName = (typeof ENDPOINT_NAMES)[number]

export type Encoding = 'form' | 'json'
export type WireClientAuth = 'client_secret_basic' | 'client_secret_post' | 'client_secret_jwt' | 'private_key_jwt' | 'none'

/** One parameter on the wire that holds several of ours: base64 of `username:password`. */
export interface Composite {
  readonly parameter: string
  readonly encoding: 'base64' | 'text'
  /** Canonical names, in order; the last one may contain the separator. */
  readonly members: readonly string[]
  readonly separator: string
}

/** Which grant a request really is. The first rule that fits decides. */
export interface GrantRule {
  /** `grant_type` as written. */
  readonly grant_type: string
  /** Canonical parameters that must be there for the rule to fit. */
  readonly needs: readonly string[]
  /** What it is at home. */
  readonly is: string
  /** With this `grant_type` and without those parameters: refused, instead of taken as written. */
  readonly required: boolean
}

export interface TokenRequestDialect {
  /** Accepted; the first is what a client writes. */
  readonly encodings: readonly Encoding[]
  /** Accepted; the first that needs a secret and nothing else is what a confidential client writes. */
  readonly client_auth: readonly WireClientAuth[]
  /** Canonical name to wire name, where they differ. */
  readonly parameters: Readonly<Record<string, string>>
  readonly composites: readonly Composite[]
  /** Wire names that may come and mean nothing. */
  readonly ignored: readonly string[]
  readonly grants: readonly GrantRule[]
}

export type TokenSource =
  | 'access_token'
  | 'token_type'
  | 'expires_in'
  | 'refresh_token'
  | 'refresh_expires_in'
  | 'scope'
  | 'issued_token_type'
export type ErrorSource = 'error' | 'error_description' | 'status'
export type ClaimSource = 'iss' | 'sub' | 'aud' | 'exp' | 'iat' | 'nbf' | 'jti' | 'client_id' | 'scope' | 'sid' | 'username' | 'grant_type'

/** One member of a JSON answer, in the order written: taken from `from`, or `constant`. */
export interface Member<Source extends string> {
  readonly name: string
  readonly from?: Source
  readonly constant?: Json
  /** Written where the source has nothing; without it the member is left out then. */
  readonly absent?: Json
  /** `text`: a number as a string; `list`: a scope as an array. */
  readonly as?: 'text' | 'list'
  /** `omit`: left out in a verbatim dialect; `only`: written only there. */
  readonly verbatim?: 'omit' | 'only'
}

export interface TokenResponseDialect {
  /** Member that holds the whole answer (`data`), or null. */
  readonly envelope: string | null
  readonly members: readonly Member<TokenSource>[]
}

export interface ErrorDialect {
  readonly envelope: string | null
  readonly members: readonly Member<ErrorSource>[]
  /** OAuth code to HTTP status, where it is not RFC 6749's. */
  readonly statuses: Readonly<Record<string, number>>
  /** OAuth code to the code written. One to one. */
  readonly codes: Readonly<Record<string, string>>
}

/** One way to carry a token or key: a header, with a scheme word before the value or alone. */
export interface Carrier {
  /** Lower case. */
  readonly header: string
  /** Compared without case; null: the bare value. */
  readonly scheme: string | null
}

export interface PresentationDialect {
  /** Accepted; the first is what a client writes. */
  readonly token: readonly Carrier[]
  /** The same for API keys; empty: this API has none. */
  readonly api_key: readonly Carrier[]
}

export interface ClaimMember {
  readonly name: string
  readonly from?: ClaimSource
  readonly constant?: Json
  /** Text with `{client_id}`, `{sub}`, `{username}`, `{sid}` replaced. */
  readonly template?: string
  /** Only in tokens of this kind of subject. */
  readonly subject?: 'client' | 'user'
}

export interface ClaimsDialect {
  /** JOSE header `typ` of access tokens. */
  readonly typ: 'at+jwt' | 'JWT'
  /** The issuer ends with a slash, where it is not configured. */
  readonly issuer_slash: boolean
  /** JWS algorithm of the family, where the realm names none. */
  readonly algorithm: string
  readonly members: readonly ClaimMember[]
}

export interface MetadataDialect {
  readonly omit: readonly string[]
  readonly constants: Readonly<Record<string, Json>>
  /** List members that the imitated provider writes as one space-joined string; done in a verbatim dialect only. */
  readonly space_joined: readonly string[]
}

export interface Dialect {
  /** `[a-z][a-z0-9-]*`, at most 64 characters. */
  readonly name: string
  /** True: to the letter of the imitated provider, even where that breaks strict clients. */
  readonly verbatim: boolean
  /** `absolute`: the paths hold `{realm}` themselves and stand alike on every host. */
  readonly mount: 'prefixed' | 'absolute'
  /** Paths; the first is canonical. `{realm}` and (pem only) `{kid}` are replaced. */
  readonly endpoints: Readonly<Partial<Record<EndpointName, readonly string[]>>> & { readonly token: readonly string[] }
  readonly token_request: TokenRequestDialect
  readonly token_response: TokenResponseDialect
  readonly error: ErrorDialect
  readonly presentation: PresentationDialect
  readonly claims: ClaimsDialect
  readonly metadata: MetadataDialect
}

/** What an operator may write: a whole document, or one that `extends` a built-in one and says only what differs. */
export type DialectDocument = { readonly extends?: string } & { readonly [Section in keyof Dialect]?: unknown }
