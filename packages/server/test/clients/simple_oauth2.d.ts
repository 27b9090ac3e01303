// The part of simple-oauth2 that the tests use; the package brings no types.
declare module 'simple-oauth2' {
  export interface ModuleOptions {
    readonly client: { readonly id: string; readonly secret?: string }
    readonly auth: { readonly tokenHost: string; readonly tokenPath: string; readonly revokePath: string }
    readonly options?: { readonly bodyFormat?: 'form' | 'json'; readonly authorizationMethod?: 'header' | 'body' }
  }

  export interface AccessToken {
    readonly token: Readonly<Record<string, unknown>>
    expired(expirationWindowSeconds?: number): boolean
    refresh(): Promise<AccessToken>
    revoke(tokenType: 'access_token' | 'refresh_token'): Promise<unknown>
    revokeAll(): Promise<void>
  }

  export class ClientCredentials {
    constructor(options: ModuleOptions)
    getToken(params: Readonly<Record<string, string>>): Promise<AccessToken>
  }

  export class ResourceOwnerPassword {
    constructor(options: ModuleOptions)
    getToken(params: Readonly<Record<string, string>>): Promise<AccessToken>
  }
}
