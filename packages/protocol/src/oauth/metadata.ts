// Authorization server metadata. RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3.

/** Members we know; others stay readable by name. All URLs absolute. */
export interface ServerMetadata {
  readonly issuer: string
  readonly token_endpoint: string
  readonly authorization_endpoint?: string
  readonly introspection_endpoint?: string
  readonly revocation_endpoint?: string
  readonly userinfo_endpoint?: string
  readonly end_session_endpoint?: string
  readonly jwks_uri?: string
  readonly grant_types_supported?: readonly string[]
  readonly token_endpoint_auth_methods_supported?: readonly string[]
  readonly scopes_supported?: readonly string[]
  readonly [name: string]: unknown
}
