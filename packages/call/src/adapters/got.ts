// got: three hooks. Credentials are shown anew at each hop, where they belong; a redirect to elsewhere takes none along.
import { OriginNotAllowed } from '../errors.ts'
import type { Authorizer } from '../refused_token.ts'
import { createSecondTry, refusesToken } from '../refused_token.ts'

/** What these hooks touch of got's own types. */
export interface GotRequest {
  readonly url?: string | URL | undefined
  readonly method?: string | undefined
  readonly headers: Record<string, string | string[] | undefined>
}

export interface GotResponse {
  readonly statusCode: number
  readonly headers: { readonly 'www-authenticate'?: string | undefined }
  readonly request: { readonly options: GotRequest }
}

export interface GotOptions {
  readonly hooks: {
    readonly beforeRequest: ((request: GotRequest) => Promise<void>)[]
    readonly beforeRedirect: ((request: GotRequest, response: GotResponse) => void)[]
    readonly afterResponse: (<Response extends GotResponse>(
      response: Response,
      retry: (changes: Record<string, never>) => never,
    ) => Promise<Response>)[]
  }
}

/** `got.extend({ prefixUrl, ...gotOptions(client) })` */
export function gotOptions(client: Authorizer): GotOptions {
  const tries = createSecondTry(client)
  const redirected = new WeakSet<object>()
  /** Led here by another origin, or by one that such an origin led to: a stranger chose where to, so nothing is shown any more. */
  const strayed = new WeakSet<object>()
  const written = new Set<string>()
  /** The token that each request showed, by the header fields it went out with. */
  const shown = new WeakMap<object, string>()

  return {
    hooks: {
      beforeRequest: [
        async (request) => {
          if (strayed.has(request)) return
          try {
            const { accessToken, headers } = await tries.show(new URL(String(request.url)), request.method ?? 'GET')
            for (const [name, value] of Object.entries(headers)) {
              written.add(name)
              request.headers[name] = value
            }
            shown.set(request, accessToken)
          } catch (error) {
            // Whoever is redirected to elsewhere goes on alone.
            if (!(error instanceof OriginNotAllowed) || !redirected.has(request)) throw error
          }
        },
      ],
      beforeRedirect: [
        (request, response) => {
          redirected.add(request)
          if (!shown.has(response.request.options)) strayed.add(request)
          for (const name of written) request.headers[name] = undefined
        },
      ],
      afterResponse: [
        async (response, retry) => {
          const { options } = response.request
          const accessToken = shown.get(options)
          if (accessToken === undefined || !refusesToken(response.statusCode, response.headers['www-authenticate'])) return response
          if (!(await tries.giveUp(accessToken))) return response
          return retry({})
        },
      ],
    },
  }
}
