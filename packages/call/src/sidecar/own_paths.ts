// The sidecar's own paths below /.sidecar/: health, quota, and the bare token where that was switched on.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Client } from '../client.ts'
import { HEALTH, OWN_PATHS } from './door.ts'
import { answerJson, tell } from './failure.ts'

export interface OwnPathsOptions {
  readonly client: Client
  /** Origin of the API. */
  readonly to: string
  readonly serveToken: boolean
  /** Epoch seconds. */
  readonly now: () => number
}

type Answer = (outgoing: ServerResponse) => Promise<void>

export function createOwnPaths({ client, to, serveToken, now }: OwnPathsOptions) {
  let failure: string | undefined
  client.on('failure', ({ error }) => {
    failure = error.code
  })
  client.on('token', () => {
    failure = undefined
  })
  const paths: ReadonlyMap<string, Answer> = new Map<string, Answer>([
    [
      HEALTH,
      async (outgoing) =>
        failure === undefined
          ? answerJson(outgoing, 200, { status: 'ok', to })
          : answerJson(outgoing, 503, { status: 'no_token', to, error: failure }),
    ],
    [
      `${OWN_PATHS}quota`,
      async (outgoing) => {
        const quota = await client.quota()
        if (quota) answerJson(outgoing, 200, quota)
        else
          tell(outgoing, {
            status: 404,
            code: 'quota_unknown',
            sentence: 'The provider has told of no quota yet: it may tell with the next token.',
          })
      },
    ],
    ...(serveToken ? [[`${OWN_PATHS}token`, (outgoing: ServerResponse) => answerToken(client, now, outgoing)] as const] : []),
  ])
  return async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const answer = paths.get(incoming.url ?? '')
    if (!answer)
      return tell(outgoing, {
        status: 404,
        code: 'not_found',
        sentence: `The sidecar has ${[...paths.keys()].join(', ')}; other paths are the API's.`,
      })
    if (incoming.method !== 'GET' && incoming.method !== 'HEAD')
      return tell(outgoing, { status: 405, code: 'method_not_allowed', sentence: 'The own paths of the sidecar are read with GET.' })
    return answer(outgoing)
  }
}

async function answerToken(client: Client, now: () => number, outgoing: ServerResponse): Promise<void> {
  const { accessToken, tokenType, expiresAt } = await client.token()
  const expiresIn = Math.max(0, Math.floor(expiresAt - now()))
  answerJson(outgoing, 200, { access_token: accessToken, token_type: tokenType, expires_in: expiresIn })
}
