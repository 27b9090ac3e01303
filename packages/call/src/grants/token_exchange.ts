// The token exchange grant: a token for another one, for another API or in somebody's name. RFC 8693 section 2.1.
import { TOKEN_EXCHANGE } from '@countersign/protocol/oauth/grant_type'
import { ACCESS_TOKEN_TYPE } from '@countersign/protocol/oauth/token_response'
import type { Secret } from '../client_options.ts'
import { readSecret } from '../client_options.ts'
import type { GrantSource } from '../extensions.ts'
import { subjectShape } from '../grant_subject.ts'

export interface TokenExchangeOptions {
  /** The token to exchange, or where to get it: asked for before each exchange. All it ever gives are of one subject. */
  readonly subjectToken: Secret
  /** A URN of RFC 8693 section 3; default: an access token. */
  readonly subjectTokenType?: string
  /** Who acts for the subject. */
  readonly actorToken?: Secret
  readonly actorTokenType?: string
  readonly requestedTokenType?: string
  /**
   * A name for whose token it is, so that a cache finds the result again when the subject's token was renewed. Never the same for two
   * subjects. Default: the subject token itself, by its hash.
   */
  readonly subject?: string
}

/** One client for one subject: another subject's token never comes out of its cache. */
export function tokenExchange(options: TokenExchangeOptions): GrantSource {
  const { subjectToken, actorToken, requestedTokenType, subject } = options
  const subjectTokenType = options.subjectTokenType ?? ACCESS_TOKEN_TYPE
  const actorTokenType = options.actorTokenType ?? ACCESS_TOKEN_TYPE
  return {
    name: TOKEN_EXCHANGE,
    async shape() {
      const actor = actorToken === undefined ? [] : [actorTokenType, await subjectShape(undefined, actorToken, 'actorToken')]
      return [subjectTokenType, requestedTokenType ?? null, await subjectShape(subject, subjectToken, 'subjectToken'), ...actor]
    },
    async parameters({ asked }) {
      const named = new Map(asked).set('grant_type', TOKEN_EXCHANGE).set('subject_token', await readSecret(subjectToken, 'subjectToken'))
      named.set('subject_token_type', subjectTokenType)
      if (requestedTokenType !== undefined) named.set('requested_token_type', requestedTokenType)
      if (actorToken === undefined) return named
      return named.set('actor_token', await readSecret(actorToken, 'actorToken')).set('actor_token_type', actorTokenType)
    },
  }
}
